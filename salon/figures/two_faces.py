"""Two faces: what each part adds to score (16) of a pair, and both scores of the pair."""

from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from salon.faces.variations import degrade
from salon.figures.explorer import FRAMES, spoilt
from salon.figures.style import BLUE, ORANGE, panels
from salon.model.embedding import Embedding
from salon.model.matching import cosine_pairs, likelihood_pairs
from salon.model.network import Recogniser, embed
from salon.words import say


def behind_blocks(frames: Tensor, seed: int, blocks: float = 0.0, **state: Any) -> Tensor:
    """A state of `spoilt` behind the blocks of "occlusion", [1, 3, SIZE, SIZE] in 0..1."""
    return degrade(spoilt(frames, **state), "occlusion", blocks, seed=seed)


def terms(pair: Embedding) -> Tensor:
    """What each part adds to score (16) of two pictures, [K]: the score of each part alone, as if a pair of its own."""
    f, s, v = pair.features, pair.confidences, pair.fitted  # [2, K, d], [2, K], [2, K]
    a, b = (Embedding(f[i, :, None], s[i, :, None], v[i, :, None]) for i in (0, 1))  # K pairs of one part each
    return likelihood_pairs(a, b)


def two_faces_figure(recogniser: Recogniser, faces: Tensor, lang: str | None = None) -> Figure:
    """Strangers clean and behind blocks, and one person twice: the pair, its terms, its two scores."""
    frames, columns = faces.split(FRAMES), ((2, 0.0), (2, 1.0), (1, 0.0))
    figure, axes = panels(2, 3, 9.6, 4.4, sharey="row")
    for (face, axis), (second, blocks), name in zip(axes.T, columns, ("other", "spoilt", "same"), strict=True):
        pair = torch.cat([behind_blocks(frames[x], i, blocks) for i, x in enumerate((0, second))])
        seen = embed(recogniser, pair)
        share, cosine = terms(seen).tolist(), cosine_pairs(seen[:1], seen[1:]).item()
        face.imshow(torch.cat([*pair], 2).permute(1, 2, 0).numpy())
        face.set_title(say(f"two.{name}", lang), fontsize=11)
        face.axis("off")
        axis.bar([str(k + 1) for k in range(len(share))], share, color=[BLUE if x > 0 else ORANGE for x in share])
        told = f"{say('two.cosine', lang)} {cosine:.2f}   {say('two.likelihood', lang)} {sum(share):.0f}"
        axis.set_xlabel(told.replace("-", "−"), fontsize=11)
    axes[1, 0].set_ylabel(say("two.adds", lang))
    return figure
