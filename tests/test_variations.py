"""What degrades a picture: nothing at strength 0, more at more, the same for the same seed, and as physics has it."""

import io
import math
from itertools import pairwise, product

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from salon.faces import variations
from salon.faces.people import sample_people
from salon.faces.pixels import as_bytes
from salon.faces.render import render, sample_views
from salon.faces.variations import DEGRADE, GAMMA, MOST_COVERED, augment, camera, degrade
from salon.words import SalonError

NO_DRAW = ("low_resolution", "defocus", "jpeg")  # what is done does not hang on the seed


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return render(sample_people(4, 3), sample_views(4, 2), 64)


@pytest.mark.parametrize("name", DEGRADE)
def test_strength_zero_is_the_picture_itself_and_more_changes_more(pictures, name: str):
    assert torch.equal(degrade(pictures, name, 0.0, seed=1), pictures)
    if name != "colour_cast":
        assert degrade(pictures[:, :1], name, 0.5, seed=1).shape == (4, 1, 64, 64)  # grey stays grey
    seen = [degrade(pictures, name, strength, seed=1) for strength in (0.2, 0.5, 0.8, 1.0)]
    changes = [(after - pictures).square().mean((1, 2, 3)) for after in seen]
    for less, more in pairwise(changes):
        assert (less > 0).all() and (less < more).all()


@pytest.mark.parametrize("name", DEGRADE)
def test_each_picture_has_its_own_strength_and_is_the_same_in_a_batch(pictures, name: str):
    strengths = torch.tensor([0.6, 0.0, 0.9, 0.3])
    together = degrade(pictures, name, strengths, seed=5)
    assert torch.equal(together, degrade(pictures, name, strengths, seed=5))
    assert torch.equal(together[1], pictures[1]) and together.min() >= 0 and together.max() <= 1
    # Sums of another order differ in the last bits, and the root of near-black light makes them larger; 1/510 is
    # half a byte.
    assert torch.allclose(degrade(pictures[:1], name, 0.6, seed=5)[0], together[0], atol=1 / 510)
    if name in NO_DRAW:
        assert torch.allclose(degrade(pictures[2:3], name, 0.9, seed=6)[0], together[2], atol=1 / 510)
    else:
        others = [degrade(pictures, name, strengths, seed) for seed in range(6, 16)]  # two sides are soon the same
        assert any(not torch.allclose(other, together, atol=0.02) for other in others)


def test_occlusion_blacks_out_that_many_blocks():
    strengths = torch.tensor([0.25, 0.5, 1.0])
    covered = 1 - degrade(torch.ones(3, 3, 49, 49), "occlusion", strengths, seed=0).mean((1, 2, 3))
    assert torch.allclose(covered, (strengths * variations.MOST_COVERED * 49).round() / 49, atol=1e-6)


def test_defocus_is_a_convolution_with_a_disc_in_linear_light(pictures):
    strength, image = 0.4, pictures[:1, :1]
    radius = strength * variations.MOST_DEFOCUS * 64 / 2
    reach = math.ceil(radius) + 1
    kernel = torch.zeros(2 * reach + 1, 2 * reach + 1)
    for row, column in product(range(2 * reach + 1), repeat=2):  # slowly, pixel by pixel
        kernel[row, column] = min(1, max(0, radius + 1 - math.hypot(row - reach, column - reach)))
    light = F.pad(image**GAMMA, (reach,) * 4, mode="replicate")
    expected = F.conv2d(light, (kernel / kernel.sum())[None, None]) ** (1 / GAMMA)
    assert torch.allclose(degrade(image, "defocus", strength), expected, atol=1e-4)  # float32 spectra


def test_a_moving_camera_makes_a_point_a_line_of_its_length():
    point = torch.zeros(8, 1, 65, 65)
    point[..., 32, 32] = 1
    light = degrade(point, "motion_blur", 0.8, seed=0)[:, 0] ** GAMMA
    places = torch.arange(65.0) - 32
    variance = (light * (places[:, None] ** 2 + places**2)).sum((1, 2)) / light.sum((1, 2))
    length = (12 * variance).sqrt()  # of an even line, in whichever direction
    assert (length - 0.8 * variations.MOST_MOTION * 65).abs().max() < 2  # the rim is a pixel soft
    assert not torch.allclose(light[0], light[1], atol=1e-3)  # another direction


def test_noise_has_a_variance_linear_in_the_light():
    light = torch.tensor([0.3, 0.5, 0.7])
    flat = (light ** (1 / GAMMA)).view(-1, 1, 1, 1).expand(3, 3, 96, 96)
    strength = 0.2  # too little to be clipped
    noisy = degrade(flat, "noise", strength, seed=0) ** GAMMA
    expected = strength**2 * (variations.SHOT_NOISE**2 * light + variations.READ_NOISE**2)
    # 27,648 pixels: the relative error of a variance is sqrt(2 / n) = 0.9 %; four of these
    assert torch.allclose(noisy.var((1, 2, 3)), expected, rtol=0.035)


def test_jpeg_is_what_pillow_makes_of_the_file(pictures):
    worst = degrade(pictures[:1], "jpeg", 1.0)
    before, after = (as_bytes(images[0]).permute(1, 2, 0).numpy() for images in (pictures, worst))
    file = io.BytesIO()
    Image.fromarray(before).save(file, "JPEG", quality=variations.WORST_JPEG)
    assert np.array_equal(after, np.asarray(Image.open(file)))


def test_exposure_loses_lights_or_shadows_for_good():
    light = torch.tensor([1e-3, 2e-3, 0.3, 0.5])
    images = (light ** (1 / GAMMA)).expand(16, 1, 4, 4)
    out = degrade(images, "exposure", 1.0, seed=0)[:, 0, 0]
    bright = out[:, 3] > images[0, 0, 0, 3]
    assert bright.any() and not bright.all()
    assert (out[bright, 2:] == 1).all() and (out[~bright, :2] == 0).all()  # two tones that cannot be told apart
    middle = degrade(torch.full((16, 3, 4, 4), 0.1 ** (1 / GAMMA)), "exposure", 0.5, seed=0) ** GAMMA
    stops = torch.log2(middle.amin((1, 2, 3)) / 0.1)
    assert torch.allclose(stops[stops > 0], torch.tensor(0.5 * variations.MOST_STOPS), atol=1e-3)


def test_a_colour_cast_shifts_the_balance_and_not_the_product():
    grey = torch.full((16, 3, 4, 4), 0.2 ** (1 / GAMMA))
    stops = torch.log2(degrade(grey, "colour_cast", 0.8, seed=0)[..., 0, 0] ** GAMMA / 0.2)
    assert torch.allclose(stops.sum(1), torch.zeros(16), atol=1e-4)
    assert (stops.abs().amax(1) > 0.8 * variations.MOST_CAST * 0.86).all()  # one of three hues is within 30 degrees
    assert stops.abs().max() <= 0.8 * variations.MOST_CAST + 1e-4


@pytest.mark.parametrize(
    ("images", "name", "strength", "word"),
    [
        (torch.rand(1, 3, 32, 32), "fog", 0.5, "motion_blur"),
        (torch.rand(1, 3, 32, 32), "defocus", 1.5, "0 (none)"),
        (torch.rand(1, 3, 32, 32), "noise", float("nan"), "nan"),
        (torch.rand(4, 3, 32, 32), "noise", torch.rand(3), "3 strengths came for noise; expected one, or 4"),
        (torch.rand(0, 3, 32, 32), "pose", 0.5, "at least 1"),
        (torch.rand(3, 32, 32), "pose", 0.5, "[B, C, H, W]"),
        (torch.rand(1, 1, 32, 32), "colour_cast", 0.5, "C of 3"),
    ],
)
def test_bad_values_are_named(images: torch.Tensor, name: str, strength: float, word: str):
    with pytest.raises(SalonError) as error:
        degrade(images, name, strength, seed=0)
    assert word in str(error.value)


def test_augment_labels_what_it_did_weakly_and_strongly_alike():
    images, turned = torch.full((400, 1, 28, 28), 0.5), torch.full((400, 1, 28, 28), 0.8)
    out, labels = augment(images, turned, torch.Generator().manual_seed(0), probability=0.3)
    assert ((out.amax((1, 2, 3)) > 0.7) <= (labels[:, 2] > 0)).all()
    assert ((out.amin((1, 2, 3)) == 0) == (labels[:, 1] > 0)).all()
    assert (labels.mean(0) - 0.3).abs().max() < 0.08  # 400 draws: three standard deviations are 0.07
    plain, none = augment(images, turned, torch.Generator().manual_seed(0), probability=0.0)
    assert torch.equal(plain, images) and none.sum() == 0
    white = torch.ones(400, 1, 28, 28)
    out, _ = augment(white, white, torch.Generator().manual_seed(0), probability=1.0)
    strengths = (1 - out.mean((1, 2, 3))) / MOST_COVERED  # even from 1/4 to 1
    assert 0.22 < strengths.min() < 0.3 and strengths.max() > 0.95
    assert strengths.mean() == pytest.approx(0.625, abs=0.04)


@pytest.mark.parametrize("shape", [(1, 3, 64, 64), (9, 1, 48, 48), (5, 1, 45, 45)])
def test_camera_keeps_shape_and_range_is_seeded_and_leaves_its_input(shape: tuple[int, ...]):
    images = torch.rand(shape)
    before = images.clone()
    for seed in range(5):  # so that each share is once nobody
        a, b = (camera(images, torch.Generator().manual_seed(seed)) for _ in range(2))
        assert torch.equal(a, b) and a.shape == images.shape and a.min() >= 0 and a.max() <= 1
    assert torch.equal(images, before)


def test_camera_makes_each_picture_different_and_leaves_the_face(pictures):
    """Snapshots of one picture vary, yet lie nearer to it (or to its mirror image) than to another person's."""
    grey = F.interpolate(pictures.mean(1, keepdim=True), (24, 24), mode="area")
    seen = camera(grey.repeat_interleave(50, 0), torch.Generator().manual_seed(0))
    assert seen.std(0).mean() > 0.05

    def shape(x: torch.Tensor) -> torch.Tensor:
        return F.normalize(x.flatten(1) - x.flatten(1).mean(1, keepdim=True), dim=1)

    likeness = torch.maximum(shape(seen) @ shape(grey).T, shape(seen.flip(-1)) @ shape(grey).T)
    right = likeness.argmax(1) == torch.arange(4).repeat_interleave(50)
    assert right.float().mean() > 0.5  # by raw pixels; by chance 0.25


def test_recalled_variations_blur_and_cover_as_they_say():
    g = torch.Generator().manual_seed(0)
    images, turned = torch.rand(64, 1, 35, 35, generator=g), torch.zeros(64, 1, 35, 35)
    out, labels = variations.augment_as_recalled(images, turned, torch.Generator().manual_seed(1), 0.5)
    plain = labels.sum(1) == 0
    assert torch.equal(out[plain], images[plain])
    only = [(labels[:, t] == 1) & (labels.sum(1) == 1) for t in range(3)]
    assert torch.equal(out[only[2]], turned[only[2]])
    black = (out[only[1]] == 0).float().mean((1, 2, 3)) * 49  # of 7 x 7 blocks of 5 x 5 pixels
    assert torch.allclose(black, black.round(), atol=1e-3) and black.min() >= 1 and black.max() <= 24
    assert (out[only[0]].std((1, 2, 3)) < images[only[0]].std((1, 2, 3))).all()
