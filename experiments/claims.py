"""What is claimed (`claims.toml`) held against what was measured: contrasts over seeds and people, and Holm."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from salon.words import SalonError, tomllib

POWER = 0.8
Array = NDArray[np.float64]


@dataclass(frozen=True)
class Claim:
    """One line of `claims.toml`: so much of each configuration, under a condition, with so many training people."""

    name: str
    group: str  # the line of the lecture's table that it belongs to
    contrast: Mapping[str, float]
    condition: str
    people: int | str  # a number, or "slope": for each doubling
    expected: int  # the sign that bears the claim out
    paper: str  # what the paper says
    tag: str  # how sure that is
    primary: bool
    metric: str = "tar"

    def __str__(self) -> str:
        """The contrast as it is written: "C+16 − B+16"."""
        terms = "".join(f" {'−' if weight < 0 else '+'} {name}" for name, weight in self.contrast.items())
        return terms.removeprefix(" + ")


def claims() -> list[Claim]:
    """All claims, in the order in which they were written down."""
    text = (Path(__file__).parent / "claims.toml").read_text(encoding="utf-8")
    return [Claim(**fields) for fields in tomllib.loads(text)["claim"]]


class Cells(NamedTuple):
    """What one configuration reached, seed by seed: `values` [S], and `resampled` [S, R] with people drawn anew."""

    values: Array
    resampled: Array

    def times(self, weight: float) -> "Cells":
        return Cells(weight * self.values, weight * self.resampled)


def total(parts: Sequence[Cells]) -> Cells:
    """The sum, over the seeds that all have; raises `SalonError` where they have not the same."""
    if len({part.values.shape for part in parts}) != 1:
        raise SalonError(f"Cells of {[len(p.values) for p in parts]} seeds came; expected the same for all of a claim.")
    return Cells(sum(part.values for part in parts), sum(part.resampled for part in parts))  # type: ignore[arg-type]


class Estimate(NamedTuple):
    """An estimate with its 95 % interval, the probability of chance alone, and the smallest effect that would show."""

    mean: float
    low: float
    high: float
    p: float
    smallest: float  # found with 80 % power
    over_seeds: float  # standard errors: of the seeds alone, of the people alone
    over_people: float


def estimate(groups: Sequence[Cells], weights: Sequence[float] = (1.0,)) -> Estimate:
    """Σ weight · mean over seeds, with seeds and people both drawn at random (a crossed design).

        SE² = Σ w² s² / S  +  Var over people drawn anew of Σ w · mean,   t with Satterthwaite's degrees of freedom

    Each group has its own seeds, all have the same people, whom `resampled` draws alike. Without resampled values
    ([S, 0]) only seeds count. Raises `SalonError` for a group of one seed.
    """
    if min(len(group.values) for group in groups) < 2:
        raise SalonError("A group of one seed came; expected two or more, or nothing is known of the spread.")
    pairs = list(zip(weights, groups, strict=True))
    mean = sum(w * group.values.mean() for w, group in pairs)
    seeds = np.array([w**2 * group.values.var(ddof=1) / len(group.values) for w, group in pairs])
    drawn = sum(w * group.resampled.mean(0) for w, group in pairs)
    people = float(np.var(drawn, ddof=1)) if np.size(drawn) > 1 else 0.0
    variance = seeds.sum() + people
    freedom = np.array([len(group.values) - 1 for group in groups])
    df = max(1.0, variance**2 / max((seeds**2 / freedom).sum() + people**2 / 1e3, 1e-300))  # 1 where nothing varies
    error, reach = np.sqrt(variance), stats.t.ppf(0.975, df)
    p = 2 * stats.t.sf(abs(mean) / error, df) if error else float(mean == 0)
    smallest = (reach + stats.t.ppf(POWER, df)) * error
    found = (mean, mean - reach * error, mean + reach * error, p, smallest, np.sqrt(seeds.sum()), np.sqrt(people))
    return Estimate(*map(float, found))


def slope_weights(people: Sequence[int]) -> list[float]:
    """Weights that make a slope of values, for each doubling of the people: least squares on log2."""
    x = np.log2(people) - np.log2(people).mean()
    return list(x / (x**2).sum())


def holm(p: Sequence[float]) -> list[float]:
    """Holm's adjusted probabilities, in the order given: a claim survives at 5 % where its own is below .05.

    >>> [round(x, 3) for x in holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p)
    adjusted = np.maximum.accumulate((len(p) - np.arange(len(p))) * np.asarray(p)[order]).clip(max=1)
    return list(adjusted[np.argsort(order)])
