"""Stored tables and Student's intervals, held to small sums done by hand; views that come back from their files."""

import statistics

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import t as student

from salon.evaluation import results
from salon.evaluation.intervals import t_interval
from salon.evaluation.results import (
    by_seed,
    difference,
    differences,
    labelled,
    mean_interval,
    read_provenance,
    read_table,
    row,
    stored_differences,
    summary,
)
from salon.evaluation.views import FeatureViews
from salon.words import SalonError


@pytest.fixture
def table() -> pd.DataFrame:
    """TAR of A and B at two FARs and rank-1 over three seeds, of which B lacks the last; A's validation beside it."""
    tar = {"A": (0.5, 0.6, 0.7), "B": (0.4, 0.52)}
    rows = []
    for name, values in tar.items():
        for seed, value in enumerate(values):
            tars = [("clean", value, results.FAR), ("clean", value / 2, 1e-4), ("pose", value / 10, results.FAR)]
            measured = [row(condition, "tar", x, 100, far) for condition, x, far in tars]
            rows += labelled([*measured, row("clean", "eer", 1 - value, 100)], name, "main", seed)
    validation = [x | {"split": "validation"} for x in labelled([row("clean", "tar", 0.9, 9, results.FAR)], "V")]
    return pd.DataFrame(rows + validation)


def by_hand(values: list[float], level: float = 0.95) -> tuple[float, float, float]:
    mean, n = statistics.mean(values), len(values)
    half = student.ppf((1 + level) / 2, n - 1) * statistics.stdev(values) / n**0.5
    return mean, mean - half, mean + half


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0, 4.0], [0.2, -0.7]])
def test_interval_is_student_s(values):
    assert t_interval(values) == pytest.approx(by_hand(values), rel=1e-9)
    assert t_interval(values, 0.5) == pytest.approx(by_hand(values, 0.5), rel=1e-9)


@pytest.mark.parametrize("values", [[1.0], [], [1.0, float("nan")], [1.0, float("inf")], [[1.0, 2.0]]])
def test_too_few_values_and_nan_get_a_sentence(values):
    with pytest.raises(SalonError, match="expected a list of at least 2 numbers"):
        t_interval(values)


def test_a_row_says_what_was_measured_and_how():
    plain = row("clean", "tar", torch.tensor(0.25), 7, 0.1)
    assert plain == {"configuration": "", "condition": "clean", "metric": "tar", "at": 0.1, "value": 0.25, "n": 7}
    named = labelled([plain, row("clean", "eer", 1, 2, matching="likelihood") | {"split": "train"}], "C", "main", 3)
    assert [(x["configuration"], x["split"], x["at"]) for x in named] == [("C", "test", 0.1), ("C+16", "train", None)]
    assert all((x["experiment"], x["seed"]) == ("main", 3) for x in named)
    assert [labelled([plain], "C")[0][key] for key in ("experiment", "seed")] == ["", 0]


def test_values_are_found_by_seed_in_percent(table):
    assert by_seed(table, "A", "clean").to_dict() == pytest.approx({0: 50, 1: 60, 2: 70})
    assert by_seed(table, "A", "clean", "tar", 1e-4).to_dict() == pytest.approx({0: 25, 1: 30, 2: 35})
    assert by_seed(table, "B", "clean", "eer").to_dict() == pytest.approx({0: 60, 1: 48})  # it has no FAR
    assert mean_interval(table, "A", "clean") == pytest.approx(by_hand([50, 60, 70]))
    assert mean_interval(table, "A", "clean", "tar", 1e-4) == pytest.approx(by_hand([25, 30, 35]))
    for missing in (("C", "clean"), ("A", "dark"), ("A", "clean", "rank"), ("A", "clean", "tar", 0.5)):
        with pytest.raises(SalonError, match=r"0 values came .*expected one a seed"):
            by_seed(table, *missing)
    with pytest.raises(SalonError, match="6 values came"):
        by_seed(pd.concat([table, table]), "A", "clean")


def test_a_difference_is_of_the_seeds_that_both_have(table):
    expected = by_hand([50 - 40, 60 - 52])
    assert difference(table, "A", "B", "clean") == pytest.approx(expected)
    assert difference(table, "A", "B", "clean", "tar", 1e-4) == pytest.approx([x / 2 for x in expected])
    told = differences(table, [("A", "B"), ("B", "A")], ("clean", "pose"))
    assert list(told.columns) == ["one", "other", "condition", "mean", "low", "high", "n"]
    assert told[["one", "other", "condition"]].values.tolist() == [
        ["A", "B", "clean"], ["A", "B", "pose"], ["B", "A", "clean"], ["B", "A", "pose"]
    ]  # fmt: skip
    assert told.loc[0, ["mean", "low", "high"]].tolist() == pytest.approx(expected) and (told.n == 2).all()
    assert differences(table, [("A", "B")], ("clean",), "eer")["mean"].item() == pytest.approx(-expected[0])


def test_a_summary_is_the_mean_over_seeds_of_one_split(table):
    told = summary(table)
    assert told.loc["A"].to_dict() == pytest.approx({"clean": 60, "pose": 6}) and list(told.index) == ["A", "B"]
    assert list(told.columns) == ["clean", "pose"] and told.loc["B", "clean"] == pytest.approx(46)
    assert summary(table, split="validation").to_dict() == {"clean": {"V": pytest.approx(90)}}
    assert summary(table, "eer").loc["A", "clean"] == pytest.approx(40)
    assert summary(table, at=1e-4).loc["A", "clean"] == pytest.approx(30)
    assert list(summary(table[::-1]).index) == ["B", "A"]  # as they come, not by name


def test_stored_tables_belong_to_these_faces(monkeypatch):
    stored = read_table("differences")
    assert {"one", "other", "condition"} <= set(stored) and read_provenance("differences")["generator"]
    pairs = [("C", "B"), ("B", "A")]
    told = stored_differences(pairs, ("pose", "clean"))
    assert told[["one", "other", "condition"]].values.tolist() == [
        [*pair, condition] for pair in pairs for condition in ("pose", "clean")
    ]
    same = stored[(stored.one == "B") & (stored.other == "A") & (stored.condition == "clean")]
    assert told["mean"].iloc[-1] == same["mean"].item()
    with pytest.raises(SalonError, match=r"no \('C', 'Z', 'pose'\)"):
        stored_differences([("C", "B"), ("C", "Z")], ("pose",))
    monkeypatch.setattr(results, "GENERATOR_VERSION", "another")
    with pytest.raises(SalonError, match="salon reproduce differences"):
        read_table("differences")


def test_feature_views_come_back_and_are_read_by_owner(tmp_path):
    g = np.random.default_rng(0)
    views = FeatureViews(
        "PCA", g.integers(0, 9, (6, 5, 2)), g.integers(0, 3, 5), g.integers(0, 99, 5), g.integers(0, 2, 5),
        np.array([[0.9, 0.8, 0.6], [0.7, 0.5, 0.75]]), np.array([[1, 0], [0, 1]]), np.array(["hat", "dark"]),
        b"RIFF", 24,
    )  # fmt: skip
    assert views.readings.tolist() == [[0.8, 0.6], [0.75, 0.5]]
    views.save(tmp_path / "views.npz")
    back = FeatureViews.load(tmp_path / "views.npz")
    assert vars(back).keys() == vars(views).keys()
    assert all(np.array_equal(getattr(back, name), x) for name, x in vars(views).items())
    assert (type(back.method), type(back.thumb), type(back.sprite)) == (str, int, bytes)
