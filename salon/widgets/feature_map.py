"""The feature map: pictures as points, seen by the parts that own a variation and by the others; the probes beside."""

import base64
from collections.abc import Sequence
from typing import Any

import traitlets
from matplotlib.figure import Figure

from salon.evaluation.views import FeatureViews
from salon.figures.umap import CHANCE, COLOURS, owned_figure, part_figure
from salon.paths import read_data
from salon.widgets.host import Picture, data_uri, source
from salon.words import expect_whole


def map_data(views: FeatureViews) -> dict[str, Any]:
    """The views as the script reads them: plain lists, the coordinates' 16-bit bytes (little-endian) as base64."""
    return {
        "method": views.method,
        "coordinates": base64.b64encode(views.coordinates.astype("<u2").tobytes()).decode(),
        "kinds": views.kinds.tolist(),
        "strengths": views.strengths.tolist(),
        "people": views.people.tolist(),
        "probes": [[round(float(value), 3) for value in row] for row in views.probes],
        "readings": [[round(float(value), 3) for value in row] for row in views.readings],
        "assigned": views.assigned.tolist(),
        "names": views.names.tolist(),
        "sprite": data_uri(views.sprite),
        "thumb": views.thumb,
        "colours": COLOURS,
        "chance": CHANCE,
    }


class FeatureMap(Picture):
    """`FeatureViews` as maps: owners beside others for one variation, each part below; hover, lasso, probes.

    Unless given, the views of the lecture's model. All happens in the script; the kernel may set and read `variation`
    (0 to M - 1), `colour`, and `part` (k enlarges the k-th, 0 none).
    """

    _esm, room = source("common.js", "feature_map.js"), "map"
    height = 900  # the parts come below, and the faces that were drawn around
    data = traitlets.Dict().tag(sync=True)
    variation = traitlets.Int(0, min=0).tag(sync=True)
    colour = traitlets.Enum(("variation", "strength", "person"), "variation").tag(sync=True)
    part = traitlets.Int(0, min=0).tag(sync=True)

    def __init__(self, views: FeatureViews | None = None, lang: str | None = None) -> None:
        self.views = views or read_data(FeatureViews.load, "views", "features.npz")
        super().__init__(lang, data=map_data(self.views))

    @traitlets.validate("variation", "part")
    def _there(self, proposal: Any) -> int:
        M, K = self.views.assigned.shape
        return expect_whole(name := proposal["trait"].name, proposal["value"], most=K if name == "part" else M - 1)

    def figure(self) -> Figure:
        """Owners and others for each variation, or the part that is enlarged."""
        return part_figure(self.views, self.part) if self.part else owned_figure(self.views)

    def stops(self) -> dict[str, Sequence[int]]:
        """No part, and each."""
        return {"part": range(self.views.assigned.shape[1] + 1)}
