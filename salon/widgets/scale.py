"""Scale and cloud: prototypes and images to drag on a circle, what a loss makes of them, and images as clouds."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import traitlets
from matplotlib.figure import Figure

from salon.figures.scale import NAMES, Toy, scale_figure
from salon.widgets.host import Picture, source
from salon.words import SalonError

LIMITS = {"scale": (1.0, 40.0), "margin": (0.0, 14.0), "variance": (0.01, 0.5)}  # of the sliders


class ScaleAndCloud(Picture):
    """A `Toy` on the circle to drag: one s for all images or one for each, m and σ²; pulls, losses and scores follow.

    All happens in the script; the kernel may set and read `toy`, and `chosen`, the image that the sliders move.
    """

    _esm, room = source("common.js", "scale.js"), "scale"
    height = 860
    toy = traitlets.Dict().tag(sync=True)
    chosen = traitlets.Int(1).tag(sync=True)
    names: Any = traitlets.List(list(NAMES)).tag(sync=True)
    limits = traitlets.Dict(LIMITS).tag(sync=True)
    start = traitlets.Dict().tag(sync=True)  # what a reset brings back
    scale, margin = traitlets.Float(), traitlets.Float()  # of the plain form's sliders

    def __init__(self, toy: Toy | None = None, lang: str | None = None) -> None:
        values = asdict(toy or Toy())
        super().__init__(lang, toy=values, start=values)
        self.scale, self.margin = values["scale"], values["margin"]
        self.observe(self._follow, list(self.stops()))

    def _follow(self, change: Any) -> None:
        """A plain slider was moved."""
        self.toy = self.toy | {change["name"]: change["new"]}

    @traitlets.validate("toy")
    def _possible(self, proposal: Any) -> dict[str, Any]:
        """A toy that can be; raises `SalonError` for another."""
        try:
            return asdict(Toy(**proposal["value"]))
        except (TypeError, ValueError) as error:
            raise SalonError(f"The toy cannot be: {error}") from error

    @traitlets.validate("chosen")
    def _one(self, proposal: Any) -> int:
        if not 0 <= proposal["value"] < len(NAMES):
            raise SalonError(f"Image {proposal['value']} came; expected 0 to {len(NAMES) - 1}.")
        return proposal["value"]

    def figure(self) -> Figure:
        """With one scale for all, and with one for each."""
        return scale_figure(Toy(**self.toy))

    def stops(self) -> dict[str, Sequence[float]]:
        """The one scale, and the margin."""
        usual = {"scale": (4, 8, 12, 16, 20, 24, 28, 32, 40), "margin": (0, 2, 4, 6, 8, 10, 12, 14)}
        return {name: sorted({*values, self.start[name]}) for name, values in usual.items()}

    def state(self) -> Figure:
        """The toy as it stands."""
        return scale_figure(Toy(**self.toy), both=False)
