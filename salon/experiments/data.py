"""Rendered people to train on (made once, kept in the cache) and to test on (shipped as two sheets)."""

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from salon.experiments.checkpoints import write_whole
from salon.faces.people import GENERATOR_VERSION, split_people
from salon.faces.render import Views, render, sample_views
from salon.faces.variations import MOST_YAW, degrade
from salon.model.embedding import LUMA
from salon.paths import cache_path, data_path

RENDERED = 64  # pixels, of every picture that is shipped
TEST_PEOPLE, VALIDATION_PEOPLE, TEST_IMAGES = 150, 100, 8
CONDITIONS = ("clean", "low_resolution", "occlusion", "pose", "blur", "mixed")
TEST_STRENGTH = {
    "low_resolution": 0.7,
    "occlusion": 0.4,
    "blur": 0.6,
}  # of the probes: 12 px, 16 of 49 blocks
MIXED_STRENGTH = (0.3, 0.9)  # drawn evenly, up to hopeless


@dataclass(frozen=True)
class TrainSet:
    """Grey pictures as bytes [n, size, size], straight and turned away (the same person and light), labels [n]."""

    straight: Tensor
    turned: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Straight and turned pictures [B, 1, size, size] in 0..1 and labels [B]."""
        straight, turned = (x[rows][:, None].float() / 255 for x in (self.straight, self.turned))
        return straight, turned, self.labels[rows]

    def first(self, people: int) -> "TrainSet":
        """The pictures of the first `people` people."""
        rows = self.labels < people
        return TrainSet(self.straight[rows], self.turned[rows], self.labels[rows])


def turned_away(views: Views, seed: int, least: float = 30.0, most: float = 70.0) -> Views:
    """The same views with the head turned to either side by `least` to `most` degrees."""
    g = torch.Generator().manual_seed(seed)
    yaw = least + (most - least) * torch.rand(len(views), generator=g)
    return replace(views, yaw=torch.where(torch.rand(len(views), generator=g) < 0.5, -yaw, yaw))


def _to_bytes(images: Tensor, size: int) -> Tensor:
    """Grey bytes [n, size, size] of pictures [n, 3, H, W] in 0..1."""
    grey = (images * images.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)
    small = (
        F.interpolate(grey, (size, size), mode="bilinear", antialias=True) if size != grey.shape[-1] else grey
    )
    return (small[:, 0] * 255).round().to(torch.uint8)


def train_set(
    people: int, images: int, size: int, yaw: float = 20.0, split: str = "train", progress: bool = True
) -> TrainSet:
    """`images` pictures of each of `people` people, from the cache or rendered now (with a bar) and kept there."""
    name = f"{split}-v{GENERATOR_VERSION}-{people}x{images}-{size}px-{yaw:g}.safetensors"
    path = cache_path(name)
    try:
        with safe_open(path, "pt") as file:
            return TrainSet(*(file.get_tensor(key) for key in ("straight", "turned", "labels")))
    except (SafetensorError, OSError):  # not there yet, or a broken file: make it again
        made = _render_train_set(people, images, size, yaw, split, progress)
        write_whole(path, to_bytes({key: getattr(made, key) for key in ("straight", "turned", "labels")}))
        return made


def _render_train_set(
    people: int, images: int, size: int, yaw: float, split: str, progress: bool
) -> TrainSet:
    labels = torch.arange(people).repeat_interleave(images)
    who = split_people(split, people)[labels]
    views = sample_views(len(labels), seed=7, yaw=yaw)
    away = turned_away(views, seed=8)
    straight = _to_bytes(render(who, views, RENDERED, progress), size)
    return TrainSet(straight, _to_bytes(render(who, away, RENDERED, progress), size), labels)


@dataclass(frozen=True)
class Benchmark:
    """Test pictures [n, 3, H, W] in 0..1, straight and turned away, with labels [n]; half are gallery."""

    straight: Tensor
    turned: Tensor
    labels: Tensor

    def images(self, condition: str, seed: int = 0) -> Tensor:
        """Every picture under one of `CONDITIONS`, the same for the same seed, [n, 3, H, W]."""
        if condition == "clean":
            return self.straight
        if condition == "pose":
            return self.turned
        if condition == "mixed":
            return self._mixed(seed)
        return degrade(
            self.straight, condition, TEST_STRENGTH[condition], seed=seed + CONDITIONS.index(condition)
        )

    def _mixed(self, seed: int) -> Tensor:
        """Each picture under a condition of its own: clean, low resolution, occlusion or pose."""
        which, strengths = self.mixture(seed)
        out = torch.where((which == 3)[:, None, None, None], self.turned, self.straight).clone()
        for index, name in enumerate(CONDITIONS[1:3], 1):
            rows = which == index
            out[rows] = degrade(out[rows], name, strengths[rows], seed=seed + 50 + index)
        return out

    def mixture(self, seed: int = 0) -> tuple[Tensor, Tensor]:
        """Which of the first four conditions each mixed picture is under [n], and how strongly [n]."""
        g = torch.Generator().manual_seed(seed + 99)
        which = torch.randint(0, 4, (len(self.labels),), generator=g)
        least, most = MIXED_STRENGTH
        return which, least + (most - least) * torch.rand(len(self.labels), generator=g)

    @property
    def gallery(self) -> Tensor:
        """Which pictures are enrolled [n]: the first half of each person's; the others are probes."""
        return torch.arange(len(self.labels)) % TEST_IMAGES < TEST_IMAGES // 2


def render_benchmark(split: str, people: int, progress: bool = True) -> Benchmark:
    """Render the test pictures of a split: `TEST_IMAGES` of each person, straight and turned by 30 to 65 degrees."""
    labels = torch.arange(people).repeat_interleave(TEST_IMAGES)
    who, seed = split_people(split, people)[labels], 11 if split == "test" else 12
    views = sample_views(len(labels), seed=seed, yaw=20.0)
    away = turned_away(views, seed + 10, 0.4 * MOST_YAW, 65.0)
    straight, turned = (_bytes(render(who, v, RENDERED, progress)).float() / 255 for v in (views, away))
    return Benchmark(straight, turned, labels)


def validation_benchmark(progress: bool = True) -> Benchmark:
    """The people to tune on, rendered at the first call and kept in the cache."""
    path = cache_path(f"validation-v{GENERATOR_VERSION}.safetensors")
    try:
        with safe_open(path, "pt") as file:
            straight, turned, labels = (file.get_tensor(k) for k in ("straight", "turned", "labels"))
    except (SafetensorError, OSError):
        made = render_benchmark("validation", VALIDATION_PEOPLE, progress)
        straight, turned, labels = _bytes(made.straight), _bytes(made.turned), made.labels
        write_whole(path, to_bytes({"straight": straight, "turned": turned, "labels": labels}))
    return Benchmark(straight.float() / 255, turned.float() / 255, labels)


def test_benchmark() -> Benchmark:
    """The people to report on, from the two shipped sheets; raises `SalonError` where they are missing."""
    straight, turned = (
        _read_sheet(data_path("faces", f"test_{kind}.webp")) for kind in ("straight", "turned")
    )
    return Benchmark(straight, turned, torch.arange(TEST_PEOPLE).repeat_interleave(TEST_IMAGES))


def write_test_sheets(folder: Path, progress: bool = True) -> list[Path]:
    """Make the two shipped sheets, one row for each person, lossless; returns their paths."""
    made = render_benchmark("test", TEST_PEOPLE, progress)
    paths = []
    for kind in ("straight", "turned"):
        tiles = _bytes(getattr(made, kind)).view(TEST_PEOPLE, TEST_IMAGES, 3, RENDERED, RENDERED)
        sheet = tiles.permute(0, 3, 1, 4, 2).reshape(TEST_PEOPLE * RENDERED, TEST_IMAGES * RENDERED, 3)
        paths.append(folder / f"test_{kind}.webp")
        Image.fromarray(sheet.numpy()).save(paths[-1], lossless=True, quality=100, method=6)
    return paths


def _read_sheet(path: Path) -> Tensor:
    with Image.open(path) as sheet:
        pixels = torch.from_numpy(np.array(sheet.convert("RGB")))
    tiles = pixels.view(TEST_PEOPLE, RENDERED, TEST_IMAGES, RENDERED, 3).permute(0, 2, 4, 1, 3)
    return tiles.reshape(-1, 3, RENDERED, RENDERED).float() / 255


def _bytes(images: Tensor) -> Tensor:
    return (images * 255).round().to(torch.uint8)


def digest(images: Tensor) -> str:
    """A short fingerprint of pictures as bytes, to tell whether two runs measured the same pixels."""
    return hashlib.sha256(_bytes(images).numpy().tobytes()).hexdigest()[:16]
