"""From traits to a head: how far its surface lies from the axis, and which colour it has at any spot.

Most of the relief is a sum of soft bumps, each a curve along theta times a curve along y, so that

    r = r_ellipse + sum_j a_j g_j(theta) h_j(y)

is one batched matrix product for all people at once. Colour is evaluated only where a pixel sees it.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from salon.faces.chart import Spots, smooth
from salon.faces.people import TRAITS
from salon.words import entry

_BASIS = 8  # of each person's skin and hair patterns: fixed noises, mixed by the traits pattern_1..8


class Surface(NamedTuple):
    """What light meets at each spot: albedo [B, 3, H, W], gloss and share of hair [B, H, W] in 0..1."""

    albedo: Tensor
    gloss: Tensor
    hair: Tensor


def soft(x: Tensor) -> Tensor:
    """A step that is 0 at -1 and 1 at +1 without a corner."""
    x = (x * 0.5).add_(0.5).clamp_(0, 1)
    return (x * x).mul_(x.mul_(-2).add_(3))  # in place, as pictures are many and memory is slow


def bell(x: Tensor) -> Tensor:
    """exp(-x^2)."""
    return (x * x).neg_().exp_()


def blob(x: Tensor, y: Tensor) -> Tensor:
    """exp(-x^2 - y^2)."""
    return (x * x).add(y * y).neg_().exp_()


def col(x: Tensor) -> Tensor:
    """[B] as [B, 1, 1], to be broadcast over a chart or a picture."""
    return x[:, None, None]


def _noises(rows: int, columns: int, seed: int) -> Tensor:
    return torch.randn(_BASIS, rows, columns, generator=torch.Generator().manual_seed(seed)) / _BASIS**0.5


# Over all traits, [2, P]; and the fixed noises [_BASIS, rows, columns] of which every person's patterns are mixtures.
_SHIFTS = torch.tensor(
    [[table.get(name, 0.0) for name in TRAITS] for table in (entry("anatomy.man"), entry("anatomy.old"))]
)
_NOISES = {
    "fine": _noises(96, 120, 1),
    "blotch": _noises(12, 16, 2),
    "curls": _noises(32, 60, 3),
    "strands": _noises(12, 150, 4),
}


class Head:
    """One head per row of traits [B, P] with what its face does in a view; measures are [B, 1, 1]."""

    def __init__(self, numbers: Tensor, look: Any) -> None:
        man, age = (numbers[:, TRAITS.index(name)] for name in ("masculine", "age"))
        self.man, self.old = col(soft(1.6 * man)), col(soft((age - 0.7) / 1.1))
        self.young = col(soft((-0.4 - age) / 0.9))
        shifts = _SHIFTS.to(numbers.device)
        self._traits = numbers + (2 * self.man[:, 0] - 1) * shifts[0] + self.old[:, 0] * shifts[1]
        t, self.look = self.t, look
        self.smile, self.brows = col(look.smile), col(look.brows)
        self.eye_theta = 0.440 + 0.030 * t("eye_distance")
        self.eye_y = -0.075 + 0.012 * t("eye_height")
        self.eye_half = 0.165 + 0.012 * t("eye_width")
        self.shut = col(look.eyes_closed)
        opening = (0.070 + 0.012 * t("eye_opening")).clamp(0.034, 0.100) * (1 - 0.93 * self.shut)
        self.eye_open = opening * (1 - 0.22 * self.smile) * (1 + 0.12 * self.brows)
        brow_y = self.eye_y - 0.180 - 0.030 * t("brow_height")
        self.brow_y = brow_y - 0.05 * self.brows - 0.02 * self.brows.clamp(0)
        self.nose_y = 0.385 + 0.050 * t("nose_length")
        self.tip_y = self.nose_y - 0.045 - 0.018 * t("nose_turn")
        self.mouth_y = 0.690 + 0.035 * t("philtrum") + 0.3 * (self.nose_y - 0.385)
        opened = col(look.mouth_open)
        self.mouth_half = (0.340 + 0.036 * t("mouth_width")) * (1 + 0.24 * self.smile - 0.12 * opened)
        self.gap = 0.20 * opened + 0.045 * self.smile * (1 - opened)
        self.length = t("hair_length") + 0.7 * col(look.haircut)

    def t(self, name: str) -> Tensor:
        """A trait, shifted by sex and age, [B, 1, 1]."""
        return col(self._traits[:, TRAITS.index(name)])

    def pattern(self, name: str) -> Tensor:
        """This person's own noise [B, 1, rows, columns], normal at each node; it changes smoothly with the traits."""
        first = TRAITS.index("pattern_1")
        weights = self._traits[:, first : first + _BASIS]
        noises = _NOISES[name].to(weights.device)
        return (weights @ noises.flatten(1)).view(-1, 1, *noises.shape[1:])

    # ------------------------------------------------------------------ relief
    def _sum(self, rows: Sequence[Sequence[Any]], nodes: Spots) -> Tensor:
        """The sum [B, V, U] of soft bumps, rows of (amount, theta, width in theta, y, width in y, kind).

        Kind 0 lies at theta, 1 on both sides, -1 is raised on the one side and sunk on the other.
        """

        def column(x: Tensor | float) -> Tensor:
            return x.reshape(-1, 1) if isinstance(x, Tensor) else self.man.new_full((len(self.man), 1), x)

        amount, theta, wide, y, high = (torch.stack([column(row[i]) for row in rows], 1) for i in range(5))
        kind = torch.tensor([row[5] for row in rows], device=nodes.y.device)[None, :, None]
        around = torch.where(kind == 0, nodes.theta[None], nodes.side[None]) - theta  # [B, J, U]
        sign = torch.where(kind == -1, nodes.theta.sign()[None], 1.0)
        along = nodes.y.T[None] - y  # [B, J, V]
        return (amount * bell(along / high)).transpose(1, 2) @ (sign * bell(around / wide))

    def _relief(self, nodes: Spots) -> Tensor:
        """What nose, eyes, cheeks, mouth, ears and age add to an elliptic head [B, V, U]."""
        t = self.t
        self.nose_wide, self.lips = 0.150 + 0.020 * t("nose_width"), self.mouth_half * 0.85
        self.chin_y = 0.98 + 0.060 * t("chin_length") + self.gap
        self.ear_y = self.eye_y + 0.17 + 0.02 * t("ear_height")
        self.groove_y = (self.mouth_y + self.nose_y) / 2 + 0.02
        self.frown, self.cleft = (-self.brows).clamp(0), t("chin_cleft").clamp(0)
        self.folded, self.uneven = 0.3 + self.old + self.smile, t("asymmetry") - t("skew")
        return self._sum([[self._measure(x) for x in row] for row in entry("anatomy.relief")], nodes)

    def _measure(self, rule: float | dict[str, float]) -> Tensor | float:
        """A number, or a sum of traits and of this head's measures, each times its factor: {one = 0.1, old = 0.02}."""
        if not isinstance(rule, dict):
            return rule
        known = {"one": 1.0} | vars(self)
        return sum(x * (known[name] if name in known else self.t(name)) for name, x in rule.items())

    def paint(self, nodes: Spots) -> Tensor:
        """Soft spots on the skin [B, 3, V, U]: darkness (moles, wrinkles, nostrils), more blood, more melanin."""
        t, old, eye, low = self.t, self.old, self.eye_theta, self.nose_y
        lined = old * (0.12 + 0.05 * t("wrinkles")).clamp(0)
        raised, drawn = 0.10 * self.brows.clamp(0), 0.40 * (-self.brows).clamp(0)
        brow = 0.8 * (lined + raised)
        fold, crow = 1.3 * (lined + 0.10 * self.smile + 0.02), 0.9 * (lined + 0.05 * self.smile)
        dark = [
            (0.8, 0.078 + 0.010 * t("nose_width"), 0.034, low + 0.058, 0.022, 1),
            *((fold, 0.28 + 0.42 * dy, 0.035, low + dy, 0.055, 1) for dy in (0.05, 0.12, 0.19)),
            *((crow, eye + 0.27, 0.07, self.eye_y + dy, 0.011, 1) for dy in (-0.05, 0.0, 0.055)),
            *((brow, 0.0, 0.50, dy + 0.02 * t("mark_1"), 0.016, 0) for dy in (-0.61, -0.50, -0.39)),
            (lined, eye - 0.03, 0.13, self.eye_y + 0.15, 0.022, 1),
            (lined + drawn, 0.06, 0.016, self.brow_y, 0.08, 1),
            *self._moles(),
        ]
        blood = [(0.5, 0.55, 0.26, 0.27, 0.20, 1), (0.4, 0.0, 0.16, low, 0.12, 0)]
        melanin = [(0.10 * (1 + old), eye - 0.08, 0.17, self.eye_y + 0.06, 0.11, 1)]
        return torch.stack([self._sum(rows, nodes) for rows in (dark, blood, melanin)], 1)

    def _moles(self) -> list[tuple[Any, ...]]:
        """Two numbers say where each mole lies, never mirrored; the trait says how many of five there are."""
        t, rows = self.t, []
        for nth, (first, second) in enumerate(((1, 2), (3, 4), (5, 6), (7, 8), (4, 5))):
            a, b = t(f"mark_{first}"), t(f"mark_{second}")
            size = 0.021 + 0.006 * (a + b).tanh()
            there = 0.6 * soft((t("moles") + 0.1 - 0.6 * nth) / 0.3)
            rows.append((there, 0.50 * a, size, 0.25 + 0.33 * b, size, 0))
        return rows

    def radius(self, nodes: Spots) -> Tensor:
        """Distance of the surface from the axis on a chart's nodes [B, V, U], with hair and what is worn."""
        t, y = self.t, nodes.y
        width, depth = (line[:, None] for line in _outline(y))
        lower = soft((y - 0.75) / 0.45)
        width = width * (1 + 0.045 * t("head_width")) + lower * 0.02 * t("jaw_width")
        depth = depth * (1 + 0.030 * t("head_depth"))
        ellipse = ((nodes.theta.sin() / width) ** 2 + (nodes.theta.cos() / depth) ** 2).rsqrt()
        skin = ellipse + self._relief(nodes)
        curls = F.interpolate(self.pattern("curls"), skin.shape[1:], mode="bilinear")[:, 0]
        inside = self.hair_depth(nodes)
        volume = (0.060 + 0.025 * t("hair_volume") + 0.02 * self.length.clamp(-1, 1)).clamp(0.012)
        over_ears = soft((self.length - 0.6) / 0.4) * soft((nodes.side - 1.3) / 0.3)
        volume = volume + 0.07 * over_ears
        if not self.look.bare:
            volume = volume * (1 - 0.6 * soft(self.cap_depth(nodes) * 20))
        thick = volume * (1 + t("hair_curl").clamp(0) * (0.35 + 0.16 * curls)) + 0.005 * curls
        wide = 0.14 + 0.12 * soft(self.length)
        skin = skin + thick * soft((inside - wide) / wide)
        return skin if self.look.bare else self._with_cap(self._with_mask(skin, nodes), nodes)

    # ------------------------------------------------------------------ worn
    def mask_depth(self, p: Spots) -> Tensor:
        """How far inside the edge of a face mask a spot lies, negative outside; the strength says how far up."""
        worn = col(self.look.mask)
        top = 1.02 + (self.eye_y + 0.24 - 1.02) * worn + 0.16 * p.side**2 - 0.10 * bell(p.theta / 0.2) * worn
        lower = 1.12 - 0.25 * p.side**2
        return torch.minimum(torch.minimum(p.y - top, lower - p.y), 1.25 - p.side) - 9.0 * (worn <= 0)

    def cap_depth(self, p: Spots) -> Tensor:
        """How far above the rim of a cap a spot lies, negative below; the strength says how low it is pulled."""
        worn = col(self.look.cap)
        return -0.92 + 0.44 * worn + 0.05 * p.side - p.y - 9.0 * (worn <= 0)

    def _with_mask(self, radius: Tensor, nodes: Spots) -> Tensor:
        inside = soft(self.mask_depth(nodes) / 0.05)
        stretched = torch.maximum(radius, smooth(smooth(radius)) + 0.03 * bell(nodes.theta / 0.6)) + 0.02
        return torch.lerp(radius, stretched, inside)

    def _with_cap(self, radius: Tensor, nodes: Spots) -> Tensor:
        inside = self.cap_depth(nodes)
        visor = 0.42 * blob(nodes.side / 0.75, (inside - 0.03) / 0.045)
        crown = (smooth(radius) + 0.06 - radius).clamp(0) * soft(inside / 0.06)
        return radius + crown + visor

    # ------------------------------------------------------------------ hair
    def hair_depth(self, p: Spots) -> Tensor:
        """How far behind the hairline a spot lies, positive where hair grows, in units of y."""
        t, side, old = self.t, p.side, self.old
        receding = self.man * old * (0.10 + 0.12 * t("temples"))
        line = -0.78 - 0.075 * t("hairline") - receding + 0.08 * t("hairline_peak") * bell(side / 0.22)
        line = line - (0.07 * t("temples") + 1.2 * receding) * bell((side - 0.55) / 0.24)
        # a third of all people wear a fringe
        fringe = soft((t("fringe") + 0.4 * col(self.look.haircut) - 0.45) / 0.4)
        sweep = bell((p.theta - 0.25 * t("parting")) / 0.75)
        line = line + fringe * sweep * (0.30 + 0.08 * t("hair_volume"))
        reach = -0.12 + 0.26 * self.length.clamp(-2.2) + 1.6 * soft((self.length - 0.7) / 0.5)
        line = line + (reach - line) * soft((side - 1.20 - 0.04 * t("cheeks")) / 0.22)
        line = line + (reach + 0.9 - line) * soft((side - 2.0) / 0.3)
        bald = soft((self.man * (1.3 * old + 0.35) * t("temples") - 0.55) / 0.3)
        return line - p.y - 1.5 * bald * bell(p.theta / 1.3)

    def hair_colour(self) -> Tensor:
        """Albedo of the hair [B, 3, 1, 1], from black over brown to blond, some red, grey with age."""
        t = self.t
        dark = 0.65 + 2.3 * torch.special.ndtr(t("hair_colour") + 1.6 * t("melanin") + 0.9)
        red = 0.30 * torch.special.ndtr(2 * t("hair_redness") - 2.2)
        colour = 0.55 * torch.exp(-torch.stack([dark * (0.85 - red), dark * 1.15, dark * (1.8 + red)], 1))
        grey = (self.old * torch.special.ndtr(1.5 * t("hair_grey")))[:, None]
        return colour * (1 - grey) + 0.42 * grey

    # ------------------------------------------------------------------ colour
    def colour(self, p: Spots, points: Tensor, paint: Tensor, sampler: Any) -> Surface:
        """What each spot [B, H, W] looks like; `sampler(maps, points)` reads this person's patterns there."""
        tilt = 0.010 * self.t("skew") * p.theta.clamp(-1, 1)  # brows, eyes and mouth are never quite level
        p = p._replace(y=p.y + tilt)
        fine = (sampler(self.pattern("fine"), points)[:, 0] * 0.5).clamp(-1, 1)
        blotch = sampler(self.pattern("blotch"), points)[:, 0]
        strands = self._strands(points, sampler)
        hair = soft((self.hair_depth(p) + 0.06 * strands) / 0.07)
        albedo, hair_colour = self.skin(p, paint, fine, blotch), self.hair_colour()
        albedo = _mix(albedo, hair_colour, self._beard(p, strands, fine))
        gloss = 0.26 + 0.06 * fine
        rows, part = _part(p, 0.50, 1.10, 0.60)
        albedo[:, :, rows] = self._mouth(albedo[:, :, rows], part)
        rows, part = _part(p, -0.50, 0.20, 0.80)
        browed = _mix(albedo[:, :, rows], 0.5 * hair_colour, self._brows(part, (strands + fine)[:, rows]))
        albedo[:, :, rows], wet = self._eyes(browed, part)
        gloss[:, rows] *= 1 - 0.8 * wet
        tone = (1 + 0.38 * strands) * (1 - 0.10 * blotch)
        albedo = _mix(albedo, hair_colour * tone[:, None], hair * (0.80 + 0.2 * soft(self.length + 1.5)))
        bare = Surface(albedo, gloss * (1 - hair), hair)
        return bare if self.look.bare else self._dressed(bare, p)

    def _strands(self, points: Tensor, sampler: Any) -> Tensor:
        """Light and dark along the hair [B, H, W] in -1..1: long for straight hair, winding with its curl."""
        curl = self.t("hair_curl").clamp(0)
        x, y, z = points.unbind(1)
        wave = 0.10 * curl * torch.sin(14 * y + 9 * x) + 0.05 * torch.sin(5 * y + 3 * z)
        bent = torch.stack([x + wave * z, y * (0.75 + 1.1 * curl), z - wave * x], 1)
        return (sampler(self.pattern("strands"), bent)[:, 0] * 0.55).clamp(-1, 1)

    def skin(self, p: Spots, paint: Tensor, fine: Tensor, blotch: Tensor) -> Tensor:
        """Albedo of bare skin [B, 3, H, W]: two pigments absorb light, melanin and blood (Beer-Lambert).

        Melanin is set so that the skin's lightness L* is drawn evenly from 80 down to 29.
        """
        t, (dark, flush, shade) = self.t, paint.unbind(1)
        lightness = (80 - 51 * torch.special.ndtr(t("melanin")) + 16) / 116
        melanin = -torch.log(lightness**3 / 0.80) - 0.12
        rough = soft((t("roughness") + 0.6) / 2.2)
        uneven = rough * (fine + blotch)
        blood = (0.24 + 0.06 * t("blood")) * (1 + flush) + 0.07 * uneven
        m = melanin * (1 + shade) + 0.045 * uneven
        speckled = 0.4 * soft((t("freckles") - 1.2) / 0.5) + 0.12 * self.old * rough
        m = m + speckled * blob((p.y - 0.2) / 0.32, p.side / 0.9) * soft((fine - 0.5) * 5)
        # measured skins lose chroma as they darken: blue light is absorbed first, red light last
        red, green = 0.40 * m + 0.115 * m * m + 0.05 * blood, m + 0.55 * blood
        blue = 2.0 * m - 0.31 * m * m + 0.62 * blood
        return torch.stack([red, green, blue], 1).add_(dark[:, None]).neg_().exp_().mul_(0.80)

    def _beard(self, p: Spots, strands: Tensor, fine: Tensor) -> Tensor:
        """How much of the skin is covered by beard, moustache or stubble [B, H, W]; it may be shaved off."""
        t, side, y = self.t, p.side, p.y
        area = (0.5 + 0.5 * soft((side - 0.1) / 0.5)) * soft((y - self.nose_y - 0.10) / 0.16)
        area = area * soft((1.25 - y) / 0.1)
        chin = area * soft((y - 0.45 - 0.35 * soft((0.9 - side) / 0.3)) / 0.14)
        lip = blob(side / 0.34, (y - self.mouth_y + 0.14) / 0.055)
        full = chin * soft((t("beard") - 0.45) / 0.5) + lip * soft((t("moustache") - 0.35) / 0.4)
        full = full * (1 - col(self.look.shave)) * (0.75 + 0.2 * strands + 0.1 * fine)
        shadow = 0.22 * (chin + lip).clamp(max=1) * soft((t("beard") + 0.5) / 0.7)
        return self.man * (full + shadow).clamp(0, 0.92)

    def _brows(self, p: Spots, strands: Tensor) -> Tensor:
        t = self.t
        x = (p.side - self.eye_theta - 0.015) / (0.205 + 0.022 * t("brow_length"))
        inner = bell((x + 0.9) / 0.5) * (-self.brows).clamp(0)  # a frown pulls the inner ends down
        middle = self.brow_y - (0.028 + 0.020 * t("brow_tilt")) * x + 0.045 * x * x + 0.05 * inner
        thick = (0.038 + 0.011 * t("brow_thickness")).clamp(0.012) * (1.15 - 0.4 * x)
        shape = soft((1 - (p.y - middle).abs() / thick) * 1.3) * soft((1 - x.abs()) * 2.5)
        return (0.88 * shape * (0.78 + 0.22 * strands)).clamp(0, 0.95)

    def _mouth(self, colour: Tensor, p: Spots) -> Tensor:
        t, smile, y, x = self.t, self.smile, p.y, p.side / self.mouth_half
        arch = (1 - x * x).clamp(0)
        corner = self.mouth_y + (0.012 * t("mouth_curve") - 0.085 * smile) * x * x
        top = (0.060 + 0.015 * t("upper_lip")).clamp(0.012) * (1 - 0.28 * bell(x / 0.16)) * arch.sqrt()
        bottom = corner + self.gap * arch
        upper = soft((y - corner + top) / 0.020) * soft((corner + 0.004 - y) / 0.014)
        full = (0.080 + 0.018 * t("lower_lip")).clamp(0.02) * arch
        lower = soft((y - bottom) / 0.014) * soft((bottom + full - y) / 0.022)
        lips = (upper + lower).clamp(0, 1) * soft((1.02 - x) / 0.06)
        red = t("lip_colour")
        tint = torch.stack([0.95 + 0 * red, 0.66 - 0.06 * red, 0.70 - 0.05 * red], 1).clamp(0.3, 1)
        colour = colour * (1 - lips[:, None] * (1 - tint))
        inside = soft((y - corner) / 0.010) * soft((bottom - y) / 0.010) * (bottom - corner > 0.006)
        teeth = inside * soft((corner + 0.045 - y) / 0.012) * soft((0.85 - x) / 0.1)
        line = bell((y - (corner + bottom) / 2) / (0.011 + 0.3 * (bottom - corner))) * soft((1.06 - x) / 0.05)
        colour = colour * (1 - torch.maximum(0.62 * line, 0.93 * inside) * (1 - teeth))[:, None]
        return _mix(colour, rgb(0.60, 0.57, 0.50, y), 0.9 * teeth)

    def _eyes(self, colour: Tensor, p: Spots) -> tuple[Tensor, Tensor]:
        """Balls, lashes and the fold of the lid over what is there; returns also where the eye is open [B, H, W]."""
        t, y, x = self.t, p.y, (p.side - self.eye_theta) / self.eye_half
        centre = self.eye_y - (0.010 + 0.016 * t("eye_tilt")) * x + 0.5 * self.shut * self.eye_half * 0.3
        arch = (1 - x * x).clamp(0)
        upper = centre - self.eye_open * 0.5 * (arch + arch.sqrt())
        lower = centre + 0.62 * self.eye_open * arch
        inside = soft((y - upper) / 0.016) * soft((lower - y) / 0.016) * (x.abs() < 1)
        colour = self._eyeballs(colour, p, inside, y - upper)
        lash = (0.85 - 0.25 * self.man) * bell((y - upper) / 0.021) + 0.32 * bell((y - lower) / 0.013)
        fold = bell((y - upper + 0.050 + 0.014 * t("eyelid")) / 0.014) * soft(t("eyelid") + 0.6 + self.old)
        lines = (lash * (1 - 0.3 * self.shut) + 0.30 * fold).clamp(0, 0.88) * soft((1.12 - x.abs()) / 0.12)
        return colour * (1 - lines[:, None]), inside * (1 - self.shut)

    def _eyeballs(self, colour: Tensor, p: Spots, inside: Tensor, below_lid: Tensor) -> Tensor:
        """White, iris, pupil and a gleam of the lamp, where the lids leave them `inside`."""
        t, sign = self.t, p.theta.sign()
        look = 0.05 * col(self.look.gaze) * sign
        d2 = ((p.side - self.eye_theta - look) / 0.080) ** 2 + ((p.y - self.eye_y + 0.010) / 0.069) ** 2
        brown = torch.special.ndtr(1.2 * t("iris") + 1.8 * t("melanin") + 0.5 * t("hair_colour") + 1.0)
        dark = 1.0 + 1.4 * brown
        absorbed = torch.stack([dark * (1.15 - 0.25 * brown), dark, dark * (0.75 + 0.75 * brown)], 1)
        iris = 0.42 * torch.exp(-absorbed)
        lid = 0.45 + 0.55 * soft((below_lid - 0.02) / 0.03)  # the upper lid shades the ball
        ball = _mix(rgb(0.50, 0.46, 0.43, p.y), iris, soft((1 - d2) * 2.2)) * lid[:, None]
        pupil = inside * soft((0.16 - d2) * 9)
        colour = _mix(_mix(colour, ball, 0.94 * inside), rgb(0.02, 0.02, 0.02, p.y), pupil)
        lamp = col(0.03 * torch.deg2rad(self.look.light_azimuth).sin())
        lamp = (self.eye_theta + look * sign) * sign + lamp
        gleam = inside * blob((p.theta - lamp) / 0.018, (p.y - self.eye_y + 0.028) / 0.018)
        return _mix(colour, rgb(0.9, 0.9, 0.9, p.y), 0.8 * gleam)

    def _dressed(self, bare: Surface, p: Spots) -> Surface:
        """Lay mask and cap over the face; the scene's number says in which colours."""
        mask, cap = soft(self.mask_depth(p) / 0.02), soft(self.cap_depth(p) / 0.02)
        dye = uniform(self.look.background, 8, 5)
        white = 0.45 + 0.10 * dye[:, :3] * (dye[:, 6:7] < 0.5) - 0.42 * (dye[:, 7:8] > 0.8)
        pleats = 1 - 0.16 * bell(torch.sin(p.y * 17) / 0.25)
        strap = bell((p.y - self.eye_y - 0.30 + 0.12 * (p.side - 1.2)) / 0.018) * soft((p.side - 1.15) / 0.05)
        mask = torch.maximum(mask, strap * ((col(self.look.mask) > 0) & (p.side < 1.55)) * (1 - bare.hair))
        albedo = _mix(bare.albedo, white[:, :, None, None] * pleats[:, None], mask)
        albedo = _mix(albedo, (0.04 + 0.4 * dye[:, 3:6] ** 2)[:, :, None, None], cap)
        cloth = torch.maximum(mask, cap)
        return Surface(albedo, bare.gloss * (1 - cloth), bare.hair * (1 - cloth))


def _part(p: Spots, above: float, below: float, side: float) -> tuple[slice, Spots]:
    """The rows of the pictures in which something between two heights is seen: elsewhere it need not be drawn."""
    seen = ((p.y > above) & (p.y < below) & (p.side < side)).any(0).any(1).nonzero()
    rows = slice(int(seen[0]), int(seen[-1]) + 1) if len(seen) else slice(0, 0)
    return rows, Spots(*(x[:, rows] for x in p))


def uniform(seeds: Tensor, count: int, salt: int) -> Tensor:
    """Numbers [B, count] in 0..1 that each seed [B] fixes, by integer hashing: the same on every device."""
    x = seeds.long()[:, None] * 0x9E3779B1 + salt * 0xC2B2AE3D
    x = x + torch.arange(count, device=seeds.device) * 0x85EBCA77
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
        x = ((x & 0xFFFFFFFF) ^ ((x & 0xFFFFFFFF) >> shift)) * factor
    return (x & 0xFFFFFF).float() / 0xFFFFFF


def _outline(y: Tensor) -> tuple[Tensor, Tensor]:
    """Half-width and depth of a medium head at the heights y [V, 1]: [V] and [V], smoothly interpolated."""
    knots, rows = torch.tensor(entry("anatomy.profile"), device=y.device).T.contiguous(), y.squeeze(1)
    right = torch.searchsorted(knots[0], rows.clamp(-1.4499)).clamp(1, knots.shape[1] - 1)
    t = (rows - knots[0][right - 1]) / (knots[0][right] - knots[0][right - 1])
    lines = knots[1:, right - 1] * (1 - t) + knots[1:, right] * t
    kernel = torch.exp(-(torch.linspace(-2, 2, 9, device=y.device) ** 2))
    wide = F.conv1d(F.pad(lines[:, None], (4, 4), mode="replicate"), (kernel / kernel.sum())[None, None])
    return wide[0, 0], wide[1, 0]


def _mix(below: Tensor, above: Tensor, cover: Tensor) -> Tensor:
    """Lay the colour `above` over `below` [B, 3, H, W] where `cover` [B, H, W] is 1."""
    return torch.lerp(below, above, cover[:, None])


def rgb(red: float, green: float, blue: float, like: Tensor) -> Tensor:
    """One colour as [1, 3, 1, 1] on the device of `like`."""
    return torch.tensor([red, green, blue], device=like.device)[None, :, None, None]
