"""Sub-embedding features in the plane, and how well a linear probe reads each variation from them."""

import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch.nn.functional as F
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.decomposition import PCA
from torch import Tensor

from salon.evaluation.probes import linear_probe
from salon.faces.pixels import sprite
from salon.faces.variations import VARIATIONS
from salon.figures.style import BLUE, GREEN, ORANGE, PINK, panels, readable
from salon.model.embedding import Embedding

# Okabe and Ito's colours, told apart with any kind of colour vision; shapes come to their help.
COLOURS = ("#999999", BLUE, ORANGE, GREEN, PINK, "#E69F00", "#56B4E9", "#F0E442")
MARKERS = ("o", "s", "^", "D")
CHANCE, THUMB = 0.5, 40  # balanced accuracy; pixels of a thumbnail
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
        np.savez_compressed(path, **asdict(self) | {"sprite": np.frombuffer(self.sprite, np.uint8)})

    @classmethod
    def load(cls, path: Path) -> "FeatureViews":
        """Read what `save` wrote."""
        with np.load(path) as file:
            values = {field.name: file[field.name] for field in fields(cls)}
        plain = {name: values[name].item() for name in ("method", "thumb")}
        return cls(**values | plain | {"sprite": values["sprite"].tobytes()})


def to_plane(features: np.ndarray, seed: int = 0) -> tuple[np.ndarray, str]:
    """Features [n, D] as points [n, 2] in 0..1, and the method: UMAP, or PCA where umap-learn is missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImportWarning)  # umap misses Tensorflow; we do not
            from umap import UMAP
        # A fixed seed means one thread; the cosine is how the paper compares features.
        method, maps = "UMAP", UMAP(metric="cosine", min_dist=0.2, random_state=seed, n_jobs=1)
    except ImportError:
        method, maps = "PCA", PCA(2, svd_solver="full")
    plane = maps.fit_transform(features)
    low, high = plane.min(0), plane.max(0)
    return (plane - low) / (high - low), method


def feature_views(
    embedding: Embedding,
    variations: Tensor,
    identities: Tensor,
    images: Tensor,
    assigned: Tensor | None = None,
    names: Sequence[str] = VARIATIONS,
) -> FeatureViews:
    """Compute all views: a map and M probes for the whole embedding and for each sub-embedding.

    `variations` [n, M] is 1 where an image was degraded so, `identities` [n], `images` [n, 3, H, W] 0..1,
    `assigned` [M, K] the masks of the decorrelation losses. Half a second a view for n = 400, once
    umap-learn has compiled itself (up to half a minute).
    """
    embedding, labels = embedding.detach(), variations.long()
    parts = [embedding.flat, *embedding.features.unbind(1)]
    planes, methods = zip(*(to_plane(part.numpy()) for part in parts), strict=True)
    probes = [[linear_probe(part, row, identities, seed=0) for part in parts] for row in labels.T]
    small = F.interpolate(images, (THUMB, THUMB), mode="bilinear", antialias=True)
    return FeatureViews(
        method=methods[0],
        coordinates=np.stack(planes).astype(np.float32),
        variations=labels.numpy().astype(np.uint8),
        identities=identities.numpy(),
        probes=np.array(probes, np.float32),
        assigned=np.zeros((0, 0), np.uint8) if assigned is None else assigned.numpy().astype(np.uint8),
        names=np.array(names),
        sprite=sprite(small),
        thumb=THUMB,
    )


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
