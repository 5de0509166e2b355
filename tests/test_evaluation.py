"""Each image is read and embedded once, each pair scored as by hand, each measure what its name says."""

import csv
import json

import numpy as np
import pytest
import torch
from PIL import Image
from test_insightface import encoded, write

from experiments.real_faces import raw_pixel_scores
from salon.evaluation import pairs as evaluation
from salon.evaluation.pairs import evaluate_insightface, evaluate_pairs, verification, write_scores
from salon.evaluation.protocols import equal_error_rate, tar_at_far, ten_fold_accuracy
from salon.faces.collections import read_image, read_pairs, write_pairs
from salon.faces.insightface import read_insightface
from salon.model.embedding import InputSpec
from salon.model.matching import cosine_pairs, likelihood_pairs
from salon.model.network import Recogniser, embed
from salon.words import SalonError


@pytest.fixture
def recogniser():
    return Recogniser(InputSpec(size=32, flip=True), K=2, d=8, width=0.25)


@pytest.fixture
def pairs(tmp_path):
    """Twelve people of three noisy images each, in three folds."""
    chance = np.random.default_rng(0)
    for person in range(12):
        face = np.kron(chance.integers(40, 216, (6, 5)), np.ones((8, 8)))  # 40 × 48 pixels
        (tmp_path / f"p{person}").mkdir()
        for n in range(3):
            noisy = face + chance.normal(0, 12, face.shape)
            Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(tmp_path / f"p{person}" / f"{n}.png")
    write_pairs(tmp_path, tmp_path / "pairs.txt", folds=3)
    return read_pairs(tmp_path / "pairs.txt", tmp_path)


@pytest.mark.parametrize(("matching", "by_hand"), [("cosine", cosine_pairs), ("likelihood", likelihood_pairs)])
def test_scores_are_those_of_each_pair_alone(recogniser, pairs, matching, by_hand):
    recogniser.variances_fitted.fill_(True)
    measures, scores = evaluate_pairs(recogniser, pairs, matching)
    for i in range(0, len(pairs), 5):
        a, b = (embed(recogniser, read_image(file, 32)[None]) for file in (pairs.first[i], pairs.second[i]))
        # one image at a time sums in another order: float32 of scores up to about 50
        assert scores[i] == pytest.approx(by_hand(a, b).item(), rel=1e-4, abs=1e-5)
    genuine, impostor = scores[pairs.same], scores[~pairs.same]
    assert measures == json.loads(json.dumps(measures))
    assert (measures["accuracy"], measures["accuracy_std"]) == ten_fold_accuracy(scores, pairs.same, pairs.fold)
    assert measures["eer"] == equal_error_rate(genuine, impostor)
    assert measures["genuine_pairs"] == measures["impostor_pairs"] == len(pairs) / 2 == 36
    assert measures["images"] == len({*pairs.first, *pairs.second}) and measures["matching"] == matching
    assert measures["folds"] == 3


def test_each_image_is_read_once(recogniser, pairs, monkeypatch):
    read, seen = evaluation.read_images, []
    monkeypatch.setattr(evaluation, "read_images", lambda files, size: [seen.extend(files), read(files, size)][1])
    monkeypatch.setattr(evaluation, "BATCH", 7)
    _, in_parts = evaluate_pairs(recogniser, pairs)
    assert len(seen) == len(set(seen)) == len({*pairs.first, *pairs.second})
    monkeypatch.setattr(evaluation, "BATCH", 256)
    np.testing.assert_allclose(in_parts, evaluate_pairs(recogniser, pairs)[1], atol=1e-5)  # float32


def test_progress_is_told_where_it_is_asked_for(recogniser, pairs, capsys):
    count = len({*pairs.first, *pairs.second})
    evaluate_pairs(recogniser, pairs)
    embed(recogniser, torch.rand(5, 3, 32, 32))
    assert capsys.readouterr().err == ""
    evaluate_pairs(recogniser, pairs, progress=True)
    embed(recogniser, torch.rand(5, 3, 32, 32), batch=2, progress=True)
    said = capsys.readouterr().err
    assert "faces: 100%" in said and f"{count}/{count}" in said and " images/s" in said
    assert "embed: 100%" in said and "3/3" in said


def test_likelihood_needs_variances_and_a_name_must_be_known(recogniser, pairs):
    with pytest.raises(SalonError, match="no variances"):
        evaluate_pairs(recogniser, pairs, "likelihood")
    with pytest.raises(SalonError, match="'euclid' is not known; expected one of cosine, likelihood"):
        evaluate_pairs(recogniser, pairs, "euclid")


@pytest.mark.parametrize(("matching", "by_hand"), [("cosine", cosine_pairs), ("likelihood", likelihood_pairs)])
def test_a_set_of_insightface_is_scored_pair_by_pair(tmp_path, matching, by_hand):
    recogniser = Recogniser(InputSpec(size=32, normalise="fixed"), K=2, d=8, width=0.25)
    recogniser.variances_fitted.fill_(True)
    chance, same = np.random.default_rng(0), [i % 3 == 0 for i in range(60)]
    pictures = [encoded(tuple(chance.integers(0, 256, 3).tolist()), (32, 32)) for _ in range(120)]
    file = write(tmp_path / "set.bin", pictures, same)
    measures, scores = evaluate_insightface(recogniser, file, matching)
    embedding = embed(recogniser, read_insightface(file)[0])
    expected = [by_hand(embedding[i], embedding[i + 1]).item() for i in range(0, 120, 2)]
    np.testing.assert_allclose(scores, expected, rtol=1e-4, atol=1e-5)  # float32
    whole = verification(scores, np.array(same), np.zeros(60, int))
    assert measures == whole | {"matching": matching, "images": 120} and measures["folds"] == 10
    with pytest.raises(SalonError, match="'euclid' is not known"):
        evaluate_insightface(recogniser, file, "euclid")


def test_pairs_of_one_kind_get_a_sentence():
    for same in (np.ones(9, bool), np.zeros(9, bool)):
        with pytest.raises(SalonError, match="expected some of both kinds"):
            verification(np.arange(9.0), same, np.arange(9))


def test_too_few_impostors_give_null_and_a_note():
    same, fold = np.arange(1000) % 2 == 0, np.arange(1000) // 100
    scores = np.random.default_rng(0).normal(same, 1)
    measures = verification(scores, same, fold)
    assert measures["tar_at_far_0.01"] == tar_at_far(scores[same], scores[~same], 0.01)
    assert measures["tar_at_far_0.001"] is None and measures["note"].startswith("500 impostor pairs are too few")
    assert "note" not in verification(np.tile(scores, 2), np.tile(same, 2), np.tile(fold, 2))


def test_one_fold_is_cut_into_tenths_that_find_lfw_folds_again():
    same = np.tile(np.repeat([True, False], 30), 10)  # LFW's order: each fold its genuine, then its impostor pairs
    fold = np.arange(600) // 60
    scores = np.random.default_rng(0).normal(same, 1)
    assert verification(scores, same, fold) == verification(scores, same, np.zeros(600, int))


def test_scores_come_back_from_csv(tmp_path, pairs):
    scores = np.random.default_rng(0).normal(size=len(pairs))
    write_scores(tmp_path / "deep" / "scores.csv", pairs, scores)
    with (tmp_path / "deep" / "scores.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["first", "second", "fold", "score", "label"] and len(rows) == len(pairs)
    np.testing.assert_allclose([float(row["score"]) for row in rows], scores, rtol=1e-8)  # nine digits
    assert [int(row["label"]) for row in rows] == pairs.same.astype(int).tolist()
    assert [int(row["fold"]) for row in rows] == pairs.fold.tolist()
    assert rows[0]["first"] == f"{pairs.first[0].parent.name}/{pairs.first[0].name}"


def test_at_and_t(real_faces, recogniser, tmp_path):
    faces = real_faces / "att_faces"
    said = write_pairs(faces, tmp_path / "pairs.txt")
    assert "10 × 180 genuine and 180 impostor pairs of 40 people; no person stands in two folds" in said
    pairs = read_pairs(tmp_path / "pairs.txt", faces)
    measures, scores = evaluate_pairs(recogniser, pairs)
    assert measures["images"] == 400 and measures["impostor_pairs"] == 1800 and np.isfinite(scores).all()
    assert 0.5 < measures["accuracy"] < 0.95  # untrained: better than a coin, worse than a model
    pixels = verification(raw_pixel_scores(pairs), pairs.same, pairs.fold)
    assert 0.74 < pixels["accuracy"] < 0.84  # measured 0.789; the range allows other decoders
