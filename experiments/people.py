"""New people to test on and to tune on: their numbers drawn by the split, then their pictures."""

import torch
from torch import Tensor

from salon.evaluation.people import KINDS, TEST_IMAGES, TEST_PEOPLE, Benchmark, Scenes, in_gallery, of_pixels
from salon.faces.people import GENERATOR_VERSION, split_people
from salon.faces.pixels import as_bytes
from salon.faces.render import Views, render, sample_views
from salon.faces.variations import MOST_YAW
from salon.training.data import RENDERED, kept, to_either_side, turned_away

VALIDATION_PEOPLE, FRESH_PEOPLE = 300, 600


def sample_scenes(split: str, people: int, after: int = 0) -> Scenes:
    """Draw a split's numbers, of `people` after the first `after`: snapshots of each person with the usual hair and
    without glasses, yaw within 12 degrees; the same turned by 30 to 65 degrees; the probes lit hard.
    """
    who, count = split_people(split, after + people)[torch.arange(after, after + people)], people * TEST_IMAGES
    seed = (11 if split == "test" else 12) + after
    straight = sample_views(count, seed=seed, yaw=12.0, haircut=0.0, glasses=0.0)
    turned = turned_away(straight, seed + 10, 0.4 * MOST_YAW, 65.0)
    return Scenes(who, straight, turned, lit_from_the_side(straight[~in_gallery(count)], seed + 20))


def lit_from_the_side(views: Views, seed: int, least: float = 60.0, most: float = 85.0) -> Views:
    """The same views under one bare bulb, `least` to `most` degrees to either side, with little light around."""
    azimuth, one = to_either_side(len(views), seed, least, most), torch.ones(len(views))
    return views.but(light_azimuth=azimuth, light_elevation=15 * one, ambient=0.1 * one, hardness=one)


def render_benchmark(split: str, people: int, progress: bool = True) -> Benchmark:
    """Draw the numbers of a split's test pictures, then the pictures."""
    return render_scenes(sample_scenes(split, people), RENDERED, progress)


def validation_benchmark(progress: bool = True) -> Benchmark:
    """The people to tune on, rendered at the first call and kept in the cache."""
    return _kept("validation", sample_scenes("validation", VALIDATION_PEOPLE), progress)


def fresh_benchmark(progress: bool = True) -> Benchmark:
    """Test people beyond those that are shipped, whom nobody looked at while the method's claims were written."""
    return _kept("fresh", sample_scenes("test", FRESH_PEOPLE, TEST_PEOPLE), progress)


def _kept(name: str, scenes: Scenes, progress: bool) -> Benchmark:
    whole = f"{name}-v{GENERATOR_VERSION}-{len(scenes.people)}x{TEST_IMAGES}"
    return of_pixels(kept(whole, KINDS, lambda: drawn_pixels(scenes, RENDERED, progress)), scenes)


def render_scenes(scenes: Scenes, size: int = RENDERED, progress: bool = True) -> Benchmark:
    """Draw a benchmark from its numbers at `size` pixels; colours are multiples of 1/255, as in a file."""
    return of_pixels(drawn_pixels(scenes, size, progress), scenes)


def drawn_pixels(scenes: Scenes, size: int, progress: bool) -> dict[str, Tensor]:
    """The pictures of each kind as bytes."""
    everybody = scenes.people[scenes.labels]
    people = {"straight": everybody, "turned": everybody, "lit": scenes.probes[0]}
    return {kind: as_bytes(render(people[kind], getattr(scenes, kind), size, progress)) for kind in KINDS}
