"""What the features know: probes of every factor, what lowers the confidence, where false matches come from."""

from collections.abc import Iterator

import numpy as np
from torch import Tensor

from experiments.probes import linear_probe, probe_all, varied_embedding
from salon.evaluation.benchmark import black_hole
from salon.evaluation.people import CONDITIONS, Benchmark
from salon.evaluation.results import row
from salon.faces.people import TRAITS, split_people
from salon.faces.render import frontal_views, render
from salon.faces.variations import DEGRADE, VARIATIONS, degrade, pose_yaw
from salon.model.decorrelation import impostor_cosine, sub_embedding_correlation
from salon.model.matching import fuse
from salon.model.network import Recogniser, embed

STRENGTHS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
PEOPLE_ON_CURVES = 40
NO_FACTOR = ("background",)  # a seed


def separation(model: Recogniser, benchmark: Benchmark, masks: Tensor, seed: int = 0) -> list[dict]:
    """Rows that say what each half of the sub-embeddings knows of each variation, and how alike they are.

    Under (13) the adversary of one variation tells a sub-embedding that another owns too to hide what the other's
    loss (12) tells it to show: "alone" leaves those of several variations out.
    """
    varied, variations, images = varied_embedding(model, benchmark, seed)
    found = []
    probes = probe_all(varied, variations, benchmark.labels, seed)  # [M, K]
    for name, accuracy, mask in zip(VARIATIONS, probes, masks, strict=False):  # masks of mined ones follow
        shared = mask & (masks.sum(0) > 1)
        groups = {"assigned": mask, "unassigned": ~mask, "alone": mask & ~shared, "shared": shared}
        found += [(name, f"probe_{group}", accuracy[m].mean()) for group, m in groups.items() if m.any()]
    clean = embed(model, benchmark.straight)
    people = fuse(clean[benchmark.gallery], benchmark.labels[benchmark.gallery])
    found += [
        ("clean", "impostor_cosine_most", impostor_cosine(clean, benchmark.labels).max()),
        ("varied", "correlation", sub_embedding_correlation(varied, people.features, benchmark.labels)),
    ]
    return [row(condition, metric, round(float(value), 4), len(images)) for condition, metric, value in found]


def factor_probes(model: Recogniser, benchmark: Benchmark) -> list[dict]:
    """How well each factor of the generator is read from the whole embedding and from each sub-embedding alone."""
    embedding, labels = embed(model, benchmark.straight), benchmark.labels
    parts: dict[tuple[str, int | None], Tensor] = {("probe_whole", None): embedding.flat}
    parts |= {("probe_part", k): embedding.features[:, k] for k in range(embedding.K)}
    return [
        row(name, metric, round(linear_probe(features, high, labels), 4), len(labels), k)
        for name, high in factors(benchmark)
        for (metric, k), features in parts.items()
    ]


def factors(benchmark: Benchmark) -> Iterator[tuple[str, Tensor]]:
    """Each number that a straight test picture was drawn from, as above its median (1) or not (0), [n]."""
    scenes = benchmark.scenes
    assert scenes is not None  # the shipped pictures come with their numbers
    traits = {name: scenes.people.numbers[scenes.labels, i] for i, name in enumerate(TRAITS)}
    for name, values in (traits | vars(scenes.straight)).items():
        high = (values > values.median()).long()
        if name not in NO_FACTOR and 0.05 < high.float().mean() < 0.95:
            yield name, high


def strength_curves(model: Recogniser) -> list[dict]:
    """Mean confidence, its share of the clean one, and mean fitted variance of a few people under each variation."""
    people = split_people("test", PEOPLE_ON_CURVES)
    clean = render(people, frontal_views(1))
    rows = []
    for name in DEGRADE:
        for strength in STRENGTHS:
            if name == "pose":  # truly turned
                images = render(people, frontal_views(1, yaw=float(pose_yaw(strength))))
            else:
                images = degrade(clean, name, strength, seed=1)
            seen = embed(model, images)
            assert seen.variances is not None  # they were fitted when the run ended
            means = {"confidence": seen.confidences.mean(), "variance": seen.variances.mean()}
            rows += [row(name, what, float(x), len(images), strength) for what, x in means.items()]
    return rows


def hole_rows(model: Recogniser, benchmark: Benchmark, top: int = 1000) -> list[dict]:
    """Of the highest false matches of the mixed set, the share that joins two conditions: by cosine, and by (16)."""
    rows = []
    for matching in ("cosine", "likelihood"):
        share = black_hole(model, benchmark, top, matching=matching).numpy()
        rows += [
            row(f"{CONDITIONS[i]} × {CONDITIONS[j]}", "false_matches", round(float(share[i, j]), 4), top,
                matching=matching)
            for i, j in np.ndindex(*share.shape)
        ]  # fmt: skip
    return rows
