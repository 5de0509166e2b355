"""The game: masks over sub-embeddings, which loss tells which of them to show or to hide, and what a probe reads."""

from collections.abc import Sequence
from itertools import chain
from typing import Any

import pandas as pd
import torch
import traitlets
from matplotlib.figure import Figure
from torch import Tensor

from salon.faces.variations import VARIATIONS
from salon.figures.game import GROUPS, LOSSES, RULES, game_figure, probe_matrix
from salon.model.decorrelation import variation_masks
from salon.model.embedding import expect_shape
from salon.widgets.host import Picture, source
from salon.words import SalonError, short


class Game(Picture):
    """Masks V_t [M, K] to draw anew, and for a loss and a rule of (13) what it tells each sub-embedding.

    The probes are read from a table such as `ablation`. All happens in the script; the kernel may set and
    read `masks`, `loss` and `rule`.
    """

    _esm, room = source("common.js", "game.js"), "game"
    height = 700
    masks: Any = traitlets.List().tag(sync=True)
    loss = traitlets.Enum(LOSSES, "both").tag(sync=True)
    rule = traitlets.Enum(tuple(RULES), "others").tag(sync=True)
    variation = traitlets.Int(0, min=0, max=len(VARIATIONS) - 1).tag(sync=True)
    data = traitlets.Dict().tag(sync=True)

    def __init__(self, table: pd.DataFrame, masks: Tensor | None = None, lang: str | None = None) -> None:
        if masks is None:
            masks = variation_masks(len(VARIATIONS), 8, torch.Generator().manual_seed(0))
        expect_shape("masks", masks, (len(VARIATIONS), "K"))
        self.probes = probe_matrix(table)
        data = {"names": VARIATIONS, "groups": GROUPS, "losses": LOSSES, "rules": [*RULES], "probes": self.probes}
        super().__init__(lang, masks=masks.int().tolist(), data=data)

    @traitlets.validate("masks")
    def _masks(self, proposal: Any) -> list[list[int]]:
        """A row of 0 and 1 for each variation, all of one length; raises `SalonError` for others."""
        rows = proposal["value"]
        if len(rows) != len(VARIATIONS) or len({*map(len, rows)}) != 1 or not {*chain(*rows)} <= {0, 1}:
            raise SalonError(f"The masks {short(rows)} came; expected {len(VARIATIONS)} rows of 0 and 1, alike long.")
        return rows

    def figure(self) -> Figure:
        """Without the losses, by (13) and by our variant."""
        return game_figure(torch.tensor(self.masks).bool(), self.probes)

    def state(self) -> Figure:
        """The chosen rule."""
        return game_figure(torch.tensor(self.masks).bool(), self.probes, self.rule)

    def stops(self) -> dict[str, Sequence[str]]:
        """The rules."""
        return {"rule": [*RULES]}
