"""Comparing images (section 3.5): cosine, the uncertainty-guided score (16), its variances, and templates."""

import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache

import torch
import torch.nn.functional as F
from torch import Tensor

from salon.model.embedding import Embedding, expect_shape
from salon.model.network import Recogniser, evaluating
from salon.text import SalonError

TILE = (250, 500)  # rows and columns whose scores stay in a core's cache
PEOPLE, IMAGES = 24, 4  # of a batch of `fit_variances`


def _variances(*embeddings: Embedding) -> Iterator[Tensor]:
    for embedding in embeddings:
        if embedding.variances is None:
            raise SalonError("The embedding has no variances; expected fitted ones. First fit_variances.")
        yield embedding.variances


def _expect_alike(a: Embedding, b: Embedding) -> None:
    if (a.K, a.d) != (b.K, b.d):
        raise SalonError(
            f"The embeddings have K = {a.K}, d = {a.d} and K = {b.K}, d = {b.d}; expected equal ones. "
            "Compare images that the same model has embedded."
        )


def cosine_pairs(a: Embedding, b: Embedding) -> Tensor:
    """Cosine of row i of `a` with row i of `b`, the mean over sub-embeddings; returns [B] in -1..1."""
    _expect_alike(a, b)
    return (a.flat * b.flat).sum(1) / a.K


def cosine_scores(a: Embedding, b: Embedding) -> Tensor:
    """Cosine of every image of `a` with every one of `b`; returns [A, B] in -1..1."""
    _expect_alike(a, b)
    return a.flat @ b.flat.T / a.K


def likelihood_pairs(a: Embedding, b: Embedding) -> Tensor:
    """Score (16) of row i of `a` with row i of `b`; higher is more alike; returns [B].

        -1/2 Σ_k ‖f_a^(k) - f_b^(k)‖² / v_k  -  d/2 Σ_k log v_k,   v_k = σ_a^(k)² + σ_b^(k)²

    It is PFE's mutual likelihood score with one variance for each sub-embedding, less a constant.
    """
    _expect_alike(a, b)
    v = torch.add(*_variances(a, b))  # [B, K]
    distance = (a.features - b.features).square().sum(-1)  # [B, K]
    return -0.5 * (distance / v + a.d * v.log()).sum(1)


@torch.no_grad()
def likelihood_scores(a: Embedding, b: Embedding, compile: bool = False) -> Tensor:
    """Score (16) of every image of `a` with every one of `b`; returns [A, B]. No gradient.

    Differences of all pairs would fill [A, B, K, d]; K matrix products on small tiles need only [A, B].
    `compile` pays from some thousands of images on and needs a C++ compiler (`SalonError` without one).
    """
    _expect_alike(a, b)
    v_a, v_b = _variances(a, b)
    if not a.B or not b.B:
        return a.features.new_empty(a.B, b.B)
    least, most = v_a.min() + v_b.min(), v_a.max() + v_b.max()
    halvings = _halvings(float((most / least).log()), a.K, a.features.dtype)
    unit, score = (least * most).sqrt(), _compiled_tile() if compile else _score_tile
    scores = a.features.new_empty(a.B, b.B)
    columns = [(c, torch.cat((-g, one, h), 2), v) for c, g, h, one, v in _tiles(b, TILE[1], unit, compile)]
    buffer = scores.new_empty(a.K, *TILE)  # used again and again: new memory costs as much as the product
    for r, f, h, one, u in _tiles(a, TILE[0], unit, compile):
        f = torch.cat((f, h, one), 2)
        for c, g, v in columns:
            half_squares = buffer[:, : f.shape[1], : g.shape[1]]
            torch.bmm(f, g.transpose(1, 2), out=half_squares)  # ‖f‖²/2 + ‖g‖²/2 - f·g
            block = scores[r, c]
            block.copy_(score(half_squares, u, v, a.d, halvings)[: block.shape[0], : block.shape[1]])
    return scores.sub_(a.K * a.d / 2 * unit.log())


def _tiles(
    e: Embedding, size: int, unit: Tensor, pad: bool
) -> Iterator[tuple[slice, Tensor, Tensor, Tensor, Tensor]]:
    """Rows of each tile, features f [K, size, d], ‖f‖²/2 and ones [K, size, 1], and variances [K, size].

    They are measured so that `unit` is variance 1. `pad` fills up the last one: compiled code knows one size.
    """
    for i in range(0, e.B, size):
        part = e[i : i + size]
        short = size - part.B if pad else 0
        f = F.pad(part.features / unit.sqrt(), (0, 0, 0, 0, 0, short)).transpose(0, 1)
        (variances,) = _variances(part)
        variances = F.pad(variances / unit, (0, 0, 0, short), value=1.0).T.contiguous()
        half = f.square().sum(2, keepdim=True) / 2
        yield slice(i, i + part.B), f, half, torch.ones_like(half), variances


def _score_tile(half_squares: Tensor, u: Tensor, v: Tensor, d: int, halvings: int) -> Tensor:
    """(16) from ‖f_k - g_k‖²/2 [K, A, B] and the variances u [K, A] and v [K, B]; returns [A, B].

    A division or a logarithm costs as much as ten products. So fractions are added in pairs, `halvings` times:

        n/v + n'/v' = (n v' + n' v) / (v v'),   log v + log v' = log (v v')
    """
    fractions = list(zip(half_squares, u[:, :, None] + v[:, None], strict=True))
    for _ in range(halvings):
        pairs = zip(fractions[::2], fractions[1::2], strict=False)
        odd = fractions[len(fractions) // 2 * 2 :]
        fractions = [(n * w + m * v, v * w) for (n, v), (m, w) in pairs] + odd
    return -sum(n / v + d / 2 * v.log() for n, v in fractions)


def _halvings(spread: float, K: int, dtype: torch.dtype) -> int:
    """How often fractions can be paired: products of 2^h variances in exp(±spread/2) stay in the range of `dtype`."""
    room = 0.9 * math.log(torch.finfo(dtype).max)  # the rest is for the numerators
    return max(0, min(math.ceil(math.log2(K)), int(math.log2(room / max(spread / 2, 1e-3)))))


@cache
def _compiled_tile() -> Callable[..., Tensor]:
    if not any(map(shutil.which, ("c++", "g++", "clang++"))):
        raise SalonError("No C++ compiler (c++, g++ or clang++); compile=True needs one. Leave it at False.")
    return torch.compile(_score_tile, dynamic=False)


def likelihood_loss(embedding: Embedding, labels: Tensor) -> Tensor:
    """PFE's loss (its (11)): minus the mean score (16) of all genuine pairs of the batch; a scalar.

    Impostors play no part, so with free features it would collapse: fit variances alone with it.
    Raises `SalonError` if no two images have the same label.
    """
    expect_shape("labels", labels, (embedding.B,))
    i, j = torch.triu(labels[:, None] == labels[None, :], diagonal=1).nonzero(as_tuple=True)
    if not len(i):
        raise SalonError("No two images show one person; expected genuine pairs. Give several of each.")
    return -likelihood_pairs(embedding[i], embedding[j]).mean()


def fuse(
    embedding: Embedding, groups: Tensor, names: Tensor | None = None, missing: str = "raise"
) -> Embedding:
    """One template for each group of images, in the order of the sorted labels; [B] labels -> T templates.

    Mean weighted by 1/σ² (by the confidences where none is fitted), each sub-embedding normalised again.
    Frames are not independent, so a template is as sure as its best image: least σ², highest confidence.

    `names`: the labels wanted, rising [T] (otherwise those in `groups`). For one without an image, `missing`
    is "raise" (a `SalonError`), "drop" (no template), or "zero": feature 0, variance and confidence 1.
    """
    expect_shape("groups", groups, (embedding.B,))
    names = groups.unique() if names is None else _wanted(names, groups, missing)
    embedding, groups = embedding[torch.isin(groups, names)], groups[torch.isin(groups, names)]
    rows = torch.searchsorted(names, groups)
    weights = embedding.confidences if embedding.variances is None else 1 / embedding.variances  # [B, K]
    sums = embedding.features.new_zeros(len(names), embedding.K, embedding.d)
    sums = sums.index_add(0, rows, weights[..., None] * embedding.features)  # [T, K, d]

    def best(x: Tensor, rule: str) -> Tensor:
        index = rows[:, None].expand_as(x)
        return x.new_ones(len(names), embedding.K).scatter_reduce(0, index, x, rule, include_self=False)

    variances = None if embedding.variances is None else best(embedding.variances, "amin")
    return Embedding(F.normalize(sums, dim=-1), best(embedding.confidences, "amax"), variances)


def _wanted(names: Tensor, groups: Tensor, missing: str) -> Tensor:
    """The labels to make templates of, by the rule for those without an image."""
    if missing not in ("raise", "zero", "drop") or not (names[1:] > names[:-1]).all():
        raise SalonError(
            f"Names {names.tolist()[:8]} with missing={missing!r} came; expected rising labels, each once, and "
            "'raise', 'zero' or 'drop'. Sort the names: names.unique()."
        )
    found = torch.isin(names, groups)
    if missing == "raise" and not found.all():
        raise SalonError(
            f"No image shows {names[~found].tolist()[:8]}; expected one or more of each name. "
            "Leave these names out, or say missing='zero' or 'drop'."
        )
    return names[found] if missing == "drop" else names


def _genuine_batches(labels: Tensor, steps: int, generator: torch.Generator) -> Iterator[Tensor]:
    """Image indices of `steps` batches, each of some people with up to four of their images."""
    people = [(labels == person).nonzero().squeeze(1) for person in labels.unique()]
    people = [images for images in people if len(images) > 1]
    if not people:
        raise SalonError("No person has two images; expected genuine pairs. Give several images of each.")
    for _ in range(steps):
        chosen = torch.randperm(len(people), generator=generator)[:PEOPLE].tolist()
        shuffled = [people[p][torch.randperm(len(people[p]), generator=generator)] for p in chosen]
        yield torch.cat([images[:IMAGES] for images in shuffled])


def _trunk_features(recogniser: Recogniser, images: Tensor, batch: int = 256) -> tuple[Tensor, Embedding]:
    """Backbone features [V, n, C] of V views (plain and, if the spec flips, mirrored) and their embedding."""
    trunks, parts = [], []
    with evaluating(recogniser):
        for chunk in images.split(batch):
            trunks.append(torch.stack([recogniser.trunk(view) for view in recogniser.spec.views(chunk)]))
            parts.append(Embedding.fuse_views([recogniser.heads(trunk) for trunk in trunks[-1]]))
    return torch.cat(trunks, dim=1), Embedding.cat(parts)


def fit_variances(
    recogniser: Recogniser,
    images: Tensor,
    labels: Tensor,
    steps: int = 250,
    seed: int = 0,
    floor: bool = True,
) -> None:
    """Fit the variance head on genuine pairs with PFE's loss; everything else stays as it is.

    `images` [n, 3, H, W] in 0..1 should be of the mixed quality that will be met, `labels` [n] say who it is.
    The backbone sees each image once. A sub-embedding that is nearly the same for all people gets a
    small variance, since genuine pairs cannot show that it tells nobody apart: `floor` mends that.
    Raises `SalonError` if no person has two images, and with `floor` if there is one person only.
    """
    expect_shape("labels", labels, (len(images),))
    generator = torch.Generator().manual_seed(seed)
    trunks, embedding = _trunk_features(recogniser, images)
    head = recogniser.variance_head.train()
    head.floor.zero_()
    optimiser = torch.optim.Adam(head.parameters(), lr=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, max(steps, 1))
    for rows in _genuine_batches(labels.cpu(), steps, generator):
        variances = head(trunks[:, rows].flatten(0, 1)).unflatten(0, (len(trunks), -1)).mean(0)
        part = embedding[rows]
        loss = likelihood_loss(Embedding(part.features, part.confidences, variances), labels[rows])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    head.train(recogniser.training)
    recogniser.variances_fitted.fill_(True)
    if floor:
        with evaluating(head):
            variances = torch.stack([head(trunk) for trunk in trunks]).mean(0)
        head.floor.copy_(variance_floor(replace(embedding, variances=variances), labels))


def variance_floor(embedding: Embedding, labels: Tensor) -> Tensor:
    """What to add to the variances of each sub-embedding so that one which tells nobody apart is not trusted; [K].

        floor_k = σ_k² ρ_k / (1 - ρ_k),   ρ_k = g_k / i_k

    σ_k² is the mean fitted variance, g_k and i_k the mean ‖f^(k) - f'^(k)‖² of genuine and of impostor pairs.
    (16) asks how likely a pair is if genuine; the ratio to how likely it is if not has 1/v - 1/(v/ρ) for 1/v,
    that is v / (1 - ρ). At ρ = 1 the sub-embedding drops out. Our own remedy, not the paper's.
    Raises `SalonError` unless there are both genuine and impostor pairs.
    """
    (variances,) = _variances(embedding)
    people, rows = labels.unique(return_inverse=True)
    f, counts = embedding.features.double(), rows.bincount()
    sums = f.new_zeros(len(people), embedding.K, embedding.d).index_add(0, rows, f)
    same, every = int(counts.square().sum()), len(labels) ** 2  # pairs, an image's with itself among them
    if not len(labels) < same < every:
        raise SalonError("Genuine and impostor pairs are both needed; give several images of several people.")
    within = 2 * same - 2 * sums.square().sum((0, 2))  # Σ ‖f - f'‖² of genuine pairs, as ‖f‖ = 1; [K]
    across = 2 * every - 2 * sums.sum(0).square().sum(1) - within
    g, i = within / (same - len(labels)), across / (every - same)
    rho = ((g + 1e-9) / (i + 1e-9)).clamp(max=0.999)  # a constant has g = i = 0
    return (variances.mean(0) * rho / (1 - rho)).to(variances)
