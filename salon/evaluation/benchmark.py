"""What a model is worth on rendered people: a clean gallery against degraded probes, mixed against mixed, templates."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from salon.evaluation.people import CONDITIONS, Benchmark
from salon.evaluation.protocols import equal_error_rate, rank_k, tar_at_far
from salon.evaluation.results import FAR, row
from salon.evaluation.views import CONDITIONS as HISTOGRAMS
from salon.evaluation.views import ScoreHistograms
from salon.model.embedding import Embedding
from salon.model.matching import cosine_scores, likelihood_scores
from salon.model.network import Recogniser, embed
from salon.words import SalonError


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


def histograms(ways: Mapping[str, tuple[Recogniser, str]], benchmark: Benchmark) -> ScoreHistograms:
    """Scores of all probes with the gallery, under the same condition, of recognisers each by its way of matching."""
    return ScoreHistograms.of({name: [_pairs(model, benchmark, condition, way) for condition in HISTOGRAMS]
                               for name, (model, way) in ways.items()})  # fmt: skip


def both_ways(recogniser: Recogniser, benchmark: Benchmark) -> ScoreHistograms:
    """`histograms` of one recogniser by "cosine" and by "likelihood"."""
    return histograms({way: (recogniser, way) for way in ("cosine", "likelihood")}, benchmark)


def _pairs(model: Recogniser, benchmark: Benchmark, condition: str, way: str) -> tuple[np.ndarray, np.ndarray]:
    gallery, labels, images = benchmark.gallery, benchmark.labels, benchmark.images(condition)
    scores = scores_of(embed(model, images[~gallery]), embed(model, images[gallery]), way)
    return genuine_and_impostor(scores, labels[~gallery], labels[gallery])


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


def highest_impostors(
    recogniser: Recogniser, benchmark: Benchmark, top: int = 1000, seed: int = 0, matching: str = "cosine"
) -> tuple[Tensor, Tensor]:
    """Of all pairs of the mixed set that show two people the `top` of the highest score: pictures [top, 2], scores."""
    embedding, probe = embed(recogniser, benchmark.images("mixed", seed)), ~benchmark.gallery
    scores = scores_of(embedding[probe], embedding[~probe], matching)
    scores[benchmark.labels[probe][:, None] == benchmark.labels[~probe]] = -torch.inf
    best = scores.flatten().topk(top)
    rows, columns = best.indices // scores.shape[1], best.indices % scores.shape[1]
    return torch.stack([probe.nonzero()[rows, 0], (~probe).nonzero()[columns, 0]], 1), best.values


def black_hole(
    recogniser: Recogniser, benchmark: Benchmark, top: int = 1000, seed: int = 0, matching: str = "cosine"
) -> Tensor:
    """Of `highest_impostors` the share [4, 4] by the conditions of probe and gallery image."""
    pairs, _ = highest_impostors(recogniser, benchmark, top, seed, matching)
    kinds = benchmark.mixture(seed)[0][pairs]
    return torch.bincount(kinds[:, 0] * 4 + kinds[:, 1], minlength=16).view(4, 4) / top
