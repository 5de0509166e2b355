"""Does training with hard augmented samples converge? CosFace with and without them, watched from scratch."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path

import torch
from torch import Tensor

from experiments.rows import work
from experiments.tables import write_table
from salon.evaluation.benchmark import evaluate_benchmark
from salon.evaluation.people import Benchmark, test_benchmark
from salon.evaluation.results import labelled, row
from salon.model.losses import identification_logits
from salon.model.network import embed
from salon.training.data import TrainSet
from salon.training.loop import Run, begin, draw_batch, fit, train_data
from salon.training.recipes import Recipe, recipe

SEEDS, STEPS, MARKS = (0, 1, 2), 800, (50, 100, 200, 300, 400, 600, 800)
SHOWN = 1024  # training pictures that are classified at each mark
HARD = {"people": 600, "probability": 0.3, "steps": STEPS}
# Nobody tuned these: the start's recipe, with the ablation's chosen scale and confidence beside it.
ROWS: dict[str, Recipe] = {
    "A": recipe("start", people=600, steps=STEPS),
    "B": recipe("start", **HARD),
    "B s=8": recipe("start", **HARD, scale=8.0),
    "C": recipe("start", **HARD, loss="confidence", margin=8.0, regularise=0.004),
}


def recipe_of(row: str, seed: int) -> Recipe:
    """A: without variations; B: with them, at the same scale and at a small one; C: with a learned confidence."""
    return replace(ROWS[row], seed=seed)


def training_accuracy(run: Run, pictures: Tensor, labels: Tensor) -> float:
    """Share of training pictures [n, 1, H, W] for which the prototype of the right person fits best."""
    embedding = embed(run.recogniser, pictures)
    logits = identification_logits(embedding, run.criterion.prototypes.detach())
    return (logits.argmax(1) == labels).float().mean().item()


def shown_pictures(made: Recipe, data: TrainSet) -> dict[str, tuple[Tensor, Tensor]]:
    """Training pictures and labels as they are, and with all variations drawn as in training."""
    generator, found = torch.Generator().manual_seed(7), {}
    for name, share in (("clean", 0.0), ("augmented", HARD["probability"])):
        shown = recipe("start", batch=SHOWN, probability=share, size=made.size)
        found[name] = draw_batch(shown, data, generator)[:2]
    return found


def watched(made: Recipe, data: TrainSet, benchmark: Benchmark) -> Iterator[dict]:
    """Train a recipe; at each of `MARKS` the training accuracy and the TAR on people never seen, as rows."""
    run, shown = begin(made), shown_pictures(made, data)
    for step in fit(run, data, progress=False):
        if step not in MARKS:
            continue
        for condition, (pictures, labels) in shown.items():
            accuracy = training_accuracy(run, pictures, labels)
            yield row(condition, "accuracy", accuracy, len(labels)) | {"split": "train", "step": step}
        for found in evaluate_benchmark(run.recogniser, benchmark, ("clean", "mixed")):
            if found["metric"] == "tar":
                yield found | {"step": step}


def _rows(job: tuple[str, int]) -> list[dict]:
    made = recipe_of(*job)
    found = watched(made, train_data(made, progress=False), test_benchmark())
    return labelled(found, job[0], "convergence", job[1])


def reproduce_convergence(jobs: int = 2) -> Path:
    """From scratch with and without augmentation: what is learned of training people, and of others, on the way."""
    found = work(_rows, product(ROWS, SEEDS), "from scratch", jobs)
    return write_table(
        "convergence", [row for rows in found for row in rows], "salon reproduce convergence", seeds=SEEDS,
        recipes={row: str(made) for row, made in ROWS.items()}, marks=MARKS, training_pictures=SHOWN,
    )  # fmt: skip
