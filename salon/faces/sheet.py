"""Contact sheets: many faces on one picture, to be looked at."""

from pathlib import Path

import torch
from torch import Tensor
from torchvision.utils import make_grid, save_image

from salon.faces.people import People, sample_people
from salon.faces.render import frontal_views, render
from salon.faces.variations import degrade

# One person under what the renderer can change, then under what a camera can spoil.
VIEWS: tuple[dict[str, float], ...] = (
    {}, {"yaw": 30}, {"yaw": -60}, {"pitch": 20}, {"light_azimuth": 80, "ambient": 0.2}, {"smile": 1},
    {"mouth_open": 0.8}, {"eyes_closed": 1}, {"glasses": 1},
)  # fmt: skip
SPOILT = (("low_resolution", 0.7), ("occlusion", 0.4), ("blur", 0.5))


def sheet(people: People, size: int = 112) -> Tensor:
    """One row a person, one column a view and then a variation: tiles [n, 3, size, size] in reading order."""
    tiles = []
    for index in range(len(people)):
        views = [render(people[index], frontal_views(1, **view), size) for view in VIEWS]
        plain = render(people[index], frontal_views(1, background=float(index + 1)), size)
        tiles += views + [degrade(plain, name, strength, seed=index) for name, strength in SPOILT]
    return torch.cat(tiles)


def save_sheet(path: str | Path, people: int = 8, seed: int = 1, size: int = 112) -> None:
    """Write a sheet of `people` people as a picture."""
    tiles = sheet(sample_people(people, seed), size)
    save_image(make_grid(tiles, nrow=len(VIEWS) + len(SPOILT), padding=2, pad_value=1.0), path)
