"""Claims in words, and the table "the paper says, we measured, what came out": all numbers come from what is stored."""

from functools import cache
from typing import Any

import pandas as pd

from salon.evaluation import results
from salon.evaluation.intervals import Interval
from salon.words import entry, say

# The lines of the table: groups of claims (`experiments/claims.toml`), then what was measured beside them.
GROUPS = ("augmentation", "confidence", "learning", "people", "way", "parts", "decorrelation", "aggregation", "whole",
          "places")  # fmt: skip
BESIDE = ("universal", "domain")

read_table = cache(results.read_table)


def points(interval: Interval) -> str:
    """A difference with its interval: +1.2 [0.3, 2.1]."""
    mean, low, high = (round(x, 1) + 0.0 for x in interval)  # no -0.0
    return f"{mean:+.1f} [{low:.1f}, {high:.1f}]"


def told(found: pd.DataFrame) -> pd.DataFrame:
    """What `differences` found as text, a line for each pair and a column for each condition."""
    text = [points(interval) for interval in found[["mean", "low", "high"]].itertuples(index=False)]
    named = found.assign(difference=found.one + " − " + found.other, points=text)
    return named.pivot_table("points", "difference", "condition", aggfunc="first", sort=False)


def status(claim: pd.Series) -> str:
    """What came of a claim: "holds" or "reversed" where its interval leaves out zero, else "open"."""
    sign = (claim.low > 0) - (claim.high < 0)
    return "open" if sign == 0 else "holds" if sign == claim.expected else "reversed"


def made_claims() -> pd.DataFrame:
    """The claims where they were made: with so many people, at the main length; with `status`, in their order."""
    found = read_table("claims")
    found = found[found.made]
    return found.assign(status=[status(claim) for _, claim in found.iterrows()])


def claim(name: str) -> str:
    """A claim in a sentence: the contrast, where, by how much, from where to where."""
    found = made_claims().set_index("name").loc[name]
    numbers = {key: f"{found[key]:z.1f}" for key in ("mean", "low", "high")}
    where = say(f"condition.{found.condition}") + (say("verdict.each_doubling") if found.of == "slope" else "")
    return say("claim.line", contrast=found.contrast, where=where, **numbers)


def page() -> list[str]:
    """The lecture in five sentences, each with the claim that bears it out."""
    return [f"{i}. {say(f'page.{name}')}\n   {claim(name)}" for i, name in enumerate(entry("page"), 1)]


def claim_lines(group: str) -> list[str]:
    """The primary claims of a group as text: the contrast, where, by how much; ● survives Holm."""
    found = made_claims()
    return [_line(claim) for claim in found[(found.group == group) & found.primary].itertuples()]


def _line(claim: Any) -> str:
    where = say(f"condition.{claim.condition}")
    each = say("verdict.each_doubling") if claim.people == "slope" else ""
    null = f" ({say('verdict.smallest')} {claim.smallest:.1f})" if claim.low <= 0 <= claim.high else ""
    mark = " ●" if claim.survives else ""
    return f"{claim.contrast}, {where}{each}: {points((claim.mean, claim.low, claim.high))}{null}{mark}"


def verdicts() -> list[list[str]]:
    """Rows for `lecture.table`: header, then for each claim the paper's words, our numbers, and what came out."""
    header = [say(f"verdict.{column}") for column in ("paper", "measured", "why")]
    beside: dict[str, list[str]] = {"universal": [_real_faces()], "domain": []}
    numbers = {group: claim_lines(group) for group in GROUPS} | beside
    rows = [[say(f"verdict.{name}.paper"), "; ".join(numbers[name]), say(f"verdict.{name}.why")] for name in numbers]
    return [header, *rows]


def _real_faces() -> str:
    ours, pixels = (
        results.by_seed(read_table("real_faces"), name, "LFW-a", "accuracy").item()
        for name in ("lecture model", "raw pixels")
    )
    return f"LFW {ours:.1f} %, {say('verdict.pixels')} {pixels:.1f} %"
