"""The measures against slow definitions, limiting cases, scikit-learn and reference values."""

import doctest
import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_curve

from salon.experiments import protocols
from salon.experiments.protocols import (
    best_threshold,
    equal_error_rate,
    rank_k,
    roc,
    tar_at_far,
    ten_fold_accuracy,
)
from salon.text import SalonError

REFERENCE = json.loads((Path(__file__).parent / "data" / "reference_scores.json").read_text())


def small_sets(count=200):
    """Random little sets of scores with many ties."""
    chance = np.random.default_rng(0)
    for _ in range(count):
        genuine, impostor = (chance.integers(0, 6, chance.integers(1, 9)) for _ in range(2))
        yield genuine + 1, impostor


def test_roc_is_a_count_at_each_threshold():
    for genuine, impostor in small_sets():
        far, tar, thresholds = roc(genuine, impostor)
        for f, t, threshold in zip(far, tar, thresholds, strict=True):
            assert f == pytest.approx(sum(i >= threshold for i in impostor) / len(impostor))
            assert t == pytest.approx(sum(g >= threshold for g in genuine) / len(genuine))
        assert (far[0], tar[0], far[-1], tar[-1]) == (0, 0, 1, 1)


def test_roc_agrees_with_scikit_learn():
    for genuine, impostor in small_sets():
        labels = np.repeat([1, 0], [len(genuine), len(impostor)])
        theirs = roc_curve(labels, np.concatenate([genuine, impostor]), drop_intermediate=False)
        for mine, other in zip(roc(genuine, impostor), theirs, strict=True):
            np.testing.assert_allclose(mine, other, atol=1e-12)


def test_tar_at_far_is_the_best_cut_that_lets_few_enough_impostors_pass():
    for genuine, impostor in small_sets():
        for allowed in range(1, len(impostor) + 1):
            cuts = [-np.inf, *genuine, *impostor]
            honest = [cut for cut in cuts if sum(i > cut for i in impostor) <= allowed]
            best = max(np.mean(genuine > cut) for cut in honest)
            assert tar_at_far(genuine, impostor, allowed / len(impostor)) == pytest.approx(best)


def test_tar_at_far_agrees_with_scikit_learn():
    chance = np.random.default_rng(1)
    genuine, impostor = chance.normal(1, 1, 300), chance.normal(0, 1, 1000)
    labels = np.repeat([1, 0], [300, 1000])
    fpr, tpr, _ = roc_curve(labels, np.concatenate([genuine, impostor]), drop_intermediate=False)
    for far in (0.001, 0.01, 0.1):
        assert tar_at_far(genuine, impostor, far) == pytest.approx(tpr[fpr <= far + 1e-9].max())


def test_ties_never_help():
    same = np.ones(1000)
    assert tar_at_far(same, same, 0.01) == 0
    assert equal_error_rate(same, same) == 0.5
    assert ten_fold_accuracy(same, np.arange(1000) % 2 == 0, np.arange(1000) // 100)[0] == 0.5
    assert rank_k(np.ones((3, 4)), [0, 1, 2], [0, 1, 2, 3]) == 0


def test_far_that_so_few_impostors_cannot_resolve_is_refused():
    scores = np.arange(300)
    assert tar_at_far(scores, scores, 1 / 300) > 0
    with pytest.raises(SalonError, match=r"300 impostor scores, that is 0 .* FAR ≥ 0.0033"):
        tar_at_far(scores, scores, 0.001)
    with pytest.raises(SalonError, match="all at most"):
        tar_at_far(scores, scores, 1.5)


def exact_crossing(genuine, impostor):
    """The equal error rate by walking the ROC in fractions."""
    points = [(Fraction(0), Fraction(1))]  # (false accepts, false rejects)
    for cut in sorted({*genuine.tolist(), *impostor.tolist()}, reverse=True):
        accepted = Fraction(sum(i >= cut for i in impostor.tolist()), len(impostor))
        points.append((accepted, Fraction(sum(g < cut for g in genuine.tolist()), len(genuine))))
    for (far0, frr0), (far1, frr1) in pairwise(points):
        if far1 >= frr1:
            share = (frr0 - far0) / ((far1 - far0) + (frr0 - frr1))
            return far0 + share * (far1 - far0)
    raise AssertionError


def test_equal_error_rate_is_the_crossing():
    for genuine, impostor in small_sets():
        assert equal_error_rate(genuine, impostor) == pytest.approx(float(exact_crossing(genuine, impostor)))


def test_equal_error_rate_does_not_mind_a_rising_change_of_scale():
    chance = np.random.default_rng(2)
    genuine, impostor = chance.normal(1, 1, 50), chance.normal(0, 1, 70)
    assert equal_error_rate(genuine, impostor) == equal_error_rate(np.exp(genuine), np.exp(impostor))
    assert equal_error_rate(genuine + 100, impostor) == 0
    assert equal_error_rate(genuine - 100, impostor) == 1


def test_reference_equal_error_rates():
    apart, overlapping = REFERENCE["linearly_separable"], REFERENCE["overlapping"]
    assert equal_error_rate(apart["genuine"], apart["impostor"]) == apart["expected"]["eer"]
    # their second value is that of the ROC's convex hull; ours, of the ROC itself, cannot lie below it
    far, tar, _ = roc(overlapping["genuine"], overlapping["impostor"])
    hull = min(
        (far[i] * (1 - tar[j]) - far[j] * (1 - tar[i])) / (far[i] - far[j] - tar[j] + tar[i])
        for i in range(len(far))
        for j in range(len(far))
        if far[i] < 1 - tar[i] and far[j] >= 1 - tar[j]
    )
    assert hull == pytest.approx(overlapping["expected"]["eer_on_roc_convex_hull"], abs=1e-12)
    assert equal_error_rate(overlapping["genuine"], overlapping["impostor"]) >= hull


def test_reference_ranks():
    closed = REFERENCE["closed_set"]
    rows = zip(closed["genuine_scores_per_probe"], closed["impostor_scores_per_probe"], strict=True)
    scores = [[*genuine, *impostor] for genuine, impostor in rows]
    probes, gallery = np.zeros(len(scores)), np.arange(len(scores[0]))  # the mate stands first in each row
    for k, expected in enumerate(closed["expected"]["cmc"], start=1):
        assert rank_k(scores, probes, gallery, k) == pytest.approx(expected)


def test_rank_is_the_place_in_the_sorted_row():
    chance = np.random.default_rng(3)
    gallery = np.repeat(np.arange(6), 2)
    for _ in range(50):
        scores, probes = chance.normal(size=(5, 12)), chance.integers(0, 6, 5)
        for k in (1, 2, 3):
            hits = []
            for row, probe in zip(scores, probes, strict=True):
                others = sorted(row[gallery != probe], reverse=True)
                hits.append(row[gallery == probe].max() > others[k - 1])
            assert rank_k(scores, probes, gallery, k) == pytest.approx(np.mean(hits))


def test_best_threshold_beats_every_other():
    for genuine, impostor in small_sets():
        scores = np.concatenate([genuine, impostor])
        same = np.repeat([True, False], [len(genuine), len(impostor)])
        cuts = [-np.inf, *(np.unique(scores) + 0.5), *(np.unique(scores) - 0.5)]
        most = max(np.mean((scores >= cut) == same) for cut in cuts)
        assert np.mean((scores >= best_threshold(scores, same)) == same) == pytest.approx(most)


def test_ten_folds_by_hand():
    chance = np.random.default_rng(4)
    same, fold = np.arange(400) % 2 == 0, np.arange(400) // 40
    scores = chance.normal(same * 1.5, 1)
    cuts = np.append(np.sort(scores) - 1e-9, np.inf)
    accuracies = []
    for number in range(10):
        train, test = fold != number, fold == number
        right = [np.mean((scores[train] >= cut) == same[train]) for cut in cuts]
        cut = cuts[::-1][np.argmax(right[::-1])]
        accuracies.append(np.mean((scores[test] >= cut) == same[test]))
    mean, deviation = ten_fold_accuracy(scores, same, fold)
    # midway against just below a score: a test score may fall between the two
    assert mean == pytest.approx(np.mean(accuracies), abs=0.005)
    assert deviation == pytest.approx(np.std(accuracies), abs=0.005)
    assert ten_fold_accuracy(same.astype(float), same, fold) == (1, 0)
    assert ten_fold_accuracy(~same * 1.0, same, fold) == (0.5, 0)  # a threshold cannot turn the order round


def test_the_tested_fold_has_no_say_in_its_threshold():
    chance = np.random.default_rng(5)
    same, fold = np.arange(200) % 2 == 0, np.arange(200) // 20
    mean, _ = ten_fold_accuracy(chance.normal(size=200), same, fold)
    assert mean < 0.56  # chance scores: the threshold best on these 200 pairs would promise more


@pytest.mark.parametrize("measure", [roc, equal_error_rate, lambda g, i: tar_at_far(g, i, 0.5)])
def test_bad_scores_are_refused(measure):
    good = [0.1, 0.2]
    for bad, says in (([], "at least one"), ([np.nan, 1], "1 of the 2 .* NaN"), ([[1.0]], "shape")):
        with pytest.raises(SalonError, match=says):
            measure(bad, good)
        with pytest.raises(SalonError, match=says):
            measure(good, bad)


def test_bad_folds_and_ranks_are_refused():
    for arguments, says in (
        (([0.1, 0.2], [True], [0, 1]), "1 labels came for 2 scores"),
        (([0.1, 0.2], [True, False], [0]), "1 fold numbers came"),
        (([0.1, np.nan], [True, False], [0, 1]), "NaN"),
        (([0.1, 0.2], [True, False], [0, 0]), "one fold"),
        (([], [], []), "at least one"),
    ):
        with pytest.raises(SalonError, match=says):
            ten_fold_accuracy(*arguments)
    for arguments, says in (
        (([[0.1, 0.2]], ["a"], ["b", "c"]), "nobody in the gallery"),
        (([[0.1, np.nan]], ["a"], ["a", "c"]), "1 NaN"),
        (([0.1, 0.2], ["a"], ["a", "c"]), "expected"),
        (([[0.1, 0.2]], ["a"], ["a", "c"], 0), "k ≥ 1"),
    ):
        with pytest.raises(SalonError, match=says):
            rank_k(*arguments)


def test_the_examples_in_the_docstrings():
    failed, tried = doctest.testmod(protocols)
    assert tried >= 6 and not failed
