"""The gap to real faces, ingredient by ingredient: the same recipe on people that lack one of them.

Eighteen runs of about 200 s on one thread. Each is kept and goes on after a kill; two processes may share them:

    python -m experiments.gap full age shadow &
    python -m experiments.gap hair texture camera
    salon reproduce gap
"""

import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path

import torch
from sklearn.metrics import roc_auc_score
from torch import Tensor

from experiments.real_faces import att_pairs, development_pairs, faces_folder
from experiments.runs import trained
from experiments.tables import write_table
from salon.evaluation.pairs import evaluate_pairs
from salon.evaluation.results import labelled, row
from salon.faces.collections import Pairs
from salon.faces.people import GENERATOR_VERSION, TRAITS, People, split_people
from salon.faces.render import Views, sample_views
from salon.model.network import Recogniser
from salon.training.data import TrainSet, kept, render_bytes
from salon.training.recipes import Recipe, recipe
from salon.words import SalonError

SEEDS = (0, 1, 2)
NONE = -3.0  # of a trait that grows from nothing: freckles, moles, roughness, wrinkles, beard, moustache
HAIR = (*(name for name in TRAITS if name.startswith("hair")), "temples", "fringe", "parting")
METRICS = ("auc", "eer", "accuracy")


def _with(people: People, value: float, *names: str) -> People:
    for name in names:
        people = people.with_trait(name, value)
    return people


def one_age(people: People, views: Views) -> tuple[People, Views]:
    """Everybody is 49 years old."""
    return _with(people, 0.0, "age"), views


def no_shadow(people: People, views: Views) -> tuple[People, Views]:
    """No light casts a shadow."""
    return people, views.but(hardness=torch.zeros_like(views.hardness))


def one_hair(people: People, views: Views) -> tuple[People, Views]:
    """Everybody has the same hair, at its usual length, and neither beard nor moustache."""
    people = _with(_with(people, 0.0, *HAIR), NONE, "beard", "moustache")
    return people, views.but(haircut=torch.zeros_like(views.haircut))


def even_skin(people: People, views: Views) -> tuple[People, Views]:
    """Skin without pores, freckles, moles and wrinkles."""
    return _with(people, NONE, "roughness", "freckles", "moles", "wrinkles"), views


def as_drawn(people: People, views: Views) -> tuple[People, Views]:
    """Nothing is left out of the faces (the camera is part of the recipe)."""
    return people, views


LEFT_OUT: dict[str, Callable[[People, Views], tuple[People, Views]]] = {
    "full": as_drawn, "age": one_age, "shadow": no_shadow, "hair": one_hair, "texture": even_skin, "camera": as_drawn,
}  # fmt: skip


def gap_recipe(left_out: str, seed: int, name: str = "gap") -> Recipe:
    """The recipe of one run, named after what it lacks; raises `SalonError` for an unknown ingredient."""
    if left_out not in LEFT_OUT:
        raise SalonError(f"The ingredient {left_out!r} is not known; expected one of {', '.join(LEFT_OUT)}.")
    made = recipe(name, seed=seed, **({"camera": False} if left_out == "camera" else {}))
    return made if left_out == "full" else replace(made, name=f"{name} without {left_out}")


def faces_without(left_out: str, made: Recipe, progress: bool = True) -> TrainSet:
    """Pictures of a recipe's people without one ingredient, from the cache or rendered now and kept there.

    People and views are the same for all ingredients but for what is left out.
    """
    what = "full" if LEFT_OUT[left_out] is as_drawn else f"without-{left_out}"
    name = f"gap-{what}-v{GENERATOR_VERSION}-{made.people}x{made.images}-{made.size}px-{made.yaw:g}"
    labels = torch.arange(made.people).repeat_interleave(made.images)

    def draw() -> dict[str, Tensor]:
        people, views = split_people("train", made.people)[labels], sample_views(len(labels), 7, made.yaw)
        return {"pictures": render_bytes(*LEFT_OUT[left_out](people, views), made.size, "grey", progress)[:, 0]}

    pictures = kept(name, ["pictures"], draw)["pictures"]
    return TrainSet(pictures, pictures, labels)  # the recipe asks for no variation: nobody is seen turned away


def train_without(left_out: str, seed: int, name: str = "gap") -> Recogniser:
    """One run of the leave-one-out, from the cache or trained now; killed, it goes on from its last checkpoint."""
    made = gap_recipe(left_out, seed, name)
    data = faces_without(left_out, made)
    return trained(made, f"{name}-{left_out}", data, variances=False)[0]


def pair_measures(recogniser: Recogniser, pairs: Pairs) -> dict[str, float]:
    """AUC and EER over all pairs, and the mean accuracy of the folds, each by the threshold of the others."""
    measured, scores = evaluate_pairs(recogniser, pairs)
    return {"auc": float(roc_auc_score(pairs.same, scores))} | {k: measured[k] for k in METRICS[1:]}


def reproduce_gap() -> Path:
    """Rendered faces without one ingredient: what each is worth on LFW's development pairs and AT&T, three seeds."""
    faces = faces_folder()
    collections = {"LFW-a development": ("validation", development_pairs(faces)), "AT&T": ("test", att_pairs(faces))}
    rows = []
    for left_out, seed in product(LEFT_OUT, SEEDS):
        model = train_without(left_out, seed)
        for condition, (split, pairs) in collections.items():
            found = pair_measures(model, pairs).items()
            measured = [row(condition, name, value, len(pairs)) | {"split": split} for name, value in found]
            rows += labelled(measured, left_out, "gap", seed)
    return write_table(
        "gap", rows, "salon reproduce gap", recipe=str(recipe("gap")),
        configuration_is="the ingredient left out",
        left_out={name: change.__doc__ for name, change in LEFT_OUT.items()},
    )  # fmt: skip


def main(names: list[str]) -> None:
    """Train all seeds of the named ingredients (all without a name) that the cache does not hold yet."""
    torch.set_num_threads(1)
    for left_out in names or LEFT_OUT:
        for seed in SEEDS:
            train_without(left_out, seed)
            print(f"{left_out}, seed {seed}: done", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
