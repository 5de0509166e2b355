"""What all figures share: colours that are told apart with any kind of colour vision, and plain axes."""

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager

from salon.paths import data_path

BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#777777"
COLOURS = (BLUE, ORANGE, GREEN, PINK)

# The letters of both languages come along, so that a figure looks alike on every machine.
for _font in ("latin", "han"):
    fontManager.addfont(data_path("fonts", f"{_font}.ttf"))
mpl.rcParams["font.family"] = ["Salon Latin", "Salon Han"]
mpl.rcParams["mathtext.fontset"] = "custom"  # upright in ours, the rest in DejaVu, which comes with matplotlib
mpl.rcParams["mathtext.rm"] = mpl.rcParams["mathtext.cal"] = "Salon Latin"


def panels(rows: int, columns: int, width: float, height: float, **options) -> tuple[Figure, np.ndarray]:
    """A figure of `width` × `height` inches and its axes [rows, columns], without frames above and right."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
    return figure, axes


def readable(name: str) -> str:
    """A condition as words: low_resolution is low resolution."""
    return name.replace("_", " ")
