"""Real faces as people have them: photographs in many formats, a folder per person, LFW's list of pairs."""

import os
import re
import struct
import warnings
from codecs import BOM_UTF8
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from itertools import combinations, islice, zip_longest
from math import comb
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

from salon.paths import write_whole
from salon.words import SalonError, expect_whole, short

SUFFIXES = (".jpg", ".jpeg", ".png", ".pgm", ".bmp", ".webp")
UNREAD = (".heic", ".heif", ".avif", ".tif", ".tiff", ".gif", ".jxl", ".jp2", ".dng", ".cr2", ".cr3", ".nef", ".arw")
SMALLEST = 16  # pixels: less is no face
WHOLE = 25_000_000  # pixels: 600 MB on the way
THIN = 300  # pixels a byte: a larger picture that holds less is none, but takes its gigabytes
STRIP = 64  # rows of a picture that are reduced together
ENOUGH = 1024  # pixels that are left of a side when a large photograph is reduced
BEHIND = 0.5  # the mid-grey that shows through where an image is transparent
LFW_FOLD = 300  # pairs of each kind in a fold of LFW


def read_image(path: str | Path, size: int | None = None) -> Tensor:
    """An image file as RGB, float32 [3, H, W] in 0..1, the way its owner sees it.

    Turned as its EXIF says; 16 bits are scaled, not clipped; transparency is laid over mid-grey.  With
    `size` (pixels) the largest centred square is cut out, so that no face is stretched, and resized with
    antialiasing.  Raises `SalonError` for what is missing, broken, no image, of 32-bit numbers, smaller than 16 pixels,
    by its header larger than 179 megapixels (25 without `size`), or larger than 25 in next to no bytes.
    """
    size = size if size is None else expect_whole("The size", size, 1, 8192)
    image = decode(Path(path), str(path), size)
    if min(image.shape[1:]) < SMALLEST:
        came = f"{image.shape[2]}×{image.shape[1]}"
        raise SalonError(f"{path} is {came} pixels; expected at least {SMALLEST}×{SMALLEST}. Leave it out.")
    return image if size is None else F.interpolate(image[None], (size, size), mode="bilinear", antialias=True)[0]


def decode(file: Path | BytesIO, name: str, size: int | None = None) -> Tensor:
    """What Pillow reads as RGB, float32 [3, H, W] in 0..1; with `size` its centred square. Raises as `read_image`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            octets = file.stat().st_size if isinstance(file, Path) else file.getbuffer().nbytes
            if isinstance(file, Path) and not file.is_file():  # a pipe would be waited for
                raise OSError("it is a directory, a pipe or a device")
            with Image.open(file) as image:
                kind = _kind(image, octets, whole=size is None)
                seen = image if size is None else _square(image, kind, max(ENOUGH, 4 * size))
                pixels = _rgb(ImageOps.exif_transpose(seen).convert(kind))
    except (OSError, SyntaxError, ValueError, EOFError, struct.error, Image.DecompressionBombError) as error:
        raise SalonError(
            f"{name} cannot be read as an image ({error}); expected a whole one. Copy it again or leave it out."
        ) from error
    return torch.from_numpy(pixels).permute(2, 0, 1).contiguous()


def _kind(image: Image.Image, octets: int, whole: bool) -> str:
    """The mode that keeps all of a picture: "I" for 16 bits, "RGBA" for transparency, "RGB" for all others."""
    if (pixels := image.width * image.height) > WHOLE and (whole or pixels > THIN * octets):
        what = "too many to be read whole: give a size" if whole else f"no photograph in {octets} bytes"
        raise ValueError(f"{image.width}×{image.height} pixels are {what}")
    if image.format == "EPS":
        raise ValueError("it is a program, which is not run")
    sixteen = image.mode.startswith("I;16") or (image.mode == "I" and image.format in ("PNG", "PPM"))
    if image.mode in ("I", "F") and not sixteen:
        raise ValueError("its pixels are 32-bit numbers, of which nobody knows the white: save it with 8 or 16 bits")
    return "I" if sixteen else "RGBA" if image.has_transparency_data else "RGB"


def _square(image: Image.Image, kind: str, least: int) -> Image.Image:
    """The largest centred square; of a large one k × k pixels become one, to no less than `least`."""
    image.draft(None, (least, least))  # a JPEG is decoded at a half, a quarter or an eighth
    side = min(image.size)
    left, top, k = (image.width - side) // 2, (image.height - side) // 2, max(1, side // least)
    square, end = Image.new(kind, (side // k, side // k)), side // k * k
    for y in range(0, end, STRIP * k):  # the whole in another mode would take the memory once more
        strip = image.crop((left, top + y, left + end, top + min(y + STRIP * k, end))).convert(kind)
        square.paste(strip.reduce(k), (0, y // k))
    square.info = image.info  # how it is turned
    return square


def _rgb(image: Image.Image) -> np.ndarray:
    """[H, W, 3] in 0..1 from an image of one of the modes of `_kind`."""
    if image.mode == "I":  # Pillow's own conversion to 8 bits would clip 16
        grey = np.asarray(image).astype(np.float32) / 65535
        return np.stack([grey.clip(0, 1)] * 3, axis=2)
    pixels = np.asarray(image, np.float32) / 255
    if image.mode == "RGB":
        return pixels
    colour, alpha = pixels[..., :3], pixels[..., 3:]
    return colour * alpha + BEHIND * (1 - alpha)


def read_images(paths: Iterable[str | Path], size: int) -> Tensor:
    """Many files as one tensor [B, 3, size, size], RGB in 0..1, each read as `read_image` does.

    Raises `SalonError` if there is none, or as `read_image` does.
    """
    images = [read_image(path, size) for path in paths]
    if not images:
        raise SalonError("No image file was given; expected at least one. Check the list of paths.")
    return torch.stack(images)


def _natural(text: str) -> list[tuple[int, int, bytes]]:
    """A sorting key in which s2 comes before s10, alike in every locale; the text itself decides between s2 and s02."""
    parts = filter(None, re.split(rb"(\d+)", name := os.fsencode(text)))
    return [(0, int(part), b"") if part.isdigit() else (1, 0, part) for part in parts] + [(-1, 0, name)]


def list_people(faces_dir: str | Path) -> dict[str, list[Path]]:
    """The people of a collection that has a folder for each: name -> image files, both in natural order.

    Hidden files and folders without images are passed over, and of `UNREAD` pictures a warning tells.  Raises
    `SalonError` where the folder is missing or holds nobody.
    """
    root = Path(faces_dir)
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise SalonError(f"{root} {what}; expected a folder that has a folder per person. Check the path.")
    names = sorted((f.name for f in root.iterdir() if f.is_dir() and f.name[0] != "."), key=_natural)
    people = {name: images for name in names if (images := _images(root / name))}
    unread = [file for file in root.glob("[!.]*/[!.]*") if file.suffix.lower() in UNREAD]
    if unread:
        who, kinds = {file.parent for file in unread}, ", ".join(sorted({file.suffix.lower() for file in unread}))
        warnings.warn(f"{len(unread)} pictures of {len(who)} people are not read: {kinds}; save as .jpg", stacklevel=2)
    if not people:
        raise SalonError(
            f"{root} holds no people: {len(_images(root))} images, and no folder with images; expected a folder "
            f"per person with {', '.join(SUFFIXES)} files."
        )
    return people


def _images(folder: Path) -> list[Path]:
    """The image files directly in a folder, in natural order."""
    found = (file for file in folder.iterdir() if file.suffix.lower() in SUFFIXES and file.name[0] != ".")
    return sorted(found, key=lambda file: _natural(file.name))


def _numbered(name: str, files: Sequence[Path]) -> dict[int, Path]:
    """Image numbers as a pairs file means them: of <name>_0001.jpg or 1.pgm; other files follow in order."""
    numbers: dict[int, Path] = {}
    for file in files:
        match = re.fullmatch(rf"(?:{re.escape(name)}_)?(\d+)", file.stem)
        if match:
            numbers.setdefault(int(match[1]), file)
    named = set(numbers.values())
    others = (file for file in files if file not in named)
    return numbers | dict(enumerate(others, start=max(numbers, default=0) + 1))


@dataclass(frozen=True)
class Pairs:
    """Pairs of images to compare: two lists of n paths, same [n] bool, fold [n] from 0."""

    first: list[Path]
    second: list[Path]
    same: NDArray[np.bool_]
    fold: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.first)


def read_pairs(pairs_file: str | Path, faces_dir: str | Path) -> Pairs:
    """LFW's list of pairs: `name 1 2` for one person, `name 1 other 3` for two, with their images' paths.

    A first line `10 300` promises ten folds of 300 genuine and 300 impostor pairs each, `1100` one fold;
    without such a line all pairs are one fold.  The number means <name>/<name>_0001.jpg or <name>/1.pgm.
    Raises `SalonError`, with the line's number, for a bad line and for a person or image that is not there.
    """
    people, lines = list_people(faces_dir), _lines(pairs_file)
    has_header = bool(lines) and len(lines[0][1]) <= 2
    folds, per_fold = _header(*lines.pop(0)) if has_header else (1, len(lines))
    numbered = cache(lambda name: _numbered(name, people.get(name, [])))
    first, second = [], []
    for where, words in lines:
        name, image, other, image2 = _pair(where, words)
        first.append(_find(where, name, image, numbered(name)))
        second.append(_find(where, other, image2, numbered(other)))
    if not first or len(first) != folds * per_fold:
        expected = f"{folds * per_fold} as its first line says" if has_header else "at least one"
        raise SalonError(f"{pairs_file} holds {len(first)} pairs; expected {expected}. Get the whole file.")
    same = np.array([a.parent == b.parent for a, b in zip(first, second, strict=True)])
    return Pairs(first, second, same, np.arange(len(same)) // per_fold)


def _lines(pairs_file: str | Path) -> list[tuple[str, list[str]]]:
    """The lines that are not blank: which one it is, and its words; names are bytes, as the file system has them."""
    try:
        content = Path(pairs_file).read_bytes().removeprefix(BOM_UTF8)
    except OSError as error:
        raise SalonError(
            f"{pairs_file} cannot be read as text ({error}); expected a pairs file, as `salon pairs` makes one."
        ) from error
    numbered = enumerate(_words(os.fsdecode(content)), start=1)
    return [(f"Line {number} of {pairs_file}", words) for number, words in numbered if any(words)]


def _words(text: str) -> list[list[str]]:
    """The words of each line, between tabs where there are any."""
    lines = (line.split("\t" if "\t" in line else None) for line in text.splitlines())
    return [[word.strip() for word in words] for words in lines]


def _header(where: str, words: list[str]) -> tuple[int, int]:
    """(folds, pairs per fold) of a first line such as `10 300` or `1100`."""
    if not all(word.isdecimal() for word in words):
        expected = "folds and pairs, such as '10 300', or a pair, such as 'name 1 2'"
        raise SalonError(f"{where} is {short(' '.join(words))}; expected {expected}. Mend the line.")
    *folds, pairs_of_a_kind = (expect_whole(f"A number in {where}", word, 1) for word in words)
    return (folds or [1])[0], 2 * pairs_of_a_kind


def _pair(where: str, words: list[str]) -> tuple[str, int, str, int]:
    """Name, image number, name, image number from a line's words."""
    line = " ".join(words)
    if len(words) == 3:
        words.insert(2, words[0])  # one person, named once
    if len(words) != 4 or not words[1].isdecimal() or not words[3].isdecimal():
        raise SalonError(f"{where} is {short(line)}; expected 'name 1 2' or 'name 1 other 3'. Mend the line.")
    image, image2 = (expect_whole(f"A number in {where}", word) for word in (words[1], words[3]))
    return words[0], image, words[2], image2


def _find(where: str, name: str, image: int, images: dict[int, Path]) -> Path:
    """The file of one image of a person, or a `SalonError` that says who or what is missing."""
    if image in images:
        return images[image]
    has = f"{len(images)}, from {min(images)} to {max(images)}" if images else "no folder of images"
    raise SalonError(
        f"{where} names image {image} of {short(name)}, who has {has}; expected a list that belongs to this folder."
    )


def write_pairs(
    faces_dir: str | Path, out: str | Path, seed: int = 0, folds: int = 10, pairs_per_fold: int | None = None
) -> str:
    """Draw genuine and impostor pairs, as many of each, from a folder per person; write them as LFW does.

    No person stands in two folds where there are people enough (two or more in each, one with two images);
    else no pair does.  `pairs_per_fold` counts each kind; by default it is what the poorest fold can give,
    300 at most.  The same seed draws the same pairs.  Returns a sentence that says what was written.
    Raises `SalonError` where so many pairs cannot be had, and for a name that `read_pairs` could not read.
    """
    folds = expect_whole("The number of folds", folds, 1, 1000)
    people, chance = list_people(faces_dir), np.random.default_rng(expect_whole("The seed", seed))
    if odd := [short(name) for name in people if _words(f"{name}\t1\t2") != [[name, "1", "2"]]]:
        raise SalonError(f"{odd[0]} is a name with a tab, line break or space at an edge. Rename {len(odd)} folders.")
    parts, can = _parts(people, folds, chance)
    wanted = max(1, min(can, LFW_FOLD)) if pairs_per_fold is None else pairs_per_fold
    if (count := expect_whole("The number of pairs", wanted, 1)) > can:
        raise SalonError(
            f"{folds} folds of {count} genuine and {count} impostor pairs were asked of {len(people)} people in "
            f"{faces_dir}; expected at most {can}, which they can give. Ask for less, or add people or images."
        )
    shares = folds // len(parts)
    drawn = [_draw(people, part, shares * count, chance) for part in parts]
    lines = [line for kinds in drawn for share in range(shares) for kind in kinds
             for line in sorted(kind[share::shares], key=_natural)]  # fmt: skip
    write_whole(out, os.fsencode("\n".join([f"{folds}\t{count}", *lines]) + "\n"))
    apart = "folds share people, for there are too few" if shares > 1 else "no person stands in two folds"
    return f"{out}: {folds} × {count} genuine and {count} impostor pairs of {len(people)} people; {apart}."


def _parts(people: dict[str, list[Path]], folds: int, chance: np.random.Generator) -> tuple[list[list[str]], int]:
    """People in as many parts as there are folds, or in one where they are too few; pairs of a kind that a fold has."""
    order = [list(people)[i] for i in chance.permutation(len(people))]
    parts = [order[i::folds] for i in range(folds)]
    can = min(_available(people, part) for part in parts)
    return (parts, can) if can else ([order], _available(people, order) // folds)


def _available(people: dict[str, list[Path]], part: Sequence[str]) -> int:
    """How many pairs of each kind, genuine and impostor, the people of `part` can give."""
    sizes = [len(people[name]) for name in part]
    genuine = sum(comb(size, 2) for size in sizes)
    return min(genuine, comb(sum(sizes), 2) - genuine)


def _draw(
    people: dict[str, list[Path]], part: Sequence[str], count: int, chance: np.random.Generator
) -> tuple[list[str], list[str]]:
    """`count` different genuine and impostor lines: each person in turn, and any two images of two people."""
    numbers = {name: sorted(_numbered(name, people[name])) for name in sorted(part, key=_natural)}
    each = [[f"{name}\t{a}\t{b}" for a, b in combinations(numbers[name], 2)] for name in numbers]
    for lines in each:
        chance.shuffle(lines)
    genuine = list(islice((line for turn in zip_longest(*each) for line in turn if line), count))
    images = [(name, number) for name in numbers for number in numbers[name]]
    impostor: dict[str, None] = {}  # a set that keeps the order in which it was filled
    while len(impostor) < count:
        (name, a), (other, b) = (images[i] for i in sorted(chance.integers(len(images), size=2)))
        if name != other:
            impostor[f"{name}\t{a}\t{other}\t{b}"] = None
    return genuine, list(impostor)
