"""Rendered people to train on (made once, kept in the cache) and to test on (shipped: sheets, and their numbers)."""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor
from tqdm.auto import tqdm

from salon.faces.nuisances import seen_under
from salon.faces.people import GENERATOR_VERSION, People, split_people
from salon.faces.render import Views, render, sample_views
from salon.faces.variations import degrade
from salon.model.embedding import LUMA
from salon.paths import cache_path, data_root
from salon.training.checkpoints import write_whole
from salon.training.scenes import KINDS, TEST_IMAGES, Scenes, in_gallery, sample_scenes, turned_away
from salon.training.sheets import as_bytes, digest, fingerprint, from_bytes, read_sheet, write_sheet
from salon.words import SalonError, say

RENDERED = 64  # pixels, of every picture that is shipped
TEST_PEOPLE, VALIDATION_PEOPLE = 300, 100

# The conditions of a probe with their strengths, 0 (none) to 1 (the most), as `faces.variations` and
# `faces.nuisances` mean them.  Networks are trained on the first three; the others show how far that carries.
TRAINED = {"low_resolution": 0.6, "occlusion": 0.6, "pose": 0.6}  # pose: 30 to 65 of 75 degrees
BY_CAMERA = dict.fromkeys(("defocus", "motion_blur", "noise", "jpeg", "exposure", "colour_cast"), 0.6)
BY_LIGHT = {"lit": 0.7}  # from 60 to 85 of 100 degrees, to either side, as hard as a bare bulb
BY_FACE = dict.fromkeys(
    ("smile", "mouth_open", "eyes_closed", "glasses", "sunglasses", "mask", "cap"), 1.0
)  # drawn when first asked for
TEST_STRENGTH = {"clean": 0.0} | TRAINED | BY_CAMERA | BY_LIGHT | BY_FACE
MIXED_STRENGTH = (0.3, 0.9)  # of the mixed set: drawn evenly, up to hopeless

CONDITIONS = ("clean", *TRAINED, "defocus", "mixed")  # the core, measured wherever a model is
UNSEEN = tuple(name for name in TEST_STRENGTH if name not in CONDITIONS)
DEGRADED = ("low_resolution", "occlusion", *BY_CAMERA)  # made from the straight pictures on load

TURNED = (30.0, 70.0)  # degrees by which a training picture is turned away

T = TypeVar("T")


# --- to train on


@dataclass(frozen=True)
class TrainSet:
    """Pictures as bytes, straight and turned away (the same person and light), with their labels [n].

    Grey ones are [n, size, size], coloured ones [n, 3, size, size]. `attributes` [n, T] in 0..1 are mined variations.
    `source` and `licence` are what the card of weights trained on them will say.
    """

    straight: Tensor
    turned: Tensor
    labels: Tensor
    attributes: Tensor | None = None
    source: str = "rendered people only"
    licence: str = "CC BY 4.0"

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Straight and turned pictures [B, 1 or 3, size, size] in 0..1 and labels [B]."""
        size = self.straight.shape[-1]
        straight, turned = (
            x[rows].view(len(rows), -1, size, size) / 255 for x in (self.straight, self.turned)
        )
        return straight, turned, self.labels[rows]

    def first(self, people: int) -> "TrainSet":
        """The pictures of the first `people` people."""
        rows = self.labels < people
        attributes = None if self.attributes is None else self.attributes[rows]
        return replace(self, straight=self.straight[rows], turned=self.turned[rows], labels=self.labels[rows],
                       attributes=attributes)  # fmt: skip


def train_set(
    people: int, images: int, size: int, yaw: float = 20.0, split: str = "train", progress: bool = True,
    turned: tuple[float, float] = TURNED, colour: str = "grey",
) -> TrainSet:  # fmt: skip
    """`images` pictures of each of `people` people, from the cache or rendered now (with a bar) and kept there."""
    name = f"{split}-v{GENERATOR_VERSION}-{people}x{images}-{size}px-{yaw:g}"
    name += f"-to{turned[0]:g}-{turned[1]:g}" * (turned != TURNED) + "-rgb" * (colour == "rgb")
    labels = torch.arange(people).repeat_interleave(images)

    def draw() -> dict[str, Tensor]:
        who, views = split_people(split, people)[labels], sample_views(len(labels), seed=7, yaw=yaw)
        if progress:
            print(_announcement(who, views, people))
        drawn = {"straight": views, "turned": turned_away(views, 8, *turned)}
        render = render_grey if colour == "grey" else render_colour
        return {kind: render(who, seen, size, progress) for kind, seen in drawn.items()} | {"labels": labels}

    made = kept(name, draw)
    return TrainSet(made["straight"], made["turned"], made["labels"])


def _announcement(who: People, views: Views, people: int, trial: int = 48) -> str:
    """How many faces will be rendered, straight and turned, and for how long, from a trial of a few."""
    for _ in range(2):  # the first warms up
        start = time.perf_counter()
        render(who[:trial], views[:trial], RENDERED)
    seconds = (time.perf_counter() - start) / len(who[:trial]) * 2 * len(who)
    return say("faces.wait", faces=2 * len(who), people=people, time=tqdm.format_interval(seconds))


def render_grey(people: People, views: Views, size: int, progress: bool = False, part: int = 256) -> Tensor:
    """Grey bytes [n, size, size], drawn a part at a time: the colours of a large set would fill the memory."""

    def grey(images: Tensor) -> Tensor:
        return (images * images.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)

    return _in_parts(people, views, size, progress, part, grey)[:, 0]


def render_colour(people: People, views: Views, size: int, progress: bool = False, part: int = 256) -> Tensor:
    """Bytes in colour, [n, 3, size, size]."""
    return _in_parts(people, views, size, progress, part, lambda images: images)


def _in_parts(
    people: People, views: Views, size: int, progress: bool, part: int, change: Callable[[Tensor], Tensor]
) -> Tensor:
    """Bytes [n, C, size, size] of rendered pictures after a `change`, drawn at 64 px or at `size` if that is more."""
    made, drawn = [], max(RENDERED, size)
    with tqdm(total=len(views), desc="rendering", unit=" faces", leave=False, disable=not progress) as bar:
        for rows in torch.arange(len(views)).split(part):
            images = change(render(people[rows], views[rows], drawn))
            if size != drawn:
                images = F.interpolate(images, (size, size), mode="bilinear", antialias=True)
            made.append(as_bytes(images))
            bar.update(len(rows))
    return torch.cat(made)


def kept(name: str, make: Callable[[], dict[str, Tensor]]) -> dict[str, Tensor]:
    """Tensors from the cache, or made now and kept there; a broken file is made again."""
    path = cache_path(f"{name}.safetensors")
    try:
        return _read(path)[0]
    except (SafetensorError, OSError):
        made = make()
        write_whole(path, to_bytes(made))
        return made


def _read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors of a file and its metadata."""
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118


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
        return degrade(
            self.straight, condition, TEST_STRENGTH[condition], seed + list(TEST_STRENGTH).index(condition)
        )

    def probes(self, condition: str, seed: int = 0) -> Tensor:
        """The probes under any of `CONDITIONS` or `UNSEEN`, [n / 2, 3, H, W]; `seed` draws what is not rendered."""
        if condition in BY_FACE:
            return self._rendered(condition)
        return _known(self.lit) if condition in BY_LIGHT else self.images(condition, seed)[~self.gallery]

    def _rendered(self, condition: str) -> Tensor:
        """The probes drawn anew under one nuisance, kept in the cache."""
        (who, views), size = _known(self.scenes).probes, self.straight.shape[-1]
        numbers = b"".join(x.numpy().tobytes() for x in (who.numbers, *vars(views).values()))
        made_from = hashlib.sha256(numbers).hexdigest()[:8]
        strength = TEST_STRENGTH[condition]
        name = f"probes-v{GENERATOR_VERSION}-{made_from}-{condition}-{strength:g}-{size}px"
        made = kept(name, lambda: {"images": as_bytes(seen_under(who, views, condition, strength, size))})
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

    def redrawn(self, size: int, progress: bool = False) -> "Benchmark":
        """The same pictures at `size` pixels, drawn from the stored numbers."""
        return render_scenes(_known(self.scenes), size, progress)


def _known(value: T | None) -> T:
    """What a benchmark knows by its numbers; raises `SalonError` where it was made without."""
    if value is None:
        raise SalonError(
            "This was asked of pictures that came without the numbers they were drawn from; expected those of "
            "test_benchmark, validation_benchmark or render_benchmark."
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


def render_scenes(scenes: Scenes, size: int = RENDERED, progress: bool = True) -> Benchmark:
    """Draw a benchmark from its numbers at `size` pixels; colours are multiples of 1/255, as in a file."""
    return _of_pixels(_drawn(scenes, size, progress), scenes)


def _drawn(scenes: Scenes, size: int, progress: bool) -> dict[str, Tensor]:
    """The pictures of each kind as bytes."""
    everybody = scenes.people[scenes.labels]
    people = {"straight": everybody, "turned": everybody, "lit": scenes.probes[0]}
    return {kind: as_bytes(render(people[kind], getattr(scenes, kind), size, progress)) for kind in KINDS}


def render_benchmark(split: str, people: int, progress: bool = True) -> Benchmark:
    """Draw the numbers of a split's test pictures, then the pictures."""
    return render_scenes(sample_scenes(split, people), RENDERED, progress)


def validation_benchmark(progress: bool = True) -> Benchmark:
    """The people to tune on, rendered at the first call and kept in the cache."""
    scenes = sample_scenes("validation", VALIDATION_PEOPLE)
    name = f"validation-v{GENERATOR_VERSION}-{VALIDATION_PEOPLE}x{TEST_IMAGES}"
    return _of_pixels(kept(name, lambda: _drawn(scenes, RENDERED, progress)), scenes)


# --- what is shipped


def test_benchmark() -> Benchmark:
    """The people to report on, as they are shipped; raises `SalonError` where they are missing or do not agree."""
    return read_benchmark(data_root() / "faces")


def write_test_sheets(folder: Path, people: int = TEST_PEOPLE, progress: bool = True) -> list[Path]:
    """Draw the test people and write what is shipped of them; returns the paths."""
    return write_benchmark(render_benchmark("test", people, progress), folder)


def write_benchmark(made: Benchmark, folder: Path) -> list[Path]:
    """Write a sheet of each kind of picture, without loss, and a file of numbers that the sheets are checked by."""
    paths = [folder / f"test_{kind}.webp" for kind in KINDS]
    for kind, path in zip(KINDS, paths, strict=True):
        write_sheet(getattr(made, kind), path)
    facts = {"generator": GENERATOR_VERSION, "licence": "CC BY 4.0", "shows": "rendered people only"}
    digests = {kind: digest(getattr(made, kind)) for kind in KINDS}
    tensors = _known(made.scenes).tensors()
    tensors |= {f"fingerprint.{name}": x for name, x in fingerprints(made).items()}
    metadata = {"benchmark": json.dumps(facts | {"digests": digests})}
    write_whole(folder / "test.safetensors", to_bytes(tensors, metadata))
    return [*paths, folder / "test.safetensors"]


def read_benchmark(folder: Path) -> Benchmark:
    """What `write_benchmark` wrote.

    Raises `SalonError` where a file is missing or broken, where another generator drew the pictures, and
    where a sheet's pixels are not those that the numbers were stored with.
    """
    try:
        tensors, metadata = _read(folder / "test.safetensors")
        facts, count = json.loads(metadata["benchmark"]), TEST_IMAGES * len(tensors["people"])
        counts = dict(zip(KINDS, (count, count, count // 2), strict=True))
        sheets = {kind: read_sheet(folder / f"test_{kind}.webp", n, RENDERED) for kind, n in counts.items()}
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise SalonError(f"The test people in {folder} cannot be read ({error}); {_MEND}") from error
    if facts["generator"] != GENERATOR_VERSION:
        raise SalonError(
            f"The test people in {folder} were drawn by version {facts['generator']} of the generator; this is "
            f"version {GENERATOR_VERSION}. Draw them again, and all that hangs on them: `make refresh`."
        )
    for kind, pixels in sheets.items():
        if digest(pixels) != facts["digests"][kind]:
            raise SalonError(
                f"test_{kind}.webp in {folder} shows pixels of digest {digest(pixels)}; its numbers in "
                f"test.safetensors expect {facts['digests'][kind]}; {_MEND}"
            )
    return _of_pixels(sheets, Scenes.of(tensors))


def _of_pixels(pixels: dict[str, Tensor], scenes: Scenes) -> Benchmark:
    """A benchmark from its pictures as bytes, by kind, and its numbers."""
    images = {kind: from_bytes(x) for kind, x in pixels.items()}
    return Benchmark(**images, labels=scenes.labels, scenes=scenes)


_MEND = "get the files back with `git checkout -- data`, or draw them again with `make refresh`."


def fingerprints(benchmark: Benchmark) -> dict[str, Tensor]:
    """The fingerprint [n] of all pictures under each condition that is applied on load."""
    return {name: fingerprint(benchmark.images(name)) for name in (*DEGRADED, "mixed")}


def stored_fingerprints(folder: Path) -> dict[str, Tensor]:
    """The fingerprints that were stored beside the sheets, [n] a condition."""
    prefix = "fingerprint."
    tensors, _ = _read(folder / "test.safetensors")
    return {name.removeprefix(prefix): x for name, x in tensors.items() if name.startswith(prefix)}
