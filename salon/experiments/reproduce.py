"""The stored experiments, each by one command, `salon reproduce NAME`; what was trained once is kept."""

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from salon.experiments import checkpoints
from salon.experiments.benchmark import evaluate_benchmark, tar
from salon.experiments.data import CONDITIONS, TEST_PEOPLE, Benchmark, test_benchmark, validation_benchmark
from salon.experiments.evaluation import evaluate_pairs, raw_pixel_scores, verification
from salon.experiments.recipes import Recipe, recipe
from salon.experiments.results import write_table
from salon.experiments.training import save, train, trained_by
from salon.faces.collections import Pairs, read_pairs, write_pairs
from salon.model.network import Recogniser
from salon.paths import cache_path, data_path, data_root
from salon.text import SalonError

SCALES = (8, 12, 16, 20, 28)
SEEDS = (0, 1)
# What C may be: margin of the logit, confidence to start from, lambda_reg; as many settings as CosFace has scales.
SETTINGS = ((5, 12, 0.002), (6, 16, 0.002), (8, 20, 0.002), (8, 20, 0.001), (10, 28, 0.001))


def trained(made: Recipe, label: str) -> tuple[Recogniser, Path]:
    """The model of a recipe and its file, from the cache, or trained now and kept there."""
    path = _kept(made, label)
    train(made, out=path.parent, resume=True)
    return checkpoints.load(path)[0], path


def _kept(made: Recipe, label: str) -> Path:
    """Where the cache keeps a run; one of another recipe, or of other faces, is thrown away."""
    path = cache_path("runs", f"{label}-seed{made.seed}", "model.safetensors")
    if path.exists() and not trained_by(checkpoints.read_card(path), made):
        path.unlink()
    return path


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
    run = train(made, out=_kept(made, name).parent, resume=True)
    path = data_root() / "models" / f"{name}.safetensors"
    save(run, path, training=False, made_by=f"salon refresh (recipe {name})")
    return path


def reproduce_real_faces() -> Path:
    """The lecture's model and raw pixels on LFW-a and AT&T, in the folder SALON_REAL_FACES; numbers only."""
    faces = os.environ.get("SALON_REAL_FACES")
    if not faces:
        raise SalonError(
            "SALON_REAL_FACES is not set; set it to a folder with lfw_a, lfw_protocol and att_faces."
        )
    recogniser, _ = checkpoints.load(data_path("models", "lecture.safetensors"))
    rows = []
    for name, pairs in _real_pairs(Path(faces)):
        for way in ("cosine", "likelihood"):
            rows += _pair_rows(
                "lecture model", way == "likelihood", name, evaluate_pairs(recogniser, pairs, way)[0]
            )
        pixels = verification(raw_pixel_scores(pairs), pairs.same, pairs.fold)
        rows += _pair_rows("raw pixels", False, name, pixels)
    return write_table("real_faces", rows, "salon reproduce real_faces", trained_on="rendered people only")


def _real_pairs(faces: Path) -> Iterator[tuple[str, Pairs]]:
    yield "LFW-a", read_pairs(faces / "lfw_protocol" / "pairs.txt", faces / "lfw_a")
    file = cache_path("att_pairs.txt")
    write_pairs(faces / "att_faces", file)
    yield "AT&T", read_pairs(file, faces / "att_faces")


def _pair_rows(configuration: str, pa: bool, condition: str, metrics: dict) -> list[dict]:
    common = {
        "experiment": "real_faces",
        "configuration": configuration,
        "pa": pa,
        "seed": 0,
        "split": "test",
    }
    n = metrics["genuine_pairs"] + metrics["impostor_pairs"]
    names = ("accuracy", "accuracy_std", "eer", "tar_at_far_0.01", "tar_at_far_0.001")
    return [
        common | {"condition": condition, "metric": k, "value": metrics[k], "n": n}
        for k in names
        if metrics[k] is not None
    ]


EXPERIMENTS: dict[str, Callable[[], Path]] = {
    "confidence": reproduce_confidence, "real_faces": reproduce_real_faces,
}  # fmt: skip
