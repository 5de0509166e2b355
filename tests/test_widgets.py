"""The two widgets in their three hosts: a kernel that answers, a page without one, a picture."""

import base64
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from authoring.views import feature_views, to_plane
from salon.faces.people import sample_people
from salon.faces.pixels import sprite
from salon.figures.explorer import LIMITS, ConfidenceTable, confidences
from salon.figures.umap import FeatureViews
from salon.model.embedding import Embedding
from salon.model.network import Recogniser
from salon.widgets.explorer import ConfidenceExplorer, explorer_page
from salon.widgets.feature_map import FeatureMap
from salon.widgets.host import VIEW, words

K = 4
MOST = 400_000  # bytes of a page


def look(blur: float, occlusion: float, yaw: float) -> tuple[np.ndarray, np.ndarray]:
    """A toy in place of renderer and recogniser: occlusion lowers the confidences most, blur least."""
    image = np.full((48, 48, 3), round(255 * (1 - occlusion)), np.uint8)
    image[:, : 1 + int(40 * yaw / LIMITS["yaw"])] = round(200 * blur)
    fall = (1 - 0.8 * occlusion) * (1 - 0.2 * blur) * (1 - 0.4 * yaw / LIMITS["yaw"])
    return image, np.arange(10.0, 10.0 + K) * fall


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


def test_confidences_render_degrade_and_forward():
    recogniser, person = Recogniser(K=K, d=4), sample_people(2, seed=0)
    torch.nn.init.normal_(recogniser.confidence_head[-1].weight)  # it starts at zero: all faces alike
    clean, values = confidences(recogniser, person)
    assert clean.dtype == np.uint8 and clean.shape == (96, 96, 3)
    assert values.shape == (K,) and (values > 0).all()
    assert recogniser.training  # its mode is given back
    for change in ({"blur": 1.0}, {"occlusion": 1.0}, {"yaw": 60.0}):
        image, other = confidences(recogniser, person, **change)
        assert np.abs(image.astype(int) - clean).mean() > 3 and not np.allclose(other, values)
        assert (image == confidences(recogniser, person, **change)[0]).all()


def test_a_table_answers_with_the_nearest_state_and_survives_saving(tmp_path: Path):
    ConfidenceTable.of(look, steps=3).save(tmp_path / "table.npz")
    table = ConfidenceTable.load(tmp_path / "table.npz")
    assert table.confidences.shape == (3, 3, 3, K)
    for state in ((0, 0, 0), (1, 0.5, LIMITS["yaw"]), (0.5, 1, 0)):
        assert np.allclose(table.look(*state)[1], look(*state)[1])
        assert np.abs(table.look(*state)[0].astype(int) - look(*state)[0])[:, 44:].max() < 12  # lossy
    assert np.allclose(table.look(0.9, 0.2, 3)[1], look(1, 0, 0)[1])


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


# ---- a kernel answers


def test_the_explorer_answers_each_move():
    explorer = ConfidenceExplorer(look)
    assert explorer.clean == explorer.answer["confidences"] == look(0, 0, 0)[1].tolist()
    assert np.argmin(explorer.ends) == 1
    explorer.occlusion = 1.0
    image = Image.open(io.BytesIO(base64.b64decode(explorer.answer["image"].split(",")[1])))
    assert (np.asarray(image) == look(0, 1, 0)[0]).all()  # lossless
    assert explorer.answer["confidences"] == look(0, 1, 0)[1].tolist()


def test_a_live_explorer_renders_a_face_once_for_each_yaw(monkeypatch: pytest.MonkeyPatch):
    from salon.widgets import explorer as module

    turned: list[float] = []
    face = torch.full((1, 3, 32, 32), 0.5)
    monkeypatch.setattr(module, "face_at", lambda person, yaw: turned.append(yaw) or face)
    live = ConfidenceExplorer.live(Recogniser(K=K, d=4), sample_people(1, seed=0))
    live.blur, live.yaw, live.occlusion = 0.5, 30.0, 0.2
    assert turned == [0, LIMITS["yaw"], 30]


def test_a_saved_notebook_keeps_a_picture():
    for widget in (ConfidenceExplorer(look), FeatureMap(toy_views())):
        data = json.loads(json.dumps(widget._repr_mimebundle_()[0]))
        assert VIEW in data and data["text/plain"] == f"{type(widget).__name__}()"  # the same in every run
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(data["image/png"]))).convert("L"))
        assert pixels.shape[1] > 800 and pixels.std() > 20


# ---- a page without a kernel, in a real browser

CONFIDENCES = "bars => bars.map((bar) => +bar.dataset.value)"


@pytest.fixture(scope="module")
def table() -> ConfidenceTable:
    return ConfidenceTable.of(look, steps=5)


@pytest.mark.browser
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_explorer_page_works_by_keyboard_alone(visit, table: ConfidenceTable, lang: str):
    html, texts = explorer_page(table, lang), words("explorer", lang)
    assert len(html.encode()) < MOST
    page = visit(html)
    bars, face = page.locator(".salon-bar"), page.locator(".salon-face img")
    page.wait_for_function("document.querySelectorAll('.salon-bar').length > 0")
    assert page.title() == texts["title"]
    assert np.allclose(bars.evaluate_all(CONFIDENCES), look(0, 0, 0)[1], atol=0.01)
    clean = face.get_attribute("src")

    page.get_by_role("slider", name=texts["occlusion"]).press("ArrowRight")  # one of four steps
    assert np.allclose(bars.evaluate_all(CONFIDENCES), look(0, 0.25, 0)[1], atol=0.01)
    assert face.get_attribute("src") != clean and "0.25" in face.get_attribute("alt")
    page.get_by_role("slider", name=texts["yaw"]).press("End")
    assert np.allclose(bars.evaluate_all(CONFIDENCES), look(0, 0.25, LIMITS["yaw"])[1], atol=0.01)

    page.get_by_role("button", name=texts["reset"]).press("Enter")
    assert np.allclose(bars.evaluate_all(CONFIDENCES), look(0, 0, 0)[1], atol=0.01)
    assert face.get_attribute("src") == clean
    assert page.locator("input[name=occlusion]").input_value() == "0"
    assert "5 × 5 × 5" in page.locator(".salon-note").inner_text()


@pytest.mark.browser
def test_the_explorer_asks_before_it_answers(visit, table: ConfidenceTable):
    page = visit(explorer_page(table, "en"))
    said, ends = page.locator(".salon-said"), page.locator(".salon-row .salon-end")
    page.locator("button[value=yaw]").click()
    assert "You guessed: Turn (yaw). Now" in said.inner_text()
    assert ends.all_inner_texts() == ["?", "?", "?"]
    for name in ("blur", "occlusion", "yaw"):
        page.locator(f"input[name={name}]").press("End")
    assert ends.all_inner_texts() == ["−20 %", "−80 %", "−40 %"]  # each alone, though all are at their end
    assert said.inner_text() == "Most for this face: Occlusion, −80 %. You guessed: Turn (yaw)."
    assert page.locator("button[value=blur]").is_disabled()


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
def test_pages_fit_their_width_in_light_and_dark(visit, table: ConfidenceTable, width: int):
    for html in (explorer_page(table, "en"), FeatureMap(toy_views()).page("zh")):
        page = visit(html)
        page.set_viewport_size({"width": width, "height": 700})
        page.emulate_media(color_scheme="dark" if width == 700 else "light")
        main, side = (page.locator(name).bounding_box() for name in (".salon-main", ".salon-side"))
        assert abs(main["y"] - side["y"]) < 12  # side by side
        assert page.evaluate("document.documentElement.scrollWidth") <= width
