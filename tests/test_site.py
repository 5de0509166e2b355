"""The lecture as static pages: built once, then opened from the disk in a browser that refuses every host."""

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from conftest import ROOT

from authoring import site
from salon.lecture.views import CLASSES
from salon.words import SalonError

pytestmark = pytest.mark.slow
NOTEBOOKS = {"en": sorted((ROOT / "notebooks").glob("*.ipynb")), "zh": sorted((ROOT / "notebooks/zh").glob("*.ipynb"))}
NAMES = [path.stem for path in NOTEBOOKS["en"]]
LONG = os.environ.get("SALON_LONG") == "1"  # else each notebook in one language only
OTHERS = {"en": ("CONTRIBUTING.html", "reference/salon.model.html"), "zh": ("slides.html", "docs/glossary.html")}
OPENED = [(lang, name) for i, lang in enumerate(NOTEBOOKS) for name in (NAMES if LONG else NAMES[1 - i :: 2])]
LANGUAGES = pytest.mark.parametrize("lang", ["en", "zh"])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return site.write_site(tmp_path_factory.mktemp("site") / "out").parent


class Page(HTMLParser):
    """What a page names: its places, what it links to or loads, and its pictures' texts."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.alts: Counter[str] = Counter()
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.ids |= {found["id"]} if "id" in found else set()
        self.links += [found[name] for name in ("href", "src") if name in found]
        if tag == "img":
            self.alts[found.get("alt", "")] += 1


@pytest.fixture(scope="module")
def pages(built: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in built.rglob("*.html") if not {"widgets", "_static"} & {*path.parts}}


# ---- as it lies on the disk


def test_both_editions_have_the_same_pages(built: Path) -> None:
    en, zh = ({path.relative_to(built / lang) for path in (built / lang).rglob("*.html")} for lang in NOTEBOOKS)
    assert en == zh and {Path("search.html"), Path("docs/glossary.html"), Path("reference/salon.model.html")} <= en
    assert {Path(f"notebooks/{name}.html") for name in NAMES} <= en
    assert {Path(f"widgets/{name}.html") for name in CLASSES.values()} <= en
    assert {path.name for path in built.iterdir()} == {"en", "zh", "slides", "index.html", "LICENSE", "LICENSE-DATA"}


def test_every_link_resolves(pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        for link in page.links:
            where = urlsplit(link)
            if where.scheme in ("http", "https", "data", "mailto"):
                continue
            target = (path.parent / unquote(where.path)).resolve() if where.path else path
            assert target.exists(), f"{path}: {link}"
            if where.fragment and target in pages and target.name != "search.html":
                assert unquote(where.fragment) in pages[target].ids, f"{path}: {link}"


@LANGUAGES
def test_pictures_keep_their_texts_and_widgets_are_frames(built: Path, pages: dict[Path, Page], lang: str) -> None:
    for path in NOTEBOOKS[lang]:
        page = pages[built / lang / "notebooks" / f"{path.stem}.html"]
        cells = json.loads(path.read_text("utf-8"))["cells"]
        outputs = [output for cell in cells for output in cell.get("outputs", ()) if "data" in output]
        alive = [site.page_of("".join(output["data"].get("text/plain", ""))) for output in outputs]
        alts = [output["metadata"].get("image/png", {}).get("alt") for output in outputs]
        still = Counter(alt for alt, name in zip(alts, alive, strict=True) if alt and not name)
        assert not still - page.alts, f"{path.name}: {still - page.alts}"
        frames = [link for link in page.links if link.startswith("../widgets/")]
        assert frames == [f"../widgets/{name}.html" for name in alive if name]


def test_the_reference_says_what_the_docstrings_say(built: Path) -> None:
    text = (built / "zh" / "reference" / "salon.model.html").read_text("utf-8")
    assert 'id="salon.model.losses.ConfidenceLoss"' in text and "以下内容" in text


def test_an_older_site_is_replaced_and_nothing_else(built: Path, tmp_path: Path) -> None:
    site.check(built)
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(SalonError, match="something else than a site"):
        site.write_site(tmp_path)


def test_a_widget_without_a_page_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "CLASSES", {})
    assert site.page_of("dict()") is None
    with pytest.raises(SalonError, match="FeatureMap has no page"):
        site.page_of("FeatureMap()")


# ---- in a browser


@pytest.fixture
def visit(chromium, built: Path) -> Iterator[Callable]:
    """Opens a page of the site on a phone, or as wide as told; any request to a host or error of a script fails."""
    faults, contexts = [], []

    def refuse(route) -> None:
        faults.append(route.request.url)
        route.abort()

    def open_page(name: str, width: int = 390, scheme: str = "light", query: str = ""):
        context = chromium.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme, locale="zh-CN")
        contexts.append(context)
        context.route(re.compile("^(?!file:|data:|blob:)"), refuse)
        page = context.new_page()
        # From the disk a page may not read another: the search then shows titles without excerpts.
        page.on("pageerror", lambda error: "Failed to fetch" in str(error) or faults.append(str(error)))
        page.goto((built / name).as_uri() + query, timeout=120_000)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not faults


@pytest.mark.browser
@pytest.mark.parametrize(("lang", "name"), OPENED)
def test_a_notebook_on_a_phone_in_the_dark(visit, lang: str, name: str) -> None:
    page = visit(f"{lang}/notebooks/{name}.html", scheme="dark")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for formula in page.locator(".math").all()[::10]:  # each is drawn when it comes into view
        if formula.is_visible():  # not within a folded answer
            formula.scroll_into_view_if_needed()
            formula.locator("mjx-math").first.wait_for(timeout=60_000)
    assert page.locator("mjx-merror").count() == 0
    for frame in page.locator("iframe.salon").all():
        assert_alive(page, frame)


LOOK = """main => main.innerHTML + [...main.querySelectorAll("canvas")].map(c => c.toDataURL().slice(-400))
  + [...main.querySelectorAll("input")].map(i => [i.value, i.checked])"""

LIGHT_INK = "getComputedStyle(document.querySelector('.salon')).color === 'rgb(255, 255, 255)'"  # on a dark page


def assert_alive(page, element) -> None:
    """A widget is as tall as its frame, follows the page's colours, and answers the keyboard."""
    element.scroll_into_view_if_needed()
    frame = element.element_handle().content_frame()
    main = frame.locator("main")
    main.locator(".salon").wait_for(timeout=60_000)
    inner = "document.documentElement.offsetHeight"
    page.wait_for_function("([frame, inner]) => Math.abs(frame.offsetHeight - inner) < 2", arg=[
        element.element_handle(), frame.evaluate(inner)])  # fmt: skip
    assert frame.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    frame.wait_for_function(LIGHT_INK)
    before = main.evaluate(LOOK)
    main.locator("button:enabled").first.click()
    sliders = main.locator("input[type=range]:enabled")
    if sliders.count():
        sliders.first.focus()
        page.keyboard.press("ArrowRight")
    assert main.evaluate(LOOK) != before


@pytest.mark.browser
@LANGUAGES
def test_other_pages_fit_a_phone(visit, pages: dict[Path, Page], built: Path, lang: str) -> None:
    names = [path.relative_to(built / lang).as_posix() for path in pages if path.is_relative_to(built / lang)]
    page = visit(f"{lang}/index.html")
    for name in names if LONG else OTHERS[lang]:
        page.goto((built / lang / name).as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, name
        assert page.evaluate("document.documentElement.dataset.theme") == "light"


@pytest.mark.browser
@pytest.mark.parametrize(
    ("lang", "asked", "found"),
    [("zh", "数据增强", "01_background"), ("zh", "置信度", "02_algorithm"), ("en", "decorrelation", "02_algorithm")],
)
def test_search_finds(visit, lang: str, asked: str, found: str) -> None:
    page = visit(f"{lang}/search.html", width=1200, query=f"?q={asked}")
    page.locator(f"#search-results a[href*='{found}']").first.wait_for(timeout=60_000)


@pytest.mark.browser
def test_language_and_colours_change_on_the_spot(visit, built: Path) -> None:
    page = visit("index.html", width=1200)
    page.wait_for_url("**/zh/index.html")  # as the browser's language is
    page.goto((built / "zh" / "notebooks" / "00_start_here.html").as_uri())
    page.locator(".theme-switch-button:visible").click()
    page.locator("button[data-mode=dark]:visible").click()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    frame = page.locator("iframe.salon").first.element_handle().content_frame()
    frame.wait_for_function(LIGHT_INK)
    page.locator(".salon-lang").click()
    page.wait_for_url("**/en/notebooks/00_start_here.html")
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
