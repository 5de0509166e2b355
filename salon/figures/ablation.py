"""The ablation and what the features know, as pictures of stored tables: means, and 95 % intervals over seeds."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from salon.evaluation.results import Row, by_seed, difference, mean_interval
from salon.figures.results import TAR, draw_numbers, draw_trade_off
from salon.figures.style import BLUE, COLOURS, GREY, ORANGE, panels, readable

STEPS = ("A", "B", "B2", "C0", "C0*", "C", "D", "E", "E-λ2")


def ablation_figure(table: pd.DataFrame, conditions: Sequence[str], rows: Sequence[str] = STEPS) -> Figure:
    """TAR of every row under some conditions; full dots match by cosine, open ones by (16); bars are intervals."""
    figure, axes = panels(1, len(conditions), 1.9 * len(conditions), 0.36 * len(rows) + 1.1, sharey=True)
    places = np.arange(len(rows))[::-1]
    for axis, condition in zip(axes[0], conditions, strict=True):
        for pa, shift, colour, face in ((False, 0.13, BLUE, BLUE), (True, -0.13, ORANGE, "white")):
            found = np.array([mean_interval(table, (row, pa), condition) for row in rows])
            axis.errorbar(found[:, 0], places + shift, xerr=_bars(found), fmt="o", color=colour, mfc=face,
                          markersize=5, linewidth=1.2, label="(16)" if pa else "cosine")  # fmt: skip
        axis.set(title=readable(condition), yticks=places, yticklabels=rows)
        axis.grid(axis="x", alpha=0.3)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), frameon=False, ncols=2, loc="outside upper right")
    figure.supxlabel(TAR, fontsize=10)
    return figure


def _bars(found: np.ndarray) -> np.ndarray:
    """From mean, lower and upper end [n, 3] to what `errorbar` wants [2, n]."""
    return np.stack([found[:, 0] - found[:, 1], found[:, 2] - found[:, 0]])


def difference_figure(
    table: pd.DataFrame, pairs: Mapping[str, tuple[Row, Row]], conditions: Sequence[str]
) -> Figure:
    """Differences of rows, seed by seed, in points: what does not touch zero can be told, what touches it cannot."""
    figure, axes = panels(1, len(conditions), 1.9 * len(conditions), 0.36 * len(pairs) + 1.1, sharey=True)
    places = np.arange(len(pairs))[::-1]
    for axis, condition in zip(axes[0], conditions, strict=True):
        found = np.array([difference(table, one, other, condition) for one, other in pairs.values()])
        told = (found[:, 1] > 0) | (found[:, 2] < 0)
        for which, colour in ((told, ORANGE), (~told, GREY)):
            axis.errorbar(
                found[which, 0], places[which], xerr=_bars(found[which]), fmt="o", color=colour, markersize=5
            )
        axis.axvline(0, color="black", linewidth=0.8)
        axis.set(title=readable(condition), yticks=places, yticklabels=list(pairs))
    figure.supxlabel("difference of TAR@FAR=1e-3, points", fontsize=10)
    return figure


def curve_figure(tables: Mapping[str, pd.DataFrame], ys: Sequence[str]) -> Figure:
    """Mixed quality against other conditions: the curve of fixed scales, C0, C0* and C; a row of panels a table."""
    figure, axes = panels(len(tables), len(ys), 3.3 * len(ys), 3.0 * len(tables))
    for line, (title, table) in zip(axes, tables.items(), strict=True):
        for axis, y in zip(line, ys, strict=True):
            draw_trade_off(axis, table, False, "mixed", y)
            axis.set(title=f"{readable(y)}, {title}", xlabel="mixed", ylabel="")
        line[0].set_ylabel(TAR)
    axes[0, 0].legend(frameon=False, fontsize=8, loc="best")
    return figure


def rejection_figure(
    table: pd.DataFrame, rows: Mapping[str, tuple[Row, str]], shares: Sequence[float]
) -> Figure:
    """Error of the mixed set as the worst images are rejected: name -> (row, what judges quality)."""
    figure, axes = panels(1, 1, 6.0, 3.6)
    for (name, (row, quality)), colour in zip(rows.items(), COLOURS * 2, strict=False):
        means = [
            by_seed(table, row, "mixed", f"error_at_reject_{share:g}_by_{quality}").mean() for share in shares
        ]
        style, colour = ("--", GREY) if quality == "chance" else ("-", colour)
        axes[0, 0].plot([100 * share for share in shares], means, style, marker="o", color=colour, label=name)
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
    chosen = table[table.metric.str.startswith(f"{what}_at_")]
    strengths = chosen.metric.str.removeprefix(f"{what}_at_").astype(float)
    means = chosen.assign(strength=strengths).groupby(["condition", "strength"]).value.agg(["mean", "std"])
    for i, name in enumerate(names):
        line = means.loc[name]
        colour, style = COLOURS[i % len(COLOURS)], ("-", "--", ":")[i // len(COLOURS)]
        axis.errorbar(line.index, line["mean"], yerr=line["std"], fmt="o" + style, color=colour,
                      markersize=4, capsize=2, label=readable(name))  # fmt: skip
    axis.set(xlabel="strength", ylabel={"confidence": "confidence s", "variance": "fitted variance σ²"}[what])
    axis.grid(alpha=0.3)


def factor_figure(table: pd.DataFrame, row: str, seed: int = 0, count: int = 14) -> Figure:
    """The factors that one model's whole embedding tells best, and how well each sub-embedding tells them; percent."""
    chosen = table[
        (table.configuration == row) & (table.seed == seed) & table.metric.str.match("probe_(whole|k)")
    ]
    grid = 100 * chosen.pivot_table(index="condition", columns="metric", values="value")
    grid.columns = [name.removeprefix("probe_") for name in grid.columns]
    parts = sorted((name for name in grid if name != "whole"), key=lambda name: int(name[1:]))
    grid = grid.sort_values("whole", ascending=False).head(count)[["whole", *parts]]
    figure, axes = panels(1, 1, 0.62 * len(grid.columns) + 2.4, 0.3 * count + 0.9)
    draw_numbers(axes[0, 0], grid.to_numpy(), 50, fontsize=8)
    axes[0, 0].set_aspect("auto")
    axes[0, 0].set(xticks=range(len(grid.columns)), xticklabels=grid.columns)
    axes[0, 0].set(yticks=range(len(grid)), yticklabels=[readable(name) for name in grid.index])
    return figure
