"""The PDFs of the deck, printed by Chromium from the built HTML: as shown, without answers, with notes, by route."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from authoring.leaflets import leaflets
from authoring.slides import find_browser, folder, without_fonts
from salon.paths import write_whole
from salon.words import LANGUAGES, SalonError

# What is printed: the end of the file's name, and what the page is asked for.
WAYS = {"": "print=shown", ".guesses": "print=guesses", ".notes": "print=notes",
        ".90": "print=shown&route=90", ".45": "print=shown&route=45"}  # fmt: skip
# What Marp would take for rules of a section: with notes, each slide stands above what is spoken.
NOTES = """
@page { size: A4; margin: 0; }
svg[data-marpit-svg] { display: block !important; width: 178mm !important; height: 100.1mm !important;
  margin: 12mm 16mm 6mm; border: 1px solid #c8c8c8; break-before: page; break-inside: avoid; }
svg[data-marpit-svg] > foreignObject > section { break-before: auto !important; }
.bespoke-marp-note { display: block !important; margin: 0 16mm; color: #111111; line-height: 1.45;
  white-space: pre-wrap; font-size: 10pt; font-family: "Salon Latin", sans-serif; }
:lang(zh) .bespoke-marp-note { font-family: "Salon Han", "Salon Latin", sans-serif; }
"""
SLIDE = {"width": "1280px", "height": "720px"}
SHEET = {"format": "A4", "margin": {side: "0" for side in ("top", "right", "bottom", "left")}}

# A PDF takes a JPEG as it is, and writes out any other picture dot by dot.
AS_JPEG = """() => Promise.all([...document.images].map(async (image) => {
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext("2d").drawImage(image, 0, 0);
  image.src = canvas.toDataURL("image/jpeg", 0.6);
  await image.decode();
}))"""


def write_pdfs() -> list[Path]:
    """Print every PDF of `slides/dist`."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        environment: dict[str, Any] = {**without_fonts()}
        browser = play.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"], env=environment)
        return [path for lang in LANGUAGES for path in (*_decks(browser, lang), *_leaflets(browser, lang))]


def _decks(browser: Any, lang: str) -> Iterator[Path]:
    dist = folder() / "dist"
    for end, query in WAYS.items():
        page = browser.new_page(viewport={"width": 1280, "height": 720}, offline=True)
        page.set_default_timeout(300_000)
        page.goto((dist / f"salon.{lang}.html").as_uri() + f"?{query}")
        if "notes" in query:
            page.add_style_tag(content=NOTES)
        yield _printed(page, dist / f"salon.{lang}{end}.pdf", SHEET if "notes" in query else SLIDE)


def _leaflets(browser: Any, lang: str) -> Iterator[Path]:
    for name, content in leaflets(lang).items():
        page = browser.new_page(offline=True)
        page.set_content(content)
        if page.evaluate("[...document.querySelectorAll('.page')].some((one) => one.scrollHeight > one.clientHeight)"):
            raise SalonError(f"A page of {name}.{lang} is too full: its end would be cut off. Shorten its words.")
        yield _printed(page, folder() / "dist" / f"{name}.{lang}.pdf", SHEET)
        if "contenteditable" in content:  # to be filled in, in a browser, and printed there
            write_whole(folder() / "dist" / f"{name}.{lang}.html", content.encode())


def _printed(page: Any, path: Path, paper: dict[str, Any]) -> Path:
    page.evaluate(AS_JPEG)
    page.evaluate(
        "document.querySelectorAll('a[data-lab]').forEach((one) => one.removeAttribute('href'))"
    )  # a path here
    page.evaluate("Promise.all([...document.fonts].map((font) => font.load()))")
    write_whole(path, page.pdf(print_background=True, outline=True, tagged=True, **paper))
    page.close()
    return path
