"""What a model is worth on rendered people: a clean gallery against degraded probes, mixed against mixed, templates."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from salon.experiments.data import CONDITIONS, Benchmark
from salon.experiments.protocols import equal_error_rate, rank_k, tar_at_far
from salon.model.embedding import Embedding
from salon.model.matching import cosine_scores, fuse, likelihood_scores
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
    """TAR@FAR=1e-3, EER and rank-1 under each condition and way of matching, as rows with what they were counted on.

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
            common = {"condition": condition, "matching": matching}
            rows += [common | row for row in measures(scores, labels[~gallery], labels[gallery])]
    return rows


def measures(scores: Tensor, rows: Tensor, columns: Tensor) -> list[dict]:
    """TAR@FAR=1e-3 and EER of all pairs, n impostors, and rank-1 of n probes, from scores [A, B] and both labels.

    For rank-1 the gallery is closed and holds the first picture of each person.
    """
    genuine, impostor = genuine_and_impostor(scores, rows, columns)
    first = np.unique(columns.numpy(), return_index=True)[1]
    rank_1 = rank_k(scores[:, first].numpy(), rows.numpy(), columns[first].numpy(), k=1)
    return [
        {"metric": "tar_at_far_0.001", "value": tar_at_far(genuine, impostor, FAR), "n": len(impostor)},
        {"metric": "eer", "value": equal_error_rate(genuine, impostor), "n": len(impostor)},
        {"metric": "rank_1", "value": rank_1, "n": len(rows)},
    ]


# How several images become one template, beside how two templates are compared.
POLICIES: dict[str, tuple[Callable[[Embedding], Embedding], str]] = {
    "average": (lambda e: Embedding(e.features, torch.ones_like(e.confidences)), "cosine"),
    "confidence": (lambda e: Embedding(e.features, e.confidences), "cosine"),
    "likelihood": (lambda e: e, "likelihood"),  # weighted by 1/σ², compared by (16)
}


def evaluate_templates(recogniser: Recogniser, benchmark: Benchmark, seed: int = 0) -> list[dict]:
    """One template of two clean images against one of four of mixed quality, by each policy; rows as above.

    "likelihood" is left out where no variances are fitted.
    """
    gallery, labels = benchmark.gallery, benchmark.labels
    media, of_whom = benchmark.media(seed)
    enrolled, seen = embed(recogniser, benchmark.straight[gallery]), embed(recogniser, media)
    people, rows = labels.unique(), []
    for policy, (weigh, matching) in POLICIES.items():
        if policy == "likelihood" and seen.variances is None:
            continue
        scores = scores_of(fuse(weigh(seen), of_whom), fuse(weigh(enrolled), labels[gallery]), matching)
        common = {"condition": "templates", "matching": policy}
        rows += [common | row for row in measures(scores, people, people)]
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
