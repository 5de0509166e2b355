"""The feature map: images as points, seen through each sub-embedding, with the linear probes beside it."""

from collections.abc import Sequence
from typing import Any

import traitlets
from matplotlib.figure import Figure

from salon.figures.umap import CHANCE, COLOURS, FeatureViews, kinds, umap_figure
from salon.widgets.host import Picture, data_uri, page, source, words


def map_data(views: FeatureViews) -> dict[str, Any]:
    """The views as the script reads them: plain lists, coordinates in thousandths."""
    thousandths = (views.coordinates * 1000).round().astype(int)
    return {
        "method": views.method,
        "coordinates": thousandths.reshape(len(thousandths), -1).tolist(),
        "kinds": kinds(views.variations).tolist(),
        "identities": views.identities.tolist(),
        "probes": [[round(float(value), 3) for value in row] for row in views.probes],
        "assigned": views.assigned.tolist(),
        "names": views.names.tolist(),
        "sprite": data_uri(views.sprite),
        "thumb": views.thumb,
        "colours": COLOURS,
        "chance": CHANCE,
    }


class FeatureMap(Picture):
    """A scatter of `FeatureViews`: choose the sub-embedding, colour by variation or identity, hover, lasso.

    All happens in the script; the kernel may set and read `view` (0 the whole, k the k-th) and `colour`.
    """

    _esm = source("common.js", "feature_map.js")
    height = 820  # the faces that were drawn around come below
    data = traitlets.Dict().tag(sync=True)
    view = traitlets.Int(0, min=0).tag(sync=True)
    colour = traitlets.Enum(("variation", "identity"), "variation").tag(sync=True)

    def __init__(self, views: FeatureViews, lang: str | None = None) -> None:
        self.views = views
        super().__init__(words=words("map", lang), data=map_data(views))

    def figure(self) -> Figure:
        """The map of the chosen view by variation and by identity, and the probes."""
        return umap_figure(self.views, self.view)

    def stops(self) -> dict[str, Sequence[int]]:
        """The whole, and each sub-embedding."""
        return {"view": range(len(self.views.coordinates))}

    def page(self, lang: str | None = None) -> str:
        """The same map as a self-contained HTML page."""
        traits = {"words": words("map", lang), "data": self.data, "view": 0, "colour": "variation"}
        return page(self._esm, traits, lang)
