"""The ablation and what the features know, as pictures of stored tables: means, and 95 % intervals over seeds."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from salon.evaluation.results import mean_interval
from salon.figures.results import TAR, draw_numbers, draw_trade_off
from salon.figures.style import BLUE, COLOURS, GREY, ORANGE, panels, readable

STEPS = ("A", "B", "B2", "C0", "C0*", "C", "D", "E", "E-λ2")


def ablation_figure(table: pd.DataFrame, conditions: Sequence[str], rows: Sequence[str] = STEPS) -> Figure:
    """TAR of every row under some conditions; full dots match by cosine, open ones by (16); bars are intervals."""
    figure, axes = panels(1, len(conditions), 1.9 * len(conditions), 0.36 * len(rows) + 1.1, sharey=True)
    places = np.arange(len(rows))[::-1]
    for axis, condition in zip(axes[0], conditions, strict=True):
        for suffix, shift, colour, face in (("", 0.13, BLUE, BLUE), ("+16", -0.13, ORANGE, "white")):
            found = np.array([mean_interval(table, row + suffix, condition) for row in rows])
            axis.errorbar(found[:, 0], places + shift, xerr=_bars(found), fmt="o", color=colour, mfc=face,
                          markersize=5, linewidth=1.2, label="(16)" if suffix else "cosine")  # fmt: skip
        axis.set(title=readable(condition), yticks=places, yticklabels=rows)
        axis.grid(axis="x", alpha=0.3)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), frameon=False, ncols=2, loc="outside upper right")
    figure.supxlabel(TAR, fontsize=10)
    return figure


def _bars(found: np.ndarray) -> np.ndarray:
    """From mean, lower and upper end [n, 3] to what `errorbar` wants [2, n]."""
    return np.stack([found[:, 0] - found[:, 1], found[:, 2] - found[:, 0]])


def difference_figure(told: pd.DataFrame) -> Figure:
    """What `differences` found, in points: what does not touch zero can be told, what touches it cannot."""
    conditions, names = told.condition.unique(), (told.one + " − " + told.other).unique()
    figure, axes = panels(1, len(conditions), 1.9 * len(conditions), 0.36 * len(names) + 1.1, sharey=True)
    places = np.arange(len(names))[::-1]
    for axis, condition in zip(axes[0], conditions, strict=True):
        found = told[told.condition == condition][["mean", "low", "high"]].to_numpy()
        sure = (found[:, 1] > 0) | (found[:, 2] < 0)
        for which, colour in ((sure, ORANGE), (~sure, GREY)):
            axis.errorbar(
                found[which, 0], places[which], xerr=_bars(found[which]), fmt="o", color=colour, markersize=5
            )
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set(title=readable(condition), yticks=places, yticklabels=names)
    figure.supxlabel("difference of TAR@FAR=1e-3, points", fontsize=10)
    return figure


def curve_figure(tables: Mapping[str, pd.DataFrame], ys: Sequence[str]) -> Figure:
    """Mixed quality against other conditions: the curve of fixed scales, C0, C0* and C; a row of panels a table."""
    figure, axes = panels(len(tables), len(ys), 3.3 * len(ys), 3.0 * len(tables))
    for line, (title, table) in zip(axes, tables.items(), strict=True):
        for axis, y in zip(line, ys, strict=True):
            draw_trade_off(axis, table, y=y)
            axis.set(title=f"{readable(y)}, {title}", xlabel="mixed", ylabel="")
        line[0].set_ylabel(TAR)
    axes[0, 0].legend(frameon=False, fontsize=8, loc="best")
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
    for axis, what in zip(axes[0], ("confidence", "variance"), strict=True):
        _draw_degradation(axis, table[table.configuration == row], what, names)
    axes[0, 1].legend(frameon=False, fontsize=8, ncols=2)
    return figure


def _draw_degradation(axis: Axes, table: pd.DataFrame, what: str, names: Sequence[str]) -> None:
    means = table[table.metric == what].groupby(["condition", "at"]).value.agg(["mean", "std"])
    for i, name in enumerate(names):
        line = means.loc[name]
        colour, style = COLOURS[i % len(COLOURS)], ("-", "--", ":")[i // len(COLOURS)]
        axis.errorbar(line.index, line["mean"], yerr=line["std"], fmt="o" + style, color=colour,
                      markersize=4, capsize=2, label=readable(name))  # fmt: skip
    axis.set(xlabel="strength", ylabel={"confidence": "confidence s", "variance": "fitted variance σ²"}[what])
    axis.grid(alpha=0.3)


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
