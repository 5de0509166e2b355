"""The game of decorrelation: what each loss tells each sub-embedding about each variation, and what a probe reads."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from salon.faces.variations import VARIATIONS
from salon.figures.style import BLUE, ORANGE, panels, tiles
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
    names, groups = ([say(f"game.{name}") for name in each] for each in (VARIATIONS, GROUPS))
    figure, axes = panels(2, len(rules), max(4.4, 3.4 * len(rules)), 3.6, sharey=True)
    for name, (grid, matrix) in zip(rules, axes.T, strict=True):
        tiles(grid, masks, 0, 3, names, range(1, masks.shape[1] + 1))
        grid.set(title=say(f"game.{name}"), xlabel=say("game.part"))
        _arrows(grid, touched(masks, "both", name))
        tiles(matrix, np.array(probes[name], float), 0.5, 1.8, names, groups, annot=True, fmt=".2f")
    return figure


def _arrows(axis: Axes, says: Tensor) -> None:
    """Up where a variation is to be shown, down where it is to be hidden, of bool [M, K, 2]."""
    for hide, (colour, marker) in enumerate(((BLUE, "^"), (ORANGE, "v"))):
        t, k = says[..., hide].nonzero(as_tuple=True)
        aside = 0.17 * (2 * hide - 1) * says.all(-1)[t, k]
        axis.scatter(k + 0.5 + aside, t + 0.5, s=0.35 * mpl.rcParams["font.size"] ** 2, c=colour, marker=marker)
