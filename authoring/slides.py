"""The deck: Markdown with marks, in two languages, becomes HTML by Marp and PDF by Chromium.

A slide begins with its marks, `<!-- minutes: talk 2, demo 0, questions 1 | late: keep | cell: 01_background#top |
id: wild | route: 45 -->`, and ends with a comment that is spoken; the route is the shortest that the slide is in.
`{{…}}` is a stored number (`authoring.slide_numbers`). `**Guess: …?** A this · B that` asks the room, whose votes
are counted by clicks or the keys A to D; what stands below comes with the next key press.
"""

import base64
import hashlib
import html
import io
import json
import math
import os
import re
import shutil
import string
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from fontTools import subset

from authoring.slide_numbers import fill
from salon.faces.people import split_people
from salon.faces.pixels import from_webp, to_webp
from salon.lecture.views import PAGES
from salon.paths import data_root, write_whole
from salon.training.shipped import load
from salon.widgets.black_hole import BlackHole
from salon.widgets.explorer import ConfidenceExplorer
from salon.widgets.feature_map import FeatureMap
from salon.widgets.host import data_uri, font_faces, words
from salon.widgets.two_faces import TwoFaces
from salon.words import LANGUAGES, SalonError, say

SPEED = {"en": 130, "zh": 220}  # words, characters a minute
ROUTES = (45, 90, 120)  # minutes of an evening
START = 19 * 60 + 30  # the clock at the first slide
NODE = 20  # the oldest version that Marp runs on
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FONTS = {"en": ("latin", "latin-bold", "mono"), "zh": ("latin", "latin-bold", "han", "han-bold", "mono")}  # data/fonts
# The figures that move in the HTML deck: the page that takes the place of each.
LIVE = {"explorer": "explorer", "scale": "scale", "pairs": "two", "threshold": "threshold", "black_hole": "hole",
        "map": "map"}  # fmt: skip
LAB = "http://localhost:8888/lab/tree/"
# What is in a deck beside its Markdown; `slides check` says which of them changed since it was built.
SOURCES = (
    "slides/*.css", "slides/*.js", "slides/*.toml", "slides/package-lock.json",
    "authoring/slides.py", "authoring/slide_figures.py", "authoring/slide_print.py", "authoring/leaflets.py",
    "salon/figures/*.py", "salon/widgets/*.js", "salon/widgets/*.css", "salon/widgets/page.html",
    "data/results/ablation.csv", "data/results/differences.csv", "data/results/claims.csv",
    "data/results/fairness.csv", "data/results/real_faces.csv", "data/results/lfw.csv", "data/results/glyphs.csv",
    "data/models/start.safetensors", "data/models/lecture.safetensors", "data/views/*.npz", "data/views/*.json",
    "data/fonts/*.woff2", "data/fonts/*.ttf",
)  # fmt: skip
_BETWEEN = "\n\n---\n\n"
_MARKS = re.compile(
    r"<!-- minutes: talk (\d+), demo (\d+), questions (\d+) \| late: (keep|skip to [\w-]+) "
    r"\| cell: (\w+#[\w-]+) \| id: ([\w-]+)(?: \| route: (\d+))?(?: \| break (\d+))? -->"
)
_COMMENT = re.compile(r"<!--(.*?)-->", re.S)
_DIRECTIVE = re.compile(r" _?(?:class|header|backgroundColor): ")
_FIGURE = re.compile(r"!\[([^\]]*)\]\(figures/([\w-]+)(\.svg|\.webp)\)")
_GUESS = re.compile(r"^\*\*(?:Guess|猜).*?(?:\n\n|\Z)", re.M | re.S)  # its paragraph
_CHOICE = re.compile(r"(?:(?<=\*\* )|(?<=^)|(?<= · ))([A-D]) (.*?)(?= · [A-D] |$)", re.M)
_BOLD = re.compile(r"^#.*$|^\|.*\|$|\*\*.*?\*\*", re.M)  # titles, heads of tables, words
_FORMULA = re.compile(r"\$\$.*?\$\$|\$[^$]+\$", re.S)


@dataclass(frozen=True)
class Slide:
    """One slide: its marks, what is shown (Markdown) and what is spoken."""

    id: str
    talk: int  # minutes, as demo, questions and pause
    demo: int
    questions: int
    pause: int
    late: str  # "keep" or "skip to ID"
    cell: str  # "notebook#cell-id"
    route: int  # the shortest of `ROUTES` that it is in
    directives: tuple[str, ...]  # Marp's own comments
    shown: str
    notes: str

    @property
    def minutes(self) -> int:
        """All its minutes."""
        return self.talk + self.demo + self.questions + self.pause

    @property
    def part(self) -> str:
        """The part of the evening that it belongs to: "00" to "04", or "break"."""
        return "break" if self.pause else self.cell[:2]

    @property
    def figures(self) -> list[tuple[str, str]]:
        """Alternative text and file name of each figure."""
        return [(alt, name + suffix) for alt, name, suffix in _FIGURE.findall(self.shown)]

    @property
    def guess(self) -> str:
        """The paragraph that asks the room, or nothing."""
        found = _GUESS.search(self.shown)
        return found[0].strip() if found else ""

    @property
    def choices(self) -> list[str]:
        """The letters of the choices of its guess."""
        return [letter for letter, _ in _CHOICE.findall(self.guess)]

    @property
    def answer(self) -> str:
        """What stands below the guess, or nothing."""
        found = _GUESS.search(self.shown)
        return self.shown[found.end() :] if found else ""

    @property
    def formulas(self) -> list[str]:
        """Every formula as it is written."""
        return _FORMULA.findall(self.shown)


def folder() -> Path:
    """The folder `slides/` of the checkout; raises `SalonError` where the package came without it."""
    path = data_root().parent / "slides"
    if not path.joinpath("theme.css").exists():
        raise SalonError(f"{path} is no folder with a deck; expected a checkout. Clone the repository, build there.")
    return path


def read(lang: str) -> tuple[str, list[Slide]]:
    """Marp's settings and the slides of one language; raises `SalonError` for a slide without marks or notes."""
    path = folder() / f"salon.{lang}.md"
    settings, _, rest = path.read_text("utf-8").removeprefix("---\n").partition("\n---\n\n")
    return settings, [_slide(part, f"{path.name}, slide {n}") for n, part in enumerate(rest.split(_BETWEEN), 1)]


def _slide(text: str, where: str) -> Slide:
    marks, comments = _MARKS.match(text), _COMMENT.findall(text)
    if marks is None or len(comments) < 2:
        raise SalonError(
            f"{where} begins with {text[:60]!r}; expected its marks in one comment (minutes, late, cell, id), "
            "a blank line before and after each `---`, and a last comment with what is spoken."
        )
    talk, demo, questions, late, cell, name, route, pause = marks.groups()
    return Slide(
        name, int(talk), int(demo), int(questions), int(pause or 0), late, cell, int(route or ROUTES[-1]),
        tuple(comment for comment in comments if _DIRECTIVE.match(comment)),
        _COMMENT.sub("", text).strip(), comments[-1].strip(),
    )  # fmt: skip


def spoken_minutes(notes: str, lang: str) -> float:
    """How long it takes to read notes aloud: 130 English words or 220 Chinese characters a minute."""
    if lang == "en":
        return len(re.findall(r"\S*\w\S*", notes)) / SPEED[lang]
    return len(re.findall(r"[\u4e00-\u9fff]|[A-Za-z]+|\d+(?:\.\d+)?", notes)) / SPEED[lang]


# --- what a deck is made of, ready for Marp


def prepare(lang: str, pictures: dict[str, str], live: dict[str, str]) -> str:
    """The Markdown that Marp reads: numbers filled in, marks in notes and footer, figures in place.

    `pictures` is file name -> HTML (see `draw_figures`), `live` figure -> the page that takes its place on a screen,
    which `finish` puts there.
    """
    settings, slides = read(lang)
    title, ready = slides[0].shown.split("\n")[0].lstrip("# "), []
    for slide in slides:
        notes = f"{_marks_in_words(slide, lang, slides)}\n\n{fill(slide.notes, slide.id)}"
        head = [*slide.directives, f" _footer: '{_cell_link(slide.cell, lang)}' "]
        shown = fill(_shown(slide, pictures, live), slide.id)
        ready.append("\n".join([*(f"<!--{one}-->" for one in head), "", shown, "", f"<!--\n{notes}\n-->"]))
    return f"---\n{settings}\ntitle: {json.dumps(title, ensure_ascii=False)}\n---\n\n" + _BETWEEN.join(ready) + "\n"


def _shown(slide: Slide, pictures: dict[str, str], live: dict[str, str]) -> str:
    """What is shown, with its choices to click, its figures, and what waits for the guess."""
    before, after = slide.shown.removesuffix(slide.answer) if slide.answer else slide.shown, slide.answer
    if slide.guess:
        choice = r'<span class="choice" data-choice="\1" role="button" tabindex="0"><b>\1</b> \2</span>'
        asked = _CHOICE.sub(choice, slide.guess).replace("</span> · ", "</span> ")
        # Choices stay together: on the line of the question, or on the next.
        before = before.replace(slide.guess, asked.replace("<span", '<span class="choices"><span', 1) + "</span>")

    def block(text: str, waits: bool) -> str:
        found = _FIGURE.fullmatch(text.strip())
        if found:
            alt, name, suffix = found.groups()
            return _placed(alt, name, suffix, pictures, live, waits)
        return f'<div class="also">\n\n{text}\n\n</div>' if waits and text.strip() else text

    blocks = [(text, False) for text in before.split("\n\n")] + [(text, True) for text in after.split("\n\n")]
    return "\n\n".join(block(text, waits) for text, waits in blocks if text.strip())


def _placed(alt: str, name: str, suffix: str, pictures: dict[str, str], live: dict[str, str], waits: bool) -> str:
    """A figure: as it stands, alive on a screen, or after the same without its answer; then a key brings it alive."""
    alt = html.escape(alt)
    picture, ask = pictures[name + suffix].replace("ALT", alt, 1), pictures.get(f"{name}_ask{suffix}", "")
    frame = f'<iframe title="{alt}" data-page="{name}"></iframe>' if name in live else ""
    if name.startswith("lit_"):
        return f'<figure class="lit">{picture}</figure>'
    answers = 'class="answer"' in picture
    asked = f'<div class="ask" aria-hidden="true">{ask.replace("ALT", "", 1)}</div>'
    if frame and (name == "explorer" or not (waits and (ask or answers))):  # it tells nothing until it is used
        still = f'{asked}<div class="told">{picture}</div>' if waits and ask else picture
        return f'<figure class="live">{frame}<div class="still">{still}</div></figure>'
    if not waits:
        return f"<figure>{picture}</figure>"
    told = f'{picture}<span data-marpit-fragment="1"></span>'
    if not answers:
        told = f'{asked}<div class="told" data-marpit-fragment="1">{picture}</div>'
    alive = f'<div class="told alive" data-marpit-fragment="2">{frame}</div>' if frame else ""
    return f'<figure class="build">{told}{alive}</figure>'


def _cell_link(cell: str, lang: str) -> str:
    """A link to a cell: in a running JupyterLab if there is one (`deck.js` asks), else to the notebook."""
    name, _, anchor = cell.partition("#")
    path = f"{'zh/' if lang == 'zh' else ''}{name}.ipynb"
    return f'<a href="../../notebooks/{path}" data-lab="{LAB}{path}#cell-id={anchor}">{cell}</a>'


def minutes_of(slides: list[Slide], route: int) -> int:
    """All minutes of the slides that a route has; the break is in the longest alone."""
    return sum(slide.minutes for slide in slides if slide.route <= route)


def _marks_in_words(slide: Slide, lang: str, slides: list[Slide]) -> str:
    """For the presenter, at the head of the notes; without a colon and a space, or Marp would take it for a setting."""
    minutes = {"talk": slide.talk, "demo": slide.demo, "questions": slide.questions, "break": slide.pause}
    parts = [say(f"slides.{name}", lang, n=n) for name, n in minutes.items() if n]
    number = {one.id: n for n, one in enumerate(slides, 1)}
    late = slide.late.removeprefix("skip to ")
    skip = {} if late == "keep" else {"slide": late, "n": number.get(late, "?")}
    parts.append(say("slides.late", lang, **skip) if skip else say("slides.keep", lang))
    before = slides[: number[slide.id] - 1]
    clock = START + minutes_of(before, ROUTES[-1])
    at = [f"{route} → {minutes_of(before, route)}" for route in ROUTES[:-1] if slide.route <= route]
    parts.append(say("slides.clock", lang, clock=f"{clock // 60}:{clock % 60:02d}"))
    parts += [say("slides.routes", lang, at=", ".join(at))] if at else []
    return " · ".join([*parts, slide.cell])


def live_pages(lang: str) -> dict[str, str]:
    """Each living figure as a page of its own: letters for a room, fonts from the deck, keys that go back to it."""
    style, script = (folder().joinpath(f"live.{kind}").read_text("utf-8") for kind in ("css", "js"))
    own = f"<style>{style}</style>\n<script>{script}</script>\n<body>"
    smaller = _widgets(lang)
    pages = {figure: smaller.get(page, PAGES[page])(lang) for figure, page in LIVE.items()}
    return {name: re.sub(r"@font-face \{.*?\}\n?", "", page).replace("<body>", own) for name, page in pages.items()}


def _widgets(lang: str) -> dict[str, Callable[[str], str]]:
    """The pages that are smaller on slides: faces that two of them share, thumbnails of fewer bytes."""
    explorer = ConfidenceExplorer(load("lecture"), split_people("test", 14)[[4]], lang=lang)
    two, hole, features = TwoFaces(lang=lang), BlackHole(lang=lang), FeatureMap(lang=lang)
    explorer.faces = two.faces
    hole.data = hole.data | _thumbnails(hole.data, len(hole.data["kind"]), 48, 30)
    features.data = features.data | _thumbnails(features.data, len(features.data["kinds"]), 36, 30)
    return {"explorer": explorer.page, "two": two.page, "hole": hole.page, "map": features.page}


def _thumbnails(data: dict[str, Any], count: int, size: int, quality: int) -> dict[str, Any]:
    """The `count` faces of a widget's sprite with fewer pixels a side, and WebP of a lower quality."""
    file = io.BytesIO(base64.b64decode(data["sprite"].partition(",")[2]))
    faces = from_webp(file, data["thumb"], count) / 255
    small = F.interpolate(faces, (size, size), mode="bilinear", antialias=True)
    webp = to_webp(small, math.ceil(math.sqrt(count)), quality=quality, method=6)
    return {"sprite": data_uri(webp), "thumb": size}


def figure_names() -> list[str]:
    """The files of all figures of both decks, in order."""
    slides = (slide for lang in LANGUAGES for slide in read(lang)[1])
    return list(dict.fromkeys(name for slide in slides for _, name in slide.figures))


def draw_figures(lang: str) -> dict[str, str]:
    """Draw every figure into `slides/figures/LANG/`; file name -> HTML with ALT where its words belong.

    A picture with an answer comes twice: NAME_ask is the same without it.
    """
    from authoring.slide_figures import save

    target = folder() / "figures" / lang
    pictures: dict[str, str] = {}
    target.mkdir(parents=True, exist_ok=True)
    for name in figure_names():
        print(f"drawing {lang}/{name}", flush=True)
        pictures |= {file.name: _inline(file) for file in save(Path(name).stem, target / name, lang)}
    return pictures


def _inline(file: Path) -> str:
    """A drawn file as HTML that needs no other file."""
    if file.suffix == ".svg":
        return file.read_text("utf-8")
    return f'<img alt="ALT" src="data:image/webp;base64,{base64.b64encode(file.read_bytes()).decode()}">'


# --- Marp


def build() -> list[Path]:
    """Write all of `slides/dist`; raises `SalonError` where Node, Marp or Chromium is missing."""
    from authoring.slide_print import write_pdfs

    marp, browser, written = find_marp(), find_browser(), []
    for lang in LANGUAGES:
        pages = live_pages(lang)
        written.append(_marp(marp, browser, prepare(lang, draw_figures(lang), pages), lang, pages))
    written += write_pdfs()
    write_whole(folder() / "dist" / "sources.json", (json.dumps(sources(), indent=1) + "\n").encode())
    return written


def faces(lang: str, text: str, bold: str | None = None) -> str:
    """CSS that brings the fonts of a deck, the Chinese ones with no more than the characters of `text` and `bold`."""
    css = font_faces(*FONTS[lang])
    for name, needed in (("han", text), ("han-bold", text if bold is None else bold)):
        whole = data_root() / "fonts" / f"{name}.woff2"
        if name in FONTS[lang]:
            before, after = (base64.b64encode(each).decode() for each in (whole.read_bytes(), _cut(whole, needed)))
            css = css.replace(before, after)
    return css


def _cut(whole: Path, text: str) -> bytes:
    """A font with no more than the characters of a text."""
    options = subset.Options(flavor="woff2", layout_features=["kern"])
    font, cutter, small = subset.load_font(str(whole), options), subset.Subsetter(options), io.BytesIO()
    cutter.populate(text=text)
    cutter.subset(font)
    subset.save_font(font, small, options)
    return small.getvalue()


def finish(page: str, lang: str, pages: dict[str, str] | None = None) -> str:
    """What Marp wrote, with our script before its own, each picture and letter of a formula once, and `pages`."""
    slides = read(lang)[1]
    routes = {route: [n for n, slide in enumerate(slides) if slide.route <= route] for route in ROUTES}
    script = folder().joinpath("deck.js").read_text("utf-8").replace("ROUTES", json.dumps(routes))
    script = script.replace("WORDS", json.dumps({"back": say("slides.back", lang, time="{time}")}, ensure_ascii=False))
    page = re.sub(r' data-(?:mml-node|c|latex|mjx-texclass|semantic-[a-z]+)="[^"]*"', "", page)
    letters: dict[str, str] = {}
    pictures: dict[str, str] = {}

    def letter(found: re.Match) -> str:
        return f'<use href="#{letters.setdefault(found[1], f"letter-{len(letters)}")}"></use>'

    page = re.sub(
        r"<mjx-container.*?</mjx-container>",
        lambda formula: re.sub(r'<path d="([^"]+)"></path>', letter, formula[0]),
        page,
        flags=re.S,
    )

    def first(found: re.Match) -> str:
        if found[0] in pictures:
            return f'data-same="{pictures[found[0]]}"'
        pictures[found[0]] = f"picture-{len(pictures)}"
        return f'id="{pictures[found[0]]}" {found[0]}'

    page = re.sub(r'src="data:image/webp;base64,[^"]+"', first, page)
    drawn = "".join(f'<path id="{name}" d="{path}"></path>' for path, name in letters.items())
    once = f'<svg style="display: none" aria-hidden="true"><defs>{drawn}</defs></svg>'
    # The letters stand after the slides, where no route takes them away; our script runs before Marp's.
    before, marps, after = page.rpartition("<script>")
    living = f'<script type="application/json" id="living">{_together(pages or {})}</script>'
    return f"{before}{once}{living}<script>{script}</script>{marps}{after}"


def _together(pages: dict[str, str]) -> str:
    """Pages as JSON for `deck.js`, each line and each long run of bytes once: they share style, script and network."""
    numbers: dict[str, int] = {}
    cut = re.compile(r"([\w+/=]{1000,})|(?<=\n)", re.A)
    made = {name: [numbers.setdefault(part, len(numbers)) for part in cut.split(page) if part]
            for name, page in pages.items()}  # fmt: skip
    found = {"pages": made, "parts": [*numbers]}
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def find_marp() -> list[str]:
    """How Marp is called; raises `SalonError` for a missing or old Node and for a missing Marp."""
    node = shutil.which("node")
    said = subprocess.run([node, "--version"], capture_output=True, text=True).stdout.strip() if node else "none"
    number = re.match(r"v(\d+)", said)
    if node is None or number is None or int(number[1]) < NODE:
        raise SalonError(
            f"Node {said} was found; the deck is built with Node {NODE} or later. Install it from your system "
            "(`apt install nodejs npm`, `brew install node`), then: make slides. To show the deck nothing is needed: "
            "open slides/dist/salon.en.html."
        )
    script = folder() / "node_modules" / "@marp-team" / "marp-cli" / "marp-cli.js"
    if not script.exists():
        raise SalonError(f"Marp is missing from {folder() / 'node_modules'}. Install it: npm ci --prefix slides")
    return [node, str(script)]


def find_browser() -> str:
    """The Chromium that prints the PDF: `CHROME_PATH`, else on the PATH; raises `SalonError` for none."""
    path = os.environ.get("CHROME_PATH") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None or not Path(path).exists():
        raise SalonError(
            f"Chromium was looked for in CHROME_PATH ({path or 'not set'}) and on the PATH, and is not there; it "
            "prints the PDF. Install it (`apt install chromium`, `brew install --cask chromium`), or name one: "
            "CHROME_PATH=/path/to/chrome make slides"
        )
    return path


def without_fonts() -> dict[str, str]:
    """The environment in which Chromium finds no font of its machine: what is drawn is what the deck brings along."""
    return {**os.environ, "FONTCONFIG_FILE": str(data_root().parent / "tests" / "offline" / "fonts.conf")}


def _marp(marp: list[str], browser: str, markdown: str, lang: str, pages: dict[str, str]) -> Path:
    """One run of Marp on prepared Markdown."""
    name = f"salon.{lang}.html"
    out = folder() / "dist" / name
    out.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        source, theme, target = (Path(scratch) / part for part in ("deck.md", "theme.css", name))
        source.write_text(markdown, "utf-8")
        bold = "".join(_BOLD.findall(markdown)) + say("slides.back", lang, time=":") + string.digits
        fonts = faces(lang, markdown + "".join(pages.values()), bold)
        theme.write_text(folder().joinpath("theme.css").read_text("utf-8") + fonts, "utf-8")
        command = [*marp, str(source), "-o", str(target), "--theme-set", str(theme), "--no-stdin",
                   "--allow-local-files", "--no-config-file", "--html"]  # fmt: skip
        environment = without_fonts() | {"CHROME_PATH": browser}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode or not target.exists():
            raise SalonError(f"Marp did not write {name}. It said:\n{done.stderr[-2000:]}")
        write_whole(out, finish(target.read_text("utf-8"), lang, pages).encode())
    return out


# --- is what is stored still what the sources say?


def sources() -> dict[str, str]:
    """What the deck is made of, each with the beginning of its SHA-256: files, and what the explorer is made of."""
    root = folder().parent
    named = [path for pattern in SOURCES for path in sorted(root.glob(pattern))]
    found = {path.relative_to(root).as_posix(): path.read_bytes() for path in named}
    for lang in LANGUAGES:
        found[f"slides/salon.{lang}.md"] = prepare(lang, dict.fromkeys(figure_names(), ""), {}).encode()
        found[f"words of widgets, {lang}"] = "\n".join(str(words(room, lang)) for room in LIVE.values()).encode()
    return {name: hashlib.sha256(content).hexdigest()[:16] for name, content in found.items()}


def stale() -> list[str]:
    """The sources that changed since `slides/dist` was built."""
    path = folder() / "dist" / "sources.json"
    built, now = json.loads(path.read_text("utf-8")) if path.exists() else {}, sources()
    return [name for name in {**built, **now} if built.get(name) != now.get(name)]
