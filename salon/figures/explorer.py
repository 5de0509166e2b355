"""What the confidence explorer shows: a face with fewer pixels, covered or turned, and what its parts say of it."""

from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from salon.faces.people import People
from salon.faces.pixels import as_bytes, from_bytes
from salon.faces.render import frontal_views, render
from salon.faces.variations import MOST_YAW, degrade
from salon.figures.style import BLUE, ORANGE, panels
from salon.model.embedding import Embedding
from salon.model.network import Recogniser, embed
from salon.words import say

SIZE, FRAMES = 80, 8  # pixels of a face, and its views from straight ahead to MOST_YAW; a turn fades one into the next
COVERS = {"eyes": (0.35, 0.57), "mouth": (0.69, 0.97)}  # from where to where, in heights of the picture
STATES: dict[str, dict[str, Any]] = {
    "clean": {}, "low_resolution": {"resolution": 0.6},
    "eyes": {"covered": "eyes"}, "mouth": {"covered": "mouth"}, "turned": {"yaw": MOST_YAW},
}  # fmt: skip


def turned(person: People) -> Tensor:
    """The first person from straight ahead to 75 degrees, bytes [FRAMES, 3, SIZE, SIZE]."""
    views = frontal_views(FRAMES, yaw=torch.linspace(0, MOST_YAW, FRAMES))
    return as_bytes(render(person[[0] * FRAMES], views, SIZE))


def spoilt(frames: Tensor, resolution: float = 0.0, yaw: float = 0.0, covered: str = "") -> Tensor:
    """One of the states of an explorer, [1, 3, SIZE, SIZE] in 0..1, out of what `turned` drew.

    `resolution` is the strength of "low_resolution", `yaw` in degrees, `covered` one of `COVERS` or nothing.
    """
    position = yaw / MOST_YAW * (len(frames) - 1)
    first = min(int(position), len(frames) - 2)
    here, there = from_bytes(frames[first : first + 2])
    face = degrade(torch.lerp(here, there, position - first)[None], "low_resolution", resolution, seed=0)
    if covered:
        top, bottom = (round(edge * SIZE) for edge in COVERS[covered])
        face[:, :, top:bottom] = 0
    return face


def look(recogniser: Recogniser, person: People, **state: Any) -> tuple[Tensor, Embedding]:
    """A person in a state (`spoilt`), as picture [3, SIZE, SIZE] and as the recogniser sees it."""
    face = spoilt(turned(person), **state)
    return face[0], embed(recogniser, face)


def explorer_figure(
    recogniser: Recogniser, person: People, states: dict[str, dict[str, Any]] = STATES, lang: str | None = None
) -> Figure:
    """States of the explorer side by side ("clean" first): the face, its K confidences, one scale for all."""
    frames, k = turned(person), range(1, recogniser.K + 1)
    faces = torch.cat([spoilt(frames, **state) for state in states.values()])
    values = embed(recogniser, faces).confidences.numpy()
    figure, axes = panels(2, len(states), 1.92 * len(states), 4.1, height_ratios=(1.1, 1), sharey="row")
    for (face, bars), name, picture, now in zip(axes.T, states, faces, values, strict=True):
        face.imshow(picture.permute(1, 2, 0).numpy())
        face.set_title(say(f"explorer.{name}", lang), fontsize=11)
        face.axis("off")
        bars.bar(k, now, color=BLUE, label=say("explorer.now", lang))
        left, right = ([n + side for n in k] for side in (-0.45, 0.45))
        bars.hlines(values[0], left, right, color="black", lw=2, label=say("explorer.clean", lang))
        bars.axhline(values[0].mean(), color=ORANGE, linestyle="--", label=say("explorer.one", lang))
        bars.set_xlabel(say("explorer.average", lang, mean=f"{now.mean():.1f}"), fontsize=11)
        bars.set_xticks(k)
    axes[1, 0].set_ylabel(say("explorer.axis", lang))
    figure.legend(*axes[1, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure
