"""The threshold: genuine and impostor scores of a model, and a line to drag over them."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import traitlets
from matplotlib.figure import Figure

from salon.evaluation.views import CONDITIONS, ScoreHistograms
from salon.figures.threshold import threshold_figure
from salon.paths import read_data
from salon.widgets.host import Picture, source
from salon.words import SalonError, expect_whole


class Threshold(Picture):
    """`ScoreHistograms` (those of the lecture unless given), a threshold to drag, and the TAR and FAR that follow it.

    All happens in the script; the kernel may set and read `chosen`, a model by name, and `cut`, the first bin whose
    pairs pass.
    """

    _esm, room = source("common.js", "scores.js", "threshold.js"), "threshold"
    height = 760
    data = traitlets.Dict().tag(sync=True)
    chosen = traitlets.Unicode().tag(sync=True)
    cut = traitlets.Int(0).tag(sync=True)

    def __init__(self, scores: ScoreHistograms | None = None, lang: str | None = None) -> None:
        self.scores = scores = scores or read_data(ScoreHistograms.load, "views", "threshold.json")
        data = asdict(scores) | {"conditions": CONDITIONS}
        super().__init__(lang, data=data, chosen=scores.models[0], cut=scores.cut_at(0, 0))

    @traitlets.validate("chosen")
    def _known(self, proposal: Any) -> str:
        """A model that there is; raises `SalonError` for another."""
        if proposal["value"] not in self.scores.models:
            raise SalonError(f"The model {proposal['value']!r} came; expected one of {', '.join(self.scores.models)}.")
        return proposal["value"]

    @traitlets.validate("cut")
    def _within(self, proposal: Any) -> int:
        return expect_whole("cut", proposal["value"], most=self.scores.bins)

    def figure(self) -> Figure:
        """Every model, its line where one in a thousand impostors of clean pictures pass."""
        return threshold_figure(self.scores)

    def state(self) -> Figure:
        """The chosen model with its line."""
        return threshold_figure(self.scores, {self.scores.models.index(self.chosen): self.cut})

    def stops(self) -> dict[str, Sequence[Any]]:
        """The models, and the line at every twentieth bin."""
        return {"chosen": self.scores.models, "cut": sorted({self.cut, *range(0, self.scores.bins + 1, 20)})}
