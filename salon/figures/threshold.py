"""Genuine and impostor scores as histograms, and what a threshold lets through."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from salon.figures.style import BLUE, ORANGE, panels
from salon.paths import write_whole
from salon.words import SalonError, say

BINS = 480
CONDITIONS = ("clean", "mixed")
SHOWN = 80  # bars of a picture: each is several bins
LEFT_OUT = 2e-4  # of the scores at the low end; they fall into the first bin


class Rates(NamedTuple):
    """How many pairs pass: of `genuine` ones and of `impostors`."""

    passed: int
    genuine: int
    false: int
    impostors: int

    @property
    def tar(self) -> float:
        """The true accept rate, 0..1."""
        return self.passed / self.genuine

    @property
    def far(self) -> float:
        """The false accept rate, 0..1."""
        return self.false / self.impostors


@dataclass(frozen=True)
class ScoreHistograms:
    """Scores of R models (by their ways of matching) under clean and mixed conditions, counted in fine bins."""

    models: list[str]  # [R] names that the words know
    ranges: list[list[float]]  # [R, 2] the edges of all bins; what is lower falls into the first
    counts: list[list[list[list[int]]]]  # [R, condition, genuine | impostor, bin]

    def __post_init__(self) -> None:
        shape, expected = np.shape(self.counts), (len(self.models), len(CONDITIONS), 2)
        if shape[:3] != expected or len(shape) != 4 or np.shape(self.ranges) != (len(self.models), 2):
            raise SalonError(
                f"Counts came as {list(shape)}, ranges as {list(np.shape(self.ranges))} for {len(self.models)} models; "
                f"expected {list(expected)} and bins, and a lowest and a highest edge for each."
            )

    @classmethod
    def of(cls, scores: Mapping[str, Sequence[tuple[np.ndarray, np.ndarray]]], bins: int = BINS) -> "ScoreHistograms":
        """Count (genuine, impostor) scores under each of `CONDITIONS`, for each model by name."""
        ranges, counts = [], []
        for pairs in scores.values():
            everything = np.concatenate([x for pair in pairs for x in pair])
            # rounded outwards: the edges are stored as they are shown
            low, high = float(np.quantile(everything, LEFT_OUT)), float(everything.max())
            digits = 3 - int(np.floor(np.log10(high - low)))
            least, most = round(low - 0.5 * 10.0**-digits, digits), round(high + 0.5 * 10.0**-digits, digits)
            ranges.append([least, most])
            inside = [[x.clip(least, most) for x in pair] for pair in pairs]
            counts.append([[np.histogram(x, bins, (least, most))[0].tolist() for x in pair] for pair in inside])
        return cls(list(scores), ranges, counts)

    @property
    def bins(self) -> int:
        """How many bins there are."""
        return len(self.counts[0][0][0])

    def threshold(self, model: int, cut: int) -> float:
        """The score at which bin `cut` begins."""
        low, high = self.ranges[model]
        return low + (high - low) * cut / self.bins

    def rates(self, model: int, condition: int, cut: int) -> Rates:
        """What passes a threshold at the lower edge of bin `cut`; a pair at the threshold passes, as in `roc`."""
        genuine, impostor = self.counts[model][condition]
        return Rates(sum(genuine[cut:]), sum(genuine), sum(impostor[cut:]), sum(impostor))

    def cut_at(self, model: int, condition: int, far: float = 1e-3) -> int:
        """The lowest cut at which no more than a share `far` of the impostors pass."""
        passing = np.cumsum(self.counts[model][condition][1][::-1])[::-1]  # [bins], falling
        return int((passing > far * passing[0]).sum())

    def save(self, path: Path) -> None:
        """Write one `.json` file."""
        write_whole(path, json.dumps(asdict(self), separators=(",", ":")) + "\n")

    @classmethod
    def load(cls, path: Path) -> "ScoreHistograms":
        """Read what `save` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


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
