"""The widgets of the lecture as pages: from stored models and views, so that they need neither kernel nor network."""

from collections.abc import Callable
from pathlib import Path

from salon.evaluation.results import read_table
from salon.paths import write_whole
from salon.training.shipped import load
from salon.widgets.black_hole import BlackHole
from salon.widgets.explorer import ConfidenceExplorer
from salon.widgets.feature_map import FeatureMap
from salon.widgets.game import Game
from salon.widgets.scale import ScaleAndCloud
from salon.widgets.threshold import Threshold
from salon.widgets.two_faces import TwoFaces
from salon.words import SalonError

# A saved notebook keeps "FeatureMap()" of a widget: the page that stands for it where there is no kernel.
CLASSES = {"ConfidenceExplorer": "explorer", "FeatureMap": "map", "Game": "game", "ScaleAndCloud": "scale",
           "Threshold": "threshold", "TwoFaces": "two", "BlackHole": "hole"}  # fmt: skip
PAGES: dict[str, Callable[[str | None], str]] = {
    "explorer": lambda lang: ConfidenceExplorer(load("lecture"), lang=lang).page(lang),
    "map": lambda lang: FeatureMap(lang=lang).page(lang),
    "game": lambda lang: Game(read_table("ablation"), lang=lang).page(lang),
    "scale": lambda lang: ScaleAndCloud(lang=lang).page(lang),
    "threshold": lambda lang: Threshold(lang=lang).page(lang),
    "two": lambda lang: TwoFaces(lang=lang).page(lang),
    "hole": lambda lang: BlackHole(lang=lang).page(lang),
}


def write_page(name: str, out: Path, lang: str | None = None) -> None:
    """Write a widget as a page that needs neither kernel nor network, one of `PAGES`."""
    if name not in PAGES:
        known = ", ".join(f"'{page}'" for page in PAGES)
        raise SalonError(f"The widget {name!r} is not known; expected one of {known}.")
    write_whole(out, PAGES[name](lang))
