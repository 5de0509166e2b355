"""The deck: Markdown with marks, in two languages, becomes HTML and PDF by Marp.

A slide begins with its marks, `<!-- minutes: talk 2, demo 0, questions 1 | late: keep | cell: 01_background#top |
id: wild -->`, and ends with a comment that is spoken. `{{…}}` is a stored number (`authoring.slide_numbers`).
What stands below a guess comes with the next key press in the HTML; the PDF shows everything.
"""

import base64
import hashlib
import html
import json
import os
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from authoring.slide_numbers import fill
from salon.paths import data_root, write_whole
from salon.training.shipped import load
from salon.widgets.explorer import ConfidenceExplorer
from salon.widgets.host import font_faces, source, words
from salon.words import LANGUAGES, SalonError, say

SPEED = {"en": 130, "zh": 220}  # words, characters a minute
NODE = 20  # the oldest version that Marp runs on
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
FONTS = ("latin", "latin-bold", "han", "han-bold", "mono")  # of data/fonts
LIVE = "explorer"  # the figure that moves in the HTML deck
# What is in a deck beside its Markdown; `slides check` says which of them changed since it was built.
SOURCES = (
    "slides/theme.css", "slides/explorer.*", "slides/package-lock.json",
    "authoring/slides.py", "authoring/slide_figures.py", "salon/figures/*.py",
    "data/results/ablation.csv", "data/results/differences.csv", "data/results/claims.csv",
    "data/models/start.safetensors", "data/models/lecture.safetensors",
    "data/fonts/*.woff2", "data/fonts/*.ttf",
)  # fmt: skip
_BETWEEN = "\n\n---\n\n"
_MARKS = re.compile(
    r"<!-- minutes: talk (\d+), demo (\d+), questions (\d+) \| late: (keep|skip to [\w-]+) "
    r"\| cell: (\w+#[\w-]+) \| id: ([\w-]+)(?: \| break (\d+))? -->"
)
_COMMENT = re.compile(r"<!--(.*?)-->", re.S)
_DIRECTIVE = re.compile(r" _?(?:class|header|backgroundColor): ")
_FIGURE = re.compile(r"!\[([^\]]*)\]\(figures/([\w-]+)(\.png|\.jpg)\)")
_GUESS = re.compile(r"^\*\*[^*\n]*(?:Guess|猜).*?\n\n", re.M | re.S)  # its paragraph, if something follows
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
    talk, demo, questions, late, cell, name, pause = marks.groups()
    return Slide(
        name, int(talk), int(demo), int(questions), int(pause or 0), late, cell,
        tuple(comment for comment in comments if _DIRECTIVE.match(comment)),
        _COMMENT.sub("", text).strip(), comments[-1].strip(),
    )  # fmt: skip


def spoken_minutes(notes: str, lang: str) -> float:
    """How long it takes to read notes aloud: 130 English words or 220 Chinese characters a minute."""
    if lang == "en":
        return len(re.findall(r"\S*\w\S*", notes)) / SPEED[lang]
    return len(re.findall(r"[\u4e00-\u9fff]|[A-Za-z]+|\d+(?:\.\d+)?", notes)) / SPEED[lang]


# --- what a deck is made of, ready for Marp


def prepare(lang: str, pictures: dict[str, str], live: str = "") -> str:
    """The Markdown that Marp reads: numbers filled in, marks in notes and footer, figures as data URIs.

    `pictures` is file name -> data URI; `live`, if given, is the page that takes the explorer's place.
    """
    settings, slides = read(lang)
    title = slides[0].shown.split("\n")[0].lstrip("# ")
    numbers, ready = {slide.id: n for n, slide in enumerate(slides, 1)}, []
    for slide in slides:
        shown = fill(_guess_first(slide) if live else slide.shown, slide.id)
        shown = _FIGURE.sub(lambda found: _placed(found, pictures, live), shown)
        notes = f"{_marks_in_words(slide, lang, numbers)}\n\n{fill(slide.notes, slide.id)}"
        head = [*slide.directives, f' _footer: "{slide.cell}" ']
        ready.append("\n".join([*(f"<!--{one}-->" for one in head), "", shown, "", f"<!--\n{notes}\n-->"]))
    return f"---\n{settings}\ntitle: {json.dumps(title, ensure_ascii=False)}\n---\n\n" + _BETWEEN.join(ready) + "\n"


def _guess_first(slide: Slide) -> str:
    """What is shown, the answer to its guess as one of Marp's fragments."""
    if not slide.answer:
        return slide.shown
    question = slide.shown.removesuffix(slide.answer)
    return f'{question}<div data-marpit-fragment="1">\n\n{slide.answer}\n\n</div>'


def _placed(found: re.Match, pictures: dict[str, str], live: str) -> str:
    alt, name, suffix = found.groups()
    if name == LIVE and live:
        page = html.escape(live).replace("\n", "&#10;")
        return f'<iframe title="{html.escape(alt)}" srcdoc="{page}"></iframe>'
    return f"![{alt}]({pictures[name + suffix]})"


def _marks_in_words(slide: Slide, lang: str, numbers: dict[str, int]) -> str:
    """For the presenter, at the head of the notes; without a colon, or Marp would take it for a setting."""
    minutes = {"talk": slide.talk, "demo": slide.demo, "questions": slide.questions, "break": slide.pause}
    parts = [say(f"slides.{name}", lang, n=n) for name, n in minutes.items() if n]
    late = slide.late.removeprefix("skip to ")
    skip = {} if late == "keep" else {"slide": late, "n": numbers.get(late, "?")}
    parts.append(say("slides.skip", lang, **skip) if skip else say("slides.keep", lang))
    return " · ".join([*parts, slide.cell])


def live_page(lang: str) -> str:
    """The confidence explorer as a page of its own, with letters for a room, and its keys for the deck."""
    page = ConfidenceExplorer(load("lecture"), lang=lang).page()
    style, script = (folder().joinpath(f"explorer.{kind}").read_text("utf-8") for kind in ("css", "js"))
    return page.replace("<body>", f"<style>{style}</style>\n<script>{script}</script>\n<body>")


def figure_names() -> list[str]:
    """The files of all figures of both decks, in order."""
    slides = (slide for lang in LANGUAGES for slide in read(lang)[1])
    return list(dict.fromkeys(name for slide in slides for _, name in slide.figures))


def draw_figures() -> dict[str, str]:
    """Draw every figure into `slides/figures/`; file name -> data URI."""
    from authoring.slide_figures import save

    target = folder() / "figures"
    target.mkdir(exist_ok=True)
    pictures = {}
    for name in figure_names():
        print(f"drawing {name}", flush=True)
        save(Path(name).stem, target / name)
        kind = {".png": "png", ".jpg": "jpeg"}[Path(name).suffix]
        pictures[name] = f"data:image/{kind};base64,{base64.b64encode((target / name).read_bytes()).decode()}"
    return pictures


# --- Marp


def build() -> list[Path]:
    """Write `slides/dist/salon.LANG.html` and `.pdf`; raises `SalonError` where Node, Marp or Chromium is missing."""
    marp, browser = find_marp(), find_browser()
    pictures, written = draw_figures(), []
    for lang in LANGUAGES:
        moving = prepare(lang, pictures, live_page(lang))
        written.append(_marp(marp, browser, moving, f"salon.{lang}.html", "--html"))
        written.append(_marp(marp, browser, prepare(lang, pictures), f"salon.{lang}.pdf", "--pdf", "--pdf-outlines"))
    write_whole(folder() / "dist" / "sources.json", (json.dumps(sources(), indent=1) + "\n").encode())
    return written


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


def _marp(marp: list[str], browser: str, markdown: str, name: str, *options: str) -> Path:
    """One run of Marp on prepared Markdown."""
    out = folder() / "dist" / name
    out.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        source, theme, target = (Path(scratch) / part for part in ("deck.md", "theme.css", name))
        source.write_text(markdown, "utf-8")
        theme.write_text(folder().joinpath("theme.css").read_text("utf-8") + font_faces(*FONTS), "utf-8")
        command = [*marp, str(source), "-o", str(target), "--theme-set", str(theme), "--no-stdin",
                   "--allow-local-files", "--no-config-file", *options]  # fmt: skip
        environment = without_fonts() | {"CHROME_PATH": browser}
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode or not target.exists():
            raise SalonError(f"Marp did not write {name}. It said:\n{done.stderr[-2000:]}")
        write_whole(out, target.read_bytes())
    return out


# --- is what is stored still what the sources say?


def sources() -> dict[str, str]:
    """What the deck is made of, each with the beginning of its SHA-256: files, and what the explorer is made of."""
    root = folder().parent
    named = [path for pattern in SOURCES for path in sorted(root.glob(pattern))]
    found = {path.relative_to(root).as_posix(): path.read_bytes() for path in named}
    for lang in LANGUAGES:
        found[f"slides/salon.{lang}.md"] = prepare(lang, dict.fromkeys(figure_names(), "")).encode()
        shown = [ConfidenceExplorer._esm, source("salon.css", "page.html"), str(words("explorer", lang))]
        found[f"explorer, {lang}"] = "\n".join(shown).encode()  # its faces are drawn, each CPU rounds in its own way
    return {name: hashlib.sha256(content).hexdigest()[:16] for name, content in found.items()}


def stale() -> list[str]:
    """The sources that changed since `slides/dist` was built."""
    path = folder() / "dist" / "sources.json"
    built, now = json.loads(path.read_text("utf-8")) if path.exists() else {}, sources()
    return [name for name in {**built, **now} if built.get(name) != now.get(name)]
