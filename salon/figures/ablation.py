"""The ablation and what the features know, as pictures of stored tables: means, and 95 % intervals over seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from salon.evaluation.results import mean_interval
from salon.figures.results import TAR
from salon.figures.style import BLUE, GREY, ORANGE, PINK, band, models, panels, row, tiles, with_seeds

# What a row's name ends in, how far above its line it stands, and how its dots look.
_MATCHINGS: dict[str, tuple[str, float, dict[str, str]]] = {
    "cosine": ("", 0.13, {"color": BLUE}), "(16)": ("+16", -0.13, {"color": ORANGE, "mfc": "white"}),
}  # fmt: skip
STEPS = ("A", "B", "C0", "S", "C", "D", "E", "E-λ2")
POINTS = "difference of TAR@FAR=1e-3, points"
PEOPLE = {300: GREY, 1000: PINK, 3000: ORANGE, 6000: "#222222"}  # a colour for each number of training people


def _dots(axis: Axes, found: pd.DataFrame, places: np.ndarray, **look: Any) -> None:
    """Dots with their intervals, from the columns mean, low and high, at the heights `places` [n]."""
    mean, low, high = found[["mean", "low", "high"]].to_numpy().T
    axis.errorbar(mean, places, xerr=(mean - low, high - mean), fmt="o", markersize=5, **look)


def _conditions(conditions: Sequence[str], names: Sequence[str], below: str) -> tuple[Figure, list[Axes], np.ndarray]:
    """A panel for each condition with the names from top to bottom: figure, axes, and how high each name stands."""
    figure, axes = row(conditions, 1.9, max(0.36 * len(names), 0.8) + 1.1)
    places = np.arange(len(names))[::-1]
    axes[0].set(yticks=places, yticklabels=names, ylim=(-0.6, len(names) - 0.4))
    figure.supxlabel(below, fontsize=10)
    return figure, axes, places


def ablation_figure(table: pd.DataFrame, conditions: Sequence[str], rows: Sequence[str] = STEPS) -> Figure:
    """TAR of rows under some conditions; full dots match by cosine, open ones by (16); bars are intervals."""
    rows = [name for name in rows if name in {*table.configuration}]
    figure, axes, places = _conditions(conditions, rows, TAR)
    for axis, condition in zip(axes, conditions, strict=True):
        for label, (suffix, shift, look) in _MATCHINGS.items():
            found = pd.DataFrame([mean_interval(table, name + suffix, condition) for name in rows])
            _dots(axis, found.set_axis(["mean", "low", "high"], axis=1), places + shift, label=label, **look)
        axis.grid(axis="x", alpha=0.3)
    figure.legend(*axes[0].get_legend_handles_labels(), ncols=2, loc="outside upper right")
    return figure


def difference_figure(told: pd.DataFrame) -> Figure:
    """What `differences` found, in points: what does not touch zero can be told, what touches it cannot."""
    conditions, names = told.condition.unique(), (told.one + " − " + told.other).unique()
    figure, axes, places = _conditions(conditions, names, POINTS)
    for axis, condition in zip(axes, conditions, strict=True):
        found = told[told.condition == condition]
        sure = ((found.low > 0) | (found.high < 0)).to_numpy()
        for which, colour in ((sure, ORANGE), (~sure, GREY)):
            _dots(axis, found[which], places[which], color=colour)
        axis.axvline(0, color="black", linewidth=0.8)
    return figure


def claims_figure(claims: pd.DataFrame, said: Mapping[str, str]) -> Figure:
    """The claims in points with their intervals, group by group (name: what to call it); full dots survive Holm."""
    found = claims[claims.made & (claims.metric == "tar") & claims.group.isin(list(said))]
    order = found.assign(group=found.group.map([*said].index), primary=~found.primary).sort_values(["group", "primary"])
    found = found.loc[order.index]
    figure, ((axis,),) = panels(1, 1, 7.6, 0.27 * len(found) + 1.0)
    places, full = np.arange(len(found))[::-1], found.survives.to_numpy(bool)
    for which, face in ((full, ORANGE), (~full, "white")):
        _dots(axis, found[which], places[which], color=ORANGE, mfc=face)
    slope = np.where(found.people == "slope", f"  {said.get('slope')}", "")
    axis.set(yticks=places, yticklabels=found.contrast + "   " + found.condition + slope, xlabel=POINTS)
    axis.axvline(0, color="black", linewidth=0.8)
    starts = found.group.ne(found.group.shift()).to_numpy()
    for place, group in zip(places[starts], found.group[starts], strict=True):
        axis.axhline(place + 0.5, color="0.85", linewidth=0.8, zorder=0)
        axis.text(1.0, place, said[group], transform=axis.get_yaxis_transform(), va="center", color=GREY)
    return figure


def effect_figure(claims: pd.DataFrame, names: Mapping[str, str], known: pd.Series | None = None) -> Figure:
    """Claims of `claims.csv` along the training, one line a number of people; bands: 95 %, over seeds and people.

    `names`: the claims to draw, a panel each, with their titles; `known` [people, steps]: drawn along this instead.
    """
    figure, axes = row(names.values(), 3.4, 3.4)
    axes[0].set_ylabel(POINTS)
    for axis, name in zip(axes, names, strict=True):
        found = claims[(claims["name"] == name) & (claims.people != "slope")]
        lines = found.groupby(found.people.astype(int))
        axis.set_prop_cycle(color=[PEOPLE.get(count, BLUE) for count in lines.groups])
        for n, line in lines:
            band(axis, line.step if known is None else known[n][line.step], line["mean"], line.low, line.high, f"{n:,}")
        axis.axhline(0, color="black", linewidth=0.8)
        if known is None:
            axis.set_xscale("log", base=2)
            axis.set(xlabel="steps", xticks=sorted({*found.step}), xticklabels=sorted({*found.step}))
            axis.minorticks_off()
    figure.legend(*axes[0].get_legend_handles_labels(), title="training people", loc="outside right center")
    return figure


def pull_figure(table: pd.DataFrame, names: Mapping[str, str]) -> Figure:
    """How hard training pictures of three kinds pull at the features, ‖∂L/∂f‖, by model (name: what to call it)."""
    figure, ((axis,),) = panels(1, 1, 6.4, 3.2)
    axis.set_prop_cycle(models(names))
    for name, label in names.items():
        found = table[(table.configuration == name) & (table.metric == "pull")]
        seeds = found.pivot(index="condition", columns="seed", values="value")
        with_seeds(axis, seeds.loc[["clean", "spoilt", "hopeless"]], label)
    axis.set(ylabel="mean pull of an image, ‖∂L/∂f‖", ylim=(0, None))
    axis.margins(x=0.15)
    axis.legend()
    return figure


def rejection_figure(table: pd.DataFrame, curves: Mapping[str, tuple[str, str]]) -> Figure:
    """Error of the mixed set as the worst images are rejected: name -> (configuration, what judges quality)."""
    figure, ((axis,),) = panels(1, 1, 6.0, 3.6)
    axis.set_prop_cycle(models(configuration for configuration, _ in curves.values()))
    for name, (configuration, quality) in curves.items():
        chosen = table[(table.configuration == configuration) & (table.metric == f"error_by_{quality}")]
        means = 100 * chosen.groupby("at").value.mean()
        look = {"color": GREY, "linestyle": "--"} if quality == "chance" else {}
        if quality == "variance":
            look |= {"linestyle": ":", "mfc": "white"}
        axis.plot(100 * means.index, means, **{"marker": "o", "label": name} | look)
    axis.set(xlabel="images rejected, %", ylabel="1 − TAR@FAR=1e-3, %")
    axis.legend(fontsize=8)
    return figure


def degradation_figure(table: pd.DataFrame, configuration: str, names: Sequence[str]) -> Figure:
    """Mean confidence and fitted variance of one row against the strength of each variation; bars: spread of seeds."""
    figure, axes = panels(1, 2, 9.6, 3.6)
    shown = {"confidence": "confidence s", "variance": "fitted variance σ²"}
    for axis, metric in zip(axes[0], shown, strict=True):
        rows = table[(table.configuration == configuration) & (table.metric == metric)]
        found = rows.groupby(["condition", "at"]).value.agg(["mean", "std"])
        for i, name in enumerate(name for name in names if name in found.index):
            style, line = ("-", "--", ":")[i // 4], found.loc[name]
            axis.errorbar(line.index, line["mean"], line["std"], fmt="o" + style, markersize=4, capsize=2, label=name)
        axis.set(xlabel="strength", ylabel=shown[metric])
        axis.grid(alpha=0.3)
    axes[0, 1].legend(fontsize=8, ncols=2)
    return figure


def factor_figure(table: pd.DataFrame, configuration: str, count: int = 18) -> Figure:
    """The factors that one model's whole embedding tells best, and how well each sub-embedding tells them; percent."""
    chosen = table[(table.configuration == configuration) & (table.seed == 0)]
    whole = chosen[chosen.metric == "probe_whole"].set_index("condition").value.nlargest(count)
    parts = chosen[chosen.metric == "probe_part"].pivot(index="condition", columns="at", values="value")
    grid = 100 * whole.to_frame("whole\nembedding").join(parts.rename(columns=lambda k: f"{k + 1:.0f}"))
    figure, ((axis,),) = panels(1, 1, 0.62 * len(grid.columns) + 2.4, 0.3 * count + 0.9)
    tiles(axis, grid.to_numpy(), 50, 160, [*grid.index], [*grid.columns], annot=True, fmt=".0f", annot_kws={"size": 8})
    return figure
