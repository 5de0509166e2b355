"""The picture of the method, the circle and the clouds: in both languages, with room, and true to the package."""

from collections.abc import Iterator
from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
import torch
from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.text import Text

from salon.figures import circle_figure, cloud_figure, method_figure
from salon.figures.geometry import on_circle, one_part, pulls
from salon.figures.method import PALE, PARTS
from salon.model.embedding import Embedding
from salon.model.matching import cosine_pairs, likelihood_pairs
from salon.words import SalonError, entry, say, set_language

SLIDE = {"font.size": 20, "axes.titlesize": "medium", "lines.linewidth": 2.5}
PLACES, CONFIDENCES = (70.0, 136.0, 6.0), (24.0, 12.0, 3.0)


@pytest.fixture(params=["en", "zh"])
def lang(request) -> Iterator[str]:
    set_language(request.param)
    yield request.param
    set_language("en")


def seen() -> tuple[torch.Tensor, Embedding]:
    """Two images and what a network could say of them: K = 8."""
    features = torch.nn.functional.normalize(torch.randn(2, 8, 16), dim=-1)
    return torch.rand(2, 3, 32, 32), Embedding(features, torch.tensor([[40.0], [15]]).expand(2, 8), torch.rand(2, 8))


def circles() -> Figure:
    return circle_figure(torch.rand(3, 3, 32, 32), PLACES, CONFIDENCES)


def clouds() -> Figure:
    variances = torch.tensor([[0.03, 0.03], [0.03, 0.22], [0.22, 0.22]], dtype=torch.float64)
    return cloud_figure((26, 23, 20), variances, torch.rand(3, 2, 3, 32, 32))


FIGURES = {"method": lambda: method_figure(seen=seen()), "circle": circles, "cloud": clouds}


def words(figure: Figure) -> list[Text]:
    """All that is written in a figure without ticks."""
    shown = [text for axis in figure.findobj(mpl.axes.Axes) for text in (axis.title, *axis.texts)]
    return [text for text in shown if text.get_text()]


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("slide", [False, True], ids=["notebook", "slide"])
def test_no_text_lies_on_another_or_over_the_edge(name: str, slide: bool, lang: str) -> None:
    with mpl.rc_context(SLIDE if slide else {}):
        figure = FIGURES[name]()
        if slide:
            figure.set_size_inches(12, 5)
        figure.draw_without_rendering()  # a missing letter would be a warning, and so an error
        assert min(text.get_fontsize() for text in words(figure)) >= (20 if slide else 10)
        boxes = {text: text.get_window_extent() for text in words(figure)}
    width, height = figure.bbox.size
    over = [
        text.get_text() for text, box in boxes.items() if box.x0 < 0 or box.y0 < 0 or box.x1 > width or box.y1 > height
    ]
    close = [(a.get_text(), b.get_text()) for a, b in combinations(boxes, 2) if boxes[a].overlaps(boxes[b])]
    assert not over and not close


def test_the_method_speaks_the_language(lang: str) -> None:
    shown = {text.get_text() for text in words(method_figure(seen=seen()))}
    assert shown == {say(f"method.{key}") for key in entry("method")}
    other = {entry("method")[key]["zh" if lang == "en" else "en"] for key in entry("method")}
    assert not shown & other


def opacities(figure: Figure) -> dict[str, list[float]]:
    """Of each part the opacities of all that belongs to it, in the order of drawing."""
    found: dict[str, list[float]] = {part: [] for part in PARTS}
    for artist in figure.findobj(lambda each: isinstance(each, Artist) and each.get_gid() in PARTS):
        found[artist.get_gid()].append(1.0 if artist.get_alpha() is None else artist.get_alpha())
    return found


@pytest.mark.parametrize("lit", PARTS)
def test_what_is_not_lit_is_pale_and_nothing_else(lit: str) -> None:
    full, partly = opacities(method_figure(seen=seen())), opacities(method_figure(lit, seen=seen()))
    for part in PARTS:
        assert full[part] and np.allclose(partly[part], np.array(full[part]) * (1 if part == lit else PALE))
    drawn = method_figure(seen=seen()).axes[0]
    assert all(artist.get_gid() for artist in [*drawn.patches, *drawn.texts, *drawn.images])  # all belong to a part


def test_an_unknown_part_is_named() -> None:
    with pytest.raises(SalonError, match="'head'"):
        method_figure("head", seen=seen())


def test_the_bars_are_the_confidences() -> None:
    bars = [bar.get_height() for bars in method_figure(seen=seen()).axes[0].containers for bar in bars]
    assert np.allclose(np.array(bars) / bars[0], [1] * 8 + [-15 / 40] * 8)


def test_the_shipped_model_is_surer_of_the_clean_image() -> None:
    up, down = method_figure().axes[0].containers
    assert all(a.get_height() > -b.get_height() > 0 for a, b in zip(up, down, strict=True))


def test_pulls_are_the_slopes_of_the_loss() -> None:
    f, w = on_circle([50.0]), on_circle([90.0, 210.0])
    move, back = pulls(f, w, torch.tensor([10.0], dtype=torch.float64), margin=8.0)
    a = 10 * (w @ f[0]).numpy()
    other = 1 / (1 + np.exp(a[0] - 8 - a[1]))  # P of the wrong person
    along = np.array([-f[0, 1], f[0, 0]])  # the loss by hand: s (1 - P_y) (w_y - w_j), and of it what is tangent
    assert np.allclose(move[0], along * (along @ (10 * other * (w[0] - w[1]).numpy())))
    assert np.allclose(back[0].norm(), 10 * other * np.sin(np.deg2rad(40)))  # and the prototype towards the image


def ends(patch: FancyArrowPatch) -> np.ndarray:
    start, end = patch._posA_posB
    return np.array(end) - np.array(start)


def test_arrows_are_the_gradients_in_one_unit_and_one_scale_pulls_the_hopeless_image_hardest() -> None:
    images, prototypes = on_circle(PLACES), on_circle([90.0, 210.0, 330.0])
    cases = [([4.0] * 3, 1.4), ([28.0] * 3, 9.8), (list(CONFIDENCES), 8.0)]
    found, units = [], []
    for axis, (s, margin) in zip(circles().axes, cases, strict=True):
        moves = torch.cat([part[:3] for part in pulls(images, prototypes, torch.tensor(s), margin)])[:4].numpy()
        arrows = [ends(patch) for patch in axis.patches if isinstance(patch, FancyArrowPatch)]
        drawn = [move for move in moves if np.linalg.norm(move) > 1.0]
        arrows = [each for each in arrows if np.linalg.norm(each) > 0.028]
        assert len(arrows) == len(drawn)
        units.append(float((np.array(arrows) * drawn).sum() / np.square(drawn).sum()))
        assert np.allclose(arrows, units[0] * np.array(drawn))
        found.append(np.linalg.norm(moves[2]))
    assert found[1] > 5 * found[0] and found[1] > 5 * found[2]


def test_clouds_say_what_the_package_says() -> None:
    shown = [text.get_text() for text in words(clouds()) if text.get_text()[0] in "cs"]
    a, b = (one_part(on_circle([90 + side * x for x in (13, 11.5, 10)]), torch.ones(3), v)
            for side, v in ((1, torch.tensor([0.03, 0.03, 0.22])), (-1, torch.tensor([0.03, 0.22, 0.22]))))  # fmt: skip
    expected = [f"cosine {x:.2f}" for x in cosine_pairs(a, b)] + [f"score (16) {x:.2f}" for x in likelihood_pairs(a, b)]
    assert sorted(shown) == sorted(expected)
    assert int(cosine_pairs(a, b).argmax()) == 2 and int(likelihood_pairs(a, b).argmax()) == 0
