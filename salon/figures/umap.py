"""Sub-embedding features in the plane, and how well a linear probe reads each variation from them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from salon.figures.style import BLUE, GREEN, ORANGE, PINK, panels, readable
from salon.paths import write_whole

# Okabe and Ito's colours, told apart with any kind of colour vision; shapes come to their help.
COLOURS = ("#999999", BLUE, ORANGE, GREEN, PINK, "#E69F00", "#56B4E9", "#F0E442")
MARKERS = ("o", "s", "^", "D")
CHANCE = 0.5  # balanced accuracy
_LEGEND: dict[str, Any] = {"frameon": False, "fontsize": 8, "columnspacing": 1, "handletextpad": 0.4}


@dataclass(frozen=True)
class FeatureViews:
    """n images as points, seen through V = K + 1 views: the whole embedding, then each sub-embedding."""

    method: str  # "UMAP" or "PCA"
    coordinates: np.ndarray  # [V, n, 2] in 0..1
    variations: np.ndarray  # [n, M] 0 or 1
    identities: np.ndarray  # [n]
    probes: np.ndarray  # [M, V] balanced accuracy of a linear probe, chance .5
    assigned: np.ndarray  # [M, K] 1 where the decorrelation losses keep a variation; empty without them
    names: np.ndarray  # [M] of the variations
    sprite: bytes  # WebP, n thumbnails
    thumb: int  # pixels

    def save(self, path: Path) -> None:
        """Write one `.npz` file, without pickle."""
        own = asdict(self) | {"sprite": np.frombuffer(self.sprite, np.uint8)}
        write_whole(path, lambda file: np.savez_compressed(file, **own))

    @classmethod
    def load(cls, path: Path) -> "FeatureViews":
        """Read what `save` wrote."""
        with np.load(path) as file:
            values = {field.name: file[field.name] for field in fields(cls)}
        plain = {name: values[name].item() for name in ("method", "thumb")}
        return cls(**values | plain | {"sprite": values["sprite"].tobytes()})


def kinds(variations: np.ndarray) -> np.ndarray:
    """One class for each image [n]: 0 no variation, m for the m-th alone, M + 1 for several at once."""
    several = variations.shape[1] + 1
    return np.where(variations.sum(1) > 1, several, variations @ np.arange(1, several))


def _scatter(axes: Axes, points: np.ndarray, classes: np.ndarray, labels: Sequence[str] = ()) -> None:
    for number, value in enumerate(np.unique(classes)):
        x, y = points[classes == value].T
        colour, marker = COLOURS[number % len(COLOURS)], MARKERS[number // len(COLOURS) % len(MARKERS)]
        label = labels[int(value)] if labels else None
        axes.scatter(x, y, s=12, color=colour, marker=marker, alpha=0.85, linewidth=0, label=label)
    axes.set(xticks=[], yticks=[])


def _probe_panel(axes: Axes, views: FeatureViews) -> None:
    """For each variation the whole embedding as a bar, the sub-embeddings as numbered points."""
    rows = np.arange(len(views.names))
    axes.barh(rows, views.probes[:, 0], height=0.5, color="#56B4E9", label="whole embedding")
    for k, column in enumerate(views.probes[:, 1:].T, start=1):
        label = "each sub-embedding" if k == 1 else None
        axes.scatter(column, rows, s=14, color="black", zorder=3, label=label)
    axes.axvline(CHANCE, color=ORANGE, linestyle="--", label="chance")
    axes.set(yticks=rows, yticklabels=[readable(name) for name in views.names], xlim=(0.3, 1.02))
    axes.invert_yaxis()
    axes.set_xlabel("balanced accuracy of a linear probe")
    axes.legend(loc="lower center", bbox_to_anchor=(0.4, 1), ncols=3, **_LEGEND)


def umap_figure(views: FeatureViews, view: int = 0) -> Figure:
    """A map by variation, the same by identity, and the probes; `view` 0 is the whole embedding, k a part."""
    figure, ((left, middle, right),) = panels(1, 3, 9.6, 3.6, width_ratios=(1, 1, 0.95))
    what = "the whole embedding" if view == 0 else f"sub-embedding {view}"
    labels = ["none", *(readable(name) for name in views.names), "several"]
    _scatter(left, views.coordinates[view], kinds(views.variations), labels)
    _scatter(middle, views.coordinates[view], views.identities)
    left.set_title(f"{views.method} of {what}: variation", fontsize=10)
    middle.set_title(f"the same: {len(np.unique(views.identities))} people", fontsize=10)
    left.legend(loc="upper center", bbox_to_anchor=(0.5, 0), ncols=3, **_LEGEND)
    _probe_panel(right, views)
    return figure
