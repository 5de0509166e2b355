"""The deck's pictures: the notebooks' figures and some of its own, from stored tables, in the size of a slide.

What answers a guess is marked in its figure and stays hidden until the next key. English words of figures that are
drawn in English only are put into Chinese by `slides/words.toml`.
"""

import io
import re
import textwrap
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import tomllib
import torch
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_hex, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text
from PIL import Image

import salon
from authoring.picture import people_and_variations
from experiments.bench import LIVE_IMAGES, LIVE_PEOPLE, live_pair
from experiments.glyphs import glyph_sheet
from salon.evaluation.benchmark import evaluate_benchmark
from salon.evaluation.people import CONDITIONS, test_benchmark
from salon.evaluation.results import by_seed, difference, labelled, read_provenance, read_table, stored_differences
from salon.evaluation.views import FeatureViews, ScoreHistograms
from salon.faces.people import sample_people, split_people
from salon.faces.render import frontal_views, render, sample_views
from salon.faces.variations import VARIATIONS, degrade, pose_yaw
from salon.figures.ablation import POINTS, ablation_figure, claims_figure, difference_figure, effect_figure, pull_figure
from salon.figures.black_hole import FalseMatches, black_hole_figure
from salon.figures.explorer import explorer_figure
from salon.figures.faces import face_sheet
from salon.figures.geometry import INK, arrow, bare, cloud, cloud_figure, thumbnail
from salon.figures.losses import angle_figure, confidence_figure, mask_figure
from salon.figures.method import PARTS, method_figure
from salon.figures.results import condition_figure, draw_trade_off, trade_off_figure
from salon.figures.scale import Toy, scale_figure
from salon.figures.style import BLUE, GREEN, GREY, MODELS, ORANGE, PINK, panels, speak
from salon.figures.threshold import threshold_figure
from salon.figures.umap import owned_figure
from salon.model.decorrelation import variation_masks
from salon.model.losses import posterior
from salon.model.network import Recogniser
from salon.paths import cache_path, data_root, read_data, write_whole
from salon.training.data import train_set
from salon.training.loop import train
from salon.training.recipes import recipe
from salon.training.run import recipe_fingerprint
from salon.words import SalonError, language, say, set_language

# Points of any text. A slide of 1280 × 720 CSS pixels is 13.33 × 7.5 inches, as in any slide program.
LEAST = 20
DPI = 120
# The cast: a model has one colour wherever it appears, and what is no model is drawn in INK_OF_ALL.
NEUTRAL = "#333333"
_READABLE = {to_hex(colour): ink for colour, ink in INK.items()}


def draw(name: str, lang: str = "en") -> Figure:
    """A figure of the deck by its name, its texts at least `LEAST` points; raises `SalonError` for no such figure."""
    if name not in FIGURES:
        raise SalonError(f"A slide asks for the figure {name!r}; expected one of {', '.join(FIGURES)}.")
    make, width, height = FIGURES[name]
    sizes: Any = {"font.size": LEAST, "axes.titlesize": "medium", "lines.linewidth": 2.5, "lines.markersize": 9,
                  "ytick.alignment": "center"}  # fmt: skip
    before = language()
    set_language(lang)
    try:
        with mpl.rc_context(sizes):
            figure = make()
            figure.set_size_inches(width, height)
            speak(figure)
            _enlarge(figure)
            figure.draw_without_rendering()  # the layout, under the same sizes
    finally:
        set_language(before)
    return figure


def _enlarge(figure: Figure) -> None:
    """What a figure sets itself, smaller than a room can read: letters, dots, and labels that run over their axis."""
    for text in figure.findobj(Text):
        text.set_fontsize(max(LEAST, text.get_fontsize()))
        text.set_color(_READABLE.get(to_hex(text.get_color()), text.get_color()))
    for note in figure.findobj(Annotation):
        x, y = note.xyann
        note.xyann = (1.7 * x, 1.7 * y)
    for axis in figure.axes:
        for line in axis.lines:
            line.set_markersize(max(8, line.get_markersize()))
        axis.yaxis.label.set_text(textwrap.fill(axis.get_ylabel(), 24))
        axis.xaxis.label.set_text(textwrap.fill(axis.get_xlabel(), 36))


def save(name: str, path: Path, lang: str = "en") -> list[Path]:
    """Draw a figure into a file; the suffix says how: `.webp` for faces, `.svg` for lines and words.

    In an SVG what answers a guess has the class "answer"; beside a picture stands NAME_ask, the same without it.
    """
    figure = draw(name, lang)
    if path.suffix == ".svg":
        file = io.BytesIO()
        with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
            figure.savefig(file, format="svg", metadata={"Date": None, "Creator": None})
        write_whole(path, _slim(file.getvalue().decode(), path.stem))
        return [path]
    answers, files = figure.findobj(lambda artist: artist.get_gid() == "answer"), [path]
    _picture(figure, path)
    if answers:
        for artist in answers:
            artist.set_alpha(0)
        files.append(path.with_stem(f"{path.stem}_ask"))
        _picture(figure, files[-1])
    return files


def _picture(figure: Figure, path: Path) -> None:
    file = io.BytesIO()
    figure.savefig(file, dpi=DPI)
    picture = Image.open(file).convert("RGB")
    write_whole(path, lambda file: picture.save(file, "WEBP", quality=70, method=6))


def _slim(svg: str, name: str) -> str:
    """An SVG to stand within a page: one line, few digits, only the names it needs, ALT where its words belong."""
    svg = re.sub(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", "", svg, flags=re.S)
    svg = re.sub(r'id="answer[^"]*"', 'class="answer"', svg)
    needed = set(re.findall(r'(?:url\(#|href="#)([^")]+)', svg))
    svg = re.sub(r' id="([^"]*)"', lambda found: f' id="{name}-{found[1]}"' if found[1] in needed else "", svg)
    svg = re.sub(r'(url\(#|href="#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"<[^>]*>", lambda tag: re.sub(r"(\d+\.\d\d)\d+", r"\1", tag[0]), svg).replace("xlink:href", "href")
    svg = re.sub(r"(?:, )?'[^']*'(?:, '[^']*')*(?=[\";])", "Salon", svg)
    svg = re.sub(r"font-family: ?Salon;? ?", "", svg)
    svg = re.sub(r"font: (?:[\w]+ )*?([\d.]+px) ?Salon", r"font-size: \1", svg)  # the deck says which letters
    svg = re.sub(r"(?<=[ML;:])\s+|\s+(?=[ML\"])|\s+(?=/>)", " ", svg)
    svg = re.sub(r"\s+", " ", svg).replace("> <", "><").replace("<g>", "<g>").strip()
    head, body = svg.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', head)[0]  # type: ignore[index]
    return f'<svg class="figure" role="img" aria-label="ALT" {box}>{body}'


def _answer(*artists: Any) -> None:
    """Mark what answers a guess, artists or groups of them: it is seen with the next key."""
    for one in artists:
        if isinstance(one, Artist):
            for artist in one.findobj():
                artist.set_gid("answer")
        else:
            _answer(*(each for each in one or ()))


def _recolour(figure: Figure, colours: dict[str, str]) -> None:
    """Every line, dot and bar of one colour in another."""
    shades = {to_hex(old): new for old, new in colours.items()}
    for artist in figure.findobj():
        for part in ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor"):
            get, put = getattr(artist, f"get_{part}", None), getattr(artist, f"set_{part}", None)
            if get is None or put is None or isinstance(artist, (Figure, Axes)):
                continue
            drawn = to_rgba_array(get())  # one colour for all, or one each
            if len(drawn) == 1 and to_hex(drawn[0]) in shades:
                put(shades[to_hex(drawn[0])])


def cover() -> Figure:
    """People in rows, their variations in columns, nothing else."""
    figure, axes = panels(1, 1, 8, 6)
    axes[0, 0].imshow(people_and_variations(3, seed=12, size=160))
    axes[0, 0].axis("off")
    return figure


def explorer() -> Figure:
    """The explorer's five telling states, for a page that does not move (00, `explorer`)."""
    figure = explorer_figure(salon.load("lecture"), split_people("test", 8)[4])
    for axis in figure.axes:
        axis.set_title(textwrap.fill(axis.get_title(), 12))
    for bars in figure.axes[-3:]:  # of the three that the room is asked about
        _answer(bars.patches, bars.xaxis.label)
    return figure


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


def journey() -> Figure:
    """The four parts of the evening as four small pictures."""
    figure, axes = panels(1, 4, 12.2, 3.6)
    who, titles = split_people("test", 4), ("1 Background", "2 Algorithm", "3 Experiments", "4 Discussion")
    clean = render(who[:1], frontal_views(1), 160)
    spoilt = [clean, degrade(clean, "low_resolution", 0.8, seed=0), degrade(clean, "occlusion", 0.7, seed=1)]
    spoilt.append(render(who[:1], frontal_views(1, yaw=60.0), 160))
    for axis, faces in zip(
        (axes[0, 0], axes[0, 3]), (torch.cat(spoilt), render(who, frontal_views(4), 160)), strict=True
    ):
        bare(axis, 0, 2, 0, 2)
        for n, face in enumerate(faces):
            thumbnail(axis, face, (0.5 + n % 2, 1.5 - n // 2), 0.94)
    bare(axes[0, 1], -1.6, 1.6, -1.6, 1.6)
    for face, place, sigma in zip(spoilt[:2], ((-0.6, 0.5), (0.5, -0.4)), (0.3, 0.55), strict=True):
        cloud(axes[0, 1], place, sigma, GREEN)
        thumbnail(axes[0, 1], face[0], place, 0.5)
    stored = read_table("ablation")
    draw_trade_off(axes[0, 2], stored[~stored.configuration.str.endswith("+16")], "clean", places={})
    axes[0, 2].set(xticks=[], yticks=[], xlabel="", ylabel="", box_aspect=1)
    for axis, title in zip(axes[0], titles, strict=True):
        axis.set_title(title)
    return figure


def pixels() -> Figure:
    """A face, the same person under another lamp, another person under the same lamp; cosines of pixels."""
    who, lamp = split_people("test", 4), {"light_azimuth": 80.0, "ambient": 0.15}
    faces = torch.cat([render(who[:1], frontal_views(1), 160), render(who[:1], frontal_views(1, **lamp), 160),
                       render(who[1:2], frontal_views(1), 160)])  # fmt: skip
    rows = faces.flatten(1)
    rows = (rows - rows.mean(1, keepdim=True)) / rows.std(1, keepdim=True)
    cosines = torch.nn.functional.cosine_similarity(rows[:1], rows[1:])
    figure = face_sheet(
        faces, [""], ["this face", "A: the same person,\nanother lamp", "B: another person,\nthe same lamp"]
    )
    for axis, cosine in zip(figure.axes[1:], cosines.tolist(), strict=True):
        axis.set_xlabel(f"cosine {cosine:.2f}".replace("-", "−"))
        _answer(axis.xaxis.label)
    return figure


def softmax() -> Figure:
    """A feature and the same ten times longer: where they point, and what softmax makes of them."""
    figure, axes = panels(1, 2, 12.2, 4.4, width_ratios=(1, 1.2))
    prototypes, feature = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]]), torch.tensor([4.0, 3.0])
    bare(axes[0, 0], -2.6, 5.4, -1.0, 4.2)
    for (x, y), name in zip(2 * prototypes, ("w₁", "w₂", "w₃"), strict=True):
        arrow(axes[0, 0], (0, 0), (float(x), float(y)), GREY)
        axes[0, 0].text(
            1.25 * float(x), 1.2 * float(y) - 0.1 - 0.45 * (float(y) == 0), name, ha="center", color=INK[GREY]
        )
    arrow(axes[0, 0], (0, 0), (4, 3), NEUTRAL)
    axes[0, 0].text(4.1, 3.2, "f = (4, 3)", ha="center", color=NEUTRAL)
    for shift, times, shade in ((-0.2, 1, "#8c8c8c"), (0.2, 10, NEUTRAL)):
        share = torch.softmax(times * prototypes @ feature, 0)
        places = np.arange(3) + shift
        axes[0, 1].bar(places, share, 0.38, color=shade, label=f"{times} × f")
        for x, y in zip(places, share.tolist(), strict=True):
            axes[0, 1].text(x, y + 0.02, f"{y:.2f}", ha="center")
    axes[0, 1].set(
        xticks=range(3), xticklabels=["w₁", "w₂", "w₃"], ylabel="probability", ylim=(0, 1.15), yticks=(0, 0.5, 1)
    )
    axes[0, 1].legend(frameon=False)
    return figure


def cosface() -> Figure:
    """The logits of three people without and with the margin: cosines .8, .6, −.8, s = 10, m = .35."""
    cosines, scale, margin = np.array([0.8, 0.6, -0.8]), 10.0, 0.35
    figure, axes = panels(1, 2, 12.2, 3.6, sharey=True)
    for axis, m, title in zip(axes[0], (0.0, margin), ("without the margin", "with the margin"), strict=True):
        logits = scale * (cosines - m * np.array([1, 0, 0]))
        drawn = axis.bar(range(3), logits, 0.55, color=[NEUTRAL, "#8c8c8c", "#8c8c8c"])
        labels = [
            axis.text(x, y + np.sign(y), f"{y:.1f}".replace("-", "−"), ha="center", va="bottom" if y > 0 else "top")
            for x, y in enumerate(logits)
        ]
        axis.axhline(0, color="black", linewidth=0.8)
        axis.set(title=title, xticks=range(3), xticklabels=["the right person", "the second", "the third"],
                 ylim=(-14, 14), yticks=(-8, 0, 8))  # fmt: skip
        if m:
            _answer(drawn, labels)
    axes[0, 0].set_ylabel("logit")
    return figure


def angle() -> Figure:
    """Loss and slope of CosFace for three scales (01, `scale`); asked without the slopes."""
    figure = angle_figure(scales=(4, 12, 28), margin=0.35)
    _recolour(figure, {BLUE: "#8a8a8a", ORANGE: "#555555", GREEN: "#111111"})
    figure.axes[0].set_yticks((1e-3, 1e-1, 10), ("0.001", "0.1", "10"))
    figure.axes[0].minorticks_off()
    for axis in figure.axes:
        for line, style in zip(axis.lines, ((0, (1, 1)), "--", "-"), strict=True):
            line.set(linestyle=style)
    figure.axes[1].set_ylabel("slope: pull")
    _answer(figure.axes[1].lines)
    return _room_for_words(figure)


def augment() -> Figure:
    """What augmentation changes under each condition (01, `augment-table`); asked without B."""
    stored = read_table("ablation")
    names = {"A": "A: clean images only", "B": "B: augmented"}
    figure = _room_for_words(condition_figure(stored[stored.condition.isin(CONDITIONS)], names))
    _answer(figure.axes[0].containers[1], figure.axes[0].collections[1])
    return figure


def benchmarks() -> Figure:
    """Published results of URFace, and before it, of a hundred percent each (01, `benchmarks`)."""
    rows = published()["benchmarks"]
    figure, axes = panels(1, 1, 12.2, 4.4)
    axis, places = axes[0, 0], np.arange(len(rows))[::-1]
    for row, y in zip(rows, places, strict=True):
        axis.barh(y, row["urface"], 0.62, color=NEUTRAL)
        said = f"URFace {row['urface']} {row['source']}"
        if "before" in row:
            axis.vlines(row["before"], y - 0.31, y + 0.31, color="white", lw=4)
            said = f"{row['by']} {row['before']} → {said}"
        axis.barh(y, 100, 0.62, fill=False, edgecolor="#777777", zorder=4)  # the frame, above the line
        axis.text(102, y, said, va="center")
    axis.set(yticks=places, yticklabels=[row["name"] for row in rows], xlim=(0, 158), xticks=(0, 50, 100), xlabel="%")
    axis.xaxis.set_label_coords(50 / 158, -0.13)
    axis.spines[["left", "bottom"]].set_visible(False)
    axis.tick_params(axis="y", length=0)
    return figure


@cache
def published() -> dict[str, Any]:
    """What later papers quote of results: `slides/words.toml`, with their sources."""
    return tomllib.loads((data_root().parent / "slides" / "words.toml").read_text("utf-8"))["published"]


def lit(part: str) -> Figure:
    """The picture of the method, small and without its words, one part lit."""
    figure = method_figure(part)
    for text in figure.findobj(Text):
        text.set_visible(False)
    return figure


def game() -> Figure:
    """What the discriminator is shown, half of the parts in each row, and what its answers are to be (02, `masks`)."""
    figure, ((shown, between, asked),) = panels(1, 3, 12.2, 3.0, width_ratios=(1, 0.75, 2.2))
    masks = variation_masks(M=3, K=8, generator=torch.Generator().manual_seed(1))
    for axis, cells, shade in ((shown, masks, BLUE), (asked, torch.eye(3), PINK)):
        shades = LinearSegmentedColormap.from_list("kept", ["#f3e3ec" if shade is PINK else "#eeeeee", shade])
        axis.pcolormesh(cells, cmap=shades, edgecolor="white", linewidth=4)
        axis.set(yticks=(0.5, 1.5, 2.5), yticklabels=VARIATIONS, ylim=(3, 0))
        axis.tick_params(length=0)
        axis.spines[:].set_visible(False)
    for row, column in np.ndindex(3, 3):
        say_it = "show (12)" if row == column else "hide (13)"
        asked.text(column + 0.5, row + 0.5, say_it, ha="center", va="center")
    shown.set(title="what it is shown", xticks=[])
    asked.set(title="what it is asked", xticks=(0.5, 1.5, 2.5), xticklabels=VARIATIONS, yticks=[])
    asked.xaxis.tick_top()
    bare(between, 0, 1, 0, 1)
    between.set_aspect("auto")
    between.text(0.5, 0.5, say("method.discriminator"), ha="center", color=INK[PINK])
    arrow(between, (0, 0.42), (1, 0.42), PINK)
    return figure


def clouds() -> Figure:
    """A sharp and a blurred image of a person as clouds, beside two prototypes."""
    figure, axes = panels(1, 1, 6.2, 5.0)
    axis, who = axes[0, 0], split_people("test", 14)[13:]
    clean = render(who, frontal_views(1), 160)
    bare(axis, -1.9, 2.1, -1.7, 1.6)
    for image, place, sigma in (
        (clean, (-0.75, 0.5), 0.24),
        (degrade(clean, "low_resolution", 0.8, seed=0), (0.75, -0.45), 0.55),
    ):
        cloud(axis, place, sigma, GREEN)
        thumbnail(axis, image[0], place, 0.42)
    for (x, y), name in (((-0.35, 0.95), "$w_1$"), ((1.45, 0.75), "$w_2$")):
        axis.scatter(x, y, s=160, marker="s", color=NEUTRAL, zorder=6)
        axis.text(x + 0.14, y, name, va="center")
    axis.text(-0.75, -0.28, "sharp", ha="center", color=INK[GREEN])
    axis.text(-0.62, -1.25, "blurred", ha="center", color=INK[GREEN])
    return figure


def fog() -> Figure:
    """The posterior (5) of two people as the variance grows (02, `posterior-fog`); asked with the first alone."""
    from salon.figures.geometry import one_part

    image, prototypes = torch.tensor([[0.8, 0.6]]), torch.eye(2)
    figure, axes = panels(1, 3, 6.4, 4.2, sharey=True)
    for axis, variance in zip(axes[0], (0.2, 2.0, 20.0), strict=True):
        shares = posterior(one_part(image, torch.tensor([1 / variance])), prototypes[:, None])[0]
        drawn = axis.bar([1, 2], shares, 0.7, color=[NEUTRAL, "#8c8c8c"])
        words = [axis.text(x, y + 0.02, f"{y:.2f}", ha="center") for x, y in zip((1, 2), shares.tolist(), strict=True)]
        axis.set(title=f"σ² = {variance:g}", xticks=(1, 2), xticklabels=["w₁", "w₂"], ylim=(0, 1), yticks=(0, 0.5, 1))
        if variance > 1:
            _answer(drawn, words)
    axes[0, 0].set_ylabel("posterior")
    return figure


def scale() -> Figure:
    """The toy on the circle, one scale for all and one for each (02, `circle`), for a page that does not move."""
    figure = scale_figure(Toy())
    for axis in figure.axes:
        axis.set(xlim=(-1.75, 2.05), ylim=(-1.05, 1.75))
        for text in axis.texts:
            x, y = np.array(text.get_position()) * (1.48 / 0.72)  # outside the circle, as `0.72` is within
            text.set_position((x, y - 0.35 if x > 1 else y))
    return figure


def votes() -> Figure:
    """Two parts vote on two people: cosines times confidences over K = 2 (02, `parts-loop`)."""
    features, prototypes = (
        torch.tensor([[[1.0, 0.0], [0.6, 0.8]]]),
        torch.tensor([[[1.0, 0.0], [0.0, 1.0]], [[0.0, 1.0], [1.0, 0.0]]]),
    )
    weights = torch.tensor([4.0, 2.0])
    shares = torch.einsum("kd,nkd->nk", features[0], prototypes) * weights / 2  # [N, K]
    figure, axes = panels(1, 1, 5.6, 4.2)
    left = torch.zeros(2)
    for k, shade in enumerate((NEUTRAL, "#8c8c8c")):
        axes[0, 0].barh([1, 0], shares[:, k], 0.5, left=left, color=shade, label=f"part {k + 1}, s = {weights[k]:g}")
        left = left + shares[:, k]
    for y, total in zip((1, 0), left.tolist(), strict=True):
        axes[0, 0].text(total + 0.06, y, f"{total:.1f}", va="center")
    axes[0, 0].set(yticks=(1, 0), yticklabels=["person 1", "person 2"], xlim=(0, 3.4), ylim=(-0.6, 1.6), xlabel="logit")
    return _room_for_words(figure, 2)


def live() -> Figure:
    """A pair that is trained now, as in the notebook (03, `live-figure`)."""
    rows, names = [], ("fixed scale", "C")
    for name in names:
        rows += labelled(evaluate_benchmark(live_models()[name], test_benchmark()), name)
    figure = _room_for_words(condition_figure(pd.DataFrame(rows), {name: name for name in names}))
    _answer(figure.axes[0].containers[1], figure.axes[0].collections[1])
    return figure


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
    figure = confidence_figure(images, margin=8.0, regularise=0.002)
    _recolour(figure, {BLUE: "#777777", ORANGE: NEUTRAL})
    for axis in figure.axes:
        axis.legend_ = None
        best = axis.lines[2]
        x, y = (float(np.asarray(each)[0]) for each in best.get_data())
        side, rise = ("left", 18) if x < 9 else ("center", 8)
        said = axis.annotate(str(best.get_label()), (x, y), (0, rise), textcoords="offset points", ha=side)
        best.set_label(None)
        _answer(axis.lines, said)
    return _room_for_words(figure, 2)


def masks() -> Figure:
    """Which part is to keep which variation (02, `masks`)."""
    figure = mask_figure(variation_masks(M=3, K=8, generator=torch.Generator().manual_seed(1)), VARIATIONS)
    (tiles,) = figure.axes[0].collections
    tiles.set(cmap=LinearSegmentedColormap.from_list("owned", ["#f3e3ec", PINK, PINK]), edgecolor="white")
    _answer(tiles)
    return figure


def pairs() -> Figure:
    """Three pairs as clouds: what the cosine says, and what (16) (02, `clouds`)."""
    who, views = split_people("test", 14), (frontal_views(1), frontal_views(1, yaw=20.0))
    sharp = [render(who[13:], view, 160) for view in views]
    vague = [degrade(face, "low_resolution", 1.0, seed=0) for face in (sharp[0], render(who[4:5], views[0], 160))]
    faces = torch.stack([torch.cat(pair) for pair in (sharp, [sharp[0], vague[0]], vague)])
    variances = torch.tensor([[0.03, 0.03], [0.03, 0.22], [0.22, 0.22]], dtype=torch.float64)
    figure = cloud_figure((26, 23, 20), variances, faces)
    for axis in figure.axes:
        axis.texts[1].set_y(-0.17)  # the second line, below the first in letters of a slide
    _answer(*(axis.texts for axis in figure.axes))
    return figure


def cast() -> Figure:
    """Who is who: each model of the experiments, its colour, and what it has."""
    has = ("augmented", "confidence", "parts", "the game")
    rows = {"A": "", "B": "a", "C0": "a–", "S": "a1", "C": "ac", "D": "acp", "E": "acpg", "E-λ2": "acpG"}
    said = {"C0": "frozen", "S": "one for all", "C": "learned", "D": "learned", "E": "learned", "E-λ2": "learned"}
    figure, axes = panels(1, 1, 12.2, 4.9)
    axis = axes[0, 0]
    for y, (name, marks) in enumerate(rows.items()):
        axis.scatter(-0.5, -y, s=420, color=MODELS[name])
        axis.text(-0.3, -y, name, va="center", fontsize=26, color=INK.get(MODELS[name], MODELS[name]))
        axis.axhline(0.5 - y, color="#dddddd", lw=1)
        played = "weak" if "g" in marks else "strong" if "G" in marks else ""
        cells = ["●" * ("a" in marks), said.get(name, ""), "●" * ("p" in marks), played]
        for x, cell in enumerate(cells):
            axis.text(x + 0.75, -y, cell, ha="center", va="center", fontsize=24, color=NEUTRAL)
    for x, head in enumerate(has):
        axis.text(x + 0.75, 1.0, head, ha="center", va="center", fontsize=24, color=NEUTRAL)
    axis.set(xlim=(-0.7, 4.3), ylim=(-7.5, 1.5))
    axis.axis("off")
    return figure


def protocol() -> Figure:
    """One person with a clean gallery, and in the mixed set (03, `protocol`)."""
    benchmark = test_benchmark()
    clean, spoilt = benchmark.straight[:4], benchmark.images("occlusion")[:4]
    rows = torch.where(benchmark.gallery[:4, None, None, None], clean, spoilt), benchmark.images("mixed")[:4]
    sides = ["gallery image" if one else "probe image" for one in benchmark.gallery[:4]]
    return face_sheet(torch.cat(rows), ["clean\ngallery", "mixed"], sides)


def threshold() -> Figure:
    """Scores of two live models, clean above mixed (01, `threshold`), for a page that does not move."""
    scores = read_data(ScoreHistograms.load, "views", "threshold.json")
    figure = threshold_figure(scores, {model: scores.cut_at(model, 0) for model in (0, 2)})
    for axis in figure.axes:
        axis.set_xticks((-0.5, 0, 0.5, 1))
    return figure


def trade_off() -> Figure:
    """Clean against mixed quality (03, `stored-figure`); of the scales only some are named; asked with these alone."""
    places = {"CosFace s=40": (10, -14), "CosFace s=8": (9, -7), "CosFace s=64": (4, 9), "C": (-28, -4)}
    legend = {"CosFace": "one fixed scale s (B)", "C0": "C0: frozen", "S": "S: one, learned", "C": "C: learned"}
    figure = trade_off_figure(read_table("ablation"), places=places, legend=legend)
    figure = _room_for_words(figure)
    for axis in figure.axes:
        shown = [one for one in axis.collections if to_hex(to_rgba_array(one.get_facecolor())[0]) != to_hex(BLUE)]
        _answer(shown, [text for text in axis.texts if text.get_text() == "C"])
    return figure


def map() -> Figure:
    """UMAP of the parts that own a variation, and of the others (03, `map`), for a page that does not move."""
    figure = owned_figure(read_data(FeatureViews.load, "views", "features.npz"))
    figure.supxlabel("")
    rows = [figure.axes[:4], figure.axes[4:]]
    for row, owners in zip(rows, ("parts that own it", "other parts"), strict=True):
        row[3].remove()  # the bars: the slide shows, the notes give the numbers
        row[0].set_ylabel(owners.replace(" ", "\n", 1), rotation=0, ha="right", va="center")
        for axis in row[:3]:
            shades = [to_hex(shade) for shade in np.asarray(axis.collections[0].get_facecolor())]
            axis.collections[0].set(color=[GREY if shade == "#999999" else shade for shade in shades], alpha=1)
            axis.set_title(axis.get_title().partition(":")[0] if row is rows[0] else "", color=axis.title.get_color())
    return figure


def rivals() -> Figure:
    """C against its rivals, condition by condition (03, `stored-conditions`)."""
    rows = [("C", other) for other in ("B", "C0", "S")]
    conditions = ("clean", "low_resolution", "occlusion", "pose", "mixed")
    figure = difference_figure(stored_differences(rows, conditions))
    figure.axes[0].margins(y=0.3)
    names, known = figure.axes[0].get_yticklabels(), ("fixed scale", "frozen", "one for all")
    figure.axes[0].set_yticklabels([f"{one.get_text()}\n{what}" for one, what in zip(names, known, strict=True)])
    for axis in figure.axes:
        axis.set(xlim=(-9, 9), xticks=(-5, 0, 5))  # one scale, so that the panels can be compared
    return figure


def effect() -> Figure:
    """Does the lead of C last? Along the training, a line for few people, many and more (03, `length`)."""
    names = {"confidence_clean": "clean", "confidence_mixed": "mixed, by (16)", "confidence_occlusion": "occlusion"}
    claims = read_table("claims")
    return _along(claims[claims.people.astype(str) != "1000"], names)  # whose pink is C0's


def stations() -> Figure:
    """Four findings of a short training, along a longer one (04, `occlusion`)."""
    names = {"confidence_occlusion": "occlusion:\nC − B", "matching_mixed": "mixed:\nC (16) − C",
             "learned_clean": "clean:\nC − C0", "places_cover": "cover, by (16):\nplaces − whole"}  # fmt: skip
    claims = read_table("claims")
    figure = _along(claims[claims.people.astype(str) == "3000"], names)
    figure.legends[0].remove()
    return figure


def _along(claims: pd.DataFrame, names: dict[str, str]) -> Figure:
    """Claims along the training; fewer steps are written than measured; asked with the first of them alone."""
    figure = effect_figure(claims, names)
    for legend in figure.legends:
        legend.remove()
    for axis in figure.axes:
        axis.set(xticks=(200, 800, 3200), xticklabels=("200", "800", "3,200"))
        axis.margins(x=0.12)
        for line in axis.lines[:-1]:  # the last is zero
            line.set_label(f"{line.get_label()} training people")
    figure = _room_for_words(figure)
    for axis in figure.axes:
        lines = axis.lines[:-1]
        _answer(axis.collections, lines)
        for line in lines:
            x, y = np.asarray(line.get_xydata())[0]
            axis.plot(x, y, "o", color=line.get_color())
    return figure


def pull() -> Figure:
    """Who pulls: clean, spoilt and hopeless pictures in three models (03, `pull`)."""
    names = {"B": "B: one scale", "C": "C: a confidence each", "C0": "C0: frozen"}
    figure = _room_for_words(pull_figure(read_table("ablation"), names), 1, place="outside right center")
    figure.axes[0].set_ylabel("mean pull of an image")
    _answer(figure.axes[0].lines)
    return figure


def ablation() -> Figure:
    """The rows without the controls, on clean and mixed images and on templates (03, `steps`)."""
    steps = [name for name in MODELS if name not in ("C0", "S")]
    figure = ablation_figure(read_table("ablation"), ("clean", "mixed", "templates"), steps)
    _recolour(figure, {BLUE: NEUTRAL, ORANGE: "#777777"})
    for axis in figure.axes:
        _answer(*axis.containers)
    return figure


def claims() -> Figure:
    """The primary claims with their intervals; what survives the correction is orange and full (03, `claims`)."""
    stored = read_table("claims")
    groups = {"augmentation": "augmentation", "confidence": "confidence", "learning": "… each its own",
              "people": "more people", "parts": "parts", "decorrelation": "the game", "aggregation": "(16)",
              "places": "places (ours)"}  # fmt: skip
    figure = claims_figure(stored[stored.primary], groups | {"slope": "each doubling"})
    (axis,) = figure.axes
    names = [label.get_text().replace("places+16 − places − whole+16 + whole", "places − whole, by (16)")
             for label in axis.get_yticklabels()]  # fmt: skip
    axis.set_yticklabels([re.sub(r"\s\s+", ", ", name.replace("+16", " (16)")) for name in names])
    told: Any = axis.containers[1]
    (dots, _, (intervals,)) = told.lines  # what does not survive stands back
    dots.set_color(GREY)
    intervals.set_color(GREY)
    for place, label in zip(axis.get_yticks(), axis.get_yticklabels(), strict=True):
        label.set_color(INK[GREY] if place in dots.get_ydata() else INK[ORANGE])
    starts = [text.get_position()[1] for text in axis.texts]
    for text, first, after in zip(axis.texts, starts, [*starts[1:], -1], strict=True):  # a group, down to the next
        lost = {*np.arange(first, after, -1)} <= {*dots.get_ydata()}
        text.set_color(INK[GREY] if lost else INK[ORANGE])
    return figure


def worlds() -> Figure:
    """What rendered people teach about photographs, and what carries over to other worlds (03, `real`)."""
    figure, axes = panels(1, 2, 12.2, 4.6, width_ratios=(1, 1.25))
    left, right = axes[0]
    real = read_table("real_faces")
    shares = {name: by_seed(real[real.split == "test"], row, "LFW-a", "accuracy").mean()
              for name, row in (("raw pixels", "raw pixels"), ("rendered people", "lecture model"))}  # fmt: skip
    shares["photographs"] = published()["benchmarks"][0]["urface"]
    for y, (name, share) in zip((2, 1, 0), shares.items(), strict=True):
        left.barh(y, share, 0.6, color=MODELS["C"] if name == "rendered people" else "#8c8c8c")
        left.text(share - 2, y, f"{share:.1f}", ha="right", va="center")
    left.set(title="LFW, accuracy, %", yticks=(2, 1, 0), yticklabels=shares, xlim=(50, 101), xticks=(50, 75, 100))
    rows = [(one, other, *world) for one, other in (("B", "A"), ("C", "B"))
            for world in (("photographs", "lfw"), ("printed characters", "glyphs"))]  # fmt: skip
    for y, (one, other, _, table) in zip((3, 2, 1, 0), rows, strict=True):
        mean, low, high = difference(read_table(table), one, other, "mixed")
        right.errorbar(mean, y, xerr=[[mean - low], [high - mean]], fmt="o", color=MODELS["C"] if low > 0 else GREY)
    right.set_xlabel(POINTS, loc="right")
    right.axvline(0, color="black", linewidth=0.8)
    names = [f"{one} − {other}\n{world}" for one, other, world, _ in rows]
    right.set(title="mixed", yticks=(3, 2, 1, 0), yticklabels=names, ylim=(-0.6, 3.6))
    return figure


def black_holes() -> Figure:
    """Which conditions the highest false matches of three stored models join: the pairs of the slide's widget."""
    found, kinds = read_data(FalseMatches.load, "views", "false_matches.json"), test_benchmark().mixture()[0]
    joined = (kinds[torch.tensor(pairs)] @ torch.tensor([4, 1]) for pairs in found.pairs)
    shares = {name: cells.bincount(minlength=16).view(4, 4) / len(cells)
              for name, cells in zip(("s = 64", "fixed scale", "C"), joined, strict=False)}  # fmt: skip
    figure = black_hole_figure(shares, ("clean", "low res.", "turned", "occluded"))
    figure.axes[0].set_ylabel("gallery image")
    figure.supxlabel("probe image", fontsize=LEAST)
    for axis in figure.axes:
        axis.set_aspect("auto")
        _answer(axis.texts, axis.collections)
    return figure


def after() -> Figure:
    """Published rank-1 on two low-quality benchmarks since 2020, by method and training data (04, `after`)."""
    rows = published()["after"]
    figure, axes = panels(1, 2, 12.2, 4.2, sharey=True)
    places = np.arange(len(rows))[::-1]
    for axis, key, title in zip(axes[0], ("ijbs", "tinyface"), ("IJB-S, booking", "TinyFace"), strict=True):
        for (row, y), before in zip(zip(rows, places, strict=True), [None, *rows], strict=False):
            if key not in row:
                continue
            axis.plot(row[key], y, "o", color=NEUTRAL, markersize=12)
            axis.text(row[key] - 0.6, y, f"{row[key]}", ha="right", va="top")
            if before:
                new = [said for part, said in (("name", "new method"), ("data", "more data"))
                       if before[part].rstrip(" *") != row[part]]  # fmt: skip
                axis.plot([before[key], row[key]], [y + 1, y], color="#777777", zorder=0)
                axis.text(row[key] + 0.8, y + 0.5, ", ".join(new), va="center", color=INK[GREY])
        axis.set(title=title, xlim=(55, 88), ylim=(-0.5, len(rows) - 0.5), xticks=(60, 70, 80), xlabel="rank-1, %",
                 yticks=places, yticklabels=[f"{row['name']}\n{row['data']}" for row in rows])  # fmt: skip
    return figure


def characters() -> Figure:
    """Printed characters under each condition (03, `glyphs`)."""
    return face_sheet(glyph_sheet(3), [""] * 3, list(CONDITIONS))


def thirds() -> Figure:
    """How often the right person comes first, by thirds of skin tone, with intervals (04, `thirds-rates`)."""
    table = read_table("fairness").set_index(["configuration", "condition", "metric"]).value
    figure, axes = panels(1, 2, 12.2, 3.6, sharey=True)
    groups = ("light", "medium", "dark")
    for axis, condition in zip(axes[0], ("clean", "pose"), strict=True):
        for y, group in zip((2, 1, 0), groups, strict=True):
            rows = (table[(f"skin tone: {group}", condition, metric)] for metric in ("rank", "rank_low", "rank_high"))
            mean, low, high = (100 * float(row.mean()) for row in rows)
            _answer(axis.errorbar(mean, y, xerr=[[mean - low], [high - mean]], fmt="o", color=NEUTRAL))
        axis.set(title=condition, yticks=(2, 1, 0), yticklabels=[f"{group} skin" for group in groups], ylim=(-0.6, 2.6))
        axis.set_xlabel("found first, %")
    return figure


def rendered_people() -> Figure:
    """Twelve people, drawn at random (04, `limits`)."""
    faces = render(sample_people(12, seed=2), sample_views(12, seed=3), size=200)
    return face_sheet(faces, ["", ""], [""] * 6)


# Of each figure: how it is made, and its width and height on the slide in inches (of 13.33 × 7.5).
FIGURES: dict[str, tuple[Callable[..., Figure], float, float]] = {
    "cover": (cover, 6.2, 4.7),
    "journey": (journey, 12.2, 3.7),
    "explorer": (explorer, 12.2, 4.6),
    "people": (people, 8.4, 5.2),
    "pixels": (pixels, 12.2, 4.7),
    "variations": (variations, 10.0, 5.2),
    "softmax": (softmax, 12.2, 3.3),
    "cosface": (cosface, 12.2, 3.0),
    "angle": (angle, 12.2, 4.45),
    "augment": (augment, 12.2, 4.45),
    "benchmarks": (benchmarks, 12.2, 4.4),
    "method": (method_figure, 12.2, 12.2 * 5 / 12),
    **{f"lit_{part}": (partial(lit, part), 4.0, 4.0 * 5 / 12) for part in PARTS[1:]},
    "clouds": (clouds, 5.6, 4.9),
    "fog": (fog, 5.6, 4.8),
    "scale": (scale, 12.2, 4.2),
    "confidence_loss": (confidence_loss, 12.2, 3.9),
    "votes": (votes, 5.6, 4.2),
    "masks": (masks, 10.0, 4.3),
    "game": (game, 12.2, 3.0),
    "pairs": (pairs, 12.2, 3.6),
    "cast": (cast, 12.2, 5.2),
    "protocol": (protocol, 11.0, 4.9),
    "threshold": (threshold, 12.2, 5.0),
    "trade_off": (trade_off, 12.2, 4.9),
    "live": (live, 12.2, 4.9),
    "rivals": (rivals, 12.2, 4.6),
    "effect": (effect, 12.2, 4.9),
    "pull": (pull, 11.5, 4.9),
    "ablation": (ablation, 12.2, 4.45),
    "black_hole": (black_holes, 12.2, 4.3),
    "map": (map, 12.2, 5.0),
    "worlds": (worlds, 12.2, 4.8),
    "claims": (claims, 12.2, 5.4),
    "stations": (stations, 12.2, 4.9),
    "after": (after, 12.2, 4.7),
    "characters": (characters, 10.4, 4.0),
    "rendered_people": (rendered_people, 10.4, 3.9),
    "thirds": (thirds, 12.2, 4.4),
}
