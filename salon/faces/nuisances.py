"""Everything that changes a picture of a person but not the person: each nuisance by name, with a strength in 0..1.

Strength 0 leaves a picture as its view says. What the renderer can do (pose, light, expression, things worn,
scene) moves the view's value on a straight line to the value at strength 1; what only a camera can do is done
to the finished picture (`variations.py`).
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from salon.faces.people import People
from salon.faces.render import Views, render
from salon.faces.variations import as_strengths, degrade, random_sides
from salon.words import LANGUAGES, SalonError, entry, say


@dataclass(frozen=True)
class Nuisance:
    """One nuisance: its `room` (pose, light, expression, worn, scene, camera), and how it moves a view.

    `field` of `Views` goes from what a view says to `most`; `two_sided`: to -most or +most, to the side where the view
    has it already, or to a random one where the view has 0. Those of a camera have no field.
    """

    name: str
    room: str
    field: str = ""
    most: float = 1.0
    two_sided: bool = False


NUISANCES: dict[str, Nuisance] = {
    name: Nuisance(name, **{key: value for key, value in row.items() if key not in LANGUAGES})
    for name, row in entry("nuisance").items()
}


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
    if not nuisance(name).field:
        return degrade(render(people, views, size), name, strength, seed)
    views = views[torch.arange(max(len(people), len(views))) % len(views)]
    return render(people, views_under(views, name, strength, seed), size)


def views_under(views: Views, name: str, strength: float | Tensor, seed: int = 0) -> Views:
    """The views [B] moved towards one nuisance; those of a camera have none (`SalonError`)."""
    chosen = nuisance(name)
    if not chosen.field:
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
    return views.but(**moved)
