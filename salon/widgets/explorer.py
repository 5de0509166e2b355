"""The confidence explorer: three sliders degrade a face, and its K confidences follow."""

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import traitlets
from matplotlib.figure import Figure

from salon.faces.people import People
from salon.figures.explorer import LIMITS, ConfidenceTable, Look, explorer_figure, face_at, measure
from salon.model.network import Recogniser
from salon.widgets.host import Picture, data_uri, page, source, words


def facts(look: Look) -> dict[str, Any]:
    """What the script knows from the start: the limits, the clean values, the mean at each slider's end."""
    clean, *ends = (look(*state)[1] for state in ((0.0, 0.0, 0.0), *np.diag(list(LIMITS.values())).tolist()))
    return {"limits": LIMITS, "clean": clean.tolist(), "ends": [float(values.mean()) for values in ends]}


def explorer_page(table: ConfidenceTable, lang: str | None = None) -> str:
    """The explorer as a self-contained HTML page that reads its states from `table`."""
    steps = len(table.confidences)
    rows = table.confidences.reshape(steps**3, -1).tolist()
    states = {
        "sprite": data_uri(table.sprite),
        "steps": steps,
        "tile": table.tile,
        "confidences": [[round(value, 2) for value in row] for row in rows],
    }
    traits = facts(table.look) | {"table": states, "words": words("explorer", lang)}
    return page(ConfidenceExplorer._esm, traits | dict.fromkeys(LIMITS, 0), lang)


class ConfidenceExplorer(Picture):
    """Sliders for blur, occlusion and yaw; a kernel answers each move with an image and K confidences.

    `ConfidenceExplorer.live(recogniser, person)` asks a recogniser, `ConfidenceExplorer(table.look)` a table.
    """

    _esm = source("common.js", "explorer.js")
    blur = traitlets.Float(0.0, min=0.0, max=LIMITS["blur"]).tag(sync=True)
    occlusion = traitlets.Float(0.0, min=0.0, max=LIMITS["occlusion"]).tag(sync=True)
    yaw = traitlets.Float(0.0, min=0.0, max=LIMITS["yaw"]).tag(sync=True)
    answer = traitlets.Dict().tag(sync=True)  # {"image": data URI, "confidences": [K]}
    limits = traitlets.Dict().tag(sync=True)
    clean: Any = traitlets.List().tag(sync=True)
    ends: Any = traitlets.List().tag(sync=True)

    def __init__(self, look: Look, lang: str | None = None) -> None:
        self.look = lru_cache(maxsize=512)(look)  # a reset moves three sliders: one look serves all
        super().__init__(words=words("explorer", lang), **facts(self.look))
        self.observe(self._answer, list(LIMITS))
        self._answer()

    @classmethod
    def live(cls, recogniser: Recogniser, person: People, lang: str | None = None) -> "ConfidenceExplorer":
        """An explorer of one person, rendered anew for each turn of the head (faces are kept by yaw)."""
        face = lru_cache(maxsize=64)(partial(face_at, person))
        return cls(lambda blur, occlusion, yaw: measure(recogniser, face(yaw), blur, occlusion), lang)

    def _answer(self, change: object = None) -> None:
        image, confidences = self.look(self.blur, self.occlusion, self.yaw)
        self.answer = {"image": data_uri(image), "confidences": confidences.tolist()}

    def figure(self) -> Figure:
        """Five states, still."""
        return explorer_figure(self.look)

    def stops(self) -> dict[str, Sequence[float]]:
        """Seven values for each slider."""
        return {name: np.linspace(0, limit, 7).tolist() for name, limit in LIMITS.items()}

    def state(self) -> Figure:
        """The clean face, and as the sliders stand."""
        now = self.look(self.blur, self.occlusion, self.yaw)
        return explorer_figure(self.look, {"clean": self.look(0.0, 0.0, 0.0), "now": now})

    def page(self, lang: str | None = None, steps: int = 7) -> str:
        """The same explorer as a page without a kernel, its steps³ states computed now."""
        return explorer_page(ConfidenceTable.of(self.look, steps), lang)
