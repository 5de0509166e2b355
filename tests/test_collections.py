"""Images as people have them are read right, and what cannot be read is refused with a sentence."""

import numpy as np
import pytest
import torch
from PIL import Image

from salon.faces.collections import list_people, read_image, read_images, read_pairs, write_pairs
from salon.words import SalonError

STEP = 1 / 255  # one step of 8 bits
RAMP = np.linspace(0, 1, 20 * 24).reshape(24, 20)  # [H, W], taller than wide, every value once
RGB = np.stack([RAMP, 1 - RAMP, RAMP / 2], axis=2)  # three channels that cannot be confused
ALPHA = np.tile(np.linspace(0, 1, 20), (24, 1))
RGBA, LA = np.dstack([RGB, ALPHA]), np.dstack([RAMP, ALPHA])
INDEX = np.arange(480).reshape(24, 20) % 3
SOLID = np.eye(3)[INDEX]


def eight(values):
    return np.round(values * 255).astype(np.uint8)


def sixteen(values):
    return np.round(values * 65535).astype(np.uint16)


def palette(**info):
    image = Image.fromarray(INDEX.astype(np.uint8), "P")
    image.putpalette(eight(np.eye(3)).tobytes())
    image.info |= info
    return image


def over_grey(pixels):
    """Transparency [H, W, C + 1] as it is to be seen, [H, W, C]."""
    colour, alpha = pixels[..., :-1], pixels[..., -1:]
    return colour * alpha + 0.5 * (1 - alpha)


def store(path, image, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".pgm" and image.mode == "I;16":  # which Pillow 10.1 reads, but cannot write
        high_first = np.asarray(image).astype(">u2").tobytes()
        path.write_bytes(f"P5 {image.width} {image.height} 65535\n".encode() + high_first)
    else:
        image.save(path, **options)
    return path


def check(image, expected, atol=STEP):
    """A read image against [H, W], [H, W, 1] or [H, W, 3] in 0..1."""
    expected = np.atleast_3d(expected).astype(float) * np.ones(3)
    assert image.dtype == torch.float32 and image.is_contiguous()
    np.testing.assert_allclose(image.permute(1, 2, 0).numpy(), expected, atol=atol)


@pytest.mark.parametrize(
    ("name", "stored", "seen", "atol"),
    [
        *((f"grey.{suffix}", eight(RAMP), RAMP, STEP) for suffix in ("png", "pgm", "bmp", "webp")),
        *((f"grey.{suffix}", eight(RAMP), RAMP, 2 * STEP) for suffix in ("jpg", "JPEG")),  # rounds once more
        ("rgb.png", eight(RGB), RGB, STEP),
        ("grey16.png", sixteen(RAMP), RAMP, 1 / 65535),  # scaled, not clipped
        ("grey16.pgm", sixteen(RAMP), RAMP, 1 / 65535),
        ("rgba.png", eight(RGBA), over_grey(RGBA), 1.5 * STEP),
        ("rgba.webp", eight(RGBA), over_grey(RGBA), 1.5 * STEP),
        ("la.png", eight(LA), over_grey(LA), 1.5 * STEP),
        ("palette.png", palette(), SOLID, STEP),
        ("clear.png", palette(transparency=1), np.where(INDEX[..., None] == 1, 0.5, SOLID), STEP),
        ("bits.png", RAMP > 0.5, RAMP > 0.5, STEP),
    ],
)
def test_every_kind_of_file(tmp_path, name, stored, seen, atol):
    image = stored if isinstance(stored, Image.Image) else Image.fromarray(stored)
    check(read_image(store(tmp_path / name, image, quality=100, lossless=True, exact=True)), seen, atol)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_as_the_camera_says(tmp_path, orientation):
    upright = np.round(np.kron(RAMP[::8, ::10], np.ones((16, 16))) * 255).astype(np.uint8)
    stored = {
        1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1], 5: upright.T,
        6: np.rot90(upright), 7: upright[::-1, ::-1].T, 8: np.rot90(upright, -1),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    for name, options in (("photo.jpg", {"quality": 100}), ("photo.png", {})):
        path = store(tmp_path / name, Image.fromarray(np.ascontiguousarray(stored)), exif=exif, **options)
        check(read_image(path), upright / 255, 2 * STEP)


def test_size_cuts_the_centred_square_and_does_not_stretch(tmp_path):
    yy, xx = np.mgrid[:112, :92]
    disc = ((yy - 55.5) ** 2 + (xx - 45.5) ** 2 < 40**2).astype(float)
    path = store(tmp_path / "disc.png", Image.fromarray(eight(disc)))
    image = read_image(path, 48)[0]
    assert image.shape == (48, 48)
    assert torch.allclose(image, image.T, atol=0.02)  # a disc stays a disc
    assert torch.allclose(image, image.flip(0), atol=1e-5)  # in the middle
    assert image.sum() == pytest.approx(np.pi * 40**2 * (48 / 92) ** 2, rel=0.02)
    check(read_image(path), disc)  # whole without a size
    lines = np.tile([0.0, 1.0], (200, 100))
    image = read_image(store(tmp_path / "lines.png", Image.fromarray(eight(lines))), 30)
    assert (image[:, :, 1:-1] - 0.5).abs().max() < 0.05  # lines too fine to see are grey, not moiré


def test_what_is_no_image_is_refused(tmp_path):
    (tmp_path / "text.jpg").write_text("this is no photograph\n" * 20)
    (tmp_path / "empty.png").write_bytes(b"")
    store(tmp_path / "tiny.png", Image.new("L", (15, 40)))
    for name, says in {
        "none.jpg": "none.jpg cannot be read as an image .*No such file",
        "": "cannot be read as an image .*directory",
        "text.jpg": "text.jpg cannot be read as an image",
        "empty.png": "empty.png cannot be read as an image",
        "tiny.png": "tiny.png is 15×40 pixels; expected at least 16×16",
    }.items():
        with pytest.raises(SalonError, match=says):
            read_image(tmp_path / name)


@pytest.mark.parametrize("suffix", ["jpg", "png", "pgm", "bmp", "webp"])
@pytest.mark.parametrize("part", [0.02, 0.5, 0.95])
def test_a_truncated_image_is_refused(tmp_path, suffix, part):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3)).astype(np.uint8)
    path = store(tmp_path / f"cut.{suffix}", Image.fromarray(noise[..., 0] if suffix == "pgm" else noise))
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * part)])
    with pytest.raises(SalonError, match=rf"cut.{suffix} cannot be read as an image"):
        read_image(path)


# --- people and pairs ---


def collection(root, counts, name=lambda person, n: f"{n}.png"):
    """A folder per person with so many images each."""
    for person, count in counts.items():
        for n in range(1, count + 1):
            store(root / person / name(person, n), Image.new("L", (16, 16), n))
    return root


def lfw_name(person, n):
    return f"{person}_{n:04d}.jpg"


def test_people_come_in_natural_order(tmp_path):
    root = collection(tmp_path, {"s10": 11, "s2": 1, "s1": 2})
    (root / "README").write_text("not a person")
    (root / "notes").mkdir()
    (root / ".hidden").mkdir()
    (root / "s1" / ".DS_Store").write_bytes(b"")
    people = list_people(root)
    assert list(people) == ["s1", "s2", "s10"]
    assert [file.stem for file in people["s10"]] == [str(n) for n in range(1, 12)]


def test_a_folder_without_people_is_refused(tmp_path):
    file = store(tmp_path / "flat" / "flat.png", Image.new("L", (16, 16)))
    for folder, says in {
        tmp_path / "none": "does not exist; expected a folder",
        file.parent: "no people: 1 images",
        file: "is a file",
    }.items():
        with pytest.raises(SalonError, match=says):
            list_people(folder)


@pytest.fixture
def faces(tmp_path):
    return collection(tmp_path / "faces", {"Ann_Lee": 3, "Bo": 3, "Cy": 2}, lfw_name)


def pairs_file(tmp_path, text):
    path = tmp_path / "pairs.txt"
    path.write_text(text, encoding="utf-8")
    return path


FOLD = "Ann_Lee\t1\t3\nBo\t1\t2\nAnn_Lee\t2\tBo\t3\nBo\t1\tCy\t2\n"


@pytest.mark.parametrize(
    ("text", "folds"),
    [
        ("2\t2\n" + 2 * FOLD, [0] * 4 + [1] * 4),
        ("2\n" + FOLD, [0] * 4),
        (FOLD, [0] * 4),
        ("\ufeff2 2\r\n" + (2 * FOLD).replace("\t", "  ").replace("\n", " \r\n"), [0] * 4 + [1] * 4),
    ],
)
def test_pairs_with_every_kind_of_header(tmp_path, faces, text, folds):
    pairs = read_pairs(pairs_file(tmp_path, text), faces)
    assert len(pairs) == len(folds) and pairs.fold.tolist() == folds
    assert pairs.same[:4].tolist() == [True, True, False, False]
    assert [file.name for file in pairs.first[:3]] == ["Ann_Lee_0001.jpg", "Bo_0001.jpg", "Ann_Lee_0002.jpg"]
    assert [file.name for file in pairs.second[:3]] == ["Ann_Lee_0003.jpg", "Bo_0002.jpg", "Bo_0003.jpg"]
    assert all(file.is_file() for file in pairs.first + pairs.second)


def test_numbers_mean_files_of_other_names_too(tmp_path):
    root = collection(tmp_path / "faces", {"s1": 10, "s10": 2})
    store(root / "s1" / "holiday.png", Image.new("L", (16, 16)))  # follows the numbered ones
    pairs = read_pairs(pairs_file(tmp_path, "s1 2 10\ns1 11 s10 1\n"), root)
    files = [file.name for file in (*pairs.first, *pairs.second)]
    assert files == ["2.png", "holiday.png", "10.png", "1.png"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (FOLD + "Dan\t1\t2\n", r"Line 5 of .*pairs.txt names image 1 of 'Dan', who has no folder of images"),
        ("2\n" + FOLD.replace("Cy\t2", "Cy\t7"), r"Line 5 .* names image 7 of 'Cy', who has 2, from 1 to 2"),
        (FOLD + "\nBo\t1\ttwo\n", r"Line 6 .* is 'Bo 1 two'; expected 'name 1 2' or"),
        (FOLD + "Bo\t1\n", r"Line 5 .* is 'Bo 1'; expected 'name 1 2' or"),
        (FOLD + "Bo 1 Cy 2 3\n", "Line 5 .*; expected 'name 1 2' or"),
        ("ten folds\n" + FOLD, "Line 1 .* is 'ten folds'; expected folds and pairs"),
        ("2\t2\n" + FOLD, "holds 4 pairs; expected 8 as its first line says"),
        ("", "holds 0 pairs; expected at least one"),
        ("10\t300\n", "holds 0 pairs; expected 6000"),
        ("0\n", "came as .0.; expected a whole number from 1"),
    ],
)
def test_a_bad_pairs_file_is_refused(tmp_path, faces, text, says):
    with pytest.raises(SalonError, match=says):
        read_pairs(pairs_file(tmp_path, text), faces)


def test_written_pairs_are_many_different_apart_and_the_same_for_a_seed(tmp_path):
    root = collection(tmp_path / "faces", {f"s{n}": 5 for n in range(1, 21)})
    said = write_pairs(root, tmp_path / "pairs.txt", seed=1, folds=5)
    assert "5 × 40 genuine and 40 impostor pairs of 20 people; no person stands in two folds" in said
    pairs = read_pairs(tmp_path / "pairs.txt", root)
    assert np.bincount(pairs.fold).tolist() == [80] * 5
    assert pairs.same.reshape(5, 2, 40).all(2).tolist() == [[True, False]] * 5
    both = np.array([pairs.first, pairs.second]).T
    assert len({frozenset(pair) for pair in both}) == len(both) and all(a != b for a, b in both)
    people = [{file.parent for file in both[pairs.fold == fold].flat} for fold in range(5)]
    assert sum(map(len, people)) == len(set.union(*people)) == 20
    for seed in (1, 2):
        write_pairs(root, tmp_path / "again.txt", seed, folds=5)
        assert ((tmp_path / "again.txt").read_text() == (tmp_path / "pairs.txt").read_text()) == (seed == 1)


@pytest.mark.parametrize(
    ("counts", "options"),
    [
        ({"a": 5}, {}),  # no impostor
        ({"a": 1, "b": 1}, {}),  # nothing genuine
        ({"a": 5, "b": 5}, {"folds": 2, "pairs_per_fold": 11}),
        ({"a": 5, "b": 5}, {"pairs_per_fold": 0}),
    ],
)
def test_pairs_that_cannot_be_had_are_refused(tmp_path, counts, options):
    with pytest.raises(SalonError, match=r"pairs were asked of|number of pairs came as 0"):
        write_pairs(collection(tmp_path / "faces", counts), tmp_path / "pairs.txt", **options)


# --- real faces, where they are at hand ---


def test_at_and_t_faces_and_lfw_lists(real_faces):
    people = list_people(real_faces / "att_faces")
    assert list(people) == [f"s{n}" for n in range(1, 41)]
    images = read_images([file for files in people.values() for file in files], 32)
    assert images.shape == (400, 3, 32, 32) and (images.std((1, 2, 3)) > 0.05).all()
    protocol, faces = real_faces / "lfw_protocol", real_faces / "lfw_a"
    pairs = read_pairs(protocol / "pairs.txt", faces)
    assert len(pairs) == 6000 and np.bincount(pairs.fold).tolist() == [600] * 10
    assert pairs.same.reshape(10, 2, 300).all(2).tolist() == [[True, False]] * 10
    for name, count in (("pairsDevTrain.txt", 2200), ("pairsDevTest.txt", 1000)):
        pairs = read_pairs(protocol / name, faces)
        assert len(pairs) == count and pairs.same.sum() == count / 2 and not pairs.fold.any()
