"""The identification losses as curves, and the masks of decorrelation as a grid."""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor

from salon.figures.style import BLUE, ORANGE, panels, row, tiles
from salon.model.losses import margin_loss

OTHERS = 99  # people who stand at right angles to the image
MOST = 40.0  # of the confidences that are drawn


def angle_figure(scales: Sequence[float], margin: float) -> Figure:
    """CosFace's loss of one image against the angle to its prototype, and its slope, for several scales."""
    figure, axes = panels(1, 2, 8.4, 3.2)
    degrees = torch.linspace(0, 90, 181, dtype=torch.float64)
    angle = torch.deg2rad(degrees).requires_grad_()
    cosines = torch.cat([angle.cos()[:, None], torch.zeros(len(angle), OTHERS)], 1)  # [B, N]
    for scale in scales:
        loss = margin_loss(scale * cosines, torch.zeros(len(angle), dtype=torch.long), scale * margin)
        (slope,) = torch.autograd.grad(loss.sum(), angle, retain_graph=True)
        axes[0, 0].plot(degrees, loss.detach(), label=f"s = {scale:g}")
        axes[0, 1].plot(degrees, slope)
    below = "angle to the own prototype, degrees"
    axes[0, 0].set(xlabel=below, ylabel="loss, nats", yscale="log", ylim=(1e-3, 50))
    axes[0, 1].set(xlabel=below, ylabel="slope: how hard it is pulled")
    axes[0, 0].legend()
    return figure


def confidence_figure(images: Mapping[str, Tensor], margin: float, regularise: float) -> Figure:
    """L_idt (6) and L_idt + λ_reg s² against the confidence s, for images given by their cosines [N].

    The first cosine is that to the own prototype; a dot marks the confidence that would be learned.
    """
    s = torch.linspace(0, MOST, 401, dtype=torch.float64)
    figure, axes = row(images, 4.2, 3.2)
    axes[0].set_ylabel("loss, nats")
    for axis, cosines in zip(axes, images.values(), strict=True):
        plain = margin_loss(s[:, None] * cosines.double(), torch.zeros(len(s), dtype=torch.long), margin)
        whole = plain + regularise * s**2
        best = int(whole.argmin())
        axis.plot(s, plain, "--", color=BLUE, label="identification loss (6)")
        axis.plot(s, whole, color=ORANGE, label="with the regulariser (10)")
        axis.plot(s[best], whole[best], "o", color=ORANGE, label=f"least at s = {s[best]:.0f}")
        axis.set_xlabel("confidence s")
        axis.legend(fontsize=9)
    return figure


def mask_figure(masks: Tensor, names: Sequence[str]) -> Figure:
    """The masks V_t [M, K]: which sub-embeddings are to keep which variation (dark)."""
    M, K = masks.shape
    figure, axes = panels(1, 1, 1.6 + 0.45 * K, 0.7 + 0.4 * M)
    tiles(axes[0, 0], masks, 0, 1.3, names, range(1, K + 1))
    axes[0, 0].set_xlabel("sub-embedding k")
    return figure
