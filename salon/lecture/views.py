"""The widgets of the lecture as pages: from stored models and views, so that they need neither kernel nor network."""

from pathlib import Path

from salon.figures.umap import FeatureViews
from salon.paths import read_data, write_whole
from salon.training.shipped import load
from salon.widgets.explorer import ConfidenceExplorer
from salon.widgets.feature_map import FeatureMap
from salon.words import SalonError

# A saved notebook keeps "FeatureMap()" of a widget: the page that stands for it where there is no kernel.
CLASSES = {"ConfidenceExplorer": "explorer", "FeatureMap": "map"}


def write_page(name: str, out: Path, lang: str | None = None) -> None:
    """Write a widget as a page that needs neither kernel nor network: "explorer" or "map"."""
    if name not in ("explorer", "map"):
        raise SalonError(f"The widget {name!r} is not known; expected 'explorer' or 'map'.")
    if name == "explorer":
        text = ConfidenceExplorer(load("lecture")).page(lang)
    else:
        text = FeatureMap(read_data(FeatureViews.load, "views", "features.npz"), lang).page(lang)
    write_whole(out, text)
