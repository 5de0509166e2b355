"""What all figures share: colours that any kind of colour vision tells apart, plain axes, the reader's language."""

import io
from collections.abc import Iterable, Sequence
from itertools import cycle
from typing import Any

import matplotlib as mpl
import numpy as np
import seaborn as sns
from matplotlib import rcsetup
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.text import Text

from salon.paths import data_path
from salon.words import word

BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#777777"
# One colour for one model, wherever it is shown; in the order in which they are told.
MODELS = {"A": GREY, "B": BLUE, "C0": PINK, "S": GREEN, "C": ORANGE, "D": "#8c510a", "E": "#6a3d9a", "E-λ2": "#222222"}

# The letters of both languages come along, so that a figure looks alike on every machine.
for _font in ("latin", "han"):
    fontManager.addfont(data_path("fonts", f"{_font}.ttf"))
mpl.rcParams["font.family"] = ["Salon Latin", "Salon Han"]
mpl.rcParams["mathtext.fontset"] = "custom"  # upright in ours, the rest in DejaVu, which comes with matplotlib
mpl.rcParams["mathtext.rm"] = mpl.rcParams["mathtext.cal"] = "Salon Latin"
mpl.rcParams["axes.prop_cycle"] = rcsetup.cycler(color=[BLUE, ORANGE, GREEN, PINK])
mpl.rcParams["axes.spines.top"] = mpl.rcParams["axes.spines.right"] = mpl.rcParams["legend.frameon"] = False


def panels(rows: int, columns: int, width: float, height: float, **options: Any) -> tuple[Figure, np.ndarray]:
    """A figure of `width` × `height` inches and its axes [rows, columns]."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def models(names: Iterable[str]) -> Any:
    """A cycle of colours for configurations: each model has its own, others what is left."""
    own = [MODELS.get(name.partition("+")[0]) for name in names]
    left = cycle([colour for colour in (BLUE, ORANGE, GREEN, PINK, GREY) if colour not in own] or MODELS.values())
    return rcsetup.cycler(color=[colour or next(left) for colour in own])


def row(titles: Iterable[str], width: float, height: float) -> tuple[Figure, list[Axes]]:
    """A figure of panels of `width` × `height` inches side by side on one scale, each under its title."""
    titles = list(titles)
    figure, axes = panels(1, len(titles), width * len(titles), height, sharey=True)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title)
    return figure, [*axes[0]]


def speak(figure: Figure) -> list[str]:
    """Put all that is written in a figure into the language of the edition (`salon.words.word`), and return it."""
    for axis in figure.findobj(Axis):
        names = [label.get_text() for label in axis.get_ticklabels()]
        if (said := [word(name) for name in names]) != names:
            axis.set_ticks(axis.get_ticklocs(), said)
    texts = figure.findobj(Text)
    for text in texts:
        text.set_text(word(text.get_text()))
    return [text.get_text() for text in texts if text.get_text()]


def png(figure: Figure) -> bytes:
    """A figure as PNG, at 100 pixels an inch; its words, in the edition's language, stand in its "Description" too."""
    file, written = io.BytesIO(), "\n".join(speak(figure))
    figure.savefig(file, format="png", dpi=100, metadata={"Description": written})
    return file.getvalue()


def band(axis: Axes, x: Any, mean: Any, low: Any, high: Any, label: str) -> None:
    """A curve of dots, with its interval."""
    (line,) = axis.plot(x, mean, "o-", markersize=5, label=label)
    axis.fill_between(x, low, high, color=line.get_color(), alpha=0.18, linewidth=0)


def with_seeds(axis: Axes, seeds: Any, label: str, colour: str | None = None) -> None:
    """The mean of a table [x, seeds] as a curve, the seeds as faint dots."""
    (line,) = axis.plot(seeds.index, seeds.mean(axis=1), "o-", color=colour, label=label)
    axis.plot(seeds.index, seeds, ".", color=line.get_color(), alpha=0.4)


def tiles(axis: Axes, grid: Any, low: float, high: float, rows: Sequence, columns: Sequence, **options: Any) -> None:
    """A grid [rows, columns] of shades between two numbers; `options` are those of `seaborn.heatmap`."""
    look = {"cmap": "Blues", "cbar": False, "linewidths": 2}
    sns.heatmap(grid, vmin=low, vmax=high, ax=axis, yticklabels=rows, xticklabels=columns, **look | options)
    axis.tick_params(length=0, rotation=0)
