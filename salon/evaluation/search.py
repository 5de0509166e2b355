"""Searching a large gallery in bounded memory: scores come in blocks, ranks by counting, TAR@FAR by a running top-n."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from salon.model.embedding import Embedding, expect_shape
from salon.model.matching import cosine_scores
from salon.words import SalonError

Scores = Callable[[Embedding, Embedding], Tensor]  # cosine_scores or likelihood_scores; higher is more alike
ROWS, COLUMNS = 4_000, 10_000  # such a block takes 160 MB in float32


def score_blocks(
    a: Embedding, b: Embedding, scores: Scores = cosine_scores, rows: int = ROWS, columns: int = COLUMNS
) -> Iterator[tuple[slice, slice, Tensor]]:
    """All scores of `a` against `b` as (rows of `a`, columns of `b`, block [rows, columns]), one at a time.

    Raises `SalonError` unless `rows` and `columns` are 1 at least, and for scores that are not finite.
    """
    for r, c in _blocks(a, b, rows, columns):
        yield r, c, _finite(scores(a[r], b[c]))


@torch.no_grad()
def mate_ranks(
    probes: Embedding, gallery: Embedding, probe_labels: Tensor, gallery_labels: Tensor,
    scores: Scores = cosine_scores, rows: int = ROWS, columns: int = COLUMNS,
) -> Tensor:  # fmt: skip
    """Rank of each probe's best mate, whole numbers [P]; 0 where nobody of its label is enrolled.

    1 + the number of other people's images that score at least as high (a tie counts against the probe):
    counted, not sorted. First come the blocks that hold mates, then all: 1 M distractors are scored once.
    `probe_labels` [P], `gallery_labels` [G]. Raises `SalonError` as `score_blocks`.
    """
    _expect_labels(probes, gallery, probe_labels, gallery_labels)
    best = probes.features.new_full((probes.B,), -torch.inf)
    for r, c in _blocks(probes, gallery, rows, columns):
        mated = probe_labels[r, None] == gallery_labels[c]
        if mated.any():
            block = _finite(scores(probes[r], gallery[c]))
            best[r] = best[r].maximum(block.masked_fill_(~mated, -torch.inf).amax(1))
    above = torch.zeros_like(probe_labels, dtype=torch.long)
    for r, c, block in score_blocks(probes, gallery, scores, rows, columns):
        block.masked_fill_(probe_labels[r, None] == gallery_labels[c], -torch.inf)
        above[r] += (block >= best[r, None]).sum(1)
    return torch.where(best.isfinite(), 1 + above, 0)


def rank_k(ranks: Tensor, k: int = 1) -> float:
    """Closed-set identification: the share of probes with a mate whose rank is `k` or better; `ranks` [P].

    Raises `SalonError` if no probe has a mate or k < 1.
    """
    mated = ranks[ranks > 0]
    if not len(mated) or k < 1:
        raise SalonError(f"{len(mated)} probes have a mate, k = {k}; expected 1 or more. Enrol their people.")
    return float((mated <= k).double().mean())


@torch.no_grad()
def tar_at_far_streamed(
    a: Embedding, b: Embedding, labels_a: Tensor, labels_b: Tensor, fars: Sequence[float],
    scores: Scores = cosine_scores, rows: int = ROWS, columns: int = COLUMNS,
) -> tuple[dict[float, float], int]:  # fmt: skip
    """True accept rate at each false accept rate of all pairs [A, B], and the number of impostor pairs.

    n = round(far · impostors) false accepts are allowed; accepted is what scores strictly above the (n+1)-th
    highest impostor. Kept are the genuine scores and the highest impostors, as many as the laxest `far` needs.
    Raises `SalonError` without genuine pairs, and where a `far` allows less than one false accept, or more than all.
    """
    _expect_labels(a, b, labels_a, labels_b)
    impostors = a.B * b.B - sum(int((labels_b == x).sum()) for x in labels_a.tolist())
    allowed = {far: round(far * impostors) for far in fars}
    if impostors == a.B * b.B or not all(1 <= n <= impostors for n in allowed.values()):
        raise SalonError(
            f"FAR = {list(fars)} was asked of {impostors} impostor and {a.B * b.B - impostors} genuine pairs; "
            "expected one genuine pair, and one false accept at least, all at most. Give more pairs or a laxer FAR."
        )
    keep, genuine, top = max(allowed.values()) + 1, [], a.features.new_empty(0)
    for r, c, block in score_blocks(a, b, scores, rows, columns):
        same = labels_a[r, None] == labels_b[c]
        genuine.append(block[same])
        enters = ~same if len(top) < keep else ~same & (block > top[-1])
        candidates = torch.cat([top, block[enters]])
        top = candidates.topk(min(keep, len(candidates))).values  # in falling order
    accepted = torch.cat(genuine)
    limits = {far: top[n] if n < impostors else -torch.inf for far, n in allowed.items()}
    return {far: float((accepted > limit).double().mean()) for far, limit in limits.items()}, impostors


def memory_estimate(B: int, N: int, D: int, bytes: int = 4) -> int:
    """Bytes that the class layer of N identities takes in training: 3·|W| + 2·|logits|, activations aside.

    W [N, D] comes with its gradient and the optimiser's momentum, the logits [B, N] with their gradient;
    `bytes` of one number: 4 in float32.
    """
    return bytes * (3 * N * D + 2 * B * N)


def _blocks(a: Embedding, b: Embedding, rows: int, columns: int) -> Iterator[tuple[slice, slice]]:
    """Rows of `a` and columns of `b` of each block; the rows of a column of blocks come first."""
    if min(rows, columns) < 1:
        raise SalonError(f"Blocks of {rows} × {columns} were asked for; expected 1 × 1 at least.")
    for j in range(0, b.B, columns):
        for i in range(0, a.B, rows):
            yield slice(i, min(i + rows, a.B)), slice(j, min(j + columns, b.B))


def _expect_labels(a: Embedding, b: Embedding, labels_a: Tensor, labels_b: Tensor) -> None:
    expect_shape("labels of the rows", labels_a, (a.B,))
    expect_shape("labels of the columns", labels_b, (b.B,))


def _finite(block: Tensor) -> Tensor:
    """`block` itself: a NaN would be no number's better, and so raise every rank."""
    if not block.sum().isfinite():
        raise SalonError(
            "Scores are NaN or infinite; expected numbers. Look for features that are not finite."
        )
    return block
