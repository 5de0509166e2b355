"""What the two widgets show for the shipped model: stored, so that it opens at once and without a kernel."""

from pathlib import Path

import torch

from salon.experiments import checkpoints
from salon.experiments.data import TEST_IMAGES, test_benchmark
from salon.experiments.probes import varied_embedding
from salon.faces.people import People, split_people
from salon.figures.explorer import ConfidenceTable
from salon.figures.umap import FeatureViews, feature_views
from salon.model.network import Recogniser
from salon.paths import data_path, data_root
from salon.text import SalonError
from salon.widgets.explorer import ConfidenceExplorer, explorer_page
from salon.widgets.feature_map import FeatureMap

SHOWN_PEOPLE = 120  # of the map: 480 points


def lecture_model() -> Recogniser:
    """The shipped model of the lecture, on the CPU, in evaluation mode."""
    return checkpoints.load(data_path("models", "lecture.safetensors"))[0]


def explorer_person() -> People:
    """The unseen person who sits for the explorer."""
    return split_people("test", 8)[7]


def live_explorer(lang: str | None = None) -> ConfidenceExplorer:
    """The confidence explorer of the shipped model, alive."""
    return ConfidenceExplorer.live(lecture_model(), explorer_person(), lang=lang)


def write_explorer_table() -> Path:
    """Compute the explorer's 7 × 7 × 7 states and store them."""
    path = data_root() / "views" / "explorer.npz"
    path.parent.mkdir(exist_ok=True)
    ConfidenceTable.of(live_explorer().look).save(path)
    return path


def write_feature_views() -> Path:
    """Embed some test people under random variations, lay them out by UMAP, probe each sub-embedding; store it."""
    model, benchmark = lecture_model(), test_benchmark()
    embedding, variations, images = varied_embedding(model, benchmark)
    masks = checkpoints.load_training(data_path("models", "lecture.safetensors"))["masks"]
    rows = torch.arange(SHOWN_PEOPLE * TEST_IMAGES)
    views = feature_views(embedding[rows], variations[rows], benchmark.labels[rows], images[rows], masks)
    path = data_root() / "views" / "features.npz"
    path.parent.mkdir(exist_ok=True)
    views.save(path)
    return path


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
