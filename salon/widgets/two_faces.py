"""Two faces: both to be spoilt, what each part says of the pair, and where it stands among pairs of test people."""

from dataclasses import asdict

import torch
from matplotlib.figure import Figure
from torch import Tensor

from salon.evaluation.benchmark import both_ways
from salon.evaluation.people import test_benchmark
from salon.evaluation.views import CONDITIONS, ScoreHistograms
from salon.faces.people import People, split_people
from salon.faces.pixels import as_bytes
from salon.faces.render import frontal_views, render, sample_views
from salon.faces.variations import MOST_YAW, block_order
from salon.figures.explorer import FRAMES, SIZE, turned
from salon.figures.two_faces import two_faces_figure
from salon.model.network import Recogniser
from salon.paths import read_data
from salon.training.shipped import load
from salon.widgets.host import source
from salon.widgets.pack import NetworkPicture


class TwoFaces(NetworkPicture):
    """Two pictures to spoil and to paint on: the K terms of (16), both scores, and both among `scores`.

    Unless given, the lecture's recogniser. `scores` are those of the recogniser by "cosine" and by "likelihood";
    unless given they are counted on the test people, which takes some seconds.
    """

    _esm = source("common.js", "net.js", "unpack.js", "picture.js", "easel.js", "scores.js", "two_faces.js")
    room, height = "two", 900

    def __init__(
        self, recogniser: Recogniser | None = None, scores: ScoreHistograms | None = None, lang: str | None = None
    ) -> None:
        if recogniser is None:
            recogniser, scores = load("lecture"), scores or read_data(ScoreHistograms.load, "views", "pairs.json")
        scores = scores or both_ways(recogniser, test_benchmark())
        people = split_people("test", 14)
        self.drawn = two_people(people[4], people[9])
        order = [block_order(1, torch.Generator().manual_seed(n))[0].tolist() for n in (0, 1)]
        facts = asdict(scores) | {"conditions": CONDITIONS, "order": order}
        super().__init__(recogniser, lambda: self.drawn, lang, **facts)

    def figure(self) -> Figure:
        """Strangers clean and behind blocks, and one person twice."""
        return two_faces_figure(self.recogniser, self.drawn, self.lang)


def two_people(me: People, other: People, seed: int = 3) -> Tensor:
    """One person, the same in a snapshot, and another, each as in `turned`: bytes [3 * FRAMES, 3, SIZE, SIZE]."""
    snapshot = {name: float(x) for name, x in vars(sample_views(1, seed)).items()}
    views = frontal_views(FRAMES, **snapshot | {"yaw": torch.linspace(0, MOST_YAW, FRAMES)})
    return torch.cat([turned(me), as_bytes(render(me[[0] * FRAMES], views, SIZE)), turned(other)])
