"""What the rendered people are worth: how hard they are, what gives them away, whom a model knows less well."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.model_selection import StratifiedKFold, permutation_test_score
from torch import Tensor

from experiments.bootstrap import bootstrap_interval, permutation_p
from experiments.rows import tar
from experiments.runs import trained
from experiments.tables import write_table
from salon.evaluation.benchmark import evaluate_benchmark, scores_of
from salon.evaluation.intervals import t_interval
from salon.evaluation.people import TEST_PEOPLE, TEST_STRENGTH, Benchmark, test_benchmark
from salon.evaluation.protocols import mate_ranks
from salon.evaluation.results import labelled, row
from salon.faces.people import People, split_people
from salon.faces.render import Views, frontal_views, render, sample_views, truth
from salon.model.network import Recogniser, embed
from salon.paths import data_path
from salon.training import checkpoints
from salon.training.recipes import recipe

SEEDS = (0, 1, 2)
DIFFICULTY = ("clean", "low_resolution", "occlusion", "pose")
PROBED_PEOPLE, PROBED_PICTURES, PERMUTATIONS = 30, 12, 200
MIRRORED_PEOPLE = 64
# What tells a face's left from its right: shape, parting, marks and the skin's unevenness.
EVEN_SIDES = {"asymmetry": 0.0, "skew": 0.0, "nose_turn": 0.0, "parting": 0.0, "moles": -3.0, "freckles": -3.0,
              "roughness": -3.0}  # fmt: skip


def reproduce_generator() -> Path:
    """The faces themselves: how hard they are, whether anything but the face tells a person, left against right."""
    benchmark = test_benchmark()
    rows, lost, probes = [], [], []
    for seed in SEEDS:
        model, _ = trained(recipe("start", seed=seed), "start")
        hard = evaluate_benchmark(model, benchmark, DIFFICULTY)
        lost.append(share_lost(hard))
        probes.append(leakage(*_sampled(seed), seed))
        found = {"clean-trained": hard, "linear probe": _probe_rows(probes[-1]), "mirrored": _side_rows(seed)}
        for name, part in found.items():
            rows += labelled(part, name, "generator", seed)
    return write_table(
        "generator", rows, "salon reproduce generator", share_of_tar_lost=lost, chance=1 / PROBED_PEOPLE,
        share_lost_interval={c: t_interval([seed[c] for seed in lost]) for c in DIFFICULTY[1:]},
        p_of_all_seeds=_pooled(probes), permutations=PERMUTATIONS, strength={c: TEST_STRENGTH[c] for c in DIFFICULTY},
        background_changed_by_person=background_change(), recipe=str(recipe("start")),
    )  # fmt: skip


def share_lost(rows: list[dict]) -> dict[str, float]:
    """Which share of the clean TAR@FAR=1e-3 each other condition takes away."""
    clean = tar(rows, "clean")
    return {name: round(1 - tar(rows, name) / clean, 4) for name in DIFFICULTY[1:]}


# --- nothing but the face tells who it is


def _sampled(seed: int) -> tuple[People, Views, Tensor]:
    """Test people under the views of snapshots (other people for each seed), and their labels [n]."""
    first, labels = seed * PROBED_PEOPLE, torch.arange(PROBED_PEOPLE).repeat_interleave(PROBED_PICTURES)
    people = split_people("test", first + PROBED_PEOPLE)[first + labels]
    return people, sample_views(len(labels), seed=100 + seed, glasses=0.0), labels


def leakage(
    people: People, views: Views, labels: Tensor, seed: int = 0, permutations: int = PERMUTATIONS
) -> dict[str, tuple[float, NDArray, int]]:
    """What a linear probe tells of the person: (accuracy, accuracies under permuted labels, pictures) by what it sees.

    The background and the view's values (light, pose, expression, background's clutter) should tell nothing; the
    whole picture is the control, of which the same probe must tell much.
    """
    pictures, cover = render(people, views), truth(people, views).cover
    background, seen = background_colours(pictures, cover)
    small = torch.nn.functional.avg_pool2d(pictures, 2).flatten(1).numpy()
    control = PCA(min(32, len(labels) // 4), svd_solver="full").fit_transform(small)
    sees = {
        "background": (background.numpy(), labels[seen]),
        "light and view": (view_values(views).numpy(), labels),
        "whole picture": (control, labels),
    }
    return {name: (*probe(x, y.numpy(), permutations, seed), len(y)) for name, (x, y) in sees.items()}


def background_colours(pictures: Tensor, cover: Tensor, least: int = 32) -> tuple[Tensor, Tensor]:
    """Five quantiles of each colour [m, 15] over the pixels that no head covers, and which pictures have `least` [n].

    Not the pixels in their places: where the background shows is the outline of the hair.
    """
    free, levels = (cover == 0).flatten(1), torch.linspace(0.1, 0.9, 5)
    seen = free.sum(1) >= least
    colours = [image[:, where].quantile(levels, 1).flatten()
               for image, where in zip(pictures[seen].flatten(2), free[seen], strict=True)]  # fmt: skip
    return torch.stack(colours), seen


def view_values(views: Views) -> Tensor:
    """Every number of the views [n, V] but the background's seed, whose size means nothing."""
    columns = [column for name, column in vars(views).items() if name != "background"]
    return torch.stack([column for column in columns if column.std() > 0], 1)


def probe(features: NDArray, labels: NDArray, permutations: int, seed: int) -> tuple[float, NDArray]:
    """Cross-validated accuracy of a linear discriminant from features [n, d] to labels [n], and of permuted labels.

    It finds a person's share in one of the view's values sooner than logistic regression does.
    """
    model = LinearDiscriminantAnalysis()
    folds = StratifiedKFold(3, shuffle=True, random_state=seed)
    accuracy, permuted, _ = permutation_test_score(
        model, features, labels, cv=folds, n_permutations=permutations, random_state=seed
    )
    return float(accuracy), permuted


def _probe_rows(found: dict[str, tuple[float, NDArray, int]]) -> list[dict]:
    rows = []
    for name, (accuracy, permuted, n) in found.items():
        for metric, value in (("probe_accuracy", accuracy), ("p", permutation_p(accuracy, permuted))):
            rows.append(row(name, metric, value, n))
    return rows


def _pooled(probes: list[dict[str, tuple[float, NDArray, int]]]) -> dict[str, float]:
    """p of the mean accuracy over seeds against the means of permuted ones, for each of what a probe sees."""
    found = {}
    for name in probes[0]:
        accuracies, permuted, _ = zip(*(seed[name] for seed in probes), strict=True)
        found[name] = permutation_p(float(np.mean(accuracies)), np.mean(permuted, 0))
    return found


def background_change(count: int = 32) -> float:
    """The greatest change of an uncovered pixel, 0..1, when another person stands before the same background."""
    views = sample_views(count, seed=200, glasses=0.0)
    pairs = [split_people("test", 2 * count)[torch.arange(count) + first] for first in (0, count)]
    one, other = (render(people, views) for people in pairs)
    free = torch.stack([truth(people, views).cover == 0 for people in pairs]).all(0)
    return float(((one - other).abs() * free[:, None]).max())


# --- left and right


def sides(seed: int, count: int = MIRRORED_PEOPLE) -> dict[str, Tensor]:
    """How much frontal faces differ from their mirror images [N], as drawn and with the sides made even."""
    people = split_people("test", count * (seed + 1))[count * seed :]
    even = people
    for name, value in EVEN_SIDES.items():
        even = even.with_trait(name, value)
    return {"as drawn": left_right(people), "with even sides": left_right(even)}


def _side_rows(seed: int) -> list[dict]:
    return [
        row(name, "left_right_difference", values.mean().item(), len(values)) for name, values in sides(seed).items()
    ]


def left_right(people: People, size: int = 64) -> Tensor:
    """Mean absolute difference [N] between a frontal, frontally lit face and its mirror image, over the face.

    The face is what lies in the ellipse from the brows to the chin of the template, covered on both sides.
    """
    views = frontal_views(len(people), light_azimuth=0.0)
    pictures, cover = render(people, views, size), truth(people, views, size).cover > 0.99
    line = (torch.arange(size) + 0.5) / size * 2 - 1
    oval = (line / 0.75) ** 2 + ((line[:, None] - 0.25) / 0.7) ** 2 < 1
    face = (cover & cover.flip(-1) & oval).float()
    difference = (pictures - pictures.flip(-1)).abs().mean(1)
    return (difference * face).sum((1, 2)) / face.sum((1, 2))


# --- fairness


def reproduce_fairness() -> Path:
    """Rank-1 of the lecture's model by thirds of skin tone and of age, with intervals over people."""
    model, card = checkpoints.load(data_path("models", "lecture.safetensors"))
    benchmark, people = test_benchmark(), split_people("test", TEST_PEOPLE)
    groups = {f"skin tone: {name}": who for name, who in thirds(people.tone, ("light", "medium", "dark")).items()}
    groups |= {f"age: {name}": who for name, who in thirds(people.years, ("young", "middle", "old")).items()}
    rows = []
    for condition in ("clean", "pose", "mixed"):
        right = hits_by_person(model, benchmark, condition)
        for name, who in groups.items():
            ends = zip(("rank", "rank_low", "rank_high"), bootstrap_interval(right[who]), strict=True)
            found = [row(condition, metric, value, len(who), 1) for metric, value in ends]
            rows += labelled(found, name, "fairness", card["seed"])
    return write_table(
        "fairness", rows, "salon reproduce fairness", model=f"lecture, seed {card['seed']}", n_is="people",
        gallery=f"clean, one picture of each of {TEST_PEOPLE} people", skin_tone_is="0..1, dark",
        interval_is="95 %, bootstrap over people, 1000 resamples", age_is="years",
        borders={"skin tone": _borders(people.tone), "age": _borders(people.years)},
    )  # fmt: skip


def thirds(values: Tensor, names: tuple[str, str, str]) -> dict[str, Tensor]:
    """Who [n] belongs to the lowest, middle and highest third of values [N], by name."""
    return dict(zip(names, values.argsort(stable=True).tensor_split(3), strict=True))


def _borders(values: Tensor) -> list[float]:
    """Least, the two borders between thirds, most."""
    return [round(x, 3) for x in values.quantile(torch.tensor([0, 1 / 3, 2 / 3, 1])).tolist()]


def hits_by_person(model: Recogniser, benchmark: Benchmark, condition: str) -> NDArray[np.float64]:
    """For each person the share [N] of probes under a condition that are found first among all people.

    The gallery holds the first clean picture of each person, as for the benchmark's rank-1.
    """
    first = torch.from_numpy(np.unique(benchmark.labels.numpy(), return_index=True)[1])
    enrolled, probes = embed(model, benchmark.straight[first]), embed(model, benchmark.probes(condition))
    who = benchmark.labels[~benchmark.gallery]
    right = mate_ranks(scores_of(probes, enrolled, "cosine"), who, benchmark.labels[first]) == 1
    return np.bincount(who, right) / np.bincount(who)
