"""The confidence explorer: a face to paint on, and the network itself, which answers in the reader's browser."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import traitlets
from matplotlib.figure import Figure

from salon.faces.people import People, split_people
from salon.faces.variations import MOST_YAW, VARIATIONS
from salon.figures.explorer import COVERS, explorer_figure, turned
from salon.model.network import Recogniser
from salon.widgets.host import source
from salon.widgets.pack import NetworkPicture

MOST_PEOPLE = 4


class ConfidenceExplorer(NetworkPicture):
    """Paint on a face, take its pixels, turn it: the K confidences and certainties of a recogniser follow at once.

    `people` (at most four are shown) are three test people unless given; `owners` [M, K] says which sub-embedding
    keeps which variation: as the checkpoint has it, unless given.
    """

    _esm = source("common.js", "net.js", "unpack.js", "picture.js", "easel.js", "photo.js", "explorer.js")
    room, height = "explorer", 760
    resolution = traitlets.Float(0.0, min=0.0, max=1.0)  # of the plain form, as yaw
    yaw = traitlets.Float(0.0, min=0.0, max=MOST_YAW)

    def __init__(
        self, recogniser: Recogniser, people: People | None = None, owners: Any = None, lang: str | None = None
    ) -> None:
        people = split_people("test", 14)[[4, 13, 9]] if people is None else people[:MOST_PEOPLE]
        self.person = people[0]
        owners = recogniser.card.get("owners") if owners is None else owners
        owners = [] if owners is None else torch.as_tensor(owners).int().tolist()
        super().__init__(
            recogniser, lambda: torch.cat([turned(people[n]) for n in range(len(people))]), lang,
            covers=COVERS, owners=owners, variations=VARIATIONS,
        )  # fmt: skip

    def figure(self) -> Figure:
        """Five states, still."""
        return explorer_figure(self.recogniser, self.person, lang=self.lang)

    def stops(self) -> dict[str, Sequence[float]]:
        """Seven values for each slider of the plain form."""
        return {"resolution": np.linspace(0, 1, 7).tolist(), "yaw": np.linspace(0, MOST_YAW, 7).tolist()}

    def state(self) -> Figure:
        """The clean face, and as the sliders of the plain form stand."""
        now = {"resolution": self.resolution, "yaw": self.yaw}
        return explorer_figure(self.recogniser, self.person, {"clean": {}, "now": now}, self.lang)
