"""The same experiments on photographs, for who has some: a folder for each person. Only numbers leave the machine."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from experiments.measures import remembering
from experiments.real_faces import att_pairs, faces_folder, pair_rows, raw_pixel_scores
from experiments.rows import Setting, Settings, clean_and_mixed, tuned
from experiments.runs import trained
from experiments.tables import write_table
from salon.evaluation.benchmark import evaluate_benchmark
from salon.evaluation.pairs import MATCHING, distinct, verification
from salon.evaluation.people import CONDITIONS, TEST_IMAGES, Benchmark
from salon.evaluation.results import labelled
from salon.faces.collections import Pairs, read_pairs
from salon.faces.pixels import digest, from_bytes
from salon.model.network import Recogniser, embed
from salon.training import checkpoints
from salon.training.data import RENDERED, TrainSet
from salon.training.folders import LEAST, MOST, drawn_files, folder_set, for_people, read_grey, split_names, turn_grey
from salon.training.recipes import Recipe, recipe
from salon.training.run import recipe_fingerprint

TEST_TURNED = (30.0, 65.0)  # degrees, as rendered people are tested


def folder_benchmark(
    folder: str | Path, people: Sequence[str] | None = None, size: int = RENDERED, seed: int = 0
) -> Benchmark:
    """Photographs to test on: four of each of `people` (None: all who have four), `size` pixels square.

    Grey, for LFW-a is; turned away by 30 to 65 degrees by the same warp as in training.  Raises `SalonError` as
    `folder_set` does.
    """
    if people is None:
        (people,) = split_names(folder, least=TEST_IMAGES, seed=seed)
    files = drawn_files(folder, people, TEST_IMAGES, TEST_IMAGES, seed)
    straight = read_grey([file for each in files for file in each], size)
    turned = turn_grey(straight, seed, *TEST_TURNED)
    pictures = [from_bytes(x)[:, None].repeat(1, 3, 1, 1) for x in (straight, turned)]
    return Benchmark(pictures[0], pictures[1], torch.arange(len(people)).repeat_interleave(TEST_IMAGES))


# --- LFW: the rows of the ablation, trained on some of its people and tested on others

SEEDS, TUNED_ON = (0, 1, 2), (0,)
VALIDATION, TEST = 50, 100  # people
COMMON: Setting = {"images": MOST}  # what every row has
STEPS = {"A": 450, "B": 300, "C": 300, "E": 300}  # 45 s at most on one thread; B, C and E go on from A
# What each row may be, as many tries each; B and C start from A, E builds on C.
TRIES: Mapping[str, list[Setting]] = {
    "A": [{"scale": 12.0}, {"scale": 20.0}, {"scale": 32.0}],
    "B": [{"scale": 8.0}, {"scale": 14.0}, {"scale": 24.0}],
    "C": [{"margin": 5.0, "s0": 12.0}, {"margin": 8.0, "s0": 20.0}, {"margin": 11.0, "s0": 28.0}],
    "E": [{"decorrelate": 0.1}, {"decorrelate": 0.5}, {"decorrelate": 2.0}],
}


@dataclass(frozen=True)
class Photographs:
    """A collection cut in three: people to train on, to tune on, to test on."""

    train: TrainSet
    validation: Benchmark
    test: Benchmark
    seen: frozenset[str]  # the names of those who were trained or tuned on


def cut_in_three(folder: Path, size: int) -> Photographs:
    """Disjoint people of a folder by seed 0: `VALIDATION`, `TEST`, and the others to train on."""
    validation, test, others = split_names(folder, VALIDATION, TEST)
    tuned, tested = (remembering(folder_benchmark(folder, names)) for names in (validation, test))
    return Photographs(folder_set(folder, size, others), tuned, tested, frozenset((*validation, *others)))


def unseen_pairs(pairs: Pairs, seen: Iterable[str]) -> Pairs:
    """The pairs without anybody in `seen`, as many genuine as impostor ones in each fold, the first in the list.

    Without that balance to say the same of every pair would be right for more than half of them.
    """
    free, kept = _unseen(pairs, seen), np.zeros(len(pairs), bool)
    for fold in np.unique(pairs.fold):
        kinds = [np.flatnonzero(free & (pairs.fold == fold) & (pairs.same == same)) for same in (True, False)]
        kept[np.concatenate([rows[: min(map(len, kinds))] for rows in kinds])] = True
    first, second = ([files[i] for i in np.flatnonzero(kept)] for files in (pairs.first, pairs.second))
    return Pairs(first, second, pairs.same[kept], pairs.fold[kept])


def _unseen(pairs: Pairs, seen: Iterable[str]) -> NDArray[np.bool_]:
    """Which pairs show nobody in `seen` [n]."""
    names = frozenset(seen)
    both = zip(pairs.first, pairs.second, strict=True)
    return np.array([names.isdisjoint((a.parent.name, b.parent.name)) for a, b in both])


def row_recipe(row: str, seed: int, chosen: Settings, start: str) -> Recipe:
    """The recipe of a row; `start` is the checkpoint of A, of the same seed, that the other rows go on from."""
    given = {**COMMON, "seed": seed, "steps": STEPS[row]}
    if row == "A":
        return recipe("start", **given | chosen["A"])
    given["start"] = start
    if row == "B":
        return recipe("cosface", **given | chosen["B"])
    if row == "C":
        return recipe("confidence", **given | chosen["C"])
    d = recipe("start", **COMMON).d
    return recipe("confidence", **given | {"K": 8, "d": d // 8} | chosen["C"] | chosen["E"])


def _model(data: TrainSet, row: str, seed: int, chosen: Settings, variances: bool = False) -> tuple[Recogniser, Path]:
    """The model of a row and its file, trained once."""
    start = "" if row == "A" else str(_model(data, "A", seed, chosen, True)[1])
    made = for_people(row_recipe(row, seed, chosen, start), data)
    label = f"lfw-{row}-{digest(data.straight)[:6]}-{recipe_fingerprint(made)[:8]}"
    return trained(made, label, data, variances, progress=False)


def _validated(photographs: Photographs, run: tuple[str, int, Settings]) -> float:
    """Clean plus mixed TAR of a row on validation people, in percent."""
    return clean_and_mixed(_model(photographs.train, *run)[0], photographs.validation)


def reproduce_lfw() -> Path:
    """Rows A, B, C and E trained on people of LFW, tested on others, on LFW's ten folds and on AT&T; numbers only.

    Needs SALON_REAL_FACES; each row is tuned by as many tries on validation people, and tested once.
    """
    faces, size = faces_folder(), recipe("start", **COMMON).size
    photographs = cut_in_three(faces / "lfw_a", size)
    folds = read_pairs(faces / "lfw_protocol" / "pairs.txt", faces / "lfw_a")
    listed = {"LFW-a unseen": unseen_pairs(folds, photographs.seen), "AT&T": att_pairs(faces)}
    pictured = {name: (pairs, read_grey(distinct(pairs)[0], size)) for name, pairs in listed.items()}
    chosen, sums = tuned(TRIES, TRIES, TUNED_ON, partial(_validated, photographs))
    pixels = [row for name, pairs in listed.items() for row in _paired(raw_pixel_scores(pairs), pairs, name)]
    rows, seconds = labelled(pixels, "raw pixels", "lfw"), {}
    for row, seed in product(TRIES, SEEDS):
        model, path = _model(photographs.train, row, seed, chosen, variances=True)
        seconds[f"{row}, seed {seed}"] = checkpoints.read_card(path)["seconds"]
        rows += labelled(_measured(model, photographs.test, pictured), row, "lfw", seed)
    people = {"train": len(photographs.seen) - VALIDATION, "validation": VALIDATION, "test": TEST}
    return write_table(
        "lfw", rows, "salon reproduce lfw", people=people, training_pictures=len(photographs.train),
        trained_on=f"LFW-a, people with {LEAST} pictures or more, {MOST} of each at most; grey, {size} px",
        pairs_left={"listed": len(folds), "unseen": _unseen(folds, photographs.seen).sum().item(),
                    "unseen, as many of each kind in a fold": len(listed["LFW-a unseen"])},
        steps=STEPS, chosen=chosen, tries_sums=sums, tuned_on_seeds=TUNED_ON,
        chosen_by="clean + mixed TAR@FAR=1e-3 in percent, validation people, mean over tuned_on_seeds",
        rows_are="A: CosFace, no augmentation; B: goes on with augmentation; C: confidence; E: C, K = 8, decorrelated",
        seconds_of_steps=seconds,
    )  # fmt: skip


def _measured(model: Recogniser, test: Benchmark, pictured: Mapping[str, tuple[Pairs, Tensor]]) -> list[dict]:
    """Rows of one model: the test people under each condition, and the pairs of each collection."""
    rows = evaluate_benchmark(model, test, CONDITIONS, tuple(MATCHING))
    for condition, (pairs, grey) in pictured.items():
        embedding = embed(model, from_bytes(grey)[:, None])
        first, second = (embedding[rows_of] for rows_of in distinct(pairs)[1:])
        for matching, score in MATCHING.items():
            rows += _paired(score(first, second).double().numpy(), pairs, condition, matching)
    return rows


def _paired(scores: NDArray, pairs: Pairs, condition: str, matching: str = "cosine") -> list[dict]:
    """Accuracy, EER and TAR@FAR=1e-2 of scored pairs: they are too few for more."""
    found = pair_rows(verification(scores, pairs.same, pairs.fold), condition, matching)
    return [row for row in found if row["metric"] in ("accuracy", "eer") or row["at"] == 0.01]
