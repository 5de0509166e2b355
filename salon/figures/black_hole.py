"""The highest impostor scores of the mixed set, a dot for each pair by what befell its two pictures."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from matplotlib.figure import Figure
from torch import Tensor

from salon.evaluation.people import CONDITIONS
from salon.figures.style import ORANGE, row, tiles
from salon.words import say

KINDS = ("clean", "low_resolution", "pose", "occlusion")  # as bands, from the left and from below
_BANDS = [CONDITIONS.index(kind) for kind in KINDS]


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


def black_hole_figure(shares: Mapping[str, Tensor], names: Sequence[str] = KINDS, width: float = 3.3) -> Figure:
    """For each model [probe, gallery]: the percentage of its highest false matches by the two conditions, halves up."""
    figure, axes = row(shares, width, 3.6)
    for axis, share in zip(axes, shares.values(), strict=True):
        tiles(axis, 100 * share[_BANDS][:, _BANDS].T + 1e-3, 0, 100, names, names, annot=True, fmt=".0f", square=True)
        axis.set_xticklabels(names, rotation=40, ha="right")
    axes[0].set(ylabel="condition of the gallery image", ylim=(0, len(names)))
    figure.supxlabel("condition of the probe", fontsize=10)
    return figure


def black_hole_pairs(found: FalseMatches, places: Tensor, names: Sequence[str], lang: str | None = None) -> Figure:
    """The same, and each model's pairs at the `places` [n] of their pictures: 0..4, a band for each kind."""
    spots = places[torch.tensor(found.pairs)]  # [R, pair, 2]
    cells = torch.tensor(_BANDS)[spots.long()] @ torch.tensor([4, 1])  # [R, pair]
    shares = {name: of.bincount(minlength=16).view(4, 4) / len(of) for name, of in zip(names, cells, strict=True)}
    figure = black_hole_figure(shares, [say(f"hole.{kind}", lang) for kind in KINDS], 2.6)
    for axis, of in zip(figure.axes, spots, strict=True):
        axis.plot(*of.T.numpy(), ".", color=ORANGE, markersize=3, alpha=0.5)
        for text in axis.texts:
            text.set(ha="right", va="bottom", size=8, color="black", bbox={"fc": "#fffc", "lw": 0, "pad": 1})
    return figure
