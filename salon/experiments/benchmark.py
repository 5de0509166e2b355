"""What a model is worth on rendered people: a clean gallery against degraded probes, and mixed against mixed."""

import numpy as np
import torch
from torch import Tensor

from salon.experiments.data import CONDITIONS, Benchmark
from salon.experiments.protocols import equal_error_rate, tar_at_far
from salon.model.embedding import Embedding
from salon.model.matching import cosine_scores, likelihood_scores
from salon.model.network import Recogniser, embed
from salon.text import SalonError

FAR = 1e-3


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
    """TAR@FAR=1e-3 and EER under each condition and way of matching, as rows with their number of pairs."""
    gallery, labels = benchmark.gallery, benchmark.labels
    enrolled = embed(recogniser, benchmark.straight[gallery])
    rows = []
    for condition in conditions:
        images = benchmark.images(condition, seed)
        probes = embed(recogniser, images[~gallery])
        against = embed(recogniser, images[gallery]) if condition == "mixed" else enrolled
        for matching in matchings:
            scores = scores_of(probes, against, matching)
            genuine, impostor = genuine_and_impostor(scores, labels[~gallery], labels[gallery])
            common = {"condition": condition, "matching": matching, "n": len(impostor)}
            rows.append(common | {"metric": "tar_at_far_0.001", "value": tar_at_far(genuine, impostor, FAR)})
            rows.append(common | {"metric": "eer", "value": equal_error_rate(genuine, impostor)})
    return rows


def tar(rows: list[dict], condition: str, matching: str = "cosine") -> float:
    """TAR@FAR=1e-3 in percent of one condition."""
    (row,) = [
        r
        for r in rows
        if (r["condition"], r["matching"], r["metric"]) == (condition, matching, "tar_at_far_0.001")
    ]
    return 100 * row["value"]


def black_hole(recogniser: Recogniser, benchmark: Benchmark, top: int = 1000, seed: int = 0) -> Tensor:
    """Of the `top` false matches of the mixed set with the highest cosine, the share [4, 4] by the two conditions."""
    which, _ = benchmark.mixture(seed)
    embedding = embed(recogniser, benchmark.images("mixed", seed))
    probe, enrolled = ~benchmark.gallery, benchmark.gallery
    scores = cosine_scores(embedding[probe], embedding[enrolled])
    scores[benchmark.labels[probe][:, None] == benchmark.labels[enrolled]] = -9.0
    best = scores.flatten().topk(top).indices
    pairs = which[probe][best // scores.shape[1]] * 4 + which[enrolled][best % scores.shape[1]]
    return torch.bincount(pairs, minlength=16).view(4, 4) / top
