"""Does what is fitted on rendered people hold for photographs? Score (16) beside the cosine, and the confidence.

Numbers only. The tries rule out one cause after another on LFW's development pairs: on whom the variances are fitted,
through which camera, on how many people; and how large they are on the whole, all multiplied by one number.
"""

import copy
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor

from experiments.people import validation_benchmark
from experiments.real_faces import REPORTED, att_pairs, development_pairs, faces_folder
from experiments.tables import write_table
from salon.evaluation.pairs import batches, distinct, verification
from salon.evaluation.people import Benchmark
from salon.evaluation.protocols import tar_at_far
from salon.evaluation.results import labelled, row
from salon.faces.collections import Pairs, list_people, read_images
from salon.faces.variations import augment, camera, degrade
from salon.model.embedding import Embedding
from salon.model.matching import cosine_pairs, cosine_scores, fit_variances, likelihood_pairs, likelihood_scores
from salon.model.network import Recogniser, embed
from salon.training.data import train_set
from salon.training.shipped import load

SEEDS = (0, 1, 2)
SIZES = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4)  # all variances multiplied by one number
FAR = 0.01  # of so few pairs
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
LEAST, MOST = 4, 12  # pictures of a photographed person whose confidence is followed
# What the variances are fitted on: split, people, whether a camera took the pictures.
FITTED = {
    "training people": ("train", 300, False), "people never trained on": ("validation", 300, False),
    "through a camera": ("validation", 300, True), "more people": ("train", 600, False),
}  # fmt: skip


@cache
def fitted(model: Recogniser, what: str, seed: int) -> Recogniser:
    """The model with variances fitted anew on one of `FITTED`, drawn and fitted by a seed."""
    split, people, taken = FITTED[what]
    data, g = train_set(people, 8, model.spec.size, 30.0 if taken else 20.0, split, False), torch.Generator()
    straight, turned, labels = data.batch(torch.arange(len(data)))
    images, _ = augment(straight, turned, g.manual_seed(seed), probability=0.3)
    again = copy.deepcopy(model)
    fit_variances(again, camera(images, g) if taken else images, labels, seed=seed)
    return again.eval()


def spoilt(images: Tensor, first: int) -> Tensor:
    """A third of the pictures as they are, a third of low resolution, a third occluded; `first` counts the pictures."""
    g, out = torch.Generator().manual_seed(5 + first), images
    which, strength = torch.randint(3, (len(images),), generator=g), 0.3 + 0.6 * torch.rand(len(images), generator=g)
    for i, name in enumerate(("low_resolution", "occlusion"), 1):
        out = torch.where((which == i)[:, None, None, None], degrade(out, name, strength, 50 + i + first), out)
    return out


def trunks(model: Recogniser, pairs: Pairs, spoil: bool) -> Tensor:
    """Backbone features [V, n, C] of every picture of the pairs, in each view."""
    parts, done = [], 0
    with torch.no_grad():
        for images in batches(distinct(pairs)[0], model.spec.size, False):
            shown = spoilt(images, done) if spoil else images
            parts.append(torch.stack([model.trunk(view) for view in model.spec.views(shown)]))
            done += len(images)
    return torch.cat(parts, 1)


def pair_rows(seen: Embedding, pairs: Pairs, condition: str) -> Iterator[dict]:
    """TAR@FAR=1e-2 and accuracy by the cosine and by (16), its variances as they are and of other `SIZES`."""
    _, first, second = distinct(pairs)
    a, b, n = seen[first], seen[second], len(pairs)
    assert seen.variances is not None
    scores: dict[tuple[str, float | None], Tensor] = {("", None): cosine_pairs(a, b)}
    scores |= {("+16", size): likelihood_pairs(resized(a, size), resized(b, size)) for size in SIZES}
    for (way, scale), found in scores.items():
        measured = verification(found.double().numpy(), pairs.same, pairs.fold)
        for metric, value in (("tar", measured[f"tar_at_far_{FAR:g}"]), ("accuracy", measured["accuracy"])):
            yield row(condition, metric, value, n, scale) | {"configuration": way}
    distance, variance = (a.features - b.features).square().sum((1, 2)), (a.fitted + b.fitted).log().mean(1)
    for kind, rows in (("genuine", pairs.same), ("impostor", ~pairs.same)):
        yield row(condition, f"rank_correlation_{kind}", spearmanr(distance[rows], variance[rows])[0], int(rows.sum()))


def resized(seen: Embedding, size: float) -> Embedding:
    """The same with all variances multiplied by one number."""
    return replace(seen, variances=size * seen.fitted)


def rendered_rows(model: Recogniser, test: Benchmark) -> Iterator[dict]:
    """TAR@FAR=1e-2 of rendered people in mixed quality, by the cosine and by (16) of all `SIZES`."""
    a, b = embed(model, test.probes("mixed")), embed(model, test.images("mixed")[test.gallery])
    same = (test.labels[~test.gallery][:, None] == test.labels[test.gallery]).numpy()
    for size in (None, *SIZES):
        found = likelihood_scores(resized(a, size), resized(b, size)) if size else cosine_scores(a, b)
        tar = tar_at_far(found.numpy()[same], found.numpy()[~same], FAR)
        yield row("mixed", "tar", tar, int((~same).sum()), size) | {"configuration": "+16" if size else ""}


def falls(model: Recogniser, people: Iterable[list[Path]], name: str) -> list[dict]:
    """In how many people the mean confidence falls from clean to each strength, and at every step on the way."""
    means = np.array([_mean_confidences(model, read_images(files, model.spec.size), name) for files in people])
    falling = [row(name, "confidence_below_clean", (means[:, i] < means[:, 0]).mean(), len(means), s)
               for i, s in enumerate(STRENGTHS) if s]  # fmt: skip
    return [*falling, row(name, "confidence_falls_throughout", (np.diff(means) < 0).all(1).mean(), len(means))]


def _mean_confidences(model: Recogniser, images: Tensor, name: str) -> list[float]:
    return [float(embed(model, degrade(images, name, s, 3)).confidences.mean()) for s in STRENGTHS]


def reproduce_certainty() -> Path:
    """Score (16) and the confidence on photographs: what carries over from rendered people, and what was ruled out."""
    faces, rows = faces_folder(), []
    collections = {"LFW-a development": development_pairs(faces), "AT&T": att_pairs(faces)}
    followed = [files for files in list_people(faces / "lfw_a").values() if LEAST <= len(files) <= MOST]
    for name, file in REPORTED.items():
        model = load(file)
        for place, pairs in collections.items():
            for title, spoil in ((place, False), (f"{place}, spoilt", True)):
                rows += _tried(model, name, pairs, title, trunks(model, pairs, spoil))
        for what, seed in product(FITTED, SEEDS):
            mixed = rendered_rows(fitted(model, what, seed), validation_benchmark(False))
            rows += labelled(mixed, f"{name}, {what}", "certainty", seed)
        if "confidence" in str(model.card["recipe"]["loss"]):
            found = [one for kind in ("low_resolution", "occlusion") for one in falls(model, followed, kind)]
            rows += labelled(found, name, "certainty")
    return write_table("certainty", rows, "salon reproduce certainty", fitted_on=FITTED, sizes=SIZES)


def _tried(model: Recogniser, name: str, pairs: Pairs, condition: str, trunk: Tensor) -> list[dict]:
    rows = []
    for what, seed in product(FITTED, SEEDS):
        again = fitted(model, what, seed)
        with torch.no_grad():
            seen = Embedding.fuse_views([again.heads(view) for view in trunk])
        rows += labelled(pair_rows(seen, pairs, condition), f"{name}, {what}", "certainty", seed)
    return rows
