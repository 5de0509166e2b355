"""The lecture as static pages: both editions from the executed notebooks, by Sphinx; nothing is executed.

Notebooks and documents are laid out for Sphinx as they lie in the repository, each edition's under the same names,
so that a link from one language to the other is the same page; `docs/site` says how they look.
"""

import html
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import salon.widgets
from authoring.notebooks import find, write
from salon.lecture.views import CLASSES, write_page
from salon.paths import data_path
from salon.words import SalonError, say

ROOT = Path(__file__).resolve().parent.parent
LOOK = ROOT / "docs" / "site"
EDITIONS = {"en": ("en", ""), "zh": ("zh_CN", ".zh")}  # Sphinx's language; what stands before .md
DOCUMENTS = ("docs/platforms", "docs/faults", "docs/glossary", "data/README", "CONTRIBUTING")
NEEDED = ("sphinx", "myst-nb", "sphinx-book-theme", "sphinx-mathjax-offline")
_FONTS = ("latin.woff2", "latin-bold.woff2", "han.woff2", "han-bold.woff2", "mono.woff2", "OFL.txt")
_MATHJAX = ("tex-chtml.js", "ui/lazy.js", "output/chtml/fonts/woff-v2")
_FRAME = '<iframe class="salon" src="../widgets/{page}.html" title="{title}" sandbox="allow-scripts"></iframe>'
# At the end of a widget's page: its frame learns how tall it is, and it whether to be dark (docs/site/site.js).
_IN_FRAME = """<style>body { margin: 0; }</style>
<script>
addEventListener("message", ({ data }) => { document.documentElement.style.colorScheme = data.scheme; });
new ResizeObserver(() => parent.postMessage({ height: document.documentElement.offsetHeight }, "*"))
  .observe(document.documentElement);
</script>
"""


def write_site(out: Path) -> Path:
    """Write the site into `out`, a new folder, an empty one or an older site; returns its first page.

    Raises `SalonError` where Sphinx is missing or complains; an older site then stays.
    """
    check(out)
    out.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=out.parent, prefix=".site-") as folder:
        work, made = Path(folder), Path(folder) / "made"
        sources = {lang: write_sources(work / lang, lang) for lang in EDITIONS}
        build(sources, made)
        write_beside(made)
        if out.exists():
            shutil.rmtree(out)
        made.rename(out)
    return out / "index.html"


def check(out: Path) -> None:
    """Raises `SalonError` where a package is missing, or `out` holds something else than a site."""
    try:
        for name in NEEDED:
            metadata.distribution(name)
    except metadata.PackageNotFoundError as error:
        raise SalonError(f'{error.name} is missing; install it with pip install -e ".[site]".') from error
    if out.exists() and not (out / "en" / "searchindex.js").exists() and (out.is_file() or any(out.iterdir())):
        raise SalonError(f"{out} holds something else than a site; expected a new or an empty folder.")


# ---- what Sphinx reads


def write_sources(folder: Path, lang: str) -> Path:
    """Lay out an edition's notebooks, documents and reference under `folder`; returns it."""
    (folder / "notebooks").mkdir(parents=True)
    notebooks = [path for path in find([]) if (path.parent.name == "zh") == (lang == "zh")]
    for path in notebooks:
        write(folder / "notebooks" / path.name, for_page(path))
    for name in DOCUMENTS:
        _write(folder / f"{name}.md", _linked(_document(name, lang)))
    for picture in (ROOT / "docs" / "picture.png", ROOT / "docs" / f"explorer.{lang}.webp"):
        shutil.copy(picture, folder / "docs")
    _write(folder / "runsheet.md", (ROOT / "slides" / f"runsheet.{lang}.md").read_text("utf-8"))
    _write(folder / "slides.md", slides_page(lang))
    rooms = [_write(folder / "reference" / f"{room}.rst", text) for room, text in reference(lang)]
    _write(folder / "index.md", front_page(lang, [path.stem for path in notebooks], [room.stem for room in rooms]))
    return folder


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def _document(name: str, lang: str) -> str:
    """A document in its language, or in English where it has but one."""
    path = ROOT / f"{name}{EDITIONS[lang][1]}.md"
    return (path if path.exists() else ROOT / f"{name}.md").read_text("utf-8")


def _linked(text: str) -> str:
    """With links as the site has them: one language, the decks beside both editions, modules in the reference."""
    text = re.sub(r"^\[[^]]*\]\(README(\.zh)?\.md\)\n", "", text, flags=re.MULTILINE)  # each page has its own
    text = re.sub(r"\[([^]]*)\]\(slides/dist/([^)]*)\)", r'<a href="../slides/\2">\1</a>', text)
    text = re.sub(r"\]\(slides/runsheet\.\w+\.md\)", "](runsheet.md)", text)
    text = re.sub(r"\]\(([\w/]+)\.zh\.md\)", r"](\1.md)", text)
    return re.sub(r"^\| `(\d\d_\w+)`", r"| [`\1`](notebooks/\1.ipynb)", text, flags=re.MULTILINE)


def for_page(path: Path) -> Any:
    """A notebook with its pictures' alternative texts where MyST-NB looks for them, and each widget alive."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    for cell in notebook.cells:
        for output in (output for output in cell.get("outputs", ()) if "data" in output):
            alt = output.metadata.get("image/png", {}).get("alt", "")
            page = page_of(output.data.get("text/plain", ""))
            if page:
                output.data = {"text/html": _FRAME.format(page=page, title=html.escape(alt))}
            elif alt:
                cell.metadata["mystnb"] = {"image": {"alt": alt}}
    return notebook


def page_of(text: str) -> str | None:
    """The page of a widget that a notebook keeps as "FeatureMap()"; raises `SalonError` where it has none."""
    match = re.fullmatch(r"(\w+)\(\)", text)
    if not match or not hasattr(salon.widgets, match[1]):
        return None
    if match[1] not in CLASSES:
        raise SalonError(f"The widget {match[1]} has no page; expected it in CLASSES of salon/lecture/views.py.")
    return CLASSES[match[1]]


def front_page(lang: str, notebooks: list[str], rooms: list[str]) -> str:
    """README, and the table of contents of the whole edition."""
    contents = {
        "lecture": [f"notebooks/{name}" for name in notebooks],
        "beside": ["slides", "runsheet", *DOCUMENTS[:3]],
        "package": [*(f"reference/{room}" for room in rooms), *DOCUMENTS[3:]],
    }
    trees = [
        "\n".join(["```{toctree}", ":hidden:", f":caption: {say(f'site.{part}', lang)}", "", *pages, "```"])
        for part, pages in contents.items()
    ]
    return "\n\n".join([_linked(_document("README", lang)), *trees])


def slides_page(lang: str) -> str:
    """The deck in a frame, and as files."""
    deck = f"../slides/salon.{lang}"
    frame = f'<iframe class="salon-deck" src="{deck}.html" title="{say("site.slides", lang)}" loading="lazy"></iframe>'
    links = f'<a href="{deck}.html">HTML</a> ({say("site.window", lang)}) · <a href="{deck}.pdf">PDF</a>'
    return f"# {say('site.slides', lang)}\n\n{frame}\n\n{links}\n"


def reference(lang: str) -> Iterator[tuple[str, str]]:
    """Name and page of each room of the package, its modules one after the other."""
    for folder in sorted(path.parent for path in (ROOT / "salon").glob("*/__init__.py")):
        room, lines = f"salon.{folder.name}", []
        for path in sorted(folder.glob("*.py")):
            module = room if path.stem == "__init__" else f"{room}.{path.stem}"
            title = [] if module == room else [module, "-" * len(module), ""]
            lines += [*title, f".. automodule:: {module}", *(["   :members:"] if title else []), ""]
        yield room, "\n".join([room, "=" * len(room), "", say("site.reference", lang), "", *lines])


# ---- what Sphinx makes, and what lies beside it


def build(sources: dict[str, Path], out: Path) -> None:
    """Run Sphinx on each edition, side by side; raises `SalonError` with what it complained of."""
    runs = {}
    for lang, folder in sources.items():
        settings = {"language": EDITIONS[lang][0], "project": "Salon", "html_title": say("site.title", lang)}
        options = [f"-D{name}={value}" for name, value in settings.items()]
        command: list[str | Path] = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-c", LOOK, *options]
        command += ["-d", folder.with_name(f"{lang}-doctrees"), folder, out / lang]
        runs[lang] = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    said = {lang: process.communicate()[1] for lang, process in runs.items()}
    if any(process.returncode for process in runs.values()):
        raise SalonError("Sphinx complained:\n" + "\n".join(said.values()))


def write_beside(out: Path) -> None:
    """Widgets and formulas of each edition, the decks, the licences and the page that chooses the language."""
    mathjax = Path(str(metadata.distribution("sphinx-mathjax-offline").locate_file("sphinx-mathjax-offline")))
    for lang in EDITIONS:
        static = out / lang / "_static"
        (static / "fonts").mkdir()
        for path in (LOOK / "site.css", LOOK / "site.js", *(data_path("fonts", name) for name in _FONTS)):
            shutil.copy(path, static / ("fonts" if path.name in _FONTS else ""))
        for name in _MATHJAX:
            source = mathjax / "static" / "mathjax" / name
            copy = shutil.copytree if source.is_dir() else shutil.copy
            (static / "mathjax" / name).parent.mkdir(parents=True, exist_ok=True)
            copy(source, static / "mathjax" / name)
        for path in static.rglob("*.map"):
            path.unlink()
        for unread in (static / "locales", out / lang / "_sources", out / "jupyter_execute"):
            shutil.rmtree(unread, ignore_errors=True)
        write_widgets(out / lang / "widgets", lang)
    shutil.copytree(ROOT / "slides" / "dist", out / "slides", ignore=shutil.ignore_patterns("*.json"))
    for deck in (out / "slides").glob("salon.*.html"):
        lang = deck.name.split(".")[1]
        page = re.sub(
            r"\.\./\.\./notebooks/(?:zh/)?(\w+)\.ipynb", rf"../{lang}/notebooks/\1.html", deck.read_text("utf-8")
        )
        deck.write_text(page, "utf-8")
    for path in (LOOK / "index.html", ROOT / "LICENSE", ROOT / "LICENSE-DATA"):
        shutil.copy(path, out)


def write_widgets(folder: Path, lang: str) -> None:
    """Every widget of the lecture as a page that tells its frame how tall it is."""
    folder.mkdir()
    for name in CLASSES.values():
        write_page(name, folder / f"{name}.html", lang)
        with (folder / f"{name}.html").open("a", encoding="utf-8") as file:
            file.write(_IN_FRAME)
