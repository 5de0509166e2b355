"""The field's measures of verification (1:1) and identification (1:N), exact, in a few lines of numpy each.

Scores: higher is more alike.  Genuine scores compare two images of one person, impostor scores two people.
Ties never help: no measure can gain from scores that are all the same.
TAR and FAR of the face papers are TMR and FMR in ISO/IEC 19795.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from salon.text import SalonError

Array = NDArray[np.float64]


def _scores(name: str, values: ArrayLike, like: ArrayLike | None = None) -> Array:
    """`values` as a vector of at least one number; raises `SalonError` if not finite or as long as `like`."""
    scores = np.asarray(values, float)
    if scores.ndim != 1 or not len(scores):
        raise SalonError(f"{name} has shape {list(scores.shape)}; expected a list of at least one number.")
    if not np.isfinite(scores).all():
        raise SalonError(
            f"{np.sum(~np.isfinite(scores))} of the {len(scores)} {name} are NaN or infinite; expected "
            "numbers. Look for images or weights that are not finite."
        )
    if like is not None and len(scores) != len(np.asarray(like)):
        raise SalonError(f"{len(scores)} {name} came for {len(np.asarray(like))} scores; expected one each.")
    return scores


def roc(genuine: ArrayLike, impostor: ArrayLike) -> tuple[Array, Array, Array]:
    """The receiver operating characteristic: (FAR, TAR, thresholds), each [T], from strict to lax.

    A pair is accepted at a score ≥ threshold; the thresholds are all scores that occur, after +∞ (nobody).
    Raises `SalonError` for empty scores or NaN.

    >>> far, tar, thresholds = roc([3, 2], [2, 1])
    >>> print(far, tar, thresholds)
    [0.  0.  0.5 1. ] [0.  0.5 1.  1. ] [inf  3.  2.  1.]
    """
    genuine, impostor = _scores("genuine scores", genuine), _scores("impostor scores", impostor)
    thresholds = np.append(np.inf, np.unique(np.concatenate([genuine, impostor]))[::-1])
    far, tar = (
        (len(scores) - np.searchsorted(np.sort(scores), thresholds)) / len(scores)
        for scores in (impostor, genuine)
    )
    return far, tar, thresholds


def tar_at_far(genuine: ArrayLike, impostor: ArrayLike, far: float) -> float:
    """True accept rate at a false accept rate: the share of genuine scores above the strictest impostors.

    n = round(far · impostors) false accepts are allowed; a pair is accepted strictly above the (n+1)-th
    highest impostor score, so with ties fewer impostors pass, never more.  (The authors' code accepts at
    and above the n-th highest: the same but for genuine scores between the two, and for ties, which there
    let more than n pass.)  Raises `SalonError` for empty scores or NaN, and where `far` allows less than
    one false accept of so few impostors.

    >>> tar_at_far(genuine=[.9, .8, .3, .2], impostor=[.7, .3, .1, .0], far=.25)
    0.5
    """
    genuine, impostor = _scores("genuine scores", genuine), _scores("impostor scores", impostor)
    allowed = round(far * len(impostor))
    if not 1 <= allowed <= len(impostor):
        raise SalonError(
            f"FAR = {far:g} was asked of {len(impostor)} impostor scores, that is {allowed} false accepts; "
            f"expected 1 at least, all at most. Use more impostor pairs, or a FAR ≥ {1 / len(impostor):.2g}."
        )
    threshold = -np.inf if allowed == len(impostor) else np.sort(impostor)[-allowed - 1]
    return float((genuine > threshold).mean())


def equal_error_rate(genuine: ArrayLike, impostor: ArrayLike) -> float:
    """The rate at which false accepts and false rejects are equal, where 1 - TAR crosses FAR.

    Between two neighbouring points of the ROC it lies on the straight line, as if ties were drawn by lot.
    Raises `SalonError` for empty scores or NaN.

    >>> equal_error_rate([4, 3, 1], [2, 0, 0])
    0.3333333333333333
    >>> equal_error_rate([1, 1], [1, 1, 1])
    0.5
    """
    far, tar, _ = roc(genuine, impostor)
    gap = far - (1 - tar)  # grows from -1 (nobody is accepted) to 1 (everybody)
    after = int(np.argmax(gap >= 0))
    share = -gap[after - 1] / (gap[after] - gap[after - 1])
    return float(far[after - 1] + share * (far[after] - far[after - 1]))


def best_threshold(scores: ArrayLike, same: ArrayLike) -> float:
    """The threshold of the highest accuracy if pairs at or above it are called the same person.

    Midway between two neighbouring scores, or ∓∞ to accept or reject all; the highest of equally good ones.

    >>> best_threshold([.9, .6, .4, .1], [True, True, False, False])
    0.5
    """
    order = np.argsort(-np.asarray(scores, float), kind="stable")
    ranked, genuine = np.asarray(scores, float)[order], np.asarray(same, bool)[order]
    gain = np.append(0, np.cumsum(np.where(genuine, 1, -1)))  # right answers above minus rejecting all
    cut = np.append(True, np.append(ranked[1:] < ranked[:-1], True))  # only between scores that differ
    best = int(np.argmax(np.where(cut, gain, -len(gain))))
    padded = np.concatenate([[np.inf], ranked, [-np.inf]])
    return float((padded[best] + padded[best + 1]) / 2)


def ten_fold_accuracy(scores: ArrayLike, same: ArrayLike, fold: ArrayLike) -> tuple[float, float]:
    """LFW's measure: (mean, standard deviation) of the folds' accuracies, fractions.

    Each fold is judged with the threshold that is best on all the others together.  The deviation is that
    of the folds, not the standard error of their mean (which is √folds smaller).
    Raises `SalonError` for NaN, empty or uneven input and for fewer than two folds.

    >>> ten_fold_accuracy([.9, .1, .8, .6], [True, False, True, False], fold=[0, 0, 1, 1])
    (0.75, 0.25)
    """
    scores = _scores("scores", scores)
    same, fold = _scores("labels", same, scores).astype(bool), _scores("fold numbers", fold, scores)
    if len(np.unique(fold)) < 2:
        raise SalonError("All pairs stand in one fold; expected two or more. Number the folds of the pairs.")
    right = []
    for number in np.unique(fold):
        test = fold == number
        accepted = scores[test] >= best_threshold(scores[~test], same[~test])
        right.append((accepted == same[test]).mean())
    return float(np.mean(right)), float(np.std(right))


def rank_k(scores: ArrayLike, probe_ids: ArrayLike, gallery_ids: ArrayLike, k: int = 1) -> float:
    """Closed-set identification: the share of probes whose person is among the k best, from scores [P, G].

    The rank of a probe is 1 + the number of other people's images that score at least as high as the best
    image of its own person (a tie is a miss).  Raises `SalonError` for NaN, uneven input, k < 1 and a probe
    whose person is not in the gallery.

    >>> rank_k([[.9, .1], [.8, .7]], probe_ids=["ann", "bo"], gallery_ids=["ann", "bo"], k=1)
    0.5
    """
    scores, probe_ids, gallery_ids = np.asarray(scores, float), np.asarray(probe_ids), np.asarray(gallery_ids)
    expected = (len(probe_ids), len(gallery_ids))
    if scores.shape != expected or not scores.size or np.isnan(scores).any() or k < 1:
        raise SalonError(
            f"The scores came as {list(scores.shape)} with {np.isnan(scores).sum()} NaN, and k = {k}; "
            f"expected {list(expected)} (probes, gallery), one of each at least, no NaN, and k ≥ 1."
        )
    mated = probe_ids[:, None] == gallery_ids  # [P, G]
    if not mated.any(1).all():
        raise SalonError(
            f"The probe {probe_ids[~mated.any(1)][0]!r} has nobody in the gallery; expected a closed set. "
            "Leave such probes out."
        )
    best = np.where(mated, scores, -np.inf).max(1, keepdims=True)
    rank = 1 + (~mated & (scores >= best)).sum(1)
    return float((rank <= k).mean())
