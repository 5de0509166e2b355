"""The confidence explorer: what torch says is what the page says, however a reader's hand gets there."""

import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from test_pack import coded, lived
from torch import Tensor

import salon
from authoring.picture import MOVING, painted
from salon.faces.people import sample_people
from salon.faces.pixels import as_bytes
from salon.faces.render import frontal_views, render
from salon.faces.variations import MOST_YAW
from salon.figures.explorer import FRAMES, SIZE, explorer_figure, look, spoilt, turned
from salon.model.embedding import InputSpec
from salon.model.network import Recogniser, embed
from salon.widgets.explorer import ConfidenceExplorer
from salon.widgets.host import VIEW, png, source, words
from salon.widgets.pack import squeeze, squeeze_faces
from salon.words import SalonError

MOST = 1_800_000  # bytes of a page
NEAR = 1e-2  # relative: float16 weights, 8 bits of a picture read off the canvas
VALUES = "() => [...document.querySelectorAll('.salon-bars .salon-bar')].map((bar) => +bar.dataset.value)"
SETTLED = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
SEEN = """canvas => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  return [...data].filter((_, i) => i % 4 < 3);
}"""


@pytest.fixture(scope="module")
def explorer() -> ConfidenceExplorer:
    return ConfidenceExplorer(salon.load("lecture"))


@pytest.fixture(scope="module")
def english(explorer: ConfidenceExplorer) -> str:
    return explorer.page("en")


def values(page) -> np.ndarray:
    """The bars' values, once they stand."""
    page.locator(".salon-bars .salon-bar").first.wait_for()
    page.evaluate(SETTLED)
    return np.array(page.evaluate(VALUES))


def face(page) -> Tensor:
    """What stands on the canvas once it is painted, [1, 3, SIZE, SIZE] in 0..1."""
    page.evaluate(SETTLED)
    pixels = torch.tensor(page.locator(".salon-easel canvas").evaluate(SEEN))
    return pixels.view(1, SIZE, SIZE, 3).permute(0, 3, 1, 2) / 255


def expect_seen(page, recogniser: Recogniser) -> None:
    """The bars are what torch says of the picture on the canvas."""
    assert np.allclose(values(page), embed(recogniser, face(page)).confidences[0], rtol=NEAR)


def expect_state(page, explorer: ConfidenceExplorer, **state: Any) -> None:
    """Both picture and bars are those of the pure function."""
    assert np.allclose(values(page), look(explorer.recogniser, explorer.person, **state)[1].confidences[0], rtol=NEAR)
    assert (face(page) - spoilt(turned(explorer.person), **state)).abs().max() < 0.006


@pytest.mark.browser
def test_the_film_of_the_readme_lowers_the_parts_that_look_where_the_brush_was(visit):
    page = visit(ConfidenceExplorer(salon.load("places")).page("en"))
    clean, film, covered = values(page), [], None
    for picture, stands in painted(page):
        film.append((picture.size, stands))
        if len(film) > 1 and stands > MOVING and covered is None:
            covered = values(page) / clean
    assert (covered[:2] > 0.9).all() and len({size for size, _ in film}) == 1
    assert covered[2:] == pytest.approx([0.69, 0.53], abs=0.05)  # README: a third, and nearly half
    assert 4 < sum(stands for _, stands in film) / 1000 < 10  # seconds


# ---- what is shown, as pure functions


def test_a_state_spoils_a_face_in_the_way_that_it_says():
    frames = turned(sample_people(1, seed=0))
    assert frames.shape == (FRAMES, 3, SIZE, SIZE) and frames.dtype == torch.uint8
    clean = spoilt(frames)
    assert torch.equal(as_bytes(clean), frames[:1]) and torch.equal(as_bytes(spoilt(frames, yaw=75)), frames[-1:])
    between = spoilt(frames, yaw=1.25 * MOST_YAW / (FRAMES - 1))
    assert torch.allclose(between, (0.75 * frames[1] + 0.25 * frames[2])[None] / 255, atol=1e-3)
    eyes, mouth = (spoilt(frames, covered=name) for name in ("eyes", "mouth"))
    assert (eyes[..., 28:46, :] == 0).all() and (mouth[..., 55:78, :] == 0).all()
    assert torch.equal(eyes[..., 46:, :], clean[..., 46:, :]) and torch.equal(mouth[..., :55, :], clean[..., :55, :])
    assert (spoilt(frames, resolution=1.0) - clean).abs().mean() > 0.02


def test_the_figure_shows_every_state_in_both_languages(explorer: ConfidenceExplorer):
    for lang, title in (("en", "eyes covered"), ("zh", "眼睛被遮住")):
        figure = explorer_figure(explorer.recogniser, explorer.person, lang=lang)
        assert figure.axes[2].get_title() == title and len(figure.axes[5].patches) == explorer.recogniser.K
        assert png(figure).startswith(b"\x89PNG")


def test_it_takes_the_readers_own_model_and_what_its_parts_keep():
    recogniser = Recogniser(K=3, d=5)
    own = ConfidenceExplorer(recogniser, sample_people(6, seed=1), owners=torch.eye(3, dtype=torch.bool))
    assert own.facts["owners"] == torch.eye(3).int().tolist()
    assert len(zlib.decompress(own.faces)) == 4 * FRAMES * 3 * SIZE**2  # of six people, four
    assert ConfidenceExplorer(recogniser).facts["owners"] == []
    assert len(salon.load("lecture").card["owners"][0]) == 8


def test_a_backbone_that_no_page_can_run_is_answered_for_by_the_kernel(monkeypatch: pytest.MonkeyPatch):
    other = ConfidenceExplorer(Recogniser(InputSpec(size=16), backbone="resnet18", K=2, d=4))
    said, first, _, image = other.plain().children
    assert "'resnet18' came" in said.value and not other.network
    before, first.value = image.value, 1.0
    assert other.resolution == 1.0 and image.value != before
    with pytest.raises(SalonError, match="'resnet18' came"):
        other.page()
    for way in ("widget", "page"):
        monkeypatch.setenv("SALON_WIDGETS", way)
        data, _ = other._repr_mimebundle_()
        assert VIEW in data and "text/html" not in data and "image/png" in data


# ---- in a browser


@pytest.mark.browser
def test_faces_and_network_come_through_to_the_byte(chromium, explorer: ConfidenceExplorer):
    script = coded(source("common.js", "net.js", "picture.js", "unpack.js").encode())
    faces = as_bytes(torch.rand(6, 3, 8, 8))
    body = """async ({ script, sent, squeezed, plain }) => {
      const js = await import("data:text/javascript;base64," + script);
      const all = (bytes) => btoa(String.fromCharCode(...bytes));
      const faces = (await js.readFaces(sent, 8)).map(({ planes }) => planes.map((plane) => [...plane]));
      return [faces, ...await Promise.all([squeezed, plain].map(async (blob) => all(await js.unsqueezed(blob))))]; }"""
    blob = explorer.network[:10_001]  # odd
    page = chromium.new_page()
    given = {
        "script": script,
        "sent": coded(squeeze_faces(faces)),
        "squeezed": coded(squeeze(blob)),
        "plain": coded(blob),
    }
    seen, *blobs = page.evaluate(body, given)
    page.close()
    assert torch.equal(as_bytes(torch.tensor(seen)).view(6, 3, 8, 8), faces) and blobs == [coded(blob)] * 2


@pytest.mark.browser
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_it_is_driven_by_keyboard_alone(visit, explorer: ConfidenceExplorer, lang: str):
    html, texts = explorer.page(lang), words("explorer", lang)
    assert len(html.encode()) < MOST
    page = visit(html)
    assert page.title() == texts["title"]
    expect_state(page, explorer)
    page.get_by_role("slider", name=texts["resolution"]).press("End")
    expect_state(page, explorer, resolution=1.0)
    page.get_by_role("slider", name=texts["resolution"]).press("PageDown")  # a tenth
    page.get_by_role("slider", name=texts["yaw"]).press("End")
    page.get_by_role("slider", name=texts["yaw"]).press("ArrowLeft")
    expect_state(page, explorer, resolution=0.9, yaw=0.99 * MOST_YAW)
    page.get_by_role("button", name=texts["reset"]).press("Enter")
    expect_state(page, explorer)
    for name in ("eyes", "mouth"):
        button = page.get_by_role("button", name=texts[f"cover_{name}"])
        button.press("Enter")
        expect_state(page, explorer, covered=name)
        assert button.get_attribute("aria-pressed") == "true"
        button.press("Space")
        expect_state(page, explorer)

    canvas = page.get_by_role("application")
    for key in ("ArrowDown", "ArrowLeft", " ", "ArrowUp", " "):
        canvas.press(key)
    covered = (face(page) == 0).all(1).float().mean().item()
    assert 0.02 < covered < 0.06  # two dabs of a radius of 0.08, half over each other
    assert texts["covered"].format(share=round(100 * covered)) in canvas.get_attribute("aria-label")
    expect_seen(page, explorer.recogniser)
    for key in ("Backspace", "ArrowDown", "Backspace"):
        canvas.press(key)
    expect_state(page, explorer)


@pytest.mark.browser
@pytest.mark.parametrize("by", ["mouse", "touch"])
def test_it_is_painted_on(visit, explorer: ConfidenceExplorer, english: str, by: str):
    page = visit(english)
    clean, box = values(page), page.locator(".salon-easel canvas").bounding_box()

    def at(x: float, y: float) -> tuple[float, float]:
        return box["x"] + x * box["width"], box["y"] + y * box["height"]

    if by == "mouse":
        page.mouse.move(*at(0.3, 0.45))
        page.evaluate(SETTLED)
        assert np.array_equal(values(page), clean)  # a pointer that only passes covers nothing
        page.mouse.down()
        page.mouse.move(*at(0.7, 0.45))  # one event: the stroke between is whole
        page.mouse.up()
        expect_seen(page, explorer.recogniser)
        dark = (face(page) == 0).all(1)[0]
        assert dark[36, 24:56].all() and not dark[:24].any() and not dark[48:].any()
    else:
        for x in (0.35, 0.65):
            page.touchscreen.tap(*at(x, 0.45))
        expect_seen(page, explorer.recogniser)
        assert (face(page) == 0).all(1)[0, 36, [28, 52]].all()
    assert (values(page) != clean).all()


@pytest.mark.browser
def test_it_asks_before_it_answers(visit, explorer: ConfidenceExplorer, english: str):
    tries = {"eyes": {"covered": "eyes"}, "mouth": {"covered": "mouth"}, "turned": {"yaw": MOST_YAW}}
    of = lambda state: look(explorer.recogniser, explorer.person, **state)[1].confidences.mean().item()  # noqa: E731
    drops = {name: of(state) / of({}) - 1 for name, state in tries.items()}
    best, texts = min(drops, key=drops.__getitem__), words("explorer", "en")
    page = visit(english)
    values(page)
    said = page.locator(".salon-said")
    assert said.inner_text() == ""
    page.locator(f".salon-guess button[value={best}]").click()
    assert said.inner_text().startswith(f"Most for this face: {texts[best]}.") and "As you guessed" in said.inner_text()
    told = [float(part.split()[-1].replace("−", "-")) for part in said.inner_text().split(" %")[:-1]]
    assert np.allclose(told, [100 * drop for drop in drops.values()], atol=1)
    assert page.locator(".salon-guess button").first.is_disabled()


@pytest.mark.browser
def test_people_certainties_and_what_a_part_keeps(visit, explorer: ConfidenceExplorer, english: str):
    page, people = visit(english), explorer.facts["owners"]
    clean = values(page)
    page.get_by_role("radio", name="person 3").check()
    assert (values(page) != clean).all()
    expect_seen(page, explorer.recogniser)
    page.get_by_role("radio", name="certainty").check()
    certainty = 1 / embed(explorer.recogniser, face(page)).fitted[0]
    assert np.allclose(values(page), certainty, rtol=NEAR)
    assert page.locator("circle.salon-owner").count() == int(np.sum(people))
    page.locator(".salon-buttons button[value=mouth]").click()
    values(page)
    assert page.locator("circle.acting").count() == sum(people[1])
    assert "Parts that keep “occlusion”" in page.locator(".salon-summary").inner_text()
    page.locator(".salon-reset").click()
    assert np.array_equal(values(page), clean) and page.get_by_role("radio", name="person 1").is_checked()


@pytest.mark.browser
def test_a_model_of_places_shows_where_each_part_looks(visit):
    recogniser = Recogniser(InputSpec(flip=True), K=4, d=6, places=True)
    lived(recogniser)
    page = visit(ConfidenceExplorer(recogniser, sample_people(1, seed=2)).page("en"))
    clean = values(page)
    assert page.locator(".salon-regions rect").count() == page.locator("rect.salon-place").count() == 4
    assert page.locator(".salon-regions text").all_text_contents() == ["1", "2", "3", "4"]
    assert "mirror image" in page.locator(".salon-note").inner_text()
    page.locator(".salon-buttons button[value=mouth]").click()
    expect_seen(page, recogniser)
    assert (values(page) != clean).any()


@pytest.mark.browser
@pytest.mark.parametrize("width", [390, 1000])
def test_it_fits_its_width_in_light_and_dark(visit, explorer: ConfidenceExplorer, english: str, width: int):
    for html, scheme in ((english, "light"), (explorer.page("zh"), "dark")):
        page = visit(html)
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        values(page)
        names = (".salon-easel", ".salon-main", ".salon-more")
        board, bars, more = (page.locator(name).bounding_box() for name in names)
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if width == 390:  # the bars follow the face at once
            assert board["y"] < bars["y"] < more["y"] and bars["y"] - board["y"] - board["height"] < 120
        else:
            assert abs(bars["y"] - board["y"]) < 12 and bars["x"] > board["x"] + board["width"]


@pytest.mark.browser
@pytest.mark.parametrize("come, told", [(lambda whole: squeeze(whole[:-50]), "network's"), (lambda _: b"", "No byte")])
def test_a_network_that_did_not_come_whole_is_told_in_a_sentence(visit, explorer: ConfidenceExplorer, come, told: str):
    page = visit(explorer.page("en").replace(coded(squeeze(explorer.network)), coded(come(explorer.network))))
    page.get_by_role("alert").wait_for()
    assert told in page.get_by_role("alert").inner_text()


# ---- the reader's own photograph


def snapshot(tmp_path: Path, name: str, orientation: int = 1) -> tuple[Path, list[tuple[float, float]], Tensor]:
    """A face of 240 pixels within a larger picture; where its eyes and its mouth are; and the face itself, small."""
    person, view = sample_people(1, seed=5), frontal_views(1)
    large, small = (render(person, view, size)[0] for size in (240, SIZE))
    picture = np.full((400, 600, 3), 90, np.uint8)
    picture[100:340, 200:440] = as_bytes(large).permute(1, 2, 0)
    shown = Image.fromarray(picture)
    if orientation == 6:  # to be turned by a quarter clockwise to be seen upright
        shown = shown.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = orientation
    shown.save(tmp_path / name, quality=97, exif=exif)
    points = [(0.342, 52 / 112), (0.658, 52 / 112), (0.5, 92 / 112)]
    return tmp_path / name, [((200 + 240 * x) / 600, (200 + 240 * y) / 600) for x, y in points], small


@pytest.mark.browser
@pytest.mark.parametrize("orientation", [1, 6])
def test_a_photograph_is_warped_and_measured_in_the_page(
    visit, explorer: ConfidenceExplorer, english: str, tmp_path: Path, orientation: int
):
    path, points, wanted = snapshot(tmp_path, "face.jpg", orientation)
    page, texts = visit(english), words("explorer", "en")
    clean = values(page)
    page.set_input_files("input[type=file]", path)
    said = page.locator(".salon-asks")
    asks = "text => document.querySelector('.salon-asks').textContent === text"
    for n, (x, y) in enumerate([points[1], points[0], points[2]]):  # the eyes in either order
        page.wait_for_function(asks, arg=texts[f"ask_{n}"])
        box = page.locator(".salon-easel canvas").bounding_box()
        page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    assert said.inner_text() == texts["stays"] and page.get_by_role("radio", name=texts["you"]).is_checked()
    expect_seen(page, explorer.recogniser)
    assert (face(page)[0] - wanted).abs().mean() < 0.02
    direct = embed(explorer.recogniser, wanted[None]).confidences[0]
    assert np.allclose(values(page), direct, rtol=0.15)  # clicks are coarse
    assert page.locator("input[name=yaw]").is_disabled()
    page.locator(".salon-buttons button[value=eyes]").click()
    expect_seen(page, explorer.recogniser)
    page.locator(".salon-reset").click()
    assert np.array_equal(values(page), clean)


@pytest.mark.browser
def test_points_are_set_by_key_too(visit, explorer: ConfidenceExplorer, english: str, tmp_path: Path):
    page, canvas = visit(english), ".salon-easel canvas"
    values(page)
    page.set_input_files("input[type=file]", snapshot(tmp_path, "face.png")[0])
    page.wait_for_function("() => document.activeElement.matches('.salon-easel canvas')")
    for key in (*[" "] * 3, *["ArrowLeft"] * 2):
        page.locator(canvas).press(key)
    assert page.locator(".salon-asks").inner_text() == words("explorer", "en")["one_place"]
    page.set_input_files("input[type=file]", snapshot(tmp_path, "face.png")[0])
    page.wait_for_function("() => document.querySelector('.salon-asks').textContent.startsWith('Point')")
    for key in (" ", *["ArrowRight"] * 4, " ", *["ArrowDown"] * 4, *["ArrowLeft"] * 2, " "):
        page.locator(canvas).press(key)
    expect_seen(page, explorer.recogniser)
    assert page.get_by_role("radio", name="your photograph").is_checked()


BAD: dict[str, Callable[[Path], object]] = {
    "no_picture": lambda path: path.write_text("no picture"),
    "huge": lambda path: Image.new("L", (8193, 40)).save(path),
    "tiny": lambda path: Image.new("RGB", (31, 400)).save(path),
}


@pytest.mark.browser
def test_what_is_no_good_photograph_is_refused_in_words(visit, english: str, tmp_path: Path):
    page, texts = visit(english), words("explorer", "en")
    clean, equals = values(page), "text => document.querySelector('.salon-asks').textContent === text"
    for name, write in BAD.items():
        write(tmp_path / f"{name}.png")
        page.set_input_files("input[type=file]", tmp_path / f"{name}.png")
        page.wait_for_function(equals, arg=texts[name])
        assert np.array_equal(values(page), clean)
    page.evaluate("""() => {
      const read = CanvasRenderingContext2D.prototype.getImageData;
      CanvasRenderingContext2D.prototype.getImageData = function (...where) {
        const image = read.apply(this, where);
        image.data[5] ^= 1;
        return image;
      };
    }""")
    page.set_input_files("input[type=file]", snapshot(tmp_path, "grey.png")[0])
    page.wait_for_function(equals, arg=texts["disturbed"])
    assert page.get_by_role("radio", name=texts["you"]).count() == 0
