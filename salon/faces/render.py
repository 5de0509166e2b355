"""Pictures of people: rays are marched onto the head, then lit; all pixels of all people at once in torch."""

from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm.auto import tqdm

from salon.faces import chart as charts
from salon.faces.anatomy import Head, Surface, bell, col, rgb, soft, uniform
from salon.faces.chart import Y_TOP, Spots, from_axis, sample
from salon.faces.people import People
from salon.words import SalonError, entry

# The field's five-point template, in units of half the picture: eyes at y, mouth at y (of 112 px: 52 and 92).
EYES_Y, MOUTH_Y = 52 / 56 - 1, 92 / 56 - 1
_CHUNK = 24  # larger chunks fall out of the processor's cache, smaller ones spend their time in Python


LIMITS: dict[str, list[float]] = {name: row["limits"] for name, row in entry("view").items()}
# The same values without checks, for the inner functions; and whether nobody in the whole batch wears mask or cap.
_Look: Any = namedtuple("_Look", [*LIMITS, "bare"])  # type: ignore[misc]


class Views:
    """How each picture is taken, one number a picture [B] by each name of words/faces.toml; angles in degrees.

    Raises `SalonError` for none, and for numbers outside the limits.
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Tensor: ...

    def __init__(self, **values: Tensor) -> None:
        vars(self).update({name: values[name] for name in LIMITS})
        if len(self) == 0:
            raise SalonError("A batch of zero views came; expected at least one.")
        for name, (low, high) in LIMITS.items():
            value = values[name]
            if not ((value >= low) & (value <= high)).all():  # nor NaN
                came = f"{value.min():g}..{value.max():g}"
                raise SalonError(f"The view's {name} came as {came}; expected numbers within {low}..{high}.")

    def __len__(self) -> int:
        return self.yaw.shape[0]

    def __getitem__(self, index: slice | Tensor | list[int]) -> "Views":
        return Views(**{name: value[index] for name, value in vars(self).items()})

    def but(self, **values: Tensor) -> "Views":
        """The same views with other `values` [B]."""
        return Views(**vars(self) | values)


def _views(values: dict[str, Tensor], fixed: dict[str, float | Tensor], count: int) -> Views:
    for name, value in fixed.items():
        if name not in LIMITS:
            raise SalonError(f"The view has no {name!r}; expected one of {', '.join(LIMITS)}.")
        values[name] = torch.as_tensor(value, dtype=torch.float32).expand(count).clone()
    return Views(**values)


def frontal_views(count: int, **fixed: float | Tensor) -> Views:
    """`count` neutral frontal views; any field can be set, by a number or by [count] numbers."""
    neutral = {name: torch.full((count,), float(row.get("neutral", 0))) for name, row in entry("view").items()}
    return _views(neutral, fixed, count)


def sample_views(count: int, seed: int, yaw: float = 25.0, **fixed: float | Tensor) -> Views:
    """`count` views as snapshots have them, yaw within ±`yaw` degrees; fields named in `fixed` are held."""
    g = torch.Generator().manual_seed(seed)

    def normal(sd: float, limit: float) -> Tensor:
        return (torch.randn(count, generator=g) * sd).clamp(-limit, limit)

    def evenly(low: float, high: float) -> Tensor:
        return low + (high - low) * torch.rand(count, generator=g)

    def sometimes(chance: float) -> Tensor:
        return (torch.rand(count, generator=g) < chance) * torch.rand(count, generator=g)

    values = {
        "yaw": evenly(-yaw, yaw), "pitch": normal(7, 18), "roll": normal(3, 10),
        "light_azimuth": evenly(-70, 70), "light_elevation": evenly(-10, 65), "ambient": evenly(0.15, 0.65),
        "hardness": evenly(0, 1), "warmth": normal(0.25, 1), "exposure": normal(0.3, 0.7) - 0.15,
        "smile": sometimes(0.5), "mouth_open": sometimes(0.25), "brows": normal(0.3, 1),
        "eyes_closed": sometimes(0.1) * 0.9, "gaze": normal(0.35, 1), "glasses": sometimes(0.15),
        "sunglasses": torch.zeros(count), "mask": torch.zeros(count), "cap": torch.zeros(count),
        "haircut": normal(0.3, 1), "shave": sometimes(0.4),
        "background": torch.randint(1, 2**24, (count,), generator=g).float(), "clutter": evenly(0, 1),
    }  # fmt: skip
    return _views(values, fixed, count)


class Truth(NamedTuple):
    """What is known of a picture: `landmarks` [B, 5, 2] in pixels (x, y): left and right eye, nose tip, left and
    right corner of the mouth, as seen; `depth` [B, H, W] in half picture widths, larger is nearer; `cover` [B, H, W]
    in 0..1."""

    landmarks: Tensor
    depth: Tensor
    cover: Tensor


def render(people: People, views: Views, size: int = 64, progress: bool = False, device: str = "cpu") -> Tensor:
    """Pictures [B, 3, size, size], RGB 0..1, person by person and view by view; one of either serves all.

    Framed like the field's template whatever the pose. Deterministic: the same numbers give the same 8-bit pixels
    from run to run on one kind of processor and version of torch, whatever the batch. Raises `SalonError` for sizes
    outside 16..1024 or unequal counts.
    """
    return _in_chunks(people, views, size, progress, device, lambda *given: (_picture(*given),))[0]


def truth(people: People, views: Views, size: int = 64) -> Truth:
    """Landmarks, depth and cover of the pictures that `render` draws of the same numbers."""
    return Truth(*_in_chunks(people, views, size, False, "cpu", _truth))


def _in_chunks(
    people: People, views: Views, size: int, progress: bool, device: str, function: Any
) -> tuple[Tensor, ...]:
    """`function(numbers, look, nodes, size)` over parts of the batch, its results joined along it."""
    if not 16 <= size <= 1024:
        raise SalonError(f"The size {size} came; expected 16 to 1024 pixels.")
    count = max(len(people), len(views)) if len(people) else 0
    if count == 0 or len(people) not in (1, count) or len(views) not in (1, count):
        counts = f"{len(people)} people came with {len(views)} views"
        raise SalonError(f"{counts}; expected equal counts, or one of either.")
    nodes, on_cpu = charts.chart(size * 3 // 2, size * 2, device), torch.device(device).type == "cpu"
    bare = not (views.mask.any() or views.cap.any())
    length = max(1, (_CHUNK if on_cpu else 2048) * 64 * 64 // (size * size))
    both = people.numbers, torch.stack([*vars(views).values()], 1)
    parts = list(zip(*(x.expand(count, -1).split(length) for x in both), strict=True))

    @torch.inference_mode()
    def draw(part: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
        numbers, table = (x.to(device) for x in part)
        return tuple(x.cpu() for x in function(numbers, _Look._make([*table.unbind(1), bare]), nodes, size))

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # a chunk for each core beats many cores on a chunk, most of all on a busy machine
    try:
        workers = threads if on_cpu else 1
        with ThreadPoolExecutor(workers, initializer=torch.set_flush_denormal, initargs=(True,)) as pool:
            done, title = pool.map(draw, parts), f"rendering {count} faces"
            made = list(tqdm(done, title, len(parts), leave=False, disable=not progress))
            return tuple(map(torch.cat, zip(*made, strict=True)))
    finally:
        torch.set_num_threads(threads)


def _picture(numbers: Tensor, look: Any, nodes: Spots, size: int) -> Tensor:
    """Traits [B, P] and a look into pictures [B, 3, size, size]: shape, march, colour, light, background."""
    head, rotation = Head(numbers, look), _camera(look)
    radius = head.radius(nodes)
    plane = _frame(head, look, radius, rotation, size)
    points, depth, alpha, visible = _march(radius, rotation, plane, look)
    cavity = 11 * (charts.smooth(radius) - radius)
    maps = sample(torch.cat([cavity[:, None], charts.slopes(radius, nodes), head.paint(nodes)], 1), points)
    surface = head.colour(charts.spots(points), points, maps[:, 3:], sample)
    lit = _shade(surface, maps[:, :3], points, visible, rotation, look)
    lit, alpha = _with_glasses(numbers, lit, alpha, look, depth, rotation, plane)
    behind = _background(look, size)
    picture = (behind + (lit - behind) * alpha[:, None]) * torch.exp2(look.exposure)[:, None, None, None]
    return picture.clamp(0, 1).sqrt()  # the gamma of 2 that film and screens had, near enough


def _truth(numbers: Tensor, look: Any, nodes: Spots, size: int) -> tuple[Tensor, Tensor, Tensor]:
    head, rotation = Head(numbers, look), _camera(look)
    radius = head.radius(nodes)
    plane = _frame(head, look, radius, rotation, size)
    _, depth, alpha, _ = _march(radius, rotation, plane, look)
    seen = (_landmarks(head, radius) @ rotation.transpose(1, 2))[..., :2]  # [B, 5, 2] in the camera's plane
    first, step = plane[:, :, 0, 0], plane[:, :, 1, 1] - plane[:, :, 0, 0]
    return (seen - first[:, None]) / step[:, None], torch.where(alpha > 0.5, depth, -1.45), alpha


def _camera(look: Any) -> Tensor:
    """Rotation matrices [B, 3, 3] that turn the head before the camera: yaw, then pitch, then roll."""
    a, b, c = (torch.deg2rad(x) for x in (look.yaw, look.pitch, look.roll))
    one, zero = torch.ones_like(a), torch.zeros_like(a)
    yaw = (a.cos(), zero, a.sin(), zero, one, zero, -a.sin(), zero, a.cos())
    pitch = (one, zero, zero, zero, b.cos(), b.sin(), zero, -b.sin(), b.cos())
    roll = (c.cos(), -c.sin(), zero, c.sin(), c.cos(), zero, zero, zero, one)
    first, then, last = (torch.stack(rows, -1).reshape(-1, 3, 3) for rows in (yaw, pitch, roll))
    return last @ then @ first


def _landmarks(head: Head, radius: Tensor) -> Tensor:
    """Left eye, right eye, nose tip, corners of the mouth in the head's own frame, [B, 5, 3]."""
    corner = head.mouth_half * 0.95
    corner_y = head.mouth_y - 0.085 * head.smile + 0.3 * head.gap
    theta = torch.cat([-head.eye_theta, head.eye_theta, 0 * corner, -corner, corner], 2).squeeze(1)
    y = torch.cat([head.eye_y, head.eye_y, head.tip_y, corner_y, corner_y], 2).squeeze(1)
    r = charts.at(radius[:, None], theta, y)[:, 0]
    return torch.stack([r * theta.sin(), y, r * theta.cos()], -1)


def _frame(head: Head, look: Any, radius: Tensor, rotation: Tensor, size: int) -> Tensor:
    """Where each pixel lies in the camera's plane [B, 2, size, size], so that eyes and mouth meet the template."""
    seen = _landmarks(head, radius) @ rotation.transpose(1, 2)  # [B, 5, 3]
    eyes, mouth = seen[:, :2, :2].mean(1), seen[:, 3:, :2].mean(1)
    turn = torch.deg2rad(look.roll)
    down = torch.stack([-turn.sin(), turn.cos()], -1)
    scale = (((mouth - eyes) * down).sum(-1) / (MOUTH_Y - EYES_Y)).clamp(0.7, 1.3)
    line = (torch.arange(size, device=radius.device) + 0.5) / size * 2 - 1
    plane = torch.stack(torch.meshgrid(line, line, indexing="xy"))
    centre = torch.tensor([0.0, (EYES_Y + MOUTH_Y) / 2], device=radius.device)[:, None, None]
    return (plane - centre) * scale[:, None, None, None] + ((eyes + mouth) / 2)[:, :, None, None]


def _march(radius: Tensor, rotation: Tensor, plane: Tensor, look: Any) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Follow each pixel's ray to the head: points [B, 3, H, W] in its frame, depth, cover alpha, and the share of the
    lamp that is seen from there, each [B, H, W].

    The gap between a point's distance from the axis and r(theta, y) below it bounds how far the ray may go. Most
    steps, and the shadow, are taken on a picture of half the size; the smallest gap on the last steps, in pixels,
    gives an edge without jags.
    """
    size = plane.shape[-1]
    coarse = F.avg_pool2d(plane, 2, ceil_mode=True)
    start = torch.full_like(coarse[:, 0], 1.45)
    depth, points, gap = _approach(radius, rotation, coarse, start, 9, 0.85)
    met = (gap < 0.06).float()
    pixel = (plane[:, 0, 0, 1] - plane[:, 0, 0, 0])[:, None, None]
    # well within the outline nothing shines through
    inner = 1 - F.max_pool2d((gap > 0.4 * pixel).float(), 3, 1, 1)
    maps = torch.stack([depth * met, _lamp(radius, rotation, points, look) * met, met, inner], 1)
    depth, visible, near, inner = F.interpolate(maps, (size, size), mode="bilinear").unbind(1)
    start = depth / near.clamp(1e-3) + 0.02  # where the coarse rays met the head or nearly did
    depth, points, gap = _approach(radius, rotation, plane, start, 2 + (size // 48).bit_length(), 0.9)
    visible = (visible + 1e-3) / (near + 1e-3)
    return points, depth, torch.maximum((1.3 - gap / pixel).clamp(0, 1), inner), visible


def _approach(
    radius: Tensor, rotation: Tensor, plane: Tensor, depth: Tensor, steps: int, share: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Go down from `depth`: depth [B, H, W], points [B, 3, H, W] and gap [B, H, W] of the nearest approach."""
    origin, direction = _rays(rotation, plane)
    nearest, reached = torch.full_like(depth, 9.0), depth
    for _ in range(steps):
        points = torch.addcmul(origin, depth[:, None], direction)
        gap = from_axis(points).sub_(sample(radius[:, None], points)[:, 0])
        closer = (gap < nearest) & (points[:, 1] > Y_TOP)
        nearest, reached = torch.where(closer, gap, nearest), torch.where(closer, depth, reached)
        depth = depth.sub(gap, alpha=share)
    return reached, torch.addcmul(origin, reached[:, None], direction), nearest


def _rays(rotation: Tensor, plane: Tensor) -> tuple[Tensor, Tensor]:
    """Each pixel's ray in the head's frame: origin [B, 3, H, W] in the camera's plane, direction [B, 3, 1, 1]."""
    right, down, ahead = rotation[..., None, None].unbind(1)
    return torch.addcmul(plane[:, :1] * right, plane[:, 1:], down), ahead


def _dot(field: Tensor, vectors: Tensor) -> Tensor:
    """Scalar products [B, H, W] of a field [B, 3, H, W] with one vector [B, 3] a picture."""
    (x, y, z), (a, b, c) = field.unbind(1), vectors[..., None, None].unbind(1)
    return torch.addcmul(torch.addcmul(x * a, y, b), z, c)


def _light(look: Any) -> Tensor:
    """Unit vectors [B, 3] from the head to the lamp, in the camera's frame."""
    azimuth, elevation = torch.deg2rad(look.light_azimuth), torch.deg2rad(look.light_elevation)
    right, ahead = azimuth.sin() * elevation.cos(), azimuth.cos() * elevation.cos()
    return torch.stack([right, -elevation.sin(), ahead], -1)


def _lamp(radius: Tensor, rotation: Tensor, points: Tensor, look: Any, steps: int = 7) -> Tensor:
    """Which share of the lamp each point [B, 3, H, W] sees: the smallest angle by which its ray clears the head.

    A hard lamp is small, so its shadow has a sharp edge; a soft one is wide and dims at most a little.
    """
    toward = torch.einsum("bi,bij->bj", _light(look), rotation)[:, :, None, None]
    wide = col(0.75 - 0.62 * look.hardness)
    clear = torch.full_like(points[:, 0], 9.0)
    for step in range(steps):
        far = 0.07 * 1.45**step
        at = points + far * toward
        gap = from_axis(at).sub_(sample(radius[:, None], at)[:, 0])
        clear = torch.minimum(clear, torch.where(at[:, 1] < Y_TOP, clear, (gap + 0.02) / far))
    return 1 - col(soft(2 * look.hardness - 1)).clamp(0) * soft(0.15 - clear / wide)


def _shade(surface: Surface, relief: Tensor, points: Tensor, visible: Tensor, rotation: Tensor, look: Any) -> Tensor:
    """Light on the head [B, 3, H, W]: wrapped Lambert, a dim sky, cavities in shade, highlights of skin and hair."""
    cavity, slope_theta, slope_y = relief.unbind(1)
    x, z = points[:, 0], points[:, 2]
    rho = torch.sqrt(x * x + z * z).clamp(1e-3)
    sin, cos = x / rho, z / rho
    normal = torch.stack([sin - slope_theta * cos, -slope_y, cos + slope_theta * sin], 1)
    normal = torch.einsum("bij,bjhw->bihw", rotation, normal)
    normal = normal * (normal * normal).sum(1, keepdim=True).rsqrt()
    light = _light(look)
    half = F.normalize(light + light.new_tensor([0.0, 0.0, 1.0]), dim=-1)
    facing = _dot(normal, light)
    ambient, hard = col(look.ambient), col(look.hardness)
    # light enters the skin and leaves it a little further on, red light the furthest
    wrap = rgb(0.34, 0.22, 0.18, x) * (1.2 - 0.6 * hard[:, None])
    diffuse = ((facing[:, None] + wrap) / (1 + wrap)).clamp(0) * visible[:, None]
    open_sky = (1 - cavity.clamp(0, 0.75)) * (0.72 - 0.28 * normal[:, 1])
    key = 1.85 * (1 - ambient) * (1 - 0.5 * cavity.clamp(0, 1))
    lit = surface.albedo * (key[:, None] * diffuse + (1.15 * ambient * open_sky)[:, None])
    skin_shine = surface.gloss * _squared(_dot(normal, half).clamp(0), 4)
    # hair shines across its strands, which run down (Kajiya and Kay)
    along = torch.stack([slope_y * sin, torch.ones_like(sin), slope_y * cos], 1)
    along = torch.einsum("bij,bjhw->bihw", rotation, along) * (1 + slope_y * slope_y).rsqrt()[:, None]
    across = _squared((1 - _dot(along, half) ** 2).clamp(0), 3)
    hair_shine = 0.10 * surface.hair * across * (facing + 0.3).clamp(0)
    lit = lit + ((0.55 * skin_shine + hair_shine) * visible * (1 - ambient))[:, None]
    return lit * (1 + look.warmth[:, None, None, None] * rgb(0.12, 0.0, -0.14, x))


def _squared(x: Tensor, times: int) -> Tensor:
    """x to the power 2^times, much faster than a general power."""
    for _ in range(times):
        x = x * x
    return x


def _with_glasses(numbers: Tensor, lit: Tensor, alpha: Tensor, look: Any, *seen: Tensor) -> tuple[Tensor, Tensor]:
    """Put glasses on those who wear them; `seen` is depth, rotation and plane."""
    rows = torch.nonzero(look.glasses + look.sunglasses).squeeze(1)
    if len(rows):
        part = _Look._make([*(x[rows] for x in look[:-1]), look.bare])
        worn = _glasses(Head(numbers[rows], part), lit[rows], alpha[rows], part, *(x[rows] for x in seen))
        lit[rows], alpha[rows] = worn
    return lit, alpha


def _glasses(
    head: Head, lit: Tensor, alpha: Tensor, look: Any, depth: Tensor, rotation: Tensor, plane: Tensor
) -> tuple[Tensor, Tensor]:
    """Spectacles on an elliptic cylinder before the face: what they cover and tint; returns picture and cover."""
    t, eye_theta = head.t, head.eye_theta
    front = 0.82 * (1 + 0.030 * t("head_depth")) + 0.105 + 0.026 * t("nose_bridge")
    flat = 0.80 * (1 + 0.045 * t("head_width")) / front  # the cylinder is made round by stretching x
    origin, direction = _rays(rotation, plane)
    ox, oz, dx, dz = origin[:, 0] / flat, origin[:, 2], direction[:, 0] / flat, direction[:, 2]
    a, b, c = dx * dx + dz * dz, ox * dx + oz * dz, ox * ox + oz * oz - front**2
    root = b * b - a * c
    far = (-b + root.clamp(0).sqrt()) / a.clamp(1e-3)
    y, theta = origin[:, 1] + far * direction[:, 1], torch.atan2(ox + far * dx, oz + far * dz)
    before = soft((far - depth) / 0.03) * alpha + (1 - alpha)
    side, style = theta.abs(), uniform(look.background, 1, 8)[..., None] - 0.5
    big = col((look.sunglasses > 0).float())
    x = (side - 0.9 * eye_theta).abs() / (0.225 + 0.035 * big)
    v = (y - head.eye_y - 0.030).abs() / (0.155 + 0.04 * style + 0.03 * big)
    shape = (x * x * x * x + v * v * v * v).sqrt().sqrt()
    worn = col(torch.maximum(look.glasses, look.sunglasses))
    wide = 0.05 + 0.10 * worn
    rim = bell((shape - 1) / wide)
    bridge = bell((y - head.eye_y + 0.02) / 0.02) * (side < 0.9 * eye_theta - 0.2)
    temple = bell((y - head.eye_y + 0.01) / 0.02) * ((side > 0.9 * eye_theta + 0.22) & (side < 1.5))
    seen = before * (root > 0) * (worn > 0)
    frame = (rim + bridge + temple).clamp(0, 1) * seen * (0.55 + 0.45 * worn)
    lens = soft((1 - shape) / 0.08) * seen
    dark = lens * big * col(0.35 + 0.65 * look.sunglasses) * (0.97 - 0.25 * soft((y - head.eye_y) / 0.2))
    glare = 0.10 * lens * bell((y - head.eye_y + 0.04 - 0.3 * theta) / 0.03)
    colour = 0.03 + 0.10 * uniform(look.background, 3, 9)[:, :, None, None] ** 2
    out = lit * (1 - dark[:, None]) + glare[:, None] + 0.012 * dark[:, None]
    out = out + (colour - out) * frame[:, None]
    return out, torch.maximum(alpha, torch.maximum(frame, dark))


def _background(look: Any, size: int) -> Tensor:
    """What stands behind [B, 3, size, size]: soft patches, finer and stronger with clutter; seed 0 is plain grey."""
    seed, batch = look.background, len(look.background)
    base = uniform(seed, 3, 1)
    grey = (0.8 * base.mean(1, keepdim=True) + 0.2 * base)[:, :, None, None] * 0.55
    broad = uniform(seed, 16, 2).view(batch, 1, 4, 4) - 0.5
    fine = uniform(seed, 324, 3).view(batch, 4, 9, 9) - 0.5
    fine = 0.7 * fine[:, :1] + 0.3 * fine[:, 1:]
    busy = look.clutter[:, None, None, None]
    patches = F.interpolate(broad, (size, size), mode="bicubic", align_corners=True) * (0.15 + 0.35 * busy)
    detail = F.interpolate(fine, (size, size), mode="bilinear", align_corners=True) * 0.40 * busy
    there = (seed > 0).float()[:, None, None, None]
    return (0.22 + there * (grey - 0.22 + 0.05 + patches + detail)).clamp(0.01, 1)
