"""The paper says, we measured, why they differ: a table whose numbers and verdicts come from what is stored."""

from collections.abc import Sequence
from functools import cache

import pandas as pd

from salon.evaluation import results
from salon.evaluation.intervals import Interval, t_interval
from salon.evaluation.results import by_seed, differences
from salon.words import say

# The lines of the table: groups of `experiments/claims.toml`, then two that other tables tell.
GROUPS = ("augmentation", "confidence", "people", "learning", "way", "parts", "decorrelation", "aggregation", "whole",
          "places")  # fmt: skip
BESIDE = ("universal", "domain")
SURVIVES = "●"  # Holm's correction

read_table = cache(results.read_table)


def points(interval: Interval) -> str:
    """A difference with its interval: +1.2 [0.3, 2.1]."""
    mean, low, high = interval
    return f"{mean:+z.1f} [{low:z.1f}, {high:z.1f}]"


def told(found: pd.DataFrame) -> pd.DataFrame:
    """What `differences` found as text, a line for each pair and a column for each condition."""
    text = [points(interval) for interval in found[["mean", "low", "high"]].itertuples(index=False)]
    named = found.assign(difference=found.one + " − " + found.other, points=text)
    return named.pivot_table("points", "difference", "condition", aggfunc="first", sort=False)


def claims(group: str | None = None) -> pd.DataFrame:
    """The claims of a group, or all, with their numbers where they were made: the main length, their people."""
    table = read_table("claims")
    return table[table.made & (table.group == group if group else True)]


def status(found: pd.DataFrame) -> str:
    """Of claims: "holds" (all borne out), "partly", "reversed" (one at least, none borne out), else "open".

    A primary claim is borne out if it survives Holm's correction; without primary ones those of the interval count.
    """
    near, far = found.expected * found.low, found.expected * found.high
    for_it, against = (near > 0) & (far > 0), (near < 0) & (far < 0)
    primary = found[found.primary]
    borne = primary.survives if len(primary) else for_it
    return "holds" if borne.all() else "partly" if borne.any() else "reversed" if against.any() else "open"


def verdicts() -> list[list[str]]:
    """Rows for `lecture.table`: header, then for each claim the paper's words, our numbers, and what follows."""
    header = [say(f"verdict.{column}") for column in ("paper", "measured", "why")]
    rows = [[say(f"verdict.{group}.paper"), measured(group), reason(group)] for group in GROUPS]
    beside = {"universal": _real_faces(), "domain": _characters()}
    return [header, *rows, *([say(f"verdict.{g}.paper"), beside[g], say(f"verdict.{g}.why")] for g in BESIDE)]


def measured(group: str) -> str:
    """The numbers of a group as text: points of TAR@FAR=1e-3 (or steps), 95 % over seeds and people, ● by Holm."""
    found = claims(group)
    text = []
    for (contrast, people), lines in found.groupby(["contrast", "people"], sort=False):
        numbers = ", ".join(_number(line) for line in lines.itertuples())
        slope = say("verdict.doubling") if people == "slope" else ""
        text.append(f"{contrast.replace('+16', ' (16)')}{slope}: {numbers}")
    return "; ".join([*text, *([_separation()] if group == "decorrelation" else [])])


def _number(line) -> str:
    what = line.condition if line.metric == "tar" else line.metric
    return f"{say(f'condition.{what}')} {points((line.mean, line.low, line.high))}{SURVIVES if line.survives else ''}"


def reason(group: str) -> str:
    """What follows: the verdict by the numbers, then why."""
    return f"{say(f'verdict.{status(claims(group))}')} {say(f'verdict.{group}.why')}"


def _separation() -> str:
    """What sub-embeddings read of the variations that are theirs, less what they read of others: E-λ2, in points."""
    table = read_table("ablation")
    found = []
    for variation in ("low_resolution", "occlusion", "pose"):
        own, other = (by_seed(table, "E-λ2", variation, f"probe_{g}") for g in ("assigned", "unassigned"))
        found.append(f"{say(f'condition.{variation}')} {points(t_interval(own - other))}")
    return f"{say('verdict.probes')} {', '.join(found)}"


def _real_faces() -> str:
    ours, pixels = (by_seed(read_table("real_faces"), name, "LFW-a", "accuracy").item()
                    for name in ("lecture model", "raw pixels"))  # fmt: skip
    return f"LFW {ours:.1f} %, {say('verdict.pixels')} {pixels:.1f} %"


def _characters() -> str:
    return "; ".join(f"{one} − {other}, {change}" for one, other in (("C", "B"), ("E", "B"))
                     for change in _changes(one, other, ["clean", "mixed"]))  # fmt: skip


def _changes(one: str, other: str, conditions: Sequence[str]) -> list[str]:
    """One configuration less another on printed characters as text, condition by condition."""
    found = told(differences(read_table("glyphs"), [(one, other)], conditions)).loc[f"{one} − {other}"]
    return [f"{say(f'condition.{condition}')} {text}" for condition, text in found.items()]
