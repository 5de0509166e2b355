"""How sure a number is over people: the bootstrap and the permutation test."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from salon.evaluation.intervals import Array, Interval, _numbers
from salon.words import SalonError

Whole = NDArray[np.int64]


def bootstrap_interval(values: ArrayLike, resamples: int = 1000, seed: int = 0, level: float = 0.95) -> Interval:
    """Mean of values (one a person) and the percentiles of that mean over people drawn anew with replacement.

    Raises `SalonError` for no value or NaN.
    """
    numbers, chance = _numbers(values, 1), np.random.default_rng(seed)
    means = numbers[chance.integers(len(numbers), size=(resamples, len(numbers)))].mean(1)
    return percentile_interval(float(numbers.mean()), means, level)


def percentile_interval(estimate: float, resampled: ArrayLike, level: float = 0.95) -> Interval:
    """An estimate and the percentiles of its resampled values: the bootstrap's interval.

    A difference of two models is paired if both were resampled with one seed: give it the difference of the
    estimates and that of the resampled values.  Raises `SalonError` for no value or NaN.

    >>> percentile_interval(2, range(5), level=0.5)
    (2.0, 1.0, 3.0)
    """
    low, high = np.quantile(_numbers(resampled, 1), [(1 - level) / 2, (1 + level) / 2])
    return float(estimate), float(low), float(high)


def bootstrap_tar_at_far(
    scores: ArrayLike, probe_ids: ArrayLike, gallery_ids: ArrayLike, far: float,
    resamples: int = 1000, seed: int = 0,
) -> Array:  # fmt: skip
    """`tar_at_far` under people drawn anew with replacement, [resamples]: no pair is repeated, but weighted.

    `scores` [P, G]; the people are all labels of probes and gallery, and as many are drawn as there are.  A pair
    counts as often as the product of its people's draws: an impostor pair needs both, a genuine pair its one
    person; no person is an impostor of its own copy.  The same labels and seed draw the same people.
    Raises `SalonError` for NaN and uneven input, and where a draw of people has no genuine pair or less than one
    false accept.
    """
    table, rows, columns, draws = _drawn(scores, probe_ids, gallery_ids, resamples, seed)
    same = rows[:, None] == columns
    genuine, owner = table[same], rows[np.nonzero(same)[0]]
    allowed = _allowed(far, rows, columns, draws, owner)
    impostor, first, second = _hardest(table, same, rows, columns, 20 * int(allowed.max()) + 10_000)
    tars = []
    for times, n in zip(draws, allowed, strict=True):
        accepted = genuine > _exceeded_by(n, impostor, first, second, times)
        tars.append(times[owner[accepted]].sum() / times[owner].sum())
    return np.array(tars)


def _hardest(table: Array, same: NDArray[np.bool_], rows: Whole, columns: Whole, n: int) -> tuple:
    """The `n` highest impostor scores, falling, and both people of each; all of them where there are fewer."""
    first, second = np.nonzero(~same)
    falling = -table[~same]
    top = np.argpartition(falling, n)[:n] if n < len(falling) else np.arange(len(falling))
    order = top[np.argsort(falling[top], kind="stable")]
    return -falling[order], rows[first[order]], columns[second[order]]


def _drawn(
    scores: ArrayLike, probe_ids: ArrayLike, gallery_ids: ArrayLike, resamples: int, seed: int
) -> tuple[Array, Whole, Whole, Whole]:
    """Scores [P, G], people of rows and of columns by number, and how often each is drawn [resamples, people]."""
    table, probes, gallery = np.asarray(scores, float), np.asarray(probe_ids), np.asarray(gallery_ids)
    if table.shape != (len(probes), len(gallery)) or not table.size or not np.isfinite(table).all():
        raise SalonError(
            f"The scores came as {list(table.shape)}, {np.sum(~np.isfinite(table))} of them not finite; expected "
            f"{[len(probes), len(gallery)]} (probes, gallery), one of each at least, and finite numbers."
        )
    names, people = np.unique(np.concatenate([probes, gallery]), return_inverse=True)
    chances = np.full(len(names), 1 / len(names))
    draws = np.random.default_rng(seed).multinomial(len(names), chances, size=resamples)
    return table, people[: len(probes)], people[len(probes) :], draws


def _allowed(far: float, rows: Whole, columns: Whole, draws: Whole, owner: Whole) -> Whole:
    """False accepts that `far` allows in each draw, round(far · impostors), each 1 at least."""
    a, b = (np.bincount(side, minlength=draws.shape[1]) for side in (rows, columns))  # images of each person
    impostors = (draws @ a) * (draws @ b) - (draws**2) @ (a * b)
    allowed = np.rint(far * impostors)
    genuine = draws @ np.bincount(owner, minlength=draws.shape[1])
    poor = ~((allowed >= 1) & (allowed <= impostors) & (genuine > 0))
    if poor.any():
        raise SalonError(
            f"FAR = {far:g} was asked of {len(draws)} draws of people; {poor.sum()} have no genuine pair or too few "
            f"impostors, {impostors.min()} at the least. Use more people, or a laxer FAR."
        )
    return allowed.astype(int)


def _exceeded_by(n: int, impostor: Array, first: Whole, second: Whole, times: Whole) -> float:
    """The (n+1)-th highest impostor score, each counted times[first] · times[second]; -∞ if there are just n."""
    top = 2 * n + 100
    while True:
        counted = np.cumsum(times[first[:top]] * times[second[:top]])
        if counted[-1] > n or top >= len(impostor):
            break
        top *= 2
    at = int(np.searchsorted(counted, n, side="right"))
    return float(impostor[at]) if at < len(impostor) else -np.inf


def permutation_p(measured: float, permuted: ArrayLike) -> float:
    """How often chance does as well: (1 + permuted values at or above `measured`) / (1 + permutations).

    >>> permutation_p(0.5, [0.1, 0.2, 0.5])
    0.5
    """
    values = _numbers(permuted, 1)
    return float((1 + np.sum(values >= measured)) / (1 + len(values)))
