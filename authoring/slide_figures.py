"""The deck's pictures: the notebooks' figures, from the same functions and stored tables, in the size of a slide."""

import io
import textwrap
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
import torch
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from matplotlib.ticker import MaxNLocator
from PIL import Image

import salon
from authoring.picture import people_and_variations
from experiments.bench import LIVE_IMAGES, LIVE_PEOPLE, live_pair
from salon.evaluation.benchmark import black_hole, evaluate_benchmark
from salon.evaluation.people import CONDITIONS, test_benchmark
from salon.evaluation.results import labelled, read_provenance, read_table, stored_differences
from salon.faces.people import sample_people, split_people
from salon.faces.render import frontal_views, render, sample_views
from salon.faces.variations import VARIATIONS, degrade, pose_yaw
from salon.figures.ablation import ablation_figure, claims_figure, difference_figure, effect_figure, pull_figure
from salon.figures.explorer import explorer_figure
from salon.figures.faces import face_sheet
from salon.figures.losses import angle_figure, confidence_figure, mask_figure
from salon.figures.results import black_hole_figure, condition_figure, probe_figure, strength_figure, trade_off_figure
from salon.figures.style import panels, speak
from salon.model.decorrelation import variation_masks
from salon.model.network import Recogniser, embed
from salon.paths import cache_path, write_whole
from salon.training.data import train_set
from salon.training.loop import train
from salon.training.recipes import recipe
from salon.training.run import recipe_fingerprint
from salon.words import SalonError

# Points of any text. A slide of 1280 × 720 CSS pixels is 13.33 × 7.5 inches, as in any slide program.
LEAST = 20
DPI = 144


def draw(name: str) -> Figure:
    """A figure of the deck by its name, its texts at least `LEAST` points; raises `SalonError` for no such figure."""
    if name not in FIGURES:
        raise SalonError(f"A slide asks for the figure {name!r}; expected one of {', '.join(FIGURES)}.")
    make, width, height = FIGURES[name]
    sizes: Any = {"font.size": LEAST, "axes.titlesize": "medium", "lines.linewidth": 2.5, "lines.markersize": 9}
    with mpl.rc_context(sizes):
        figure = make()
        speak(figure)
        figure.set_size_inches(width, height)
        _enlarge(figure)
        figure.draw_without_rendering()  # the layout, under the same sizes
    return figure


def _enlarge(figure: Figure) -> None:
    """What a figure sets itself, smaller than a room can read: letters, dots, and labels that run over their axis."""
    for text in figure.findobj(Text):
        text.set_fontsize(max(LEAST, text.get_fontsize()))
    for note in figure.findobj(Annotation):
        x, y = note.xyann
        note.xyann = (1.7 * x, 1.7 * y)
    for axis in figure.axes:
        for line in axis.lines:
            line.set_markersize(max(8, line.get_markersize()))
        axis.yaxis.label.set_text(textwrap.fill(axis.get_ylabel(), 24))
        axis.xaxis.label.set_text(textwrap.fill(axis.get_xlabel(), 34))


def save(name: str, path: Path) -> None:
    """Draw a figure into a file; the suffix says how: `.jpg` for faces, `.png` for lines and words."""
    file = io.BytesIO()
    draw(name).savefig(file, dpi=DPI)
    picture = Image.open(file).convert("RGB")
    if path.suffix == ".jpg":
        write_whole(path, lambda file: picture.save(file, "JPEG", quality=88))
    else:
        flat = picture.quantize(128, dither=Image.Dither.NONE)
        write_whole(path, lambda file: flat.save(file, "PNG", optimize=True))


def cover() -> Figure:
    """People in rows, their variations in columns, nothing else."""
    figure, axes = panels(1, 1, 8, 6)
    axes[0, 0].imshow(people_and_variations(3, seed=12, size=160))
    axes[0, 0].axis("off")
    return figure


def explorer() -> Figure:
    """The explorer's five telling states, for a page that does not move (00, `explorer`)."""
    return explorer_figure(salon.load("lecture"), split_people("test", 8)[4])


def people() -> Figure:
    """Four people, five views (01, `people`)."""
    who = split_people("test", 4)
    looks = {"plain": {}, "turned": {"yaw": 50.0}, "side light": {"light_azimuth": 80.0, "ambient": 0.15},
             "laughing": {"smile": 1.0, "mouth_open": 0.7}, "glasses": {"glasses": 1.0}}  # fmt: skip
    faces = torch.stack([render(who, frontal_views(1, **look), 160) for look in looks.values()], dim=1)
    return face_sheet(faces.flatten(0, 1), [f"person {n}" for n in (1, 2, 3, 4)], [*looks])


def variations() -> Figure:
    """The three trained variations at six strengths (01, `variations`)."""
    strengths, person = torch.linspace(0, 1, 6), split_people("test", 4)[0]
    same = render(person, frontal_views(1), 160).expand(6, -1, -1, -1)
    rows = [degrade(same, name, strengths, seed=3) for name in VARIATIONS[:2]]
    rows.append(render(person, frontal_views(6, yaw=pose_yaw(strengths)), 160))
    return face_sheet(torch.cat(rows), VARIATIONS, [f"{strength:.1f}" for strength in strengths.tolist()])


def augment() -> Figure:
    """What augmentation changes under each condition (01, `augment-table`)."""
    stored = read_table("ablation")
    names = {"A": "A: clean images only", "B": "B: augmented"}
    return _room_for_words(condition_figure(stored[stored.condition.isin(CONDITIONS)], names))


def live() -> Figure:
    """A pair that is trained now, as in the notebook (03, `live-figure`)."""
    rows, names = [], ("fixed scale", "C")
    for name in names:
        rows += labelled(evaluate_benchmark(live_models()[name], test_benchmark()), name)
    return _room_for_words(condition_figure(pd.DataFrame(rows), {name: name for name in names}))


@cache
def live_models() -> dict[str, Recogniser]:
    """The three that notebook 03 trains live, each about a minute, once: they are kept in the cache."""
    fixed, learned = live_pair(read_provenance("ablation"))
    data = train_set(LIVE_PEOPLE, LIVE_IMAGES, recipe("start").size, progress=False)
    models = {}
    for name, each in {"s = 64": replace(fixed, scale=64.0), "fixed scale": fixed, "C": learned}.items():
        kept = cache_path("slides", f"{each.loss}-{recipe_fingerprint(each)}")
        models[name] = train(each, kept, resume=True, data=data, variances=False, progress=False).recogniser
    return models


def _room_for_words(figure: Figure, columns: int = 4, axis: int = 0, place: Any = "outside upper center") -> Figure:
    """The legend of one of the axes outside all of them, where it hides nothing."""
    handles, legend = figure.axes[axis].get_legend_handles_labels(), figure.axes[axis].get_legend()
    if legend is not None:
        legend.remove()
    figure.legend(*handles, loc=place, ncols=columns, frameon=False, columnspacing=1.2, handletextpad=0.4)
    return figure


def confidence_loss() -> Figure:
    """An easy and a hard image: which confidence is best? (02, `loss-figure`)."""
    others = 0.15 * torch.randn(99, generator=torch.Generator().manual_seed(0))
    images = {f"{name}: cosine {own}": torch.cat([torch.tensor([own]), others])
              for name, own in (("easy", 0.8), ("hard", 0.1))}  # fmt: skip
    return confidence_figure(images, margin=8.0, regularise=0.002)


def masks() -> Figure:
    """Which part is to keep which variation (02, `masks`)."""
    return mask_figure(variation_masks(M=3, K=8, generator=torch.Generator().manual_seed(1)), VARIATIONS)


def protocol() -> Figure:
    """One person in the mixed set (03, `protocol`)."""
    benchmark = test_benchmark()
    which, _ = benchmark.mixture()
    return face_sheet(benchmark.images("mixed")[:4], [""], [CONDITIONS[i] for i in which[:4]])


def trade_off() -> Figure:
    """Clean against mixed quality (03, `stored-figure`); of the scales only some are named."""
    places = {"CosFace s=40": (10, -14), "CosFace s=8": (9, -7), "CosFace s=64": (4, 9), "C": (-28, -4)}
    legend = {"CosFace": "one fixed scale s", "C0": "C0: frozen", "S": "S: one, learned", "C": "C: learned"}
    figure = trade_off_figure(read_table("ablation"), places=places, legend=legend)
    return _room_for_words(figure)


def probes() -> Figure:
    """What single parts know of each variation, without and with the game (03, `split`)."""
    figure = probe_figure(read_table("ablation"))
    for axis in figure.axes:
        axis.margins(x=0.25)
    return _room_for_words(figure)


def rivals() -> Figure:
    """C against its rivals, condition by condition (03, `stored-conditions`)."""
    pairs = [("C", other) for other in ("B", "C0", "S")]
    conditions = ("clean", "low_resolution", "occlusion", "pose", "mixed")
    figure = difference_figure(stored_differences(pairs, conditions))
    figure.axes[0].margins(y=0.3)
    for axis in figure.axes:
        axis.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    return figure


def effect() -> Figure:
    """Does the lead of C last? Along the training, a line for each number of people (03, `length`)."""
    names = {"confidence_clean": "clean", "confidence_pose": "pose", "confidence_mixed": "mixed, by (16)",
             "confidence_occlusion": "occlusion"}  # fmt: skip
    return _along(names)


def stations() -> Figure:
    """Four findings of a short training, along a longer one (04, `occlusion`)."""
    names = {"confidence_occlusion": "1 occlusion:\nC − B", "matching_mixed": "2 mixed: C (16)\n− cosine",
             "learned_clean": "3 clean:\nC − C0", "places_cover": "4 cover: (16),\nplaces − whole"}  # fmt: skip
    return _along(names)


def _along(names: dict[str, str]) -> Figure:
    """Claims along the training; fewer steps are written than measured, and the people stand above."""
    figure = effect_figure(read_table("claims"), names)
    for legend in figure.legends:
        legend.remove()
    for axis in figure.axes:
        axis.set(xticks=(200, 800, 3200), xticklabels=("200", "800", "3,200"))
        axis.margins(x=0.12)
        for line in axis.lines[:-1]:  # the last is zero
            line.set_label(f"{line.get_label()} training people")
    return _room_for_words(figure)


def pull() -> Figure:
    """Who pulls: clean, spoilt and hopeless pictures in three models (03, `pull`)."""
    names = {"B": "B: one scale", "C": "C: a confidence each", "C0": "C0: frozen"}
    return _room_for_words(pull_figure(read_table("ablation"), names), 1, place="outside right center")


def ablation() -> Figure:
    """Every row on clean and mixed images and on templates (03, `steps`)."""
    return ablation_figure(read_table("ablation"), ("clean", "mixed", "templates"))


def claims() -> Figure:
    """The primary claims with their intervals; full dots survive the correction (03, `claims`)."""
    stored = read_table("claims")
    groups = {"augmentation": "augmentation", "confidence": "confidence", "learning": "… each its own",
              "parts": "parts", "decorrelation": "the game", "aggregation": "(16)",
              "places": "places (ours)"}  # fmt: skip
    figure = claims_figure(stored[stored.primary], groups | {"slope": "each doubling"})
    names = [label.get_text().replace("places+16 − places − whole+16 + whole", "(16): places − whole")
             for label in figure.axes[0].get_yticklabels()]  # fmt: skip
    figure.axes[0].set_yticklabels([name.replace("+16", " (16)") for name in names])
    return figure


def black_holes() -> Figure:
    """Which conditions the highest false matches of the live models join (03, `hole`)."""
    shares = {name: black_hole(model, test_benchmark()) for name, model in live_models().items()}
    figure = black_hole_figure(shares, ("clean", "low res.", "occluded", "turned"))
    for axis in figure.axes:
        axis.set_aspect("auto")
    return figure


def owners() -> Figure:
    """The fitted variance of parts that own a variation, and of the others (03, `strength-numbers`)."""
    recogniser = salon.load("lecture")
    people, strengths = split_people("test", 40), torch.linspace(0, 1, 6)
    clean, curves = render(people, frontal_views(1)), {}
    for name in VARIATIONS:
        turned = name == "pose"
        ladder = [render(people, frontal_views(1, yaw=pose_yaw(s))) if turned else degrade(clean, name, s, seed=1)
                  for s in strengths.tolist()]  # fmt: skip
        fitted = [embed(recogniser, images).variances for images in ladder]
        variances = torch.stack([each.mean(0) for each in fitted if each is not None])
        curves[name] = variances / variances[0]
    owned = dict(zip(VARIATIONS, torch.tensor(recogniser.card["owners"]).bool(), strict=True))
    return _room_for_words(strength_figure(strengths, curves, "fitted variance (where clean = 1)", owned))


def rendered_people() -> Figure:
    """Twelve people, drawn at random (04, `limits`)."""
    faces = render(sample_people(12, seed=2), sample_views(12, seed=3), size=200)
    return face_sheet(faces, ["", ""], [""] * 6)


# Of each figure: how it is made, and its width and height on the slide in inches (of 13.33 × 7.5).
FIGURES: dict[str, tuple[Callable[[], Figure], float, float]] = {
    "cover": (cover, 6.2, 4.7),
    "explorer": (explorer, 12.2, 4.6),
    "people": (people, 8.4, 5.2),
    "variations": (variations, 10.0, 5.2),
    "angle": (lambda: angle_figure(scales=(4, 12, 28), margin=0.35), 12.2, 4.5),
    "augment": (augment, 12.2, 4.4),
    "confidence_loss": (confidence_loss, 12.2, 4.6),
    "masks": (masks, 9.0, 3.4),
    "protocol": (protocol, 11.0, 3.2),
    "trade_off": (trade_off, 12.2, 4.8),
    "live": (live, 12.2, 4.6),
    "rivals": (rivals, 12.2, 4.3),
    "effect": (effect, 12.2, 4.5),
    "pull": (pull, 10.5, 4.4),
    "ablation": (ablation, 12.2, 4.8),
    "black_hole": (black_holes, 12.2, 4.3),
    "owners": (owners, 12.2, 4.4),
    "probes": (probes, 12.2, 4.7),
    "claims": (claims, 12.2, 5.0),
    "stations": (stations, 12.2, 4.8),
    "rendered_people": (rendered_people, 10.4, 3.9),
}
