"""The highest impostor scores of the mixed set, a dot for each pair by what befell its two pictures."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure
from torch import Tensor

from salon.figures.style import ORANGE, panels
from salon.words import say

KINDS = ("clean", "low_resolution", "pose", "occlusion")  # as bands, from the left and from below


@dataclass(frozen=True)
class FalseMatches:
    """Of R models, by their ways of matching, the pairs of two people with the highest scores, highest first."""

    models: list[str]  # [R] names that the words know
    pairs: list[list[list[int]]]  # [R, pair, 2] pictures of the benchmark's mixed set: probe and gallery image
    scores: list[list[float]]  # [R, pair]

    @classmethod
    def load(cls, path: Path) -> "FalseMatches":
        """Read the `.json` file of what `dataclasses.asdict` gives."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def black_hole_pairs(found: FalseMatches, places: Tensor, names: Sequence[str], lang: str | None = None) -> Figure:
    """Each model's pairs at the `places` [n] of their pictures on a band for each kind, 0..4, stronger further on."""
    figure, axes = panels(1, len(found.models), 2.6 * len(found.models), 3.5, sharey=True)
    for axis, name, pairs in zip(axes[0], names, found.pairs, strict=True):
        axis.plot(*places[pairs].T.numpy(), ".", color=ORANGE, markersize=3, alpha=0.5)
        axis.set(title=name, xlim=(0, 4), ylim=(0, 4), aspect="equal")
        bands = [say(f"hole.{kind}", lang) for kind in KINDS]
        axis.set_xticks([0.5, 1.5, 2.5, 3.5], bands, rotation=40, ha="right")
        axis.set_yticks([0.5, 1.5, 2.5, 3.5], bands)
        for edge in (1, 2, 3):
            axis.axhline(edge, color="black", lw=0.3)
            axis.axvline(edge, color="black", lw=0.3)
    return figure
