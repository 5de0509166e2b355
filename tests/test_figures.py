"""The figures show the numbers that they were given, and the table of notebook 03 the stored ones."""

import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from PIL import Image

from authoring.translation import english
from salon import figures
from salon.evaluation.intervals import t_interval
from salon.evaluation.results import by_seed, read_table, stored_differences
from salon.evaluation.views import FeatureViews
from salon.faces.people import split_people
from salon.faces.variations import DEGRADE
from salon.figures.ablation import claims_figure, effect_figure, pull_figure
from salon.figures.black_hole import black_hole_figure
from salon.figures.faces import face_sheet
from salon.figures.losses import angle_figure, confidence_figure, mask_figure
from salon.figures.results import condition_figure, convergence_figure, probe_figure, strength_figure, trade_off_figure
from salon.figures.style import BLUE, MODELS, ORANGE, models, png
from salon.lecture import stored as lecture_stored
from salon.lecture.stored import verdicts
from salon.paths import data_path
from salon.training.shipped import load
from salon.words import set_language

TARS = {"A": 0.9, "CosFace s=8": 0.3, "CosFace s=28": 0.1, "C0": 0.2, "C": 0.4}


@pytest.fixture
def stored() -> pd.DataFrame:
    """A table as `salon reproduce ablation` writes it: two seeds that lie 2 points apart."""
    rows = [
        {"configuration": name + suffix, "seed": seed, "split": "test", "condition": condition,
         "metric": "tar", "at": 1e-3, "value": value + seed / 50 + (condition == "clean") / 2}
        for name, value in TARS.items() for suffix in ("", "+16") for seed in (0, 1) for condition in ("clean", "mixed")
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_the_curve_runs_through_the_means_of_the_fixed_scales_only(stored):
    left, right = trade_off_figure(stored).axes
    (curve,) = left.get_lines()
    assert np.allclose(curve.get_xydata(), [[31, 81], [11, 61]])  # mixed, clean, in percent
    shown = [text.get_text() for text in right.texts]
    assert shown == ["s=8", "s=28", "C0", "C"]  # A is no point of this picture
    (left, _) = trade_off_figure(stored, places={"C": (1, 2)}, legend={"CosFace": "fixed", "C": "ours"}).axes
    assert [(text.get_text(), text.xyann) for text in left.texts] == [("C", (1, 2))]
    assert left.get_legend_handles_labels()[1] == ["fixed", "ours"]


def test_a_bar_is_as_high_as_the_mean_of_its_seeds(stored):
    (axis,) = condition_figure(stored, {"C0": "frozen", "C": "learned"}).axes
    assert np.allclose([bar.get_height() for bar in axis.patches], [71, 21, 91, 41])


def test_the_pull_on_a_hopeless_image_is_the_scale_and_a_good_one_is_left_alone():
    _, slopes = angle_figure((4, 28), margin=0.35).axes
    small, large = (line.get_ydata() for line in slopes.get_lines())
    assert large[-1] == pytest.approx(28, rel=0.01) and large[20] < 1e-3 < small[20]


def test_the_learned_confidence_is_high_for_an_easy_image_and_none_for_a_hopeless_one():
    easy, hopeless = torch.zeros(50), torch.zeros(50)
    easy[0], hopeless[1] = 0.8, 0.3
    axes = confidence_figure({"easy": easy, "hopeless": hopeless}, margin=8, regularise=0.002).axes
    at = [axis.get_lines()[2].get_xdata()[0] for axis in axes]
    assert at[0] > 10 and at[1] < 1


def test_sheets_masks_curves_and_black_holes_have_one_place_for_each_number():
    assert len(face_sheet(torch.rand(6, 3, 16, 16), ["a", "b"], ["x", "y", "z"]).axes) == 6
    (masks,) = mask_figure(torch.eye(3, 8).bool(), ["low_resolution", "occlusion", "pose"]).axes
    assert [label.get_text() for label in masks.get_yticklabels()] == ["low_resolution", "occlusion", "pose"]
    (curves,) = strength_figure([0, 1], {"pose": torch.ones(2, 8)}).axes
    assert len(curves.get_lines()) == 9  # eight parts and their mean
    share = torch.zeros(4, 4)
    share[0, 2] = 1  # clean probes, occluded gallery images
    (hole,) = black_hole_figure({"model": share}).axes
    assert [text.get_position() for text in hole.texts if text.get_text() == "100"] == [(0.5, 3.5)]  # as the widget


def test_the_verdicts_say_what_the_stored_tables_say():
    """A claim's line has the mean over seeds of the difference; only what survives Holm is marked."""
    table, claims = read_table("ablation"), lecture_stored.made_claims().set_index("name")
    gain = (by_seed(table, "C", "clean") - by_seed(table, "B", "clean")).mean()
    (line,) = [line for line in lecture_stored.claim_lines("confidence") if line.startswith("C − B, clean")]
    assert line.startswith(f"C − B, clean: {gain:+.1f} [") and line.endswith("●")
    assert claims.loc["confidence_clean", "survives"] and claims.loc["confidence_clean", "status"] == "holds"
    assert not claims[~claims.primary].survives.any()


def test_the_verdicts_are_there_in_both_languages():
    english = verdicts()
    set_language("zh")
    try:
        chinese = verdicts()
    finally:
        set_language("en")
    assert len(english) == len(chinese) == len(lecture_stored.GROUPS) + len(lecture_stored.BESIDE) + 1
    assert all(a[0] != b[0] and a[2] != b[2] for a, b in zip(english, chinese, strict=True))
    assert not any("|" in cell for row in english + chinese for cell in row)  # it would end a Markdown cell


def test_probe_figure_draws_each_group_of_each_configuration():
    figure = probe_figure(read_table("ablation"))
    assert [axis.get_title() for axis in figure.axes] == ["low_resolution", "occlusion", "pose"]
    for axis in figure.axes:
        groups = ["its own\nalone", "its and\nanother's", "not its\nown"]
        assert [label.get_text() for label in axis.get_xticklabels()] == groups
        assert len([line for line in axis.lines if line.get_marker() == "o"]) == 3


def test_the_words_about_convergence_are_what_the_table_says():
    """Notebook 01: from scratch B is behind A on its own training people, and C's lead over B cannot be told."""
    table = read_table("convergence")
    train = table[table.split == "train"]
    accuracy = by_seed(train[train.step == 800], "A", "clean", "accuracy")

    def gap(rows: pd.DataFrame, one: str, other: str, condition: str, metric: str) -> str:
        first, second = (by_seed(rows[rows.step == 800], name, condition, metric) for name in (one, other))
        _, low, high = t_interval(first - second)
        return "holds" if low > 0 else "reversed" if high < 0 else "open"

    assert accuracy.min() > 99
    assert gap(train, "B", "A", "clean", "accuracy") == gap(table, "B", "A", "clean", "tar") == "reversed"
    assert gap(table, "B", "A", "mixed", "tar") == "holds"
    assert {gap(table, "C", "B", c, "tar") for c in ("clean", "mixed")} == {"open"}
    lines = convergence_figure(table, {"A": "plain", "B": "augmented"}).axes[0].get_lines()
    assert [len(line.get_xdata()) for line in lines] == [7, 7]
    assert lines[0].get_ydata()[-1] == pytest.approx(accuracy.mean())


def test_effects_run_along_the_training_with_a_line_for_each_number_of_people():
    claims = read_table("claims")
    axis, _ = effect_figure(claims, {"confidence_clean": "clean", "confidence_pose": "pose"}).axes
    found = claims[(claims.name == "confidence_clean") & (claims.people != "slope")]
    lengths = sorted(len(line.get_xdata()) for line in axis.get_lines()[:-1])
    assert lengths == sorted(found.groupby("people").step.nunique())
    assert axis.get_lines()[0].get_ydata()[-1] in found["mean"].to_numpy()
    known = pd.Series({key: n for n, key in enumerate(found.set_index([found.people.astype(int), "step"]).index)})
    (other,) = effect_figure(claims, {"confidence_clean": "clean"}, known).axes
    assert {*map(float, known)} == {x for line in other.get_lines()[:-1] for x in line.get_xdata()}


def test_claims_stand_in_their_groups_and_full_dots_survive():
    claims = read_table("claims")
    (axis,) = claims_figure(claims, {"confidence": "confidence", "parts": "parts", "slope": "each doubling"}).axes
    made = claims[claims.made & claims.group.isin(["confidence", "parts"]) & (claims.metric == "tar")]
    assert len(axis.get_yticklabels()) == len(made)
    full, empty = (container[0] for container in axis.containers)
    assert len(full.get_xdata()) == made.survives.sum() and len(empty.get_xdata()) == (~made.survives).sum()


def test_the_hopeless_pull_less_where_a_confidence_is_learned():
    (axis,) = pull_figure(read_table("ablation"), {"B": "one scale", "C": "a confidence each"}).axes
    of_one_scale, learned = (line.get_ydata() for line in axis.get_lines() if line.get_linestyle() == "-")
    assert of_one_scale[2] > of_one_scale[0] and learned[2] < 0.8 * learned[0]


def drawn(name: str) -> Figure:
    """A figure as a notebook calls it, of what is stored."""
    stored, claims, people = read_table("ablation"), read_table("claims"), split_people("test", 2)
    views, faces = FeatureViews.load(data_path("views", "features.npz")), torch.rand(3, 3, 16, 16)
    strengths, curves, own = [0, 1], {"pose": torch.rand(2, 8)}, {"pose": torch.arange(8) < 3}
    masks, variances = torch.eye(3, 8).bool(), torch.full((3, 2), 0.1, dtype=torch.float64)
    make: dict[str, Callable[[], Figure]] = {
        "ablation": lambda: figures.ablation_figure(stored, ("clean", "mixed_covers")),
        "angle": lambda: angle_figure((4, 28), 0.35),
        "black_hole": lambda: black_hole_figure({"your C": torch.eye(4)}),
        "circle": lambda: figures.circle_figure(faces, (70, 136, 6), (24, 12, 3)),
        "claims": lambda: claims_figure(claims, {"places": "places (ours)", "slope": "each doubling"}),
        "cloud": lambda: figures.cloud_figure((26, 23, 20), variances, faces[:, None].expand(3, 2, -1, -1, -1)),
        "condition": lambda: condition_figure(stored, {"A": "A: clean images only", "C": "C"}),
        "confidence": lambda: confidence_figure({"easy: cosine 0.8": torch.rand(9)}, 8.0, 0.002),
        "convergence": lambda: convergence_figure(read_table("convergence"), {"A": "A: plain"}),
        "degradation": lambda: figures.degradation_figure(stored, "C", list(DEGRADE)),
        "difference": lambda: figures.difference_figure(stored_differences([("C", "B")], ("clean", "pose"))),
        "effect": lambda: effect_figure(claims, {"confidence_mixed": "mixed, both by (16)"}),
        "explorer": lambda: figures.explorer_figure(load("lecture"), people),
        "factor": lambda: figures.factor_figure(stored, "E-λ2"),
        "line": lambda: figures.line_figure((1, 2), {"plain mean": (1, 2)}, "images in a template", "TAR"),
        "mask": lambda: mask_figure(masks, ["low_resolution", "occlusion", "pose"]),
        "method": lambda: figures.method_figure(),
        "owned": lambda: figures.owned_figure(views),
        "part": lambda: figures.part_figure(views, 1),
        "probe": lambda: probe_figure(stored),
        "pull": lambda: pull_figure(stored, {"B": "B: one scale", "C": "C: a confidence each"}),
        "rejection": lambda: figures.rejection_figure(stored, {"C, by chance": ("C", "chance")}),
        "strength": lambda: strength_figure(strengths, curves, "fitted variance, clean = 1", own),
        "trade_off": lambda: trade_off_figure(stored),
    }  # fmt: skip
    return make[name.removesuffix("_figure")]()


@pytest.mark.parametrize("name", [name for name in vars(figures) if name.endswith("_figure")])
def test_a_chinese_figure_speaks_chinese(name: str) -> None:
    set_language("zh")
    try:
        picture = Image.open(io.BytesIO(png(drawn(name))))  # a missing letter would be a warning, and so an error
    finally:
        set_language("en")
    assert picture.info["Description"] and not english(picture.info["Description"])


def test_a_model_has_one_colour_wherever_it_is_shown():
    stored, rows = read_table("ablation"), {"B": "one scale", "C": "a confidence each"}
    pulls, curves = pull_figure(stored, rows), convergence_figure(read_table("convergence"), rows)
    shown = [[line.get_color() for line in figure.axes[0].get_lines() if line.get_label() in rows.values()]
             for figure in (pulls, curves)]  # fmt: skip
    bars = condition_figure(stored, {"C": "alone"}).axes[0].patches
    assert shown == [[BLUE, ORANGE]] * 2 and bars[0].get_facecolor()[:3] == pytest.approx(to_rgb(ORANGE))


def test_a_model_has_its_colour_and_others_what_is_left_however_many():
    names = ["C+16", *map(str, range(7)), *MODELS]
    colours = [entry["color"] for entry in models(names)]
    assert len(colours) == len(names) and colours[0] == MODELS["C"] and colours[8:] == [*MODELS.values()]
    few = [entry["color"] for entry in models(["B", "mine", "yours"])]
    assert len({*few}) == 3
