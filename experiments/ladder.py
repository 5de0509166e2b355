"""A ladder of runs: of one recipe the run of each length, measured on the way.

One trunk at full rate, from which a branch leaves for each length, its rate falling over the last fifth. A branch is,
to the bit, the run of that length alone, and a ladder to L steps costs 1.2 L instead of 2 L.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from experiments.bootstrap import bootstrap_tar_at_far
from experiments.features import factor_probes, hole_rows, separation, strength_curves
from experiments.identification import evaluate_identification
from experiments.kept import Measured, fingerprint, kept_path, measured_once
from experiments.measures import evaluate_covers, evaluate_rejection, evaluate_templates, remembering
from experiments.people import fresh_benchmark, render_scenes, validation_benchmark
from experiments.pull import evaluate_pull
from experiments.rows import Setting
from experiments.runs import trained
from salon.evaluation.benchmark import evaluate_benchmark, scores_of
from salon.evaluation.people import CONDITIONS, COVERED, UNSEEN, Benchmark, known
from salon.evaluation.protocols import tar_at_far
from salon.evaluation.results import FAR, row
from salon.faces.variations import VARIATIONS
from salon.model.decorrelation import variation_masks
from salon.model.network import Recogniser, embed
from salon.training.data import RENDERED, TrainSet
from salon.training.fabric import processes
from salon.training.loop import Run, begin, fit, fit_variances_afterwards, train_data
from salon.training.recipes import Recipe, recipe
from salon.training.run import recipe_fingerprint

LENGTHS = (200, 400, 800, 1600, 3200)  # steps
MAIN = 3200  # the length that settings are chosen at, and that everything is measured at
COOLDOWN = 0.2
FROZEN = 40  # steps for which a confidence that is learned stays at s0
RESAMPLES, DRAWS = 100, 3  # of people; of mixed quality
WAYS = ("cosine", "likelihood")
# What all rows have, and how many numbers all sub-embeddings have together.
SIZES: dict[str, tuple[Setting, int]] = {
    "lecture": ({}, 128),
    "wide": ({}, 512),
    "gpu": ({"images": 16, "yaw": 30.0, "size": 112, "width": 2.0, "batch": 256}, 512),
}


@dataclass(frozen=True)
class Job:
    """A ladder: a setting (names and values), so many people, a seed, the lengths, and the size of everything."""

    setting: tuple[tuple[str, Any], ...]
    people: int
    seed: int
    lengths: tuple[int, ...] = LENGTHS
    reported: bool = True  # False: only tried, so that no test person is looked at
    size: str = "lecture"  # of `SIZES`

    @property
    def start(self) -> Recipe:
        """What rows of these people and seed start from, clean; more than usual are looked at as often each."""
        (common, D), setting, usual = SIZES[self.size], dict(self.setting), recipe("start")
        network = {"places": True, "K": setting["K"], "d": D // setting["K"]} if "places" in setting else {}
        network |= {"width": setting["width"]} if "width" in setting else {}
        network |= {"steps": usual.steps * self.people // usual.people} if self.people > usual.people else {}
        return recipe("start", people=self.people, seed=self.seed, **{"d": D} | common | network)

    def recipe(self, steps: int, start: str = "") -> Recipe:
        """The run of one length; `start`: the file of the clean pre-training."""
        (common, D), setting = SIZES[self.size], dict(self.setting)
        usual: Setting = {"probability": 0.3, "lr": 0.1, "cooldown": COOLDOWN, "frozen": FROZEN / steps}
        fixed: Setting = {"people": self.people, "seed": self.seed, "steps": steps, "start": start,
                          "d": D // setting.get("K", 1)}  # fmt: skip
        return recipe("cosface", **usual | common | setting | fixed)

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
        folder = "length" if self.size == "lecture" else f"length_{self.size}"
        return kept_path(folder, f"{self.people}-{words}-seed{self.seed}-{self.lengths[-1]}{kind}")

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
    """The finished run of each length, shortest first; trained on a GPU where there is one, measured on the CPU."""
    trunk = begin(job.recipe(job.lengths[-1], start), processes("best"))
    for steps in job.lengths:
        leave = round((1 - COOLDOWN) * steps)
        if trunk.step < leave:
            next(step for step in fit(trunk, data, progress=False) if step == leave)
        branch = begin(job.recipe(steps, start), trunk.fabric)
        branch.recogniser.load_state_dict(trunk.recogniser.state_dict())
        branch.restore({name: x.clone() for name, x in trunk.tensors().items()})
        branch.history, branch.seconds = [*trunk.history], trunk.seconds
        for _ in fit(branch, data, progress=False):
            pass
        yield branch.to_cpu()


# --- measuring


@cache
def people_of(split: str, size: int) -> Benchmark:
    """Those to choose settings on, or those to report on, whom nobody has looked at before, `size` pixels wide."""
    made = validation_benchmark(False) if split == "validation" else fresh_benchmark(False)
    return remembering(made if size <= RENDERED else render_scenes(known(made.scenes), size, False), size)


@cache
def pictures_of(people: int, size: str) -> TrainSet:
    """What the runs of so many people are trained on."""
    return train_data(recipe("start", people=people, **SIZES[size][0]), progress=False)


def measure(job: Job) -> Measured:
    """Everything that is known of a ladder, step by step."""
    rows, resampled, data = [], [], pictures_of(job.people, job.size)
    for run in ladder(job, str(started(job)), data):
        found, people = measured(run, data) if job.reported else (_tried(run), [])
        label = {"experiment": "length", "people": job.people, "seed": job.seed, "split": "test", "step": run.step}
        rows += [label | one for one in found]
        resampled += people
    return rows, np.rint(1e4 * np.array(resampled)).astype(np.uint16)


def _tried(run: Run) -> list[dict]:
    """What a setting is chosen by, and what is known of its training."""
    found = evaluate_benchmark(run.recogniser, people_of("validation", run.recipe.size), ("clean", "mixed"))
    last = run.history[-10:]
    reached = sum(point["confidence"] for point in last) / len(last)
    trained = row("training", "confidence", reached, len(last)), row("training", "seconds", run.seconds, run.step)
    return [one | {"split": "validation"} for one in found] + [*trained]


def measured(run: Run, data: TrainSet) -> tuple[list[dict], list]:
    """Rows of a finished run, those first that have the TAR under people drawn anew; and that, [resamples] each."""
    model, test = run.recogniser, people_of("test", run.recipe.size)
    fit_variances_afterwards(run, data)
    rows, people = _core(model, test)
    rows += _tried(run) + evaluate_pull(run, data)
    if run.recipe.steps == MAIN:
        rows += _everything(run, test)
    return rows, people


def _everything(run: Run, test: Benchmark) -> list[dict]:
    """What is measured at the main length only: unseen variations, templates, rejection, identification, features."""
    model, r = run.recogniser, run.recipe
    rows = evaluate_benchmark(model, test, UNSEEN, WAYS) + evaluate_covers(model, test)
    rows += evaluate_templates(model, test) + evaluate_rejection(model, test)
    rows += evaluate_identification(model, test, people_of("validation", run.recipe.size).straight)
    rows += hole_rows(model, test) + strength_curves(model)
    if r.K > 1:  # without decorrelation it is judged by the masks that others of its seed were given
        masks = variation_masks(len(VARIATIONS), r.K, torch.Generator().manual_seed(r.seed))
        rows += separation(model, test, masks if run.masks is None else run.masks)
        rows += factor_probes(model, test) if r.seed == 0 else []  # half a minute
    return rows


def _core(model: Recogniser, test: Benchmark) -> tuple[list[dict], list]:
    """TAR of the core conditions by both ways, of mixed quality the mean of several draws, with resampled people."""
    gallery, labels, rows, people = test.gallery, test.labels, [], []
    enrolled = embed(model, test.straight[gallery])
    for condition in (*CONDITIONS, *COVERED):
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


def core_rows(table: pd.DataFrame) -> pd.Series:
    """Which rows of a ladder have the TAR under people drawn anew, in the order of those."""
    of_core = table.condition.isin([*CONDITIONS, *COVERED]) & (table.metric == "tar")
    return of_core & (table.split == "test")
