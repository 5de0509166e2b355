"""Measures that only the experiments ask for: open-set identification, the whole CMC, error against rejection."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from salon.evaluation.protocols import (
    Array,
    closed_ranks,
    exceeded_by,
    mate_ranks,
    score_table,
    score_vector,
    tar_at_far,
)
from salon.words import SalonError


def cmc(scores: ArrayLike, probe_ids: ArrayLike, gallery_ids: ArrayLike, k: int) -> Array:
    """The cumulative match characteristic: the share of probes whose person is among the best 1, 2 … k, [k].

    Ranks are those of `mate_ranks`; `scores` [P, G].  Raises `SalonError` for NaN, uneven input, k < 1 and a probe
    whose person is not in the gallery (closed set).

    >>> cmc([[.9, .1], [.8, .7]], probe_ids=["ann", "bo"], gallery_ids=["ann", "bo"], k=2)
    array([0.5, 1. ])
    """
    ranks = closed_ranks(scores, probe_ids, gallery_ids, k)
    return (ranks[:, None] <= np.arange(1, k + 1)).mean(0)


def detection_identification_rate(
    scores: ArrayLike, probe_ids: ArrayLike, gallery_ids: ArrayLike, threshold: float, k: int = 1
) -> float:
    """Open-set identification: the share of mated probes of rank ≤ k whose best mate scores ≥ threshold (TPIR).

    Ranks are those of `mate_ranks`, so a tie with another person is a miss.  Raises `SalonError` for NaN, uneven
    input, k < 1 and where no probe is mated.

    >>> detection_identification_rate([[.9, .1], [.2, .3], [.5, .6]], ["ann", "bo", "cy"], ["ann", "bo"], .5)
    0.5
    """
    ranks, (table, mated) = mate_ranks(scores, probe_ids, gallery_ids), score_table(scores, probe_ids, gallery_ids)
    if not ranks.any() or k < 1:
        raise SalonError(f"{np.sum(ranks > 0)} mated probes, k = {k}; expected 1 or more. Enrol their people.")
    best = np.where(mated, table, -np.inf).max(1)
    return float(((ranks <= k) & (best >= threshold))[ranks > 0].mean())


def _non_mated_best(scores: ArrayLike, probe_ids: ArrayLike, gallery_ids: ArrayLike) -> Array:
    """The highest gallery score of each probe whose person is not enrolled."""
    table, mated = score_table(scores, probe_ids, gallery_ids)
    return table[~mated.any(1)].max(1)


def tpir_at_fpir(
    scores: ArrayLike, probe_ids: ArrayLike, gallery_ids: ArrayLike, fpir: float, k: int = 1
) -> tuple[float, int]:
    """Open-set identification at a false positive identification rate: (TPIR, number of non-mated probes).

    n = int(fpir · non-mated probes) false alarms are allowed; accepted is what scores strictly above the (n+1)-th
    highest of these probes' maximum gallery scores, so with ties fewer pass, never more.  TPIR is the
    `detection_identification_rate` there.  Raises `SalonError` as that does, and where n is less than one.

    >>> tpir_at_fpir([[.9, .1], [.2, .3], [.5, .1], [.1, .4]], ["ann", "bo", "cy", "di"], ["ann", "bo"], fpir=.5)
    (0.5, 2)
    """
    best = _non_mated_best(scores, probe_ids, gallery_ids)
    allowed = _at_most(fpir, len(best)) if np.isfinite(fpir) else 0
    threshold = exceeded_by(allowed, best, f"FPIR = {fpir:g}", "non-mated probe")
    above = float(np.nextafter(threshold, np.inf))
    return detection_identification_rate(scores, probe_ids, gallery_ids, above, k), len(best)


def error_versus_reject(
    scores: ArrayLike, same: ArrayLike, qualities: Sequence[ArrayLike], shares: ArrayLike, far: float
) -> tuple[Array, Array, NDArray[np.int64]]:
    """1 - TAR@FAR of the pairs that remain as the images of lowest quality are rejected, at each share of images.

    `scores` and `same` are [n] or [P, G]; `qualities` (higher is better) are one or two arrays that broadcast to
    them: those of both images of a pair, as (probes[:, None], gallery), or of one alone.  A pair is worth as
    much as the worse of its images.  At most `shares` (0 ≤ share < 1) of all qualities given are rejected, and none
    of several that tie unless all: constant qualities reject nobody.  The threshold is set anew on what
    remains, for unrecognisable faces cause false matches too.  Returns (share that was rejected, error,
    impostor pairs left), each [S].  Raises `SalonError` as `tar_at_far`, and for uneven or NaN input.

    >>> rejected, error, impostors = error_versus_reject(
    ...     scores=[.9, .2, .6, .3], same=[1, 1, 0, 0], qualities=[[5, 1, 4, 3]], shares=[0, .25], far=.5)
    >>> print(rejected, error, impostors)
    [0.   0.25] [0.5 0. ] [2 2]
    """
    scores, same, shares = np.asarray(scores, float), np.asarray(same, bool), score_vector("shares", shares)
    if same.shape != scores.shape or shares.min() < 0 or shares.max() >= 1:
        raise SalonError(
            f"Labels {list(same.shape)} came for scores {list(scores.shape)}, and shares of {shares.min():g} to "
            f"{shares.max():g}; expected a label for each score, and shares from 0 to less than 1."
        )
    every, pair = _pair_quality(qualities, scores)
    limits = every[[_at_most(share, len(every)) for share in shares]]
    error, impostors = [], []
    for limit in limits:
        genuine, impostor = scores[same & (pair >= limit)], scores[~same & (pair >= limit)]
        error.append(1 - tar_at_far(genuine, impostor, far))
        impostors.append(len(impostor))
    return np.searchsorted(every, limits) / len(every), np.array(error), np.array(impostors)


def _pair_quality(qualities: Sequence[ArrayLike], scores: Array) -> tuple[Array, Array]:
    """All qualities in rising order, and of each pair the worse of its images' (the shape of `scores`)."""
    arrays = [np.asarray(quality, float) for quality in qualities]
    shapes = [quality.shape for quality in arrays]
    try:
        wide = np.broadcast_arrays(*arrays, scores)[:-1]
    except ValueError:
        wide = ()
    if not 1 <= len(wide) <= 2 or wide[0].shape != scores.shape:
        raise SalonError(
            f"Qualities {shapes} came for scores {scores.shape}; expected one or two arrays that broadcast to the "
            "scores, such as (probes[:, None], gallery)."
        )
    every = score_vector("qualities", np.concatenate([quality.ravel() for quality in arrays]))
    return np.sort(every), np.minimum(wide[0], wide[-1])


def _at_most(share: float, n: int) -> int:
    """int(share · n), but for the error of rounding that makes 0.29 · 100 less than 29."""
    return int(share * n + 1e-9)
