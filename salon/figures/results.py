"""Stored tables and measured curves as pictures."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from salon.evaluation.results import FAR
from salon.figures.style import BLUE, COLOURS, GREEN, GREY, ORANGE, PINK, panels, readable

TAR = "TAR@FAR=1e-3, %"
# Where a point's name stands, in points from it: neighbours on the curve do not share a place.
_PLACES = {"CosFace s=8": (9, -5), "CosFace s=12": (9, -5), "CosFace s=16": (-24, 8), "CosFace s=20": (-34, 0),
           "CosFace s=64": (4, 9), "C": (-16, 4), "C0": (8, 6), "S": (-16, -15), "C0*": (-14, 9)}  # fmt: skip
_MARKS = {"C0": (PINK, "^"), "C0*": (GREEN, "v"), "S": (GREY, "s"), "C": (ORANGE, "D")}  # the others are fixed scales
_LEGEND = {"CosFace": "CosFace, one fixed scale s", "C": "C: confidence learned",
           "C0": "C0: frozen at C's mean", "C0*": "C0*: frozen, tuned", "S": "S: one learned scale"}  # fmt: skip


def _tars(table: pd.DataFrame) -> pd.DataFrame:
    """TAR in percent, one row for each configuration and seed, one column for each condition."""
    chosen = table[(table.metric == "tar") & (table["at"] == FAR) & (table.split == "test")]
    rows = ["configuration", "seed"]
    return 100 * chosen.pivot_table(index=rows, columns="condition", values="value", sort=False)


def trade_off_figure(table: pd.DataFrame, x: str = "mixed", y: str = "clean", **said: Any) -> Figure:
    """Clean against mixed quality: the curve of fixed scales, C0, C0* and C; seeds are faint points, means full.

    Left as trained, matched by cosine; right with a variance fitted afterwards, matched by (16). `said` is what
    `draw_trade_off` takes.
    """
    figure, axes = panels(1, 2, 9.6, 4.2, sharex=True, sharey=True)
    for axis, suffix in zip(axes[0], ("", "+16"), strict=True):
        draw_trade_off(axis, table, x, y, suffix, **said)
        axis.set_title("variance fitted afterwards" if suffix else "as trained")
    axes[0, 1].set_ylabel("")
    axes[0, 0].legend(frameon=False, loc="best")
    return figure


def draw_trade_off(
    axis: Axes,
    table: pd.DataFrame,
    x: str = "mixed",
    y: str = "clean",
    suffix: str = "",
    places: Mapping[str, tuple[int, int]] | None = None,
    legend: Mapping[str, str] = _LEGEND,
) -> None:
    """One panel of `trade_off_figure`, on any axes: of the configurations that end in "+16", or of the others.

    `places`: only these points are named, so many points right of and above them; by default all are. `legend`: what
    "CosFace", "C0", "C0*" and "C" are called.
    """
    matched = table[table.configuration.str.endswith("+16") == bool(suffix)]
    tars = _tars(matched.assign(configuration=matched.configuration.str.removesuffix("+16")))
    means = tars.groupby("configuration", sort=False).mean()
    fixed = [name for name in means.index if name.startswith("CosFace s=")]
    means = means.loc[[*fixed, *(name for name in _MARKS if name in means.index)]]
    axis.plot(means.loc[fixed, x], means.loc[fixed, y], color=BLUE, label=legend["CosFace"])
    for name in means.index:
        seeds, mean = tars.loc[name, [x, y]].to_numpy(), means.loc[name, [x, y]].to_numpy()
        colour, marker = _MARKS.get(name, (BLUE, "o"))
        axis.scatter(seeds[:, 0], seeds[:, 1], s=18, color=colour, marker=marker, alpha=0.35, linewidth=0)
        axis.scatter(mean[0], mean[1], s=60, color=colour, marker=marker, zorder=3, label=legend.get(name))
        if places is None or name in places:
            place, text = (places or _PLACES).get(name, (8, -14)), name.removeprefix("CosFace ")
            axis.annotate(text, mean, place, textcoords="offset points", color=colour)
    axis.set(xlabel=f"{readable(x)}: {TAR}", ylabel=f"{readable(y)}: {TAR}")
    axis.grid(alpha=0.3)


def condition_figure(table: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """TAR of some configurations (name: what to call it) under every condition; a dot for each seed."""
    tars = _tars(table[table.configuration.isin(list(names))])
    figure, axes = panels(1, 1, 8.4, 3.4)
    width = 0.8 / len(names)
    for i, ((name, label), colour) in enumerate(zip(names.items(), COLOURS, strict=False)):
        rows = tars.loc[name]  # [seeds, conditions]
        x = np.arange(rows.shape[1]) + (i - (len(names) - 1) / 2) * width
        axes[0, 0].bar(x, rows.mean(), 0.9 * width, color=colour, label=label)
        axes[0, 0].scatter(np.tile(x, len(rows)), rows.to_numpy(), s=9, color="black", zorder=3)
    axes[0, 0].set(xticks=range(tars.shape[1]), xticklabels=[readable(c) for c in tars.columns], ylabel=TAR)
    axes[0, 0].legend(frameon=False)
    return figure


def strength_figure(
    strengths: Sequence[float] | Tensor,
    curves: Mapping[str, Tensor],
    ylabel: str = "confidence s",
    owners: Mapping[str, Tensor] | None = None,
) -> Figure:
    """Means [S, K] against the strength of each variation: every sub-embedding, those that own it coloured, their mean.

    `owners`: for each variation which sub-embeddings own it, [K] bool; without it the mean of all is coloured.
    """
    figure, axes = panels(1, len(curves), 3.2 * len(curves), 3.2, sharey=True)
    for axis, (name, values) in zip(axes[0], curves.items(), strict=True):
        own = torch.ones(values.shape[1], dtype=torch.bool) if owners is None else owners[name]
        groups = {"mean": (own, ORANGE)} if owners is None else {"own it": (own, ORANGE), "do not": (~own, BLUE)}
        for label, (which, colour) in groups.items():
            axis.plot(strengths, values[:, which], color=GREY if owners is None else colour, linewidth=0.8)
            axis.plot(strengths, values[:, which].mean(1), color=colour, linewidth=2.5, label=label)
        axis.set(title=readable(name), xlabel="strength")
    axes[0, 0].set(ylabel=ylabel, ylim=(0, None))
    axes[0, 0].legend(frameon=False)
    return figure


def draw_numbers(axis: Axes, grid: np.ndarray, least: float, **options: Any) -> None:
    """A grid of percentages, the darker the higher from `least` to 100; `options` are those of the letters."""
    axis.imshow(grid, cmap="Blues", vmin=least, vmax=100)
    for (i, j), value in np.ndenumerate(grid):
        colour = "white" if value > (least + 100) / 2 else "black"
        axis.text(j, i, f"{value:.0f}", ha="center", va="center", color=colour, **options)


def black_hole_figure(shares: Mapping[str, Tensor], conditions: Sequence[str]) -> Figure:
    """For each model [C, C]: of its highest false matches, how many percent join which two conditions."""
    names = [readable(name) for name in conditions]
    figure, axes = panels(1, len(shares), 3.3 * len(shares), 3.6, sharey=True)
    for axis, (title, share) in zip(axes[0], shares.items(), strict=True):
        draw_numbers(axis, 100 * share.numpy(), 0)
        axis.set(title=title, xticks=range(len(names)), yticks=range(len(names)), yticklabels=names)
        axis.set_xticklabels(names, rotation=40, ha="right")
    axes[0, 0].set_ylabel("condition of the probe")
    figure.supxlabel("condition of the gallery image", fontsize=10)
    return figure


def line_figure(x: Sequence[float], curves: Mapping[str, Sequence[float]], xlabel: str, ylabel: str) -> Figure:
    """A few curves over the same numbers, such as TAR against the number of images in a template."""
    figure, axes = panels(1, 1, 5.6, 3.4)
    for (name, values), colour in zip(curves.items(), COLOURS, strict=False):
        axes[0, 0].plot(x, values, "o-", color=colour, label=name)
    axes[0, 0].set(xlabel=xlabel, ylabel=ylabel, xticks=x)
    axes[0, 0].legend(frameon=False)
    return figure


_GAMES = {"D": GREY, "E": BLUE, "E-λ2": ORANGE}


def probe_figure(table: pd.DataFrame) -> Figure:
    """What single sub-embeddings know of each variation, without and with decorrelation, by (13) and by our variant.

    By whose half they belong to: this variation's alone, its and another's too, not its own. Seeds are dots.
    """
    groups = {"probe_alone": "its own\nalone", "probe_shared": "its and\nanother's",
              "probe_unassigned": "not its\nown"}  # fmt: skip
    names = list(dict.fromkeys(table[table.metric == "probe_unassigned"].condition))
    figure, axes = panels(1, len(names), 9.6, 3.2, sharey=True)
    for axis, name in zip(axes[0], names, strict=True):
        for configuration, colour in _GAMES.items():
            rows = table[table.configuration == configuration]
            found = [rows[(rows.condition == name) & (rows.metric == metric)].value for metric in groups]
            means = [100 * values.mean() for values in found]
            axis.plot(list(groups.values()), means, "o-", color=colour, label=configuration)
            for x, values in enumerate(found):
                axis.scatter([x] * len(values), 100 * values, s=16, color=colour, alpha=0.4, linewidth=0)
        axis.axhline(50, color="0.7", linewidth=0.8, linestyle=":")
        axis.set_title(readable(name))
    axes[0, 0].set_ylabel("linear probe, balanced accuracy, %")
    axes[0, 0].legend(frameon=False)
    return figure


def convergence_figure(table: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Training from scratch, step by step, of some rows (name: what to call it): means over seeds, and their range.

    Left the training people classified right on their plain pictures; then TAR of unseen people, clean and mixed.
    """
    figure, axes = panels(1, 3, 10.2, 3.4)
    shown = (("train", "clean", "accuracy"), ("test", "clean", "tar"), ("test", "mixed", "tar"))
    groups = table.groupby(["configuration", "split", "condition", "metric"])
    for axis, (split, condition, metric) in zip(axes[0], shown, strict=True):
        for (name, label), colour in zip(names.items(), COLOURS, strict=False):
            rows = groups.get_group((name, split, condition, metric))
            seeds = 100 * rows.pivot(index="step", columns="seed", values="value")
            low, high = seeds.min(axis=1), seeds.max(axis=1)
            axis.plot(seeds.index, seeds.mean(axis=1), "o-", color=colour, markersize=4, label=label)
            axis.fill_between(seeds.index, low, high, color=colour, alpha=0.2, linewidth=0)
        axis.set(xlabel="training step", ylabel="classified right, %" if split == "train" else TAR)
        axis.set_title(f"{'training people' if split == 'train' else 'unseen people'}, {condition}")
        axis.grid(alpha=0.3)
    axes[0, 0].legend(frameon=False, fontsize=8)
    return figure
