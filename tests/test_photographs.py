"""A folder of photographs is people to train on and to test on, as the rendered ones are; its card says so."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from experiments import photographs
from experiments.photographs import folder_benchmark, unseen_pairs
from salon.evaluation.people import CONDITIONS
from salon.faces.collections import read_image, read_pairs
from salon.model.embedding import LUMA
from salon.training import checkpoints
from salon.training.data import TrainSet
from salon.training.folders import folder_set, split_names, train_on_folder
from salon.training.loop import train
from salon.training.recipes import recipe
from salon.words import SalonError

PEOPLE = 32


def draw(folder, chance, people, pictures):
    """A folder for each person: a pattern of its own, 24 × 20 pixels, under noise."""
    for person in range(people):
        pattern = np.kron(chance.integers(40, 216, (6, 5)), np.ones((4, 4)))
        (folder / f"p{person}").mkdir(parents=True)
        for n in range(1, pictures(person) + 1):
            noisy = (pattern + chance.normal(0, 12, pattern.shape)).clip(0, 255).astype(np.uint8)
            Image.fromarray(noisy).save(folder / f"p{person}" / f"{n}.png")


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """The layout of SALON_REAL_FACES, of made-up patterns: 32 people with 4 to 6 pictures, 8 with 2."""
    root, chance = tmp_path_factory.mktemp("faces"), np.random.default_rng(0)
    draw(root / "lfw_a", chance, PEOPLE + 8, lambda person: 4 + person % 3 if person < PEOPLE else 2)
    draw(root / "att_faces", chance, 10, lambda _: 4)
    names = [f"p{i}" for i in range(PEOPLE + 8)]
    lines = []
    for i in range(0, len(names), 4):  # ten folds of four pairs of each kind
        lines += [f"{name}\t1\t2" for name in names[i : i + 4]]
        lines += [f"{name}\t1\t{names[j - 1]}\t2" for j, name in enumerate(names[i : i + 4], i)]
    (root / "lfw_protocol").mkdir()
    (root / "lfw_protocol" / "pairs.txt").write_text("\n".join(["10\t4", *lines]))
    return root


@pytest.fixture
def folder(faces):
    return faces / "lfw_a"


@pytest.fixture
def rendered():
    """Twelve people of four pictures, as the cards call those that are drawn."""
    noise = torch.randint(256, (48, 32, 32), dtype=torch.uint8)
    return TrainSet(noise, noise, torch.arange(12).repeat_interleave(4))


@pytest.fixture
def tiny():
    return recipe("tiny", steps=4)


# --- a folder as a training set and as a benchmark


def test_a_set_has_the_pictures_of_the_files_in_grey(folder):
    made = folder_set(folder, 16, ["p5", "p0"])
    assert made.straight.shape == made.turned.shape == (6 + 4, 16, 16)
    assert made.straight.dtype == torch.uint8 and made.labels.tolist() == [0] * 6 + [1] * 4
    for row, file in enumerate(sorted((folder / "p5").glob("*.png"))):
        grey = (read_image(file, 16) * torch.tensor(LUMA)[:, None, None]).sum(0)
        assert torch.equal(made.straight[row], (grey * 255).round().byte())
    straight, turned, labels = made.batch(torch.tensor([0, 9]))
    assert straight.shape == turned.shape == (2, 1, 16, 16) and labels.tolist() == [0, 1]
    assert not torch.equal(straight, turned)


def test_too_few_people_or_pictures_are_an_error(folder, tmp_path):
    with pytest.raises(SalonError, match=f"holds {PEOPLE} people with 4 pictures or more; expected at least 42"):
        split_names(folder, 20, 20)
    with pytest.raises(SalonError, match="'p39' has 2 pictures"):
        folder_set(folder, 16, ["p0", "p39"])
    with pytest.raises(SalonError, match="'nobody' has 0 pictures"):
        folder_benchmark(folder, ["nobody"])
    draw(tmp_path, np.random.default_rng(1), 3, lambda _: 4)
    (tmp_path / "p1" / "2.png").write_bytes(b"no picture")
    with pytest.raises(SalonError, match=r"2\.png cannot be read as an image"):
        folder_set(tmp_path, 16)


# --- the card


def test_what_may_not_be_shared_may_not_after_further_training(folder, rendered, tiny, tmp_path):
    train_on_folder(tiny, folder, tmp_path / "a", progress=False)
    for a, b in (("a", "b"), ("b", "c")):
        made = replace(tiny, start=str(tmp_path / a / "model.safetensors"))
        train(made, tmp_path / b, progress=False, data=rendered, variances=False)
    card = checkpoints.read_card(tmp_path / "c" / "model.safetensors")
    assert card["trained_on"].startswith("rendered people only; started from rendered people only; started from photo")
    assert "not to be shared" in card["licence"]


# --- the experiment


def test_unseen_pairs_are_all_that_show_nobody_seen_and_balanced(folder, faces):
    pairs = read_pairs(faces / "lfw_protocol" / "pairs.txt", folder)
    seen = {"p1", "p2", "p17", "p38"}
    left = unseen_pairs(pairs, seen)
    assert not seen & {file.parent.name for file in [*left.first, *left.second]}
    listed, remaining = (
        dict(zip(zip(p.first, p.second, strict=True), zip(p.same, p.fold, strict=True), strict=True))
        for p in (pairs, left)
    )
    assert remaining.items() <= listed.items()
    for fold in range(10):
        free = [same for (a, b), (same, f) in listed.items()
                if f == fold and not seen & {a.parent.name, b.parent.name}]  # fmt: skip
        kinds = [int((left.same[left.fold == fold] == kind).sum()) for kind in (True, False)]
        assert kinds[0] == kinds[1] == min(sum(free), len(free) - sum(free))


def test_the_experiment_trains_and_tests_on_different_people(faces, tmp_path, monkeypatch):
    monkeypatch.setenv("SALON_REAL_FACES", str(faces))
    monkeypatch.setenv("SALON_CACHE", str(tmp_path / "cache"))
    common = {"images": 5, "size": 32, "width": 0.5, "batch": 16}
    changes = {"SEEDS": (0, 1), "TUNED_ON": (0,), "VALIDATION": 13, "TEST": 13, "COMMON": common}
    tries = {row: settings[:1] for row, settings in photographs.TRIES.items()} | {"B": photographs.TRIES["B"][:2]}
    for name, value in (changes | {"STEPS": dict.fromkeys("ABCE", 3), "TRIES": tries}).items():
        monkeypatch.setattr(photographs, name, value)
    written = {}
    monkeypatch.setattr(
        photographs, "write_table", lambda name, rows, command, **notes: written.update(rows=rows, **notes)
    )
    photographs.reproduce_lfw()
    notes, table = (
        json.loads(json.dumps({k: v for k, v in written.items() if k != "rows"})),
        pd.DataFrame(written["rows"]),
    )
    assert notes["people"] == {"train": PEOPLE - 26, "validation": 13, "test": 13}
    assert [len(notes["tries_sums"][row]) for row in "ABCE"] == [1, 2, 1, 1]
    assert notes["pairs_left"]["unseen"] <= 80 and set(table.configuration) == {
        *"ABCE",
        "A+16",
        "B+16",
        "C+16",
        "E+16",
        "raw pixels",
    }
    assert set(table.condition) == {*CONDITIONS, "LFW-a unseen", "AT&T"}
    assert not table.duplicated(["configuration", "seed", "condition", "metric", "at"]).any()
