"""The built deck in a browser that knows no font: what stands on each slide, and what does not fit."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from authoring.slides import find_browser, folder, read, without_fonts
from salon.words import LANGUAGES

LOOK = Path(__file__).with_suffix(".js").read_text("utf-8").partition("\n")[2]
_ACTIVE = "svg.bespoke-marp-active"
_ALIVE = "[...document.querySelectorAll('iframe')].every((one) => one.contentDocument?.querySelector('.salon > *'))"


@contextmanager
def browser_without_fonts() -> Iterator[Any]:
    """A headless Chromium that finds no font on its machine; raises `SalonError` where there is no Chromium."""
    from playwright.sync_api import sync_playwright

    path, environment = find_browser(), dict[str, Any](without_fonts())
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=path, args=["--no-sandbox"], env=environment)
        yield browser
        browser.close()


def overflows(browser: Any) -> Iterator[str]:
    """Each slide of `slides/dist` that its content leaves, or on which one thing covers another."""
    for lang in LANGUAGES:
        page = open_deck(browser, lang)
        for slide, seen in zip(read(lang)[1], look_through(page), strict=True):
            if seen["outside"]:
                yield f"slide {slide.id}, {lang}: out of its slide is {'; '.join(seen['outside'])}"
            if seen["over"]:
                yield f"slide {slide.id}, {lang}: one thing covers another"
        page.close()


def open_deck(browser: Any, lang: str) -> Any:
    """The page of a built deck at its first slide, 1280 × 720 pixels, its fonts loaded."""
    page = browser.new_page(viewport={"width": 1280, "height": 720}, offline=True)
    page.set_default_timeout(60_000)  # a busy machine
    page.goto((folder() / "dist" / f"salon.{lang}.html").as_uri() + "#1")
    page.wait_for_selector("section")
    page.evaluate("Promise.all([...document.fonts].map((font) => font.load()))")
    page.wait_for_function(_ALIVE)
    return page


def look_through(page: Any) -> list[dict[str, Any]]:
    """Go through the whole deck once, as a presenter does; of each slide, what is shown at first and at last."""
    seen = []
    for number in range(1, page.locator("svg.bespoke-marp-slide").count() + 1):
        go_to(page, number)
        guess = page.evaluate(LOOK)["shown"]
        if page.locator(f"{_ACTIVE} [data-marpit-fragment]").count():
            page.keyboard.press("PageDown")
            page.wait_for_selector(f"{_ACTIVE} [data-bespoke-marp-fragment=active]", state="attached")
        seen.append({**page.evaluate(LOOK), "guess": guess})
    return seen


def go_to(page: Any, number: int) -> None:
    """Show a slide by its number, from 1."""
    page.evaluate(f"location.hash = '#{number}'")
    page.wait_for_selector(f"svg.bespoke-marp-slide:nth-of-type({number}){_ACTIVE.removeprefix('svg')}")
