"""The widgets in a notebook and as pages; the feature map. `test_explorer.py` drives the explorer."""

import base64
import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

import salon
from authoring.views import feature_views, one_variation_each, to_plane
from salon.evaluation.people import Benchmark
from salon.evaluation.views import STEPS, FeatureViews
from salon.faces.pixels import sprite
from salon.model.embedding import Embedding
from salon.widgets.explorer import ConfidenceExplorer
from salon.widgets.feature_map import FeatureMap
from salon.widgets.host import VIEW, words

K = 4
MOST = 400_000  # bytes of a page


def toy_views(n: int = 60, people: int = 12, M: int = 3) -> FeatureViews:
    """Points, labels and accuracies out of a random generator: owners read at .9, others at .7."""
    g = np.random.default_rng(0)
    assigned, kinds = np.array([[1, 0, 0, 1], [0, 1, 1, 0], [1, 0, 1, 0]], np.uint8), np.arange(n) % (M + 1)
    thumbs = sprite(torch.from_numpy(g.integers(0, 255, (n, 3, 40, 40)).astype(np.uint8)))
    coordinates = g.integers(0, STEPS, (2 * M + K, n, 2)).astype(np.uint16)
    probes = np.concatenate([np.full((M, 1), 0.95), 0.7 + 0.2 * assigned], axis=1).astype(np.float32)
    strengths, names = np.where(kinds > 0, 75, 0), np.array(["low_resolution", "occlusion", "pose"])
    return FeatureViews(
        "UMAP", coordinates, kinds, strengths, np.arange(n) // (M + 1) % people, probes, assigned, names, thumbs, 40
    )


# ---- what is shown, as pure functions


@pytest.fixture
def no_umap(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if umap-learn were not installed; where it is, it compiles for up to half a minute."""
    monkeypatch.setitem(sys.modules, "umap", None)


def test_feature_views_find_what_was_put_into_the_features(no_umap, tmp_path: Path):
    n, g = 120, torch.Generator().manual_seed(0)
    kinds, people = torch.arange(n) % 3, torch.arange(n) // 3 % 20
    features = torch.randn(n, 4, 6, generator=g)
    features[:, 0, 0] += 9 * (kinds == 1)  # the first part knows the first variation
    features = torch.nn.functional.normalize(features, dim=-1)
    images, owned = torch.rand(n, 3, 20, 20), torch.tensor([[1, 0, 0, 0], [0, 1, 1, 0]])
    embedding, names = Embedding(features, torch.ones(n, 4)), ("occlusion", "pose")
    views = feature_views(embedding, kinds, 0.75 * (kinds > 0), people, images, owned, names)
    assert views.coordinates.shape == (2 * 2 + 4, n, 2) and views.probes.shape == (2, 1 + 4)
    assert views.probes[0, 1] > 0.9 and views.probes[0, 2:].max() < 0.8  # elsewhere chance
    assert views.readings[0, 0] == views.probes[0, 1]
    owners, other = (views.coordinates[view, :, 0].astype(float) for view in (0, 1))
    gap = owners[kinds == 1].mean() - owners[kinds == 0].mean()
    mixed = other[kinds == 1].mean() - other[kinds == 0].mean()
    assert abs(gap) > 2 * abs(mixed) and (owners[kinds == 2] == 0).all()  # not of this map
    views.save(tmp_path / "views.npz")
    loaded = FeatureViews.load(tmp_path / "views.npz")
    assert all(np.array_equal(value, getattr(loaded, name)) for name, value in vars(views).items())


def test_each_picture_stands_in_four_states():
    n, g = 40, torch.Generator().manual_seed(0)
    straight, turned = torch.rand(2, n, 3, 12, 12, generator=g)
    yaw = torch.linspace(30, 65, n)
    scenes = SimpleNamespace(turned=SimpleNamespace(yaw=yaw))
    benchmark = Benchmark(straight, turned, torch.arange(n) // 4, scenes=scenes)
    images, kinds, strengths, people = one_variation_each(benchmark, 10)
    assert kinds.tolist() == 10 * [0, 1, 2, 3] and len(people.unique()) > 5
    assert (strengths[kinds == 0] == 0).all() and strengths[kinds > 0].min() >= 0.5
    assert all((image == straight).flatten(1).all(1).any() for image in images[kinds == 0])
    assert all((image == turned).flatten(1).all(1).any() for image in images[kinds == 3])
    assert not any((image == straight).flatten(1).all(1).any() for image in images[kinds == 2])


def test_the_plane_falls_back_to_pca(no_umap):
    line = np.outer(np.linspace(-1, 1, 9), [1.0, 2.0, 2.0]) + 0.01 * np.random.rand(9, 3)
    plane, method = to_plane(line)
    assert method == "PCA" and plane.min() == 0 and plane.max() == 1
    steps = np.diff(plane[:, 0])
    assert (steps > 0).all() or (steps < 0).all()  # the first component is the line


# ---- a picture that stays


def test_a_saved_notebook_keeps_a_picture():
    for widget in (ConfidenceExplorer(salon.load("lecture")), FeatureMap(toy_views())):
        data = json.loads(json.dumps(widget._repr_mimebundle_()[0]))
        assert VIEW in data and data["text/plain"] == f"{type(widget).__name__}()"  # the same in every run
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("L"))
        assert pixels.shape[1] > 800 and pixels.std() > 20


# ---- a page without a kernel, in a real browser

DRAWN = "canvas => canvas.toDataURL()"
CONFIDENCES = "bars => bars.map((bar) => +bar.dataset.value)"


@pytest.mark.browser
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_map_page_works_by_keyboard_alone(visit, lang: str):
    views, texts = toy_views(), words("map", lang)
    html = FeatureMap(views).page(lang)
    assert len(html.encode()) < MOST
    page = visit(html)
    bars, canvas, part = page.locator(".salon-bar"), page.locator(".salon-map").first, page.locator(".salon-part")
    assert bars.count() == 0  # a guess first
    grey = canvas.evaluate(DRAWN)
    page.locator("button[value=some]").press("Enter")
    assert np.allclose(bars.evaluate_all(CONFIDENCES), views.readings.flatten(), atol=0.001)
    assert texts["right"] in page.locator(".salon-said").inner_text()
    first = canvas.evaluate(DRAWN)

    page.get_by_role("radio", name=texts["low_resolution"]).press("ArrowRight")
    second = canvas.evaluate(DRAWN)
    page.get_by_role("radio", name=texts["by_variation"], exact=True).press("ArrowRight")
    strong = canvas.evaluate(DRAWN)
    assert [texts["occlusion"] in text for text in page.locator("figcaption").all_inner_texts()] == [True, True]
    owners = part.evaluate_all("parts => parts.map((part) => part.classList.contains('own'))")
    assert owners == views.assigned[1].astype(bool).tolist()
    part.nth(2).press("Enter")
    assert page.locator(".salon-map:visible").count() == 1 and "3" in page.locator("figcaption").first.inner_text()
    assert len({grey, first, second, strong, canvas.evaluate(DRAWN)}) == 5
    part.nth(2).press("Enter")
    assert page.locator(".salon-map:visible").count() == 2 and canvas.evaluate(DRAWN) == strong

    canvas.press("ArrowRight")
    assert page.locator(".salon-card:visible").count() == 1
    person = page.locator(".salon-card span").first.inner_text()
    canvas.press("ArrowRight")
    canvas.press("ArrowDown")
    assert page.locator(".salon-card span").first.inner_text() != person
    page.get_by_role("button", name=texts["reset"]).press("Enter")
    assert canvas.evaluate(DRAWN) == first


def at(box: dict[str, float], x: float, y: float) -> tuple[float, float]:
    """Where a point of a map, 0..1 with y upwards, stands on the screen: 12 pixels stay free on each side."""
    return box["x"] + 12 + x * (box["width"] - 24), box["y"] + 12 + (1 - y) * (box["height"] - 24)


@pytest.mark.browser
def test_a_lasso_gathers_faces_and_a_pointer_shows_one(visit):
    views = toy_views()
    page = visit(FeatureMap(views).page("en"))
    box, places = page.locator(".salon-map").first.bounding_box(), views.coordinates[0] / STEPS
    page.mouse.move(*at(box, *places[8].tolist()))
    assert page.locator(".salon-card").first.is_visible()
    corners = [(0.005, -0.02), (0.5, -0.02), (0.5, 1.02), (-0.02, 1.02), (-0.02, -0.02)]  # the left half
    page.mouse.move(*at(box, *corners[-1]))
    page.mouse.down()
    for corner in corners:
        page.mouse.move(*at(box, *corner), steps=3)
    page.mouse.up()
    left = int(((places[:, 0] < 0.5) & (views.kinds < 2)).sum())  # plain and low resolution are on this map
    assert f"{left} images" in page.locator(".salon-summary").inner_text()
    assert page.locator(".salon-grid-of-faces").evaluate("grid => grid.width") == 12 * 40


@pytest.mark.browser
def test_a_finger_shows_a_face(chromium, tmp_path: Path):
    views = toy_views()
    (tmp_path / "map.html").write_text(FeatureMap(views).page("zh"), encoding="utf-8")
    page = chromium.new_page(viewport={"width": 390, "height": 800}, has_touch=True)
    page.goto((tmp_path / "map.html").as_uri())
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.locator(".salon-map").first.scroll_into_view_if_needed()
    box = page.locator(".salon-map").first.bounding_box()
    page.touchscreen.tap(*at(box, *(views.coordinates[0, 8] / STEPS).tolist()))
    assert page.locator(".salon-card").first.is_visible()
    page.close()


@pytest.mark.browser
@pytest.mark.parametrize("width", [700, 1000])
def test_the_map_fits_its_width_in_light_and_dark(visit, width: int):
    for lang in ("en", "zh"):
        page = visit(FeatureMap(toy_views()).page(lang))
        page.set_viewport_size({"width": width, "height": 700})
        page.emulate_media(color_scheme="dark" if width == 700 else "light")
        main, side = (page.locator(name).bounding_box() for name in (".salon-main", ".salon-side"))
        assert abs(main["y"] - side["y"]) < 12  # side by side
        assert page.evaluate("document.documentElement.scrollWidth") <= width
