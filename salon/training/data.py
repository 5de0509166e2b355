"""Rendered people to train on, made once and kept in the cache."""

import time
import warnings
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from safetensors import SafetensorError
from safetensors.torch import save as to_bytes
from torch import Tensor
from tqdm.auto import tqdm

from salon.faces.people import GENERATOR_VERSION, People, split_people
from salon.faces.pixels import as_bytes
from salon.faces.render import Views, render, sample_views
from salon.model.embedding import LUMA
from salon.paths import cache_path, write_whole
from salon.training.checkpoints import read_whole
from salon.words import SalonError, say

RENDERED = 64  # pixels, of every picture that is shipped
TURNED = (30.0, 70.0)  # degrees by which a training picture is turned away


@dataclass(frozen=True)
class TrainSet:
    """Pictures as bytes, straight and turned away (the same person and light), with their labels [n].

    Grey ones are [n, size, size], coloured ones [n, 3, size, size]. `attributes` [n, T] in 0..1 are mined variations.
    `source` and `licence` are what the card of weights trained on them will say.
    """

    straight: Tensor
    turned: Tensor
    labels: Tensor
    attributes: Tensor | None = None
    source: str = "rendered people only"
    licence: str = "CC BY 4.0"

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Straight and turned pictures [B, 1 or 3, size, size] in 0..1 and labels [B]."""
        shape = (len(rows), -1, *self.straight.shape[-2:])
        straight, turned = (x[rows].view(shape) / 255 for x in (self.straight, self.turned))
        return straight, turned, self.labels[rows]

    def first(self, people: int) -> "TrainSet":
        """The pictures of the first `people` people."""
        rows = self.labels < people
        attributes = None if self.attributes is None else self.attributes[rows]
        return replace(self, straight=self.straight[rows], turned=self.turned[rows], labels=self.labels[rows],
                       attributes=attributes)  # fmt: skip


def train_set(
    people: int, images: int, size: int, yaw: float = 20.0, split: str = "train", progress: bool = True,
    turned: tuple[float, float] = TURNED, colour: str = "grey",
) -> TrainSet:  # fmt: skip
    """`images` pictures of each of `people` people, from the cache or rendered now (with a bar) and kept there."""
    name = f"{split}-v{GENERATOR_VERSION}-{people}x{images}-{size}px-{yaw:g}"
    name += f"-to{turned[0]:g}-{turned[1]:g}" * (turned != TURNED) + "-rgb" * (colour == "rgb")
    labels = torch.arange(people).repeat_interleave(images)

    def draw() -> dict[str, Tensor]:
        who, views = split_people(split, people)[labels], sample_views(len(labels), seed=7, yaw=yaw)
        if progress:
            print(_announcement(who, views, people))
        made = {"labels": labels}
        for kind, seen in (("straight", views), ("turned", turned_away(views, 8, *turned))):
            made[kind] = render_bytes(who, seen, size, colour, progress).squeeze(1)
        return made

    made = kept(name, ("straight", "turned", "labels"), draw)
    return TrainSet(made["straight"], made["turned"], made["labels"])


def _announcement(who: People, views: Views, people: int, trial: int = 48) -> str:
    """How many faces will be rendered, straight and turned, and for how long, from a trial of a few."""
    for _ in range(2):  # the first warms up
        start = time.perf_counter()
        render(who[:trial], views[:trial], RENDERED)
    seconds = (time.perf_counter() - start) / len(who[:trial]) * 2 * len(who)
    return say("faces.wait", faces=2 * len(who), people=people, time=tqdm.format_interval(seconds))


def render_bytes(people: People, views: Views, size: int, colour: str, progress: bool = False) -> Tensor:
    """Bytes [n, 1 or 3, size, size] of pictures that are drawn at 64 px, or at `size` if that is more.

    A part at a time: the colours of a large set would fill the memory.
    """
    made, drawn = [], max(RENDERED, size)
    with tqdm(total=len(views), desc="rendering", unit=" faces", leave=False, disable=not progress) as bar:
        for rows in torch.arange(len(views)).split(256):
            images = render(people[rows], views[rows], drawn)
            if colour == "grey":
                images = (images * images.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)
            if size != drawn:
                images = F.interpolate(images, (size, size), mode="bilinear", antialias=True)
            made.append(as_bytes(images))
            bar.update(len(rows))
    return torch.cat(made)


def kept(name: str, wanted: Iterable[str], make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """Tensors from the cache, or made now and, where it has room, kept there; a broken file is made again."""
    path = cache_path(f"{name}.safetensors")
    with suppress(SafetensorError, OSError):
        if set(wanted) <= (found := read_whole(path)[0]).keys():
            return found
    made = make()
    try:
        write_whole(path, to_bytes(made))
    except SalonError as error:
        warnings.warn(f"{error} It goes on, and is made again next time.", stacklevel=2)
    return made


def turned_away(views: Views, seed: int, least: float = TURNED[0], most: float = TURNED[1]) -> Views:
    """The same views with the head turned to either side by `least` to `most` degrees."""
    return views.but(yaw=to_either_side(len(views), seed, least, most))


def to_either_side(count: int, seed: int, least: float, most: float) -> Tensor:
    """Angles [count], drawn evenly from `least` to `most`, half of them below zero."""
    g = torch.Generator().manual_seed(seed)
    angle = least + (most - least) * torch.rand(count, generator=g)
    return torch.where(torch.rand(count, generator=g) < 0.5, -angle, angle)
