"""Parts at scale: does a split pay, and decorrelation then, with more parts, wider features or more people?"""

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

from experiments.claims import Claim, estimate, total
from experiments.kept import is_measured
from experiments.ladder import MAIN, Job
from experiments.length import MOST, PARTS, SEEDS, Choice, cells_of, measure_all
from experiments.rows import Setting
from experiments.tables import write_plain

FEATURES = {128: "lecture", 512: "wide"}  # how many numbers all parts have together, and the size of that name
# People, features, K: one thing at a time is moved from the main experiment, and the paper's sixteen parts of 32.
CASES = ((MOST, 128, 8), (MOST, 128, 4), (MOST, 128, 16), (MOST, 512, 16), (600, 128, 8))
PAIRS = (("D", "C"), ("D+16", "C+16"), ("E", "D"), ("E+16", "D+16"))  # D: K parts; E: decorrelated by (13)
SHOWN = ("clean", "mixed")


@cache
def _chosen() -> dict[str, Setting]:
    """What the rows were chosen as with most people and 128 features; here nothing is tuned."""
    most = Choice(MOST, 0)
    most.add("B", "C")
    most.add("E")
    return most.chosen


def job(row: str, K: int, people: int, size: str, seed: int) -> Job:
    """The run of the main length; with most people and usual features its ladder, where that is kept already."""
    chosen = _chosen()
    setting: Setting = {"C": {}, "D": PARTS | {"K": K}, "E": chosen["E"] | {"K": K}}[row]
    setting = chosen["C"] | setting
    whole = Job(tuple(setting.items()), people, seed, size=size)
    return whole if is_measured(whole.path, whole.known_as) else replace(whole, lengths=(MAIN,))


def reproduce_parts(jobs: int = 2) -> Path:
    """D − C and E − D for 4, 8 and 16 parts, with 512 features and with 600 people; three seeds each.

    With 0 jobs nothing is trained, and what is not measured yet is left out.
    """
    if jobs:
        measure_all((one for case in CASES for one in runs(*case)), jobs)
    measured = [case for case in CASES if all(is_measured(one.path, one.known_as) for one in runs(*case))]
    rows = [dict(zip(("people", "features", "K"), case, strict=True)) | found
            for case in measured for found in _differences(*case)]  # fmt: skip
    return write_plain("parts", rows, "salon reproduce parts", steps=MAIN, seeds=SEEDS)


def runs(people: int, features: int, K: int) -> list[Job]:
    """All runs of one of `CASES`."""
    return [job(row, K, people, FEATURES[features], seed) for seed in SEEDS for row in "CDE"]


def _differences(people: int, features: int, K: int) -> Iterable[dict]:
    for pair, condition in product(PAIRS, SHOWN):
        claim = Claim("", "", dict(zip(pair, (1, -1), strict=True)), condition, people, 0, "", "", False)
        jobs = {name: [job(name[0], K, people, FEATURES[features], seed) for seed in SEEDS] for name in pair}
        found = total([cells_of(jobs[name], name, claim, MAIN).times(w) for name, w in claim.contrast.items()])
        fields = {"one": pair[0], "other": pair[1], "condition": condition, "n": len(found.values)}
        yield fields | estimate([found])._asdict()
