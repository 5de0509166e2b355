"""Sub-embedding features in the plane, and how well a linear probe reads each variation from them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from salon.figures.style import BLUE, GREEN, ORANGE, panels
from salon.paths import write_whole

COLOURS = ("#999999", BLUE, ORANGE, GREEN)  # of a plain picture, and of one under each variation
CHANCE, STEPS = 0.5, 65535  # balanced accuracy; of a coordinate, from one side of a map to the other


@dataclass(frozen=True)
class FeatureViews:
    """n pictures, each plain or under one of M variations, as points of 2 M + K maps.

    First for each variation the parts that own it, then those that do not, both of the plain pictures and those
    under it (the others stand at 0); at last each of the K parts, of all pictures.
    """

    method: str  # "UMAP" or "PCA"
    coordinates: np.ndarray  # [2 M + K, n, 2] 0..STEPS
    kinds: np.ndarray  # [n] 0 plain, m under the m-th variation
    strengths: np.ndarray  # [n] percent
    people: np.ndarray  # [n]
    probes: np.ndarray  # [M, 1 + K] balanced accuracy of a linear probe: whole embedding, then each part
    assigned: np.ndarray  # [M, K] 1 where a part owns a variation
    names: np.ndarray  # [M] of the variations
    sprite: bytes  # WebP, n thumbnails
    thumb: int  # pixels

    @property
    def readings(self) -> np.ndarray:
        """Mean probe accuracy [M, 2] over the parts that own a variation, and over the others."""
        own, parts = self.assigned.astype(bool), self.probes[:, 1:]
        return np.stack([np.nanmean(np.where(mask, parts, np.nan), axis=1) for mask in (own, ~own)], axis=1)

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


def _scatter(axis: Axes, views: FeatureViews, view: int, kinds: Sequence[int]) -> None:
    """One map, of the pictures of some kinds; the order of the file mixes them, so that none covers another."""
    rows = np.isin(views.kinds, kinds)
    colours = np.array(COLOURS)[views.kinds[rows]]
    axis.scatter(*views.coordinates[view, rows].T, s=7, c=colours, alpha=0.85, linewidth=0)
    axis.set(xticks=[], yticks=[], box_aspect=1, frame_on=False)


def _bars(axis: Axes, views: FeatureViews, heights: np.ndarray) -> None:
    """Probe accuracies in percent above one another, chance as a line."""
    bars = axis.barh(views.names, 100 * heights, color=COLOURS[1 : len(heights) + 1], height=0.6)
    axis.bar_label(bars, fmt="%.0f", padding=3, fontsize=9)
    axis.axvline(100 * CHANCE, color="black", linestyle="--", linewidth=1)
    axis.set(xlim=(40, 108), xticks=[50, 75, 100])
    axis.invert_yaxis()
    axis.set_xlabel("linear probe, % (chance 50)", fontsize=9)


def owned_figure(views: FeatureViews) -> Figure:
    """For each variation a map of the parts that own it above one of the parts that do not, and their probes."""
    M = len(views.names)
    figure, axes = panels(2, M + 1, 2.5 * (M + 1), 5.6)
    for row, title in enumerate(("parts that own it", "other parts")):
        for m, name in enumerate(views.names):
            _scatter(axes[row, m], views, 2 * m + row, (0, m + 1))
            axes[row, m].set_title(f"{name}:\n{title}", fontsize=10, color=COLOURS[m + 1])
        _bars(axes[row, M], views, views.readings[:, row])
        axes[row, M].set_title(f"mean of the\n{title}", fontsize=10)
    figure.supxlabel(f"{views.method}; grey: the same pictures without a variation", fontsize=9)
    return figure


def part_figure(views: FeatureViews, part: int) -> Figure:
    """The map of one part, 1 to K, with all pictures, and what a probe reads from it."""
    M = len(views.names)
    figure, ((left, right),) = panels(1, 2, 7.2, 3.4)
    _scatter(left, views, 2 * M + part - 1, range(M + 1))
    owns = ", ".join(views.names[views.assigned[:, part - 1].astype(bool)])
    left.set_title(f"part {part} owns {owns or 'nothing'}", fontsize=10)
    _bars(right, views, views.probes[:, part])
    return figure
