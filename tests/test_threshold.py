"""The threshold: scores as counts, and the line that a reader drags over them."""

from pathlib import Path

import numpy as np
import pytest
import traitlets

from salon.evaluation.protocols import tar_at_far
from salon.evaluation.results import FAR
from salon.evaluation.views import CONDITIONS, ScoreHistograms
from salon.figures.threshold import coarse
from salon.paths import data_path
from salon.widgets.host import png, words
from salon.widgets.threshold import Threshold
from salon.words import SalonError


def toy() -> dict[str, list[tuple[np.ndarray, np.ndarray]]]:
    """Scores of two models, clean and mixed; the second lets more impostors of mixed pictures pass."""
    g = np.random.default_rng(0)
    return {
        name: [(g.normal(0.7 - 0.2 * mixed, 0.15, 400), g.normal(0.1 * mixed * (name == "small"), 0.15, 9000))
               for mixed in (0, 1)] for name in ("large", "small")
    }  # fmt: skip


@pytest.fixture
def scores() -> ScoreHistograms:
    return ScoreHistograms.of(toy())


@pytest.fixture(scope="module")
def stored() -> ScoreHistograms:
    return ScoreHistograms.load(data_path("views", "threshold.json"))


# ---- what is shown, as pure functions


def test_counts_say_what_the_scores_say(scores: ScoreHistograms, tmp_path: Path):
    for model, pairs in enumerate(toy().values()):
        for condition, (genuine, impostor) in enumerate(pairs):
            for cut in (1, 200, 333, scores.bins):
                rates, threshold = scores.rates(model, condition, cut), scores.threshold(model, cut)
                assert (rates.genuine, rates.impostors) == (400, 9000)
                assert rates.passed == (genuine >= threshold).sum() and rates.false == (impostor >= threshold).sum()
            assert scores.rates(model, condition, 0).tar == 1  # the first bin holds all that is lower
            cut = scores.cut_at(model, condition)
            assert scores.rates(model, condition, cut).far <= FAR < scores.rates(model, condition, cut - 1).far
            exact = tar_at_far(genuine, impostor, FAR)
            assert scores.rates(model, condition, cut).tar == pytest.approx(exact, abs=0.015)
        everything = np.concatenate([x for pair in pairs for x in pair])
        (low, high), step = scores.ranges[model], 1e-3  # the scores span 1 to 10, whose fourth digit is rounded
        assert 0 <= high - everything.max() <= step and 0 <= np.quantile(everything, 2e-4) - low <= step
        assert [low, high] == [round(low, 3), round(high, 3)]
        assert [scores.threshold(model, cut) for cut in (0, scores.bins)] == pytest.approx([low, high])
    assert coarse([1, 2, 3, 4], 2).tolist() == [0.3, 0.7]
    scores.save(tmp_path / "scores.json")
    assert ScoreHistograms.load(tmp_path / "scores.json") == scores


def test_counts_of_another_shape_are_refused(scores: ScoreHistograms):
    with pytest.raises(SalonError, match="expected"):
        ScoreHistograms(["large"], scores.ranges, scores.counts)
    for bad in (-1, scores.bins + 1):
        with pytest.raises(SalonError, match="cut"):
            Threshold(scores).cut = bad
    with pytest.raises(SalonError, match="expected one of large, small"):
        Threshold(scores).chosen = "huge"
    with pytest.raises(traitlets.TraitError):
        Threshold(scores).cut = "far"


def test_the_stored_counts_are_of_all_pairs_and_only_the_large_scale_falls_into_the_hole(stored: ScoreHistograms):
    clean, mixed = ([stored.rates(m, c, stored.cut_at(m, c)) for m in range(len(stored.models))] for c in (0, 1))
    assert stored.models == ["large", "small", "C", "C16"]
    assert {(rates.genuine, rates.impostors) for rates in clean + mixed} == {(1200, 358_800)}
    assert mixed[0].tar < 0.05 < 0.15 < min(rates.tar for rates in mixed[1:])
    assert clean[2].tar > clean[1].tar > clean[0].tar


def test_the_plain_form_moves_its_picture(scores: ScoreHistograms):
    widget = Threshold(scores)
    chosen, cut, image = widget.plain().children
    before, chosen.value = image.value, "small"
    assert chosen.options[1] == (words("threshold")["small"], "small") and image.value != before
    before, cut.value = image.value, 200
    assert widget.cut == 200 and image.value != before and len(png(widget.figure())) > 10_000


# ---- a page without a kernel, in a real browser


def told(scores: ScoreHistograms, model: int, condition: int, cut: int) -> str:
    """How the page writes what passes."""
    rates = scores.rates(model, condition, cut)
    tar, far = (f"{100 * x:.{2 if x < 0.1 else 1}f}\u00a0%" for x in (rates.tar, rates.far))
    texts, numbers = words("threshold", "en"), {key: f"{x:,}" for key, x in rates._asdict().items()}
    return texts["told"].format(name=texts[CONDITIONS[condition]], tar=tar, far=far, **numbers)


@pytest.mark.browser
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_page_works_by_keyboard_alone(visit, scores: ScoreHistograms, lang: str):
    texts = words("threshold", lang)
    page = visit(Threshold(scores, lang).page(lang))
    line, said = page.get_by_role("slider", name=texts["cut"]), page.locator(".salon-summary p")
    cut = scores.cut_at(0, 0)
    assert line.input_value() == str(cut) and said.count() == 1  # mixed: a guess first
    page.locator(".salon-guess button").nth(1).press("Enter")
    assert texts["right"] in page.locator(".salon-said").inner_text() and said.count() == 2
    line.press("ArrowLeft")
    if lang == "en":
        assert said.all_inner_texts() == [told(scores, 0, condition, cut - 1) for condition in (0, 1)]
    page.get_by_role("radio", name=texts["large"]).press("ArrowRight")  # the line goes where it was set by
    assert line.input_value() == str(scores.cut_at(1, 0))
    page.locator("button[value=mixed]").press("Enter")
    assert line.input_value() == str(scores.cut_at(1, 1))
    line.press("End")
    assert "FAR 0.00" in said.nth(1).inner_text()
    page.get_by_role("button", name=texts["reset"]).press("Enter")
    assert line.input_value() == str(cut)


@pytest.mark.browser
def test_the_line_is_dragged_by_mouse_and_by_finger(chromium, scores: ScoreHistograms, tmp_path: Path):
    (tmp_path / "page.html").write_text(Threshold(scores).page("en"), encoding="utf-8")
    page = chromium.new_page(viewport={"width": 390, "height": 900}, has_touch=True, color_scheme="dark")
    page.goto((tmp_path / "page.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.locator("button[value=large]").tap()
    assert "You guessed: large scale" in page.locator(".salon-said").inner_text()
    box, slider = page.locator(".salon-wide").bounding_box(), page.locator("input[name=cut]")
    wide = box["width"] - 16  # 8 pixels stay free on each side
    page.mouse.move(box["x"] + 60, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 8 + wide / 2, box["y"] + 80, steps=4)
    page.mouse.up()
    assert abs(int(slider.input_value()) - scores.bins / 2) <= 1
    page.mouse.move(box["x"] + 20, box["y"] + 80)  # let go
    assert abs(int(slider.input_value()) - scores.bins / 2) <= 1
    page.touchscreen.tap(box["x"] + 8 + wide / 4, box["y"] + 90)
    cut = int(slider.input_value())
    assert abs(cut - scores.bins / 4) <= 1
    assert page.locator(".salon-summary p").nth(1).inner_text() == told(scores, 0, 1, cut)
    page.close()


@pytest.mark.browser
def test_the_stored_page_tells_of_the_black_hole(visit, stored: ScoreHistograms):
    page = visit(Threshold(stored).page("en"))
    page.locator("button[value=C]").first.click()
    said = page.locator(".salon-said").inner_text()
    fars = [stored.rates(m, 1, stored.cut_at(m, 0)).far for m in range(4)]
    assert max(fars) == fars[0] > 10 * max(fars[1:])
    assert f"large scale, s = 64, {100 * fars[0]:.2f}\u00a0%" in said
