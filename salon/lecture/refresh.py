"""Everything under data/ and the notebooks' outputs again, in the order in which one needs the other."""

from collections.abc import Callable

from salon.experiments.data import write_test_sheets
from salon.experiments.reproduce import EXPERIMENTS, ship_model
from salon.experiments.results import read_table
from salon.figures.picture import readme_figure
from salon.lecture.views import write_explorer_table, write_feature_views
from salon.paths import data_root

STEPS: dict[str, Callable[[], object]] = {
    "test people": lambda: write_test_sheets(data_root() / "faces"),
    "clean start": lambda: ship_model("start"),
    "start for snapshots": lambda: ship_model("photo"),
    "lecture's model": lambda: ship_model("lecture"),
    **{f"experiment {name}": function for name, function in EXPERIMENTS.items()},
    "explorer's states": write_explorer_table,
    "map of features": write_feature_views,
    "picture of the README": lambda: draw_picture(),
}


def draw_picture() -> str:
    """Draw docs/picture.png from the stored table; returns its path."""
    path = data_root().parent / "docs" / "picture.png"
    path.parent.mkdir(exist_ok=True)
    readme_figure(read_table("confidence")).savefig(path, dpi=110)
    return str(path)


def refresh() -> None:
    """Run every step in order, saying which; what the cache holds of these faces is not trained again."""
    for name, step in STEPS.items():
        print(f"{name} …", flush=True)
        step()
