"""The deck: both languages alike, minutes that add up, stored numbers, and pages that fit in a real browser."""

import base64
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from html import escape
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from conftest import ROOT
from fontTools.ttLib import TTFont

from authoring import slide_checks, slide_look, slides
from authoring.fonts import han
from authoring.slide_figures import DPI, FIGURES, LEAST, NEUTRAL
from authoring.slide_look import go_to, look_through, open_deck, overflows
from authoring.slide_numbers import fill
from authoring.slide_print import NOTES, WAYS
from authoring.slides import LIVE, finish, live_pages, minutes_of, prepare, read, spoken_minutes
from salon.evaluation.results import by_seed, read_table
from salon.figures.geometry import INK
from salon.figures.style import MODELS
from salon.widgets.host import words
from salon.words import SalonError

PIXELS = LEAST * 4 / 3  # of 1280, which are 13.33 inches: 20 points are 26.67
languages = pytest.mark.parametrize("lang", ["en", "zh"])


# --- what is stored


@pytest.mark.slow
@pytest.mark.browser
def test_there_is_nothing_to_complain_about() -> None:
    command = [sys.executable, "-m", "authoring", "slides", "check"]  # a process and a browser of its own
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("0 complaints about the deck\n", 0), done.stderr


def test_every_figure_of_a_slide_can_be_drawn_and_no_other_is_kept() -> None:
    assert {Path(name).stem for name in slides.figure_names()} == set(FIGURES)


# --- numbers


def test_placeholders_are_read_from_the_tables() -> None:
    stored = read_table("ablation")
    c, b, c16 = (by_seed(stored, row, "mixed").mean() for row in ("C", "B", "C+16"))
    assert fill("{{ablation: C, mixed}} %", "x") == f"{c:.1f} %"
    assert fill("{{ablation: C+16, mixed}}", "x") == f"{c16:.1f}"
    assert re.fullmatch(rf"\+{c - b:.1f} \[\d\.\d, \d\.\d\]", fill("{{ablation: C - B, mixed}}", "x"))
    assert fill("{{by ablation: B - C, mixed}}", "x") == f"{c - b:.1f}"
    assert fill("{{ablation: B - C, mixed}}", "x").startswith(f"−{c - b:.1f} [−")
    rank = by_seed(read_table("fairness"), "skin tone: dark", "pose", "rank", 1).mean()
    assert fill("{{fairness: skin tone: dark, pose, rank@1}}", "x") == f"{rank:.1f}"
    probes = fill("{{ablation: E-λ2, pose, probe_assigned - probe_unassigned}}", "x")
    assert re.fullmatch(r"\+\d+\.\d \[\d+\.\d, \d+\.\d\]", probes)


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ("no_such: C, mixed", "no_such.json is missing"),
        ("ablation: Z, mixed", "0 values came for Z"),
        ("ablation: C, mixd", "mixd"),
        ("just words", "no known form"),
    ],
)
def test_a_placeholder_that_means_nothing_names_its_slide(asked: str, why: str) -> None:
    with pytest.raises(SalonError, match=rf"slide 'curve' asks for \{{\{{{asked}\}}\}}: .*{why}"):
        fill(f"gains {{{{{asked}}}}} points", "curve")


@languages
def test_the_words_of_the_verdict_are_those_of_its_numbers(lang: str) -> None:
    verdict = next(slide for slide in read(lang)[1] if slide.id == "verdict")
    rows = [line for line in verdict.shown.split("\n") if line.startswith("| °")]
    assert len(rows) == 5
    for row in rows:
        _, _, number, word, _ = (cell.strip() for cell in fill(row, "verdict").split("|"))
        low = float(number.split("[")[1].split(",")[0].replace("−", "-"))
        assert word.startswith({"en": ("not here", "holds"), "zh": ("看不出", "成立")}[lang][low > 0]), row


# --- reading and checking


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the deck's sources that a test may spoil."""
    folder = tmp_path / "slides"
    folder.mkdir()
    for path in (ROOT / "slides").glob("*.*"):
        if path.is_file():
            shutil.copy(path, folder)
    monkeypatch.setattr(slides, "folder", lambda: folder)
    monkeypatch.setattr(slide_checks, "folder", lambda: folder)
    monkeypatch.setattr(slide_look, "folder", lambda: folder)
    return folder


def spoil(folder: Path, old: str, new: str, name: str = "salon.zh.md") -> list[str]:
    """Replace the first `old` in a copied file; what the checks then say, the unbuilt deck aside."""
    path = folder / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")
    return [text for text in slide_checks.complaints() if "slides/dist" not in text]


SPOILT = [
    ("id: wild", "id: tame", "the slides differ: ['tame', 'wild']"),
    ("talk 3, demo 0", "talk 2, demo 0", "talk differ between the languages"),
    ("01_background#people", "01_background#nobody", "cell differ between the languages"),
    ("id: wild | route: 90", "id: wild | route: 45", "route differ between the languages"),
    ("figures/angle.svg", "figures/masks.svg", "figures differ between the languages"),
    (r"\sum_{j=1}^{N}", r"\sum_{j=0}^{N}", "formulas differ between the languages"),
    ("A 处处变好 · ", "", "choices differ between the languages"),
    ("**猜一猜：结果会怎样", "**请看：结果会怎样", "what waits for a guess differ between the languages"),
    ("{{by differences: C - B, clean}}", "1.9", "numbers differ between the languages"),
    ("![四个渲染的人", "![](figures/people.webp)\n![四个渲染的人", "figures differ between the languages"),
    ("| 23 |", "| 24 |", "does not add up"),
    ("`softmax`", "`softmix`", "runsheet.zh.md names softmix, which no slide is called"),
]


@pytest.mark.parametrize(("old", "new", "complaint"), SPOILT, ids=[row[2] for row in SPOILT])
def test_the_checks_notice(copy: Path, old: str, new: str, complaint: str) -> None:
    name = "runsheet.zh.md" if old[0] in "|`" else "salon.zh.md"
    assert any(complaint in text for text in spoil(copy, old, new, name))


def test_the_checks_notice_what_both_languages_have_wrong(copy: Path) -> None:
    for old, new in (
        ("01_background#people", "01_background#nobody"), ("skip to pixels", "skip to title"),
        ("talk 2, demo 0", "talk 9, demo 0"), ("CVPR 2020\n", "CVPR 2020 TODO\n"),
    ):  # fmt: skip
        spoil(copy, old, new)
        found = "\n".join(spoil(copy, old, new, "salon.en.md"))
    for complaint in (
        "the notebook cell 01_background#nobody does not exist", "'skip to title' leads to no later slide",
        "of 120 minutes add up to 127", "is not written yet", "its mark says 9", "its notebook 23",
    ):  # fmt: skip
        assert complaint in found


def test_a_slide_without_marks_or_notes_is_named(copy: Path) -> None:
    (found,) = spoil(copy, "<!-- minutes: talk 1, demo 3", "<!-- minuts: talk 1, demo 3")
    assert "salon.zh.md, slide 3 begins with '<!-- minuts" in found


def test_what_was_built_from_other_sources_or_is_too_large_is_noticed(copy: Path) -> None:
    (missing,) = slide_checks.built()
    assert missing.startswith("slides/dist has no salon.en.html, handout.en.pdf") and missing.endswith("make slides")
    (copy / "dist").mkdir()
    for name in missing.removeprefix("slides/dist has no ").removesuffix("; build it: make slides").split(", "):
        (copy / "dist" / name).write_text("new")
    (copy / "dist" / "sources.json").write_text(json.dumps(slides.sources()))
    assert slide_checks.built() == []
    spoil(copy, "20 pt are", "twenty points are", "theme.css")
    spoil(copy, "大家晚上好", "各位晚上好")
    (copy / "dist" / "salon.en.html").write_bytes(b" " * 4_000_001)
    large, stale = slide_checks.built()
    assert large == "salon.en.html has 4000001 bytes, more than 4000000"
    assert "salon.zh.md" in stale and "theme.css" in stale and "salon.en.md" not in stale
    assert stale.endswith("build it again: make slides")


@languages
def test_the_routes_add_up_and_keep_what_the_longer_ones_tell(lang: str) -> None:
    _, deck = read(lang)
    assert [minutes_of(deck, route) for route in slides.ROUTES] == list(slides.ROUTES)
    first, last = deck[0], deck[-1]
    assert first.route == last.route == slides.ROUTES[0]
    assert [slide.id for slide in deck if slide.pause and slide.route < slides.ROUTES[-1]] == []


def test_the_letters_of_formulas_are_there_once() -> None:
    formula = '<mjx-container><svg><path d="M1"></path><path d="M2"></path></svg></mjx-container>'
    done = finish(f'<body>{2 * formula}<svg><path d="M1"></path></svg><script>marp</script>', "en")
    assert done.count('<path id="letter-0" d="M1">') == 1 and done.count('<use href="#letter-0">') == 2
    assert done.count('<path d="M1">') == 1  # of a figure
    assert done.index("<path id=") < done.index("ROUTE") < done.index("<script>marp")


def test_what_pages_share_is_there_once() -> None:
    pages = {name: f"<p>{name}\n<style>\n'{2000 * 'A'}'\n" for name in ("one", "two")}
    done = finish("<body><script>marp</script>", "en", pages)
    found = json.loads(re.findall(r'id="living">(.*?)</script>', done)[0])
    assert {name: "".join(found["parts"][n] for n in numbers) for name, numbers in found["pages"].items()} == pages
    assert done.count(2000 * "A") == 1 and len(found["parts"]) == len(set(found["parts"]))


@languages
def test_what_answers_a_guess_comes_after_it(lang: str) -> None:
    _, deck = read(lang)
    drawn = '<svg><g class="answer"></g></svg>'
    pictures = {name: drawn if name.endswith("svg") else "<img>" for name in slides.figure_names()}
    made = prepare(lang, pictures, {}).split("\n\n---\n\n")
    for slide, text in zip(deck, made, strict=True):
        assert ("data-marpit-fragment" in text) == bool(slide.answer and slide.figures), slide.id
        assert text.count('class="choice"') == len(slide.choices), slide.id
        assert slide.choices == [*"ABCD"][: len(slide.choices)], slide.id
        if slide.answer:
            assert len(slide.choices) >= 2, slide.id
    hole = next(text for slide, text in zip(deck, made, strict=True) if slide.id == "black-hole")
    assert re.search(r'<figure class="build">.*</figure>\n\n<div class="also">\n\n.*C.*\n\n</div>', hole)


@languages
def test_every_slide_links_to_its_cell(lang: str) -> None:
    made = prepare(lang, dict.fromkeys(slides.figure_names(), ""), {})
    links = re.findall(r'href="../../notebooks/([^"]+)" data-lab="([^"]+)#cell-id=([\w-]+)"', made)
    assert len(links) == len(read(lang)[1])
    for path, lab, cell in links:
        assert lab == slides.LAB + path
        cells = json.loads((ROOT / "notebooks" / path).read_text("utf-8"))["cells"]
        assert cell in {one["id"] for one in cells}, (path, cell)


# --- what is missing says so


@pytest.mark.long
def test_the_deck_is_built_again_with_make() -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is not installed: the committed deck is what is tested")
    done = subprocess.run(["make", "slides"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "0 complaints about the deck" in done.stdout, done.stderr[-2000:]


@languages
def test_the_pdf_is_set_in_our_fonts_alone(lang: str) -> None:
    content = (ROOT / "slides" / "dist" / f"salon.{lang}.pdf").read_bytes()
    fonts = re.findall(rb"/BaseFont\s*/\w+\+([\w-]+)", content)
    families = {name.partition(b"-")[0] for name in fonts}
    assert families == {"en": {b"SalonLatin"}, "zh": {b"SalonLatin", b"SalonHan"}}[lang]


@languages
def test_the_pdfs_have_a_page_for_each_slide_and_the_notes_with_them(lang: str) -> None:
    deck, dist = read(lang)[1], ROOT / "slides" / "dist"
    pages = {end: (dist / f"salon.{lang}{end}.pdf").read_bytes().count(b"/Type /Page\n") for end in WAYS}
    for end, route in (("", 120), (".guesses", 120), (".90", 90), (".45", 45)):
        assert pages[end] == len([slide for slide in deck if slide.route <= route]), end
    assert len(deck) <= pages[".notes"] < 1.5 * len(deck)


# --- contrast: 4.5:1 for words, 3:1 for marks

# White, and hairlines: grids, frames, rules between rows.
HAIRLINES = {"#ffffff", "#b0b0b0", "#bbbbbb", "#cccccc", "#d9d9d9", "#dddddd"}
SHADES = {"masks", "game", "black-hole"}  # slides whose figures are grids of shades, from pale to full


def contrast(one: str, other: str = "#ffffff") -> float:
    """Of two colours "#rrggbb", by WCAG 2."""

    def light(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((light(one), light(other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("#000000") == pytest.approx(21) and contrast("#777777") == pytest.approx(4.48, abs=0.01)


@languages
def test_marks_can_be_told_from_the_slide(lang: str) -> None:
    page = (ROOT / "slides" / "dist" / f"salon.{lang}.html").read_text("utf-8")
    sections = re.findall(r"<section .*?</section>", page, re.S)
    for slide, section in zip(read(lang)[1], sections, strict=True):
        for figure in re.findall(r'<svg class="figure".*?</svg>', section, re.S) * (slide.id not in SHADES):
            # What is see-through is a band of uncertainty, or what does not pass.
            styles = [style for style in re.findall(r'style="([^"]*)"', figure) if "opacity" not in style]
            colours = {colour for style in styles for colour in re.findall(r"(?:fill|stroke): (#\w{6})", style)}
            pale = {colour for colour in colours - HAIRLINES if contrast(colour) < 3}
            assert pale == set(), slide.id


def test_the_colours_of_pictures_can_be_told_apart_from_white() -> None:
    assert min(contrast(colour) for colour in (*MODELS.values(), NEUTRAL, *INK)) > 3
    assert min(contrast(ink) for ink in INK.values()) > 4.5


# Each text with its colour and what lies behind its middle; nothing behind is the white of the slide.
BEHIND = """() => {
  const seen = [], section = document.querySelector("svg.bespoke-marp-active section");
  const walk = document.createTreeWalker(section, NodeFilter.SHOW_TEXT);
  const clear = (colour) => /^(none|transparent|rgba\\(.*, 0\\))$/.test(colour);
  while (walk.nextNode()) {
    const parent = walk.currentNode.parentElement, range = document.createRange();
    range.selectNode(walk.currentNode);
    const box = range.getBoundingClientRect(), own = getComputedStyle(parent);
    if (!walk.currentNode.textContent.trim() || !box.width || parent.closest("mjx-container, style, script")) continue;
    if (!parent.checkVisibility({ visibilityProperty: true })) continue;
    let back = "rgb(255, 255, 255)";
    for (const one of document.elementsFromPoint(box.x + box.width / 2, box.y + box.height / 2)) {
      if (one.contains(parent) && one !== parent || one.matches("text, tspan, svg, g")) {
        const colour = getComputedStyle(one).backgroundColor;
        if (clear(colour)) continue; else { back = colour; break; }
      }
      const style = getComputedStyle(one), colour = one.closest("svg.figure") ? style.fill : style.backgroundColor;
      if (one !== parent && !clear(colour) && +style.opacity > 0.5) { back = colour; break; }
    }
    seen.push([walk.currentNode.textContent.trim(), parent.closest("svg.figure") ? own.fill : own.color, back]);
  }
  return seen;
}"""


def hexed(colour: str) -> str:
    """Of "rgb(…)" the "#rrggbb"."""
    return "#" + "".join(f"{int(part):02x}" for part in re.findall(r"\d+", colour)[:3])


# --- in a browser, from disk, the network refused


@pytest.fixture(scope="module", params=["en", "zh"])
def deck(request, chromium) -> Iterator[SimpleNamespace]:
    """The built deck of one language, opened from its file; at the end nothing may have gone wrong."""
    page, wrong = open_deck(chromium, request.param), []
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", lambda request: wrong.append(request.url[:90]))
    page.reload()
    yield SimpleNamespace(page=page, lang=request.param, slides=read(request.param)[1], seen=look_through(page))
    page.close()
    assert [text for text in wrong if not text.startswith(("file:", "data:"))] == []


@pytest.mark.browser
def test_what_does_not_fit_is_named(copy: Path, chromium) -> None:
    shutil.copytree(ROOT / "slides" / "dist", copy / "dist")
    built = copy / "dist" / "salon.en.html"
    full, wide = "<p>" + "high<br>" * 20, '<p style="width: 1300px; max-width: none">wide'
    lines = re.sub(r"(?<=Two worlds apart; augmentation carries over</h2>)", full, built.read_text("utf-8"), count=1)
    built.write_text(re.sub(r"(?<=parts and game cannot be told</h2>)", wide, lines, count=1), "utf-8")
    found = list(overflows(chromium))
    assert [text.split(":")[0] for text in found] == ["slide real, en", "slide real, en", "slide verdict, en"]


@pytest.mark.browser
def test_nothing_is_smaller_than_20_points(deck) -> None:
    for slide, seen in zip(deck.slides, deck.seen, strict=True):
        small = [(text, size) for text, size in seen["words"] if size < PIXELS - 0.1]
        assert small == [], slide.id
        assert min(seen["formulas"], default=99) > PIXELS - 0.1, f"{slide.id}: {seen['formulas']}"
        # drawn with DPI dots an inch, 96 pixels an inch on the slide
        assert min(seen["figures"], default=1) * DPI / 96 > 0.985, f"{slide.id}: {seen['figures']}"


@pytest.mark.browser
def test_words_can_be_told_from_what_is_behind_them(deck) -> None:
    for number, slide in enumerate(deck.slides, 1):
        go_to(deck.page, number)
        deck.page.keyboard.press("PageDown") if slide.answer and slide.figures else None
        found = deck.page.evaluate(BEHIND)
        assert found, slide.id
        pale = [(text, words, back) for text, words, back in found if contrast(hexed(words), hexed(back)) < 4.5]
        assert pale == [], slide.id


@pytest.mark.browser
@languages
def test_printed_notes_stand_below_their_slides(chromium, lang: str) -> None:
    page, count = chromium.new_page(offline=True), len(read(lang)[1])
    page.goto((ROOT / "slides" / "dist" / f"salon.{lang}.html").as_uri() + "?print=notes")
    page.add_style_tag(content=NOTES)
    page.emulate_media(media="print")
    slides, notes = page.locator("svg[data-marpit-svg]"), page.locator(".bespoke-marp-note")
    assert slides.count() == notes.count() == count
    for number in (0, count - 1):
        above, below = slides.nth(number).bounding_box(), notes.nth(number).bounding_box()
        assert above["y"] + above["height"] < below["y"] and below["height"] > 50
    title = slides.first.locator("h1").evaluate("(one) => getComputedStyle(one).color")
    assert hexed(title) == "#0072b2"  # Marp's styles still reach it
    page.close()


@pytest.mark.browser
def test_nothing_raw_is_shown(deck) -> None:
    for slide, seen in zip(deck.slides, deck.seen, strict=True):
        assert not re.search(r"\$|\{\{|\}\}|\\\w|TODO|<!--|\*\*", seen["shown"]), slide.id
        assert len(seen["formulas"]) == len(slide.formulas), slide.id
        assert slide.cell in seen["shown"], slide.id
    moving = [
        slide.figures[-1][1].split(".")[0]
        for slide, seen in zip(deck.slides, deck.seen, strict=True)
        if seen["iframes"]
    ]
    assert moving == [*LIVE]


SEEN = "(all) => [...document.querySelectorAll(all)].some((one) => one.checkVisibility({ visibilityProperty: true }))"
ANSWER = "svg.bespoke-marp-active :is(.told, .answer, .also)"


@pytest.mark.browser
def test_the_answer_comes_with_the_next_key(deck) -> None:
    for number, slide in enumerate(deck.slides, 1):
        if slide.answer and slide.id != "explorer":
            go_to(deck.page, number)
            assert not any(one.is_visible() for one in deck.page.locator(ANSWER).all()), slide.id
            deck.page.keyboard.press("PageDown")
            deck.page.wait_for_function(SEEN, arg=ANSWER)  # a line has no height, and is seen


@pytest.mark.browser
def test_votes_are_counted_by_click_and_by_key(deck) -> None:
    number = next(n for n, slide in enumerate(deck.slides, 1) if slide.id == "curve")
    go_to(deck.page, number)
    choice = deck.page.locator("svg.bespoke-marp-active .choice")
    choice.nth(1).click()
    for key in "bca":
        deck.page.keyboard.press(key)
    assert [one.get_attribute("data-votes") for one in choice.all()] == ["1", "2", "1"]
    deck.page.keyboard.press("Backspace")
    assert [one.get_attribute("data-votes") for one in choice.all()] == [None] * 3
    assert deck.page.evaluate("location.hash") == f"#{number}"


@pytest.mark.browser
@pytest.mark.parametrize("route", [45, 90])
def test_a_route_leaves_the_other_slides_out(chromium, route: int) -> None:
    page = chromium.new_page(viewport={"width": 1280, "height": 720}, offline=True)
    page.goto((ROOT / "slides" / "dist" / "salon.en.html").as_uri() + f"?route={route}#1")
    page.wait_for_selector("svg.bespoke-marp-active")
    kept = [slide for slide in read("en")[1] if slide.route <= route]
    sections = page.locator("svg.bespoke-marp-slide section")
    assert sections.count() == page.locator(".bespoke-marp-note").count() == len(kept)
    for slide, shown, note in zip(
        kept, sections.all(), page.locator(".bespoke-marp-note").all_text_contents(), strict=True
    ):
        assert slide.cell in shown.locator("footer").text_content() and slide.cell in note
    page.close()


@pytest.mark.browser
def test_each_slide_has_its_notes(deck) -> None:
    notes = deck.page.locator(".bespoke-marp-note").all_text_contents()
    assert len(notes) == len(deck.slides)
    for slide, note in zip(deck.slides, notes, strict=True):
        assert slide.cell in note and "{{" not in note, slide.id
        spoken = spoken_minutes(note, deck.lang)
        assert not slide.talk or spoken > 0.6 * slide.talk, slide.id


# The letters of the explorer in pixels of the slide: those of its picture grow with it.
SIZES = """body => [...body.querySelectorAll('.salon *')]
  .filter((one) => one.getClientRects().length
    && [...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()))
  .map((one) => {
    const svg = one.ownerSVGElement, size = parseFloat(getComputedStyle(one).fontSize);
    return svg ? size * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width : size;
  })"""


@pytest.mark.browser
def test_the_explorer_moves_on_its_slide(deck) -> None:
    number = next(n for n, slide in enumerate(deck.slides, 1) if slide.id == "explorer")
    go_to(deck.page, number)
    frame = deck.page.frame_locator("svg.bespoke-marp-active iframe")
    frame.locator(".salon-bar").first.wait_for()
    values = "() => [...document.querySelectorAll('.salon-bar')].map((bar) => +bar.dataset.value)"
    settled = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
    body = frame.locator("body")
    before = body.evaluate(values)
    frame.locator(".salon-buttons button[value=eyes]").click()
    body.evaluate(settled)
    assert sum(body.evaluate(values)) < sum(before)
    sizes = frame.locator("body").evaluate(SIZES)
    assert len(sizes) > 15 and min(sizes) > PIXELS - 0.1
    frame.locator(".salon-reset").press("Enter")
    body.evaluate(settled)
    assert body.evaluate(values) == before


@pytest.mark.browser
def test_the_keys_go_back_to_the_deck_after_the_explorer(deck) -> None:
    number = next(n for n, slide in enumerate(deck.slides, 1) if slide.id == "explorer")
    page, frame = deck.page, deck.page.frame_locator("svg.bespoke-marp-active iframe")
    slider, in_deck = frame.locator("input[name=resolution]"), "document.activeElement === document.body"

    def turns(press: Callable[[], None]) -> None:
        press()
        page.wait_for_function(f"location.hash === '#{number + 1}'")
        go_to(page, number)

    go_to(page, number)
    for press in (slider.click, frame.locator(".salon-reset").click):  # the mouse, then any key of the deck
        for key in ("ArrowRight", "PageDown"):
            press()
            page.wait_for_function(in_deck)
            turns(lambda key=key: page.keyboard.press(key))
    slider.focus()
    page.keyboard.press("ArrowRight")  # the keyboard alone: arrows move the slider
    assert float(slider.input_value()) > 0 and page.evaluate("location.hash") == f"#{number}"
    turns(lambda: page.keyboard.press("PageDown"))
    frame.locator(".salon-reset").click()


ALIVE = {"match": (".salon-easel canvas", "input[name=blocks]"), "black-hole": (".salon-pairs", "input[name=rank]")}
STANDS = """(body) => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() =>
  done([...body.querySelectorAll("rect.salon-term, circle.salon-picked")]
    .map((one) => one.dataset.value ?? one.outerHTML)))))"""


@pytest.mark.browser
@pytest.mark.parametrize("name", [*ALIVE])
def test_a_figure_comes_alive_with_the_key_after_its_answer(deck, name: str) -> None:
    number = next(n for n, slide in enumerate(deck.slides, 1) if slide.id == name)
    page, frame, (drawn, slider) = deck.page, deck.page.frame_locator("svg.bespoke-marp-active iframe"), ALIVE[name]
    go_to(page, number)
    for seen in (False, False, True):
        assert page.locator("svg.bespoke-marp-active .alive").is_visible() == seen
        page.keyboard.press("PageDown") if not seen else None
    body, states = frame.locator("body"), []
    frame.locator(slider).first.press("End")
    states.append(body.evaluate(STANDS))
    frame.locator(drawn).first.click(position={"x": 200, "y": 200} if name == "match" else {"x": 430, "y": 40})
    page.wait_for_function("document.activeElement === document.body")
    states.append(body.evaluate(STANDS))
    sizes = body.evaluate(SIZES)
    assert min(sizes) > PIXELS - 0.1 and len(sizes) > 15
    frame.locator(".salon-reset").click()
    states.append(body.evaluate(STANDS))
    assert all(states) and len({*map(str, states)}) == 3
    page.keyboard.press("PageDown")
    page.wait_for_function(f"location.hash === '#{number + 1}'")


@pytest.mark.browser
@pytest.mark.parametrize("figure, slide", [("pairs", "match"), ("black_hole", "black-hole")])
def test_what_comes_alive_is_alike_in_both_windows(chromium, tmp_path: Path, figure: str, slide: str) -> None:
    drawn, slider = ALIVE[slide]
    context, mine, theirs = two_windows(chromium, tmp_path, live_pages("en")[figure])
    here, there = (page.frame_locator("iframe") for page in (mine, theirs))
    states = [here.locator("body").evaluate(STANDS)]
    there.locator(drawn).first.wait_for()
    for act in (lambda: here.locator(slider).last.press("End"), lambda: here.locator(drawn).first.click()):
        act()
        states.append(here.locator("body").evaluate(STANDS))
        for _ in range(20):  # it hears of it a little later
            if there.locator("body").evaluate(STANDS) == states[-1]:
                break
            theirs.wait_for_timeout(250)
        assert there.locator("body").evaluate(STANDS) == states[-1]
    assert states[1] != states[0]
    context.close()


def two_windows(chromium, folder: Path, page: str) -> tuple[Any, Any, Any]:
    """A context and two of its windows, each with a widget's page as a slide has it."""
    (folder / "deck.html").write_text(f'<iframe width="1180" height="900" srcdoc="{escape(page)}">')
    context = chromium.new_context(offline=True)
    windows = [context.new_page() for _ in range(2)]
    for window in windows:
        window.goto((folder / "deck.html").as_uri())
    return context, *windows


@pytest.mark.browser
def test_what_is_done_to_a_widget_is_seen_in_the_other_window(chromium, tmp_path: Path) -> None:
    context, mine, theirs = two_windows(chromium, tmp_path, live_pages("en")["scale"])
    here, there = (page.frame_locator("iframe") for page in (mine, theirs))
    alike, at_first = [], here.locator("main").inner_text()
    for name, key in (("scale", "Home"), ("margin", "End")):
        here.locator(f"input[name={name}]").press(key)
    alike.append([frame.locator("main").inner_text() for frame in (here, there)])
    here.get_by_role("radio", name="one for each").check()
    image = here.locator(".salon-handle.angles").last.bounding_box()
    mine.mouse.move(image["x"] + 3, image["y"] + 3)
    mine.mouse.down()
    mine.mouse.move(image["x"] + 40, image["y"] + 60, steps=4)
    mine.mouse.up()
    alike.append([frame.locator("main").inner_text() for frame in (here, there)])
    context.close()
    assert all(mine == theirs for mine, theirs in alike) and len({at_first, *(mine for mine, _ in alike)}) == 3


def test_the_deck_brings_every_letter_that_its_living_figures_show():
    html = (ROOT / "slides" / "dist" / "salon.zh.html").read_text("utf-8")
    (font,) = re.findall(r'"Salon Han";font-weight:400;src:url\("data:font/woff2;base64,([^"]+)', html)
    drawn = set(TTFont(io.BytesIO(base64.b64decode(font))).getBestCmap())
    for room in LIVE.values():
        said = "".join(words(room, "zh").values())
        assert han(said) <= drawn, f"{room}: no {''.join(map(chr, han(said) - drawn))}"
