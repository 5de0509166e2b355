"""Rendered people: the same numbers give the same pixels, a turn is a turn, and what is degraded is named."""

import pytest
import torch
import torch.nn.functional as F

from salon.faces import variations
from salon.faces.people import TRAITS, People, sample_people, split_people
from salon.faces.render import Views, frontal_views, render, sample_views
from salon.faces.variations import augment, camera, degrade, pose_yaw
from salon.text import SalonError


@pytest.fixture(scope="module")
def picture() -> torch.Tensor:
    return render(sample_people(1, 3), frontal_views(1), 64)


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
    mean = render(
        sample_people(40, 7).with_trait("melanin", -1), frontal_views(40, light_azimuth=0.0), 112
    ).mean(1)
    for x in (38, 74):
        eye, cheek = mean[:, 49:55, x - 5 : x + 6].mean((1, 2)), mean[:, 66:72, x - 5 : x + 6].mean((1, 2))
        assert (eye < cheek - 0.05).float().mean() > 0.9


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
        (lambda: degrade(torch.rand(1, 3, 32, 32), "fog", 0.5), "occlusion"),
        (lambda: degrade(torch.rand(1, 3, 32, 32), "defocus", 1.5), "0 (none)"),
    ],
)
def test_bad_values_are_named(call, word):
    with pytest.raises(SalonError) as error:
        call()
    assert word in str(error.value)


@pytest.mark.parametrize("name", ["low_resolution", "occlusion", "pose", "defocus"])
def test_strength_zero_changes_nothing_and_more_changes_more(picture, name):
    changes = [
        (degrade(picture, name, s, seed=1) - picture).abs().mean().item() for s in (0.0, 0.3, 0.6, 1.0)
    ]
    assert changes[0] < 2e-3  # the 2.5-D warp resamples even at 0 degrees
    assert changes[0] < changes[1] < changes[2] < changes[3]
    assert torch.equal(degrade(picture, name, 0.7, seed=5), degrade(picture, name, 0.7, seed=5))


def test_without_a_seed_torchs_own_decides_and_is_left_seeded(picture):
    torch.manual_seed(3)
    first, after = degrade(picture, "occlusion", 0.5), torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(degrade(picture, "occlusion", 0.5), first) and torch.equal(torch.rand(1), after)


def test_occlusion_blacks_out_that_many_blocks(picture):
    ones = torch.ones(3, 3, 49, 49)
    covered = 1 - degrade(ones, "occlusion", torch.tensor([0.25, 0.5, 1.0]), seed=0).mean((1, 2, 3))
    expected = torch.tensor([round(s * variations.MOST_COVERED * 49) / 49 for s in (0.25, 0.5, 1.0)])
    assert torch.allclose(covered, expected, atol=1e-6)


def test_augment_labels_what_it_did():
    images, turned = torch.full((400, 1, 28, 28), 0.5), torch.full((400, 1, 28, 28), 0.8)
    out, labels = augment(images, turned, torch.Generator().manual_seed(0), probability=0.3)
    assert ((out.amax((1, 2, 3)) > 0.7) <= (labels[:, 2] > 0)).all()
    assert ((out.amin((1, 2, 3)) == 0) == (labels[:, 1] > 0)).all()
    assert (labels.mean(0) - 0.3).abs().max() < 0.08  # 400 draws: three standard deviations are 0.07
    plain, none = augment(images, turned, torch.Generator().manual_seed(0), probability=0.0)
    assert torch.equal(plain, images) and none.sum() == 0


def test_camera_keeps_range_and_is_seeded(picture):
    a, b = (camera(picture.repeat(4, 1, 1, 1), torch.Generator().manual_seed(2)) for _ in range(2))
    assert torch.equal(a, b) and a.min() >= 0 and a.max() <= 1 and not torch.equal(a[0], a[1])


def test_pose_yaw_and_views_by_index():
    assert pose_yaw(0.0) == 0 and pose_yaw(1.0) == 75
    views = sample_views(6, 0)
    assert isinstance(views[2:4], Views) and torch.equal(views[2:4].yaw, views.yaw[2:4])
