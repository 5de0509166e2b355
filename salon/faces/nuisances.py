"""Everything that changes a picture of a person but not the person: each nuisance by name, with a strength in 0..1.

Strength 0 leaves a picture as its view says. What the renderer can do (pose, light, expression, things worn,
scene) moves the view's value on a straight line to the value at strength 1; what only a camera can do is done
to the finished picture (`variations.py`).
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from salon.faces import variations
from salon.faces.people import People
from salon.faces.render import Views, render
from salon.faces.variations import as_strengths, degrade, random_sides
from salon.words import SalonError, say

ROOMS = ("pose", "light", "expression", "worn", "scene", "camera")


@dataclass(frozen=True)
class Nuisance:
    """One nuisance: `room` of the six, the value in `unit` at strength 0 (or what a view says) and at strength 1.

    `field` names what it moves in `Views`; None: it is done to the picture. `two_sided`: to -most or +most, to the
    side where the view has it already, or to a random one where the view has 0.
    """

    name: str
    room: str
    unit: str
    least: float
    most: float
    two_sided: bool = False
    field: str | None = None


def _view(room: str, name: str, unit: str, most: float, two_sided: bool = False, field: str = "") -> Nuisance:
    return Nuisance(name, room, unit, 0.0, most, two_sided, field or name)


def _camera(name: str, unit: str, least: float, most: float, two_sided: bool = False) -> Nuisance:
    return Nuisance(name, "camera", unit, least, most, two_sided)


_ALL = (
    _view("pose", "yaw", "degrees", 90, two_sided=True),
    _view("pose", "pitch", "degrees", 40, two_sided=True),
    _view("pose", "roll", "degrees", 45, two_sided=True),
    _view("light", "light_direction", "degrees round the head", 100, two_sided=True, field="light_azimuth"),
    _view("light", "light_colour", "warmth, -1 blue to 1 red", 1, two_sided=True, field="warmth"),
    _view("light", "light_hardness", "hardness, 0 no cast shadow to 1 a bare bulb", 1, field="hardness"),
    _view("expression", "smile", "of the widest smile", 1),
    _view("expression", "mouth_open", "of the widest", 1),
    _view("expression", "brows", "-1 frowning to 1 raised", 1, two_sided=True),
    _view("expression", "eyes_closed", "of the way down", 1),
    _view("worn", "glasses", "weight of the rims", 1),
    _view("worn", "sunglasses", "darkness of the glass", 1),
    _view("worn", "mask", "of the way up the nose", 1),
    _view("worn", "cap", "of the way down the forehead", 1),
    _view("scene", "background", "of the most clutter", 1, field="clutter"),
    _camera("low_resolution", "pixels across, of 64", 64, variations.SMALLEST),
    _camera("occlusion", "of the picture", 0, variations.MOST_COVERED),
    _camera("defocus", "picture widths, diameter of the disc", 0, variations.MOST_DEFOCUS),
    _camera("motion_blur", "picture widths, length of the line", 0, variations.MOST_MOTION),
    _camera("noise", "of white, deviation at white, in linear light", 0, variations.SHOT_NOISE),
    _camera("jpeg", "quality as Pillow counts it", variations.BEST_JPEG, variations.WORST_JPEG),
    _camera("exposure", "stops", 0, variations.MOST_STOPS, two_sided=True),
    _camera("colour_cast", "stops between white and the channel most shifted", 0, variations.MOST_CAST),
)
NUISANCES: dict[str, Nuisance] = {nuisance.name: nuisance for nuisance in _ALL}


def nuisance(name: str) -> Nuisance:
    """The nuisance of that name; raises `SalonError` with all names for an unknown one."""
    if name not in NUISANCES:
        raise SalonError(f"The nuisance {name!r} is not known; expected one of {', '.join(NUISANCES)}.")
    return NUISANCES[name]


def label(name: str, lang: str | None = None) -> str:
    """What a reader calls the nuisance, in "en" or "zh" (by default the chosen language)."""
    return say(f"nuisance.{nuisance(name).name}", lang)


def seen_under(
    people: People, views: Views, name: str, strength: float | Tensor, size: int = 64, seed: int = 0
) -> Tensor:
    """Pictures [B, 3, size, size] of people under one nuisance at one strength or [B] strengths in 0..1.

    At strength 0 they are `render(people, views, size)`, to the bit. `seed` chooses sides, directions and noise.
    Raises `SalonError` for an unknown name, nobody to see, a strength outside 0..1 or NaN, and as `render` does.
    """
    if nuisance(name).field is None:
        return degrade(render(people, views, size), name, strength, seed)
    views = views[torch.arange(max(len(people), len(views))) % len(views)]
    return render(people, views_under(views, name, strength, seed), size)


def views_under(views: Views, name: str, strength: float | Tensor, seed: int = 0) -> Views:
    """The views [B] moved towards one nuisance; those of a camera have none (`SalonError`)."""
    chosen = nuisance(name)
    if chosen.field is None:
        raise SalonError(f"{name} is done to a picture, not to a view; call seen_under or degrade instead.")
    strengths = as_strengths(strength, len(views), name)
    generator = torch.Generator().manual_seed(seed)
    before, most = getattr(views, chosen.field), torch.full((len(views),), float(chosen.most))
    if chosen.two_sided:  # away from 0, so that more is never easier
        most = most * torch.where(before == 0, random_sides(len(views), generator), before.sign())
    moved = {chosen.field: torch.lerp(before, most, strengths)}
    if name == "background":  # a plain one (seed 0) has nothing that could be cluttered
        drawn = torch.randint(1, 2**24, (len(views),), generator=generator).float()
        moved["background"] = torch.where((views.background == 0) & (strengths > 0), drawn, views.background)
    return replace(views, **moved)
