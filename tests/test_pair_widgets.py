"""Two faces and the black hole: what the page says of a pair is what salon says of it, however it is driven."""

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
from test_explorer import SEEN, SETTLED
from torch import Tensor

import salon
from salon.evaluation import people
from salon.evaluation.benchmark import black_hole, highest_impostors
from salon.evaluation.people import CONDITIONS, Benchmark
from salon.faces.variations import MOST_YAW
from salon.figures.black_hole import KINDS, FalseMatches
from salon.figures.explorer import FRAMES, SIZE
from salon.figures.two_faces import behind_blocks, terms
from salon.model.embedding import Embedding
from salon.model.matching import cosine_scores, likelihood_scores
from salon.model.network import embed
from salon.paths import data_path
from salon.widgets.black_hole import BlackHole
from salon.widgets.host import png, words
from salon.widgets.two_faces import TwoFaces

NEAR = 2e-3  # of the largest value
READINGS = ("distance", "variance", "term")


@pytest.fixture(scope="module")
def two() -> TwoFaces:
    return TwoFaces()


@pytest.fixture(scope="module")
def benchmark() -> Benchmark:
    return people.test_benchmark()


@pytest.fixture(scope="module")
def found(benchmark: Benchmark) -> FalseMatches:
    """Two ways of matching, fifty pairs of each."""
    ways = ("cosine", "likelihood")
    made = [highest_impostors(salon.load("lecture"), benchmark, top=50, matching=way) for way in ways]
    return FalseMatches([*ways], [pairs.tolist() for pairs, _ in made], [scores.tolist() for _, scores in made])


def readings(pair: Embedding) -> tuple[Tensor, Tensor, Tensor]:
    """Distance, variance and what both add to (16), [K] each."""
    return (pair.features[0] - pair.features[1]).square().sum(-1), pair.fitted.sum(0), terms(pair)


# ---- what is shown, as pure functions


def test_the_terms_of_a_pair_add_up_to_its_score(two: TwoFaces):
    e = embed(two.recogniser, torch.cat([behind_blocks(two.drawn, 0, 0.5), behind_blocks(two.drawn[-FRAMES:], 1)]))
    distance, v, term = readings(e)
    assert term.sum().item() == pytest.approx(likelihood_scores(e[:1], e[1:]).item(), rel=1e-4)
    assert (1 - distance.mean() / 2).item() == pytest.approx(cosine_scores(e[:1], e[1:]).item(), abs=1e-5)
    assert (v > 0).all() and len(png(two.figure())) > 20_000


def test_a_recogniser_of_ones_own_stands_among_its_own_scores(two: TwoFaces):
    again, other = (np.array(TwoFaces(salon.load(name)).facts["counts"]) for name in ("lecture", "places"))
    stored = np.array(two.facts["counts"])
    assert abs(again - stored).sum() < 1e-3 * stored.sum()  # a score at an edge may fall on either side
    assert abs(other - stored).sum() > 0.1 * stored.sum()


def test_the_highest_impostors_are_two_people_and_fill_the_cells(benchmark: Benchmark, found: FalseMatches):
    pairs, kinds = torch.tensor(found.pairs), benchmark.mixture()[0]
    a, b = benchmark.labels[pairs].unbind(-1)
    assert (a != b).all() and (np.diff(found.scores) <= 0).all()
    shares = black_hole(salon.load("lecture"), benchmark, top=50)
    both = (kinds[pairs[0]] == CONDITIONS.index("occlusion")).all(1).float().mean()
    assert both.item() == pytest.approx(shares[2, 2].item()) and len(png(BlackHole(found, benchmark).figure())) > 9000


def test_what_is_stored_holds_a_thousand_pairs_of_each_model(benchmark: Benchmark):
    stored = FalseMatches.load(data_path("views", "false_matches.json"))
    pairs = torch.tensor(stored.pairs)
    kinds = benchmark.mixture()[0][pairs[0]] == CONDITIONS.index("occlusion")
    assert round(100 * kinds.all(1).float().mean().item()) == 98  # the deck's notes say so
    assert pairs.shape == (4, 1000, 2) and stored.models == ["large", "small", "C", "C16"]
    assert (benchmark.labels[pairs[..., 0]] != benchmark.labels[pairs[..., 1]]).all()
    assert json.loads(json.dumps(asdict(stored))) == asdict(stored)


# ---- two faces in a browser


def values(page) -> list[np.ndarray]:
    """Distance, variance and share of each part, once they stand."""
    page.locator(".salon-term").first.wait_for()
    page.evaluate(SETTLED)
    found = "(name) => [...document.querySelectorAll(`rect.salon-${name}`)].map((bar) => +bar.dataset.value)"
    return [np.array(page.evaluate(found, name)) for name in READINGS]


def expect_pair(page, two: TwoFaces, first: Tensor, second: Tensor) -> None:
    """The bars are what salon says of two pictures, and the words tell both scores."""
    e = embed(two.recogniser, torch.cat([first, second]))
    for shown, wanted in zip(values(page), readings(e), strict=True):
        assert np.abs(shown - wanted.numpy()).max() < NEAR * wanted.abs().max()
    told = page.locator(".salon-summary").inner_text().replace("−", "-")
    assert f"{cosine_scores(e[:1], e[1:]).item():.2f}" in told


def canvases(page) -> list[Tensor]:
    """What stands on both easels, [1, 3, SIZE, SIZE] in 0..1."""
    seen = [torch.tensor(page.locator(".salon-easel canvas").nth(n).evaluate(SEEN)) for n in (0, 1)]
    return [x.view(1, SIZE, SIZE, 3).permute(0, 3, 1, 2) / 255 for x in seen]


@pytest.mark.browser
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_two_faces_are_spoilt_by_key(visit, two: TwoFaces, lang: str):
    html, texts = two.page(lang), words("two", lang)
    assert len(html.encode()) < 1_800_000
    page, (me, snapshot, other) = visit(html), two.drawn.split(FRAMES)
    expect_pair(page, two, behind_blocks(me, 0), behind_blocks(other, 1))
    first, second = (page.get_by_role("group", name=texts[name], exact=True) for name in ("first", "second"))
    first.get_by_role("slider", name=texts["blocks"]).press("End")
    second.get_by_role("slider", name=texts["resolution"]).press("PageUp")  # a tenth
    second.get_by_role("slider", name=texts["yaw"]).press("End")
    spoilt = behind_blocks(me, 0, 1.0)
    expect_pair(page, two, spoilt, behind_blocks(other, 1, resolution=0.1, yaw=MOST_YAW))
    page.get_by_role("radio", name=texts["other_person"]).press("ArrowLeft")
    expect_pair(page, two, spoilt, behind_blocks(snapshot, 1, resolution=0.1, yaw=MOST_YAW))
    page.get_by_role("button", name=texts["reset"]).press("Enter")
    page.locator("button[value=falls]").press("Enter")
    expect_pair(page, two, spoilt, behind_blocks(other, 1, 1.0))  # the answer is shown as well as told
    said = page.locator(".salon-said").inner_text()
    assert texts["falls"] in said or texts["right"] in said
    canvas = second.get_by_role("application")
    for key in ("ArrowDown", " ", "ArrowLeft", " "):
        canvas.press(key)
    expect_pair(page, two, *canvases(page))


@pytest.mark.browser
def test_two_faces_are_painted_on_by_mouse_and_by_finger(visit, two: TwoFaces):
    page = visit(two.page("en"))
    clean, boxes = values(page), [page.locator(".salon-easel canvas").nth(n).bounding_box() for n in (0, 1)]
    at = lambda n, x, y: (boxes[n]["x"] + x * boxes[n]["width"], boxes[n]["y"] + y * boxes[n]["height"])  # noqa: E731
    page.mouse.move(*at(0, 0.3, 0.45))
    page.mouse.down()
    page.mouse.move(*at(0, 0.7, 0.45))
    page.mouse.up()
    page.touchscreen.tap(*at(1, 0.5, 0.8))
    expect_pair(page, two, *canvases(page))
    assert not any(np.allclose(a, b) for a, b in zip(clean, values(page), strict=True))


# ---- the black hole in a browser


@pytest.mark.browser
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_black_hole_is_driven_by_key_mouse_and_finger(
    visit, benchmark: Benchmark, found: FalseMatches, lang: str, tmp_path: Path
):
    page, texts = visit(BlackHole(found, benchmark, lang).page(lang)), words("hole", lang)
    assert page.locator(".salon-dot").count() == 0  # a guess first
    page.locator("button[value=two_occlusion]").press("Enter")
    cells = page.locator("rect.salon-cell").evaluate_all("cells => cells.map((cell) => +cell.dataset.share)")
    rows = [CONDITIONS.index(kind) for kind in KINDS]
    for chosen, way in enumerate(found.models):
        page.locator(f".salon-chip input[value='{chosen}']").check()
        cells = page.locator("rect.salon-cell").evaluate_all("cells => cells.map((cell) => +cell.dataset.share)")
        shares = black_hole(salon.load("lecture"), benchmark, top=50, matching=way)[rows][:, rows]
        assert np.allclose(np.reshape(cells, (4, 4)), shares.T)  # upwards the gallery image
    line, captions = page.get_by_role("slider", name=texts["rank"]), page.locator("figcaption")
    line.press("End")
    who = [benchmark.labels[picture] + 1 for picture in found.pairs[1][49]]
    assert all(f" {person}" in text for person, text in zip(who, captions.all_inner_texts(), strict=True))
    dot = page.locator(".salon-dot").nth(7).bounding_box()
    page.mouse.click(dot["x"] + 2, dot["y"] + 2)
    here = page.locator(".salon-picked").bounding_box()
    assert abs(here["x"] + here["width"] / 2 - dot["x"] - 2) < 2 and line.input_value() != "50"
    dot = page.locator(".salon-dot").nth(20).bounding_box()
    page.touchscreen.tap(dot["x"] + 2, dot["y"] + 2)
    assert page.locator(".salon-picked").bounding_box() != here
    page.get_by_role("button", name=texts["reset"]).press("Enter")
    assert line.input_value() == "1"


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1000])
def test_both_fit_their_width_in_light_and_dark(
    visit, two: TwoFaces, benchmark: Benchmark, found: FalseMatches, width: int
):
    for html, scheme in ((two.page("zh"), "dark"), (BlackHole(found, benchmark).page("en"), "light")):
        page = visit(html)
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        page.locator(".salon-guess button").first.click()
        page.evaluate(SETTLED)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
