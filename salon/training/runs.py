"""Runs that are kept: what was trained once, by the same recipe on the same faces, is not trained again."""

from pathlib import Path

from salon.model.network import Recogniser
from salon.paths import cache_path
from salon.training import checkpoints
from salon.training.data import TrainSet
from salon.training.loop import train, trained_by
from salon.training.recipes import Recipe


def trained(
    made: Recipe, label: str, data: TrainSet | None = None, variances: bool = True, progress: bool = True,
    device: str = "cpu",
) -> tuple[Recogniser, Path]:  # fmt: skip
    """The model of a recipe and its file, from the cache, or trained now (on `data`, if given) and kept there."""
    path = run_path(made, label)
    train(made, path.parent, True, progress, data, variances, device=device)
    return checkpoints.load(path)[0], path


def run_path(made: Recipe, label: str) -> Path:
    """Where the cache keeps a run; one of another recipe, or of other faces, is thrown away."""
    path = cache_path("runs", f"{label}-seed{made.seed}", "model.safetensors")
    if path.exists() and not trained_by(checkpoints.read_card(path), made):
        path.unlink()
    return path
