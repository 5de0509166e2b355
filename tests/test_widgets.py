"""The widgets in a notebook and as pages; the feature map. `test_explorer.py` drives the explorer."""

import base64
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import salon
from authoring.views import feature_views, to_plane
from salon.faces.pixels import sprite
from salon.figures.umap import FeatureViews
from salon.model.embedding import Embedding
from salon.widgets.explorer import ConfidenceExplorer
from salon.widgets.feature_map import FeatureMap
from salon.widgets.host import VIEW, words

K = 4
MOST = 400_000  # bytes of a page


def toy_views(n: int = 60, people: int = 12, M: int = 3) -> FeatureViews:
    """Points, labels and accuracies out of a random generator; pose is the best read."""
    g = np.random.default_rng(0)
    names = np.array(["low_resolution", "occlusion", "pose"])
    probes = np.linspace(0.5, 0.9, M)[:, None] + g.uniform(-0.05, 0.05, (M, K + 1))
    thumbs = sprite(torch.from_numpy(g.integers(0, 255, (n, 3, 40, 40)).astype(np.uint8)))
    coordinates, variations = g.random((K + 1, n, 2)).astype(np.float32), g.integers(0, 2, (n, M))
    assigned, identities = g.integers(0, 2, (M, K)), np.arange(n) % people
    return FeatureViews("UMAP", coordinates, variations, identities, probes, assigned, names, thumbs, 40)


# ---- what is shown, as pure functions


@pytest.fixture
def no_umap(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if umap-learn were not installed; where it is, it compiles for up to half a minute."""
    monkeypatch.setitem(sys.modules, "umap", None)


def test_feature_views_find_what_was_put_into_the_features(no_umap, tmp_path: Path):
    n, g = 80, torch.Generator().manual_seed(0)
    labels = (torch.rand(n, 2, generator=g) < 0.5).long()
    features = torch.randn(n, 2, 6, generator=g)
    features[:, 0, 0] += 6 * labels[:, 1]  # the first sub-embedding knows the second variation
    features = torch.nn.functional.normalize(features, dim=-1)
    embedding = Embedding(features, torch.ones(n, 2))
    images, names = torch.rand(n, 3, 20, 20), ("occlusion", "pose")
    views = feature_views(embedding, labels, torch.arange(n) % 8, images, names=names)
    assert views.coordinates.shape == (3, n, 2) and views.probes.shape == (2, 3)
    assert views.probes[1, 1] > 0.85 and views.probes[1, 0] > 0.85  # pose, from the first and from the whole
    assert views.probes[1, 2] < 0.7 and views.probes[0].max() < 0.7  # elsewhere chance, .5 ± .06
    views.save(tmp_path / "views.npz")
    loaded = FeatureViews.load(tmp_path / "views.npz")
    assert all(np.array_equal(value, getattr(loaded, name)) for name, value in vars(views).items())


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

CONFIDENCES = "bars => bars.map((bar) => +bar.dataset.value)"


@pytest.mark.browser
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_map_page_works_by_keyboard_alone(visit, lang: str):
    views, texts = toy_views(), words("map", lang)
    html = FeatureMap(views).page(lang)
    assert len(html.encode()) < MOST
    page = visit(html)
    bars, canvas = page.locator(".salon-bar"), page.locator(".salon-map")
    assert bars.count() == 0  # a guess first
    whole = canvas.evaluate("canvas => canvas.toDataURL()")
    page.locator("button[value=pose]").press("Enter")
    assert np.allclose(bars.evaluate_all(CONFIDENCES), views.probes[:, 0], atol=0.001)
    assert texts["right"] in page.locator(".salon-said").inner_text()

    page.get_by_role("radio", name=texts["whole"]).press("ArrowRight")
    assert np.allclose(bars.evaluate_all(CONFIDENCES), views.probes[:, 1], atol=0.001)
    first = canvas.evaluate("canvas => canvas.toDataURL()")
    page.get_by_role("radio", name=texts["variation"], exact=True).press("ArrowRight")
    assert len({whole, first, canvas.evaluate("canvas => canvas.toDataURL()")}) == 3

    canvas.press("ArrowRight")
    assert page.locator(".salon-card").is_visible()
    person = page.locator(".salon-card span").inner_text()
    canvas.press("ArrowRight")
    canvas.press("ArrowDown")
    assert page.locator(".salon-card span").inner_text() != person
    page.get_by_role("button", name=texts["reset"]).press("Enter")
    assert canvas.evaluate("canvas => canvas.toDataURL()") == whole


@pytest.mark.browser
def test_a_lasso_gathers_faces_and_a_pointer_shows_one(visit):
    views = toy_views()
    page = visit(FeatureMap(views).page("en"))
    box = page.locator(".salon-map").bounding_box()

    def at(x: float, y: float) -> tuple[float, float]:
        """Where a point of the map, 0..1 with y upwards, stands on the screen."""
        wide, high = box["width"] - 32, box["height"] - 32  # 16 pixels stay free on each side
        return box["x"] + 16 + x * wide, box["y"] + 16 + (1 - y) * high

    page.mouse.move(*at(*views.coordinates[0, 7].tolist()))
    assert page.locator(".salon-card").is_visible()
    corners = [(0.005, -0.02), (0.5, -0.02), (0.5, 1.02), (-0.02, 1.02), (-0.02, -0.02)]  # the left half
    page.mouse.move(*at(*corners[-1]))
    page.mouse.down()
    for corner in corners:
        page.mouse.move(*at(*corner), steps=3)
    page.mouse.up()
    left = int((views.coordinates[0, :, 0] < 0.5).sum())
    assert f"{left} images" in page.locator(".salon-summary").inner_text()
    assert page.locator(".salon-grid-of-faces").evaluate("grid => grid.width") == 12 * 40


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
