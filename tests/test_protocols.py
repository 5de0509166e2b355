"""The measures against slow definitions, limiting cases, scikit-learn and reference values."""

import doctest
import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import roc_curve

from experiments import bootstrap, identification
from experiments.bootstrap import bootstrap_tar_at_far, percentile_interval
from experiments.identification import ijbs_closed, ijbs_open, megaface_rank_1, tinyface_ranks
from experiments.open_set import cmc, detection_identification_rate, error_versus_reject, tpir_at_fpir
from salon.evaluation import protocols
from salon.evaluation.protocols import (
    best_threshold,
    equal_error_rate,
    mate_ranks,
    rank_k,
    roc,
    tar_at_far,
    ten_fold_accuracy,
)
from salon.words import SalonError

REFERENCE = json.loads((Path(__file__).parent / "data" / "reference_scores.json").read_text())


def small_sets(count=200):
    """Random little sets of scores with many ties."""
    chance = np.random.default_rng(0)
    for _ in range(count):
        genuine, impostor = (chance.integers(0, 6, chance.integers(1, 9)) for _ in range(2))
        yield genuine + 1, impostor


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


def test_ties_never_help():
    same = np.ones(1000)
    assert tar_at_far(same, same, 0.01) == 0
    assert equal_error_rate(same, same) == 0.5
    assert ten_fold_accuracy(same, np.arange(1000) % 2 == 0, np.arange(1000) // 100)[0] == 0.5
    assert rank_k(np.ones((3, 4)), [0, 1, 2], [0, 1, 2, 3]) == 0
    everybody = np.ones((6, 4)), [0, 1, 2, 7, 8, 9], [0, 1, 2, 3]
    assert detection_identification_rate(*everybody, threshold=1) == 0
    assert tpir_at_fpir(*everybody, fpir=0.4, k=4) == (0, 3)
    assert ijbs_open(np.ones((4, 4)), [0, 1, 2, 3], [0, 1, 2, 3], [0, 0, 1, 1], fpir=0.5) == (0, [2, 2])
    assert tinyface_ranks(np.ones((3, 9)), [0, 1, 2], [0, 1, 2, *[-1] * 6], [1, 8, 9]) == {1: 0, 8: 0, 9: 1}
    assert megaface_rank_1(np.ones((3, 4)), [0, 1, 2], [0, 1, 2, 3]) == (0, 3, 1)
    _, error, _ = error_versus_reject(same, np.arange(1000) % 2, [np.arange(1000)], [0, 0.5], far=0.1)
    assert error.tolist() == [1, 1]


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


def lowest_crossing_of_chords(genuine, impostor):
    """The equal error rate of the ROC's convex hull."""
    far, tar, _ = roc(genuine, impostor)
    points = list(zip(far, 1 - tar, strict=True))
    before, after = ([p for p in points if (p[0] < p[1]) == low] for low in (True, False))
    return min((x1 * y0 - x0 * y1) / (x1 - x0 + y0 - y1) for x0, y0 in before for x1, y1 in after)


def test_reference_equal_error_rates():
    apart, overlapping = REFERENCE["linearly_separable"], REFERENCE["overlapping"]
    assert equal_error_rate(apart["genuine"], apart["impostor"]) == apart["expected"]["eer"]
    # their second value is that of the ROC's convex hull, where any chord of the ROC may cross; ours, of the ROC
    # itself, cannot lie below it
    expected = overlapping["expected"]["eer_on_roc_convex_hull"]
    scores = overlapping["genuine"], overlapping["impostor"]
    assert lowest_crossing_of_chords(*scores) == pytest.approx(expected, rel=1e-9)
    assert equal_error_rate(*scores) >= expected


def test_reference_ranks():
    closed = REFERENCE["closed_set"]
    rows = zip(closed["genuine_scores_per_probe"], closed["impostor_scores_per_probe"], strict=True)
    scores = [[*genuine, *impostor] for genuine, impostor in rows]
    probes, gallery = np.zeros(len(scores)), np.arange(len(scores[0]))  # the mate stands first in each row
    expected = closed["expected"]["cmc"]
    np.testing.assert_allclose(cmc(scores, probes, gallery, len(expected)), expected, rtol=1e-9)
    for k, share in enumerate(expected, start=1):
        assert rank_k(scores, probes, gallery, k) == pytest.approx(share, rel=1e-9)


@pytest.mark.parametrize("case", REFERENCE["open_set"])
def test_reference_open_sets(case):
    probes, expected = case["probes"], case["expected"]
    scores = [[*(probe["genuine"] or []), *probe["impostor"]] for probe in probes]
    labels = [0 if probe["genuine"] else -1 for probe in probes]  # the mate stands first in a mated row
    gallery = np.arange(len(scores[0]))
    rate = detection_identification_rate(scores, labels, gallery, case["threshold"])
    assert rate == pytest.approx(expected["detection_identification_rate"], rel=1e-9)


def small_tables(count=40, probes=8, people=6):
    """Random little tables of scores with many ties: people 0..3 are enrolled, some twice, 4 and 5 are not."""
    chance = np.random.default_rng(6)
    for _ in range(count):
        gallery = np.append(np.arange(4), chance.integers(0, 4, 3))
        labels = np.append([0, 5], chance.integers(0, people, probes - 2))
        yield chance.integers(0, 7, (probes, len(gallery))), labels, gallery


def rank_by_hand(row, label, gallery):
    """Walk down the sorted row, others before mates where scores tie, until the first mate."""
    order = sorted(range(len(row)), key=lambda g: (-row[g], gallery[g] == label))
    return next((rank for rank, g in enumerate(order, start=1) if gallery[g] == label), 0)


def test_ranks_and_cmc_are_those_of_a_walk_down_each_sorted_row():
    for scores, labels, gallery in small_tables():
        ranks = [rank_by_hand(row, label, gallery) for row, label in zip(scores, labels, strict=True)]
        np.testing.assert_array_equal(mate_ranks(scores, labels, gallery), ranks)
        mated = labels < 4
        curve = cmc(scores[mated], labels[mated], gallery, 7)
        assert curve.tolist() == [np.mean(np.array(ranks)[mated] <= k) for k in range(1, 8)]
        assert curve[2] == rank_k(scores[mated], labels[mated], gallery, 3)


def hits_by_hand(scores, labels, gallery, accept, k):
    """(share of mated probes of rank ≤ k whose best mate is accepted, share of non-mated that anybody accepts)."""
    hits, alarms = [], []
    for row, label in zip(scores, labels, strict=True):
        mates = [s for s, g in zip(row, gallery, strict=True) if g == label]
        if mates:
            hits.append(rank_by_hand(row, label, gallery) <= k and accept(max(mates)))
        else:
            alarms.append(accept(max(row)))
    return np.mean(hits), np.mean(alarms)


def test_detection_is_a_count_at_a_threshold():
    for scores, labels, gallery in small_tables():
        for threshold, k in ((2, 1), (4, 2), (6, 1)):
            hits, _ = hits_by_hand(scores, labels, gallery, lambda s, at=threshold: s >= at, k)
            assert detection_identification_rate(scores, labels, gallery, threshold, k) == pytest.approx(hits)


def test_tpir_is_the_best_cut_that_lets_few_enough_non_mated_probes_pass():
    for scores, labels, gallery in small_tables():
        non_mated = np.sum(labels >= 4)
        for allowed in range(1, non_mated + 1):
            fpir, rates = (allowed + 0.5) / non_mated, []  # int() lets `allowed` pass, not one more
            for cut in (-np.inf, *np.unique(scores)):
                hits, alarms = hits_by_hand(scores, labels, gallery, lambda s, at=cut: s > at, 2)
                if round(alarms * non_mated) <= allowed:
                    rates.append(hits)
            assert tpir_at_fpir(scores, labels, gallery, min(fpir, 1), k=2) == (max(rates), non_mated)


def rendered_like(people, images, seed, noise=0.6):
    """Unit features of `images` noisy pictures of each of `people`, [people * images, 16], and their labels."""
    chance = torch.Generator().manual_seed(seed)
    centres = torch.randn(people, 16, generator=chance).repeat_interleave(images, 0)
    pictures = centres + noise * torch.randn(centres.shape, generator=chance)
    return F.normalize(pictures), torch.arange(people).repeat_interleave(images)


def test_tinyface_is_any_mate_among_the_top_of_mates_and_distractors():
    features, labels = rendered_like(30, 5, seed=0, noise=1)
    distractors, _ = rendered_like(200, 1, seed=1)
    probe = torch.arange(150) % 5 < 2
    scores = features[probe] @ torch.cat([features[~probe], distractors]).T
    gallery = torch.cat([labels[~probe], torch.full((200,), -100)])
    expected = {
        r: np.mean([label in gallery[row.topk(r).indices] for row, label in zip(scores, labels[probe], strict=True)])
        for r in (1, 5, 20)
    }
    found = tinyface_ranks(scores, labels[probe], gallery)
    assert found == pytest.approx(expected)
    assert 0.1 < found[1] < found[5] < found[20]


def test_ijbs_ranks_over_both_galleries_and_rejects_in_each():
    features, labels = rendered_like(40, 6, seed=2)
    booked = torch.arange(240) % 6 == 0
    gallery, probes = labels[booked], labels[~booked]
    half = torch.where(gallery % 2 == 0, 1, 2)
    scores = features[~booked] @ features[booked].T
    best = scores.topk(10).indices
    expected = {r: float((gallery[best[:, :r]] == probes[:, None]).any(1).double().mean()) for r in (1, 5, 10)}
    assert ijbs_closed(scores, probes, gallery) == pytest.approx(expected)
    assert ijbs_closed(torch.cat([scores, scores]), torch.cat([probes, probes + 99]), gallery) == pytest.approx(
        expected  # who is in neither gallery is left out
    )
    rates = []
    for number in (1, 2):
        mine, enrolled = scores[:, half == number], gallery[half == number]
        mated = (probes[:, None] == enrolled).any(1)
        highest = mine[~mated].max(1).values.sort(descending=True).values
        threshold = highest[int(0.05 * len(highest)) - 1]  # the n-th highest, accepted at and above it
        top = mine[mated].max(1)
        between = (top.values < threshold) & (top.values > highest[int(0.05 * len(highest))])
        right = enrolled[top.indices] == probes[mated]
        rates.append(float((right & ((top.values >= threshold) | between)).double().mean()))
    rate, non_mated = ijbs_open(scores, probes, gallery, half, fpir=0.05)
    assert rate == pytest.approx(np.mean(rates)) and non_mated == [100, 100]
    assert 0.1 < rate < expected[1]


def test_megaface_tries_each_probe_against_one_mate_and_all_distractors():
    for scores, labels, _ in small_tables():
        gallery = np.array([0, 0, 1, 2, 3, 9, 9])
        scores, labels = scores[labels < 4], labels[labels < 4]
        trials = []
        for row, label in zip(scores, labels, strict=True):
            for mate in row[gallery == label]:
                trials.append(all(mate > s for s, g in zip(row, gallery, strict=True) if g not in labels))
        assert megaface_rank_1(scores, labels, gallery) == (
            np.mean(trials),
            len(trials),
            sum(g not in labels for g in gallery),
        )


def test_a_known_order_of_quality_is_worth_its_rejection():
    features, labels = rendered_like(40, 4, seed=3, noise=0.2)
    quality = np.arange(160) * 37 % 160  # a third of the images is hopeless, and looks alike
    features[quality < 50] = F.normalize(torch.ones(16) + 0.1 * torch.randn(50, 16), dim=1)
    probe = torch.arange(160) % 4 < 2
    same = labels[probe][:, None] == labels[~probe]
    scores, worth = (features[probe] @ features[~probe].T, (quality[probe.numpy(), None], quality[~probe.numpy()]))
    rejected, error, impostors = error_versus_reject(scores, same, worth, [0, 0.2, 50 / 160], far=0.01)
    assert rejected.tolist() == [0, 0.2, 50 / 160]
    assert error[0] > error[1] > error[2] and error[2] < 0.05
    assert impostors[0] == 80 * 80 - 160
    rows, columns = torch.nonzero(probe)[:, 0].tolist(), torch.nonzero(~probe)[:, 0].tolist()
    for at, limit in ((1, 32), (2, 50)):  # one image after the other
        genuine, impostor = [], []
        for i, row in zip(rows, scores.tolist(), strict=True):
            for j, score in zip(columns, row, strict=True):
                if min(quality[i], quality[j]) >= limit:
                    (genuine if i // 4 == j // 4 else impostor).append(score)
        assert error[at] == pytest.approx(1 - tar_at_far(genuine, impostor, 0.01))
        assert impostors[at] == len(impostor)


def test_rejecting_by_a_constant_or_by_chance_does_not_help():
    chance = np.random.default_rng(9)
    same = np.arange(20_000) % 4 == 0
    scores = chance.normal(same * 2.0, 1)
    rejected, error, impostors = error_versus_reject(scores, same, [np.ones(20_000)], [0, 0.3, 0.6], 0.01)
    assert rejected.tolist() == [0, 0, 0] and len(set(error)) == 1 and impostors.tolist() == [15_000] * 3
    rejected, error, impostors = error_versus_reject(scores, same, chance.random((2, 20_000)), [0, 0.3], 0.01)
    assert rejected[1] == pytest.approx(0.3) and impostors[1] == pytest.approx(0.49 * 15_000, rel=0.05)
    assert error[1] == pytest.approx(error[0], abs=0.05)  # 2450 genuine pairs: 3 deviations are 0.03


def bootstrap_by_hand(scores, probes, gallery, far, resamples, seed):
    """TAR@FAR of a literal list of drawn people, by loops over the people in it."""
    people = np.unique(np.append(probes, gallery))
    chances, tars = np.full(len(people), 1 / len(people)), []
    for times in np.random.default_rng(seed).multinomial(len(people), chances, size=resamples):
        drawn, genuine, impostor = np.repeat(people, times), [], []
        for a in drawn:
            genuine.extend(scores[np.ix_(probes == a, gallery == a)].flat)
            for b in drawn[drawn != a]:
                impostor.extend(scores[np.ix_(probes == a, gallery == b)].flat)
        tars.append(tar_at_far(genuine, impostor, far))
    return tars


@pytest.mark.parametrize("decimals", [5, 0])  # hardly any tie, and many
def test_bootstrap_over_people_is_a_literal_drawing(decimals):
    chance = np.random.default_rng(11)
    probes, gallery = np.repeat(np.arange(12), 3), np.append(np.repeat(np.arange(12), 2), np.arange(50, 60))
    scores = np.round(chance.normal(2.0 * (probes[:, None] == gallery), 1), decimals)
    literal = bootstrap_by_hand(scores, probes, gallery, 0.05, 15, seed=3)
    np.testing.assert_allclose(bootstrap_tar_at_far(scores, probes, gallery, 0.05, 15, seed=3), literal, rtol=1e-12)
    assert len(set(literal)) > 5


def test_bootstrap_intervals_pair_two_models():
    features, labels = rendered_like(60, 4, seed=4)
    probe = torch.arange(240) % 4 < 2
    scores = features[probe] @ features[~probe].T
    same = labels[probe][:, None] == labels[~probe]
    other = scores - 0.02 * same  # a little worse for everybody
    a, b = (bootstrap_tar_at_far(s, labels[probe], labels[~probe], 0.01, 300) for s in (scores, other))
    alone = percentile_interval(tar_at_far(scores[same], scores[~same], 0.01), a)
    paired = percentile_interval(
        tar_at_far(scores[same], scores[~same], 0.01) - tar_at_far(other[same], other[~same], 0.01), a - b
    )
    assert alone[1] < alone[0] < alone[2]
    assert paired[1] <= paired[0] <= paired[2] and paired[2] - paired[1] < alone[2] - alone[1]
    assert (a >= b).all()


def test_best_threshold_beats_every_other():
    for genuine, impostor in small_sets():
        scores = np.concatenate([genuine, impostor])
        same = np.repeat([True, False], [len(genuine), len(impostor)])
        cuts = [-np.inf, *(np.unique(scores) + 0.5), *(np.unique(scores) - 0.5)]
        most = max(np.mean((scores >= cut) == same) for cut in cuts)
        assert np.mean((scores >= best_threshold(scores, same)) == same) == pytest.approx(most)
    assert best_threshold([1, 2], [True, True]) == -np.inf and best_threshold([1, 2], [False, False]) == np.inf
    assert best_threshold([1, 4, 2], [True, True, False]) == 3  # the higher of two that are as good
    assert best_threshold([2, 2, 1], [True, False, False]) == np.inf  # no cut between equal scores


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


ONE, TABLE, TWO = ([[0.1, 0.2]], ["a"], ["a", "c"]), [[0.9, 0.2], [0.1, 0.8]], [[1, 0], [0, 1]]
EYE, WHO = np.eye(30), np.append(np.arange(10), np.full(20, -1))  # twenty probes are not enrolled
BAD = [
    *((measure, pair, says.format(name)) for measure in (roc, equal_error_rate, lambda g, i: tar_at_far(g, i, 0.5))
      for bad, says in (([], "^{} has .* at least one"), ([np.nan, 1], "1 of the 2 {} are NaN"), ([[1.0]], "^{} has"))
      for name, pair in (("genuine scores", (bad, [0.1, 0.2])), ("impostor scores", ([0.1, 0.2], bad)))),
    (tar_at_far, (np.arange(300), np.arange(300), 0.001), r"300 impostor scores, that is 0 .* FAR ≥ 0.0033"),
    (tar_at_far, (np.arange(300), np.arange(300), 1.5), "all at most"),
    (ten_fold_accuracy, ([0.1, 0.2], [True], [0, 1]), "1 labels came for 2 scores"),
    (ten_fold_accuracy, ([0.1, 0.2], [True, False], [0]), "1 fold numbers came"),
    (ten_fold_accuracy, ([0.1, np.nan], [True, False], [0, 1]), "1 of the 2 scores are NaN"),
    (ten_fold_accuracy, ([0.1, 0.2], [True, False], [0, 0]), "one fold"),
    (ten_fold_accuracy, ([], [], []), "at least one"),
    (rank_k, (ONE[0], ["a"], ["b", "c"]), "nobody in the gallery"),
    (rank_k, ([[0.1, np.nan]], ["a"], ["a", "c"]), "1 NaN"),
    (rank_k, ([0.1, 0.2], ["a"], ["a", "c"]), "expected"),
    (rank_k, (*ONE, 0), "rank k.* from 1 to"),
    (cmc, (*ONE, 0), "rank k.* from 1 to"),
    (cmc, (ONE[0], ["b"], ["a", "c"], 1), "nobody in the gallery"),
    (mate_ranks, ([[0.1, np.nan]], ["a"], ["a", "c"]), "1 NaN"),
    (mate_ranks, (np.ones((0, 2)), [], ["a", "c"]), "one of each"),
    (mate_ranks, (ONE[0], [["a"]], ["a", "c"]), "probes, gallery"),
    (tpir_at_fpir, (EYE, WHO, np.arange(30), 0.049), r"20 non-mated probes, that is 0 .* FPIR ≥ 0.05"),
    *((tpir_at_fpir, (EYE, WHO, np.arange(30), fpir), "all at most") for fpir in (1.1, np.nan, -1)),
    (tpir_at_fpir, (EYE[:10], WHO[:10], np.arange(30), 0.1), "0 non-mated probes"),
    (detection_identification_rate, (EYE[10:], WHO[10:], np.arange(30), 0.1), "0 mated probes"),
    (tinyface_ranks, (*ONE, [0, 1]), "rank k.* from 1 to"),
    (ijbs_closed, (*ONE, [0, 1]), "1 or more"),
    (ijbs_closed, (ONE[0], ["b"], ["a", "c"]), "0 probes are mated"),
    (ijbs_open, (*ONE, [1, 1]), "1 galleries"),
    (ijbs_open, (*ONE, [1, 2, 2]), "3 marks"),
    (ijbs_open, (*ONE, [1, 2]), "0 non-mated"),
    (megaface_rank_1, ([[0.1]], ["a"], ["a"]), "distractors"),
    (megaface_rank_1, ([[0.1]], ["b"], ["a"]), "nobody"),
    (error_versus_reject, (TABLE, TWO, [[1, 2, 3]], [0], 0.5), "Qualities"),
    (error_versus_reject, (TABLE, TWO, [], [0], 0.5), "one or two arrays"),
    (error_versus_reject, (TABLE, TWO, [[1, 2]] * 3, [0], 0.5), "one or two arrays"),
    (error_versus_reject, (TABLE, TWO, [np.ones((2, 2, 2))], [0], 0.5), "broadcast"),
    (error_versus_reject, (TABLE, TWO, [[1, np.nan]], [0], 0.5), "NaN"),
    (error_versus_reject, (TABLE, TWO, [[1], [2]], [0.5], 0.4), "at least one"),  # no pair remains
    (error_versus_reject, (TABLE, TWO, [[1, 2]], [1], 0.5), "less than 1"),
    (error_versus_reject, (TABLE, TWO, [[1, 2]], [-0.1], 0.5), "from 0"),
    (error_versus_reject, (TABLE, TWO, [[[1], [2]]], [0.5], 0.4), "1 at least"),  # one impostor pair is too few
    (error_versus_reject, (TABLE, [1, 0], [[1, 2]], [0], 0.5), "Labels"),
    (percentile_interval, (1, []), "at least 1"),
    (bootstrap_tar_at_far, (np.eye(10), np.arange(10), np.arange(10), 0.01), "too few impostors"),
    (bootstrap_tar_at_far, (np.eye(10), np.arange(10), np.arange(10, 20), 0.5), "no genuine pair"),
    (bootstrap_tar_at_far, (np.eye(10), np.arange(10), np.arange(10), np.nan), "no genuine pair"),
    (bootstrap_tar_at_far, (np.nan * np.eye(10), np.arange(10), np.arange(10), 0.5), "not finite"),
    (bootstrap_tar_at_far, (np.eye(10), np.arange(9), np.arange(10), 0.5), "expected"),
]  # fmt: skip


@pytest.mark.parametrize(("measure", "arguments", "says"), BAD)
def test_what_cannot_be_measured_is_refused(measure, arguments, says):
    with pytest.raises(SalonError, match=says):
        measure(*arguments)


@pytest.mark.parametrize("module", [protocols, identification, bootstrap])
def test_the_examples_in_the_docstrings(module):
    failed, tried = doctest.testmod(module)
    assert tried and not failed
