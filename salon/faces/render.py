"""Pictures of people: rays are marched onto the head, then lit; all pixels of all people at once in torch."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm.auto import tqdm

from salon.faces.anatomy import U_SIDE, Y_BOTTOM, Y_TOP, Chart, Expression, Head
from salon.faces.people import People
from salon.text import SalonError

# The field's five-point template, in units of half the picture: eyes at y, mouth at y (of 112 px: 52 and 92).
EYES_Y, MOUTH_Y = 52 / 56 - 1, 92 / 56 - 1
_CHUNK = 24  # larger chunks fall out of the processor's cache, smaller ones spend their time in Python


@dataclass
class Views:
    """How each picture is taken, one number a picture [B]; angles in degrees, amounts in 0..1 unless said."""

    yaw: Tensor  # -90..90, to the right of the picture
    pitch: Tensor  # -40..40, down
    roll: Tensor  # -45..45, clockwise
    light_azimuth: Tensor  # -180..180, 0 from the camera, 90 from the right
    light_elevation: Tensor  # -90..90, up
    ambient: Tensor  # share of light that comes from everywhere
    warmth: Tensor  # -1 blue .. 1 red
    exposure: Tensor  # in stops, -3..3
    smile: Tensor
    mouth_open: Tensor
    brow_raise: Tensor
    eyes_closed: Tensor
    gaze: Tensor  # -1 left .. 1 right
    glasses: Tensor  # 0 or 1
    background: Tensor  # a seed

    def __post_init__(self) -> None:
        for field, limit in _LIMITS.items():
            value = getattr(self, field)
            if not torch.isfinite(value).all() or (value < limit[0]).any() or (value > limit[1]).any():
                raise SalonError(
                    f"The view's {field} came as {value.min():g}..{value.max():g}; expected numbers within "
                    f"{limit[0]}..{limit[1]}. Change it where you call frontal_views or sample_views."
                )

    def __len__(self) -> int:
        return self.yaw.shape[0]

    def __getitem__(self, index: slice | Tensor | list[int]) -> "Views":
        return Views(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


_LIMITS = {
    "yaw": (-90, 90), "pitch": (-40, 40), "roll": (-45, 45), "light_azimuth": (-180, 180),
    "light_elevation": (-90, 90), "ambient": (0, 1), "warmth": (-1, 1), "exposure": (-3, 3), "smile": (0, 1),
    "mouth_open": (0, 1), "brow_raise": (0, 1), "eyes_closed": (0, 1), "gaze": (-1, 1), "glasses": (0, 1),
    "background": (0, 2**24),
}  # fmt: skip
_NEUTRAL = {name: 0.0 for name in _LIMITS} | {
    "light_azimuth": -25.0,
    "light_elevation": 30.0,
    "ambient": 0.45,
}


def _views(values: dict[str, Tensor], fixed: dict[str, float | Tensor], count: int) -> Views:
    for name, value in fixed.items():
        if name not in _LIMITS:
            raise SalonError(f"The view has no {name!r}; expected one of {', '.join(_LIMITS)}.")
        values[name] = torch.as_tensor(value, dtype=torch.float32).expand(count).clone()
    return Views(**values)


def frontal_views(count: int, **fixed: float | Tensor) -> Views:
    """`count` neutral frontal views; any field can be set, by a number or by [count] numbers."""
    return _views({name: torch.full((count,), value) for name, value in _NEUTRAL.items()}, fixed, count)


def sample_views(count: int, seed: int, yaw: float = 25.0, **fixed: float | Tensor) -> Views:
    """`count` views as snapshots have them, yaw within ±`yaw` degrees; fields named in `fixed` are held."""
    g = torch.Generator().manual_seed(seed)

    def normal(sd: float, limit: float) -> Tensor:
        return (torch.randn(count, generator=g) * sd).clamp(-limit, limit)

    def uniform(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=g)

    def sometimes(chance: float) -> Tensor:
        return (torch.rand(count, generator=g) < chance) * torch.rand(count, generator=g)

    values = {
        "yaw": uniform(-yaw, yaw), "pitch": normal(7, 18), "roll": normal(3, 10),
        "light_azimuth": uniform(-70, 70), "light_elevation": uniform(-10, 65), "ambient": uniform(0.25, 0.75),
        "warmth": normal(0.25, 1), "exposure": normal(0.3, 0.7) - 0.15, "smile": sometimes(0.5),
        "mouth_open": sometimes(0.25), "brow_raise": sometimes(0.2), "eyes_closed": sometimes(0.1) * 0.9,
        "gaze": normal(0.35, 1), "glasses": (torch.rand(count, generator=g) < 0.12).float(),
        "background": torch.randint(1, 2**24, (count,), generator=g).float(),
    }  # fmt: skip
    return _views(values, fixed, count)


def render(
    people: People, views: Views, size: int = 64, progress: bool = False, device: str = "cpu"
) -> Tensor:
    """Pictures [B, 3, size, size], RGB 0..1, person by person and view by view; one of either serves all.

    Framed like the field's template whatever the pose. Deterministic: the same numbers give the same pixels
    on the same machine, whatever the batch. Raises `SalonError` for sizes outside 16..1024 or unequal counts.
    """
    if not 16 <= size <= 1024:
        raise SalonError(f"The size {size} came; expected 16 to 1024 pixels.")
    count = max(len(people), len(views))
    if len(people) not in (1, count) or len(views) not in (1, count):
        raise SalonError(
            f"{len(people)} people came with {len(views)} views; expected equal counts, or one of either."
        )
    who, how = torch.arange(count) % len(people), torch.arange(count) % len(views)
    chart = Chart(size * 3 // 2, size * 2, device)
    parts = torch.arange(count).split(max(1, _CHUNK * 64 * 64 // (size * size)))

    def draw(rows: Tensor) -> Tensor:
        return _render(people[who[rows]], views[how[rows]], chart, size).cpu()

    threads = torch.get_num_threads()
    # A chunk for each core beats many cores on a chunk, most of all on a busy machine.
    torch.set_num_threads(1)
    try:
        with ThreadPoolExecutor(threads) as pool:
            done, title = pool.map(draw, parts), f"rendering {count} faces"
            return torch.cat(list(tqdm(done, title, len(parts), leave=False, disable=not progress)))
    finally:
        torch.set_num_threads(threads)


@torch.inference_mode()
def _render(people: People, views: Views, chart: Chart, size: int) -> Tensor:
    people = People(people.numbers.to(chart.y.device))
    views = Views(**{f.name: getattr(views, f.name).to(chart.y.device) for f in fields(views)})
    face = Expression(
        views.smile, views.mouth_open, views.brow_raise, views.eyes_closed, views.gaze, views.glasses
    )
    head = Head(people, face, chart)
    texture, strands = _textures(people, chart)
    hair, thick = head.hair(strands)
    radius = head.radius(thick * (0.92 + 0.08 * strands))
    colour, gloss = head.albedo(hair, texture, strands)
    cavity = 9 * (_blur(radius) - radius)
    rotation, pixels = _camera(views), _frame(head, views, radius, size)
    points, alpha = _march(radius, rotation, pixels)
    surface = torch.cat([colour, gloss[:, None], cavity[:, None], radius_slopes(radius, chart)], 1)
    skin = _sample(surface, points)  # [B, 7, size, size]: colour, gloss, cavity, slopes
    lit = _shade(skin, points, rotation, views)
    behind = _background(views, size)
    picture = (behind + (lit - behind) * alpha[:, None]) * torch.exp2(views.exposure)[:, None, None, None]
    return picture.clamp(1e-4, 1) ** (1 / 2.2)


def _textures(people: People, chart: Chart) -> tuple[Tensor, Tensor]:
    """Each person's own unevenness of skin and strands of hair, [B, V, U] in -1..1, drawn from the traits."""
    rows, columns = chart.y.shape[0], chart.theta.shape[1]
    skin, strands = [], []
    for pattern in people.trait("skin_pattern").tolist():
        g = torch.Generator().manual_seed(int((pattern + 4) * 1e6))
        skin.append(torch.randn(1, 64, 80, generator=g))
        strands.append(torch.randn(1, 14, 120, generator=g))
    fine = F.interpolate(
        torch.stack(skin).to(chart.y.device), (rows, columns), mode="bilinear", align_corners=True
    )
    long = F.interpolate(
        torch.stack(strands).to(chart.y.device), (rows, columns), mode="bilinear", align_corners=True
    )
    return (fine[:, 0] * 0.6).clamp(-1, 1), (long[:, 0] * 0.5).clamp(-1, 1)


def _blur(radius: Tensor) -> Tensor:
    """The relief [B, V, U] without its detail: what lies below it is a cavity and gets less sky."""
    small = F.avg_pool2d(radius[:, None], 8)
    return F.interpolate(small, radius.shape[1:], mode="bilinear", align_corners=False)[:, 0]


def radius_slopes(radius: Tensor, chart: Chart) -> Tensor:
    """How the radius changes along theta (over r) and along y, [B, 2, V, U], by central differences."""
    dr_y = (torch.roll(radius, -1, 1) - torch.roll(radius, 1, 1)) / (2 * (chart.y[1] - chart.y[0]))
    step = torch.roll(chart.theta, -1, 1) - torch.roll(chart.theta, 1, 1)
    dr_theta = (torch.roll(radius, -1, 2) - torch.roll(radius, 1, 2)) / step.abs().clamp(1e-3)
    return torch.stack([dr_theta / radius, dr_y], 1).clamp(-4, 4)


def _camera(views: Views) -> Tensor:
    """Rotation matrices [B, 3, 3] that turn the head before the camera: yaw, then pitch, then roll."""
    a, b, c = (torch.deg2rad(x) for x in (views.yaw, views.pitch, views.roll))
    one, zero = torch.ones_like(a), torch.zeros_like(a)

    def matrix(*rows: Tensor) -> Tensor:
        return torch.stack(rows, -1).reshape(-1, 3, 3)

    yaw = matrix(a.cos(), zero, a.sin(), zero, one, zero, -a.sin(), zero, a.cos())
    pitch = matrix(one, zero, zero, zero, b.cos(), b.sin(), zero, -b.sin(), b.cos())
    roll = matrix(c.cos(), -c.sin(), zero, c.sin(), c.cos(), zero, zero, zero, one)
    return roll @ pitch @ yaw


def landmarks(head: Head, radius: Tensor) -> Tensor:
    """Left eye, right eye, nose tip, mouth in the head's own frame, [B, 4, 3]."""
    zero = torch.zeros_like(head.eye_theta)
    theta = torch.cat([-head.eye_theta, head.eye_theta, zero, zero], 2).squeeze(1)
    y = torch.cat([head.eye_y, head.eye_y, head.nose_y, head.mouth_y + 0.5 * head.gap], 2).squeeze(1)
    r = _at(radius[:, None], theta, y)[:, 0]
    return torch.stack([r * theta.sin(), y, r * theta.cos()], -1)


def _frame(head: Head, views: Views, radius: Tensor, size: int) -> Tensor:
    """Where each pixel lies in the camera's plane [B, size, size, 2], so that eyes and mouth meet the template."""
    upright = Views(**{f.name: getattr(views, f.name) for f in fields(views)} | {"roll": 0 * views.roll})
    seen = landmarks(head, radius) @ _camera(upright).transpose(1, 2)  # [B, 4, 3]
    eyes, mouth = seen[:, :2].mean(1), seen[:, 3]
    scale = ((mouth - eyes)[:, 1] / (MOUTH_Y - EYES_Y)).clamp(0.7, 1.3)
    middle = (eyes + mouth)[:, :2] / 2
    turn = torch.deg2rad(views.roll)
    rotated = torch.stack([middle[:, 0] * turn.cos() - middle[:, 1] * turn.sin(),
                           middle[:, 0] * turn.sin() + middle[:, 1] * turn.cos()], -1)  # fmt: skip
    line = (torch.arange(size, device=radius.device) + 0.5) / size * 2 - 1
    plane = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1)[None]
    centre = torch.tensor([0.0, (EYES_Y + MOUTH_Y) / 2], device=radius.device)
    return (plane - centre) * scale[:, None, None, None] + rotated[:, None, None]


def _at(maps: Tensor, theta: Tensor, y: Tensor) -> Tensor:
    """Values of maps [B, C, V, U] at angles and heights [B, n], as [B, C, n]."""
    s = torch.tan(theta / 2)
    grid = torch.stack([s / (1 + s.abs()) / U_SIDE, (y - Y_TOP) / (Y_BOTTOM - Y_TOP) * 2 - 1], -1)
    return F.grid_sample(maps, grid[:, None], align_corners=True, padding_mode="border")[:, :, 0]


def _sample(maps: Tensor, points: Tensor) -> Tensor:
    """Values of maps [B, C, V, U] under points [B, 3, H, W] of the head's frame, as [B, C, H, W]."""
    x, y, z = points.unbind(1)
    s = x / (torch.sqrt(x * x + z * z) + z).clamp(1e-4)
    grid = torch.stack([s / (1 + s.abs()) / U_SIDE, (y - Y_TOP) * (2 / (Y_BOTTOM - Y_TOP)) - 1], -1)
    return F.grid_sample(maps, grid, align_corners=True, padding_mode="border")


def _march(radius: Tensor, rotation: Tensor, pixels: Tensor, steps: int = 12) -> tuple[Tensor, Tensor]:
    """Follow each pixel's ray to the head: points [B, 3, H, W] in its frame, and cover alpha [B, H, W].

    The gap between a point's distance from the axis and r(theta, y) below it bounds how far the ray may go;
    the smallest gap on the way, in pixels, gives an edge without jags.
    """
    flat = F.pad(pixels, (0, 1))  # [B, H, W, 3], z = 0
    origin = torch.einsum("bhwi,bij->bjhw", flat, rotation)
    direction = rotation[:, 2, :, None, None]
    depth = torch.full_like(pixels[..., 0], 1.45)
    nearest = torch.full_like(depth, 9.0)
    for step in range(steps):
        points = origin + depth[:, None] * direction
        gap = torch.sqrt(points[:, 0] ** 2 + points[:, 2] ** 2) - _sample(radius[:, None], points)[:, 0]
        outside = (points[:, 1] < Y_TOP) | (depth < -1.2)
        nearest = torch.where(outside, nearest, torch.minimum(nearest, gap))
        depth = depth - gap * (0.75 if step < steps - 3 else 0.5)
    points = origin + depth[:, None] * direction
    pixel = (pixels[:, 0, 1, 0] - pixels[:, 0, 0, 0])[:, None, None]
    return points, (0.75 - nearest / pixel).clamp(0, 1)


def _shade(skin: Tensor, points: Tensor, rotation: Tensor, views: Views) -> Tensor:
    """Light on the head [B, 3, H, W]: wrapped Lambert, a dim sky, cavities in shade, a soft highlight."""
    colour, gloss, cavity, slope_theta, slope_y = skin[:, :3], skin[:, 3], skin[:, 4], skin[:, 5], skin[:, 6]
    x, z = points[:, 0], points[:, 2]
    rho = torch.sqrt(x * x + z * z).clamp(1e-3)
    sin, cos = x / rho, z / rho
    normal = torch.stack([sin - slope_theta * cos, -slope_y, cos + slope_theta * sin], 1)
    normal = torch.einsum("bij,bjhw->bihw", rotation, normal)
    normal = normal * (normal * normal).sum(1, keepdim=True).rsqrt()
    azimuth, elevation = torch.deg2rad(views.light_azimuth), torch.deg2rad(views.light_elevation)
    light = torch.stack(
        [azimuth.sin() * elevation.cos(), -elevation.sin(), azimuth.cos() * elevation.cos()], -1
    )
    half = F.normalize(light + light.new_tensor([0.0, 0.0, 1.0]), dim=-1)
    facing = torch.einsum("bihw,bi->bhw", normal, light)
    diffuse = ((facing + 0.22) / 1.22).clamp(0)
    shine = torch.einsum("bihw,bi->bhw", normal, half).clamp(0) ** 22
    open_sky = (1 - cavity.clamp(0, 0.75)) * (0.72 - 0.28 * normal[:, 1])
    ambient = views.ambient[:, None, None]
    tint = 1 + views.warmth[:, None] * torch.tensor([0.12, 0.0, -0.14], device=skin.device)
    key = 1.75 * (1 - ambient) * diffuse * (1 - 0.4 * cavity.clamp(0, 1)) + 1.15 * ambient * open_sky
    lit = colour * key[:, None] + (0.55 * gloss * shine * (1 - ambient))[:, None]
    return lit * tint[:, :, None, None]


def _background(views: Views, size: int) -> Tensor:
    """Soft patches of colour [B, 3, size, size] from each view's seed; seed 0 is plain grey."""
    patches = []
    for seed in views.background.tolist():
        g = torch.Generator().manual_seed(int(seed))
        base, spread = torch.rand(3, 1, 1, generator=g) * 0.5, torch.rand(1, generator=g) * 0.35
        patch = (
            base.mean() * 0.6 + base * 0.4 + spread * torch.randn(3, 5, 5, generator=g).mean(0, keepdim=True)
        )
        patches.append(torch.full((3, 5, 5), 0.22) if seed == 0 else patch)
    small = torch.stack(patches).to(views.yaw.device)
    return F.interpolate(small, (size, size), mode="bicubic", align_corners=True).clamp(0, 1)
