"""The paper says, we measured, why they differ: a table whose numbers come from what is stored."""

from collections.abc import Sequence
from functools import cache

import pandas as pd

from salon.evaluation import results
from salon.evaluation.intervals import Interval, t_interval
from salon.evaluation.results import by_seed, differences
from salon.words import say

CLAIMS = ("augmentation", "confidence", "parts", "decorrelation", "aggregation", "whole", "universal", "domain")
# Each step of the paper: a configuration against the one that it is to improve.
STEPS = {
    "augmentation": ("B", "A"), "confidence": ("C", "B"), "parts": ("D", "C"), "decorrelation": ("E", "D"),
    "aggregation": ("E+16", "E"), "whole": ("E+16", "B"),
}  # fmt: skip
TOLD = ("clean", "low_resolution", "occlusion", "pose", "mixed", "templates")

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


def verdicts() -> list[list[str]]:
    """Rows for `lecture.table`: header, then for each claim the paper's words, our numbers, and the reasons."""
    numbers = measured()
    header = [say(f"verdict.{column}") for column in ("paper", "measured", "why")]
    return [header, *([say(f"verdict.{c}.paper"), numbers[c], say(f"verdict.{c}.why")] for c in CLAIMS)]


def measured() -> dict[str, str]:
    """For each claim our numbers as text: differences of TAR@FAR=1e-3 in points, mean and 95 % interval over seeds."""
    steps = {step: f"{one.replace('+16', ' (16)')} − {other}: {', '.join(_changes(one, other, TOLD))}"
             for step, (one, other) in STEPS.items()}  # fmt: skip
    (learned,) = _changes("C", "C0", ["mixed"])
    glyphs = [f"{one} − {other}, {change}" for one, other in (("C", "B"), ("E", "B"))
              for change in _changes(one, other, ["clean", "mixed"], "glyphs")]  # fmt: skip
    return steps | {
        "confidence": f"{steps['confidence']}; C − C0: {learned}",
        "decorrelation": f"{steps['decorrelation']}; {say('verdict.probes')} {_separation()}",
        "whole": f"{steps['whole']}; {say('verdict.rejected')} {points(_error_after_rejection())}",
        "universal": _real_faces(),
        "domain": "; ".join(glyphs),
    }


def _changes(one: str, other: str, conditions: Sequence[str], name: str = "ablation_lecture") -> list[str]:
    """One configuration less another as text, condition by condition."""
    found = told(differences(read_table(name), [(one, other)], conditions)).loc[f"{one} − {other}"]
    return [f"{say(f'condition.{condition}')} {text}" for condition, text in found.items()]


def _error_after_rejection(share: float = 0.2) -> Interval:
    """The whole method's error less B's, the worst fifth of the mixed images rejected, each by its own quality."""
    table = read_table("ablation_lecture")
    whole = by_seed(table, "E+16", "mixed", "error_by_variance", share)
    return t_interval(whole - by_seed(table, "B", "mixed", "error_by_norm", share))  # B has nothing else


def _separation() -> str:
    """What sub-embeddings read of the variations that are theirs, less what they read of others: E-λ2, in points."""
    table = read_table("features_lecture")
    found = []
    for variation in ("low_resolution", "occlusion", "pose"):
        own, other = (by_seed(table, "E-λ2", variation, f"probe_{g}") for g in ("assigned", "unassigned"))
        found.append(f"{say(f'condition.{variation}')} {points(t_interval(own - other))}")
    return ", ".join(found)


def _real_faces() -> str:
    ours, pixels = (by_seed(read_table("real_faces"), name, "LFW-a", "accuracy").item()
                    for name in ("lecture model", "raw pixels"))  # fmt: skip
    return f"LFW {ours:.1f} %, {say('verdict.pixels')} {pixels:.1f} %"
