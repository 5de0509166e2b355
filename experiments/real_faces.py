"""Real faces as a yardstick, never to train on: LFW-a's development and test pairs, and AT&T; numbers only."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from experiments.tables import write_table
from salon.evaluation.pairs import FARS, MATCHING, batches, distinct, evaluate_pairs, verification
from salon.evaluation.results import labelled, row
from salon.faces.collections import Pairs, read_pairs, write_pairs
from salon.model.embedding import InputSpec
from salon.paths import cache_path, data_path
from salon.training import checkpoints
from salon.words import SalonError

REPORTED = {"lecture model": "lecture", "places": "places", "photo": "photo"}  # configuration -> shipped model


def faces_folder() -> Path:
    """The folder that SALON_REAL_FACES names; raises `SalonError` where it is not set."""
    faces = os.environ.get("SALON_REAL_FACES")
    if not faces:
        raise SalonError("SALON_REAL_FACES is not set; set it to a folder with lfw_a, lfw_protocol and att_faces.")
    return Path(faces)


def development_pairs(faces: Path) -> Pairs:
    """LFW's View 1 to tune on, as two folds: pairsDevTrain and pairsDevTest, each judged by the other's threshold."""
    both = [read_pairs(faces / "lfw_protocol" / f"pairsDev{part}.txt", faces / "lfw_a") for part in ("Train", "Test")]
    fold = np.repeat([0, 1], [len(pairs) for pairs in both])
    first, second = ([file for pairs in both for file in getattr(pairs, kind)] for kind in ("first", "second"))
    return Pairs(first, second, np.concatenate([pairs.same for pairs in both]), fold)


def att_pairs(faces: Path) -> Pairs:
    """Pairs of AT&T's forty people, drawn by a seed, in ten folds."""
    file = cache_path("att_pairs.txt")
    write_pairs(faces / "att_faces", file)
    return read_pairs(file, faces / "att_faces")


def _collections(faces: Path) -> Iterator[tuple[str, str, Pairs]]:
    """Condition, split and pairs of every collection."""
    yield "LFW-a", "test", read_pairs(faces / "lfw_protocol" / "pairs.txt", faces / "lfw_a")
    yield "LFW-a development", "validation", development_pairs(faces)
    yield "AT&T", "test", att_pairs(faces)


def raw_pixel_scores(pairs: Pairs, size: int = 64, progress: bool = False) -> NDArray[np.float64]:
    """The yardstick: cosine [n] of the grey pixels at `size`, each image's mean and deviation removed."""
    files, first, second = distinct(pairs)
    prepare = InputSpec(size=size).prepare
    pixels = torch.cat([prepare(images).flatten(1) for images in batches(files, size, progress)])
    pixels = F.normalize(pixels, dim=1)  # [images, size * size]
    both = zip(first.tolist(), second.tolist(), strict=True)
    return np.array([float(pixels[a] @ pixels[b]) for a, b in both])


def pair_rows(measured: dict, condition: str, matching: str = "cosine") -> list[dict]:
    """The measures of `verification` as rows of a table, those that so few pairs allow."""
    n = measured["genuine_pairs"] + measured["impostor_pairs"]
    found: list[tuple] = [(metric, None, measured[metric]) for metric in ("accuracy", "accuracy_std", "eer")]
    found += [("tar", far, measured[f"tar_at_far_{far:g}"]) for far in FARS]
    return [row(condition, metric, x, n, at, matching) for metric, at, x in found if x is not None]


def reproduce_real_faces() -> Path:
    """The reported models and raw pixels on LFW-a (ten folds; development pairs) and AT&T; numbers only."""
    faces = faces_folder()
    models = {name: checkpoints.load(data_path("models", f"{file}.safetensors"))[0] for name, file in REPORTED.items()}
    rows = []
    for condition, split, pairs in _collections(faces):
        for name, model in models.items():
            for way in MATCHING if model.variances_fitted else ("cosine",):
                found = pair_rows(evaluate_pairs(model, pairs, way)[0], condition, way)
                rows += [one | {"split": split} for one in labelled(found, name, "real_faces")]
        pixels = pair_rows(verification(raw_pixel_scores(pairs), pairs.same, pairs.fold), condition)
        rows += [one | {"split": split} for one in labelled(pixels, "raw pixels", "real_faces")]
    return write_table(
        "real_faces", rows, "salon reproduce real_faces", trained_on="rendered people only",
        development="pairsDevTrain and pairsDevTest, each by the threshold of the other",
    )  # fmt: skip
