"""Two faces: what each part adds to score (16) of a pair, and where the pair stands among pairs of test people."""

import torch
from matplotlib.figure import Figure
from torch import Tensor

from salon.faces.people import People
from salon.faces.pixels import as_bytes
from salon.faces.render import frontal_views, render, sample_views
from salon.faces.variations import MOST_YAW, degrade
from salon.figures.explorer import FRAMES, SIZE, spoilt, turned
from salon.figures.style import BLUE, ORANGE, panels
from salon.figures.threshold import ScoreHistograms
from salon.model.embedding import Embedding
from salon.model.matching import cosine_scores
from salon.model.network import Recogniser, embed
from salon.words import say


def two_people(me: People, other: People, seed: int = 3) -> Tensor:
    """One person, the same in a snapshot, and another, each as in `turned`: bytes [3 * FRAMES, 3, SIZE, SIZE]."""
    snapshot = {name: float(x) for name, x in vars(sample_views(1, seed)).items()}
    views = frontal_views(FRAMES, **snapshot | {"yaw": torch.linspace(0, MOST_YAW, FRAMES)})
    return torch.cat([turned(me), as_bytes(render(me[[0] * FRAMES], views, SIZE)), turned(other)])


def behind_blocks(frames: Tensor, seed: int, blocks: float = 0.0, **state: float) -> Tensor:
    """A state of `spoilt` behind the blocks of "occlusion", [1, 3, SIZE, SIZE] in 0..1."""
    return degrade(spoilt(frames, **state), "occlusion", blocks, seed=seed)


def terms(a: Embedding, b: Embedding) -> tuple[Tensor, Tensor, Tensor]:
    """‖f_a - f_b‖², σ_a² + σ_b² and what both add to (16), -(‖f_a - f_b‖² / v + d log v) / 2: each [B, K]."""
    distance, v = (a.features - b.features).square().sum(-1), a.fitted + b.fitted
    return distance, v, -0.5 * (distance / v + a.d * v.log())


def two_faces_figure(recogniser: Recogniser, faces: Tensor, scores: ScoreHistograms, lang: str | None = None) -> Figure:
    """Strangers clean and behind blocks, and one person twice: the pair, its terms, its two scores."""
    frames, columns = faces.split(FRAMES), ((2, 0.0), (2, 1.0), (1, 0.0))
    figure, axes = panels(2, 3, 9.6, 4.4, sharey="row")
    for (face, axis), (second, blocks), name in zip(axes.T, columns, ("other", "spoilt", "same"), strict=True):
        pair = torch.cat([behind_blocks(frames[x], i, blocks) for i, x in enumerate((0, second))])
        seen = embed(recogniser, pair)
        share, cosine = terms(seen[:1], seen[1:])[2][0].tolist(), cosine_scores(seen[:1], seen[1:]).item()
        face.imshow(torch.cat([*pair], 2).permute(1, 2, 0).numpy())
        face.set_title(say(f"two.{name}", lang), fontsize=11)
        face.axis("off")
        axis.bar(range(1, len(share) + 1), share, color=[BLUE if x > 0 else ORANGE for x in share])
        told = [f"{say(f'two.{way}', lang)} {x:.{digits}f}" for way, x, digits in
                zip(scores.models, (cosine, sum(share)), (2, 0), strict=True)]  # fmt: skip
        axis.set_xlabel("   ".join(told), fontsize=11)
    axes[1, 0].set_ylabel(say("two.adds", lang))
    return figure
