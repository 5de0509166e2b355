"""Sub-embedding features in the plane, and how well a linear probe reads each variation from them."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from salon.evaluation.views import FeatureViews
from salon.figures.style import BLUE, GREEN, ORANGE, panels

COLOURS = ("#999999", BLUE, ORANGE, GREEN)  # of a plain picture, and of one under each variation
CHANCE = 0.5  # balanced accuracy


def _scatter(axis: Axes, views: FeatureViews, view: int, kinds: Sequence[int]) -> None:
    """One map, of the pictures of some kinds; the order of the file mixes them, so that none covers another."""
    rows = np.isin(views.kinds, kinds)
    colours = np.array(COLOURS)[views.kinds[rows]]
    x, y = views.coordinates[view, rows].T
    axis.scatter(x, y, s=7, c=colours, alpha=0.85, linewidth=0)
    axis.set(xticks=[], yticks=[], box_aspect=1, frame_on=False)


def _bars(axis: Axes, views: FeatureViews, heights: np.ndarray) -> None:
    """Probe accuracies in percent above one another, chance as a line."""
    bars = axis.barh(views.names, 100 * heights, color=COLOURS[1 : len(heights) + 1], height=0.6)
    axis.bar_label(bars, fmt="%.0f", padding=3, fontsize=9)
    axis.axvline(100 * CHANCE, color="black", linestyle="--", linewidth=1)
    axis.set(xlim=(40, 108), xticks=[50, 75, 100])
    axis.invert_yaxis()
    axis.set_xlabel("linear probe, % (chance 50)", fontsize=9)


def owned_figure(views: FeatureViews) -> Figure:
    """For each variation a map of the parts that own it above one of the parts that do not, and their probes."""
    M = len(views.names)
    figure, axes = panels(2, M + 1, 2.5 * (M + 1), 5.6)
    for row, title in enumerate(("parts that own it", "other parts")):
        for m, name in enumerate(views.names):
            _scatter(axes[row, m], views, 2 * m + row, (0, m + 1))
            axes[row, m].set_title(f"{name}:\n{title}", fontsize=10, color=COLOURS[m + 1])
        _bars(axes[row, M], views, views.readings[:, row])
        axes[row, M].set_title(f"mean of the\n{title}", fontsize=10)
    figure.supxlabel(f"{views.method}; grey: the same pictures without a variation", fontsize=9)
    return figure


def part_figure(views: FeatureViews, part: int) -> Figure:
    """The map of one part, 1 to K, with all pictures, and what a probe reads from it."""
    M = len(views.names)
    figure, ((left, right),) = panels(1, 2, 7.2, 3.4)
    _scatter(left, views, 2 * M + part - 1, range(M + 1))
    owns = ", ".join(views.names[views.assigned[:, part - 1].astype(bool)])
    left.set_title(f"part {part} owns {owns or 'nothing'}", fontsize=10)
    _bars(right, views, views.probes[:, part])
    return figure
