"""Searching a large gallery in bounded memory: scores come in blocks, ranks by counting, TAR@FAR by a running top-n."""

import math
import shutil
from collections.abc import Callable, Iterator, Sequence
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from salon.evaluation.protocols import outranking
from salon.model.embedding import Embedding, expect_alike, expect_shape
from salon.model.matching import cosine_scores
from salon.words import SalonError

Scores = Callable[[Embedding, Embedding], Tensor]  # cosine_scores or likelihood_tiles; higher is more alike
ROWS, COLUMNS = 4_000, 10_000  # such a block takes 160 MB in float32
TILE = (250, 500)  # rows and columns of (16) whose numbers stay near the processor


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
        above[r] += outranking(block, probe_labels[r, None] == gallery_labels[c], best[r])
    return torch.where(best.isfinite(), 1 + above, 0)


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


@torch.no_grad()
def likelihood_tiles(a: Embedding, b: Embedding, compile: bool = False) -> Tensor:
    """`likelihood_scores` for those who score millions, several times as fast: in tiles that stay near the processor.

    Score (16) of every image of `a` with every one of `b`; returns [A, B]. No gradient.
    `compile` pays from some thousands of images on and needs a C++ compiler (`SalonError` without one).
    """
    expect_alike(a, b)
    v_a, v_b = a.fitted, b.fitted
    scores = a.features.new_empty(a.B, b.B)
    if not scores.numel():
        return scores
    least, most = v_a.min() + v_b.min(), v_a.max() + v_b.max()
    unit, pairings = (least * most).sqrt(), _pairings(float((most / least).log()), a.K, a.features.dtype)
    (height, width), score = TILE, _compiled_tile() if compile else _score_tile
    columns = list(_tiles(b, width, unit, True, compile))
    for r, f, u in _tiles(a, height, unit, False, compile):
        for c, g, v in columns:
            block = scores[r, c]
            block.copy_(score(f, g, u[:, :, None], v[:, None], a.d, pairings)[: block.shape[0], : block.shape[1]])
    return scores.sub_(a.K * a.d / 2 * unit.log())


def _tiles(e: Embedding, size: int, unit: Tensor, columns: bool, pad: bool) -> Iterator[tuple[slice, Tensor, Tensor]]:
    """Rows of each tile, features [K', size, d + 2] and variances [K', size], measured so that `unit` is variance 1.

    Two more numbers make the product of a row's and a column's features ‖f - g‖²/2. K' is the next power of 2:
    sub-embeddings of 0 with variance 1/2 add nothing. `pad` fills up the last tile: compiled code knows one size.
    """
    more = 2 ** math.ceil(math.log2(e.K)) - e.K
    for i in range(0, e.B, size):
        part = e[i : i + size]
        short = size - part.B if pad else 0
        f = F.pad(part.features / unit.sqrt(), (0, 0, 0, more, 0, short))
        half, one = f.square().sum(2, keepdim=True) / 2, torch.ones_like(f[:, :, :1])
        f = torch.cat((-f, one, half) if columns else (f, half, one), 2)
        variances = F.pad(part.fitted / unit, (0, more, 0, short), value=0.5)
        yield slice(i, i + part.B), f.transpose(0, 1).contiguous(), variances.T.contiguous()


def _score_tile(f: Tensor, g: Tensor, u: Tensor, v: Tensor, d: int, pairings: int) -> Tensor:
    """(16) of a tile's f [K', A, d + 2] with variances u [K', A, 1] and g [K', B, d + 2] with v [K', 1, B]; [A, B].

    A division or a logarithm costs as much as ten products. So two fractions become one, `pairings` times:

        n/w + n'/w' = (n w' + n' w) / (w w'),   log w + log w' = log (w w')
    """
    n, w = f @ g.transpose(1, 2), u + v  # ‖f - g‖²/2 and the sum of the variances, [K', A, B]
    for _ in range(pairings):
        (n, other), (w, beside) = n.chunk(2), w.chunk(2)
        n = n.mul_(beside).addcmul_(other, w)  # in place: new memory costs as much as the product
        w = w.mul_(beside)
    return w.log().mul_(-d / 2).sub_(n.div_(w)).sum(0)


def _score_planes(f: Tensor, g: Tensor, u: Tensor, v: Tensor, d: int, pairings: int) -> Tensor:
    """The same plane by plane, from which a compiler makes one pass over memory."""
    fractions = list(zip(f @ g.transpose(1, 2), u + v, strict=True))
    for _ in range(pairings):
        half = len(fractions) // 2
        both = zip(fractions[:half], fractions[half:], strict=True)
        fractions = [(n * beside + other * w, w * beside) for (n, w), (other, beside) in both]
    return -sum(n / w + d / 2 * w.log() for n, w in fractions)


def _pairings(spread: float, K: int, dtype: torch.dtype) -> int:
    """How often fractions can be paired: products of 2^p variances in exp(±spread/2) stay in the range of `dtype`."""
    room = 0.9 * math.log(torch.finfo(dtype).max)  # the rest is for the numerators
    return max(0, min(math.ceil(math.log2(K)), int(math.log2(room / max(spread / 2, 1e-3)))))


@cache
def _compiled_tile() -> Callable[..., Tensor]:
    if not any(map(shutil.which, ("c++", "g++", "clang++"))):
        raise SalonError("No C++ compiler (c++, g++ or clang++); compile=True needs one. Leave it at False.")
    return torch.compile(_score_planes, dynamic=False)


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
        raise SalonError("Scores are NaN or infinite; expected numbers. Look for features that are not finite.")
    return block
