"""A folder of photographs as people to train on, one folder for each person. Only numbers leave the machine."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm.auto import trange

from salon.faces.collections import list_people, read_images
from salon.faces.pixels import as_bytes, digest, from_bytes
from salon.faces.variations import MOST_YAW, degrade
from salon.model.embedding import LUMA
from salon.training.data import TURNED, TrainSet
from salon.training.loop import Run, train
from salon.training.recipes import Recipe
from salon.words import SalonError

LICENCE = "none: weights trained on photographs of people are not to be shared"
LEAST, MOST = 4, 12  # pictures of a person who is worth training on, and of those that are taken
BATCH = 256


def split_names(folder: str | Path, *counts: int, least: int = LEAST, seed: int = 0) -> list[list[str]]:
    """Disjoint lists of `counts` people, drawn by `seed` from those with `least` pictures or more; last, all others.

    Raises `SalonError` where so many people are not there, or fewer than two would be left.
    """
    known = [name for name, files in list_people(folder).items() if len(files) >= least]
    if len(known) < sum(counts) + 2:
        raise SalonError(
            f"{folder} holds {len(known)} people with {least} pictures or more; expected at least "
            f"{sum(counts) + 2}. Add people or pictures, or ask for fewer."
        )
    order = [known[i] for i in np.random.default_rng(seed).permutation(len(known))]
    ends = np.cumsum([0, *counts, len(known) - sum(counts)])
    return [order[a:b] for a, b in pairwise(ends)]


def folder_set(
    folder: str | Path, size: int, people: Sequence[str] | None = None, least: int = LEAST,
    images: int = MOST, seed: int = 0, progress: bool = False,
) -> TrainSet:  # fmt: skip
    """Photographs to train on: up to `images` of each of `people` (None: all with `least` or more), drawn by `seed`.

    Grey bytes [n, size, size], each the centred square of its file, as it will be in a test; turned away by 30 to
    70 degrees as if the face lay on a cylinder.  Labels follow the order of `people`.  Raises `SalonError` for
    too few people or pictures and for a file that is no image.
    """
    if people is None:
        (people,) = split_names(folder, least=least, seed=seed)
    files = drawn_files(folder, people, least, images, seed)
    straight = read_grey([file for each in files for file in each], size, progress)
    labels = torch.arange(len(files)).repeat_interleave(torch.tensor([len(each) for each in files]))
    source = f"photographs of {len(files)} people ({len(labels)} pictures, {digest(straight)})"
    return TrainSet(straight, turn_grey(straight, seed, *TURNED), labels, source=source, licence=LICENCE)


def drawn_files(folder: str | Path, people: Sequence[str], least: int, images: int, seed: int) -> list[list[Path]]:
    """Up to `images` files of each person, drawn by `seed`, in their own order."""
    known, chance = list_people(folder), np.random.default_rng(seed)
    for name in people:
        if (found := len(known.get(name, []))) < least:
            raise SalonError(
                f"{name!r} has {found} pictures in {folder}; expected {least} or more of each person. Add pictures, or "
                "leave such people out."
            )
    drawn = [sorted(chance.permutation(len(known[name]))[:images]) for name in people]
    return [[known[name][i] for i in rows] for name, rows in zip(people, drawn, strict=True)]


def read_grey(files: Sequence[Path], size: int, progress: bool = False) -> Tensor:
    """Grey bytes [n, size, size] of the files' centred squares, read a part at a time."""
    parts, luma = [], torch.tensor(LUMA)[:, None, None]
    for i in trange(0, len(files), BATCH, desc="photographs", leave=False, disable=not progress):
        parts.append(as_bytes((read_images(files[i : i + BATCH], size) * luma).sum(1)))
    return torch.cat(parts)


def turn_grey(grey: Tensor, seed: int, least: float, most: float) -> Tensor:
    """Grey bytes [n, size, size] turned by `least` to `most` degrees, drawn evenly, to either side."""
    g = torch.Generator().manual_seed(seed + 1)
    yaw = least + (most - least) * torch.rand(len(grey), generator=g)
    parts = zip(grey.split(BATCH), (yaw / MOST_YAW).split(BATCH), strict=True)
    turned = [degrade(from_bytes(x)[:, None], "pose", s, seed + i)[:, 0] for i, (x, s) in enumerate(parts, 2)]
    return as_bytes(torch.cat(turned))


def train_on_folder(
    made: Recipe, folder: str | Path, out: str | Path | None = None, resume: bool = False,
    progress: bool = True, **options: Any,
) -> Run:  # fmt: skip
    """Train a recipe on the people of a folder, all with four pictures or more, `images` of each at most.

    The recipe's number of people becomes the folder's; `options` are those of `train`.  The checkpoint's card says
    that it saw photographs and is not to be shared.  Raises `SalonError` as `folder_set` and `train` do, and for
    mined variations.
    """
    if made.mined:
        raise SalonError(f"The recipe {made.name} has mined variations; expected none with photographs.")
    data = folder_set(folder, made.size + made.border, images=made.images, seed=made.seed, progress=progress)
    return train(for_people(made, data), out, resume, progress, data, **options)


def for_people(made: Recipe, data: TrainSet) -> Recipe:
    return replace(made, people=int(data.labels.max()) + 1)
