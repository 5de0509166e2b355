"""Rendered people to test on: the numbers behind their pictures, the conditions that they meet, what is shipped."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor

from salon.faces.nuisances import seen_under
from salon.faces.people import GENERATOR_VERSION, People
from salon.faces.pixels import as_bytes, digest, from_bytes, from_webp
from salon.faces.render import LIMITS, Views
from salon.faces.variations import degrade
from salon.paths import data_root
from salon.training.checkpoints import read_whole
from salon.training.data import RENDERED, kept
from salon.words import SalonError

TEST_PEOPLE = 300

# The conditions of a probe with their strengths, 0 (none) to 1 (the most), as `faces.variations` and
# `faces.nuisances` mean them.  Networks are trained on the first three; the others show how far that carries.
TRAINED = {"low_resolution": 0.6, "occlusion": 0.6, "pose": 0.6}  # pose: 30 to 65 of 75 degrees
BY_CAMERA = dict.fromkeys(("defocus", "motion_blur", "noise", "jpeg", "exposure", "colour_cast"), 0.6)
BY_LIGHT = {"lit": 0.7}  # from 60 to 85 of 100 degrees, to either side, as hard as a bare bulb
BY_FACE = dict.fromkeys(
    ("smile", "mouth_open", "eyes_closed", "glasses", "sunglasses", "mask", "cap"), 1.0
)  # drawn when first asked for
COVERED = {"cover": 0.4}  # from one side, three tenths of the picture; what the parts that look at places are for
TEST_STRENGTH = {"clean": 0.0} | TRAINED | BY_CAMERA | BY_LIGHT | BY_FACE | COVERED
MIXED_STRENGTH = (0.3, 0.9)  # of the mixed set: drawn evenly, up to hopeless

CONDITIONS = ("clean", *TRAINED, "defocus", "mixed")  # the core, measured wherever a model is
UNSEEN = tuple(name for name in TEST_STRENGTH if name not in (*CONDITIONS, *COVERED))
DEGRADED = ("low_resolution", "occlusion", *BY_CAMERA, *COVERED)  # made from the straight pictures on load

T = TypeVar("T")


# --- the numbers that the pictures are drawn from

TEST_IMAGES = 4  # of each person: half of them gallery, half probes
KINDS = ("straight", "turned", "lit")


@dataclass(frozen=True)
class Scenes:
    """N people, the views of their n = 4 N pictures, straight and turned away, and of their n / 2 probes lit hard."""

    people: People  # [N, P]
    straight: Views  # [n]
    turned: Views  # [n]
    lit: Views  # [n / 2]

    @property
    def labels(self) -> Tensor:
        """Who is on each picture, [n]."""
        return torch.arange(len(self.people)).repeat_interleave(TEST_IMAGES)

    @property
    def probes(self) -> tuple[People, Views]:
        """The people and straight views of the probes, [n / 2] each."""
        probe = ~in_gallery(len(self.straight))
        return self.people[self.labels[probe]], self.straight[probe]

    def tensors(self) -> dict[str, Tensor]:
        """Every number by its name, copied: "people" [N, P], and such as "turned.yaw" [n]."""
        views = {f"{kind}.{name}": x for kind in KINDS for name, x in vars(getattr(self, kind)).items()}
        return {name: x.clone() for name, x in ({"people": self.people.numbers} | views).items()}

    @classmethod
    def of(cls, tensors: dict[str, Tensor]) -> "Scenes":
        """What `tensors` gave."""
        views = {kind: Views(**{name: tensors[f"{kind}.{name}"] for name in LIMITS}) for kind in KINDS}
        return cls(People(tensors["people"]), **views)


def in_gallery(count: int) -> Tensor:
    """Which of `count` pictures are enrolled [count]: the first half of each person's."""
    return torch.arange(count) % TEST_IMAGES < TEST_IMAGES // 2


# --- to test on


@dataclass(frozen=True)
class Benchmark:
    """Test pictures in 0..1, straight and turned away [n, 3, H, W], probes lit [n / 2, 3, H, W], with labels [n]."""

    straight: Tensor
    turned: Tensor
    labels: Tensor
    lit: Tensor | None = None
    scenes: Scenes | None = None  # the numbers that they were drawn from

    @property
    def gallery(self) -> Tensor:
        """Which pictures are enrolled [n]: the first half of each person's; the others are probes."""
        return in_gallery(len(self.labels))

    def images(self, condition: str, seed: int = 0) -> Tensor:
        """Every picture under one of `CONDITIONS` or `DEGRADED`, the same for the same seed, [n, 3, H, W]."""
        if condition == "clean":
            return self.straight
        if condition == "pose":
            return self.turned
        if condition == "mixed":
            which, strengths = self.mixture(seed)
            images = torch.where((which == 3)[:, None, None, None], self.turned, self.straight)
            return _mix(images, which, strengths, seed)
        if condition not in DEGRADED:
            known = ("clean", "pose", *DEGRADED, "mixed")
            raise SalonError(
                f"The condition {condition!r} is not known for all pictures; expected one of {', '.join(known)}, "
                f"or, by `probes`, one of {', '.join(BY_LIGHT | BY_FACE)}."
            )
        return degrade(self.straight, condition, TEST_STRENGTH[condition], seed + list(TEST_STRENGTH).index(condition))

    def probes(self, condition: str, seed: int = 0) -> Tensor:
        """The probes under any of `CONDITIONS` or `UNSEEN`, [n / 2, 3, H, W]; `seed` draws what is not rendered."""
        if condition in BY_FACE:
            return self._rendered(condition)
        return known(self.lit) if condition in BY_LIGHT else self.images(condition, seed)[~self.gallery]

    def _rendered(self, condition: str) -> Tensor:
        """The probes drawn anew under one nuisance, kept in the cache."""
        (who, views), size = known(self.scenes).probes, self.straight.shape[-1]
        numbers = b"".join(x.numpy().tobytes() for x in (who.numbers, *vars(views).values()))
        made_from = hashlib.sha256(numbers).hexdigest()[:8]
        strength = TEST_STRENGTH[condition]
        name = f"probes-v{GENERATOR_VERSION}-{made_from}-{condition}-{strength:g}-{size}px"
        made = kept(name, ["images"], lambda: {"images": as_bytes(seen_under(who, views, condition, strength, size))})
        return from_bytes(made["images"])

    def mixture(self, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Which of the first four conditions each mixed picture is under [n], and how strongly [n]."""
        return _draw_mixture(len(self.labels), 4, seed + 99)

    def media(self, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Four media a person for a template, [4 N, 3, H, W], and labels [4 N]: both probes, straight and turned.

        Each is clean, of low resolution or occluded, with equal chances, as strongly as in the mixed set.
        """
        probe = ~self.gallery
        images, labels = torch.cat([self.straight[probe], self.turned[probe]]), self.labels[probe].repeat(2)
        return _mix(images, *_draw_mixture(len(labels), 3, seed + 199), seed + 100), labels


def known(value: T | None) -> T:
    """What a benchmark knows by its numbers; raises `SalonError` where it was made without."""
    if value is None:
        raise SalonError(
            "This was asked of pictures that came without the numbers they were drawn from; expected those of "
            "test_benchmark, or of `experiments.people`."
        )
    return value


def _draw_mixture(count: int, kinds: int, seed: int) -> tuple[Tensor, Tensor]:
    """One of `kinds` conditions for each picture [count], and its strength [count]."""
    g = torch.Generator().manual_seed(seed)
    least, most = MIXED_STRENGTH
    which = torch.randint(0, kinds, (count,), generator=g)
    return which, least + (most - least) * torch.rand(count, generator=g)


def _mix(images: Tensor, which: Tensor, strengths: Tensor, seed: int) -> Tensor:
    """Degrade the pictures where `which` [n] is 1 (low resolution) or 2 (occlusion), each at its own strength."""
    out = images.clone()
    for index, name in enumerate(CONDITIONS[1:3], 1):
        rows = which == index
        if rows.any():
            out[rows] = degrade(out[rows], name, strengths[rows], seed=seed + 50 + index)
    return out


# --- what is shipped


def test_benchmark() -> Benchmark:
    """The people to report on, as they are shipped; raises `SalonError` where they are missing or do not agree."""
    return read_benchmark(data_root() / "faces")


def read_benchmark(folder: Path) -> Benchmark:
    """What `write_benchmark` wrote.

    Raises `SalonError` where a file is missing or broken, where another generator drew the pictures, and
    where a sheet's pixels are not those that the numbers were stored with.
    """
    try:
        tensors, metadata = read_whole(folder / "test.safetensors")
        facts, count = json.loads(metadata["benchmark"]), TEST_IMAGES * len(tensors["people"])
        if facts["generator"] != GENERATOR_VERSION:
            raise SalonError(
                f"The test people in {folder} were drawn by version {facts['generator']} of the generator; this is "
                f"version {GENERATOR_VERSION}. Draw them again, and all that hangs on them: `make refresh`."
            )
        counts = dict(zip(KINDS, (count, count, count // 2), strict=True))
        sheets = {kind: from_webp(folder / f"test_{kind}.webp", RENDERED, n) for kind, n in counts.items()}
        for kind, pixels in sheets.items():
            if digest(pixels) != facts["digests"][kind]:
                raise SalonError(
                    f"test_{kind}.webp in {folder} shows pixels of digest {digest(pixels)}; its numbers in "
                    f"test.safetensors expect {facts['digests'][kind]}; {_MEND}"
                )
        return of_pixels(sheets, Scenes.of(tensors))
    except SalonError:
        raise
    except Exception as error:  # each format has errors of its own
        raise SalonError(f"The test people in {folder} cannot be read ({error}); {_MEND}") from error


def of_pixels(pixels: dict[str, Tensor], scenes: Scenes) -> Benchmark:
    """A benchmark from its pictures as bytes, by kind, and its numbers."""
    images = {kind: from_bytes(x) for kind, x in pixels.items()}
    return Benchmark(**images, labels=scenes.labels, scenes=scenes)


_MEND = "get the files back with `git checkout -- data`, or draw them again with `make refresh`."
