"""The confidence explorer: a face to paint on, and the network itself, which answers in the reader's browser."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import traitlets
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from salon.faces.people import People, split_people
from salon.faces.pixels import lay_out
from salon.faces.variations import MOST_YAW, VARIATIONS
from salon.figures.explorer import COVERS, FRAMES, SIZE, explorer_figure, turned
from salon.model.network import Recogniser
from salon.widgets.host import Picture, page, source, words
from salon.widgets.pack import pack, squeeze
from salon.words import SalonError

MOST_PEOPLE = 4


class ConfidenceExplorer(Picture):
    """Paint on a face, take its pixels, turn it: the K confidences and certainties of a recogniser follow at once.

    `people` (at most four are shown) are three test people unless given; `owners` [M, K] says which sub-embedding
    keeps which variation: as the checkpoint has it, unless given. A backbone that no page can run is answered for by
    the kernel, in the plain form; `refusal` is then the sentence that says why.
    """

    _esm = source("common.js", "net.js", "png.js", "picture.js", "easel.js", "photo.js", "explorer.js")
    height = 760
    network = traitlets.Bytes().tag(sync=True)  # what `pack` wrote; assign another, and that one answers
    faces = traitlets.Bytes().tag(sync=True)  # what `as_png` wrote
    facts = traitlets.Dict().tag(sync=True)
    resolution = traitlets.Float(0.0, min=0.0, max=1.0)  # of the plain form, as yaw
    yaw = traitlets.Float(0.0, min=0.0, max=MOST_YAW)

    def __init__(
        self, recogniser: Recogniser, people: People | None = None, owners: Any = None, lang: str | None = None
    ) -> None:
        people = split_people("test", 14)[[4, 13, 9]] if people is None else people[:MOST_PEOPLE]
        self.recogniser, self.person, self.lang, self.refusal = recogniser, people[0], lang, ""
        owners = recogniser.card.get("owners") if owners is None else owners
        owners = [] if owners is None else torch.as_tensor(owners).int().tolist()
        facts = {"tile": SIZE, "frames": FRAMES, "yaw": MOST_YAW, "covers": COVERS, "owners": owners}
        super().__init__(words=words("explorer", lang), facts=facts | {"variations": VARIATIONS})
        try:
            self.network = pack(recogniser)
        except SalonError as error:
            self.refusal = str(error)
        else:
            self.faces = as_png(torch.cat([turned(people[n]) for n in range(len(people))]), FRAMES)

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

    def page(self, lang: str | None = None) -> str:
        """The same explorer as a page of its own; raises `SalonError` where no page can run the backbone."""
        if self.refusal:
            raise SalonError(self.refusal)
        lang = lang or self.lang
        carried = {"network": squeeze(self.network), "faces": self.faces, "facts": self.facts}
        return page(self._esm, carried | {"words": words("explorer", lang)}, lang)


def as_png(faces: Tensor, columns: int) -> bytes:
    """Faces [n, 3, H, H], bytes, as one PNG without loss: green, and how far red and blue are from it (mod 256).

    That takes a tenth less than red, green and blue; `png.js` reads it, without a canvas.
    """
    red, green, blue = faces.unbind(1)
    sheet = lay_out(torch.stack([red - green, green, blue - green], 1), columns).permute(1, 2, 0)
    file = io.BytesIO()
    Image.fromarray(sheet.numpy()).save(file, "png", optimize=True)
    return file.getvalue()
