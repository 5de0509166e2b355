"""Losses and scores as pictures of the plane: prototypes on a circle that pull, images as clouds that overlap."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch, Wedge
from torch import Tensor

from salon.figures.style import BLUE, GREEN, GREY, ORANGE, PINK, row
from salon.model.embedding import Embedding
from salon.model.losses import identification_logits, margin_loss, posterior
from salon.model.matching import cosine_pairs, likelihood_pairs
from salon.words import say

Point = Any  # x, y
LINE = "#bbbbbb"
# Of letters in a colour: darker, so that they can be read.
INK = {BLUE: BLUE, ORANGE: "#b84f00", GREEN: "#007a59", PINK: "#a3457a", GREY: "#555555"}
LONGEST = 1.25  # of an arrow of pull, where the circle's radius is 1
PEOPLE = (90.0, 210.0, 330.0)  # where prototypes stand, in degrees; the first is the images' own
SCALES, COSFACE_MARGIN = (4.0, 28.0), 0.35  # the margin of a cosine
MARGIN = 8.0  # of a logit, where each image has its confidence


def on_circle(degrees: Sequence[float]) -> Tensor:
    """Unit vectors [n, 2] at angles in degrees."""
    angle = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    return torch.stack([angle.cos(), angle.sin()], 1)


def one_part(directions: Tensor, confidences: Tensor, variances: Tensor | None = None) -> Embedding:
    """Directions [B, d] with confidences and variances [B] as an embedding of K = 1."""
    return Embedding(directions[:, None], confidences[:, None], None if variances is None else variances[:, None])


def pulls(images: Tensor, prototypes: Tensor, confidences: Tensor, margin: float) -> tuple[Tensor, Tensor]:
    """How loss (6) moves images [B, 2], all of person 0, and prototypes [N, 2]: minus its gradients, [B, 2], [N, 2]."""
    f, w = images.clone().requires_grad_(), prototypes.clone().requires_grad_()
    logits = identification_logits(one_part(F.normalize(f, dim=-1), confidences), w[:, None])
    loss = margin_loss(logits, torch.zeros(len(f), dtype=torch.long), margin).sum()
    to_f, to_w = torch.autograd.grad(loss, (f, w))
    return -to_f, -to_w


def arrow(axis: Axes, start: Point, end: Point, colour: str, **style: Any) -> None:
    """An arrow from `start` to `end`, its head in proportion to the letters."""
    look = {"arrowstyle": "-|>", "mutation_scale": 0.9 * mpl.rcParams["font.size"], "shrinkA": 0, "shrinkB": 0}
    width = 1.2 * mpl.rcParams["lines.linewidth"]
    axis.add_patch(FancyArrowPatch(start, end, color=colour, lw=width, **{"zorder": 4, **look, **style}))


def thumbnail(axis: Axes, image: Tensor, centre: Point, side: float) -> None:
    """A picture [3, H, W] in 0..1 with round corners at `centre`."""
    x, y = (place - side / 2 for place in centre)
    shown = axis.imshow(image.permute(1, 2, 0).clamp(0, 1).numpy(), extent=(x, x + side, y, y + side), zorder=5)
    corners = f"round,pad=0,rounding_size={0.12 * side}"
    shown.set_clip_path(FancyBboxPatch((x, y), side, side, boxstyle=corners, transform=axis.transData))


def cloud(axis: Axes, centre: Point, sigma: float, colour: str) -> None:
    """A normal distribution as two discs of one and two standard deviations."""
    for times in (2, 1):
        axis.add_patch(Circle(centre, times * sigma, color=colour, alpha=0.22, lw=0))


def bare(axis: Axes, left: float, right: float, low: float, high: float) -> None:
    """No frame, equal units, and what is drawn between the edges."""
    axis.set(xlim=(left, right), ylim=(low, high), aspect="equal")
    axis.axis("off")


def _margin_wedges(axis: Axes, prototypes: Tensor, share: float) -> None:
    """Where person 0 is nearest and yet misses the margin of `share` cosines: the wedges beside its region."""
    cosines = on_circle((PEOPLE[0] + torch.arange(0, 180.0, 0.25)).tolist()) @ prototypes.T  # [720, N]
    lead = cosines[:, 0] - cosines[:, 1:].amax(1)
    plain, strict = (0.25 * int((lead >= least).sum()) for least in (0.0, share))
    for first, last in ((strict, plain), (-plain, -strict)):
        axis.add_patch(Wedge((0, 0), 0.8, PEOPLE[0] + first, PEOPLE[0] + last, color=GREY, alpha=0.35, lw=0))
    axis.text(0, -0.15, say("circle.margin"), color=INK[GREY], ha="center", va="top")


def _posterior_ring(axis: Axes, prototypes: Tensor, images: Tensor, confidences: Tensor) -> None:
    """p(y = 0 | x) of (5) in each direction, grey 0 and blue 1, as sure as the nearest of `images` [B, 2] is."""
    directions = on_circle(torch.arange(0, 361.0).tolist())  # [361, 2]
    nearest = (directions @ images.T).argmax(1)
    p = posterior(one_part(directions, confidences[nearest]), prototypes[:, None])[:, 0]
    x, y = torch.tensor([0.84, 0.95])[:, None] * directions.T[:, None]  # [2, 361] each
    shades = LinearSegmentedColormap.from_list("person", ["#eeeeee", BLUE])
    grid = (each.numpy() for each in (x, y, p.expand(2, -1)))
    axis.pcolormesh(*grid, cmap=shades, vmin=0, vmax=1, shading="gouraud", rasterized=True)


def circle(axis: Axes, images: Tensor, prototypes: Tensor, moves: tuple[Tensor, Tensor], reach: float) -> None:
    """Prototypes [N, 2] as squares, person 0's in blue, images [B, 2] as dots, `moves` of both as arrows × `reach`."""
    axis.add_patch(Circle((0, 0), 1, fill=False, color=LINE, lw=mpl.rcParams["lines.linewidth"]))
    letter = mpl.rcParams["font.size"]
    shades = [BLUE, *[GREY] * (len(prototypes) - 1)]
    axis.scatter(prototypes[:, 0], prototypes[:, 1], 0.4 * letter**2, shades, marker="s", zorder=6)
    axis.scatter(images[:, 0], images[:, 1], 0.16 * letter**2, ORANGE, zorder=6)
    for starts, pairs, colour in ((images, moves[0], ORANGE), (prototypes[:1], moves[1][:1], BLUE)):
        for start, move in zip(starts, reach * pairs, strict=True):
            head = 0.9 * letter * min(1.0, 3 * float(move.norm()))
            if head > 1:  # a shorter one has no direction that could be seen
                arrow(axis, start.tolist(), (start + move).tolist(), colour, mutation_scale=head)


def circle_figure(faces: Tensor, angles: Sequence[float], confidences: Sequence[float]) -> Figure:
    """How one person's images, `faces` [B, 3, H, W] at `angles`, and its prototype are pulled by the loss.

    A panel for each fixed scale (CosFace), the last for a confidence of each image's own. Arrows are minus the
    gradients, all in one unit.
    """
    images, prototypes = on_circle(angles), on_circle(PEOPLE)
    cases = [(say("circle.scale", s=s), torch.full((len(images),), s), s * COSFACE_MARGIN) for s in SCALES]
    cases.append((say("circle.confidence"), torch.tensor(confidences), MARGIN))
    moves = [pulls(images, prototypes, s, margin) for _, s, margin in cases]
    reach = LONGEST / max(float(move.norm(dim=1).max()) for pair in moves for move in pair)
    figure, axes = row([title for title, _, _ in cases], 3, 3.3)
    for axis, (_, s, margin), pair in zip(axes, cases, moves, strict=True):
        axis.text(0, 1.2, "w", color=BLUE, ha="center", va="center")
        bare(axis, -1.75, 1.95, -1.1, 2.05)
        _posterior_ring(axis, prototypes, images, s)
        _margin_wedges(axis, prototypes, margin / float(s.max()))
        circle(axis, images, prototypes, pair, reach)
        for face, (x, y), each in zip(faces, (1.42 * images).tolist(), s.tolist(), strict=True):
            thumbnail(axis, face, (x, y), 0.5)
            axis.text(x, y + 0.28, f"s = {each:g}", ha="center", va="bottom", color=INK[ORANGE])
    axes[-1].title.set_color(INK[ORANGE])
    return figure


def cloud_figure(angles: Sequence[float], variances: Tensor, faces: Tensor) -> Figure:
    """Pairs of images as clouds on the plane: `faces` [n, 2, 3, H, W], `angles` degrees apart, `variances` [n, 2].

    Under each pair stand its cosine and its score (16), the highest of each in colour.
    """
    half = torch.tensor(angles, dtype=torch.float64) / 2
    a, b = (one_part(on_circle((90 + side * half).tolist()), torch.ones(len(half)), variances[:, column])
            for column, side in enumerate((1, -1)))  # fmt: skip
    said = (("cosine", cosine_pairs(a, b), BLUE, -0.02), ("score", likelihood_pairs(a, b), GREEN, -0.16))
    titles = ["σ² = " + ", ".join(f"{v:g}" for v in pair) for pair in variances.tolist()]
    figure, axes = row(titles, 9 / len(half), 3.75)
    for n, axis in enumerate(axes):
        axis.title.set_color(INK[GREEN])
        bare(axis, -1.2, 1.2, 0, 2)
        axis.add_patch(Circle((0, 0), 1, fill=False, color=LINE, lw=mpl.rcParams["lines.linewidth"]))
        for image, face in zip((a, b), faces[n], strict=True):
            cloud(axis, image.features[n, 0].tolist(), float(image.fitted[n, 0].sqrt()), GREEN)
            thumbnail(axis, face, image.features[n, 0].tolist(), 0.34)
        for key, scores, colour, y in said:
            shade = INK[colour if n == int(scores.argmax()) else GREY]
            words = say(f"cloud.{key}", value=f"{scores[n]:.2f}".replace("-", "−"))
            axis.text(0.5, y, words, transform=axis.transAxes, ha="center", va="top", color=shade)
    return figure
