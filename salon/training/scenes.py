"""The numbers that the test pictures are drawn from: people and views, kept apart from how they were drawn by lot."""

from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from salon.faces.people import People, split_people
from salon.faces.render import Views, sample_views
from salon.faces.variations import MOST_YAW

TEST_IMAGES = 4  # of each person: half of them gallery, half probes
KINDS = ("straight", "turned", "lit")


@dataclass(frozen=True)
class Scenes:
    """N people, the views of their n = 4 N pictures, straight and turned away, and of their n / 2 probes lit hard."""

    people: People  # [N, P]
    straight: Views  # [n]
    turned: Views  # [n]
    lit: Views  # [n / 2]

    @property
    def labels(self) -> Tensor:
        """Who is on each picture, [n]."""
        return torch.arange(len(self.people)).repeat_interleave(TEST_IMAGES)

    @property
    def probes(self) -> tuple[People, Views]:
        """The people and straight views of the probes, [n / 2] each."""
        probe = ~in_gallery(len(self.straight))
        return self.people[self.labels[probe]], self.straight[probe]

    def tensors(self) -> dict[str, Tensor]:
        """Every number by its name, copied: "people" [N, P], and such as "turned.yaw" [n]."""
        views = {f"{kind}.{name}": x for kind in KINDS for name, x in vars(getattr(self, kind)).items()}
        return {name: x.clone() for name, x in ({"people": self.people.numbers} | views).items()}

    @classmethod
    def of(cls, tensors: dict[str, Tensor]) -> "Scenes":
        """What `tensors` gave."""
        names = [f.name for f in fields(Views)]
        views = {kind: Views(**{name: tensors[f"{kind}.{name}"] for name in names}) for kind in KINDS}
        return cls(People(tensors["people"]), **views)


def in_gallery(count: int) -> Tensor:
    """Which of `count` pictures are enrolled [count]: the first half of each person's."""
    return torch.arange(count) % TEST_IMAGES < TEST_IMAGES // 2


def sample_scenes(split: str, people: int) -> Scenes:
    """Draw a split's numbers: snapshots of each person with the usual hair and without glasses, yaw within 12 degrees;
    the same turned by 30 to 65 degrees; the probes lit hard.
    """
    who, count, seed = split_people(split, people), people * TEST_IMAGES, 11 if split == "test" else 12
    straight = sample_views(count, seed=seed, yaw=12.0, haircut=0.0, glasses=0.0)
    turned = turned_away(straight, seed + 10, 0.4 * MOST_YAW, 65.0)
    return Scenes(who, straight, turned, lit_from_the_side(straight[~in_gallery(count)], seed + 20))


def turned_away(views: Views, seed: int, least: float = 30.0, most: float = 70.0) -> Views:
    """The same views with the head turned to either side by `least` to `most` degrees."""
    return replace(views, yaw=_to_either_side(len(views), seed, least, most))


def lit_from_the_side(views: Views, seed: int, least: float = 60.0, most: float = 85.0) -> Views:
    """The same views under one bare bulb, `least` to `most` degrees to either side, with little light around."""
    azimuth, one = _to_either_side(len(views), seed, least, most), torch.ones(len(views))
    return replace(views, light_azimuth=azimuth, light_elevation=15 * one, ambient=0.1 * one, hardness=one)


def _to_either_side(count: int, seed: int, least: float, most: float) -> Tensor:
    """Angles [count], drawn evenly from `least` to `most`, half of them below zero."""
    g = torch.Generator().manual_seed(seed)
    angle = least + (most - least) * torch.rand(count, generator=g)
    return torch.where(torch.rand(count, generator=g) < 0.5, -angle, angle)
