"""What the two widgets show for the shipped model, computed and stored."""

from pathlib import Path

import torch

import salon
from authoring.test_people import SHEET_COLUMNS
from experiments.glyphs import glyph_sheet
from salon.evaluation.people import TEST_IMAGES, test_benchmark
from salon.evaluation.probes import varied_embedding
from salon.faces.people import split_people
from salon.faces.pixels import to_webp
from salon.figures.explorer import ConfidenceTable
from salon.figures.umap import feature_views
from salon.paths import data_path, data_root
from salon.training import checkpoints
from salon.training.checkpoints import write_whole
from salon.widgets.explorer import ConfidenceExplorer

SHOWN_PEOPLE = 120  # of the map: 480 points


def write_explorer_table() -> Path:
    """Compute the explorer's 7 × 7 × 7 states and store them."""
    path = data_root() / "views" / "explorer.npz"
    path.parent.mkdir(exist_ok=True)
    explorer = ConfidenceExplorer.live(salon.load("lecture"), split_people("test", 8)[7])
    ConfidenceTable.of(explorer.look).save(path)
    return path


def write_characters() -> Path:
    """Three printed characters under each of the conditions, as the notebooks show them; without loss."""
    path = data_root() / "views" / "characters.webp"
    write_whole(path, to_webp(glyph_sheet(3), SHEET_COLUMNS, lossless=True))
    return path


def write_feature_views() -> Path:
    """Embed some test people under random variations, lay them out by UMAP, probe each sub-embedding; store it."""
    model, benchmark = salon.load("lecture"), test_benchmark()
    embedding, variations, images = varied_embedding(model, benchmark)
    masks = checkpoints.load_training(data_path("models", "lecture.safetensors"))["masks"]
    rows = torch.arange(SHOWN_PEOPLE * TEST_IMAGES)
    views = feature_views(embedding[rows], variations[rows], benchmark.labels[rows], images[rows], masks)
    path = data_root() / "views" / "features.npz"
    path.parent.mkdir(exist_ok=True)
    views.save(path)
    return path
