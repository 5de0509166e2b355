"""What the confidence explorer shows: a face under blur, occlusion and a turn, and its K confidences."""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import Tensor

from salon.faces.people import People
from salon.faces.pixels import as_bytes, from_webp, sprite
from salon.faces.render import frontal_views, render
from salon.faces.variations import degrade, pose_yaw
from salon.figures.style import BLUE, ORANGE, panels
from salon.model.network import Recogniser, embed
from salon.paths import write_whole

# Where each slider ends (it starts at 0): strength, strength, degrees.
LIMITS = {"blur": 1.0, "occlusion": 1.0, "yaw": float(pose_yaw(1.0))}
SIZE = 96  # pixels of the face; the recogniser resizes

Seen = tuple[np.ndarray, np.ndarray]  # a picture, uint8 [H, W, 3], and its confidences [K]
Look = Callable[[float, float, float], Seen]  # what an explorer needs: what is seen at (blur, occlusion, yaw)


def face_at(person: People, yaw: float) -> Tensor:
    """The first person in a neutral view, turned by `yaw` degrees: [1, 3, SIZE, SIZE]."""
    return render(person[:1], frontal_views(1, yaw=yaw), SIZE)


def measure(recogniser: Recogniser, face: Tensor, blur: float, occlusion: float) -> Seen:
    """Degrade one face [1, 3, H, W] (strengths 0..1), forward it."""
    face = degrade(degrade(face, "low_resolution", blur, seed=0), "occlusion", occlusion, seed=0)
    image = as_bytes(face[0]).permute(1, 2, 0).numpy()
    return image, embed(recogniser, face).confidences[0].numpy()


def confidences(
    recogniser: Recogniser, person: People, blur: float = 0.0, occlusion: float = 0.0, yaw: float = 0.0
) -> Seen:
    """The confidences (7) of a person under three degradations, and the picture.

    `blur` (low resolution) and `occlusion` are strengths in 0..1, `yaw` a true turn of the head in degrees.
    """
    return measure(recogniser, face_at(person, yaw), blur, occlusion)


@dataclass(frozen=True)
class ConfidenceTable:
    """The states of an explorer on a grid of S × S × S, kept for readers without a kernel."""

    sprite: bytes  # WebP, S³ tiles in the order of `confidences`
    tile: int  # pixels
    confidences: np.ndarray  # [S, S, S, K]: blur, occlusion, yaw

    @classmethod
    def of(cls, look: Look, steps: int = 7) -> "ConfidenceTable":
        """Look at every state of a grid of `steps` values for each slider, ends included."""
        grids = [np.linspace(0, limit, steps) for limit in LIMITS.values()]
        images, confidences = zip(*(look(*map(float, state)) for state in product(*grids)), strict=True)
        table = np.stack(confidences).reshape(steps, steps, steps, -1)
        tiles = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2)
        return cls(sprite(tiles), tiles.shape[-1], table)

    @cached_property
    def images(self) -> np.ndarray:
        """The faces, uint8 [S, S, S, tile, tile, 3]."""
        states = self.confidences.shape[:3]
        tiles = from_webp(io.BytesIO(self.sprite), self.tile, math.prod(states))
        return tiles.permute(0, 2, 3, 1).reshape(*states, self.tile, self.tile, 3).numpy()

    def look(self, blur: float, occlusion: float, yaw: float) -> Seen:
        """The nearest stored state."""
        steps = len(self.confidences) - 1
        state = zip((blur, occlusion, yaw), LIMITS.values(), strict=True)
        cell = tuple(round(value / limit * steps) for value, limit in state)
        return self.images[cell], self.confidences[cell]

    def save(self, path: Path) -> None:
        """Write one `.npz` file, without pickle."""
        sprite, table = np.frombuffer(self.sprite, np.uint8), self.confidences.astype(np.float32)
        write_whole(path, lambda file: np.savez(file, sprite=sprite, tile=self.tile, confidences=table))

    @classmethod
    def load(cls, path: Path) -> "ConfidenceTable":
        """Read what `save` wrote."""
        with np.load(path) as file:
            return cls(file["sprite"].tobytes(), int(file["tile"]), file["confidences"])


def states(look: Look) -> dict[str, Seen]:
    """Five states that tell most: clean, each slider alone at its end, and all three half way."""
    ends = np.array(list(LIMITS.values()))
    alone = zip(("blur", "occlusion", f"yaw {ends[2]:.0f}°"), np.diag(ends), strict=True)
    at = {"clean": 0 * ends, **dict(alone), "half of each": ends / 2}
    return {name: look(*state.tolist()) for name, state in at.items()}


def explorer_figure(look: Look, seen: dict[str, Seen] | None = None) -> Figure:
    """States of the explorer side by side (five, or those given, "clean" first): the face, its K confidences."""
    seen = states(look) if seen is None else seen
    clean = seen["clean"][1]
    k = np.arange(1, len(clean) + 1)
    figure, axes = panels(2, len(seen), 1.92 * len(seen), 4.1, height_ratios=(1.1, 1), sharey="row")
    for column, (name, (image, values)) in enumerate(seen.items()):
        face, bars = axes[:, column]
        face.imshow(image)
        face.set_title(name, fontsize=11)
        face.axis("off")
        bars.bar(k, values, color=BLUE, label="now")
        bars.hlines(clean, k - 0.45, k + 0.45, color="black", linewidth=2, label="clean")
        bars.axhline(values.mean(), color=ORANGE, linestyle="--", label="mean")
        bars.set_xlabel(f"mean {values.mean():.1f}", fontsize=11)
        bars.set_xticks(k)
    axes[1, 0].set_ylabel("confidence s of\neach sub-embedding")
    figure.legend(*axes[1, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure
