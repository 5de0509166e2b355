"""Every nuisance by its name, and the contact sheets that show them."""

import pytest
import torch
from PIL import Image

from salon import cli
from salon.faces import sheet
from salon.faces.nuisances import NUISANCES, seen_under
from salon.faces.people import sample_people
from salon.faces.render import LIMITS, frontal_views, render
from salon.faces.variations import DEGRADE
from salon.words import SalonError

# What a view holds that is no nuisance of its own: part of another one, of the person's own look, or a seed.
NO_NUISANCE = {"light_elevation", "ambient", "exposure", "gaze", "haircut", "shave", "background"}
OF_VIEWS = [name for name, nuisance in NUISANCES.items() if nuisance.field]


def test_the_registry_reaches_every_value_of_a_view_and_every_degradation():
    moved = {NUISANCES[name].field for name in OF_VIEWS}
    assert moved | NO_NUISANCE == {*LIMITS} and not moved & NO_NUISANCE
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


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["nowhere/sheet.png"], "nowhere is not there"),
        (["sheet.txt"], ".png"),
        (["."], ".png"),
        (["sheet.png", "--sheet", "cats"], "nuisances"),
        (["sheet.png", "--count", "0"], "from 1 to"),
        (["sheet.png", "--size", "8"], "16 to 1,024"),
        (["sheet.png", "--size", "2000"], "16 to 1,024"),
        (["sheet.png", "--sheet", "traits", "--count", "3"], "takes no count"),
        (["sheet.png", "--sheet", "person", "--frontal"], "takes no frontal"),
    ],
)
def test_a_sheet_that_cannot_be_is_refused(arguments, word, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    try:
        status: object = cli.main(["faces", *arguments])
    except SystemExit as end:  # what argparse refuses
        status = end.code
    assert status == 2 and word in capsys.readouterr().err and not list(tmp_path.iterdir())
