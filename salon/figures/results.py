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
from salon.figures.style import BLUE, GREEN, GREY, MODELS, ORANGE, PINK, band, models, panels, row, with_seeds

TAR = "TAR@FAR=1e-3, %"
# Where a point's name stands, in points from it: neighbours on the curve do not share a place.
_PLACES = {"CosFace s=8": (9, -5), "CosFace s=12": (9, -5), "CosFace s=16": (-24, 8), "CosFace s=20": (-34, 0),
           "CosFace s=64": (4, 9), "C": (-16, 4), "C0": (8, 6), "S": (-16, -15), "C0*": (10, -16)}  # fmt: skip
_MARKS = {"C0": (PINK, "^"), "C0*": (GREY, "v"), "S": (GREEN, "s"), "C": (ORANGE, "D")}  # the others are fixed scales
_LEGEND = {"CosFace": "CosFace, one fixed scale s", "C": "C: confidence learned",
           "C0": "C0: frozen at C's mean", "C0*": "C0*: frozen, tuned", "S": "S: one learned scale"}  # fmt: skip
_GAMES = ("D", "E", "E-λ2")
# By whose half sub-embeddings belong to.
_GROUPS = {"probe_alone": "its own\nalone", "probe_shared": "its and\nanother's", "probe_unassigned": "not its\nown"}


def _tars(table: pd.DataFrame) -> pd.DataFrame:
    """TAR in percent, one row for each configuration and seed, one column for each condition."""
    chosen = table[(table.metric == "tar") & (table["at"] == FAR) & (table.split == "test")]
    rows = ["configuration", "seed"]
    return 100 * chosen.pivot_table(index=rows, columns="condition", values="value", sort=False)


def trade_off_figure(table: pd.DataFrame, **said: Any) -> Figure:
    """Clean against mixed quality: the curve of fixed scales, C0, C0* and C; seeds are faint points, means full.

    Left as trained, matched by cosine; right with a variance fitted afterwards, matched by (16). `said` is what
    `draw_trade_off` takes.
    """
    figure, ((left, right),) = panels(1, 2, 9.6, 4.2, sharex=True, sharey=True)
    later = table.configuration.str.endswith("+16")
    draw_trade_off(left, table[~later], "clean", **said)
    draw_trade_off(right, table[later].replace({"configuration": r"\+16"}, "", regex=True), "clean", **said)
    left.set_title("matched by cosine")
    right.set(title="matched by (16)", ylabel="")
    left.legend(loc="best")
    return figure


def draw_trade_off(
    axis: Axes, table: pd.DataFrame, y: str, places: Mapping[str, tuple[int, int]] | None = None,
    legend: Mapping[str, str] = _LEGEND,
) -> None:  # fmt: skip
    """TAR under the condition `y` against mixed quality, of fixed scales, C0, C0*, S and C.

    `places`: only these points are named, so many points right of and above them; by default all are. `legend`: what
    "CosFace", "C0", "C0*", "S" and "C" are called; what it leaves out is not drawn.
    """
    tars = _tars(table)[["mixed", y]]
    means = tars.groupby("configuration", sort=False).mean()
    fixed = [name for name in means.index if name.startswith("CosFace s=")]
    axis.plot(*means.loc[fixed].to_numpy().T, color=BLUE, label=legend["CosFace"])
    for name in (*fixed, *(name for name in _MARKS if name in means.index and name in legend)):
        colour, marker = _MARKS.get(name, (BLUE, "o"))
        seeds, mean = tars.loc[name].to_numpy().T, means.loc[name]
        axis.scatter(seeds[0], seeds[1], s=18, color=colour, marker=marker, alpha=0.35, linewidth=0)
        axis.scatter(mean.iloc[0], mean.iloc[1], s=60, color=colour, marker=marker, zorder=3, label=legend.get(name))
        if places is None or name in places:
            place, text = (places or _PLACES).get(name, (8, -14)), name.removeprefix("CosFace ")
            axis.annotate(text, mean, place, textcoords="offset points", color=colour)
    axis.set(xlabel=f"mixed: {TAR}", ylabel=f"{y}: {TAR}")
    axis.grid(alpha=0.3)


def condition_figure(table: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """TAR of some configurations (name: what to call it) under every condition; a dot for each seed."""
    tars = _tars(table[table.configuration.isin(list(names))])
    figure, ((axis,),) = panels(1, 1, 8.4, 3.4)
    axis.set_prop_cycle(models(names))
    width = 0.8 / len(names)
    for i, (name, label) in enumerate(names.items()):
        rows = tars.loc[name]  # [seeds, conditions]
        x = np.arange(rows.shape[1]) + (i - (len(names) - 1) / 2) * width
        axis.bar(x, rows.mean(), 0.9 * width, label=label)
        axis.scatter(np.tile(x, len(rows)), rows, s=9, color="black", zorder=3)
    axis.set(xticks=range(tars.shape[1]), xticklabels=tars.columns, ylabel=TAR)
    axis.legend()
    return figure


def strength_figure(
    strengths: Sequence[float] | Tensor, curves: Mapping[str, Tensor], ylabel: str = "confidence s",
    owners: Mapping[str, Tensor] | None = None,
) -> Figure:  # fmt: skip
    """Means [S, K] against the strength of each variation: every sub-embedding, those that own it coloured, their mean.

    `owners`: for each variation which sub-embeddings own it, [K] bool; without it the mean of all is coloured.
    """
    figure, axes = row(curves, 3.2, 3.2)
    for axis, (name, values) in zip(axes, curves.items(), strict=True):
        groups = {"mean": (torch.ones(values.shape[1], dtype=torch.bool), GREY, ORANGE)}
        if owners is not None:
            groups = {"own it": (owners[name], ORANGE, ORANGE), "do not": (~owners[name], BLUE, BLUE)}
        for label, (which, thin, thick) in groups.items():
            axis.plot(strengths, values[:, which], color=thin, linewidth=0.8)
            axis.plot(strengths, values[:, which].mean(1), color=thick, linewidth=2.5, label=label)
        axis.set_xlabel("strength")
    axes[0].set(ylabel=ylabel, ylim=(0, None))
    axes[0].legend()
    return figure


def line_figure(x: Sequence[float], curves: Mapping[str, Sequence[float]], xlabel: str, ylabel: str) -> Figure:
    """A few curves over the same numbers, such as TAR against the number of images in a template."""
    figure, ((axis,),) = panels(1, 1, 5.6, 3.4)
    pd.DataFrame(curves, index=list(x)).plot(ax=axis, style="o-", xlabel=xlabel, ylabel=ylabel, xticks=x)
    return figure


def probe_figure(table: pd.DataFrame) -> Figure:
    """What single sub-embeddings know of each variation, without and with decorrelation, by (13) and by our variant.

    By whose half they belong to: this variation's alone, its and another's too, not its own. Seeds are dots.
    """
    names = table[table.metric == "probe_unassigned"].condition.unique()
    figure, axes = row(names, 9.6 / len(names), 3.2)
    for axis, name in zip(axes, names, strict=True):
        for configuration in _GAMES:
            rows = table[(table.configuration == configuration) & (table.condition == name)]
            found = rows[rows.metric.isin([*_GROUPS])].pivot(index="metric", columns="seed", values="value")
            with_seeds(axis, 100 * found.loc[[*_GROUPS]].rename(_GROUPS), configuration, MODELS[configuration])
        axis.axhline(50, color="0.7", linewidth=0.8, linestyle=":")
    axes[0].set_ylabel("linear probe, balanced accuracy, %")
    axes[0].legend()
    return figure


def convergence_figure(table: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Training from scratch, step by step, of some rows (name: what to call it): means over seeds, and their range.

    Left the training people classified right on their plain pictures; then TAR of unseen people, clean and mixed.
    """
    figure, axes = panels(1, 3, 10.2, 3.4)
    shown = (("train", "clean", "accuracy"), ("test", "clean", "tar"), ("test", "mixed", "tar"))
    groups = table.groupby(["configuration", "split", "condition", "metric"])
    for axis, (split, condition, metric) in zip(axes[0], shown, strict=True):
        axis.set_prop_cycle(models(names))
        for name, label in names.items():
            rows = groups.get_group((name, split, condition, metric))
            seeds = 100 * rows.pivot(index="step", columns="seed", values="value")
            band(axis, seeds.index, seeds.mean(axis=1), seeds.min(axis=1), seeds.max(axis=1), label)
        people, ylabel = ("training people", "classified right, %") if split == "train" else ("unseen people", TAR)
        axis.set(xlabel="training step", ylabel=ylabel, title=f"{people}, {condition}")
        axis.grid(alpha=0.3)
    axes[0, 0].legend(fontsize=8)
    return figure
