"""The paper says, we measured, why they differ: sentences and a table whose numbers come from what is stored."""

from functools import cache

import pandas as pd

from salon.evaluation.intervals import Interval, t_interval
from salon.evaluation.results import Row, by_seed, difference, judged, read_table
from salon.words import say

CLAIMS = (
    "augmentation",
    "confidence",
    "parts",
    "decorrelation",
    "aggregation",
    "whole",
    "universal",
    "domain",
)
# Each step of the paper, and the two controls of its second: a row against the one that it is to improve.
STEPS: dict[str, tuple[Row, Row]] = {
    "augmentation": (("B", False), ("A", False)), "confidence": (("C", False), ("B", False)),
    "learning": (("C", False), ("C0", False)), "frozen": (("C", False), ("C0*", False)),
    "parts": (("D", False), ("C", False)), "decorrelation": (("E", False), ("D", False)),
    "aggregation": (("E", True), ("E", False)), "whole": (("E", True), ("B", False)),
}  # fmt: skip
TOLD = ("clean", "low_resolution", "occlusion", "pose", "mixed", "templates")


@cache
def ablation() -> pd.DataFrame:
    """The stored ablation at full strength of augmentation."""
    return read_table("ablation_lecture")


def points(interval: Interval) -> str:
    """A difference with its interval: +1.2 [0.3, 2.1]."""
    mean, low, high = interval
    return f"{mean:+z.1f} [{low:z.1f}, {high:z.1f}]"


def step_sentences(conditions: tuple[str, ...] = ("clean", "mixed")) -> list[str]:
    """For each step one sentence a condition: holds here, does not, or cannot be told, with the interval over seeds."""
    sentences = []
    for step, (one, other) in STEPS.items():
        for condition in conditions:
            found = difference(ablation(), one, other, condition)
            words = {
                "step": say(f"step.{step}"),
                "condition": say(f"condition.{condition}"),
                "points": points(found),
            }
            sentences.append(say(f"step.{judged(found)}", **words))
    return sentences


def verdicts() -> list[list[str]]:
    """Rows for `lecture.table`: header, then for each claim the paper's words, our numbers, and the reasons."""
    numbers = measured()
    header = [say(f"verdict.{column}") for column in ("paper", "measured", "why")]
    return [header, *([say(f"verdict.{c}.paper"), numbers[c], say(f"verdict.{c}.why")] for c in CLAIMS)]


def measured() -> dict[str, str]:
    """For each claim our numbers as text: differences of TAR@FAR=1e-3 in points, mean and 95 % interval over seeds."""
    learned = f"C − C0: {say('condition.mixed')} {points(_between('learning', 'mixed'))}"
    claims = {step: _step(step) for step in CLAIMS if step in STEPS}
    return claims | {
        "confidence": f"{_step('confidence')}; {learned}",
        "decorrelation": f"{_step('decorrelation')}; {say('verdict.probes')} {_separation()}",
        "whole": f"{_step('whole')}; {say('verdict.rejected')} {points(_error_after_rejection())}",
        "universal": _real_faces(),
        "domain": _glyphs(),
    }


def _between(step: str, condition: str) -> Interval:
    one, other = STEPS[step]
    return difference(ablation(), one, other, condition)


def _step(step: str) -> str:
    (one, pa), (other, _) = STEPS[step]
    label = f"{one}{' (16)' if pa else ''} − {other}"
    parts = [f"{say(f'condition.{condition}')} {points(_between(step, condition))}" for condition in TOLD]
    return f"{label}: {', '.join(parts)}"


def _error_after_rejection(share: float = 0.2) -> Interval:
    """The whole method's error less B's, the worst fifth of the mixed images rejected, each by its own quality."""
    metric = f"error_at_reject_{share:g}_by_"
    whole = by_seed(ablation(), ("E", True), "mixed", metric + "variance")
    return t_interval(
        whole - by_seed(ablation(), ("B", False), "mixed", metric + "norm")
    )  # B has nothing else


def _separation() -> str:
    """What sub-embeddings read of the variations that are theirs, less what they read of others: E-λ2, in points."""
    table = read_table("features_lecture")
    found = []
    for variation in ("low_resolution", "occlusion", "pose"):
        own, other = (
            by_seed(table, ("E-λ2", False), variation, f"probe_{group}")
            for group in ("assigned", "unassigned")
        )
        found.append(f"{say(f'condition.{variation}')} {points(t_interval(own - other))}")
    return ", ".join(found)


def _real_faces() -> str:
    real = read_table("real_faces").query("condition == 'LFW-a' and metric == 'accuracy' and not pa")
    accuracy = 100 * real.set_index("configuration").value
    return f"LFW {accuracy['lecture model']:.1f} %, {say('verdict.pixels')} {accuracy['raw pixels']:.1f} %"


def _glyphs() -> str:
    table = read_table("glyphs")
    test = table[table.split == "test"]
    parts = []
    for one, other in (("C", "B"), ("E", "B")):
        for condition in ("clean", "mixed"):
            found = points(difference(test, (one, False), (other, False), condition))
            parts.append(f"{one} − {other}, {say(f'condition.{condition}')} {found}")
    return "; ".join(parts)
