"""From traits to a head: how far the skin lies from the axis, and which colour it has there.

The head is a chart: rows are heights y (down, 1 = half the width of the picture), columns are angles
theta around the vertical axis (0 = nose). On the chart live a radius r(theta, y) and an albedo. Most of
the relief is a sum of soft bumps, each a curve along theta times a curve along y, so that

    r = r_ellipse + sum_j a_j g_j(theta) h_j(y)

is one batched matrix product for all people at once. Columns are spaced by u = s / (1 + |s|) with
s = tan(theta / 2), which costs no arctangent and is densest on the face.
"""

from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from salon.faces.people import People

Y_TOP, Y_BOTTOM, U_SIDE = -1.45, 1.60, 0.72
# Heights of the outline of a medium head: y, half-width, depth of the face in front of the axis.
_PROFILE = (
    (-1.45, 0.05, 0.05), (-1.38, 0.34, 0.38), (-1.22, 0.53, 0.60), (-0.95, 0.67, 0.75), (-0.60, 0.735, 0.82),
    (-0.20, 0.745, 0.83), (0.15, 0.735, 0.815), (0.45, 0.70, 0.82), (0.75, 0.615, 0.83), (0.98, 0.48, 0.80),
    (1.10, 0.40, 0.73), (1.20, 0.375, 0.56), (1.32, 0.38, 0.42), (1.60, 0.42, 0.40),
)  # fmt: skip


@dataclass
class Expression:
    """What a face does at the moment, each [B] in 0..1: smile, mouth_open, brow_raise, eyes_closed; gaze in -1..1."""

    smile: Tensor
    mouth_open: Tensor
    brow_raise: Tensor
    eyes_closed: Tensor
    gaze: Tensor
    glasses: Tensor


class Chart:
    """The grid of a head: y [V, 1] and theta [1, U] at its nodes, for V rows and U columns."""

    def __init__(self, rows: int, columns: int, device: torch.device | str = "cpu") -> None:
        self.y = torch.linspace(Y_TOP, Y_BOTTOM, rows, device=device)[:, None]
        u = torch.linspace(-U_SIDE, U_SIDE, columns, device=device)[None]
        self.theta = 2 * torch.atan(u / (1 - u.abs()))
        self.side = self.theta.abs()

    def rows(self, above: float, below: float) -> slice:
        """The rows between two heights: what lies there alone need not be drawn on the whole chart."""
        step = float(self.y[1, 0] - self.y[0, 0])
        return slice(int((above - Y_TOP) / step), int((below - Y_TOP) / step) + 1)

    def outline(self) -> tuple[Tensor, Tensor]:
        """Half-width and depth of a medium head at each row, [V] and [V], smoothly interpolated."""
        knots = torch.tensor(_PROFILE, device=self.y.device).T
        rows = self.y.squeeze(1)
        right = torch.searchsorted(knots[0].contiguous(), rows.clamp(Y_TOP + 1e-4)).clamp(
            1, knots.shape[1] - 1
        )
        t = (rows - knots[0][right - 1]) / (knots[0][right] - knots[0][right - 1])
        lines = knots[1:, right - 1] * (1 - t) + knots[1:, right] * t
        kernel = torch.exp(-(torch.linspace(-2, 2, 9, device=rows.device) ** 2))
        smooth = F.conv1d(
            F.pad(lines[:, None], (4, 4), mode="replicate"), (kernel / kernel.sum())[None, None]
        )
        return smooth[0, 0], smooth[1, 0]


def _soft(x: Tensor) -> Tensor:
    """A step that is 0 at -1 and 1 at +1 without a corner."""
    x = (x * 0.5 + 0.5).clamp(0, 1)
    return x * x * (3 - 2 * x)


def _bell(x: Tensor) -> Tensor:
    """exp(-x^2), cut at 1e-9 because denormal numbers are many times slower."""
    return torch.exp(-(x * x).clamp(max=20.7))


class Head:
    """One head per row: its measures [B, 1, 1], and the maps `radius`, `albedo`, `gloss` made from them."""

    def __init__(self, people: People, face: Expression, chart: Chart) -> None:
        self.people, self.face, self.chart = people, face, chart
        t, e = self._trait, face
        self.eye_theta = 0.415 + 0.030 * t("eye_distance")
        self.eye_y = -0.075 + 0.012 * t("eye_height")
        self.eye_half = 0.150 + 0.011 * t("eye_width")
        closed = 1 - 0.92 * _col(e.eyes_closed) - 0.25 * _col(e.smile) * (1 - _col(e.eyes_closed))
        self.eye_open = (0.062 + 0.013 * t("eye_opening")).clamp(0.03) * closed
        self.brow_y = self.eye_y - 0.175 - 0.032 * t("brow_height") - 0.08 * _col(e.brow_raise)
        self.nose_y = 0.385 + 0.050 * t("nose_length")
        self.mouth_y = 0.690 + 0.035 * t("philtrum") + 0.3 * (self.nose_y - 0.385)
        self.mouth_half = (0.285 + 0.035 * t("mouth_width")) * (
            1 + 0.22 * _col(e.smile) - 0.12 * _col(e.mouth_open)
        )
        self.gap = 0.11 * _col(e.mouth_open) + 0.012 * _col(e.smile)
        self.old = _soft((t("age") - 0.2) / 1.8)

    def _trait(self, name: str) -> Tensor:
        return _col(self.people.trait(name))

    # ------------------------------------------------------------------ relief
    def _bumps(self) -> Tensor:
        """All the relief [B, V, U]: rows of (amount, theta, width in theta, y, width in y, both sides?)."""
        t, e = self._trait, self.face
        smile, gap = _col(e.smile), self.gap
        nose_w, tip = 0.150 + 0.022 * t("nose_width"), 0.175 + 0.042 * t("nose_tip")
        lip_w = self.mouth_half * 0.85
        rows: list[tuple[Any, ...]] = [
            (0.085 + 0.028 * t("nose_bridge"), 0.0, 0.115 + 0.01 * t("nose_width"), 0.10, 0.24, False),
            (tip + 0.025 * t("nose_depth"), 0.0, nose_w, self.nose_y - 0.045, 0.125, False),
            (0.055 + 0.012 * t("nose_width"), nose_w * 1.15, 0.075, self.nose_y, 0.065, True),
            (-0.030, 0.0, 0.20, self.nose_y + 0.115, 0.06, False),
            (-0.075 - 0.016 * t("eye_depth"), self.eye_theta - 0.06, 0.17, self.eye_y, 0.11, True),
            (0.040, self.eye_theta, 0.11, self.eye_y + 0.01, 0.075, True),
            (0.030 + 0.016 * t("brow_ridge"), self.eye_theta - 0.03, 0.27, self.brow_y + 0.03, 0.08, True),
            (0.030 * t("forehead"), 0.0, 0.75, -0.60, 0.28, False),
            (0.030 + 0.022 * t("cheekbones"), 0.70, 0.23, 0.17, 0.17, True),
            (
                0.032 * t("cheeks") + 0.045 * smile - 0.02 * self.old,
                0.60,
                0.27,
                0.47 - 0.12 * smile,
                0.22,
                True,
            ),
            (0.045 * t("jaw_width"), 1.05, 0.36, 0.72, 0.24, True),
            (0.030 + 0.010 * t("upper_lip"), 0.0, lip_w, self.mouth_y - 0.045, 0.05, False),
            (0.034 + 0.010 * t("lower_lip"), 0.0, lip_w * 0.9, self.mouth_y + 0.055 + gap, 0.055, False),
            (-0.030 - 0.3 * gap, 0.0, lip_w * 1.1, self.mouth_y + 0.5 * gap, 0.030 + 0.6 * gap, False),
            (-0.022, self.mouth_half * 1.45, 0.09, self.mouth_y - 0.03 * smile, 0.07, True),
            (-0.035, 0.0, 0.26, self.mouth_y + 0.165 + gap, 0.06, False),
            (0.060 + 0.028 * t("chin_depth"), 0.0, 0.33, 0.98 + 0.045 * t("chin_length") + gap, 0.15, False),
            (-0.020 * (0.5 + self.old + smile), 0.36 + 0.05 * smile, 0.07, self.nose_y + 0.12, 0.16, True),
            (-0.014 * self.old, self.eye_theta - 0.05, 0.13, self.eye_y + 0.16, 0.035, True),
            (0.105 + 0.020 * t("ears"), 1.66, 0.13, self.eye_y + 0.17, 0.24, True),
        ]
        batch, chart = len(self.people), self.chart

        def column(x: Tensor | float) -> Tensor:
            return (
                torch.as_tensor(x, dtype=torch.float32, device=chart.y.device).reshape(-1, 1).expand(batch, 1)
            )

        amount, theta, wide, y, high = (torch.stack([column(row[i]) for row in rows], 1) for i in range(5))
        both = torch.tensor([row[5] for row in rows], device=chart.y.device)[None, :, None]
        around = torch.where(both, chart.side[None], chart.theta[None]) - theta  # [B, J, U]
        along = chart.y.T[None] - y  # [B, J, V]
        return (amount * _bell(along / high)).transpose(1, 2) @ _bell(around / wide)

    def radius(self, thick: Tensor) -> Tensor:
        """Distance of the surface from the axis [B, V, U]; `thick` [B, V, U] in 0..1 is that of the hair."""
        t, (width, depth) = self._trait, self.chart.outline()
        y = self.chart.y
        lower = _soft((y - 0.75) / 0.45)
        width = width[:, None] * (1 + 0.045 * t("head_width")) + lower * 0.02 * t("jaw_width")
        depth = depth[:, None] * (1 + 0.030 * t("head_depth"))
        ellipse = ((self.chart.theta.sin() / width) ** 2 + (self.chart.theta.cos() / depth) ** 2).rsqrt()
        return ellipse + self._bumps() + thick * (0.085 + 0.035 * t("hair_volume"))

    # ------------------------------------------------------------------ hair
    def hair(self, strands: Tensor) -> tuple[Tensor, Tensor]:
        """Where hair covers the skin and how far it has thickened, both [B, V, U] in 0..1."""
        t, side, y = self._trait, self.chart.side, self.chart.y
        receding = self.old * (0.08 + 0.08 * t("temples"))
        line = -0.80 - 0.075 * t("hairline") - receding + 0.10 * t("hairline_peak") * _bell(side / 0.22)
        line = line - (0.09 * t("temples") + receding) * _bell((side - 0.55) / 0.22)
        fringe = _soft((t("fringe") - 0.55) / 0.4)  # a third of all people wear one
        sweep = _bell((self.chart.theta - 0.25 * t("parting")) / 0.75)
        line = line + fringe * sweep * (0.30 + 0.09 * t("hair_volume"))
        reach = -0.15 + 0.30 * t("hair_length") + 1.6 * _soft((t("hair_length") - 0.7) / 0.5)
        line = line + (reach - line) * _soft((side - 1.16 - 0.05 * t("cheeks")) / 0.20)
        line = line + (reach + 0.9 - line) * _soft((side - 2.0) / 0.3)
        depth = line - y
        return _soft((depth + 0.05 * strands) / 0.075), _soft((depth - 0.10) / 0.24)

    # ------------------------------------------------------------------ colour
    def skin(self, texture: Tensor) -> Tensor:
        """Albedo of bare skin [B, 3, V, U]: two pigments absorb light, melanin and blood (Beer-Lambert)."""
        t, side, y = self._trait, self.chart.side, self.chart.y
        melanin = 0.20 + 2.6 * torch.special.ndtr(t("melanin")) ** 1.4
        red = 0.5 * _bell((side - 0.55) / 0.26) * _bell((y - 0.27) / 0.20)
        red = red + 0.4 * _bell(side / 0.16) * _bell((y - self.nose_y) / 0.12)
        blood = (0.28 + 0.07 * t("blood")) * (1 + red) + 0.05 * texture
        speckled = 0.28 * _soft((t("freckles") - 0.9) / 0.5) * _bell((y - 0.2) / 0.3)
        deep = (
            _bell((side - self.eye_theta + 0.08) / 0.17)
            * _bell((y - self.eye_y - 0.06) / 0.11)
            * (1 + self.old)
        )
        melanin = melanin * (1 + 0.07 * texture + 0.12 * deep) + speckled * (texture > 0.55)
        lines = 0.14 * self.old * self._wrinkles() + self._marks()
        absorbed = [
            0.30 * melanin + 0.05 * blood,
            0.58 * melanin + 0.62 * blood,
            0.92 * melanin + 0.70 * blood,
        ]
        return 0.80 * torch.exp(-torch.stack(absorbed, 1) - lines[:, None])

    def _wrinkles(self) -> Tensor:
        y, side = self.chart.y, self.chart.side
        waves = (0.5 + 0.5 * torch.sin(y * 62 + 3 * self._trait("mark_1"))) ** 4 * _bell((y + 0.52) / 0.13)
        fold = _bell((side - 0.26 - 0.42 * (y - self.nose_y)) / 0.03) * _bell((y - self.nose_y - 0.14) / 0.15)
        bags = _bell((side - self.eye_theta + 0.03) / 0.13) * _bell((y - self.eye_y - 0.15) / 0.022)
        return waves * _bell(side / 0.55) + 1.4 * fold + 0.9 * bags

    def _marks(self) -> Tensor:
        """Moles: two numbers say where each lies; a person has up to four, never mirrored."""
        spots = torch.zeros(1, device=self.chart.y.device)
        for first in (1, 3, 5, 7):
            a, b = self._trait(f"mark_{first}"), self._trait(f"mark_{first + 1}")
            size = 0.022 + 0.012 * (a * b).tanh()
            spot = _bell((self.chart.theta - 0.55 * a) / size) * _bell(
                (self.chart.y - 0.25 - 0.33 * b) / size
            )
            spots = spots + 0.9 * spot * ((a + 2 * b).sin() > -0.2)
        return spots

    def hair_colour(self) -> Tensor:
        """Albedo of the hair [B, 3, 1, 1], from black over brown to blond, some red, grey with age."""
        t = self._trait
        dark = 0.35 + 2.3 * torch.special.ndtr(t("hair_colour") + 0.9 * t("melanin") + 0.5)
        red = 0.30 * torch.special.ndtr(2 * t("hair_redness") - 2.2)
        colour = 0.62 * torch.exp(-torch.stack([dark * (0.85 - red), dark * 1.15, dark * (1.6 + red)], 1))
        grey = (self.old * torch.special.ndtr(1.5 * t("hair_grey") - 0.2))[:, None]
        return colour * (1 - grey) + 0.45 * grey

    def albedo(self, hair: Tensor, texture: Tensor, strands: Tensor) -> tuple[Tensor, Tensor]:
        """Colours of the whole head [B, 3, V, U] and its gloss [B, V, U]; textures are [B, V, U] in -1..1."""
        colour, hair_colour = self.skin(texture), self.hair_colour()
        gloss = torch.full_like(hair, 0.30)
        low, eyes = self.chart.rows(0.25, 1.30), self.chart.rows(-0.50, 0.35)
        beard = self._beard(self.chart.y[low], strands[:, low])
        colour[:, :, low] = self._mouth(_mix(colour[:, :, low], hair_colour, beard), self.chart.y[low])
        around = _mix(
            colour[:, :, eyes], 0.75 * hair_colour, self._brows(self.chart.y[eyes], strands[:, eyes])
        )
        colour[:, :, eyes], wet = self._eyes(around, self.chart.y[eyes])
        gloss[:, eyes] += 0.7 * wet
        tone = (1 + 0.30 * strands) * (1 - 0.10 * texture)
        colour = _mix(colour, hair_colour * tone[:, None], hair)
        gloss = torch.lerp(gloss, 0.22 + 0.5 * strands.clamp(0), hair)
        black = torch.full_like(hair_colour, 0.035)
        colour[:, :, eyes] = _mix(colour[:, :, eyes], black, self._frames(self.chart.y[eyes]))
        return colour, gloss

    def _beard(self, y: Tensor, strands: Tensor) -> Tensor:
        t, side = self._trait, self.chart.side
        area = (_soft((side - 0.1) / 0.5) * 0.5 + 0.5) * (
            _soft((y - self.nose_y - 0.10) / 0.16) * _soft((1.25 - y) / 0.1)
        )
        chin = area * _soft((y - 0.45 - 0.35 * _soft((0.9 - side) / 0.3)) / 0.12)
        lip = _bell(side / 0.36) * _bell((y - self.mouth_y + 0.14) / 0.055)
        full = chin * _soft((t("beard") - 0.75) / 0.5) + lip * _soft((t("moustache") - 0.85) / 0.4)
        return (full * (0.72 + 0.28 * strands)).clamp(0, 0.9) + 0.16 * chin * _soft((t("beard") + 0.2) / 0.6)

    def _brows(self, y: Tensor, strands: Tensor) -> Tensor:
        t, side = self._trait, self.chart.side
        x = (side - self.eye_theta - 0.015) / (0.205 + 0.022 * t("brow_length"))
        middle = self.brow_y - (0.028 + 0.020 * t("brow_tilt")) * x + 0.045 * x * x
        thick = (0.040 + 0.011 * t("brow_thickness")).clamp(0.014) * (1.15 - 0.4 * x)
        shape = _soft((1 - (y - middle).abs() / thick) * 1.4) * _soft((1 - x.abs()) * 3)
        return 0.92 * shape * (0.75 + 0.25 * strands)

    def _mouth(self, colour: Tensor, y: Tensor) -> Tensor:
        t, smile, x = self._trait, _col(self.face.smile), self.chart.side / self.mouth_half
        arch = (1 - x * x).clamp(0)
        corner = self.mouth_y + (0.012 * t("mouth_curve") - 0.085 * smile) * x * x
        top = (0.060 + 0.016 * t("upper_lip")) * (1 - 0.28 * _bell(x / 0.16)) * arch.sqrt()
        bottom = corner + self.gap * arch
        upper = _soft((y - corner + top) / 0.020) * _soft((corner + 0.004 - y) / 0.014)
        lower = _soft((y - bottom) / 0.014) * _soft(
            (bottom + (0.080 + 0.018 * t("lower_lip")) * arch - y) / 0.022
        )
        lips = (upper + lower).clamp(0, 1) * _soft((1.02 - x) / 0.06)
        redness = t("lip_colour")
        tint = torch.stack([0.97 + 0 * redness, 0.62 - 0.07 * redness, 0.66 - 0.05 * redness], 1)
        colour = colour * (1 - lips[:, None] * (1 - tint))
        inside = _soft((y - corner) / 0.010) * _soft((bottom - y) / 0.010) * (bottom - corner > 0.006)
        teeth = inside * _soft((corner + 0.055 - y) / 0.012) * _soft((0.85 - x) / 0.1)
        line = _bell((y - (corner + bottom) / 2) / (0.011 + 0.3 * (bottom - corner))) * _soft(
            (1.06 - x) / 0.05
        )
        colour = colour * (1 - 0.62 * (line * (1 - teeth))[:, None])
        return _mix(colour, _rgb(0.64, 0.61, 0.54, y), 0.9 * teeth)

    def _eyes(self, colour: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        t, x = self._trait, (self.chart.side - self.eye_theta) / self.eye_half
        centre = self.eye_y - (0.010 + 0.016 * t("eye_tilt")) * x
        arch = (1 - x * x).clamp(0)
        upper, lower = centre - self.eye_open * arch**0.7, centre + 0.62 * self.eye_open * arch
        inside = _soft((y - upper) / 0.016) * _soft((lower - y) / 0.016) * (x.abs() < 1)
        look = 0.05 * _col(self.face.gaze) * self.chart.theta.sign()
        d2 = ((self.chart.side - self.eye_theta - look) / 0.080) ** 2 + (
            (y - self.eye_y + 0.012) / 0.069
        ) ** 2
        iris, pupil = inside * _soft((1 - d2) * 2.2), inside * _soft((0.16 - d2) * 9)
        dark = (1.35 + 0.75 * t("iris") + 0.55 * t("melanin")).clamp(0.35)
        tone = 0.45 * torch.exp(-torch.stack([dark * 1.05, dark * 1.0, dark * (0.9 + 0.25 * t("iris"))], 1))
        colour = _mix(colour, _rgb(0.50, 0.46, 0.43, y), 0.92 * inside)
        colour = _mix(_mix(colour, tone, iris), _rgb(0.02, 0.02, 0.02, y), pupil)
        lash = _bell((y - upper) / 0.021) + 0.35 * _bell((y - lower) / 0.013)
        crease = _bell((y - upper + 0.050 + 0.014 * t("eyelid")) / 0.013) * _soft(t("eyelid") + 0.6)
        lines = (0.80 * lash + 0.28 * crease).clamp(0, 0.88) * _soft((1.12 - x.abs()) / 0.12)
        return colour * (1 - lines[:, None]), inside

    def _frames(self, y: Tensor) -> Tensor:
        side, style = self.chart.side, self._trait("mark_7")
        x, v = (
            (side - self.eye_theta - 0.005).abs() / 0.245,
            (y - self.eye_y - 0.025).abs() / (0.165 + 0.02 * style),
        )
        rim = _bell(((x * x * x + v * v * v + 1e-6) ** (1 / 3) - 1) / 0.105)
        bridge = _bell((y - self.eye_y + 0.02) / 0.022) * (side < self.eye_theta - 0.22)
        temple = _bell((y - self.eye_y + 0.01) / 0.024) * ((side > self.eye_theta + 0.25) & (side < 1.6))
        return _col(self.face.glasses) * (rim + bridge + temple).clamp(0, 1)


def _col(x: Tensor) -> Tensor:
    """[B] as [B, 1, 1], to be broadcast over a chart."""
    return x[:, None, None]


def _mix(below: Tensor, above: Tensor, cover: Tensor) -> Tensor:
    """Lay the colour `above` over `below` [B, 3, V, U] where `cover` [B, V, U] is 1."""
    return torch.lerp(below, above.expand_as(below), cover[:, None].expand_as(below))


def _rgb(red: float, green: float, blue: float, like: Tensor) -> Tensor:
    """One colour as [1, 3, 1, 1] on the device of `like`."""
    return torch.tensor([red, green, blue], device=like.device)[None, :, None, None]
