"""Verification on real faces: each image read and embedded once, each pair scored, the field's measures."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm.auto import tqdm

from salon.evaluation.protocols import equal_error_rate, tar_at_far, ten_fold_accuracy
from salon.faces.collections import Pairs, read_images
from salon.faces.insightface import read_insightface
from salon.model.embedding import Embedding
from salon.model.matching import cosine_pairs, likelihood_pairs
from salon.model.network import Recogniser, embed
from salon.paths import write_whole
from salon.words import SalonError

MATCHING = {"cosine": cosine_pairs, "likelihood": likelihood_pairs}
FARS = (0.01, 0.001)
FOLDS = 10
BATCH = 256


def evaluate_pairs(
    recogniser: Recogniser, pairs: Pairs, matching: str = "cosine", progress: bool = False
) -> tuple[dict, NDArray[np.float64]]:
    """(measures, scores [n]) of a recogniser on pairs of image files.

    `matching` is "cosine" or "likelihood" (16).  Measures are those of `verification`; images are cut to
    their centred square.  Raises `SalonError` for an image that cannot be read, another matching, or
    likelihood without fitted variances.
    """
    files, first, second = distinct(pairs)
    parts = batches(files, recogniser.spec.size, progress)
    embedding = Embedding.cat([embed(recogniser, images) for images in parts])
    scores = _matched(embedding[first], embedding[second], matching)
    measures = verification(scores, pairs.same, pairs.fold)
    return {**measures, "matching": matching, "images": len(files)}, scores


def evaluate_insightface(
    recogniser: Recogniser, file: str | Path, matching: str = "cosine"
) -> tuple[dict, NDArray[np.float64]]:
    """(measures, scores [n]) as `evaluate_pairs`, on a verification set of InsightFace (`.bin`), in ten folds of order.

    Raises `SalonError` as `read_insightface` does, and for another matching.
    """
    images, same = read_insightface(file)
    embedding = embed(recogniser, images)
    scores = _matched(embedding[::2], embedding[1::2], matching)
    measures = verification(scores, same.numpy(), np.zeros(len(same)))
    return {**measures, "matching": matching, "images": len(images)}, scores


def _matched(first: Embedding, second: Embedding, matching: str) -> NDArray[np.float64]:
    if matching not in MATCHING:
        raise SalonError(f"The matching {matching!r} is not known; expected one of {', '.join(MATCHING)}.")
    return MATCHING[matching](first, second).double().numpy()


def verification(scores: NDArray, same: NDArray, fold: NDArray) -> dict:
    """LFW's accuracy and the ROC's usual points, as a flat dict of numbers that JSON can say.

    Pairs that all stand in one fold are cut into ten: each kind, in the order of the list, into tenths.
    A TAR whose FAR so few impostors cannot resolve is None, and "note" says so.
    """
    if same.all() or not same.any():
        came = f"{same.sum()} genuine and {(~same).sum()} impostor pairs"
        raise SalonError(f"{came} came; expected some of both kinds. `salon pairs` makes such a list.")
    if len(np.unique(fold)) == 1:
        fold = _tenths(same)
    mean, deviation = ten_fold_accuracy(scores, same, fold)
    genuine, impostor = scores[same], scores[~same]
    measures: dict = {"accuracy": mean, "accuracy_std": deviation, "eer": equal_error_rate(genuine, impostor)}
    for far in FARS:
        resolved = round(far * len(impostor)) >= 1
        measures[f"tar_at_far_{far:g}"] = tar_at_far(genuine, impostor, far) if resolved else None
        if not resolved:
            measures["note"] = f"{len(impostor)} impostor pairs are too few for FAR = {far:g}"
    counts = {"genuine_pairs": len(genuine), "impostor_pairs": len(impostor), "folds": len(np.unique(fold))}
    return measures | counts


def write_scores(path: str | Path, pairs: Pairs, scores: NDArray) -> None:
    """Write a CSV, atomically, with one row per pair: first, second, fold, score, label (1: one person)."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("first", "second", "fold", "score", "label"))
    names = (["/".join(file.parts[-2:]) for file in files] for files in (pairs.first, pairs.second))
    columns = (*names, pairs.fold, (f"{score:.9g}" for score in scores), pairs.same.astype(int))
    table.writerows(zip(*columns, strict=True))
    write_whole(path, text.getvalue())


def _tenths(same: NDArray) -> NDArray:
    """Fold numbers [n] 0..9 that cut the genuine and the impostor pairs each into ten runs."""
    fold = np.zeros(len(same), int)
    for kind in (same, ~same):
        fold[kind] = np.arange(kind.sum()) * FOLDS // max(kind.sum(), 1)
    return fold


def distinct(pairs: Pairs) -> tuple[list[Path], Tensor, Tensor]:
    """The different files of all pairs, and the rows [n] of the first and the second of each pair in them."""
    row = {file: i for i, file in enumerate(dict.fromkeys([*pairs.first, *pairs.second]))}
    first, second = (torch.tensor([row[file] for file in files]) for files in (pairs.first, pairs.second))
    return list(row), first, second


def batches(files: list[Path], size: int, progress: bool) -> Iterator[Tensor]:
    """Images [B, 3, size, size], a part at a time: all of LFW at once would not fit into a small memory."""
    with tqdm(total=len(files), desc="faces", unit=" images", disable=not progress) as bar:
        for i in range(0, len(files), BATCH):
            yield read_images(files[i : i + BATCH], size)
            bar.update(len(files[i : i + BATCH]))
