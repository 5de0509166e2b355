"""Every step of the paper beside the one before: each row tuned on validation people, tested once, seed by seed."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from experiments.bootstrap import bootstrap_tar_at_far
from experiments.identification import evaluate_identification
from experiments.measures import evaluate_rejection, evaluate_templates, remembering
from experiments.people import render_benchmark, render_scenes, validation_benchmark
from experiments.rows import Setting, Settings, clean_and_mixed, tuned, work
from experiments.runs import cached_run, trained
from experiments.tables import write_table
from salon.evaluation.benchmark import evaluate_benchmark, scores_of
from salon.evaluation.people import CONDITIONS, UNSEEN, Benchmark, known, test_benchmark
from salon.evaluation.results import FAR, SUFFIX, labelled
from salon.model.network import Recogniser, embed
from salon.training import checkpoints
from salon.training.data import RENDERED
from salon.training.recipes import Recipe, recipe
from salon.training.run import recipe_fingerprint

CURVE = (8, 12, 16, 20, 28, 40)  # the fixed scales that C is held against
ROWS = ("start", "A", "B", "B2", "C0", "C0*", "C", "D", "E", "E-λ2")
WEAK = 0.6  # the second strength of augmentation, beside 1: nothing hopeless in training
WEAK_CURVE = (8, 12, 28)
RESAMPLES = 200
CRITERION = "the sum of clean and mixed TAR@FAR=1e-3 on validation people, mean over the seeds tuned on"
Cell = tuple[str, int]  # a row and a seed

# What each row may be, six tries each; rows of the same choice share what they have in common.
CANDIDATES: dict[str, list[Setting]] = {
    "A": [{"scale": float(s)} for s in CURVE],
    "B": [{"scale": float(s), "margin": m} for s, m in
          ((8, 0.35), (12, 0.35), (16, 0.35), (20, 0.35), (8, 0.2), (8, 0.5))],
    "C": [{"margin": float(m), "s0": float(s0), "regularise": r} for m, s0, r in
          ((5, 12, 0.002), (6, 16, 0.002), (8, 20, 0.002), (8, 20, 0.001), (8, 20, 0.004), (10, 28, 0.001))],
    "C0*": [{"s0": float(s), "frozen": 1.0} for s in (8, 12, 16, 20, 24, 28)],
    "D": [{"K": 4}, {"K": 8}, {"K": 16}, *({"K": 8, "margin": m, "s0": s0, "regularise": r} for m, s0, r in
          ((6.0, 16.0, 0.002), (8.0, 20.0, 0.004), (10.0, 28.0, 0.001)))],
    "E": [{"decorrelate": weight, "hide": hide} for weight in (0.1, 0.5, 2.0) for hide in ("others", "rest")],
}  # fmt: skip
# E-λ2, chosen for separation on validation people, not for accuracy: what is not in V_t hides t, with a slower
# discriminator (a faster one makes the network hide no better).
SEPARATED: Setting = {"decorrelate": 2.0, "hide": "rest", "opponent_lr": 1e-3}
NEIGHBOURS = (("B", "A"), ("B2", "B"), ("C", "B"), ("C", "B2"), ("C", "C0"), ("C", "C0*"), ("D", "C"), ("E", "D"),
              ("E-λ2", "D"), ("E", "B"))  # fmt: skip


@dataclass(frozen=True)
class Scale:
    """How large the ablation is: the people and the network, the seeds, and the start of every row."""

    name: str
    seeds: tuple[int, ...]
    tuned_on: tuple[int, ...]  # the seeds of the tuning
    common: Setting  # what every row has
    start: Setting | None = None  # a clean pre-training for each seed; None: every row from scratch
    D: int = 128  # K d
    people: tuple[int, int] | None = None  # validation and test people, if not those that are shipped
    strengths: tuple[float, ...] = (1.0, WEAK)
    candidates: Mapping[str, list[Setting]] = field(default_factory=lambda: CANDIDATES)
    separated: Setting = field(default_factory=lambda: SEPARATED)  # what E-λ2 has beyond D


_TRIED = {row: tries[:2] for row, tries in CANDIDATES.items()}
# Two tries a row, so that all of it is a day of a GPU; larger scales, as a class layer of thousands wants them.
_ON_GPU: dict[str, list[Setting]] = _TRIED | {
    "A": [{"scale": 32.0}, {"scale": 64.0}], "B": [{"scale": 16.0}, {"scale": 32.0}],
    "C": [{"margin": 8.0, "s0": 20.0, "regularise": 0.002}, {"margin": 16.0, "s0": 40.0, "regularise": 0.001}],
    "C0*": [{"s0": 16.0, "frozen": 1.0}, {"s0": 32.0, "frozen": 1.0}], "D": [{"K": 16}, {"K": 8}],
}  # fmt: skip
SCALES = {
    scale.name: scale
    for scale in (
        Scale("lecture", (0, 1, 2, 3, 4), (0, 1), {"steps": 400}, {},
              separated=SEPARATED | {"K": 8, "steps": 800, "lr": 0.1}),
        Scale("gpu", (0, 1, 2), (0,), {"people": 4000, "images": 16, "yaw": 30.0, "size": 112, "width": 2.0,
              "steps": 4000, "batch": 256, "lr": 0.1}, D=512, strengths=(1.0,), candidates=_ON_GPU),
        Scale("tiny", (0, 1), (0,), {"people": 12, "images": 4, "size": 32, "width": 0.5, "steps": 6, "batch": 16},
              {"steps": 6}, D=16, people=(24, 210), candidates=_TRIED),
    )
}  # fmt: skip


# --- which recipe a row is


def start_recipe(scale: Scale, seed: int) -> Recipe:
    """The clean pre-training of a seed."""
    kept = {name: x for name, x in scale.common.items() if name != "steps"}
    return recipe("start", seed=seed, d=scale.D, **kept, **(scale.start or {}))


def row_recipe(scale: Scale, row: str, seed: int, chosen: Settings, strength: float = 1.0) -> Recipe:
    """The recipe of a row, given what was chosen for the rows before it ("CosFace s=8": a point of the curve)."""
    if row == "start":
        return start_recipe(scale, seed)
    loss, setting = _setting(scale, row, seed, chosen, strength)
    start = "" if scale.start is None else str(run_of(start_recipe(scale, seed)))
    common = scale.common | {"d": scale.D // setting.get("K", 1), "start": start, "seed": seed}
    return recipe(loss, **common | {"strength": strength, "probability": 0.3} | setting)


def _setting(scale: Scale, row: str, seed: int, chosen: Settings, strength: float) -> tuple[str, Setting]:
    """The loss of a row and all that is its own."""
    if row in ("A", "B"):
        return "cosface", chosen[row] | ({"probability": 0.0} if row == "A" else {})
    if row.startswith("CosFace s="):
        return "cosface", {"scale": float(row.removeprefix("CosFace s="))}
    C = chosen["C"]
    if row == "B2":  # CosFace's margin is a cosine: that of C's logit at s0
        return "cosface", {"scale": C["s0"], "margin": C["margin"] / C["s0"]}
    if row == "C0":
        return "confidence", C | {"s0": reached(scale, seed, C, strength), "frozen": 1.0}
    own = {"C": ({},), "C0*": (chosen.get("C0*"),), "D": (chosen.get("D"),),
           "E": (chosen.get("D"), chosen.get("E")), "E-λ2": (chosen.get("D"), scale.separated)}  # fmt: skip
    return "confidence", C | {name: x for part in own[row] for name, x in (part or {}).items()}


def reached(scale: Scale, seed: int, C: Setting, strength: float = 1.0) -> float:
    """The mean confidence of C on its last training batches, the constant of C0."""
    last = checkpoints.read_card(run_of(row_recipe(scale, "C", seed, {"C": C}, strength)))["history"][-10:]
    return round(sum(point["confidence"] for point in last) / len(last), 3)


def rows_at(scale: Scale, strength: float) -> list[str]:
    """The rows that are tested: all of them at full strength, the curve and the three confidences otherwise."""
    curve = [f"CosFace s={s}" for s in (CURVE if strength == 1 else WEAK_CURVE)]
    if strength == 1:
        return [*(row for row in ROWS if row != "start" or scale.start is not None), *curve]
    return [*curve, "C0", "C0*", "C"]


def run_of(made: Recipe) -> Path:
    """Where the cache keeps a run: its folder is named by all that decides it, if only this experiment knows it."""
    plain = made == recipe(made.name, seed=made.seed)
    return cached_run(made, made.name if plain else f"ablation-{made.name}-{recipe_fingerprint(made)[:8]}")


def train_run(made: Recipe, variances: bool = False) -> Recogniser:
    """A run from the cache, or trained now, on a GPU where there is one."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    label = run_of(made).parent.name.removesuffix(f"-seed{made.seed}")
    return trained(made, label, variances=variances, progress=False, device=device)[0]


# --- training


def tune(scale: Scale, jobs: int) -> tuple[dict[str, Setting], dict[str, list]]:
    """Each row's best setting on validation people, after those that it builds on; and every sum that was seen."""
    if scale.start is not None:
        starts = [start_recipe(scale, seed) for seed in scale.seeds]
        work(partial(train_run, variances=True), starts, "clean starts", jobs)
    stages = ("A", "B", "C"), ("C0*", "D"), ("E",)
    return tuned(stages, scale.candidates, scale.tuned_on, partial(_clean_and_mixed, scale), jobs)


def _clean_and_mixed(scale: Scale, run: tuple[str, int, Settings]) -> float:
    """Clean plus mixed TAR of a run on validation people, in percent."""
    return clean_and_mixed(train_run(row_recipe(scale, *run)), pictures(scale, "validation"))


def train_rows(scale: Scale, strength: float, chosen: Settings, jobs: int) -> dict[Cell, Recipe]:
    """Train every row of every seed that the tuning did not; C first, at whose mean C0 is frozen."""
    for rows in (["C"], rows_at(scale, strength)):
        made = {(row, seed): row_recipe(scale, row, seed, chosen, strength) for row in rows for seed in scale.seeds}
        train = partial(train_run, variances=strength == 1)
        work(train, dict.fromkeys(made.values()), f"training, strength {strength:g}", jobs)
    return made


# --- measuring


def pictures(scale: Scale, split: str) -> Benchmark:
    """The people to tune or to test on, at the size of the scale's network if that is more than is shipped."""
    return _pictures(split, scale.people, scale.common.get("size", RENDERED))


@cache
def _pictures(split: str, people: tuple[int, int] | None, size: int) -> Benchmark:
    if people is not None:
        made = render_benchmark(split, people[split == "test"], False)
    else:
        made = test_benchmark() if split == "test" else validation_benchmark(False)
    return remembering(made if size <= RENDERED else render_scenes(known(made.scenes), size, False))


def measured(scale: Scale, job: tuple[Recipe, bool]) -> tuple[list[dict], dict[tuple[str, str], NDArray]]:
    """Rows of a run on test people; and TAR, clean and mixed, under people drawn anew, [resamples] each.

    The job is its recipe, and whether to measure everything, or, of a point of the curve, the core conditions only.
    """
    made, everything = job
    model, benchmark = train_run(made, variances=made.strength == 1), pictures(scale, "test")
    ways: tuple[str, ...] = ("cosine", "likelihood") if made.strength == 1 else ("cosine",)
    rows = evaluate_benchmark(model, benchmark, CONDITIONS + (UNSEEN if everything else ()), ways)
    if everything:
        rows += evaluate_templates(model, benchmark) + evaluate_rejection(model, benchmark)
        rows += evaluate_identification(model, benchmark, pictures(scale, "validation").straight)
    return rows, {(condition, way): _resampled(model, benchmark, condition, way)
                  for condition in ("clean", "mixed") for way in ways}  # fmt: skip


def _resampled(model: Recogniser, benchmark: Benchmark, condition: str, way: str) -> NDArray:
    gallery, labels = benchmark.gallery, benchmark.labels
    enrolled = embed(model, benchmark.images(condition)[gallery])
    scores = scores_of(embed(model, benchmark.probes(condition)), enrolled, way)
    return bootstrap_tar_at_far(scores.numpy(), labels[~gallery], labels[gallery], FAR, RESAMPLES)


# --- the table


def reproduce_ablation(size: str = "lecture", jobs: int = 2) -> Path:
    """The ablation, tuning included: CosFace to the whole method, beside the controls, seed by seed (--scale).

    Interrupted, the same command goes on: each run is kept in the cache, and resumes from its last checkpoint.
    A weaker strength of augmentation gets a table of its own.
    """
    scale = SCALES[size]
    chosen, seen = tune(scale, jobs)
    notes = {"chosen": chosen, "tried_on_validation": seen, "criterion": CRITERION, "tuned_on": scale.tuned_on}
    paths = [_table(scale, strength, chosen, notes, jobs) for strength in scale.strengths]
    return paths[0]


def _table(scale: Scale, strength: float, chosen: Settings, notes: dict, jobs: int) -> Path:
    """Train, measure and write all rows at one strength of augmentation."""
    recipes = train_rows(scale, strength, chosen, jobs)
    whole = {made for (row, _), made in recipes.items() if strength == 1 and row in ROWS}
    tasks = {made: (made, made in whole) for made in recipes.values()}
    found = dict(zip(tasks, work(partial(measured, scale), tasks.values(), "measuring", jobs), strict=True))
    experiment = "ablation" if strength == 1 else f"ablation_strength_{strength:g}"
    rows = [one for (row, seed), made in recipes.items()
            for one in labelled(found[made][0], row, experiment, seed)]  # fmt: skip
    start = "the clean start of the seed"  # and not a path
    printed = {row: str(replace(recipes[row, scale.seeds[0]], start=start)) for row in rows_at(scale, strength)}
    return write_table(
        f"ablation_{scale.name}{'' if strength == 1 else '_weak'}", rows,
        f"salon reproduce ablation --scale {scale.name}", **notes, seeds=scale.seeds, strength=strength,
        recipes=printed, resamples=RESAMPLES, training_seconds=_seconds(recipes), runs=len(tasks),
        people=_people_intervals(scale, strength, {key: found[made][1] for key, made in recipes.items()}),
    )  # fmt: skip


def _people_intervals(scale: Scale, strength: float, boot: dict) -> list[dict]:
    """95 % intervals over people of the mean over seeds, in percent: of each row, and of neighbours' differences."""
    rows, found = rows_at(scale, strength), []
    pairs = [(row, None) for row in rows] + [pair for pair in NEIGHBOURS if set(pair) <= set(rows)]
    for (row, base), (condition, way) in product(pairs, boot["C", scale.seeds[0]]):
        mean = np.mean([boot[row, seed][condition, way] for seed in scale.seeds], 0)
        if base is not None:
            mean = mean - np.mean([boot[base, seed][condition, way] for seed in scale.seeds], 0)
        low, high = np.quantile(100 * mean, (0.025, 0.975))
        suffix = SUFFIX[way]
        found.append({"configuration": row + suffix, "minus": base and base + suffix, "condition": condition,
                      "low": round(float(low), 2), "high": round(float(high), 2)})  # fmt: skip
    return found


def _seconds(recipes: Mapping[Cell, Recipe]) -> dict[str, float]:
    """Mean seconds of training, by row, as the runs noted them (those of older versions did not)."""
    noted: dict[str, list[float]] = {}
    for (row, _), made in recipes.items():
        noted.setdefault(row, []).extend(filter(None, [checkpoints.read_card(run_of(made)).get("seconds")]))
    return {row: round(float(np.mean(seconds)), 1) for row, seconds in noted.items() if seconds}
