"""What can go wrong with a picture, each with a strength in 0..1 (0 leaves it as it is, to the bit).

The paper trains on three variations (section 3.1): low resolution, occlusion by black blocks of a 7 x 7 grid,
and pose. A rendered person turns truly (`pose_yaw`, then render again); a photograph is warped as if the face
lay on a cylinder. The others are what a camera does; no model here is trained to withstand them.
"""

import io
import math
from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from salon.words import SalonError

VARIATIONS = ("low_resolution", "occlusion", "pose")
# At strength 1: pixels left; blocks a side and the share of them; degrees.
SMALLEST, BLOCKS, MOST_COVERED, MOST_YAW = 3, 7, 0.8, 75.0
MOST_FROM_ONE_SIDE = 0.75  # of the picture, by a cover
# Diameter of the disc and length of the line in picture widths; deviation at white and at black, where 1 is white.
MOST_DEFOCUS, MOST_MOTION, SHOT_NOISE, READ_NOISE = 1 / 4, 1 / 3, 0.4, 0.1
BEST_JPEG, WORST_JPEG = 95, 3  # quality as Pillow counts it
# Stops; linear light that an under-exposed shadow loses; stops.
MOST_STOPS, CRUSHED, MOST_CAST = 3.0, 0.02, 1.5
GAMMA = 2.2  # pixels = light ** (1 / GAMMA), as in the renderer


def pose_yaw(strength: float | Tensor) -> float | Tensor:
    """Yaw in degrees, 0..75, of a rendered person at a strength 0..1."""
    return MOST_YAW * strength


def degrade(images: Tensor, name: str, strength: float | Tensor, seed: int | None = None) -> Tensor:
    """Pictures [B, C, H, W] after one variation, at one strength or [B] strengths, the same for the same seed
    (without one, whatever `torch.manual_seed` makes of it); the first n of a larger batch come out the same.

    `name`: one of `DEGRADE`; colour C = 3 or grey C = 1 ("colour_cast" needs colour); pixels in 0..1.
    Raises `SalonError` for an unknown name, other shapes, no picture, a strength outside 0..1 or NaN.
    """
    if name not in DEGRADE:
        raise SalonError(f"The variation {name!r} is not known; expected one of {', '.join(DEGRADE)}.")
    channels = (3,) if name == "colour_cast" else (1, 3)
    if images.ndim != 4 or images.shape[1] not in channels or not len(images):
        expected = f"[B, C, H, W] with B of at least 1 and C of {' or '.join(map(str, channels))}"
        raise SalonError(f"Pictures of shape {list(images.shape)} came for {name}; expected {expected}.")
    strengths = as_strengths(strength, len(images), name)
    if seed is None:
        seed = int(torch.randint(2**31, ()))  # from torch's own state, which a seed fixes
    out = DEGRADE[name](images, strengths, torch.Generator().manual_seed(seed))
    return torch.where(_each(strengths > 0).to(images.device), out, images)


def as_strengths(strength: float | Tensor, count: int, name: str) -> Tensor:
    """One strength or [count] of them as float32 [count]; raises `SalonError` outside 0..1, for NaN, other counts."""
    strengths = torch.as_tensor(strength, dtype=torch.float32, device="cpu")
    if strengths.ndim > 1 or strengths.numel() not in (1, count):
        raise SalonError(f"{strengths.numel()} strengths came for {name}; expected one, or {count}.")
    if not ((strengths >= 0) & (strengths <= 1)).all():
        raise SalonError(f"A strength of {strength} came for {name}; expected 0 (none) to 1 (the most).")
    return strengths.expand(count)


def low_resolution(images: Tensor, strengths: Tensor, generator: torch.Generator) -> Tensor:
    """Shrink to H (3 / H)^strength pixels, at the strongest 3, and enlarge again; loses what is lost for good."""
    size, out = images.shape[-1], images.clone()
    small = (size * (SMALLEST / size) ** strengths).round().long()
    for pixels in small[small < size].unique().tolist():
        rows = small == pixels
        out[rows] = _resample(images[rows], pixels)
    return out


def _resample(images: Tensor, pixels: int) -> Tensor:
    """Shrink to `pixels` a side and enlarge again."""
    tiny = F.interpolate(images, (pixels, pixels), mode="bilinear", antialias=True)
    return F.interpolate(tiny, images.shape[-2:], mode="bicubic", align_corners=False).clamp(0, 1)


def occlusion(images: Tensor, strengths: Tensor, generator: torch.Generator) -> Tensor:
    """Black out blocks of a 7 x 7 grid chosen at random, at the strongest four fifths of them."""
    covered = (strengths * MOST_COVERED * BLOCKS**2).round()[:, None]
    keep = (block_order(len(images), generator) >= covered).float().view(-1, 1, BLOCKS, BLOCKS)
    return images * F.interpolate(keep, images.shape[-2:], mode="nearest").to(images)


def block_order(count: int, generator: torch.Generator) -> Tensor:
    """When each block of the grid turns black, 0 the first: [count, 49]."""
    return torch.rand(count, BLOCKS**2, generator=generator).argsort(1).argsort(1)


def cover(images: Tensor, strengths: Tensor, generator: torch.Generator) -> Tensor:
    """Black out the picture from one side (above, below, left or right, by lot), at the strongest three quarters."""
    side = torch.randint(4, (len(images),), generator=generator)
    x, y = torch.broadcast_tensors(*((axis.cpu() + 1) / 2 for axis in _axes(images)))
    depth = torch.stack([y, 1 - y, x, 1 - x])[side]  # [B, H, W], 0..1 from that side
    keep = depth >= MOST_FROM_ONE_SIDE * strengths[:, None, None]
    return images * keep[:, None].to(images)


def pose(images: Tensor, strengths: Tensor, generator: torch.Generator) -> Tensor:
    """Turn a photograph by up to 75 degrees, to a random side, as if the face lay on a cylinder (2.5-D)."""
    yaw = torch.deg2rad(MOST_YAW * strengths * random_sides(len(images), generator))[:, None, None]
    x, y = (axis.cpu() for axis in _axes(images))
    radius = 1.15  # of the cylinder, in half pictures: a head is a little wider than the crop is
    turned = ((x + 0.75 * radius * yaw.sin()) / radius).clamp(-1, 1)  # [B, 1, W]
    angle = (torch.asin(turned) - yaw).clamp(-math.pi / 2, math.pi / 2)
    grid = torch.stack(torch.broadcast_tensors(radius * angle.sin(), y), -1).to(images)
    return F.grid_sample(images, grid, align_corners=False, padding_mode="border")


def random_sides(count: int, generator: torch.Generator) -> Tensor:
    """-1 or +1 with equal chances, [count]."""
    return torch.where(torch.rand(count, generator=generator) < 0.5, -1.0, 1.0)


def defocus(images: Tensor, strengths: Tensor, generator: torch.Generator) -> Tensor:
    """A lens out of focus: each point of light becomes a disc, at the strongest a quarter of a picture wide."""
    size = images.shape[-1]
    x, y = _offsets(size, MOST_DEFOCUS)
    outside = torch.sqrt(x**2 + y**2) - (strengths * MOST_DEFOCUS * size / 2)[:, None, None]
    return _spread(images, outside.clamp(0))


def motion_blur(images: Tensor, strengths: Tensor, generator: torch.Generator) -> Tensor:
    """A moving camera: each point becomes a line in a random direction, at the strongest a third of a picture long."""
    size = images.shape[-1]
    x, y = _offsets(size, MOST_MOTION)
    angle = (math.pi * torch.rand(len(images), generator=generator))[:, None, None]
    along, across = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    beyond = (along.abs() - (strengths * MOST_MOTION * size / 2)[:, None, None]).clamp(0)
    return _spread(images, torch.sqrt(beyond**2 + across**2))


def _offsets(size: int, widths: float) -> tuple[Tensor, ...]:
    """x and y in pixels from the middle of a kernel that holds a shape of so many picture widths, [k, k] each."""
    reach = math.ceil(widths * size / 2) + 1
    line = torch.arange(-reach, reach + 1, dtype=torch.float32)
    return torch.meshgrid(line, line, indexing="xy")


def _spread(images: Tensor, distance: Tensor) -> Tensor:
    """Spread each point of light evenly over a shape with a rim one pixel soft, given the distance to it in pixels.

    `distance` [B, k, k], k odd, 0 inside. Convolution is a product of spectra; edges are repeated.
    """
    kernels = (1 - distance).clamp(0)
    kernels = (kernels / kernels.sum((1, 2), keepdim=True)).to(images)
    parts = zip(images.split(64), kernels.split(64), strict=True)  # which stay in the processor's cache
    return torch.cat([_convolve(*part) for part in parts])


def _convolve(images: Tensor, kernels: Tensor) -> Tensor:
    reach = kernels.shape[-1] // 2
    wide = F.pad(_light(images), (reach, reach, reach, reach), mode="replicate")
    size = wide.shape[-2:]
    spectrum = torch.fft.rfft2(wide) * torch.fft.rfft2(kernels, s=size)[:, None]
    return _pixels(torch.fft.irfft2(spectrum, s=size)[..., 2 * reach :, 2 * reach :])


def noise(images: Tensor, strengths: Tensor, generator: torch.Generator) -> Tensor:
    """Shot and read noise: in linear light a variance of strength² (0.4² brightness + 0.1²), then clipped."""
    light = _light(images)
    shape = images.shape[1:]
    drawn = torch.stack([torch.randn(shape, generator=generator) for _ in images]).to(images)
    deviation = _each(strengths).to(images) * torch.sqrt(SHOT_NOISE**2 * light + READ_NOISE**2)
    return _pixels(light + deviation * drawn)


def jpeg(images: Tensor, strengths: Tensor, generator: torch.Generator) -> Tensor:
    """JPEG through Pillow, quality 95 (3 / 95)^strength; the same bytes wherever Pillow has the same libjpeg."""
    quality = (BEST_JPEG * (WORST_JPEG / BEST_JPEG) ** strengths).round().int().tolist()
    pixels = (images * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    spoilt = [_jpeg(each, q) for each, q in zip(pixels, quality, strict=True)]
    return torch.from_numpy(np.stack(spoilt)).permute(0, 3, 1, 2).to(images) / 255


def _jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    """Bytes [H, W, C] through a file in memory."""
    file, grey = io.BytesIO(), pixels.shape[-1] == 1
    Image.fromarray(pixels[..., 0] if grey else pixels).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file)).reshape(pixels.shape)


def exposure(images: Tensor, strengths: Tensor, generator: torch.Generator) -> Tensor:
    """Over- or under-exposed by 3 stops x strength, at random; clipped, so that lights or shadows are lost."""
    side = _each(random_sides(len(images), generator)).to(images)
    amount = _each(strengths).to(images)
    floor = torch.where(side < 0, CRUSHED * amount, 0)
    return _pixels(_light(images) * torch.exp2(MOST_STOPS * amount * side) - floor)


def colour_cast(images: Tensor, strengths: Tensor, generator: torch.Generator) -> Tensor:
    """Wrong white balance: red, green and blue light shifted by up to 1.5 stops x strength towards a random hue."""
    hue = 2 * math.pi * torch.rand(len(images), 1, generator=generator)
    shifts = torch.cos(hue - 2 * math.pi / 3 * torch.arange(3))  # [B, 3], sum 0
    stops = MOST_CAST * strengths[:, None] * shifts
    return _pixels(_light(images) * torch.exp2(stops)[:, :, None, None].to(images))


def _light(images: Tensor) -> Tensor:
    """Pixels 0..1 as linear light."""
    return images.clamp(0, 1) ** GAMMA


def _pixels(light: Tensor) -> Tensor:
    """Linear light as pixels 0..1, clipped."""
    return light.clamp(0, 1) ** (1 / GAMMA)


def _each(values: Tensor) -> Tensor:
    """One number a picture, [B], as [B, 1, 1, 1]."""
    return values[:, None, None, None]


def augment(
    images: Tensor, turned: Tensor, generator: torch.Generator, probability: float = 0.3, strength: float = 1.0,
    occlude: "Variation" = occlusion,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Variation augmentation of a batch: each of the three by itself with `probability`, strength at random.

    `images` and `turned` [B, C, H, W] show the same people, straight and turned away. Returns the pictures and
    the labels [B, 3] that say which variations each has.
    """
    labels = (torch.rand(len(images), 3, generator=generator) < probability).float()
    out = torch.where(_each(labels[:, 2]) > 0, turned, images)
    amounts = strength * (0.25 + 0.75 * torch.rand(len(images), 2, generator=generator)) * labels[:, :2]
    out = low_resolution(out, amounts[:, 0].clamp(max=1), generator)
    return occlude(out, amounts[:, 1].clamp(max=1), generator), labels


def augment_as_recalled(
    images: Tensor, turned: Tensor, generator: torch.Generator, probability: float = 0.3
) -> tuple[Tensor, Tensor]:
    """`augment` as the paper's is recalled, not verified: Gaussian blur of 3 to 11 pixels, black blocks of 7 x 7.

    How wide the blur is for a kernel and how many blocks are black is not known: 0.3 ((n - 1) / 2 - 1) + 0.8 pixels, as
    image libraries have it, and 1 to 24 of 49. Shapes and labels as `augment`.
    """
    labels = (torch.rand(len(images), 3, generator=generator) < probability).float()
    out = torch.where(_each(labels[:, 2]) > 0, turned, images)
    reach = torch.randint(1, 6, (len(images),), generator=generator)  # kernels of 3, 5 … 11 pixels
    out = torch.where(_each(labels[:, 0]).to(out) > 0, gaussian_blur(out, reach), out)
    blocks = torch.randint(1, BLOCKS**2 // 2 + 1, (len(images),), generator=generator)
    share = blocks / (MOST_COVERED * BLOCKS**2)
    return occlusion(out, share * labels[:, 1], generator), labels


def gaussian_blur(images: Tensor, reach: Tensor) -> Tensor:
    """Each picture [B, C, H, W] under a Gaussian kernel of 2 reach + 1 pixels, `reach` [B] whole numbers."""
    reach = reach.to(images.device)
    offset = torch.arange(-int(reach.max()), int(reach.max()) + 1, device=images.device)
    sigma = 0.3 * (reach - 1) + 0.8
    line = torch.exp(-0.5 * (offset / sigma[:, None]) ** 2) * (offset.abs() <= reach[:, None])  # [B, n]
    line = line / line.sum(1, keepdim=True)
    return _convolve(images, line[:, :, None] * line[:, None])


def camera(images: Tensor, generator: torch.Generator) -> Tensor:
    """What snapshots vary by, unlabelled, for training: pictures [B, C, H, W] in 0..1, each a little different.

    In a camera's order: framing, light, lens; half of them with fewer pixels; noise; three in ten JPEG; a fifth
    with something before the face.
    """
    out = _focused(_lit(_framed(images, generator), generator), generator)
    out = _on_some(out, 0.5, _shrunk, generator)
    out = _on_some(_grainy(out, generator), 0.3, _quantised, generator)
    return _on_some(out, 0.2, _cut_out, generator).clamp_(0, 1)


def _on_some(images: Tensor, share: float, change: "Change", generator: torch.Generator) -> Tensor:
    """Change about a share of the pictures, chosen at random."""
    rows = (torch.rand(len(images), generator=generator) < share).nonzero()[:, 0].to(images.device)
    return images.index_copy(0, rows, change(images[rows], generator)) if len(rows) else images


def _uniform(images: Tensor, generator: torch.Generator, *ranges: tuple[float, float]) -> list[Tensor]:
    """For each range a number for each picture, [B, 1, 1, 1]."""
    drawn = (torch.rand(len(images), 1, 1, 1, generator=generator).to(images) for _ in ranges)
    return [low + (high - low) * x for (low, high), x in zip(ranges, drawn, strict=True)]


def _axes(images: Tensor) -> tuple[Tensor, Tensor]:
    """x [W] and y [H, 1] of the middles of the pixels, -1..1."""
    height, width = images.shape[-2:]
    x, y = ((torch.arange(n, device=images.device) + 0.5) / n * 2 - 1 for n in (width, height))
    return x, y[:, None]


def _framed(images: Tensor, generator: torch.Generator) -> Tensor:
    """Scaled by 0.90..1.12, turned by up to 7 degrees, shifted by up to 4.5 % of the width, half of them mirrored."""
    ranges = ((-7, 7), (0.90, 1.12), (-0.09, 0.09), (-0.09, 0.09))
    turn, zoom, right, low = _uniform(images, generator, *ranges)
    sin, cos = zoom * torch.deg2rad(turn).sin(), zoom * torch.deg2rad(turn).cos()
    mirror = _each(random_sides(len(images), generator)).to(images)
    x, y = _axes(images)
    grid = torch.cat([cos * mirror * x + (right - sin * y), sin * mirror * x + (low + cos * y)], 1)
    return F.grid_sample(images, grid.permute(0, 2, 3, 1), align_corners=False, padding_mode="reflection")


def _lit(images: Tensor, generator: torch.Generator) -> Tensor:
    """Gamma 0.64..1.57, a slope of light across and down, corners up to 30 % darker; then exposed for the face:
    its middle goes half-way to a grey of 0.38..0.62, and its contrast is 0.9..2.5 times what it was."""
    ranges = ((-0.45, 0.45), (-0.35, 0.35), (-0.2, 0.2), (0, 0.15), (-0.1, 0.9), (0.38, 0.62))
    gamma, across, down, corner, contrast, level = _uniform(images, generator, *ranges)
    x, y = _axes(images)
    power = (images.clamp(1e-3, 1).log() * gamma.exp()).exp_()  # images ** exp(gamma), in half the time
    lit = power.mul_((1 + across * x - corner * x**2) + (down * y - corner * y**2))
    middle = lit[..., x.abs() < 0.6].mean((1, 2, 3), keepdim=True)
    return lit.sub_(middle).mul_(contrast.exp()).add_((middle + level) / 2).clamp_(0, 1)


def _focused(images: Tensor, generator: torch.Generator) -> Tensor:
    """From sharpened to softened: a share of -0.8..0.8 of the mean of 3 x 3 pixels."""
    wide = F.pad(images, (1, 1, 1, 1), mode="replicate")
    rows = wide[..., :-2] + wide[..., 1:-1] + wide[..., 2:]
    soft = (rows[..., :-2, :] + rows[..., 1:-1, :] + rows[..., 2:, :]) / 9
    (share,) = _uniform(images, generator, (-0.8, 0.8))
    return torch.lerp(images, soft, share)


def _shrunk(images: Tensor, generator: torch.Generator) -> Tensor:
    """Taken with fewer pixels, down to a third (as many for all of a batch), and enlarged again."""
    size = images.shape[-1]
    return _resample(images, int(torch.randint(size // 3, size + 1, (), generator=generator)))


def _grainy(images: Tensor, generator: torch.Generator) -> Tensor:
    """Noise of a deviation up to 0.04, mostly little."""
    drawn = torch.randn(images.shape, generator=generator).to(images)
    (amount,) = _uniform(images, generator, (0, 1))
    return drawn.mul_(0.04 * amount**2).add_(images)


def _quantised(images: Tensor, generator: torch.Generator) -> Tensor:
    """As JPEG keeps them: 8 x 8 cosine transforms, rounded, more coarsely the higher the frequency."""
    height, width = images.shape[-2:]
    wide = F.pad(images, (0, -width % 8, 0, -height % 8), mode="replicate").transpose(0, 1)
    (least,) = _uniform(images, generator, (0.01, 0.08))
    step = least[..., 0] * _coarseness().to(images)  # [B, 64, 1]
    blocks = F.pixel_unshuffle(wide[:, :, None], 8).flatten(-2)  # [C, B, 64, H / 8 * W / 8]
    cosines = _cosines().to(images)
    blocks = cosines.T @ (cosines @ blocks).div_(step).round_().mul_(step)
    wide = F.pixel_shuffle(blocks.unflatten(-1, (wide.shape[-2] // 8, -1)), 8)[:, :, 0]
    return wide.transpose(0, 1)[..., :height, :width]


def _cosines() -> Tensor:
    """The orthonormal basis of the 8 x 8 discrete cosine transform, [64 frequencies, 64 pixels]."""
    k, n = torch.arange(8.0)[:, None], torch.arange(8.0)
    basis = torch.cos(math.pi * k * (2 * n + 1) / 16) * torch.where(k == 0, math.sqrt(1 / 8), 1 / 2)
    return torch.kron(basis, basis)


def _coarseness() -> Tensor:
    """How coarsely each of the 64 frequencies is rounded, relative to the lowest, about as JPEG's table has it."""
    k = torch.arange(8.0)
    return (1 + 0.45 * (k[:, None] + k)).reshape(64, 1)


def _cut_out(images: Tensor, generator: torch.Generator) -> Tensor:
    """Behind a grey rectangle, 15 to 50 % of the picture wide and high."""
    ranges = ((-1, 1), (-1, 1), (0.15, 0.5), (0.15, 0.5), (0, 1))
    left, top, width, height, grey = _uniform(images, generator, *ranges)
    x, y = _axes(images)
    return torch.where(((x - left).abs() < width) & ((y - top).abs() < height), grey, images)


Change = Callable[[Tensor, torch.Generator], Tensor]
Variation = Callable[[Tensor, Tensor, torch.Generator], Tensor]
DEGRADE: dict[str, Variation] = {
    "low_resolution": low_resolution, "occlusion": occlusion, "cover": cover, "pose": pose, "defocus": defocus,
    "motion_blur": motion_blur, "noise": noise, "jpeg": jpeg, "exposure": exposure, "colour_cast": colour_cast,
}  # fmt: skip
