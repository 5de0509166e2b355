"""Do the decorrelation losses do what they say? Probes of each variation on each sub-embedding, with and without."""

from itertools import product
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from salon.experiments.benchmark import evaluate_benchmark
from salon.experiments.checkpoints import load_training
from salon.experiments.data import CONDITIONS, Benchmark, test_benchmark
from salon.experiments.intervals import t_interval
from salon.experiments.probes import probe_all, varied_embedding
from salon.experiments.recipes import Recipe, recipe
from salon.experiments.results import write_table
from salon.experiments.runs import trained
from salon.faces.variations import VARIATIONS
from salon.model.decorrelation import CONSTANT, impostor_cosine, sub_embedding_correlation, variation_masks
from salon.model.matching import fuse
from salon.model.network import Recogniser, embed

SEEDS = (0, 1, 2)
SHAPE: dict[str, Any] = {"K": 8, "d": 16, "steps": 700}
# lambda_cls = lambda_adv of each configuration, and the model that mined further variations.
CONFIGURATIONS: dict[str, dict[str, Any]] = {
    "D": {"decorrelate": 0.0}, "E": {"decorrelate": 0.5}, "E-mined": {"decorrelate": 0.5, "mined": "attributes"},
    "E-λ2": {"decorrelate": 2.0},
}  # fmt: skip
COMPARED = (("E", "D"), ("E-mined", "E"), ("E-λ2", "D"))


def configuration(name: str, seed: int) -> Recipe:
    """K = 8 sub-embeddings from the clean start of the seed, decorrelated or not."""
    start = str(trained(recipe("start", seed=seed), "start")[1])
    return recipe("confidence", seed=seed, start=start, **SHAPE, **CONFIGURATIONS[name])


def reproduce_decorrelation() -> Path:
    """Sub-embeddings with and without the losses (11) to (13) and mined variations: probes, correlation, accuracy."""
    rows = [row for seed in SEEDS for name in CONFIGURATIONS for row in _measured(name, seed)]
    return write_table(
        "decorrelation", rows, "salon reproduce decorrelation", configurations=CONFIGURATIONS,
        recipe=str(recipe("confidence", **SHAPE)), constant_above=CONSTANT, intervals=_intervals(rows), chance=0.5,
        probe="balanced accuracy of logistic regression, half of the test people train it, the other half test it",
        correlation="of 1 - cosine to the mean of a person's gallery, between two sub-embeddings, mean of all pairs",
    )  # fmt: skip


def _measured(name: str, seed: int) -> list[dict]:
    made, benchmark = configuration(name, seed), test_benchmark()
    model, path = trained(made, f"decorrelation-{name}")
    masks = load_training(path).get("masks")
    if masks is None:  # D is judged by the masks that the others of its seed were given
        masks = variation_masks(len(VARIATIONS), made.K, torch.Generator().manual_seed(seed))
    common = {
        "experiment": "decorrelation",
        "configuration": name,
        "pa": False,
        "seed": seed,
        "split": "test",
    }
    rows = evaluate_benchmark(model, benchmark, CONDITIONS)
    for row in rows:
        del row["matching"]
    return [common | row for row in [*separation(model, benchmark, masks), *rows]]


def separation(model: Recogniser, benchmark: Benchmark, masks: Tensor, seed: int = 0) -> list[dict]:
    """Rows that say what each half of the sub-embeddings knows of each variation, and how alike they are.

    Of its half a variation shares some with others, whose adversary tells them to hide it: "alone" leaves those out.
    """
    varied, variations, images = varied_embedding(model, benchmark, seed)
    n, found = len(images), []
    probes = probe_all(varied, variations, benchmark.labels, seed)  # [M, K]
    for name, accuracy, mask in zip(
        VARIATIONS, probes, masks, strict=False
    ):  # masks of mined variations follow
        shared = mask & (masks.sum(0) > 1)
        groups = {"assigned": mask, "unassigned": ~mask, "alone": mask & ~shared, "shared": shared}
        found += [(name, f"probe_{group}", accuracy[m].mean()) for group, m in groups.items() if m.any()]
    clean = embed(model, benchmark.straight)
    people = fuse(clean[benchmark.gallery], benchmark.labels[benchmark.gallery])
    found += [
        ("clean", "impostor_cosine_most", impostor_cosine(clean, benchmark.labels).max()),
        ("varied", "correlation", sub_embedding_correlation(varied, people.features, benchmark.labels)),
    ]
    return [
        {"condition": condition, "metric": metric, "value": round(float(value), 4), "n": n}
        for condition, metric, value in found
    ]


def _intervals(rows: list[dict]) -> dict[str, tuple]:
    """95 % t-intervals over seeds: what a variation's own sub-embeddings know beyond the others, and the correlation.

    A seed whose masks leave a variation nothing of its own has no value there; of one value there is no interval.
    """

    def values(name: str, condition: str, metric: str) -> dict[int, float]:
        wanted = (name, condition, metric)
        chosen = (row for row in rows if (row["configuration"], row["condition"], row["metric"]) == wanted)
        return {row["seed"]: row["value"] for row in chosen}

    def difference(one: dict[int, float], other: dict[int, float]) -> tuple:
        return tuple(round(x, 4) for x in t_interval([one[seed] - other[seed] for seed in one]))

    found = {}
    for name, variation, group in product(CONFIGURATIONS, VARIATIONS, ("assigned", "alone")):
        own, other = (values(name, variation, f"probe_{which}") for which in (group, "unassigned"))
        if len(own) > 1:
            found[f"{name}, {variation}, {group} minus unassigned"] = difference(own, other)
    measured = [("varied", "correlation"), *((condition, "tar_at_far_0.001") for condition in CONDITIONS)]
    for (name, base), (condition, metric) in product(COMPARED, measured):
        pair = [values(which, condition, metric) for which in (name, base)]
        found[f"{name} minus {base}, {condition}, {metric}"] = difference(*pair)
    return found
