"""What the widgets show, computed and stored."""

import json
import warnings
from collections.abc import Sequence
from dataclasses import asdict, replace
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
from experiments.probes import linear_probe
from salon.evaluation.benchmark import both_ways, highest_impostors, histograms
from salon.evaluation.people import Benchmark, known, test_benchmark
from salon.evaluation.results import read_provenance
from salon.evaluation.views import STEPS, FeatureViews
from salon.faces.pixels import sprite, to_webp
from salon.faces.variations import MOST_YAW, VARIATIONS, degrade
from salon.figures.black_hole import FalseMatches
from salon.model.embedding import Embedding
from salon.model.network import embed
from salon.paths import data_path, data_root, write_whole
from salon.training import checkpoints
from salon.training.data import train_set
from salon.training.loop import train

SHOWN, LEAST = 400, 0.5  # pictures of the map, each in four states: 1,600 points; the least strength
THUMB = 40  # pixels of a thumbnail
NEIGHBOURS = 200  # of a point, by which UMAP lays it out


def write_characters() -> Path:
    """Three printed characters under each of the conditions, as the notebooks show them; without loss."""
    path = data_root() / "views" / "characters.webp"
    write_whole(path, to_webp(glyph_sheet(3), SHEET_COLUMNS, lossless=True))
    return path


def write_threshold() -> Path:
    """Count the scores of the live pair of notebook 3, and of its fixed scale at 64, trained now; store the counts.

    Beside them their highest impostor scores, and the counts of the lecture's model by both ways of matching.
    """
    fixed, learned = live_pair(read_provenance("ablation"))
    data, benchmark = train_set(LIVE_PEOPLE, LIVE_IMAGES, fixed.size, progress=False), test_benchmark()
    models = {name: train(made, data=data, progress=False).recogniser
              for name, made in (("large", replace(fixed, scale=64.0)), ("small", fixed), ("C", learned))}  # fmt: skip
    ways = {name: (model, "cosine") for name, model in models.items()} | {"C16": (models["C"], "likelihood")}
    found = {name: highest_impostors(model, benchmark, matching=way) for name, (model, way) in ways.items()}
    pairs, scores = zip(*((p.tolist(), [round(x, 4) for x in s.tolist()]) for p, s in found.values()), strict=True)
    matches, folder = FalseMatches([*ways], list(pairs), list(scores)), data_root() / "views"
    write_whole(folder / "false_matches.json", json.dumps(asdict(matches), separators=(",", ":")) + "\n")
    histograms(ways, benchmark).save(folder / "threshold.json")
    both_ways(salon.load("lecture"), benchmark).save(folder / "pairs.json")
    return folder / "threshold.json"


def write_feature_views() -> Path:
    """Embed people never trained on, each picture under one variation alone; store their maps and probes."""
    images, kinds, strengths, people = one_variation_each(test_benchmark())
    masks = checkpoints.load_training(data_path("models", "lecture.safetensors"))["masks"]
    embedding = embed(salon.load("lecture"), images)
    views = feature_views(embedding, kinds, strengths, people, images, masks)
    path = data_root() / "views" / "features.npz"
    views.save(path)
    return path


def one_variation_each(benchmark: Benchmark, count: int = SHOWN) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`count` pictures four times: plain, then under each variation alone, at strengths of .5 to 1.

    Pictures [n, 3, H, W], kinds [n] (0 plain, m the m-th variation), strengths [n], people [n], where n = 4 `count`.
    A picture's four states follow each other. Turned pictures are rendered ones, as far as the test people turn.
    """
    turn = known(benchmark.scenes).turned.yaw.abs() / MOST_YAW
    rows = (turn >= LEAST).nonzero()[:, 0]
    rows = rows[torch.linspace(0, len(rows) - 1, count).long()]
    straight, drawn = benchmark.straight[rows], torch.rand(2, count, generator=torch.Generator().manual_seed(3))
    low, covered = LEAST + (1 - LEAST) * drawn
    states = [
        straight,
        degrade(straight, "low_resolution", low, seed=1),
        degrade(straight, "occlusion", covered, seed=2),
    ]
    images = torch.stack([*states, benchmark.turned[rows]], 1).flatten(0, 1)
    strengths = torch.stack([torch.zeros(count), low, covered, turn[rows]], 1).flatten()
    kinds = torch.arange(len(VARIATIONS) + 1).repeat(count)
    return images, kinds, strengths, benchmark.labels[rows].repeat_interleave(len(VARIATIONS) + 1)


def to_plane(features: np.ndarray, seed: int = 0) -> tuple[np.ndarray, str]:
    """Features [n, D] as points [n, 2] in 0..1, and the method: UMAP, or PCA where umap-learn is missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ImportWarning)  # umap misses Tensorflow; we do not
            from umap import UMAP
        # A fixed seed means one thread; the cosine is how the paper compares features. With UMAP's 15 neighbours each
        # point hangs on the same person's other pictures, and who it is lays out the map, not what befell it.
        near = min(NEIGHBOURS, len(features) - 1)
        method, maps = "UMAP", UMAP(n_neighbors=near, metric="cosine", min_dist=0.2, random_state=seed, n_jobs=1)
    except ImportError:
        method, maps = "PCA", PCA(2, svd_solver="full")
    plane = maps.fit_transform(features)
    low, high = plane.min(0), plane.max(0)
    return (plane - low) / (high - low), method


def feature_views(
    embedding: Embedding,
    kinds: Tensor,
    strengths: Tensor,
    people: Tensor,
    images: Tensor,
    assigned: Tensor,
    names: Sequence[str] = VARIATIONS,
) -> FeatureViews:
    """Lay out owners and others for each of the M variations, then each of the K parts; probe each part.

    `kinds` [n] is 0 for a plain picture, m under the m-th variation alone; `strengths` [n] 0..1, `people` [n],
    `images` [n, 3, H, W] 0..1, `assigned` [M, K] the masks of the decorrelation losses. A few seconds a map, once
    umap-learn has compiled itself (up to half a minute).
    """
    features, owned = embedding.features.detach(), assigned.bool()
    planes, methods = zip(*(_of_some(features, *chosen) for chosen in _maps(kinds, owned)), strict=True)
    small = F.interpolate(images, (THUMB, THUMB), mode="bilinear", antialias=True)
    return FeatureViews(
        method=methods[0],
        coordinates=np.stack(planes),
        kinds=kinds.numpy().astype(np.uint8),
        strengths=(100 * strengths).round().numpy().astype(np.uint8),
        people=people.numpy().astype(np.uint16),
        probes=np.array(_probes(features, kinds, people, len(owned)), np.float32),
        assigned=owned.numpy().astype(np.uint8),
        names=np.array(names),
        sprite=sprite(small),
        thumb=THUMB,
    )


def _maps(kinds: Tensor, owned: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The pictures [n] and the parts [K] of each map, as masks: plain beside one variation; all in each part."""
    pairs = [((kinds == 0) | (kinds == m), parts) for m, own in enumerate(owned, 1) for parts in (own, ~own)]
    return pairs + [(kinds >= 0, part) for part in torch.eye(owned.shape[1]).bool()]


def _of_some(features: Tensor, pictures: Tensor, parts: Tensor) -> tuple[np.ndarray, str]:
    """The chosen parts, side by side, of the chosen pictures in the plane, as 16 bits [n, 2]; the others stay at 0."""
    plane, method = to_plane(features[pictures][:, parts].flatten(1).numpy())
    points = np.zeros((len(features), 2), np.uint16)
    points[pictures.numpy()] = (plane * STEPS).round()
    return points, method


def _probes(features: Tensor, kinds: Tensor, people: Tensor, M: int) -> list[list[float]]:
    """For each variation: balanced accuracy against plain from the whole embedding, then from each part."""
    rows = []
    for m in range(1, M + 1):
        some = (kinds == 0) | (kinds == m)
        seen = [features.flatten(1), *features.unbind(1)]
        rows.append([linear_probe(x[some], (kinds[some] == m).long(), people[some], seed=0) for x in seen])
    return rows
