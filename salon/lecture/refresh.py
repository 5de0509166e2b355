"""Everything under data/ and the notebooks' outputs again, in the order in which one needs the other."""

import os
from collections.abc import Callable

from salon.experiments.data import write_test_sheets
from salon.experiments.reproduce import reproduce_confidence, reproduce_real_faces, ship_model
from salon.experiments.results import read_table
from salon.figures.picture import readme_figure
from salon.lecture import notebooks
from salon.lecture.doctor import write_checksums
from salon.lecture.views import write_explorer_table, write_feature_views
from salon.paths import data_root


def draw_picture() -> str:
    """Draw docs/picture.png from the stored table; returns its path."""
    path = data_root().parent / "docs" / "picture.png"
    path.parent.mkdir(exist_ok=True)
    readme_figure(read_table("confidence")).savefig(path, dpi=110)
    return str(path)


def real_faces() -> None:
    """Measure the real-face table again where such faces are at hand; else say that the stored one stays."""
    if os.environ.get("SALON_REAL_FACES"):
        reproduce_real_faces()
    else:
        print("SALON_REAL_FACES is not set: the stored table of real faces stays, though it is of the old model.")


def run_notebooks() -> None:
    """Execute every notebook in place."""
    for path in notebooks.find([]):
        notebooks.run(path)


STEPS: dict[str, Callable[[], object]] = {
    "test people": lambda: write_test_sheets(data_root() / "faces"),
    "clean start": lambda: ship_model("start"),
    "start for snapshots": lambda: ship_model("photo"),
    "lecture's model": lambda: ship_model("lecture"),
    "experiment confidence": reproduce_confidence,
    "real faces": real_faces,
    "explorer's states": write_explorer_table,
    "map of features": write_feature_views,
    "picture of the README": draw_picture,
    "checksums": write_checksums,  # before the notebooks: the first one asks the doctor
    "notebooks": run_notebooks,
}


def refresh() -> None:
    """Run every step in order, saying which; what the cache holds of these faces is not trained again."""
    for name, step in STEPS.items():
        print(f"{name} …", flush=True)
        step()
