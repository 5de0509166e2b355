"""The method in one picture: two images of a person, what the network says of them, and what is done with that."""

from functools import cache
from itertools import chain
from typing import Any

import matplotlib as mpl
import torch
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Polygon
from matplotlib.transforms import offset_copy
from torch import Tensor

from salon.faces.people import split_people
from salon.faces.render import frontal_views, render
from salon.faces.variations import VARIATIONS, degrade
from salon.figures.geometry import INK, arrow, bare, circle, cloud, on_circle, pulls, thumbnail
from salon.figures.style import BLUE, GREEN, GREY, ORANGE, PINK
from salon.model.decorrelation import variation_masks
from salon.model.embedding import Embedding
from salon.model.network import embed
from salon.training.shipped import load
from salon.words import SalonError, say

PARTS = ("backbone", "parts", "confidence", "identification", "decorrelation", "matching")
LEAST = 12  # points of a letter
PALE = 0.2  # opacity of what is not lit
WIDTH, HEIGHT = 12.0, 5.0  # of the sheet; one unit is an inch of a slide
LEFT, STEP, BAR = 4.35, 0.26, 0.21  # the first column of sub-embeddings, the way to the next, and how wide it is
TOP, MIDDLE, BOTTOM = 4.22, 3.13, 2.04  # heights of the two rows of sub-embeddings, and of the line between
_Seen = tuple[Tensor, Embedding]


@cache
def example() -> _Seen:
    """A person clean and at low resolution [2, 3, 160, 160], and what the lecture's model says of both images."""
    clean = render(split_people("test", 14)[13:], frontal_views(1), 160)
    images = torch.cat([clean, degrade(clean, "low_resolution", 0.8, seed=0)])
    return images, embed(load("lecture"), images)


def method_figure(lit: str | None = None, seen: _Seen | None = None) -> Figure:
    """The method from left to right for two images [2, 3, H, W] and their embedding; `lit`, one of `PARTS`, stands out.

    Raises `SalonError` for a part that is not known.
    """
    if lit not in (None, *PARTS):
        raise SalonError(f"The picture has no part {lit!r}; expected one of {', '.join(PARTS)}.")
    figure = Figure(figsize=(9, 9 * HEIGHT / WIDTH))
    axis = figure.add_axes((0, 0, 1, 1))
    drawings = (_backbone, _parts, _confidence, _identification, _decorrelation, _matching)
    for part, draw in zip(PARTS, drawings, strict=True):
        before = {*axis.get_children()}
        draw(axis, *(seen or example()))
        for artist in chain.from_iterable(added.findobj() for added in {*axis.get_children()} - before):
            artist.set_gid(part)
            if lit not in (None, part):
                opacity = artist.get_alpha()
                artist.set_alpha(PALE * (1.0 if opacity is None else opacity))
    bare(axis, 0, WIDTH, 0, HEIGHT)
    return figure


def _words(axis: Axes, key: str, x: float, y: float, colour: str, ha: Any = "center", **style: Any) -> None:
    """A text whose letters, be they of one line, have their middle at `y`, whatever hangs below."""
    words, size = say(f"method.{key}"), max(LEAST, mpl.rcParams["font.size"])
    look: dict[str, Any] = {"color": INK[colour], "ha": ha, "va": "center", "fontsize": size}
    if "\n" not in words and "rotation" not in style:
        below = offset_copy(axis.transData, axis.get_figure(root=True), 0, -0.36 * size, "points")
        look |= {"va": "baseline", "transform": below}
    axis.text(x, y, words, **look, **style)


def _panel(axis: Axes, left: float, low: float, right: float, high: float, colour: str, alpha: float = 0.09) -> None:
    """A tinted ground with round corners."""
    shape = f"round,pad=0,rounding_size={min(0.15, 0.2 * (high - low))}"
    axis.add_patch(FancyBboxPatch((left, low), right - left, high - low, shape, color=colour, alpha=alpha, lw=0))


def _both_ways(axis: Axes, start: tuple[float, float], end: tuple[float, float], colour: str) -> None:
    """Forward a solid arrow, and beside it, on the right hand, the gradient that comes back, dashed."""
    (x, y), (x2, y2) = start, end
    side = (0.0, -0.24) if y == y2 else (-0.24, 0.0)
    arrow(axis, start, end, colour)
    arrow(axis, (x2 + side[0], y2 + side[1]), (x + side[0], y + side[1]), colour, linestyle=(0, (2, 1.2)))


def _column(k: int) -> float:
    return LEFT + k * STEP


def _backbone(axis: Axes, images: Tensor, embedding: Embedding) -> None:
    for image, y in zip(images, (MIDDLE + 0.74, MIDDLE - 0.74), strict=True):
        thumbnail(axis, image, (0.72, y), 1.28)
        arrow(axis, (1.42, y), (1.68, y), GREY)
    corners = [(1.74, MIDDLE + 1.38), (2.3, TOP - 0.4), (2.3, BOTTOM + 0.4), (1.74, MIDDLE - 1.38)]
    axis.add_patch(Polygon(corners, color=GREY, alpha=0.25, lw=0))
    upright = {} if "\n" in say("method.backbone") else {"rotation": 90}  # Chinese is written downwards
    _words(axis, "backbone", 2.01, MIDDLE, GREY, **upright)
    arrow(axis, (LEFT - 0.12, 2.54), (2.38, 2.54), GREY, linestyle=(0, (2, 1.2)))
    _words(axis, "gradient", 3.3, 2.76, GREY)


def _parts(axis: Axes, images: Tensor, embedding: Embedding) -> None:
    """Each sub-embedding [d] as a column of d shades, an image as a row of K columns."""
    shades = LinearSegmentedColormap.from_list("feature", ["#f2f7fb", BLUE])
    _words(axis, "parts", _column(embedding.K) - embedding.K * STEP / 2, 4.73, BLUE)
    for features, y in zip(embedding.features.abs(), (TOP, BOTTOM), strict=True):
        arrow(axis, (2.38, y), (LEFT - 0.12, y), BLUE)
        for k, part in enumerate(features):
            extent = (_column(k), _column(k) + BAR, y - 0.28, y + 0.28)
            axis.imshow(part[:, None].numpy(), cmap=shades, extent=extent, vmin=0, vmax=0.7, interpolation="nearest")


def _confidence(axis: Axes, images: Tensor, embedding: Embedding) -> None:
    """The confidences [2, K] as bars, upwards those of the first image, downwards those of the second."""
    heights = 0.72 * embedding.confidences / embedding.confidences.max()
    middles = [_column(k) + BAR / 2 for k in range(embedding.K)]
    for row, up in zip(heights, (1, -1), strict=True):
        axis.bar(middles, (up * row).tolist(), BAR, MIDDLE + 0.02 * up, color=ORANGE)
    arrow(axis, (2.38, MIDDLE), (LEFT - 0.12, MIDDLE), ORANGE)
    _words(axis, "confidence", 3.3, MIDDLE + 0.24, ORANGE)


def _identification(axis: Axes, images: Tensor, embedding: Embedding) -> None:
    """Both images equally far from their prototype: the surer one is pulled harder, by the gradients of (6)."""
    _panel(axis, 7.06, 2.42, 9.44, 4.96, BLUE)
    _words(axis, "identification", 8.25, 4.73, BLUE)
    _both_ways(axis, (6.52, MIDDLE + 0.12), (6.98, MIDDLE + 0.12), BLUE)
    plane = axis.inset_axes((7.06, 2.44, 2.38, 2.1), transform=axis.transData)
    bare(plane, -1.8, 1.8, -1.6, 1.58)
    directions, prototypes = on_circle((150, 30)), on_circle((90, 210, 330))
    moves = pulls(directions, prototypes, embedding.confidences.mean(1).double(), margin=8.0)
    circle(plane, directions, prototypes, (moves[0], 0 * moves[1]), 0.9 / float(moves[0].norm(dim=1).max()))
    for image, place in zip(images, 1.42 * directions, strict=True):
        thumbnail(plane, image, place.tolist(), 0.6)
    _words(plane, "prototypes", 0, -1.3, BLUE)


def _decorrelation(axis: Axes, images: Tensor, embedding: Embedding) -> None:
    _panel(axis, 0.08, 0.05, 11.94, 1.42, PINK)
    _words(axis, "decorrelation", 0.25, 1.06, PINK, ha="left")
    _words(axis, "masks", 0.25, 0.42, PINK, ha="left")
    _masks(axis, variation_masks(len(VARIATIONS), embedding.K, torch.Generator().manual_seed(1)))
    _both_ways(axis, (LEFT + 1.17, BOTTOM - 0.34), (LEFT + 1.17, 1.38), PINK)
    _both_ways(axis, (6.52, 0.86), (6.98, 0.86), PINK)
    _panel(axis, 7.06, 0.17, 9.12, 1.3, PINK, 0.25)
    _words(axis, "discriminator", 8.09, 0.735, PINK)
    for key, y in (("show", 1.04), ("hide", 0.44)):
        arrow(axis, (9.2, y), (9.46, y), PINK)
        _words(axis, key, 9.55, y, PINK, ha="left")


def _masks(axis: Axes, masks: Tensor) -> None:
    """The masks V_t [M, K] under the sub-embeddings: dark where a variation is to stay."""
    for name, row, y in zip(VARIATIONS, masks.tolist(), (1.175, 0.735, 0.295), strict=True):
        _words(axis, name, LEFT - 0.12, y, PINK, ha="right")
        for k, kept in enumerate(row):
            _panel(axis, _column(k), y - 0.14, _column(k) + BAR, y + 0.14, PINK, 1.0 if kept else 0.2)


def _matching(axis: Axes, images: Tensor, embedding: Embedding) -> None:
    """Both images as clouds, as wide as their mean variances say."""
    _panel(axis, 9.56, 1.58, 11.94, 4.96, GREEN)
    _words(axis, "matching", 10.75, 4.73, GREEN)
    arrow(axis, (6.52, BOTTOM), (9.48, BOTTOM), GREEN)
    _words(axis, "variance", 8.1, BOTTOM - 0.27, GREEN)
    sigmas = embedding.fitted.mean(1).sqrt()
    for image, centre, sigma in zip(images, ((10.26, 3.66), (10.94, 2.72)), sigmas / sigmas.max(), strict=True):
        cloud(axis, centre, 0.45 * float(sigma), GREEN)
        thumbnail(axis, image, centre, 0.42)
