"""Rendered people: the same numbers give the same pixels, a turn is a turn, and what is degraded is named."""

import io

import pytest
import torch
import torch.nn.functional as F

from salon.faces.people import TRAITS, People, sample_people, split_people
from salon.faces.pixels import from_webp, lay_out, to_webp
from salon.faces.render import frontal_views, render, sample_views
from salon.words import SalonError


def test_people_are_the_same_for_the_same_seed_and_splits_share_nobody():
    assert torch.equal(sample_people(5, 1).numbers, sample_people(9, 1).numbers[:5])
    rows = torch.cat([split_people(s, 200).numbers for s in ("train", "validation", "test")])
    assert len(rows.unique(dim=0)) == 600


def test_a_trait_is_changed_alone_and_shows():
    person = sample_people(1, 4)
    longer = person.with_trait("nose_length", 2.5)
    changed = (longer.numbers != person.numbers).nonzero()[:, 1].tolist()
    assert [TRAITS[i] for i in changed] == ["nose_length"]
    assert not torch.allclose(render(person, frontal_views(1)), render(longer, frontal_views(1)))


def test_pictures_are_in_range_and_do_not_depend_on_the_batch():
    people, views = sample_people(20, 0), sample_views(20, 1)
    together = render(people, views, 32)
    assert together.shape == (20, 3, 32, 32) and together.min() >= 0 and together.max() <= 1
    alone = render(people[13], views[[13]], 32)
    # float32 sums in another order differ in the last bits; a byte is 1/255
    assert (together[13] - alone[0]).abs().max() < 1 / 510


def test_the_same_person_is_nearer_than_another_from_another_side():
    people = sample_people(12, 5)
    a, b = (render(people, frontal_views(12, light_azimuth=x), 32).flatten(1) for x in (-20.0, 20.0))
    scores = F.normalize(a - a.mean(0), dim=1) @ F.normalize(b - b.mean(0), dim=1).T
    assert (scores.argmax(1) == torch.arange(12)).float().mean() > 0.8


def test_a_turn_moves_the_nose_to_its_side_and_mirrors():
    """Dark nostrils and the silhouette: turned to the right, more background is seen on the right."""
    person = sample_people(1, 6)
    views = frontal_views(2, yaw=torch.tensor([50.0, -50.0]), light_azimuth=0.0)
    right, left = render(person, views, 64)
    plain = 0.22**0.5  # the background of seed 0
    seen = [((image - plain).abs().amax(0) < 0.01).float().mean(0) for image in (right, left)]  # by column
    assert seen[0][40:].mean() > seen[0][:24].mean() + 0.2
    assert seen[1][:24].mean() > seen[1][40:].mean() + 0.2


def test_eyes_are_where_the_template_has_them():
    """At the field's eyes (of 112 px: 38, 52 and 74, 52) pupils and lashes are darker than the cheeks below."""
    people = sample_people(40, 7).with_trait("melanin", -1)
    mean = render(people, frontal_views(40, light_azimuth=0.0), 112).mean(1)
    for x in (38, 74):
        eye, cheek = mean[:, 49:55, x - 5 : x + 6].mean((1, 2)), mean[:, 66:72, x - 5 : x + 6].mean((1, 2))
        assert (eye < cheek - 0.05).float().mean() > 0.9


@pytest.mark.parametrize("count", [1, 20, 21])  # less than a row of a sheet, a row, more
def test_a_sheet_gives_its_pictures_back(count):
    images = torch.randint(0, 256, (count, 3, 16, 16), dtype=torch.uint8)
    files = (to_webp(x, 20, lossless=True, quality=100, method=0) for x in (images, images / 255))
    assert all(torch.equal(from_webp(io.BytesIO(file), 16, count), images) for file in files)


def test_pictures_are_laid_out_in_reading_order_with_gaps_between():
    sheet = lay_out(torch.arange(1.0, 4)[:, None, None, None].expand(-1, 1, 1, 2), columns=2, gap=1, fill=9)
    assert sheet.tolist() == [
        [[9] * 7, [9, 1, 1, 9, 2, 2, 9], [9] * 7, [9, 3, 3, 9, 9, 9, 9], [9] * 7],
    ]


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: sample_people(0, 1), "at least 1"),
        (lambda: split_people("trian", 3), "validation"),
        (lambda: sample_people(2, 0).trait("nose"), "nose_length"),
        (lambda: People(torch.full((1, len(TRAITS)), float("nan"))), "NaN"),
        (lambda: frontal_views(1, yaw=120), "-90..90"),
        (lambda: frontal_views(1, smile=float("nan")), "0..1"),
        (lambda: frontal_views(1, grin=1), "smile"),
        (lambda: render(sample_people(1, 0), frontal_views(1), 8), "16 to 1024"),
        (lambda: render(sample_people(2, 0), frontal_views(3)), "equal counts"),
        (lambda: frontal_views(0), "zero views"),
        (lambda: render(People(sample_people(1, 0).numbers[:0]), frontal_views(1)), "0 people"),
    ],
)
def test_bad_values_are_named(call, word):
    with pytest.raises(SalonError) as error:
        call()
    assert word in str(error.value)
