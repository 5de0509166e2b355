"""The ablation and what the features know, as pictures of stored tables: means, and 95 % intervals over seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from salon.evaluation.results import mean_interval
from salon.figures.results import TAR, draw_numbers
from salon.figures.style import BLUE, COLOURS, GREY, ORANGE, panels, readable

# What a row's name ends in, how far above its line it stands, and how its dots look.
_MATCHINGS: dict[str, tuple[str, float, dict[str, str]]] = {
    "cosine": ("", 0.13, {"color": BLUE}), "(16)": ("+16", -0.13, {"color": ORANGE, "mfc": "white"}),
}  # fmt: skip
STEPS = ("A", "B", "C0", "S", "C", "D", "E", "E-λ2")


def ablation_figure(table: pd.DataFrame, conditions: Sequence[str], rows: Sequence[str] = STEPS) -> Figure:
    """TAR of every row under some conditions; full dots match by cosine, open ones by (16); bars are intervals."""
    rows = [row for row in rows if row in {*table.configuration}]
    figure, axes, places = _conditions(conditions, rows, TAR)
    for axis, condition in zip(axes, conditions, strict=True):
        for label, (suffix, shift, look) in _MATCHINGS.items():
            found = np.array([mean_interval(table, row + suffix, condition) for row in rows])
            _dots(axis, found, places + shift, linewidth=1.2, label=label, **look)
        axis.grid(axis="x", alpha=0.3)
    figure.legend(*axes[0].get_legend_handles_labels(), frameon=False, ncols=2, loc="outside upper right")
    return figure


def difference_figure(told: pd.DataFrame) -> Figure:
    """What `differences` found, in points: what does not touch zero can be told, what touches it cannot."""
    conditions, names = told.condition.unique(), (told.one + " − " + told.other).unique()
    figure, axes, places = _conditions(conditions, names, "difference of TAR@FAR=1e-3, points")
    for axis, condition in zip(axes, conditions, strict=True):
        found = told[told.condition == condition][["mean", "low", "high"]].to_numpy()
        sure = (found[:, 1] > 0) | (found[:, 2] < 0)
        for which, colour in ((sure, ORANGE), (~sure, GREY)):
            _dots(axis, found[which], places[which], color=colour)
        axis.axvline(0, color="black", linewidth=0.8)
    return figure


def _conditions(conditions: Sequence[str], names: Sequence[str], below: str) -> tuple[Figure, np.ndarray, np.ndarray]:
    """A panel for each condition with the names from top to bottom: figure, axes, and how high each name stands."""
    figure, axes = panels(1, len(conditions), 1.9 * len(conditions), max(0.36 * len(names), 0.8) + 1.1, sharey=True)
    places = np.arange(len(names))[::-1]
    for axis, condition in zip(axes[0], conditions, strict=True):
        axis.set(title=readable(condition), yticks=places, yticklabels=names, ylim=(-0.6, len(names) - 0.4))
    figure.supxlabel(below, fontsize=10)
    return figure, axes[0], places


def _dots(axis: Axes, found: np.ndarray, places: np.ndarray, **look: Any) -> None:
    """Dots with their intervals, from mean, lower and upper end [n, 3], at the heights `places` [n]."""
    reach = np.abs(found[:, 1:] - found[:, :1]).T
    axis.errorbar(found[:, 0], places, xerr=reach, fmt="o", markersize=5, **look)


def claims_figure(claims: pd.DataFrame, said: Mapping[str, str]) -> Figure:
    """The claims in points with their intervals, group by group (name: what to call it); full dots survive Holm."""
    found = claims[claims.made & (claims.metric == "tar") & claims.group.isin(list(said))]
    order = {group: i for i, group in enumerate(said)}
    found = found.sort_values(["primary"], ascending=False).sort_values(
        "group", key=lambda g: g.map(order), kind="stable"
    )
    figure, axes = panels(1, 1, 7.6, 0.27 * len(found) + 1.0)
    axis, places = axes[0, 0], np.arange(len(found))[::-1]
    values = found[["mean", "low", "high"]].to_numpy()
    for which, face in ((found.survives, ORANGE), (~found.survives, "white")):
        _dots(axis, values[which], places[which], color=ORANGE, mfc=face)
    slope = np.where(found.people == "slope", f"  {said['slope']}", "")
    names = [f"{c.contrast}   {readable(c.condition)}{s}" for c, s in zip(found.itertuples(), slope, strict=True)]
    axis.set(yticks=places, yticklabels=names, xlabel="difference of TAR@FAR=1e-3, points")
    axis.axvline(0, color="black", linewidth=0.8)
    starts = found.group.ne(found.group.shift()).to_numpy()
    for place, group in zip(places[starts], found.group[starts], strict=True):
        axis.axhline(place + 0.5, color="0.85", linewidth=0.8, zorder=0)
        axis.text(1.0, place, said[group], transform=axis.get_yaxis_transform(), ha="left", va="center", color=GREY)
    return figure


def effect_figure(claims: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """Claims of `claims.csv` along the training, one line a number of people; bands: 95 %, over seeds and people.

    `names`: the claims to draw, a panel each, with their titles.
    """
    figure, axes = panels(1, len(names), 3.4 * len(names), 3.4, sharey=True)
    for axis, (name, title) in zip(axes[0], names.items(), strict=True):
        found = claims[(claims["name"] == name) & (claims.people != "slope")]
        for (people, line), colour in zip(found.groupby(found.people.astype(int)), COLOURS * 2, strict=False):
            axis.plot(line.step, line["mean"], "o-", color=colour, label=f"{people:,}")
            axis.fill_between(line.step, line.low, line.high, color=colour, alpha=0.15, linewidth=0)
        axis.axhline(0, color="black", linewidth=0.8)
        axis.set_xscale("log", base=2)
        axis.set(title=title, xlabel="steps", xticks=sorted({*found.step}), xticklabels=sorted({*found.step}))
        axis.minorticks_off()
    axes[0, 0].set_ylabel("difference of TAR@FAR=1e-3, points")
    drawn = axes[0, 0].get_legend_handles_labels()
    figure.legend(*drawn, frameon=False, title="training people", loc="outside right center")
    return figure


def pull_figure(table: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """How hard training pictures of three kinds pull at the features, ‖∂L/∂f‖, by model (name: what to call it)."""
    kinds = ("clean", "spoilt", "hopeless")
    found = table[(table.metric == "pull") & table.configuration.isin(list(names))]
    found = found.pivot_table(index=["configuration", "seed"], columns="condition", values="value")[list(kinds)]
    figure, axes = panels(1, 1, 6.4, 3.2)
    for (name, label), colour in zip(names.items(), COLOURS, strict=False):
        axes[0, 0].plot(kinds, found.loc[name].mean(), "o-", color=colour, label=label)
        axes[0, 0].plot(kinds, found.loc[name].T, ".", color=colour, alpha=0.4)
    axes[0, 0].set(ylabel="mean pull of an image, ‖∂L/∂f‖", ylim=(0, None))
    axes[0, 0].margins(x=0.15)
    axes[0, 0].legend(frameon=False)
    return figure


def rejection_figure(table: pd.DataFrame, curves: Mapping[str, tuple[str, str]]) -> Figure:
    """Error of the mixed set as the worst images are rejected: name -> (configuration, what judges quality)."""
    figure, axes = panels(1, 1, 6.0, 3.6)
    for (name, (configuration, quality)), colour in zip(curves.items(), COLOURS * 2, strict=False):
        chosen = table[(table.configuration == configuration) & (table.metric == f"error_by_{quality}")]
        means = 100 * chosen.groupby("at").value.mean()
        style, colour = ("--", GREY) if quality == "chance" else ("-", colour)
        axes[0, 0].plot(100 * means.index, means, style, marker="o", color=colour, label=name)
    axes[0, 0].set(xlabel="images rejected, %", ylabel="1 − TAR@FAR=1e-3, %")
    axes[0, 0].legend(frameon=False, fontsize=8)
    return figure


def degradation_figure(table: pd.DataFrame, row: str, names: Sequence[str]) -> Figure:
    """Mean confidence and fitted variance of one row against the strength of each variation; bars: spread of seeds."""
    figure, axes = panels(1, 2, 9.6, 3.6)
    looks = [{"color": colour, "fmt": "o" + style} for style in ("-", "--", ":") for colour in COLOURS]
    shown = {"confidence": "confidence s", "variance": "fitted variance σ²"}
    for axis, (metric, ylabel) in zip(axes[0], shown.items(), strict=True):
        chosen = table[(table.configuration == row) & (table.metric == metric)]
        groups = chosen.groupby(["condition", "at"]).value.agg(["mean", "std"])
        for name, look in zip((n for n in names if n in groups.index), looks, strict=False):
            mean, spread = groups.loc[name, "mean"], groups.loc[name, "std"]
            axis.errorbar(mean.index, mean, yerr=spread, markersize=4, capsize=2, label=readable(name), **look)
        axis.set(xlabel="strength", ylabel=ylabel)
        axis.grid(alpha=0.3)
    axes[0, 1].legend(frameon=False, fontsize=8, ncols=2)
    return figure


def factor_figure(table: pd.DataFrame, row: str, seed: int = 0, count: int = 14) -> Figure:
    """The factors that one model's whole embedding tells best, and how well each sub-embedding tells them; percent."""
    chosen = table[(table.configuration == row) & (table.seed == seed)]
    whole = chosen[chosen.metric == "probe_whole"].set_index("condition").value.rename("whole")
    parts = chosen[chosen.metric == "probe_part"].pivot(index="condition", columns="at", values="value")
    parts.columns = [f"k{k:.0f}" for k in parts]
    grid = 100 * parts.join(whole).sort_values("whole", ascending=False).head(count)
    grid = grid[["whole", *grid.columns[:-1]]]
    figure, axes = panels(1, 1, 0.62 * len(grid.columns) + 2.4, 0.3 * count + 0.9)
    draw_numbers(axes[0, 0], grid.to_numpy(), 50, fontsize=8)
    axes[0, 0].set_aspect("auto")
    axes[0, 0].set(xticks=range(len(grid.columns)), xticklabels=grid.columns)
    axes[0, 0].set(yticks=range(len(grid)), yticklabels=[readable(name) for name in grid.index])
    return figure
