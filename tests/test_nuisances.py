"""Every nuisance by its name, and the contact sheets that show them."""

from dataclasses import fields

import pytest
import torch
from PIL import Image

from salon import cli
from salon.faces import sheet
from salon.faces.nuisances import NUISANCES, seen_under, views_under
from salon.faces.people import sample_people
from salon.faces.render import Views, frontal_views, render, sample_views
from salon.faces.variations import DEGRADE
from salon.words import SalonError

# What a view holds that is no nuisance of its own: part of another one, of the person's own look, or a seed.
NO_NUISANCE = {"light_elevation", "ambient", "exposure", "gaze", "haircut", "shave", "background"}
OF_VIEWS = [name for name, nuisance in NUISANCES.items() if nuisance.field]


def test_the_registry_reaches_every_value_of_a_view_and_every_degradation():
    moved = {NUISANCES[name].field for name in OF_VIEWS}
    assert moved | NO_NUISANCE == {field.name for field in fields(Views)} and not moved & NO_NUISANCE
    of_camera = {name for name, nuisance in NUISANCES.items() if nuisance.room == "camera"}
    assert of_camera == set(DEGRADE) - {"pose"}  # people turn truly


@pytest.mark.parametrize("name", NUISANCES)
def test_strength_zero_is_the_plain_picture_and_more_changes_more(name):
    person = sample_people(1, 8)
    views = frontal_views(1, light_azimuth=-45, ambient=0.25, hardness=0, background=5, clutter=0)
    plain = render(person, views, 48)
    assert torch.equal(seen_under(person, views, name, 0.0, 48, seed=1), plain)
    seen = [seen_under(person, views, name, strength, 48, seed=1) for strength in (0.35, 0.7, 1.0)]
    changes = [(picture - plain).square().mean().item() for picture in seen]
    assert 0 < changes[0] < changes[1] < changes[2]


@pytest.mark.parametrize("name", OF_VIEWS)
def test_a_view_moves_on_a_straight_line_to_its_end(name):
    nuisance, views = NUISANCES[name], sample_views(40, 3)
    before = getattr(views, nuisance.field)
    end, middle = (getattr(views_under(views, name, s, seed=2), nuisance.field) for s in (1.0, 0.5))
    assert torch.equal(end.abs(), torch.full((40,), float(nuisance.most)))
    assert len(end.unique()) == (2 if nuisance.two_sided else 1)
    assert (end * before >= 0).all() and (end.abs() >= before.abs()).all()  # more is never easier
    assert torch.allclose(middle, (before + end) / 2, atol=1e-5)
    others = {field.name for field in fields(Views)} - {nuisance.field}
    after = views_under(views, name, 0.5, seed=2)
    assert all(torch.equal(getattr(after, field), getattr(views, field)) for field in others)


@pytest.mark.parametrize("name", ["yaw", "background", "motion_blur", "noise"])
def test_each_picture_has_its_own_strength_and_is_the_same_in_a_batch(name):
    people, views, strengths = sample_people(3, 2), sample_views(3, 4), torch.tensor([0.7, 0.0, 0.4])
    together = seen_under(people, views, name, strengths, 32, seed=9)
    assert together.shape == (3, 3, 32, 32)
    assert torch.equal(together, seen_under(people, views, name, strengths, 32, seed=9))
    assert torch.equal(together[1], render(people, views, 32)[1])
    alone = seen_under(people[:1], views[:1], name, 0.7, 32, seed=9)
    # float32 sums in another order differ in the last bits; a byte is 1/255
    assert (together[0] - alone[0]).abs().max() < 1 / 510


@pytest.mark.parametrize(
    ("name", "strength", "word"),
    [
        ("fog", 0.5, "sunglasses"),
        ("pose", 0.5, "yaw"),
        ("yaw", 1.2, "0 (none)"),
        ("jpeg", -0.1, "0 (none)"),
        ("mask", float("nan"), "nan"),
        ("cap", torch.rand(3), "3 strengths came for cap; expected one, or 2"),
    ],
)
def test_bad_values_are_named(name, strength, word):
    people = sample_people(2, 1)
    with pytest.raises(SalonError) as error:
        seen_under(people, frontal_views(2), name, strength, 32)
    assert word in str(error.value)
    with pytest.raises(SalonError):
        seen_under(people[:0], frontal_views(1), name, strength, 32)


@pytest.mark.parametrize(
    ("options", "columns", "rows"),
    [
        ([], 8, 4),
        (["--frontal", "--count", "5"], 5, 1),
        (["--sheet", "person", "--count", "11"], 8, 2),
        (["--sheet", "traits"], len(sheet.VALUES), len(sheet.TRAITS_SHOWN)),
    ],
)
def test_a_sheet_opens_with_the_expected_size(options, columns, rows, tmp_path, capsys):
    path = tmp_path / "sheet.png"
    assert cli.main(["faces", str(path), "--size", "16", "--seed", "3", *options]) == 0
    assert str(path) in capsys.readouterr().out
    with Image.open(path) as page:
        wide, high = (n * (16 + sheet.GAP) + sheet.GAP for n in (columns, rows))
        if "traits" in options:  # labels come beside and above
            assert page.width > wide and page.height > high
        else:
            assert page.size == (wide, high)
        assert len(set(page.convert("L").tobytes())) > 20  # something is drawn


def test_nuisances_are_drawn_and_labels_stand_beside_their_rows(tmp_path):
    assert cli.main(["faces", str(tmp_path / "sheet.webp"), "--sheet", "nuisances", "--size", "16"]) == 0
    assert (tmp_path / "sheet.webp").stat().st_size > 1000
    page = sheet.sheet(torch.rand(6, 3, 16, 16), 2, ["one", "two", "three"], ["0", "1"])
    left, top = page.width - 2 * 18 - 2, page.height - 3 * 18 - 2
    for row in range(3):
        beside = page.crop((0, top + 18 * row, left, top + 18 * (row + 1))).convert("L")
        assert beside.getextrema()[0] < 128 and beside.getextrema()[1] == 255


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nowhere/sheet.png"], "nowhere is not there"),
        (["sheet.txt"], ".png"),
        (["."], ".png"),
        (["sheet.png", "--sheet", "cats"], "nuisances"),
        (["sheet.png", "--count", "0"], "at least 1"),
        (["sheet.png", "--size", "8"], "16 to 1024"),
        (["sheet.png", "--size", "2000"], "16 to 1024"),
        (["sheet.png", "--sheet", "traits", "--count", "3"], "takes no count"),
        (["sheet.png", "--sheet", "person", "--frontal"], "takes no frontal"),
    ],
)
def test_a_sheet_that_cannot_be_is_refused(arguments, word, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["faces", *arguments]) == 2
    assert word in capsys.readouterr().err and not list(tmp_path.iterdir())
