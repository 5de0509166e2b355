"""Contact sheets: many faces on one picture, labelled, to be looked at."""

from collections.abc import Callable, Sequence
from inspect import signature
from pathlib import Path

import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torchvision.transforms.functional import to_pil_image

from salon.faces.nuisances import NUISANCES, label, seen_under
from salon.faces.people import People, sample_people
from salon.faces.pixels import lay_out
from salon.faces.render import frontal_views, render, sample_views
from salon.paths import write_whole
from salon.words import SalonError, entry, expect_whole

ACROSS, GAP = 8, 2  # tiles in a row of people, white pixels around each
STRENGTHS = (0.0, 0.25, 0.5, 0.75, 1.0)
ENDINGS = (".png", ".webp", ".jpg", ".jpeg")
VALUES = (-2.5, -1.5, -0.5, 0.5, 1.5, 2.5)  # of a trait, on its standard normal scale
TRAITS_SHOWN: list[str] = entry("anatomy.telling")


def people_sheet(count: int = 32, seed: int = 1, size: int = 112, frontal: bool = False) -> Image.Image:
    """`count` people, one tile each, as snapshots show them or all from the front in the same light."""
    views = frontal_views(count) if frontal else sample_views(count, seed)
    return sheet(render(sample_people(count, seed), views, size), ACROSS)


def person_sheet(count: int = 32, seed: int = 1, size: int = 112) -> Image.Image:
    """One person in `count` snapshots."""
    return sheet(render(sample_people(1, seed), sample_views(count, seed), size), ACROSS)


def nuisance_sheet(seed: int = 1, size: int = 112) -> Image.Image:
    """One person under each nuisance, a row for each, from strength 0 to 1."""
    person = sample_people(1, seed)
    views = frontal_views(1, light_azimuth=-45, ambient=0.25, hardness=0, background=5, clutter=0)
    # Each picture by itself: the same seed then gives all strengths the same side.
    tiles = [seen_under(person, views, name, s, size, seed) for name in NUISANCES for s in STRENGTHS]
    names = [label(name, "en") for name in NUISANCES]
    return sheet(torch.cat(tiles), len(STRENGTHS), names, [f"{s:g}" for s in STRENGTHS])


def trait_sheet(seed: int = 1, size: int = 112) -> Image.Image:
    """One person with each of the most telling traits changed alone, a row for each."""
    person = sample_people(1, seed)
    changed = [person.with_trait(name, v).numbers for name in TRAITS_SHOWN for v in VALUES]
    people = People(torch.cat(changed))
    names = [name.replace("_", " ") for name in TRAITS_SHOWN]
    return sheet(render(people, frontal_views(1), size), len(VALUES), names, [f"{v:+g}" for v in VALUES])


def sheet(tiles: Tensor, columns: int, rows: Sequence[str] = (), heads: Sequence[str] = ()) -> Image.Image:
    """Tiles [n, 3, S, S] in reading order on white, `rows` of names at the left and `heads` above the columns."""
    columns, size = min(columns, len(tiles)), tiles.shape[-1]
    picture = to_pil_image(lay_out(tiles, columns, GAP, fill=1.0))
    letters = max(9, size // 7)
    font = ImageFont.load_default(letters)
    left = max((round(font.getlength(name)) + 8 for name in rows), default=0)
    top = round(1.5 * letters) if heads else 0
    page = Image.new("RGB", (picture.width + left, picture.height + top), "white")
    page.paste(picture, (left, top))
    draw, step = ImageDraw.Draw(page), size + GAP
    for index, name in enumerate(rows):
        draw.text((left - 4, top + (index + 0.5) * step), name, "black", font, anchor="rm")
    for index, name in enumerate(heads):
        draw.text((left + (index + 0.5) * step, top / 2), name, "black", font, anchor="mm")
    return page


SHEETS: dict[str, Callable[..., Image.Image]] = {
    "people": people_sheet, "person": person_sheet, "nuisances": nuisance_sheet, "traits": trait_sheet,
}  # fmt: skip


def save_sheet(path: str | Path, kind: str = "people", **options: int) -> None:
    """Write one of `SHEETS` as a picture; `options` are those of its function (seed, size, ...).

    Raises `SalonError`, before anything is drawn, for another kind, an option that the kind does not take, a folder
    that is not there, an ending that is no picture's, and a count or size out of range.
    """
    path = Path(path)
    if kind not in SHEETS:
        raise SalonError(f"The sheet {kind!r} is not known; expected one of {', '.join(SHEETS)}.")
    if path.suffix.lower() not in ENDINGS:
        raise SalonError(f"The name {str(path)!r} came for a sheet; expected one in {', '.join(ENDINGS)}.")
    if not path.parent.is_dir():
        raise SalonError(f"The folder {path.parent} is not there; make it, or choose another.")
    taken = signature(SHEETS[kind]).parameters
    if others := options.keys() - taken:
        raise SalonError(f"The sheet {kind!r} takes no {', '.join(others)}; expected {', '.join(taken)}.")
    for name, least, most in (("count", 1, 10_000), ("size", 16, 1024)):
        expect_whole(f"The sheet's {name}", options.get(name, most), least, most)
    picture, form = SHEETS[kind](**options), Image.registered_extensions()[path.suffix.lower()]
    write_whole(path, lambda file: picture.save(file, form))
