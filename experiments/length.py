"""The main experiment: what each step of the method buys, along the training and with ever more people.

Each run is a ladder: one trunk at full rate, from which a branch leaves for each length, its rate falling over the last
fifth. A branch is, to the bit, the run of that length alone, and a ladder to L steps costs 1.2 L instead of 2 L.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from experiments.bootstrap import bootstrap_tar_at_far
from experiments.identification import evaluate_identification
from experiments.kept import Measured, fingerprint, is_measured, kept_path, measured_once
from experiments.measures import evaluate_rejection, evaluate_templates, remembering
from experiments.people import fresh_benchmark, validation_benchmark
from experiments.pull import evaluate_pull
from experiments.rows import Setting, work
from experiments.runs import trained
from salon.evaluation.benchmark import evaluate_benchmark, scores_of
from salon.evaluation.people import CONDITIONS, UNSEEN, Benchmark
from salon.evaluation.protocols import tar_at_far
from salon.evaluation.results import FAR, row
from salon.model.network import Recogniser, embed
from salon.training.data import TrainSet
from salon.training.loop import Run, begin, fit, fit_variances_afterwards, train_data
from salon.training.recipes import Recipe, recipe
from salon.training.run import recipe_fingerprint

LENGTHS = (200, 400, 800, 1600, 3200)  # steps
LONGEST = 6400  # of B and C, two seeds: is the main length enough?
MAIN = 3200  # the length that settings are chosen at, and that everything is measured at
COOLDOWN = 0.2
FROZEN = 40  # steps for which a confidence that is learned stays at s0
PEOPLE = (300, 600, 1500, 3000)
SHOWN = (600, 3000)  # where the curve of fixed scales is shown, and followed beyond the main length
MOST = 3000  # where all rows are trained
RESAMPLES, DRAWS = 100, 3  # of people; of mixed quality
WAYS = ("cosine", "likelihood")
SEEN = 48  # pixels that the networks see


@dataclass(frozen=True)
class Job:
    """A ladder: a setting (names and values), so many people, a seed, and the lengths."""

    setting: tuple[tuple[str, Any], ...]
    people: int
    seed: int
    lengths: tuple[int, ...] = LENGTHS
    reported: bool = True  # False: only tried, so that no test person is looked at

    @property
    def start(self) -> Recipe:
        """The clean pre-training that every row of as many people and this seed starts from."""
        return recipe("start", people=self.people, seed=self.seed)

    def recipe(self, steps: int, start: str = "") -> Recipe:
        """The run of one length; `start`: the file of the clean pre-training."""
        setting: Setting = dict(self.setting)
        common: Setting = {"probability": 0.3, "lr": 0.1, "cooldown": COOLDOWN, "frozen": FROZEN / steps}
        fixed: Setting = {"people": self.people, "seed": self.seed, "steps": steps, "start": start,
                          "d": 128 // setting.get("K", 1), "variances_on": "training"}  # fmt: skip
        return recipe("cosface", **common | setting | fixed)

    @property
    def known_as(self) -> str:
        """The fingerprint of the longest run, and of what is done beside it."""
        beside = (self.lengths, RESAMPLES, DRAWS) if self.reported else (self.lengths,)
        return fingerprint(self.recipe(self.lengths[-1]), self.start, *beside)

    @property
    def path(self) -> Path:
        """Where its rows are kept."""
        words = "-".join(f"{name}={x:g}" if isinstance(x, float) else f"{name}={x}" for name, x in self.setting)
        kind = "" if self.reported else "-tried"
        return kept_path("length", f"{self.people}-{words}-seed{self.seed}-{self.lengths[-1]}{kind}")

    @property
    def table(self) -> pd.DataFrame:
        """Its rows, from the repository or measured now; their configuration is only the suffix of the matching."""
        return measured_once(self.path, self.known_as, lambda: measure(self))


# --- training


def started(job: Job) -> Path:
    """The clean pre-training, from the cache or trained now."""
    made = job.start
    return trained(made, f"length-{job.people}-{recipe_fingerprint(made)[:6]}", variances=False, progress=False)[1]


def ladder(job: Job, start: str, data: TrainSet) -> Iterator[Run]:
    """The finished run of each length, shortest first."""
    trunk = begin(job.recipe(job.lengths[-1], start))
    for steps in job.lengths:
        leave = round((1 - COOLDOWN) * steps)
        if trunk.step < leave:
            next(step for step in fit(trunk, data, progress=False) if step == leave)
        branch = begin(job.recipe(steps, start))
        branch.recogniser.load_state_dict(trunk.recogniser.state_dict())
        branch.restore({name: x.clone() for name, x in trunk.tensors().items()})
        branch.history, branch.seconds = [*trunk.history], trunk.seconds
        for _ in fit(branch, data, progress=False):
            pass
        branch.recogniser.eval()
        yield branch


# --- measuring


@cache
def people_of(split: str) -> Benchmark:
    """Those to choose settings on, or those to report on, whom nobody has looked at before."""
    return remembering(validation_benchmark(False) if split == "validation" else fresh_benchmark(False), SEEN)


@cache
def pictures_of(people: int) -> TrainSet:
    """What the runs of so many people are trained on."""
    return train_data(recipe("start", people=people), progress=False)


def measure(job: Job) -> Measured:
    """Everything that is known of a ladder, step by step."""
    rows, resampled, data = [], [], pictures_of(job.people)
    for run in ladder(job, str(started(job)), data):
        found, people = measured(run, data) if job.reported else (_tried(run), [])
        label = {"experiment": "length", "people": job.people, "seed": job.seed, "split": "test", "step": run.step}
        rows += [label | one for one in found]
        resampled += people
    return rows, np.rint(1e4 * np.array(resampled)).astype(np.uint16)


def _tried(run: Run) -> list[dict]:
    """What a setting is chosen by, and what is known of its training."""
    found = evaluate_benchmark(run.recogniser, people_of("validation"), ("clean", "mixed"))
    last = run.history[-10:]
    reached = sum(point["confidence"] for point in last) / len(last)
    trained = row("training", "confidence", reached, len(last)), row("training", "seconds", run.seconds, run.step)
    return [one | {"split": "validation"} for one in found] + [*trained]


def measured(run: Run, data: TrainSet) -> tuple[list[dict], list]:
    """Rows of a finished run, those first that have the TAR under people drawn anew; and that, [resamples] each."""
    model, test = run.recogniser, people_of("test")
    fit_variances_afterwards(run, data)
    rows, people = _core(model, test)
    rows += _tried(run) + evaluate_pull(run, data)
    if run.recipe.steps == MAIN:
        rows += evaluate_benchmark(model, test, UNSEEN, WAYS)
        rows += evaluate_templates(model, test) + evaluate_rejection(model, test)
        rows += evaluate_identification(model, test, people_of("validation").straight)
    return rows, people


def _core(model: Recogniser, test: Benchmark) -> tuple[list[dict], list]:
    """TAR of the core conditions by both ways, of mixed quality the mean of several draws, with resampled people."""
    gallery, labels, rows, people = test.gallery, test.labels, [], []
    enrolled = embed(model, test.straight[gallery])
    for condition in CONDITIONS:
        found: dict[str, list] = {way: [] for way in WAYS}
        for draw in range(DRAWS if condition == "mixed" else 1):
            probes = embed(model, test.probes(condition, draw))
            against = embed(model, test.images(condition, draw)[gallery]) if condition == "mixed" else enrolled
            for way in WAYS:
                found[way].append(_tars(scores_of(probes, against, way).numpy(), labels[~gallery], labels[gallery]))
        for way in WAYS:
            mean = np.mean(found[way], 0)
            rows.append(row(condition, "tar", mean[0], int((~gallery).sum() * (gallery.sum() - 2)), FAR, way))
            people.append(mean[1:])
    return rows, people


def _tars(scores: np.ndarray, rows: torch.Tensor, columns: torch.Tensor) -> np.ndarray:
    """TAR of everybody, then of people drawn anew; [1 + resamples]."""
    same = rows.numpy()[:, None] == columns.numpy()
    whole = tar_at_far(scores[same], scores[~same], FAR)
    return np.concatenate([[whole], bootstrap_tar_at_far(scores, rows.numpy(), columns.numpy(), FAR, RESAMPLES)])


# --- which setting a row has

CURVE = (8.0, 12.0, 16.0, 20.0, 28.0, 40.0, 64.0)  # the fixed scales that C is held against
RATES = (0.05, 0.2)  # tried beside 0.1 with the best of a row's other settings
_LEARNED = [{"margin": m, "s0": s0, "regularise": r} for m, s0, r in (
    (8.0, 20.0, 0.0005), (8.0, 20.0, 0.001), (8.0, 20.0, 0.002), (8.0, 20.0, 0.004), (8.0, 20.0, 0.008),
    (5.0, 12.0, 0.002), (11.0, 28.0, 0.001))]  # fmt: skip


def tries(name: str, chosen: dict[str, Setting]) -> list[Setting]:
    """What a row may be, before the rates: as many for each row; `chosen`: the rows that it builds on."""
    C = {"loss": "confidence"} | chosen.get("C", {})
    known: dict[str, list[Setting]] = {
        "A": [{"scale": s, "probability": 0.0} for s in CURVE],
        "B": [{"scale": s} for s in CURVE],
        "C": [{"loss": "confidence"} | one for one in _LEARNED],
        "S": [{"loss": "confidence", "per_image": False} | one for one in _LEARNED],
        "C0*": [C | {"s0": s, "frozen": 1.0} for s in CURVE],
    }
    return known[name]


def choose(rows: Iterable[str], people: int, chosen: dict[str, Setting], jobs: int, rates: bool = True) -> None:
    """Add the setting of each row that is best on validation people, seed 0, to those `chosen`."""
    for stage in (False, True)[: 1 + rates]:
        more = {name: [chosen[name] | {"lr": lr} for lr in RATES] if stage else tries(name, chosen) for name in rows}
        tried = {name: [_try(name, one, people, stage) for one in more[name]] for name in rows}
        measure_all((job for name in rows for job in tried[name]), jobs)
        for name in rows:
            found = {on_validation(job): one for job, one in zip(tried[name], more[name], strict=True)}
            best = found[max(found)]
            if not stage or max(found) > on_validation(_try(name, chosen[name], people, False)):
                chosen[name] = best


def _try(name: str, setting: Setting, people: int, rates: bool) -> Job:
    """A setting at the main length; the curve of fixed scales is a result too where it is shown."""
    shown = name == "B" and people in SHOWN and not rates
    return Job(tuple(setting.items()), people, 0, LENGTHS if shown else (MAIN,), shown)


def on_validation(job: Job, steps: int = MAIN) -> float:
    """What settings are chosen by: clean plus mixed TAR@FAR=1e-3 by the cosine, in percent."""
    table = job.table
    wanted = (table.split == "validation") & (table.metric == "tar") & (table.step == steps)
    return float(100 * table[wanted & table.configuration.isna()].value.sum())


def measure_all(jobs_to_do: Iterable[Job], jobs: int) -> None:
    """Train and measure what is not kept yet, those first that were asked for first."""
    left = [job for job in dict.fromkeys(jobs_to_do) if not is_measured(job.path, job.known_as)]
    work(_measure, left, "ladders", jobs)


def _measure(job: Job) -> None:
    job.table  # noqa: B018


def finals(name: str, people: int, seed: int, chosen: dict[str, Setting]) -> Job:
    """The job of a row with its chosen setting; C0 is frozen at the mean confidence that C reached."""
    setting = chosen["C" if name == "C0" else name]
    if name == "C0":
        setting = setting | {"s0": reached(finals("C", people, seed, chosen)), "frozen": 1.0}
    return Job(tuple(setting.items()), people, seed)


def reached(job: Job) -> float:
    """The mean confidence on the last batches of the main length."""
    table = job.table
    return round(float(table[(table.metric == "confidence") & (table.step == MAIN)].value.iloc[0]), 2)


SEEDS = {300: (0, 1, 2), 600: (0, 1, 2, 3, 4), 1500: (0, 1, 2), 3000: (0, 1, 2, 3, 4)}


def reproduce_length(jobs: int = 2) -> None:
    """Train and measure everything, the most telling first."""
    chosen: dict[int, dict[str, Setting]] = {people: {} for people in PEOPLE}
    for people in (3000, 600):
        choose("BC", people, chosen[people], jobs)
        for name in "CB":
            measure_all((finals(name, people, seed, chosen[people]) for seed in SEEDS[people]), jobs)
        both = [finals(name, people, seed, chosen[people]) for seed in (0, 1) for name in "CB"]
        measure_all((replace(job, lengths=(LONGEST,)) for job in both), jobs)
