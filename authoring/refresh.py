"""Everything under data/ and the notebooks' outputs again, in the order in which one needs the other."""

import os
from collections.abc import Callable

from authoring import notebooks
from authoring.checksums import write_checksums
from authoring.picture import readme_figure
from authoring.test_people import write_test_sheets
from authoring.views import write_characters, write_explorer_table, write_feature_views, write_threshold
from experiments.ablation import reproduce_ablation
from experiments.convergence import reproduce_convergence
from experiments.features import reproduce_features
from experiments.gap import reproduce_gap
from experiments.generator import reproduce_fairness, reproduce_generator
from experiments.glyphs import reproduce_glyphs
from experiments.mining import reproduce_mining, ship_attributes
from experiments.photographs import reproduce_lfw
from experiments.real_faces import reproduce_real_faces
from experiments.reproduce import ship_model
from salon.evaluation.results import read_table
from salon.paths import data_root, write_whole


def draw_picture() -> str:
    """Draw docs/picture.png from the stored table; returns its path."""
    path = data_root().parent / "docs" / "picture.png"
    figure = readme_figure(read_table("ablation_lecture"))
    write_whole(path, lambda file: figure.savefig(file, dpi=110))
    return str(path)


def real_faces() -> None:
    """Measure the tables of real faces again where such are at hand; else say that the stored ones stay."""
    if os.environ.get("SALON_REAL_FACES"):
        reproduce_real_faces()
        reproduce_lfw()
        reproduce_gap()
    else:
        print("SALON_REAL_FACES is not set: the stored tables of real faces stay, though they are of old models.")


def run_notebooks() -> None:
    """Build the Chinese edition, and execute every notebook in place."""
    notebooks.build()
    for path in notebooks.find([]):
        notebooks.run(path)


STEPS: dict[str, Callable[[], object]] = {
    "test people": lambda: write_test_sheets(data_root() / "faces"),
    "clean start": lambda: ship_model("start"),
    "start for snapshots": lambda: ship_model("photo"),
    "lecture's model": lambda: ship_model("lecture"),
    "model of attributes": ship_attributes,
    "experiment ablation": reproduce_ablation,
    "experiment features": reproduce_features,
    "experiment glyphs": reproduce_glyphs,
    "experiment mining": reproduce_mining,
    "experiment convergence": reproduce_convergence,
    "experiment generator": reproduce_generator,
    "experiment fairness": reproduce_fairness,
    "real faces": real_faces,
    "explorer's states": write_explorer_table,
    "map of features": write_feature_views,
    "histograms of scores": write_threshold,
    "printed characters": write_characters,
    "picture of the README": draw_picture,
    "checksums": write_checksums,  # before the notebooks: the first one asks the doctor
    "notebooks": run_notebooks,
}


def refresh() -> None:
    """Run every step in order, saying which; what the cache holds of these faces is not trained again."""
    for name, step in STEPS.items():
        print(f"{name} …", flush=True)
        step()
