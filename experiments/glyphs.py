"""Does the method carry over? Printed characters in matplotlib's own fonts, recognised by matching as faces are.

A character is an identity; its pictures show it in different fonts, on a flat card before a pinhole camera. Characters
to test on are never seen in training. What goes wrong with a picture is what goes wrong with a face, only that "pose"
is a true turn of the card by 30 to 65 degrees.
"""

import unicodedata
from dataclasses import replace
from functools import cache, partial
from itertools import product
from pathlib import Path
from time import process_time

import matplotlib
import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.ft2font import FT2Font
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from experiments.rows import Setting, Settings, clean_and_mixed, tuned
from experiments.runs import cached_run
from experiments.tables import write_table
from salon.evaluation.benchmark import evaluate_benchmark
from salon.evaluation.people import CONDITIONS, TEST_IMAGES, Benchmark
from salon.evaluation.results import labelled
from salon.faces.pixels import as_bytes, digest, from_bytes
from salon.faces.variations import random_sides
from salon.model.network import Recogniser
from salon.training.data import TrainSet
from salon.training.loop import begin, fit_variances_afterwards, train, train_step
from salon.training.recipes import Recipe, recipe
from salon.words import SalonError

# --- the characters

INK = 64  # pixels of the longer side of a character's ink, before it is photographed
ALIKE = 0.78  # two characters whose ink correlates more, mean over fonts, are taken for one: so O and o
DRAWING = range(0x2500, 0x25A0)  # box drawing and block elements: lines and bars, no characters
SPLITS = {"train": 370, "validation": 90, "test": 170}  # characters of each


def fonts() -> list[Path]:
    """The twelve DejaVu fonts that matplotlib brings: sans, mono and serif; regular, bold, slanted and both."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return sorted(path for path in folder.glob("DejaVuS*.ttf") if "Display" not in path.stem)


@cache
def inks() -> tuple[str, Tensor]:
    """The characters and their ink [characters, fonts, INK, INK] in bytes, in an order drawn once.

    Letters, digits and symbols that every font has, none of them composed (as é is), none blank, none like another.
    """
    codes = set.intersection(*(set(FT2Font(str(path)).get_charmap()) for path in fonts()))
    known = "".join(chr(code) for code in sorted(codes) if _wanted(chr(code)))
    drawn = torch.stack([_drawn(known, path) for path in fonts()], 1)
    kept = distinct(drawn)
    kept = kept[torch.randperm(len(kept), generator=torch.Generator().manual_seed(0))]
    return "".join(known[i] for i in kept.tolist()), drawn[kept]


def _wanted(character: str) -> bool:
    """Whether it is a letter, digit or symbol (general categories L, N, S) of its own."""
    simple = unicodedata.category(character)[0] in "LNS" and not unicodedata.decomposition(character)
    return simple and ord(character) not in DRAWING


def _drawn(characters: str, path: Path) -> Tensor:
    """The ink of characters in a font [n, INK, INK] in bytes."""
    font = ImageFont.truetype(str(path), 96, layout_engine=ImageFont.Layout.BASIC)
    return torch.from_numpy(np.stack([_ink(each, font) for each in characters]))


def _ink(character: str, font: ImageFont.FreeTypeFont) -> np.ndarray:
    """One character [INK, INK] in bytes, in the middle, its longer side that of the picture: case and base line go."""
    left, top, right, bottom = map(int, font.getbbox(character))
    drawn = Image.new("L", (max(right - left, 1), max(bottom - top, 1)))
    ImageDraw.Draw(drawn).text((-left, -top), character, fill=255, font=font)
    drawn = drawn.crop(drawn.getbbox())
    width, height = (max(1, round(side * INK / max(drawn.size))) for side in drawn.size)
    out = Image.new("L", (INK, INK))
    out.paste(drawn.resize((width, height)), ((INK - width) // 2, (INK - height) // 2))
    return np.array(out)


def distinct(drawn: Tensor) -> Tensor:
    """Which of the inks [characters, fonts, H, W] to keep [kept]: no blank ones, of those that look alike the first.

    Alike: the correlation of the ink, in 16 x 16 cells, is above `ALIKE` in the mean over fonts.
    """
    cells = F.adaptive_avg_pool2d(drawn.float(), 16).flatten(2)
    unit = F.normalize(cells - cells.mean(2, keepdim=True), dim=2)
    alike = torch.einsum("ifp,jfp->ij", unit, unit) / drawn.shape[1]
    kept: list[int] = []
    for i in (alike.diagonal() > 0.999).nonzero()[:, 0].tolist():  # a blank one correlates with nothing
        if not kept or alike[i, kept].max() <= ALIKE:
            kept.append(i)
    return torch.tensor(kept)


def split_inks(split: str) -> tuple[str, Tensor]:
    """The characters of a split and their ink [characters, fonts, INK, INK]; no character is in two splits.

    Raises `SalonError` where the fonts of this matplotlib have too few characters.
    """
    before = sum(list(SPLITS.values())[: list(SPLITS).index(split)])
    rows = slice(before, before + SPLITS[split])
    characters, ink = inks()
    if len(characters) < sum(SPLITS.values()):
        raise SalonError(
            f"The fonts of matplotlib {matplotlib.__version__} have {len(characters)} characters that differ; "
            f"expected {sum(SPLITS.values())}. Use a matplotlib with the DejaVu fonts, such as 3.8 to 3.11."
        )
    return characters[rows], ink[rows]


# --- their pictures

SIZE = 32  # pixels
TURNED = (30.0, 65.0)  # degrees that a card is turned away, to either side
DISTANCE = 3.0  # of the camera from the card, in half pictures
FILLED = 0.62  # the share of the picture that the longer side of a character fills at zoom 1


def homographies(turn: Tensor, tilt: Tensor, spin: Tensor, zoom: Tensor, shift: Tensor) -> Tensor:
    """From points of the ink to points of the picture, both -1..1, [n, 3, 3]; angles [n] in degrees, shift [n, 2].

    The card is spun, zoomed and shifted in its plane, then turned about the vertical axis and tilted about the
    horizontal one before a pinhole camera: with R that rotation, (x, y) is seen at (R p)_xy / (1 + (R p)_z / distance).
    """
    turn, tilt, spin = (torch.deg2rad(angle) for angle in (turn, tilt, spin))
    plane = torch.eye(3).repeat(len(turn), 1, 1)
    plane[:, 0, 0] = plane[:, 1, 1] = FILLED * zoom * spin.cos()
    plane[:, 1, 0] = FILLED * zoom * spin.sin()
    plane[:, 0, 1], plane[:, :2, 2] = -plane[:, 1, 0], shift
    seen = torch.eye(3).repeat(len(turn), 1, 1)
    seen[:, 0, 0], seen[:, 1, 1] = turn.cos(), tilt.cos()
    seen[:, 1, 0] = turn.sin() * tilt.sin()
    seen[:, 2, 0], seen[:, 2, 1] = -turn.sin() * tilt.cos() / DISTANCE, tilt.sin() / DISTANCE
    return seen @ plane


def seen_through(homography: Tensor, images: Tensor, size: int) -> Tensor:
    """Images [n, H, W] through homographies [n, 3, 3], as [n, size, size] of their range; 0 beyond their edges."""
    line = (torch.arange(2 * size) + 0.5) / size - 1  # at twice the resolution: two by two pixels are one
    v, u = torch.meshgrid(line, line, indexing="ij")
    points = torch.linalg.inv(homography) @ torch.stack([u, v, torch.ones_like(u)]).flatten(1)
    grid = (points[:, :2] / points[:, 2:].clamp_min(1e-3)).mT.unflatten(1, (2 * size, 2 * size))
    return F.avg_pool2d(F.grid_sample(images[:, None], grid, align_corners=False), 2)[:, 0]


def photographed(ink: Tensor, seed: int, size: int = SIZE) -> tuple[Tensor, Tensor]:
    """Bytes [n, size, size] of inks [n, INK, INK]: nearly straight, and the same card turned away.

    Spun by up to 8 degrees, zoomed by 0.85..1.1, shifted by up to 6 % of the picture, straight up to 12 degrees;
    paper of grey 0.6..1 with ink of at most half of that.
    """
    g = torch.Generator().manual_seed(seed)

    def uniform(low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(len(ink), *shape, generator=g)

    tilt, spin, zoom, shift = uniform(-12, 12), uniform(-8, 8), uniform(0.85, 1.1), uniform(-0.12, 0.12, 2)
    paper, contrast = uniform(0.6, 1, 1, 1), uniform(0.5, 1, 1, 1)
    turns = uniform(-12, 12), uniform(*TURNED) * random_sides(len(ink), g)
    covers = (seen_through(homographies(turn, tilt, spin, zoom, shift), ink / 255, size) for turn in turns)
    straight, turned = (as_bytes((paper * (1 - contrast * cover)).clamp(0, 1)) for cover in covers)
    return straight, turned


def in_some_fonts(ink: Tensor, images: int, seed: int) -> tuple[Tensor, Tensor]:
    """Each ink [characters, fonts, H, W] in `images` different fonts, [characters * images, H, W], and the labels."""
    chosen = torch.rand(ink.shape[:2], generator=torch.Generator().manual_seed(seed)).argsort(1)[:, :images]
    labels = torch.arange(len(ink)).repeat_interleave(images)
    return ink[labels, chosen.flatten()], labels


def glyph_train_set(images: int = 8, size: int = SIZE) -> TrainSet:
    """`images` pictures of each character to train on, in different fonts."""
    ink, labels = in_some_fonts(split_inks("train")[1], images, seed=1)
    return TrainSet(*photographed(ink, 2, size), labels)


def glyph_benchmark(split: str, size: int = SIZE) -> Benchmark:
    """Four pictures of each character of a split, "validation" or "test", in four fonts."""
    ink, labels = in_some_fonts(split_inks(split)[1], TEST_IMAGES, seed=3)
    both = photographed(ink, 4 + list(SPLITS).index(split), size)
    straight, turned = (from_bytes(x)[:, None].repeat(1, 3, 1, 1) for x in both)
    return Benchmark(straight, turned, labels)


def glyph_sheet(characters: int = 6, split: str = "validation") -> Tensor:
    """A few characters under each of `CONDITIONS`, one a row, [characters * conditions, 3, H, W] in 0..1."""
    benchmark = glyph_benchmark(split)
    probes = [benchmark.probes(condition)[::2][:characters] for condition in CONDITIONS]
    return torch.stack(probes, 1).flatten(0, 1)


# --- the experiment

SEEDS, TUNED_ON = (0, 1, 2), (0,)
SHAPE: Setting = {"images": 8, "size": SIZE, "turned": TURNED, "yaw": 12.0, "steps": 250}
FROM_SCRATCH = 400  # steps of row A, which all others go on from
# What each row may be, with as many settings for each. B: the scale. C: margin of the logit, s0 and lambda_reg.
# E: lambda_cls = lambda_adv, the rest as C; D is E without decorrelation, so there is nothing to tune.
SETTINGS: dict[str, tuple[Setting, ...]] = {
    "B": ({"scale": 8.0}, {"scale": 16.0}, {"scale": 28.0}),
    "C": ({"margin": 5.0, "s0": 12.0, "regularise": 0.002}, {"margin": 8.0, "s0": 20.0, "regularise": 0.002},
          {"margin": 10.0, "s0": 28.0, "regularise": 0.001}),
    "E": ({"decorrelate": 0.1}, {"decorrelate": 0.5}, {"decorrelate": 2.0}),
}  # fmt: skip
SUB_EMBEDDINGS: Setting = {"K": 8, "d": 16}


def row_setting(row: str, chosen: Settings) -> Setting:
    """All that was chosen for a row: D and E have what C has, in sub-embeddings."""
    if row in ("D", "E"):
        return chosen["C"] | SUB_EMBEDDINGS | (chosen["E"] if row == "E" else {})
    return chosen[row] if row != "A" else {}


def glyph_recipe(row: str, setting: Setting, seed: int, data: TrainSet) -> Recipe:
    """A: CosFace without augmentation, from scratch; B to E: with it, from A of the same seed, under a setting."""
    shape = SHAPE | {"people": SPLITS["train"], "seed": seed} | setting
    if row == "A":
        return recipe("start", **shape | {"steps": FROM_SCRATCH})
    glyph_model("A", {}, seed, data)
    start = cached_run(glyph_recipe("A", {}, seed, data), _label("A", {}, data))
    return recipe("cosface" if row == "B" else "confidence", **shape, start=str(start))


def _label(row: str, setting: Setting, data: TrainSet) -> str:
    """What the cache calls a run: the pictures are part of it, for other fonts would make other ones."""
    pictures = digest(torch.cat([data.straight, data.turned]))[:8]
    return "-".join(["glyphs", pictures, row, *(f"{value:g}" for value in setting.values())])


def glyph_model(row: str, setting: Setting, seed: int, data: TrainSet, variances: bool = False) -> Recogniser:
    """A row's model, from the cache or trained now, with variances for (16) if wanted.

    Faces are tested together with their mirror images; characters are not, for the mirror image of b is d.
    """
    made = glyph_recipe(row, setting, seed, data)
    folder = cached_run(made, _label(row, setting, data)).parent
    run = train(made, out=folder, resume=True, data=data, variances=False)
    run.recogniser.spec = replace(run.recogniser.spec, flip=False)
    if variances:
        fit_variances_afterwards(run, data)
    return run.recogniser.eval()


def _validated(data: TrainSet, validation: Benchmark, run: tuple[str, int, Settings]) -> float:
    """Clean plus mixed TAR of a row on validation characters, in percent."""
    row, seed, chosen = run
    return clean_and_mixed(glyph_model(row, row_setting(row, chosen), seed, data), validation)


def reproduce_glyphs() -> Path:
    """The rows A to E on printed characters never seen in training, tuned with as many tries each; three seeds."""
    data = glyph_train_set(SHAPE["images"], SHAPE["size"])
    validation = glyph_benchmark("validation", SHAPE["size"])
    tried, sums = tuned(SETTINGS, SETTINGS, TUNED_ON, partial(_validated, data, validation))
    chosen = {row: row_setting(row, tried) for row in "ABCDE"}
    test, rows = glyph_benchmark("test", SHAPE["size"]), []
    for seed, (row, setting) in product(SEEDS, chosen.items()):
        model = glyph_model(row, setting, seed, data, variances=True)
        found = evaluate_benchmark(model, test, CONDITIONS, ("cosine", "likelihood"))
        rows += labelled(found, row, "glyphs", seed)
    return write_table(
        "glyphs", rows, "salon reproduce glyphs", characters=SPLITS,
        pictures_a_character={"train": SHAPE["images"], "validation": TEST_IMAGES, "test": TEST_IMAGES},
        fonts=[path.stem for path in fonts()], matplotlib=matplotlib.__version__, chosen=chosen,
        settings_on_validation=sums,
        chosen_by=f"clean + mixed TAR@FAR=1e-3 in percent, validation characters, seeds {TUNED_ON}",
        mirrored_minus_not=_mirrored(chosen["B"], data, validation), seconds_a_run=seconds_a_run(data, chosen),
        recipe=str(recipe("confidence", **SHAPE | {"people": SPLITS["train"]})), steps_of_A=FROM_SCRATCH,
    )  # fmt: skip


def _mirrored(setting: Setting, data: TrainSet, validation: Benchmark) -> list[float]:
    """How the sum of B on validation characters changes, a seed, if mirror images are fused as for faces."""
    changes = []
    for seed in SEEDS:
        model = glyph_model("B", setting, seed, data)
        before = clean_and_mixed(model, validation)
        model.spec = replace(model.spec, flip=True)
        changes.append(round(clean_and_mixed(model, validation) - before, 2))
    return changes


def seconds_a_run(data: TrainSet, chosen: Settings, steps: int = 20) -> dict[str, float]:
    """Seconds of processor time that the training of each row takes here, from a few steps of the first seed."""
    found = {}
    for row, setting in chosen.items():
        made = glyph_recipe(row, setting, SEEDS[0], data)
        run, start = begin(made), process_time()
        for _ in range(steps):
            train_step(run, data)
        found[row] = round((process_time() - start) / steps * made.steps, 1)
    return found
