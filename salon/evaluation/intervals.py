"""How sure a number is: Student's interval over seeds."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

from salon.words import SalonError

Array = NDArray[np.float64]
Interval = tuple[float, float, float]  # estimate, lower end, upper end


def _numbers(values: ArrayLike, least: int) -> Array:
    numbers = np.asarray(values, float)
    if numbers.ndim != 1 or len(numbers) < least or not np.isfinite(numbers).all():
        raise SalonError(
            f"Values of shape {list(numbers.shape)} came, {np.sum(~np.isfinite(numbers))} of them not finite; "
            f"expected a list of at least {least} numbers. Measure with more seeds or people."
        )
    return numbers


def t_interval(values: ArrayLike, level: float = 0.95) -> Interval:
    """Mean of a few values (one a seed) and Student's interval, mean ± t s / √n.

    Raises `SalonError` for fewer than two values or NaN.
    """
    numbers = _numbers(values, 2)
    half = stdtrit(len(numbers) - 1, (1 + level) / 2) * numbers.std(ddof=1) / np.sqrt(len(numbers))
    return float(numbers.mean()), float(numbers.mean() - half), float(numbers.mean() + half)
