"""Printed characters as another domain: who is in which split, how cards are photographed, the experiment in small."""

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F

from experiments import glyphs, tables
from salon.evaluation.people import CONDITIONS
from salon.evaluation.results import read_provenance, read_table

NONE = torch.zeros(1)


def correlation(a, b):
    """Of two sets of pictures [n, ...], one by one, [n]."""
    a, b = (F.normalize(x.float().flatten(1) - x.float().flatten(1).mean(1, keepdim=True)) for x in (a, b))
    return (a * b).sum(1)


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(glyphs, "SPLITS", {"train": 10, "validation": 18, "test": 18})


def test_no_character_is_in_two_splits_nor_twice():
    splits = [glyphs.split_inks(split) for split in glyphs.SPLITS]
    characters = "".join(characters for characters, _ in splits)
    assert [len(ink) for _, ink in splits] == list(glyphs.SPLITS.values())
    assert len(set(characters)) == len(characters) == sum(glyphs.SPLITS.values())
    assert len(glyphs.fonts()) == 12 and all((ink.amax((2, 3)) > 200).all() for _, ink in splits)


def test_what_looks_alike_is_one_character():
    kept = glyphs.inks()[0]
    # Latin, Greek and Cyrillic, capital and small
    assert all(sum(c in kept for c in several) == 1 for several in ("AΑА", "OoОоΟο", "SsЅѕ", "XxΧХх", "Vv"))
    assert not set("éñЙ ─█") & set(kept)
    _, ink = glyphs.split_inks("validation")
    planted = torch.cat([ink[:30], ink[:5], torch.zeros(1, *ink.shape[1:], dtype=torch.uint8)])
    assert torch.equal(glyphs.distinct(planted), torch.arange(30))
    cells = F.avg_pool2d(ink[:30].float(), 4)
    for i in range(30):
        for j in range(i):
            assert correlation(cells[i], cells[j]).mean() <= glyphs.ALIKE + 1e-5


def test_the_homography_is_a_pinhole_camera():
    g = torch.Generator().manual_seed(0)
    turn, tilt, spin = (torch.rand(5, generator=g) * 60 - 30 for _ in range(3))
    zoom, shift = 0.8 + 0.4 * torch.rand(5, generator=g), 0.2 * torch.rand(5, 2, generator=g) - 0.1
    points = torch.cat([2 * torch.rand(7, 2, generator=g) - 1, torch.ones(7, 1)], 1)
    seen = glyphs.homographies(turn, tilt, spin, zoom, shift) @ points.T  # [5, 3, 7]
    for n in range(5):
        a, b, c = (math.radians(float(angle[n])) for angle in (turn, tilt, spin))
        for m, (u, v, _) in enumerate(points.tolist()):
            scale = glyphs.FILLED * float(zoom[n])
            x = scale * (math.cos(c) * u - math.sin(c) * v) + float(shift[n, 0])
            y = scale * (math.sin(c) * u + math.cos(c) * v) + float(shift[n, 1])
            x, z = x * math.cos(a), -x * math.sin(a)  # about the vertical axis
            y, z = (y * math.cos(b) - z * math.sin(b), y * math.sin(b) + z * math.cos(b))  # about the horizontal one
            wanted = torch.tensor([x, y]) / (1 + z / glyphs.DISTANCE)
            # float32 through two products
            assert torch.allclose(seen[n, :2, m] / seen[n, 2, m], wanted, atol=1e-5)


def test_a_card_that_fills_the_picture_is_the_picture():
    image = torch.rand(1, 48, 48, generator=torch.Generator().manual_seed(1))
    filled = glyphs.homographies(NONE, NONE, NONE, torch.tensor([1 / glyphs.FILLED]), torch.zeros(1, 2))
    assert torch.allclose(filled, torch.eye(3), atol=1e-6)
    assert torch.allclose(glyphs.seen_through(filled, image, 24), F.avg_pool2d(image, 2), atol=1e-4)


def test_a_card_turned_away_shows_the_same_character():
    _, ink = glyphs.split_inks("validation")
    card, n = ink[:40, 0] / 255, 40
    still, shift = torch.zeros(n), torch.zeros(n, 2)
    straight, turned = (
        glyphs.homographies(angle, still, still, still + 1, shift) for angle in (still, torch.linspace(-60, 60, n))
    )
    away = glyphs.seen_through(turned, card, 64)
    back = glyphs.seen_through(straight @ torch.linalg.inv(turned), away, 64)
    facing = glyphs.seen_through(straight, card, 64)
    same = correlation(back, facing)
    assert same.min() > 0.85  # what is lost is sampling: at 60 degrees half of the columns
    others = torch.stack([correlation(back, facing.roll(shift, 0)) for shift in range(1, n)])
    assert (same > others.max(0).values).all()


def test_a_turned_card_is_narrower_on_the_same_paper():
    ink, _ = glyphs.in_some_fonts(glyphs.split_inks("test")[1][:60], 2, seed=0)
    straight, turned = glyphs.photographed(ink, seed=5)
    paper = [x.flatten(1).amax(1) for x in (straight, turned)]
    assert torch.equal(*paper) and paper[0].min() >= round(0.6 * 255)
    darkness = [1 - x.float().mean((1, 2)) / x.flatten(1).amax(1) for x in (straight, turned)]
    ratio = darkness[1] / darkness[0]
    assert ratio.max() < 1 and 0.5 < ratio.mean() < 0.8  # cos 30 to cos 65 is 0.87 to 0.42


def test_train_set_and_benchmark_are_as_for_faces(small):
    data, benchmark = glyphs.glyph_train_set(3), glyphs.glyph_benchmark("test")
    assert data.straight.shape == data.turned.shape == (30, glyphs.SIZE, glyphs.SIZE)
    assert data.straight.dtype == torch.uint8 and data.labels.bincount().tolist() == [3] * 10
    for condition in CONDITIONS:
        probes = benchmark.probes(condition)
        assert probes.shape == (36, 3, glyphs.SIZE, glyphs.SIZE) and 0 <= probes.min() < probes.max() <= 1
    sheet = glyphs.glyph_sheet(3)
    validation = glyphs.glyph_benchmark("validation")
    assert sheet.shape == (18, 3, glyphs.SIZE, glyphs.SIZE)
    assert torch.equal(sheet[6], validation.probes("clean")[2])  # the second character's row begins
    assert not torch.equal(benchmark.straight, validation.straight[: len(benchmark.labels)])


@pytest.mark.slow  # sixteen trainings of a few steps
def test_the_experiment_in_small(small, monkeypatch, tmp_path):
    monkeypatch.setenv("SALON_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tables, "data_root", lambda: tmp_path)
    monkeypatch.setattr("salon.paths.data_path", lambda *parts: tmp_path.joinpath(*parts))
    monkeypatch.setattr(glyphs, "SEEDS", (0, 1))
    monkeypatch.setattr(glyphs, "FROM_SCRATCH", 4)
    monkeypatch.setattr(glyphs, "SHAPE", glyphs.SHAPE | {"images": 3, "steps": 2, "batch": 8, "width": 0.25})
    monkeypatch.setattr(glyphs, "SETTINGS", {row: some[:1] for row, some in glyphs.SETTINGS.items()})
    monkeypatch.setattr(glyphs, "seconds_a_run", partial(glyphs.seconds_a_run, steps=1))
    monkeypatch.setattr(glyphs, "CONDITIONS", ("clean", "mixed"))
    shortly = partial(glyphs.fit_variances_afterwards, steps=5)
    monkeypatch.setattr(glyphs, "fit_variances_afterwards", shortly)
    assert glyphs.reproduce_glyphs() == tmp_path / "results" / "glyphs.csv"
    table, notes = read_table("glyphs"), read_provenance("glyphs")
    assert len(table) == 2 * 5 * 2 * 2 * 3 and set(table.split) == {"test"}
    assert table.value.between(0, 1).all() and set(table.configuration) == {
        row + x for row in "ABCDE" for x in ("", "+16")
    }
    assert list(notes["settings_on_validation"]) == list("BCE")
    assert notes["chosen"]["E"].keys() == {"margin", "s0", "regularise", "K", "d", "decorrelate"}
    assert len(notes["mirrored_minus_not"]) == 2 and notes["characters"] == glyphs.SPLITS
