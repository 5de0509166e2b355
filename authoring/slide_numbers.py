"""The numbers of the deck: what stands in `{{…}}` is read from the stored tables, never typed.

{{ablation: C, mixed}}              38.2                mean over seeds, percent; TAR@FAR=1e-3
{{ablation: C+16, mixed}}                               matched by (16)
{{ablation: C - B, templates}}      +1.3 [0.6, 2.0]     points, 95 % interval over seeds
{{by ablation: C - B, templates}}   1.3                 the same to be spoken: by how much
{{differences: C - B, mixed}}                           the interval over seeds and test people together
{{lfw: E, LFW-a unseen, accuracy}}                           another metric
{{fairness: age: old, pose, rank@1}}                         and what it is measured at
{{ablation: E, pose, probe_assigned - probe_unassigned}}    two metrics of one row
{{by claims: lead_mixed}}                                   a claim where it was made
"""

import re
from functools import cache

import pandas as pd

from salon.evaluation.intervals import Interval, t_interval
from salon.evaluation.results import by_seed, difference, read_table, stored_differences
from salon.lecture.stored import made_claims, points
from salon.words import SalonError

PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}")
_NUMBER = re.compile(
    r"(?P<by>by )?(?P<table>\w+): (?P<one>[^,]+?)(?: - (?P<other>[^,]+))?, (?P<condition>[^,]+?)"
    r"(?:, (?P<metric>[^,]+?)(?: - (?P<less>[^,]+))?)?"
)

_CLAIM = re.compile(r"(?P<by>by )?(?P<table>claims): (?P<one>\w+)")


def fill(text: str, where: str) -> str:
    """Markdown with a number for each `{{…}}`; raises `SalonError` that names the slide and the placeholder."""

    def number(found: re.Match) -> str:
        try:
            return value(found[1].strip())
        except (SalonError, OSError) as error:
            raise SalonError(f"The slide {where!r} asks for {found[0]}: {error}") from error

    return PLACEHOLDER.sub(number, text)


@cache
def value(asked: str) -> str:
    """The number that a placeholder asks for, as text; raises `SalonError` where no stored row is meant."""
    found = _CLAIM.fullmatch(asked) or _NUMBER.fullmatch(asked)
    if found is None:
        raise SalonError("it has no known form; expected `table: row, condition` or `table: row - other, condition`.")
    told = _measured(found)
    if isinstance(told, float):
        return f"{told:.1f}"
    return f"{abs(told[0]):.1f}" if found["by"] else points(told).replace("-", "−")


def _measured(found: re.Match) -> float | Interval:
    """The mean of one row, or the interval of a difference: of two rows, or of two metrics of one."""
    if found["table"] == "claims":
        if found["one"] not in (made := made_claims().set_index("name")).index:
            raise SalonError("it is no claim that has been judged.")
        return tuple(map(float, made.loc[found["one"], ["mean", "low", "high"]]))  # type: ignore[return-value]
    if found["table"] == "differences":
        told = stored_differences([(found["one"], found["other"])], [found["condition"]])
        return tuple(map(float, told.loc[0, ["mean", "low", "high"]]))  # type: ignore[return-value]
    table = _tested(found["table"])
    one, condition, metric = found["one"], found["condition"], _measure(found["metric"] or "tar")
    if found["other"]:
        return difference(table, one, found["other"], condition, **metric)
    values = by_seed(table, one, condition, **metric)
    if found["less"]:
        return t_interval(values - by_seed(table, one, condition, **_measure(found["less"])))
    return float(values.mean())


@cache
def _tested(name: str) -> pd.DataFrame:
    """A stored table, its test rows; read once, for a deck asks a hundred times."""
    table = read_table(name)
    return table[table.split == "test"]


def _measure(asked: str) -> dict:
    """A metric, and the point that stands after its @."""
    metric, _, at = asked.partition("@")
    return {"metric": metric} | ({"at": float(at)} if at else {})
