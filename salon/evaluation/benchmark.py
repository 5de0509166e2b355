"""What a model is worth on rendered people: a clean gallery against degraded probes, mixed against mixed, templates."""

import copy
from collections.abc import Callable
from functools import cache

import numpy as np
import torch
from torch import Tensor

from salon.evaluation.people import CONDITIONS, Benchmark
from salon.evaluation.protocols import equal_error_rate, error_versus_reject, rank_k, tar_at_far
from salon.evaluation.results import FAR, row
from salon.model.embedding import Embedding
from salon.model.matching import cosine_scores, fuse, likelihood_scores
from salon.model.network import Recogniser, embed, evaluating
from salon.words import SalonError


def remembering(benchmark: Benchmark) -> Benchmark:
    """The same benchmark, which makes each degraded set of pictures once: for many models in one process."""
    kept = copy.copy(benchmark)
    for name in ("images", "probes", "media"):
        object.__setattr__(kept, name, cache(getattr(benchmark, name)))
    return kept


def scores_of(a: Embedding, b: Embedding, matching: str) -> Tensor:
    """All scores [A, B], higher is more alike: "cosine", or "likelihood" (16) with fitted variances."""
    if matching not in ("cosine", "likelihood"):
        raise SalonError(f"Matching by {matching!r} is not known; expected 'cosine' or 'likelihood'.")
    return cosine_scores(a, b) if matching == "cosine" else likelihood_scores(a, b)


def genuine_and_impostor(scores: Tensor, rows: Tensor, columns: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """Split all scores [A, B] by whether the labels of row and column agree."""
    same = rows[:, None] == columns[None, :]
    return scores[same].double().numpy(), scores[~same].double().numpy()


def evaluate_benchmark(
    recogniser: Recogniser, benchmark: Benchmark, conditions: tuple[str, ...] = CONDITIONS,
    matchings: tuple[str, ...] = ("cosine",), seed: int = 0,
) -> list[dict]:  # fmt: skip
    """TAR@FAR=1e-3, EER and rank-1 under each condition and way of matching, as rows of a table.

    The gallery is clean, and under "mixed" as mixed as the probes.
    """
    gallery, labels = benchmark.gallery, benchmark.labels
    enrolled = embed(recogniser, benchmark.straight[gallery])
    rows = []
    for condition in conditions:
        mixed = condition == "mixed"
        against = embed(recogniser, benchmark.images("mixed", seed)[gallery]) if mixed else enrolled
        probes = embed(recogniser, benchmark.probes(condition, seed))
        for matching in matchings:
            scores = scores_of(probes, against, matching)
            rows += measures(scores, labels[~gallery], labels[gallery], condition, matching)
    return rows


def measures(scores: Tensor, rows: Tensor, columns: Tensor, condition: str, matching: str = "cosine") -> list[dict]:
    """TAR@FAR=1e-3 and EER of all pairs, n impostors, and rank-1 of n probes, from scores [A, B] and both labels.

    For rank-1 the gallery is closed and holds the first picture of each person.
    """
    genuine, impostor = genuine_and_impostor(scores, rows, columns)
    first = np.unique(columns.numpy(), return_index=True)[1]
    rank_1 = rank_k(scores[:, first].numpy(), rows.numpy(), columns[first].numpy(), k=1)
    return [
        row(condition, "tar", tar_at_far(genuine, impostor, FAR), len(impostor), FAR, matching),
        row(condition, "eer", equal_error_rate(genuine, impostor), len(impostor), None, matching),
        row(condition, "rank", rank_1, len(rows), 1, matching),
    ]


# How several images become one template, beside the condition that this is and how two templates are compared.
POLICIES: dict[str, tuple[Callable[[Embedding], Embedding], str, str]] = {
    "average": (lambda e: Embedding(e.features, torch.ones_like(e.confidences)), "templates", "cosine"),
    "confidence": (lambda e: Embedding(e.features, e.confidences), "templates_by_confidence", "cosine"),
    "variance": (lambda e: e, "templates_by_variance", "cosine"),  # weighted by 1/σ²
    "likelihood": (lambda e: e, "templates", "likelihood"),  # the same, compared by (16)
}


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


REJECTED = (0.0, 0.2, 0.4, 0.6)  # shares of the images


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


def black_hole(
    recogniser: Recogniser, benchmark: Benchmark, top: int = 1000, seed: int = 0, matching: str = "cosine"
) -> Tensor:
    """Of the `top` false matches of the mixed set with the highest score, the share [4, 4] by the two conditions."""
    which, _ = benchmark.mixture(seed)
    embedding = embed(recogniser, benchmark.images("mixed", seed))
    probe, enrolled = ~benchmark.gallery, benchmark.gallery
    scores = scores_of(embedding[probe], embedding[enrolled], matching)
    scores[benchmark.labels[probe][:, None] == benchmark.labels[enrolled]] = -torch.inf
    best = scores.flatten().topk(top).indices
    pairs = which[probe][best // scores.shape[1]] * 4 + which[enrolled][best % scores.shape[1]]
    return torch.bincount(pairs, minlength=16).view(4, 4) / top
