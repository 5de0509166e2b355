"""One scale for all images, or one for each: a toy on the circle, by the functions of the model."""

from dataclasses import dataclass, replace
from typing import Any

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from salon.figures.geometry import INK, bare, circle, cloud, on_circle, pulls
from salon.figures.style import GREEN, ORANGE, row
from salon.words import SalonError, say

NAMES = ("sharp", "hard", "hopeless")  # of the images


@dataclass(frozen=True)
class Toy:
    """Images of the first person and prototypes on the circle, at angles in degrees."""

    angles: tuple[float, ...] = (70, 136, 6)  # [B]
    people: tuple[float, ...] = (90, 210, 330)  # [N], the first is the images' own
    scale: float = 28.0  # one s for all
    own: tuple[float, ...] = (24, 12, 3)  # an s for each
    each: bool = False  # is it the latter that counts?
    margin: float = 8.0  # of a logit
    variances: tuple[float, ...] = (0.02, 0.06, 0.25)

    def __post_init__(self) -> None:
        numbers = torch.tensor([*self.angles, *self.people, self.margin])
        positive = torch.tensor([self.scale, *self.own, *self.variances])
        if not len(self.angles) == len(self.own) == len(self.variances) == len(NAMES) or not self.people:
            raise SalonError(f"{self} came; expected an angle, an s and a σ² for each of {', '.join(NAMES)}.")
        if not (numbers.isfinite().all() and positive.isfinite().all() and (positive > 0).all()):
            raise SalonError(f"{self} came; expected finite numbers, and every s and σ² above 0.")

    @property
    def confidences(self) -> Tensor:
        """The s that counts for each image, [B]."""
        return torch.tensor(self.own if self.each else [self.scale] * len(self.own), dtype=torch.float64)


def scale_figure(toy: Toy, both: bool = True) -> Figure:
    """The toy with one scale for all and with one for each (or as it stands): clouds, and arrows of pull."""
    toys = [replace(toy, each=each) for each in (False, True)] if both else [toy]
    figure, axes = row([say("scale.each" if one.each else "scale.one") for one in toys], 4.6, 4.2)
    for axis, one in zip(axes, toys, strict=True):
        _draw(axis, one)
    return figure


def _draw(axis: Axes, toy: Toy) -> None:
    images, prototypes = on_circle(toy.angles), on_circle(toy.people)
    bare(axis, -1.9, 1.9, -1.6, 1.75)
    circle(axis, images, prototypes, pulls(images, prototypes, toy.confidences, toy.margin), 0.9 / 40)
    for name, place, variance, s in zip(NAMES, images, toy.variances, toy.confidences.tolist(), strict=True):
        cloud(axis, place.tolist(), variance**0.5, GREEN)
        label = f"{say(f'scale.{name}')}\ns = {s:g}"
        look: Any = {"ha": "center", "va": "center", "color": INK[ORANGE], "fontsize": 0.8 * mpl.rcParams["font.size"]}
        x, y = (0.72 * place).tolist()
        axis.text(x, y, label, **look)
