"""How sure a number is: Student's interval over seeds, the bootstrap over people, the permutation test."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from salon.text import SalonError

Interval = tuple[float, float, float]  # estimate, lower end, upper end


def _numbers(values: ArrayLike, least: int) -> NDArray[np.float64]:
    numbers = np.asarray(values, float)
    if numbers.ndim != 1 or len(numbers) < least or not np.isfinite(numbers).all():
        raise SalonError(
            f"Values of shape {list(numbers.shape)} came, {np.sum(~np.isfinite(numbers))} of them not finite; "
            f"expected a list of at least {least} numbers. Measure with more seeds or people."
        )
    return numbers


def t_quantile(share: float, freedom: int) -> float:
    """The point below which `share` (0.5..1) of Student's t with `freedom` degrees lies.

    With t = √freedom · tan a the density becomes cos(a)^(freedom - 1), which a sum integrates.

    >>> round(t_quantile(0.975, 2), 3)
    4.303
    """
    edges = np.linspace(0, np.pi / 2, 200_001)
    density = np.cos((edges[1:] + edges[:-1]) / 2) ** (freedom - 1)
    below = np.append(0, np.cumsum(density)) / density.sum()
    return float(np.sqrt(freedom) * np.tan(np.interp(2 * share - 1, below, edges)))


def t_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Mean of a few values (one a seed) and Student's interval, mean ± t s / √n.

    Raises `SalonError` for fewer than two values or NaN.
    """
    numbers = _numbers(values, 2)
    half = t_quantile((1 + level) / 2, len(numbers) - 1) * numbers.std(ddof=1) / np.sqrt(len(numbers))
    return float(numbers.mean()), float(numbers.mean() - half), float(numbers.mean() + half)


def bootstrap_interval(
    values: ArrayLike, resamples: int = 1000, seed: int = 0, level: float = 0.95
) -> Interval:
    """Mean of values (one a person) and the percentiles of that mean over people drawn anew with replacement.

    Raises `SalonError` for no value or NaN.
    """
    numbers, chance = _numbers(values, 1), np.random.default_rng(seed)
    means = numbers[chance.integers(len(numbers), size=(resamples, len(numbers)))].mean(1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(numbers.mean()), float(low), float(high)


def permutation_p(measured: float, permuted: ArrayLike) -> float:
    """How often chance does as well: (1 + permuted values at or above `measured`) / (1 + permutations).

    >>> permutation_p(0.5, [0.1, 0.2, 0.5])
    0.5
    """
    values = _numbers(permuted, 1)
    return float((1 + np.sum(values >= measured)) / (1 + len(values)))
