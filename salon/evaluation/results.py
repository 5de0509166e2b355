"""Results as data: tidy tables in data/results, each with the command, versions and commit beside it."""

import json
from collections.abc import Iterable
from itertools import product
from typing import Any

import pandas as pd
from torch import Tensor

from salon.evaluation.intervals import Interval, t_interval
from salon.faces.people import GENERATOR_VERSION
from salon.paths import read_data
from salon.words import SalonError

SUFFIX = {"cosine": "", "likelihood": "+16"}  # "C" matched by the cosine is "C+16" by (16)
FAR = 1e-3


def row(
    condition: str, metric: str, value: float | Tensor, n: int, at: float | None = None, matching: str = "cosine"
) -> dict:  # fmt: skip
    """A measured number as a row without a name: its configuration is only the suffix that tells the matching."""
    return {"configuration": SUFFIX[matching], "condition": condition, "metric": metric, "at": at,
            "value": float(value), "n": int(n)}  # fmt: skip


def labelled(rows: Iterable[dict], configuration: str, experiment: str = "", seed: int = 0) -> list[dict]:
    """Rows with the name of what was measured before the suffix; of the test split if they say no other."""
    common = {"experiment": experiment, "seed": seed, "split": "test"}
    return [common | row | {"configuration": configuration + row["configuration"]} for row in rows]


def read_table(name: str) -> pd.DataFrame:
    """A stored table; raises `SalonError` where it is missing, or made by another version of the generator."""
    if read_provenance(name).get("generator") != GENERATOR_VERSION:
        raise SalonError(
            f"The table {name} was made with other faces than these; make it again: salon reproduce {name}"
        )
    return read_data(pd.read_csv, "results", f"{name}.csv")


def read_provenance(name: str) -> dict:
    """What stands beside a stored table."""
    return read_data(lambda path: dict(json.loads(path.read_bytes())), "results", f"{name}.json")


def by_seed(table: pd.DataFrame, configuration: str, condition: str, metric: str = "tar", at: float = FAR) -> pd.Series:
    """The values of one configuration and metric in percent, one a seed; `at` is left out where there is none.

    Raises `SalonError` where there is no value, or more than one a seed.
    """
    wanted = (table.configuration == configuration) & (table.condition == condition)
    found = _of(table[wanted], metric, at).set_index("seed").value
    if found.empty or found.index.has_duplicates:
        raise SalonError(
            f"{len(found)} values came for {configuration}, {condition}, {metric} at {at:g}; expected one a seed. "
            "Look at the table's columns, and choose one experiment, split and step."
        )
    return 100 * found


def _of(table: pd.DataFrame, metric: str, at: float) -> pd.DataFrame:
    """The rows of a metric at one point, or of a metric that depends on none."""
    return table[(table.metric == metric) & ((table["at"] == at) | table["at"].isna())]


def mean_interval(
    table: pd.DataFrame, configuration: str, condition: str, metric: str = "tar", at: float = FAR
) -> Interval:
    """Mean over seeds in percent and its 95 % t-interval."""
    return t_interval(by_seed(table, configuration, condition, metric, at))


def difference(
    table: pd.DataFrame, one: str, other: str, condition: str, metric: str = "tar", at: float = FAR
) -> Interval:
    """One configuration less another in points, over the seeds that both have: mean and 95 % t-interval."""
    return t_interval(_paired(table, one, other, condition, metric, at))


def _paired(table: pd.DataFrame, one: str, other: str, *which: Any) -> pd.Series:
    """One configuration less another, seed by seed, where both have a value."""
    return (by_seed(table, one, *which) - by_seed(table, other, *which)).dropna()


def differences(
    table: pd.DataFrame, pairs: Iterable[tuple[str, str]], conditions: Iterable[str], metric: str = "tar",
    at: float = FAR,
) -> pd.DataFrame:  # fmt: skip
    """Each `difference` as a row: one, other, condition, mean, low, high (points), n (seeds that both have)."""
    rows = []
    for (one, other), condition in product(pairs, conditions):
        paired = _paired(table, one, other, condition, metric, at)
        rows.append((one, other, condition, *t_interval(paired), len(paired)))
    return pd.DataFrame(rows, columns=["one", "other", "condition", "mean", "low", "high", "n"])


def stored_differences(pairs: Iterable[tuple[str, str]], conditions: Iterable[str]) -> pd.DataFrame:
    """Rows as of `differences` from the table of that name, whose intervals cover seeds and people together.

    Raises `SalonError` where a pair or a condition is not in it.
    """
    table = read_table("differences").set_index(["one", "other", "condition"])
    wanted = [(*pair, condition) for pair, condition in product(pairs, conditions)]
    if missing := [key for key in wanted if key not in table.index]:
        raise SalonError(f"The table of differences has no {missing[0]}; `experiments/length.py` names what is told.")
    return table.loc[wanted].reset_index()


def summary(table: pd.DataFrame, metric: str = "tar", split: str = "test", at: float = FAR) -> pd.DataFrame:
    """Mean over seeds in percent, one row for each configuration, one column for each condition."""
    chosen = _of(table[table.split == split], metric, at)
    return 100 * chosen.pivot_table(index="configuration", columns="condition", values="value", sort=False)
