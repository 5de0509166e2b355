"""Genuine and impostor scores as histograms, and what a threshold lets through."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from salon.evaluation.views import CONDITIONS, ScoreHistograms
from salon.figures.style import BLUE, ORANGE, panels
from salon.words import say

SHOWN = 80  # bars of a picture: each is several bins


def coarse(counts: Sequence[int], shown: int = SHOWN) -> NDArray[np.float64]:
    """Fine bins as `shown` bars: the share of all pairs in each."""
    return np.array([part.sum() for part in np.array_split(np.array(counts), shown)]) / sum(counts)


def _histogram(axis: Axes, scores: ScoreHistograms, model: int, condition: int, cut: int) -> None:
    edges = np.array([part[0] for part in np.array_split(np.arange(scores.bins), SHOWN)])
    x = [scores.threshold(model, int(edge)) for edge in (*edges, scores.bins)]
    for counts, colour, way in zip(scores.counts[model][condition], (BLUE, ORANGE), (1, -1), strict=True):
        heights = coarse(counts)
        heights *= way / heights.max()  # genuine pairs upwards, impostor pairs downwards
        axis.stairs(heights, x, color=colour, alpha=0.3, fill=True)
        axis.stairs(np.where(edges >= cut, heights, 0), x, color=colour, fill=True)
    axis.axvline(scores.threshold(model, cut), color="black", lw=1.5)
    rates = scores.rates(model, condition, cut)
    axis.set(yticks=[], xlabel=f"TAR {100 * rates.tar:.1f} %   FAR {100 * rates.far:.2f} %")


def threshold_figure(scores: ScoreHistograms, cuts: dict[int, int] | None = None) -> Figure:
    """Clean above mixed for each model of `cuts` (all at FAR = 0.001 of clean): what passes the line is full."""
    cuts = {model: scores.cut_at(model, 0) for model in range(len(scores.models))} if cuts is None else cuts
    figure, axes = panels(2, len(cuts), max(4.8, 2.4 * len(cuts)), 4.2)
    for column, (model, cut) in zip(axes.T, cuts.items(), strict=True):
        column[0].set_title(say(f"threshold.{scores.models[model]}"), fontsize=11)
        for condition, axis in enumerate(column):
            _histogram(axis, scores, model, condition, cut)
    for axis, name in zip(axes[:, 0], CONDITIONS, strict=True):
        axis.set_ylabel(say(f"threshold.{name}"))
    names = [say("threshold.genuine"), say("threshold.impostor")]
    handles = [axes[0, 0].patches[i] for i in (1, 3)]
    figure.legend(handles, names, loc="outside lower center", ncols=2)
    return figure
