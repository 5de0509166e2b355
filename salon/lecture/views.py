"""What the two widgets show for the shipped model: stored, so that it opens at once and without a kernel."""

from pathlib import Path

from salon.faces.people import People, split_people
from salon.figures.explorer import ConfidenceTable
from salon.figures.umap import FeatureViews
from salon.model.network import Recogniser
from salon.paths import data_path
from salon.training import checkpoints
from salon.widgets.explorer import ConfidenceExplorer, explorer_page
from salon.widgets.feature_map import FeatureMap
from salon.words import SalonError


def lecture_model() -> Recogniser:
    """The shipped model of the lecture, on the CPU, in evaluation mode."""
    return checkpoints.load(data_path("models", "lecture.safetensors"))[0]


def explorer_person() -> People:
    """The unseen person who sits for the explorer."""
    return split_people("test", 8)[7]


def live_explorer(lang: str | None = None) -> ConfidenceExplorer:
    """The confidence explorer of the shipped model, alive."""
    return ConfidenceExplorer.live(lecture_model(), explorer_person(), lang=lang)


def feature_map(lang: str | None = None) -> FeatureMap:
    """The map of sub-embedding features with its probe accuracies, from the stored views."""
    return FeatureMap(FeatureViews.load(data_path("views", "features.npz")), lang)


def write_page(name: str, out: Path, lang: str | None = None) -> None:
    """Write a widget as a page that needs neither kernel nor network: "explorer" or "map"."""
    if name not in ("explorer", "map"):
        raise SalonError(f"The widget {name!r} is not known; expected 'explorer' or 'map'.")
    if name == "explorer":
        text = explorer_page(ConfidenceTable.load(data_path("views", "explorer.npz")), lang)
    else:
        text = feature_map(lang).page(lang)
    out.write_text(text, encoding="utf-8")
