"""What the widgets show, computed and stored."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA
from torch import Tensor

import salon
from authoring.test_people import SHEET_COLUMNS
from experiments.bench import LIVE_IMAGES, LIVE_PEOPLE, live_pair
from experiments.glyphs import glyph_sheet
from experiments.probes import linear_probe, varied_embedding
from salon.evaluation.benchmark import genuine_and_impostor, scores_of
from salon.evaluation.people import TEST_IMAGES, Benchmark, test_benchmark
from salon.evaluation.results import read_provenance
from salon.faces.pixels import sprite, to_webp
from salon.faces.variations import VARIATIONS
from salon.figures.threshold import CONDITIONS, ScoreHistograms
from salon.figures.umap import FeatureViews
from salon.model.embedding import Embedding
from salon.model.network import Recogniser, embed
from salon.paths import data_path, data_root, write_whole
from salon.training import checkpoints
from salon.training.data import train_set
from salon.training.loop import train

SHOWN_PEOPLE = 120  # of the map: 480 points
THUMB = 40  # pixels of a thumbnail


def write_characters() -> Path:
    """Three printed characters under each of the conditions, as the notebooks show them; without loss."""
    path = data_root() / "views" / "characters.webp"
    write_whole(path, to_webp(glyph_sheet(3), SHEET_COLUMNS, lossless=True))
    return path


def write_threshold() -> Path:
    """Count the scores of the live pair of notebook 3, and of its fixed scale at 64, trained now; store the counts."""
    fixed, learned = live_pair(read_provenance("ablation"))
    data, benchmark = train_set(LIVE_PEOPLE, LIVE_IMAGES, fixed.size, progress=False), test_benchmark()
    models = {name: train(made, data=data, progress=False).recogniser
              for name, made in (("large", replace(fixed, scale=64.0)), ("small", fixed), ("C", learned))}  # fmt: skip
    ways = [(name, model, "cosine") for name, model in models.items()] + [("C16", models["C"], "likelihood")]
    scores = {name: [pair_scores(model, benchmark, condition, way) for condition in CONDITIONS]
              for name, model, way in ways}  # fmt: skip
    path = data_root() / "views" / "threshold.json"
    ScoreHistograms.of(scores).save(path)
    return path


def pair_scores(
    model: Recogniser, benchmark: Benchmark, condition: str, matching: str
) -> tuple[np.ndarray, np.ndarray]:
    """Genuine and impostor scores of all probes with the gallery, as `evaluate_benchmark` compares them."""
    gallery, labels = benchmark.gallery, benchmark.labels
    images = benchmark.images(condition)
    scores = scores_of(embed(model, images[~gallery]), embed(model, images[gallery]), matching)
    return genuine_and_impostor(scores, labels[~gallery], labels[gallery])


def write_feature_views() -> Path:
    """Embed some test people under random variations, lay them out by UMAP, probe each sub-embedding; store it."""
    model, benchmark = salon.load("lecture"), test_benchmark()
    embedding, variations, images = varied_embedding(model, benchmark)
    masks = checkpoints.load_training(data_path("models", "lecture.safetensors"))["masks"]
    rows = torch.arange(SHOWN_PEOPLE * TEST_IMAGES)
    views = feature_views(embedding[rows], variations[rows], benchmark.labels[rows], images[rows], masks)
    path = data_root() / "views" / "features.npz"
    views.save(path)
    return path


def to_plane(features: np.ndarray, seed: int = 0) -> tuple[np.ndarray, str]:
    """Features [n, D] as points [n, 2] in 0..1, and the method: UMAP, or PCA where umap-learn is missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImportWarning)  # umap misses Tensorflow; we do not
            from umap import UMAP
        # A fixed seed means one thread; the cosine is how the paper compares features.
        method, maps = "UMAP", UMAP(metric="cosine", min_dist=0.2, random_state=seed, n_jobs=1)
    except ImportError:
        method, maps = "PCA", PCA(2, svd_solver="full")
    plane = maps.fit_transform(features)
    low, high = plane.min(0), plane.max(0)
    return (plane - low) / (high - low), method


def feature_views(
    embedding: Embedding,
    variations: Tensor,
    identities: Tensor,
    images: Tensor,
    assigned: Tensor | None = None,
    names: Sequence[str] = VARIATIONS,
) -> FeatureViews:
    """Compute all views: a map and M probes for the whole embedding and for each sub-embedding.

    `variations` [n, M] is 1 where an image was degraded so, `identities` [n], `images` [n, 3, H, W] 0..1,
    `assigned` [M, K] the masks of the decorrelation losses. Half a second a view for n = 400, once
    umap-learn has compiled itself (up to half a minute).
    """
    embedding, labels = embedding.detach(), variations.long()
    parts = [embedding.flat, *embedding.features.unbind(1)]
    planes, methods = zip(*(to_plane(part.numpy()) for part in parts), strict=True)
    probes = [[linear_probe(part, row, identities, seed=0) for part in parts] for row in labels.T]
    small = F.interpolate(images, (THUMB, THUMB), mode="bilinear", antialias=True)
    return FeatureViews(
        method=methods[0],
        coordinates=np.stack(planes).astype(np.float32),
        variations=labels.numpy().astype(np.uint8),
        identities=identities.numpy(),
        probes=np.array(probes, np.float32),
        assigned=np.zeros((0, 0), np.uint8) if assigned is None else assigned.numpy().astype(np.uint8),
        names=np.array(names),
        sprite=sprite(small),
        thumb=THUMB,
    )
