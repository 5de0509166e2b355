"""The stored experiments, each by one command, `salon reproduce NAME`; what was trained once is kept."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from salon.experiments import checkpoints
from salon.experiments.benchmark import evaluate_benchmark, tar
from salon.experiments.data import CONDITIONS, TEST_PEOPLE, Benchmark, test_benchmark, validation_benchmark
from salon.experiments.decorrelation import reproduce_decorrelation
from salon.experiments.gap import reproduce_gap
from salon.experiments.generator import reproduce_fairness, reproduce_generator
from salon.experiments.mining import reproduce_mining
from salon.experiments.real_faces import reproduce_real_faces
from salon.experiments.recipes import recipe
from salon.experiments.results import write_table
from salon.experiments.runs import run_path, trained
from salon.experiments.training import save, train
from salon.model.network import Recogniser
from salon.paths import data_root

SCALES = (8, 12, 16, 20, 28)
SEEDS = (0, 1)
# What C may be: margin of the logit, confidence to start from, lambda_reg; as many settings as CosFace has scales.
SETTINGS = ((5, 12, 0.002), (6, 16, 0.002), (8, 20, 0.002), (8, 20, 0.001), (10, 28, 0.001))


def _start(seed: int) -> str:
    return str(trained(recipe("start", seed=seed), "start")[1])


def fixed_scale(scale: float, seed: int) -> Recogniser:
    """CosFace with augmentation at one scale, from the clean start of its seed."""
    made = recipe("cosface", scale=float(scale), seed=seed, start=_start(seed))
    return trained(made, f"cosface-{scale}")[0]


def confidence(setting: tuple[float, float, float], seed: int) -> tuple[Recogniser, float]:
    """C under a setting, and the mean confidence that it reaches on its last training batches."""
    margin, s0, regularise = setting
    made = recipe(
        "confidence", margin=float(margin), s0=float(s0), regularise=regularise, seed=seed, start=_start(seed)
    )
    recogniser, path = trained(made, f"confidence-{margin}-{s0}-{regularise}")
    last = checkpoints.read_card(path)["history"][-10:]
    return recogniser, sum(row["confidence"] for row in last) / len(last)


def frozen_confidence(setting: tuple[float, float, float], seed: int) -> Recogniser:
    """C0: as C, but every confidence is the mean that C reaches, so that only the learning of it is missing."""
    mean = round(confidence(setting, seed)[1], 3)
    made = recipe("confidence", margin=float(setting[0]), s0=mean, frozen=1.0, seed=seed, start=_start(seed))
    return trained(made, "confidence-frozen")[0]


def choose(candidates: Iterable, models: Callable, validation: Benchmark) -> tuple[Any, list[tuple]]:
    """The candidate whose sum of clean and mixed TAR on validation people is highest, mean over seeds; and all sums."""
    sums = []
    for candidate in candidates:
        totals = []
        for seed in SEEDS:
            rows = evaluate_benchmark(models(candidate, seed), validation, ("clean", "mixed"))
            totals.append(tar(rows, "clean") + tar(rows, "mixed"))
        sums.append((candidate, round(sum(totals) / len(totals), 2)))
    return max(sums, key=lambda pair: pair[1])[0], sums


def reproduce_confidence() -> Path:
    """One scale for all against a confidence for each: CosFace at five scales, C0 and C, two seeds.

    Settings are chosen on validation people, the fixed scales with as many tries as C; test people are
    looked at once. Each row has its own pre-training per seed; pa says whether (16) matched.
    """
    validation = validation_benchmark()
    scale, scales = choose(SCALES, fixed_scale, validation)
    setting, settings = choose(SETTINGS, lambda s, seed: confidence(s, seed)[0], validation)
    rows, means = [], []
    for seed in SEEDS:
        models = {"A": trained(recipe("start", seed=seed), "start")[0]}
        models |= {f"CosFace s={s}": fixed_scale(s, seed) for s in SCALES}
        models |= {"C0": frozen_confidence(setting, seed), "C": confidence(setting, seed)[0]}
        means.append(round(confidence(setting, seed)[1], 2))
        for name, model in models.items():
            rows += _rows("confidence", name, seed, "test", model, test_benchmark())
            rows += _rows("confidence", name, seed, "validation", model, validation)
    return write_table(
        "confidence", rows, "salon reproduce confidence", best_fixed_scale=scale, best_setting=setting,
        fixed_scales_on_validation=scales, settings_on_validation=settings, mean_confidence_of_C=means,
        setting_is="margin of the logit, s0, lambda_reg", chosen_by="clean + mixed TAR@FAR=1e-3, validation people",
        recipe=str(recipe("confidence")), people={"train": recipe("start").people, "test": TEST_PEOPLE},
    )  # fmt: skip


def _rows(
    experiment: str, name: str, seed: int, split: str, model: Recogniser, benchmark: Benchmark
) -> list[dict]:
    matchings = ("cosine", "likelihood") if bool(model.variances_fitted) else ("cosine",)
    rows = evaluate_benchmark(model, benchmark, CONDITIONS, matchings)
    common = {"experiment": experiment, "configuration": name, "seed": seed, "split": split}
    return [common | {"pa": row.pop("matching") == "likelihood"} | row for row in rows]


def ship_model(name: str) -> Path:
    """Train a model by its recipe, or take it from the cache; write it to data/models without the optimiser."""
    made = recipe(name)
    run = train(made, out=run_path(made, name).parent, resume=True)
    path = data_root() / "models" / f"{name}.safetensors"
    save(run, path, training=False, made_by=f"salon refresh (recipe {name})")
    return path


EXPERIMENTS: dict[str, Callable[[], Path]] = {
    "confidence": reproduce_confidence, "real_faces": reproduce_real_faces, "generator": reproduce_generator,
    "fairness": reproduce_fairness, "gap": reproduce_gap, "decorrelation": reproduce_decorrelation,
    "mining": reproduce_mining,
}  # fmt: skip
