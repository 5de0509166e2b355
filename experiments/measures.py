"""What the ablation measures beside the benchmark: templates by each way of pooling, rejection of poor images."""

import copy
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from experiments.open_set import error_versus_reject
from salon.evaluation.benchmark import measures, scores_of
from salon.evaluation.people import Benchmark
from salon.evaluation.results import FAR, row
from salon.faces.variations import degrade
from salon.model.embedding import LUMA, Embedding
from salon.model.matching import fuse
from salon.model.network import Recogniser, embed, evaluating

STRONG_COVERS = (0.6, 0.8)  # strengths; the benchmark's is 0.4
REJECTED = (0.0, 0.2, 0.4, 0.6)  # shares of the images

# How several images become one template, beside the condition that this is and how two templates are compared.
POLICIES: dict[str, tuple[Callable[[Embedding], Embedding], str, str]] = {
    "average": (lambda e: Embedding(e.features, torch.ones_like(e.confidences)), "templates", "cosine"),
    "confidence": (lambda e: Embedding(e.features, e.confidences), "templates_by_confidence", "cosine"),
    "variance": (lambda e: e, "templates_by_variance", "cosine"),  # weighted by 1/σ²
    "likelihood": (lambda e: e, "templates", "likelihood"),  # the same, compared by (16)
}


def remembering(benchmark: Benchmark, size: int | None = None) -> Benchmark:
    """The same benchmark, which makes each degraded set of pictures once: for many models in one process.

    With `size`, images and probes are kept grey and as small as networks of that size see them.
    """
    kept = copy.copy(benchmark)
    for name in ("images", "probes"):
        object.__setattr__(kept, name, cache(partial(_seen, getattr(benchmark, name), size)))
    object.__setattr__(kept, "media", cache(benchmark.media))
    return kept


def _seen(draw: Callable[..., Tensor], size: int | None, *which: Any) -> Tensor:
    images = draw(*which)
    if size is None:
        return images
    grey = (images * images.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)
    return F.interpolate(grey, (size, size), mode="bilinear", antialias=True)


def evaluate_covers(recogniser: Recogniser, benchmark: Benchmark, seed: int = 0) -> list[dict]:
    """TAR under stronger covers than the benchmark's, and "mixed_covers": all pairs, each image under one at random."""
    straight, gallery, labels = benchmark.straight, benchmark.gallery, benchmark.labels
    strengths = 0.3 + 0.6 * torch.rand(len(straight), generator=torch.Generator().manual_seed(seed))
    everyone = embed(recogniser, degrade(straight, "cover", strengths, seed))
    enrolled, rows = embed(recogniser, straight[gallery]), []
    seen = {f"cover_{s:g}": (embed(recogniser, degrade(straight[~gallery], "cover", s, seed)), enrolled)
            for s in STRONG_COVERS}  # fmt: skip
    for condition, pair in (seen | {"mixed_covers": (everyone[~gallery], everyone[gallery])}).items():
        for way in ("cosine",) if enrolled.variances is None else ("cosine", "likelihood"):
            rows += measures(scores_of(*pair, way), labels[~gallery], labels[gallery], condition, way)
    return rows


def evaluate_templates(recogniser: Recogniser, benchmark: Benchmark, seed: int = 0) -> list[dict]:
    """One template of two clean images against one of four of mixed quality, by each policy; rows as above.

    "variance" and "likelihood" are left out where no variances are fitted.
    """
    gallery, labels = benchmark.gallery, benchmark.labels
    media, of_whom = benchmark.media(seed)
    enrolled, seen = embed(recogniser, benchmark.straight[gallery]), embed(recogniser, media)
    people, rows = labels.unique(), []
    for policy, (weigh, condition, matching) in POLICIES.items():
        if policy in ("variance", "likelihood") and seen.variances is None:
            continue
        scores = scores_of(fuse(weigh(seen), of_whom), fuse(weigh(enrolled), labels[gallery]), matching)
        rows += measures(scores, people, people, condition, matching)
    return rows


def evaluate_rejection(recogniser: Recogniser, benchmark: Benchmark, seed: int = 0) -> list[dict]:
    """1 - TAR@FAR=1e-3 of the mixed set as its images of lowest quality are rejected, by each measure of quality.

    Quality: the mean confidence, the mean fitted variance (less is better), the length of the features before
    they are brought to 1, and chance. By cosine; with fitted variances by (16) too, rejecting by variance.
    """
    images, gallery, labels = benchmark.images("mixed", seed), benchmark.gallery, benchmark.labels
    embedding, same = embed(recogniser, images), labels[~gallery][:, None] == labels[gallery]
    chance = torch.rand(len(images), generator=torch.Generator().manual_seed(seed))
    norms = feature_norms(recogniser, images)
    qualities = {"confidence": embedding.confidences.mean(1), "norm": norms, "chance": chance}
    ways = [("cosine", name) for name in qualities]
    if embedding.variances is not None:
        qualities["variance"] = -embedding.variances.mean(1)
        ways += [("cosine", "variance"), ("likelihood", "variance")]
    rows = []
    for matching, name in ways:
        scores, quality = scores_of(embedding[~gallery], embedding[gallery], matching), qualities[name]
        both = (quality[~gallery][:, None], quality[gallery])
        _, errors, impostors = error_versus_reject(scores, same, both, REJECTED, FAR)
        found = zip(errors, impostors, REJECTED, strict=True)
        rows += [row("mixed", f"error_by_{name}", *one, matching) for one in found]
    return rows


def feature_norms(recogniser: Recogniser, images: Tensor) -> Tensor:
    """The length [n] of the features of images [n, 3, H, W] before each sub-embedding is brought to length 1."""
    with evaluating(recogniser):
        heads = [recogniser.embedding_head(recogniser.trunk(part)) for part in images.split(256)]
    return torch.cat(heads).norm(dim=1)
