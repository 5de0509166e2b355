"""Rendered people: the same numbers give the same pixels, what is known of a picture is true of it, all shows."""

import io
import subprocess
import sys

import pytest
import torch

from salon.faces.people import TRAITS, People, sample_people, split_people
from salon.faces.pixels import digest, from_webp, lay_out, to_webp
from salon.faces.render import frontal_views, render, sample_views, truth
from salon.words import SalonError

SCRIPT = """
import torch
from salon.faces.pixels import digest
from salon.faces.people import sample_people
from salon.faces.render import render, sample_views
torch.set_num_threads(1)
print(digest(render(sample_people(30, 4), sample_views(30, 5), 32)))
"""


def test_the_same_seed_gives_the_same_bytes_in_another_process():
    there = subprocess.check_output([sys.executable, "-c", SCRIPT], text=True).strip()
    assert there == digest(render(sample_people(30, 4), sample_views(30, 5), 32))


def test_landmarks_meet_the_template_and_the_nose_is_nearest():
    people = sample_people(30, 1)
    landmarks, depth, cover = truth(people, frontal_views(30), 112)
    eyes, mouth = landmarks[:, :2].mean(1), landmarks[:, 3:].mean(1)
    # the field's five points in 112 px: eyes at 52, mouth at 92, both centred; half a pixel is where centres lie
    assert torch.allclose((eyes + mouth) / 2, torch.tensor([55.5, 71.5]).expand(30, 2), atol=0.5)
    assert ((eyes[:, 1] - 51.5).abs() < 1.5).all()  # 0.3 px in the mean; odd faces are not stretched
    y, x = landmarks[:, 2, 1].round().long(), landmarks[:, 2, 0].round().long()
    at_nose = depth[torch.arange(30), y, x]
    assert (at_nose > depth.flatten(1).amax(1) - 0.06).all() and cover[:, 56, 56].min() == 1


def test_landmarks_turn_with_the_head():
    landmarks = truth(sample_people(1, 3), frontal_views(3, yaw=torch.tensor([-60.0, 0.0, 60.0]))).landmarks
    offset = landmarks[:, 2, 0] - landmarks[:, :2, 0].mean(1)  # of the nose from the eyes
    assert offset[0] < -8 and abs(float(offset[1])) < 1 and offset[2] > 8
    (rolled,) = truth(sample_people(1, 3), frontal_views(1, roll=20.0)).landmarks
    right, down = rolled[1] - rolled[0]
    assert torch.rad2deg(torch.atan2(down, right)) == pytest.approx(20, abs=2)  # eyes are not quite level


def test_depth_is_the_relief_seen_from_the_side():
    """A head turned by 90 degrees lies as deep as it was wide: depth and silhouette belong to one body."""
    person = sample_people(1, 8)
    front, side = truth(person, frontal_views(1), 64), truth(person, frontal_views(1, yaw=90), 64)
    deep = front.depth[0][front.cover[0] > 0.5].max()
    columns = (side.cover[0] > 0.5).any(0).nonzero()
    assert deep > 0.8 and len(columns) > 30


def test_people_blend_and_keep_their_ends():
    a, b = sample_people(3, 1), sample_people(3, 2)
    assert torch.equal(a.blend(b, 0).numbers, a.numbers) and torch.equal(a.blend(b, 1).numbers, b.numbers)
    steps = render(a[0].blend(b[0], torch.linspace(0, 1, 9)), frontal_views(9), 32)
    jumps = (steps[1:] - steps[:-1]).abs().mean((1, 2, 3))  # a path, not a switch: even steps are an eighth
    assert jumps.max() < 0.5 * (steps[-1] - steps[0]).abs().mean()


WHERE = {"mask": slice(50, 62), "cap": slice(0, 14), "sunglasses": slice(26, 36), "glasses": slice(22, 40)}


@pytest.mark.parametrize(("name", "rows"), WHERE.items())
def test_what_is_worn_covers_more_with_its_strength(name, rows):
    amounts = torch.tensor([0.0, 0.3, 0.6, 1.0])
    seen = render(sample_people(1, 5), frontal_views(4, **{name: amounts}), 64)
    changed = (seen - seen[0]).abs().mean((1, 2, 3))
    assert changed[0] == 0 and (changed[1:] > 0.001).all() and changed[3] > changed[1]
    assert (seen[3] - seen[0])[:, rows].abs().mean() > (seen[3] - seen[0]).abs().mean()


def test_a_hard_lamp_casts_a_shadow_and_a_soft_one_none():
    people, side = sample_people(6, 2), {"light_azimuth": 75.0, "light_elevation": 10.0, "ambient": 0.2}
    none, soft, hard = (render(people, frontal_views(6, hardness=h, **side), 64) for h in (0.0, 0.5, 1.0))
    nose_side = (slice(None), slice(None), slice(36, 46), slice(20, 28))  # the cheek away from the lamp
    assert hard[nose_side].mean() < soft[nose_side].mean() < none[nose_side].mean()


def test_left_and_right_of_a_person_differ_in_marks_and_shape():
    people, view = sample_people(20, 3), frontal_views(20, light_azimuth=0.0)
    even = people.with_trait("asymmetry", 0.0).with_trait("skew", 0.0).with_trait("moles", -3.0)
    faces = [render(who, view)[:, :, 16:60, 12:52] for who in (people, even)]
    unlike, alike = ((x - x.flip(-1)).abs().mean((1, 2, 3)).median() for x in faces)
    assert unlike > 1.1 * alike


def test_the_background_knows_nothing_of_the_person():
    views = frontal_views(2, background=9.0)
    corners = render(sample_people(2, 6), views, 64)[:, :, :4, :2]
    assert torch.equal(corners[0], corners[1]) and corners.std() > 0


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


@pytest.mark.parametrize("count", [1, 20, 21])  # less than a row of a sheet, a row, more
def test_a_sheet_gives_its_pictures_back(count):
    images = torch.randint(0, 256, (count, 3, 16, 16), dtype=torch.uint8)
    files = (to_webp(x, 20, lossless=True, quality=100, method=0) for x in (images, images / 255))
    assert all(torch.equal(from_webp(io.BytesIO(file), 16, count), images) for file in files)


def test_pictures_are_laid_out_in_reading_order_with_gaps_between():
    sheet = lay_out(torch.arange(1.0, 4)[:, None, None, None].expand(-1, 1, 1, 2), columns=2, gap=1, fill=9)
    assert sheet.tolist() == [[[9] * 7, [9, 1, 1, 9, 2, 2, 9], [9] * 7, [9, 3, 3, 9, 9, 9, 9], [9] * 7]]


@pytest.mark.parametrize(
    ("call", "word"),
    [
        (lambda: sample_people(0, 1), "from 1 to"),
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
