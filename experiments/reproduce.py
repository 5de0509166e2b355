"""The stored experiments, each by one command, `salon reproduce NAME`; what was trained once is kept."""

import inspect
from collections.abc import Callable
from pathlib import Path

from experiments.certainty import reproduce_certainty
from experiments.convergence import reproduce_convergence
from experiments.gap import reproduce_gap
from experiments.generator import reproduce_fairness, reproduce_generator
from experiments.glyphs import reproduce_glyphs
from experiments.ladder import SIZES
from experiments.length import reproduce_length
from experiments.mining import reproduce_mining
from experiments.parts import reproduce_parts
from experiments.photographs import reproduce_lfw
from experiments.real_faces import reproduce_real_faces
from experiments.runs import cached_run
from salon.paths import data_root
from salon.training.fabric import processes
from salon.training.loop import save, train
from salon.training.recipes import recipe
from salon.words import SalonError


def ship_model(name: str) -> Path:
    """Train a model by its recipe, or take it from the cache; write it to data/models without the optimiser."""
    made = recipe(name)
    run = train(made, out=cached_run(made, name).parent, resume=True, fabric=processes())  # on the CPU
    path = data_root() / "models" / f"{name}.safetensors"
    save(run, path, training=False, made_by=f"make refresh (recipe {name})")
    return path


EXPERIMENTS: dict[str, Callable[..., Path]] = {
    "length": reproduce_length, "real_faces": reproduce_real_faces,
    "lfw": reproduce_lfw, "glyphs": reproduce_glyphs, "generator": reproduce_generator,
    "fairness": reproduce_fairness, "gap": reproduce_gap, "mining": reproduce_mining,
    "convergence": reproduce_convergence, "certainty": reproduce_certainty, "parts": reproduce_parts,
}  # fmt: skip


def reproduce(name: str, scale: str | None = None, jobs: int | None = None) -> Path:
    """Measure an experiment again and write its table; `scale` and `jobs` only where it comes in several sizes.

    Raises `SalonError` for a scale that is not known, and for an option that the experiment does not have.
    """
    given = {key: x for key, x in (("size", scale), ("jobs", jobs)) if x is not None}
    extra = given.keys() - inspect.signature(EXPERIMENTS[name]).parameters.keys()
    if extra:
        raise SalonError(f"{name} comes in one size and one process; leave --scale and --jobs out.")
    if scale is not None and scale not in SIZES:
        raise SalonError(f"The scale {scale!r} is not known; expected one of {', '.join(SIZES)}.")
    return EXPERIMENTS[name](**given)
