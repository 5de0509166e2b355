"""The field's measures of verification (1:1) and identification (1:N), exact, in a few lines of numpy each.

Scores: higher is more alike.  Genuine scores compare two images of one person, impostor scores two people.
Ties never help: no measure can gain from scores that are all the same.  Rates come with the number of impostors
that they were counted on, unless the caller handed in just these.
TAR and FAR of the face papers are TMR and FMR in ISO/IEC 19795.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from salon.words import SalonError, expect_whole

Array = NDArray[np.float64]


def score_vector(name: str, values: ArrayLike, like: ArrayLike | None = None) -> Array:
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
    genuine, impostor = score_vector("genuine scores", genuine), score_vector("impostor scores", impostor)
    thresholds = np.append(np.inf, np.unique(np.concatenate([genuine, impostor]))[::-1])
    far, tar = (
        (len(scores) - np.searchsorted(np.sort(scores), thresholds)) / len(scores) for scores in (impostor, genuine)
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
    genuine, impostor = score_vector("genuine scores", genuine), score_vector("impostor scores", impostor)
    allowed = round(far * len(impostor)) if np.isfinite(far) else 0
    return float((genuine > exceeded_by(allowed, impostor, f"FAR = {far:g}", "impostor score")).mean())


def exceeded_by(allowed: int, scores: Array, rate: str, what: str) -> float:
    """The threshold that `allowed` scores exceed, fewer with ties; `SalonError` unless that is 1 to all of them."""
    if not 1 <= allowed <= len(scores):
        raise SalonError(
            f"{rate} was asked of {len(scores)} {what}s, that is {allowed} false accepts; expected 1 at least, "
            f"all at most. Use more of them, or a {rate.split()[0]} ≥ {1 / max(len(scores), 1):.2g}."
        )
    return -np.inf if allowed == len(scores) else float(np.partition(scores, -allowed - 1)[-allowed - 1])


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
    order = np.argsort(-np.asarray(scores, float))
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
    scores = score_vector("scores", scores)
    same, fold = score_vector("labels", same, scores).astype(bool), score_vector("fold numbers", fold, scores)
    if len(np.unique(fold)) < 2:
        raise SalonError("All pairs stand in one fold; expected two or more. Number the folds of the pairs.")
    right = []
    for number in np.unique(fold):
        test = fold == number
        accepted = scores[test] >= best_threshold(scores[~test], same[~test])
        right.append((accepted == same[test]).mean())
    return float(np.mean(right)), float(np.std(right))


def mate_ranks(scores: ArrayLike, probe_ids: ArrayLike, gallery_ids: ArrayLike) -> NDArray[np.int64]:
    """The rank of each probe's best mate [P] from scores [P, G]; 0 where nobody of its label is enrolled.

    It is 1 + the number of other people's images that score at least as high (a tie counts against the probe).
    Raises `SalonError` for NaN and uneven or empty input.

    >>> mate_ranks([[.9, .1], [.8, .7], [.5, .6]], probe_ids=["ann", "bo", "cy"], gallery_ids=["ann", "bo"])
    array([1, 2, 0])
    """
    table, mated = score_table(scores, probe_ids, gallery_ids)
    best = np.where(mated, table, -np.inf).max(1)
    return np.where(mated.any(1), 1 + outranking(table, mated, best), 0)


def outranking(scores: Any, mated: Any, best: Any) -> Any:
    """How many other people's images score at least as high as the `best` mate [P]: the rule of ties, [P].

    `scores` and `mated` [P, G], or a block of them; arrays of numpy or of torch.
    """
    return (~mated & (scores >= best[:, None])).sum(1)


def score_table(scores: ArrayLike, probe_ids: ArrayLike, gallery_ids: ArrayLike) -> tuple[Array, NDArray[np.bool_]]:
    """Scores and who is mated with whom, both [P, G]."""
    table, probes, gallery = np.asarray(scores, float), np.asarray(probe_ids), np.asarray(gallery_ids)
    expected = (*probes.shape, *gallery.shape)
    if table.ndim != 2 or table.shape != expected or not table.size or np.isnan(table).any():
        raise SalonError(
            f"The scores came as {list(table.shape)} with {np.isnan(table).sum()} NaN; expected {list(expected)} "
            "(probes, gallery), one of each at least, and no NaN. Give a score for each probe and enrolled image."
        )
    return table, probes[:, None] == gallery


def closed_ranks(scores: ArrayLike, probe_ids: ArrayLike, gallery_ids: ArrayLike, k: int) -> NDArray[np.int64]:
    """`mate_ranks` where everybody is enrolled and `k` ≥ 1."""
    ranks = mate_ranks(scores, probe_ids, gallery_ids)
    expect_whole("The rank k", k, 1)
    if not ranks.all():
        raise SalonError(
            f"The probe {np.asarray(probe_ids)[ranks == 0][0]!r} has nobody in the gallery; expected a closed "
            "set. Leave such probes out."
        )
    return ranks


def rank_k(scores: ArrayLike, probe_ids: ArrayLike, gallery_ids: ArrayLike, k: int = 1) -> float:
    """Closed-set identification: the share of probes whose person is among the k best.

    >>> rank_k([[.9, .1], [.8, .7]], probe_ids=["ann", "bo"], gallery_ids=["ann", "bo"], k=1)
    0.5
    """
    return float((closed_ranks(scores, probe_ids, gallery_ids, k) <= k).mean())
