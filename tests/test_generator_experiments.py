"""The experiments about the face generator: their statistics are the textbook's, their probes find what is planted."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from scipy import stats
from sklearn.model_selection import permutation_test_score
from sklearn.naive_bayes import GaussianNB

from experiments import bench, gap, generator, real_faces
from experiments.bootstrap import bootstrap_interval, permutation_p
from experiments.people import render_benchmark
from salon.evaluation.benchmark import evaluate_benchmark
from salon.evaluation.intervals import t_interval
from salon.evaluation.pairs import evaluate_pairs
from salon.evaluation.protocols import best_threshold
from salon.faces.people import TRAITS, sample_people
from salon.faces.render import render, sample_views
from salon.model.embedding import InputSpec
from salon.model.network import Recogniser
from salon.paths import data_path
from salon.training import checkpoints
from salon.words import SalonError

# --- how sure a number is


def test_the_interval_over_seeds_is_scipys():
    values = [0.71, 0.74, 0.69]
    mean, low, high = t_interval(values)
    wanted = stats.t.interval(0.95, 2, np.mean(values), stats.sem(values))
    assert (mean, low, high) == pytest.approx((np.mean(values), *wanted), rel=1e-5)


def test_the_bootstrap_is_scipys_and_the_normal_law():
    values = np.random.default_rng(1).integers(0, 3, 150) / 2  # people with two probes each
    mean, low, high = bootstrap_interval(values, resamples=4000)
    theirs = stats.bootstrap((values,), np.mean, n_resamples=4000, method="percentile", rng=2).confidence_interval
    half = 1.96 * values.std() / np.sqrt(len(values))
    # quantiles of 4,000 draws scatter by 4 % of the half-width: three times that, on either side
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=0.12 * half)
    assert (low, high) == pytest.approx((mean - half, mean + half), abs=0.12 * half)
    assert bootstrap_interval(values) == bootstrap_interval(values) != bootstrap_interval(values, seed=1)
    assert bootstrap_interval([0.5] * 9) == (0.5, 0.5, 0.5)


def test_the_permutation_p_is_scikit_learns():
    x, y = np.random.default_rng(0).normal(size=(60, 2)), np.arange(60) % 3
    for features in (x, x + 0.4 * y[:, None]):
        score, permuted, p = permutation_test_score(GaussianNB(), features, y, n_permutations=50, random_state=0)
        assert permutation_p(score, permuted) == pytest.approx(p)
    assert permutation_p(1.0, np.zeros(99)) == 0.01 and permutation_p(0.0, np.zeros(99)) == 1


# --- what gives a person away


def sampled(people=6, pictures=8):
    labels = torch.arange(people).repeat_interleave(pictures)
    return sample_people(people, 1)[labels], sample_views(len(labels), 2, yaw=5, glasses=0.0), labels


def test_a_probe_finds_a_light_that_goes_with_the_person_and_nothing_else():
    people, views, labels = sampled()
    planted = views.but(warmth=labels / 5 - 0.5 + 0.2 * views.warmth)
    clean, leaking = (generator.leakage(people, v, labels, permutations=19) for v in (views, planted))
    p = {name: permutation_p(*clean[name][:2]) for name in clean}
    assert p["whole picture"] == 1 / 20 < min(p["background"], p["light and view"])
    assert permutation_p(*leaking["light and view"][:2]) == 1 / 20
    assert clean["light and view"][0] < 0.4 < 0.6 < leaking["light and view"][0]  # chance is 1/6


def test_the_background_is_the_same_whoever_stands_before_it():
    assert generator.background_change(6) == 0


# --- fairness


@pytest.fixture(scope="module")
def benchmark():
    return render_benchmark("test", 12, progress=False)  # 12 people make the 500 impostors of FAR = 1e-3


def test_the_hits_of_all_people_are_the_benchmarks_rank_1(benchmark):
    torch.manual_seed(0)
    model = Recogniser(InputSpec(size=32), K=1, d=16, width=0.5)
    for condition in ("clean", "mixed"):
        hits = generator.hits_by_person(model, benchmark, condition)
        assert hits.shape == (12,) and 0 <= hits.min() < hits.max() <= 1
    (rank_1,) = [r for r in evaluate_benchmark(model, benchmark, ("clean",)) if r["metric"] == "rank"]
    assert generator.hits_by_person(model, benchmark, "clean").mean() == pytest.approx(rank_1["value"])


def test_the_tables_hold_what_they_promise(benchmark, tmp_path, monkeypatch):
    """The whole of both experiments on twelve people, with nine permutations."""
    model, _ = checkpoints.load(data_path("models", "start.safetensors"))
    monkeypatch.setattr("experiments.tables.data_root", lambda: tmp_path)
    few = {"test_benchmark": lambda: benchmark, "trained": lambda *_: (model, None), "TEST_PEOPLE": 12,
           "leakage": partial(generator.leakage, permutations=9), "PROBED_PEOPLE": 3, "PROBED_PICTURES": 6,
           "MIRRORED_PEOPLE": 3, "SEEDS": (0, 1), "data_path": lambda *_: None}  # fmt: skip
    for name, value in few.items():
        monkeypatch.setattr(generator, name, value)
    monkeypatch.setattr(generator.checkpoints, "load", lambda _: (model, {"seed": 7}))
    table, fair = (pd.read_csv(make()) for make in (generator.reproduce_generator, generator.reproduce_fairness))
    assert all(t.value.between(0, 1).all() and (t.n > 0).all() for t in (table, fair))
    kinds = table.groupby("configuration").apply(lambda t: set(t.condition), include_groups=False)
    assert kinds["clean-trained"] == set(generator.DIFFICULTY)
    assert kinds["linear probe"] == {"background", "light and view", "whole picture"}
    assert len(fair) == 3 * 6 * 3 and set(fair.seed) == {7} and set(fair.n) == {4}
    wide = fair.pivot_table(index=["configuration", "condition"], columns="metric", values="value")
    assert (wide.rank_low <= wide["rank"]).all() and (wide["rank"] <= wide.rank_high).all()


# --- the gap


CHANGES = {
    "full": set(), "camera": set(), "age": {"age"}, "shadow": {"hardness"},
    "texture": {"roughness", "freckles", "moles", "wrinkles"},
    "hair": {"haircut", "beard", "moustache", *gap.HAIR},
}  # fmt: skip


@pytest.mark.parametrize("left_out", gap.LEFT_OUT)
def test_an_ingredient_is_left_out_alone(left_out):
    people, views, _ = sampled()
    changed_people, changed_views = gap.LEFT_OUT[left_out](people, views)
    changed = {n for n in TRAITS if not torch.equal(people.trait(n), changed_people.trait(n))}
    changed |= {name for name, x in vars(views).items() if not torch.equal(x, vars(changed_views)[name])}
    assert changed == CHANGES[left_out]
    assert all(changed_people.trait(n).unique().numel() == 1 for n in changed & set(TRAITS))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SALON_CACHE", str(tmp_path))
    return tmp_path


# --- real faces


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """A folder with the layout of SALON_REAL_FACES, of rendered people: six in LFW-a, in two development lists."""
    root = tmp_path_factory.mktemp("faces")
    images = render(sample_people(6, 1)[torch.arange(6).repeat_interleave(3)], sample_views(18, 2), 32)
    for i, image in enumerate(images):
        path = root / "lfw_a" / f"p{i // 3}" / f"p{i // 3}_{i % 3 + 1:04}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray((image.permute(1, 2, 0) * 255).round().byte().numpy()).save(path)
    (root / "lfw_protocol").mkdir()
    for part, who in (("Train", (0, 1, 2, 3)), ("Test", (4, 5))):
        genuine = [f"p{n}\t{a}\t{b}" for n in who for a, b in ((1, 2), (1, 3), (2, 3))]
        impostor = [f"p{n}\t{a}\tp{n + 1}\t{b}" for n in who[:-1] for a, b in ((1, 1), (2, 3), (3, 2))]
        (root / "lfw_protocol" / f"pairsDev{part}.txt").write_text("\n".join(genuine + impostor))
    return root


def test_each_development_list_is_judged_by_the_others_threshold(faces):
    torch.manual_seed(0)
    model = Recogniser(InputSpec(size=32), K=1, d=16, width=0.5)
    pairs = real_faces.development_pairs(faces)
    found, (_, scores) = gap.pair_measures(model, pairs), evaluate_pairs(model, pairs)
    right = []
    for test in (pairs.fold == 0, pairs.fold == 1):
        threshold = best_threshold(scores[~test], pairs.same[~test])
        right.append(((scores[test] >= threshold) == pairs.same[test]).mean())
    assert found["accuracy"] == pytest.approx(np.mean(right)) and len(pairs) == 12 + 9 + 6 + 3
    genuine, impostor = scores[pairs.same], scores[~pairs.same]
    wins = (genuine[:, None] > impostor).mean() + 0.5 * (genuine[:, None] == impostor).mean()
    assert found["auc"] == pytest.approx(wins)


@pytest.mark.parametrize("experiment", [gap.reproduce_gap, real_faces.reproduce_real_faces])
def test_without_real_faces_a_sentence_says_so(experiment, monkeypatch):
    monkeypatch.delenv("SALON_REAL_FACES", raising=False)
    with pytest.raises(SalonError, match="SALON_REAL_FACES is not set"):
        experiment()


# --- speed


def test_the_bench_says_what_it_promises(monkeypatch):
    monkeypatch.setattr(bench.torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(bench, "extra_memory", lambda *_: (0.0, 0.0))
    found = bench.bench_faces(8, rounds=2)
    for size in (64, 112):
        for name in (f"faces_per_second_{size}", f"faces_per_product_{size}"):
            assert 0 < found[f"{name}_least"] <= found[name] <= found[f"{name}_most"]
    assert "chunk_memory_mb" in found


@pytest.mark.slow
def test_rendering_takes_little_memory():
    assert 0 < bench.extra_memory(bench._drawing, 256, 64)[0] < 500
