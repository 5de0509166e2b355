"""How three benchmarks of the paper rank a gallery: TinyFace, IJB-S and MegaFace, from scores [P, G] and labels.

What is said of the authors' code is that of the TinyFace and IJB-S scorers that come with AdaFace.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from experiments.open_set import cmc, tpir_at_fpir
from salon.evaluation.benchmark import scores_of
from salon.evaluation.people import Benchmark
from salon.evaluation.protocols import mate_ranks
from salon.evaluation.results import row
from salon.model.embedding import Embedding
from salon.model.matching import fuse
from salon.model.network import Recogniser, embed
from salon.words import SalonError


def tinyface_ranks(
    scores: ArrayLike, probe_ids: ArrayLike, gallery_ids: ArrayLike, ranks: Sequence[int] = (1, 5, 20)
) -> dict[int, float]:
    """TinyFace: at each rank r, the share of probes with an image of their person among the top r of the gallery.

    The gallery holds mates and distractors (labels that no probe has).  Unlike the authors' code, where the order
    of sorting decides ties, an equal score of another person stands before the mate.
    Raises `SalonError` for NaN, uneven input, r < 1 and a probe whose person is not enrolled.

    >>> tinyface_ranks([[.5, .9, .7], [.8, .1, .9]], ["ann", "bo"], ["ann", "bo", "distractor"], ranks=[1, 3])
    {1: 0.0, 3: 1.0}
    """
    curve = cmc(scores, probe_ids, gallery_ids, max(ranks) if min(ranks) > 0 else 0)
    return {r: float(curve[r - 1]) for r in ranks}


def ijbs_closed(
    scores: ArrayLike, probe_ids: ArrayLike, gallery_ids: ArrayLike, ranks: Sequence[int] = (1, 5, 10)
) -> dict[int, float]:
    """IJB-S, closed set: at each rank, the share of mated probes, over both galleries together.

    Probes, one template for each person and video, and gallery templates stand in `scores` [P, G].  Probes whose person
    is in neither gallery are left out.  Ties count against the probe; in the authors' code the order of sorting
    decides them.  Raises `SalonError` for NaN, uneven input, a rank < 1 and where no probe is mated.

    >>> ijbs_closed([[.9, .1], [.8, .7], [.5, .6]], ["ann", "bo", "cy"], ["ann", "bo"], ranks=[1])
    {1: 0.5}
    """
    found = mate_ranks(scores, probe_ids, gallery_ids)
    if not found.any() or min(ranks) < 1:
        raise SalonError(
            f"{np.sum(found > 0)} probes are mated, ranks {list(ranks)}; expected 1 or more. Enrol their people."
        )
    return {r: float((found[found > 0] <= r).mean()) for r in ranks}


def ijbs_open(
    scores: ArrayLike, probe_ids: ArrayLike, gallery_ids: ArrayLike, gallery: ArrayLike, fpir: float = 0.01
) -> tuple[float, list[int]]:
    """IJB-S, open set: TPIR@FPIR against each gallery, averaged, and each gallery's number of non-mated probes.

    `gallery` [G] says which of the galleries an entry is of, by two labels of any kind; against one of them, the
    people of the other are non-mated.  A hit has rank 1 and is accepted as in `tpir_at_fpir`: strictly above the
    (n+1)-th highest, n = int(fpir · non-mated), where the authors' code accepts from the n-th highest on and so,
    with ties, lets more than n pass.  Raises `SalonError` as `tpir_at_fpir`, and unless there are two galleries.

    >>> ijbs_open([[.9, .2], [.8, .7]], ["ann", "bo"], ["ann", "bo"], gallery=["G1", "G2"], fpir=1)
    (1.0, [1, 1])
    """
    table, enrolled, which = np.asarray(scores), np.asarray(gallery_ids), np.asarray(gallery)
    names = np.unique(which)
    if which.shape != enrolled.shape or table.shape[1:] != enrolled.shape or len(names) != 2:
        raise SalonError(
            f"{len(names)} galleries and {which.size} marks came for {enrolled.size} entries and scores "
            f"{list(table.shape)}; expected two galleries and a mark for each entry. Mark which gallery it is of."
        )
    rates, non_mated = zip(
        *(tpir_at_fpir(table[:, which == g], probe_ids, enrolled[which == g], fpir) for g in names), strict=True
    )
    return float(np.mean(rates)), list(non_mated)


def megaface_rank_1(scores: ArrayLike, probe_ids: ArrayLike, gallery_ids: ArrayLike) -> tuple[float, int, int]:
    """MegaFace's rank-1 with distractors: (share of hits, number of trials, number of distractors).

    Each mated pair is a trial: the probe against a gallery of this one enrolled image of its person and all
    distractors (images whose label no probe has); other people's enrolled images are not in it.  A hit scores
    strictly above every distractor (the benchmark's own code, a closed program, was not at hand to compare).
    No image may be both probe and enrolled, for it would find itself.  Raises `SalonError` for NaN, uneven input,
    no distractors and a probe whose person is not enrolled.

    >>> megaface_rank_1([[.9, .3, .5], [.8, .1, .4]], ["ann", "ann"], ["ann", "ann", "distractor"])
    (0.5, 4, 1)
    """
    cmc(scores, probe_ids, gallery_ids, k=1)  # refuses what is no closed set
    table, probes, enrolled = np.asarray(scores, float), np.asarray(probe_ids), np.asarray(gallery_ids)
    distractors = ~np.isin(enrolled, probes)
    if not distractors.any():
        raise SalonError("Every enrolled image is of a probe's person; expected distractors too. Add some.")
    hardest = table[:, distractors].max(1, keepdims=True)
    hits = (table > hardest)[probes[:, None] == enrolled]
    return float(hits.mean()), len(hits), int(distractors.sum())


def evaluate_identification(
    recogniser: Recogniser, benchmark: Benchmark, distractors: Tensor, seed: int = 0
) -> list[dict]:
    """Three benchmarks' rules on rendered people: as TinyFace, IJB-S and MegaFace rank, rows as above.

    "tinyface": low-resolution probes among everybody enrolled and the distractors [n, 3, H, W]; "ijbs": templates of
    four media of mixed quality against one of two clean images, two galleries of half of the people each;
    "megaface": clean probes, each against one image of its person and the distractors.
    """
    gallery, labels, people = benchmark.gallery, benchmark.labels, benchmark.labels.unique()
    strangers = embed(recogniser, distractors)
    enrolled, (media, whose) = embed(recogniser, benchmark.straight[gallery]), benchmark.media(seed)
    seen = {name: embed(recogniser, benchmark.probes(name, seed)) for name in ("low_resolution", "clean")}
    templates = fuse(embed(recogniser, media), whose), fuse(enrolled, labels[gallery])
    everybody = Embedding.cat([enrolled, strangers])
    known = torch.cat([labels[gallery], torch.full((strangers.B,), -1)])  # a distractor is nobody's mate
    probes, halves, rows = labels[~gallery], (people % 2).numpy(), []
    for matching in ("cosine",) if enrolled.variances is None else ("cosine", "likelihood"):
        low = scores_of(seen["low_resolution"], everybody, matching)
        tiny = tinyface_ranks(low, probes, known, (1, 5))
        between = scores_of(*templates, matching)
        closed = ijbs_closed(between, people, people, (1, 5))
        opened, non_mated = ijbs_open(between, people, people, halves)
        mega, trials, _ = megaface_rank_1(scores_of(seen["clean"], everybody, matching), probes, known)
        found = [("megaface", "rank", mega, trials, 1), ("ijbs", "tpir", opened, min(non_mated), 0.01)]
        found += [("tinyface", "rank", share, len(probes), k) for k, share in tiny.items()]
        found += [("ijbs", "rank", share, len(people), k) for k, share in closed.items()]
        rows += [row(*one, matching) for one in found]
    return rows
