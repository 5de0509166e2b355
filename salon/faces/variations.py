"""What can go wrong with a picture, each with a strength in 0..1 (0 leaves it as it is) and a label.

The paper trains on three variations (section 3.1): low resolution, occlusion by black blocks of a 7 x 7 grid,
and pose. A rendered person turns truly (`pose_yaw`, then render again); a photograph is warped as if the face
lay on a cylinder.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from salon.text import SalonError

VARIATIONS = ("low_resolution", "occlusion", "pose")
SMALLEST, BLOCKS, MOST_COVERED, MOST_YAW = 6, 7, 0.8, 75.0


def pose_yaw(strength: float | Tensor) -> float | Tensor:
    """Yaw in degrees, 0..75, of a rendered person at a strength 0..1."""
    return MOST_YAW * strength


def degrade(images: Tensor, name: str, strength: float | Tensor, seed: int | None = None) -> Tensor:
    """Pictures [B, 3, H, W] after one variation, at one strength or [B] strengths, the same for the same seed
    (without one, whatever `torch.manual_seed` makes of it).

    `name`: "low_resolution", "occlusion", "pose" (for photographs) or "blur" (Gaussian).
    Raises `SalonError` for an unknown name, a strength outside 0..1 or NaN.
    """
    if name not in _DEGRADE:
        raise SalonError(f"The variation {name!r} is not known; expected one of {', '.join(_DEGRADE)}.")
    strengths = torch.as_tensor(strength, dtype=torch.float32).expand(len(images))
    if not ((strengths >= 0) & (strengths <= 1)).all():
        raise SalonError(f"A strength of {strength} came for {name}; expected 0 (none) to 1 (the most).")
    drawn = int(torch.randint(2**31, ())) if seed is None else seed  # from torch's own state, which a seed fixes
    generator = torch.Generator().manual_seed(drawn)
    return _DEGRADE[name](images, strengths, generator)


def low_resolution(images: Tensor, strengths: Tensor, generator: torch.Generator) -> Tensor:
    """Shrink to H (6 / H)^strength pixels, at the strongest 6, and enlarge again; loses what is lost for good."""
    size = images.shape[-1]
    small = (size * (SMALLEST / size) ** strengths).round().long()
    out = images.clone()
    for pixels in small.unique().tolist():
        if pixels < size:
            rows = small == pixels
            tiny = F.interpolate(images[rows], (pixels, pixels), mode="bilinear", antialias=True)
            out[rows] = F.interpolate(tiny, (size, size), mode="bicubic", align_corners=False).clamp(0, 1)
    return out


def blur(images: Tensor, strengths: Tensor, generator: torch.Generator) -> Tensor:
    """Gaussian blur, at the strongest with a deviation of a twelfth of the picture; never trained on."""
    size = images.shape[-1]
    radius = math.ceil(size / 4)
    x = torch.arange(-radius, radius + 1, dtype=torch.float32)
    out = []
    for image, strength in zip(images, strengths.tolist(), strict=True):
        weights = torch.exp(-0.5 * (x / max(strength * size / 12, 1e-3)) ** 2)
        weights = (weights / weights.sum()).to(images)
        wide = F.conv1d(
            F.pad(image, (radius, radius, 0, 0), mode="replicate").flatten(0, 1)[:, None], weights[None, None]
        )
        tall = wide.view_as(image).transpose(1, 2)
        tall = F.conv1d(
            F.pad(tall, (radius, radius, 0, 0), mode="replicate").flatten(0, 1)[:, None], weights[None, None]
        )
        out.append(tall.view_as(image).transpose(1, 2))
    return torch.stack(out)


def occlusion(images: Tensor, strengths: Tensor, generator: torch.Generator) -> Tensor:
    """Black out blocks of a 7 x 7 grid chosen at random, at the strongest four fifths of them."""
    covered = (strengths * MOST_COVERED * BLOCKS**2).round()[:, None]
    order = torch.rand(len(images), BLOCKS**2, generator=generator).argsort(1).argsort(1)
    keep = (order >= covered).float().view(-1, 1, BLOCKS, BLOCKS)
    return images * F.interpolate(keep, images.shape[-2:], mode="nearest").to(images)


def pose(images: Tensor, strengths: Tensor, generator: torch.Generator) -> Tensor:
    """Turn a photograph by up to 75 degrees, to a random side, as if the face lay on a cylinder (2.5-D)."""
    side = torch.where(torch.rand(len(images), generator=generator) < 0.5, -1.0, 1.0)
    yaw = torch.deg2rad(MOST_YAW * strengths * side)[:, None, None]
    line = (torch.arange(images.shape[-1]) + 0.5) / images.shape[-1] * 2 - 1
    y, x = torch.meshgrid(line, line, indexing="ij")
    radius = 1.15  # of the cylinder, in half pictures: a head is a little wider than the crop is
    turned = ((x[None] + 0.75 * radius * yaw.sin()) / radius).clamp(-1, 1)
    angle = (torch.asin(turned) - yaw).clamp(-math.pi / 2, math.pi / 2)
    grid = torch.stack([radius * angle.sin(), y.expand_as(angle)], -1).to(images)
    return F.grid_sample(images, grid, align_corners=False, padding_mode="border")


def augment(
    images: Tensor,
    turned: Tensor,
    generator: torch.Generator,
    probability: float = 0.3,
    strength: float = 1.0,
) -> tuple[Tensor, Tensor]:
    """Variation augmentation of a batch: each of the three by itself with `probability`, strength at random.

    `images` and `turned` [B, C, H, W] show the same people, straight and turned away. Returns the pictures and
    the labels [B, 3] that say which variations each has.
    """
    labels = (torch.rand(len(images), 3, generator=generator) < probability).float()
    amounts = strength * (0.25 + 0.75 * torch.rand(len(images), 2, generator=generator)) * labels[:, :2]
    out = torch.where(labels[:, 2, None, None, None] > 0, turned, images)
    out = low_resolution(out, amounts[:, 0].clamp(max=1), generator)
    return occlusion(out, amounts[:, 1].clamp(max=1), generator), labels


def camera(images: Tensor, generator: torch.Generator) -> Tensor:
    """What every snapshot varies by, unlabelled: framing (10 %, 7 degrees), mirror, contrast, light, noise."""
    count, size = len(images), images.shape[-1]

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=generator)

    turn, zoom = torch.deg2rad(uniform(-7, 7)), uniform(0.90, 1.12)
    mirror = torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)
    rows = torch.stack([zoom * turn.cos() * mirror, -zoom * turn.sin(), uniform(-0.09, 0.09),
                        zoom * turn.sin() * mirror, zoom * turn.cos(), uniform(-0.09, 0.09)], 1)  # fmt: skip
    grid = F.affine_grid(rows.view(-1, 2, 3), [count, 1, size, size], align_corners=False).to(images)
    out = F.grid_sample(images, grid, align_corners=False, padding_mode="reflection").clamp(1e-3, 1)
    line = torch.linspace(-1, 1, size)
    slope = uniform(-0.35, 0.35)[:, None, None] * line + uniform(-0.2, 0.2)[:, None, None] * line[:, None]
    gamma = torch.exp(uniform(-0.45, 0.45))[:, None, None, None]
    out = out**gamma * (1 + slope[:, None])
    noise = torch.randn(out.shape, generator=generator) * (uniform(0, 1) ** 2 * 0.06)[:, None, None, None]
    return (out + noise).clamp(0, 1)


_DEGRADE: dict[str, Callable[[Tensor, Tensor, torch.Generator], Tensor]] = {
    "low_resolution": low_resolution, "occlusion": occlusion, "pose": pose, "blur": blur,
}  # fmt: skip
