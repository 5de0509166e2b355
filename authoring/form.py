"""The form of a notebook: rules that each name what is wrong in one sentence."""

import base64
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

LIMIT = 25  # lines of a code cell; the norm is 12
WORD = re.compile(r"[\u4e00-\u9fff]{2}|[^\s\u4e00-\u9fff]+")  # two characters of Chinese count as one
ALT = 8  # words of an alt text at least: what is seen, not only what the picture is called
WIDGET = "application/vnd.jupyter.widget-view+json"
# Minutes of the core path: the notebooks, and a break after part 2. Two hours in all.
CORE_MINUTES = {"00_start_here": 7, "01_background": 23, "02_algorithm": 34, "03_experiments": 30, "04_discussion": 18}
BREAK_MINUTES = 8
KEPT = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
TAGS = {"nbval-ignore-output"}  # each cell that has one says why: `# not compared: …`
FIRST = re.compile(r'from salon import lecture\nlecture\.setup\("(en|zh)"\)')
# Texts that differ between machines or runs, or that only a forgotten variable at a cell's end leaves.
_UNWANTED = re.compile(r"0x[0-9a-f]{6,}|/(?:home|root|tmp|Users)/|https?://|tensor\(|<(?:Axes|Figure)|Warning:")
_MINUTES = re.compile(r"(\d+) ?(?:min|分钟)")
_EXTRA = re.compile(r"extra|选读")
_FOLDED = re.compile(r"<details>.*?</details>", re.DOTALL)
FENCED = re.compile(r"```.*?```", re.DOTALL)
_FORMULA = re.compile(r"\$\$.+?\$\$|(?<!\$)\$[^$\n]+\$(?!\$)", re.DOTALL)
_CODE = re.compile(r"`[^`\n]+`")
_LINK = re.compile(r"\]\(((?:[^()\s]|\([^()\s]*\))+)\)")
_MEASURED = re.compile(r"(?<![\w.])(\d+\.\d+)|(?<![\w.])(\d+)(?= ?(?:%|points|percent|个百分点))")
_SOURCE = re.compile(r"\]\(http|\bSources?:|来源：")

Rule = Callable[[Any, Path], Iterator[str]]


def complaints(notebook: Any, path: Path) -> list[str]:
    """What is wrong with a notebook's form, one sentence each; an empty list is what we want."""
    return [text for rule in RULES for text in rule(notebook, path)]


def codes(notebook: Any) -> list:
    """The code cells."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook: Any) -> list:
    """The Markdown cells."""
    return [cell for cell in notebook.cells if cell.cell_type == "markdown"]


def headings(text: str) -> list[str]:
    """The Markdown headings of a text, code blocks aside."""
    return [line for line in FENCED.sub("", text).split("\n") if re.match(r"#{1,6} ", line)]


def formulas(text: str) -> list[str]:
    """The formulas of a text, in `$` or `$$`, code aside."""
    return _FORMULA.findall(_CODE.sub("", FENCED.sub("", text)))


def spans(text: str) -> list[str]:
    """The pieces of a text in code type."""
    return _CODE.findall(FENCED.sub("", text))


def links(text: str) -> list[str]:
    """The targets of a text's links and pictures."""
    return _LINK.findall(FENCED.sub("", text))


def decimals(text: str) -> list[str]:
    """The decimal numbers and percentages of a text, code and formulas aside."""
    for pattern in (FENCED, _FORMULA, _CODE):
        text = pattern.sub(" ", text)
    return [found[1] or found[2] for found in _MEASURED.finditer(text)]


def without_formulas(text: str) -> str:
    """The text with an x for each formula."""
    return _FORMULA.sub(" x ", text)


def stated(heading: str) -> int:
    """The minutes that a heading says, or 0."""
    found = _MINUTES.search(heading)
    return int(found[1]) if found else 0


def is_extra(heading: str) -> bool:
    """Whether a section is none of the core path."""
    return bool(_EXTRA.search(heading))


def core_minutes(notebook: Any) -> int:
    """The minutes of all sections that are not marked as extra."""
    sections = [line for cell in prose(notebook) for line in headings(cell.source) if line.startswith("## ")]
    return sum(stated(line) for line in sections if not is_extra(line))


def shown(cell: Any) -> str:
    """All text that a code cell shows."""
    outputs = cell.get("outputs", ())
    texts = [[o.get("text", ""), *(v for k, v in o.get("data", {}).items() if k.startswith("text/"))] for o in outputs]
    return "".join(text for found in texts for text in found)


def pictures(cell: Any) -> list:
    """The PNGs that a code cell shows, as PIL reads them."""
    return [
        _picture(output.data["image/png"])
        for output in cell.get("outputs", ())
        if "image/png" in output.get("data", {})
    ]


def labels(cell: Any) -> str:
    """All that is written in the tables and pictures of a code cell."""
    texts = [picture.info.get("Description", "") for picture in pictures(cell)]
    for output in cell.get("outputs", ()):
        alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
        texts += [alt, output.get("data", {}).get("text/markdown", "")]
    return "\n".join(texts)


def _picture(png: str) -> Any:
    from PIL import Image

    return Image.open(io.BytesIO(base64.b64decode(png)))


def _code_is_short_and_plain(notebook: Any, path: Path) -> Iterator[str]:
    cells = codes(notebook)
    if not cells or not FIRST.fullmatch(cells[0].source):
        yield 'the first code cell is not exactly `from salon import lecture`, `lecture.setup("en")`'
    for cell in cells:
        lines = cell.source.split("\n")
        if len(lines) > LIMIT:
            yield f"cell {cell.id} has {len(lines)} lines; {LIMIT} are the limit"
        if any(line.lstrip().startswith(("!", "%")) for line in lines):
            yield f"cell {cell.id} has a shell line or a magic"


def _prose_comes_first(notebook: Any, path: Path) -> Iterator[str]:
    for before, cell in zip([None, *notebook.cells], notebook.cells, strict=False):
        if cell.cell_type == "code" and (before is None or before.cell_type != "markdown"):
            yield f"cell {cell.id} has no prose before it"


def _run_in_order(notebook: Any, path: Path) -> Iterator[str]:
    counts = [cell.execution_count for cell in codes(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"the execution counts are {counts}; run it with `python -m authoring notebooks run {path.stem}`"


def _outputs_are_clean(notebook: Any, path: Path) -> Iterator[str]:
    for cell in codes(notebook):
        for output in cell.outputs:
            if output.output_type == "error" or output.get("name") == "stderr":
                yield f"cell {cell.id} stored an error or a warning"
            data = output.get("data", {})
            if WIDGET in data or ("image/png" in data and _is_blank(data["image/png"])):
                yield f"cell {cell.id} keeps a widget's state or an empty picture"
            if "image/svg+xml" in data:
                yield f"cell {cell.id} keeps an SVG, whose bytes differ from run to run; show a PNG"
            alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
            if "image/png" in data and len(WORD.findall(alt)) < ALT and "salon.widgets" not in cell.source:
                yield f"cell {cell.id} shows a picture whose alt text does not say what is seen in it"
        if found := _UNWANTED.search(shown(cell)):
            yield f"cell {cell.id} shows {found[0]!r}, which no reader needs"


def _is_blank(png: str) -> bool:
    low, high = _picture(png).convert("L").getextrema()
    return low == high


def _metadata_is_bare(notebook: Any, path: Path) -> Iterator[str]:
    extra = [cell.id for cell in notebook.cells if set(cell.metadata) - {"tags"}]
    if notebook.metadata != KEPT or extra:
        yield f"metadata are left (cells {extra}); `python -m authoring notebooks run` strips them"
    for cell in notebook.cells:
        tags = set(cell.metadata.get("tags", ()))
        if tags - TAGS:
            yield f"cell {cell.id} is tagged {sorted(tags - TAGS)}, which hides or skips something"
        if tags & TAGS and "# not compared: " not in cell.source:
            yield f"cell {cell.id} is not compared by nbval and does not say why (`# not compared: …`)"


def _didactic_frame(notebook: Any, path: Path) -> Iterator[str]:
    texts = [cell.source for cell in prose(notebook)]
    sections = [line for text in texts for line in headings(text) if line.startswith("## ")]
    if not texts[0].startswith("# ") or not _MINUTES.search(texts[0]):
        yield "the top does not give a title and the minutes"
    yield from (f"{line!r} does not say its minutes" for line in sections if not _MINUTES.search(line))
    if sum(text.count("<details>") for text in texts) < 3:
        yield "it has fewer than three checks with folded answers"
    if not re.search(r"\]\([^)]*\.(?:ipynb|md)\)", texts[-1]):
        yield "the last cell does not say what comes next"


def _minutes_add_up(notebook: Any, path: Path) -> Iterator[str]:
    counted = core_minutes(notebook)
    if path.stem in CORE_MINUTES and counted != CORE_MINUTES[path.stem]:
        yield f"its core sections take {counted} minutes; {CORE_MINUTES[path.stem]} are planned"
    if not re.search(rf"\*\*{counted} ?(?:min|分钟)", prose(notebook)[0].source):
        yield f"the top does not say the {counted} minutes of its core sections"


def _links_lead_somewhere(notebook: Any, path: Path) -> Iterator[str]:
    for cell in prose(notebook):
        for link in links(cell.source):
            file, _, anchor = link.partition("#")
            if "://" not in link and file and not (path.parent / file).exists():
                yield f"the link to {link} leads nowhere"
            if not file and anchor not in _anchors(notebook):
                yield f"the link to {link} leads to no heading"


def _anchors(notebook: Any) -> set[str]:
    lines = [line for cell in prose(notebook) for line in headings(cell.source)]
    return {line.lstrip("# ").strip().replace(" ", "-") for line in lines}  # JupyterLab's rule


def _numbers_come_from_somewhere(notebook: Any, path: Path) -> Iterator[str]:
    """A decimal or a percentage in prose stands in an output or the code too, or its cell names a source."""
    known = "\n".join(cell.source + "\n" + shown(cell) for cell in codes(notebook))
    for cell in prose(notebook):
        if _SOURCE.search(cell.source):
            continue
        for number in decimals(_FOLDED.sub(" ", cell.source)):
            if not re.search(rf"(?<![\d.]){re.escape(number)}(?!\d)", known):
                yield f"cell {cell.id} says {number}, which no cell computes and no source backs"


RULES: tuple[Rule, ...] = (
    _code_is_short_and_plain,
    _prose_comes_first,
    _run_in_order,
    _outputs_are_clean,
    _metadata_is_bare,
    _didactic_frame,
    _minutes_add_up,
    _links_lead_somewhere,
    _numbers_come_from_somewhere,
)
