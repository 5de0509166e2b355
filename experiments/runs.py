"""Runs of the experiments, each trained once and kept in the cache."""

from pathlib import Path

from salon.model.network import Recogniser
from salon.paths import cache_path
from salon.training import checkpoints
from salon.training.data import TrainSet
from salon.training.fabric import processes
from salon.training.loop import train
from salon.training.recipes import Recipe
from salon.training.run import trained_by


def trained(
    recipe: Recipe, label: str, data: TrainSet | None = None, variances: bool = True, progress: bool = True,
    device: str = "cpu",
) -> tuple[Recogniser, Path]:  # fmt: skip
    """The model of a recipe and its file, from the cache, or trained now (on `data`, if given) and kept there."""
    path = cached_run(recipe, label)
    train(recipe, path.parent, True, progress, data, variances, fabric=processes(device))
    return checkpoints.load(path)[0], path


def cached_run(recipe: Recipe, label: str) -> Path:
    """Where the cache keeps a run; one of another recipe, or of other faces, is thrown away."""
    path = cache_path("runs", f"{label}-seed{recipe.seed}", "model.safetensors")
    if path.exists() and not trained_by(checkpoints.read_card(path), recipe):
        path.unlink()
    return path
