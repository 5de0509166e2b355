"""The black hole: the highest impostor scores as dots by what befell the two pictures; one pair to look at."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import torch
import traitlets
from matplotlib.figure import Figure

from salon.evaluation.people import CONDITIONS, Benchmark, test_benchmark
from salon.faces.pixels import sprite
from salon.figures.black_hole import KINDS, FalseMatches, black_hole_pairs
from salon.paths import read_data
from salon.widgets.host import Picture, data_uri, source, words
from salon.words import expect_whole


class BlackHole(Picture):
    """`FalseMatches` of a benchmark's mixed set, a dot a pair, and the two faces of the pair that is `rank`-th.

    Unless given, those of the lecture's models on the shipped test people.

    All happens in the script; the kernel may set and read `chosen`, the number of a model, and `rank`, from 1.
    """

    _esm, room = source("common.js", "black_hole.js"), "hole"
    height = 820
    data = traitlets.Dict().tag(sync=True)
    chosen = traitlets.Int(0, min=0).tag(sync=True)
    rank = traitlets.Int(1, min=1).tag(sync=True)

    def __init__(
        self, found: FalseMatches | None = None, benchmark: Benchmark | None = None, lang: str | None = None
    ) -> None:
        found = found or read_data(FalseMatches.load, "views", "false_matches.json")
        benchmark = benchmark or test_benchmark()
        which, strengths = benchmark.mixture()
        kinds = torch.tensor([KINDS.index(name) for name in CONDITIONS[:4]])[which]
        self.found, self.places = found, kinds + 0.05 + 0.9 * (strengths - 0.3) / 0.6
        shown = sorted({picture for pairs in found.pairs for pair in pairs for picture in pair})
        at = {picture: n for n, picture in enumerate(shown)}
        data = asdict(found) | {
            "pairs": [[[at[picture] for picture in pair] for pair in pairs] for pairs in found.pairs],
            "kinds": KINDS, "kind": kinds[shown].tolist(), "people": benchmark.labels[shown].tolist(),
            "places": [round(x, 3) for x in self.places[shown].tolist()],
            "strengths": (100 * strengths[shown]).round().int().tolist(),
            "sprite": data_uri(sprite(benchmark.images("mixed")[shown])), "thumb": benchmark.straight.shape[-1],
            "names": [words("threshold", lang).get(name, name) for name in found.models],
        }  # fmt: skip
        super().__init__(lang, data=data)

    @traitlets.validate("chosen", "rank")
    def _there(self, proposal: Any) -> int:
        name, models = proposal["trait"].name, self.found.pairs
        bounds = (0, len(models) - 1) if name == "chosen" else (1, min(map(len, models)))
        return expect_whole(name, proposal["value"], *bounds)

    def figure(self) -> Figure:
        """Every model."""
        return black_hole_pairs(self.found, self.places, self.data["names"], self.lang)

    def stops(self) -> dict[str, Sequence[int]]:
        """The models, drawn one by one."""
        return {"chosen": range(len(self.found.models))}
