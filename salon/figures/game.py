"""The game of decorrelation: what each loss tells each sub-embedding about each variation, and what a probe reads."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from salon.faces.variations import VARIATIONS
from salon.figures.style import BLUE, ORANGE, panels
from salon.words import SalonError, say

# What the adversary (13) hides, and the rows of the table `ablation` that were trained so; all with K = 8.
RULES = {"none": "D", "others": "E", "rest": "E-λ2"}
GROUPS = ("alone", "shared", "unassigned")  # V_t but for those of another too, those, and what is not in V_t
LOSSES = ("classification", "adversary", "both", "identification", "discriminator")


def touched(masks: Tensor, loss: str, rule: str = "others") -> Tensor:
    """What a loss tells sub-embedding k about variation t, for masks V_t [M, K]: bool [M, K, 2], to show and to hide.

    (12) shows t in V_t; (13) hides t in the other halves ("others"), or in all that is not in V_t ("rest"). (6)
    knows no variation, and of (11) no gradient leaves the discriminator. Raises `SalonError` for an unknown name.
    """
    if loss not in LOSSES or rule not in RULES:
        raise SalonError(f"{loss!r} by {rule!r} came; expected one of {LOSSES} by one of {tuple(RULES)}.")
    nothing = torch.zeros_like(masks)
    halves = ~torch.eye(len(masks), dtype=torch.bool)[:, :, None] & masks  # [t, another, K]
    hide = {"none": nothing, "others": halves.any(1), "rest": ~masks}[rule]
    show = nothing if rule == "none" else masks
    says = {"classification": (show, nothing), "adversary": (nothing, hide), "both": (show, hide)}
    return torch.stack(says.get(loss, (nothing, nothing)), -1)


def probe_matrix(table: pd.DataFrame) -> dict[str, list[list[float | None]]]:
    """Accuracies of linear probes, means over seeds, [M][group] by rule; None where no seed has such sub-embeddings."""
    means = table.groupby(["configuration", "condition", "metric"]).value.mean().to_dict()

    def mean(row: str, name: str, group: str) -> float | None:
        value = means.get((row, name, f"probe_{group}"))
        return None if value is None else round(float(value), 3)

    return {rule: [[mean(row, name, group) for group in GROUPS] for name in VARIATIONS] for rule, row in RULES.items()}


def game_figure(masks: Tensor, probes: dict[str, list[list[float | None]]], rule: str | None = None) -> Figure:
    """For each rule (or one) what both losses tell sub-embeddings of masks [M, K]; below, what probes read."""
    rules = [*RULES] if rule is None else [rule]
    figure, axes = panels(2, len(rules), max(4.4, 3.4 * len(rules)), 3.6)
    for name, (grid, matrix) in zip(rules, axes.T, strict=True):
        grid.set_title(say(f"game.{name}"))
        _grid(grid, masks, touched(masks, "both", name))
        _matrix(matrix, np.array(probes[name], float))
    for axis in axes[:, 0]:
        names = [say(f"game.{name}") for name in VARIATIONS]
        axis.set(yticks=np.arange(len(names)) + 0.5, yticklabels=names)
    return figure


def _tiles(axis: Axes, values: np.ndarray, low: float, high: float) -> None:
    axis.pcolormesh(values, cmap="Blues", vmin=low, vmax=high, edgecolors="white", linewidth=2)
    axis.set(xticks=np.arange(values.shape[1]) + 0.5, yticks=[])
    axis.invert_yaxis()
    axis.spines[:].set_visible(False)


def _grid(axis: Axes, masks: Tensor, says: Tensor) -> None:
    _tiles(axis, masks.numpy(), 0, 3)
    axis.set(xticklabels=range(1, masks.shape[1] + 1), xlabel=say("game.part"))
    for (t, k), _ in np.ndenumerate(masks.numpy()):
        for way, (hide, colour, marker) in enumerate(((0, BLUE, "^"), (1, ORANGE, "v"))):
            if says[t, k, hide]:
                aside = 0.17 * (2 * way - 1) if says[t, k].all() else 0
                axis.scatter(k + 0.5 + aside, t + 0.5, s=0.35 * mpl.rcParams["font.size"] ** 2, c=colour, marker=marker)


def _matrix(axis: Axes, values: np.ndarray) -> None:
    _tiles(axis, values, 0.5, 1.3)
    axis.set(xticklabels=[say(f"game.{name}") for name in GROUPS])
    for (t, group), value in np.ndenumerate(values):
        axis.text(group + 0.5, t + 0.5, "–" if np.isnan(value) else f"{value:.2f}", ha="center", va="center")
