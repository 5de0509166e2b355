"""What the core path takes: words, code, formulas and figures, each at a reader's pace; what is folded is not counted.

A section's exercise, and what a cell says that one waits for it, count as stated. Sections marked as extra do not.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from authoring import form

WORDS, CHARACTERS = 170, 300  # a minute: of English, of Chinese
CODE, FORMULA, FIGURE, WIDGET = 4, 15, 20, 60  # seconds: a line, one set on its own line, a picture or table, a widget
TABLES, INTERVALS = 1, 12  # that the core of a notebook may show
_CHINESE = re.compile(r"[\u4e00-\u9fff]")
_WORD = re.compile(r"[^\W_\u4e00-\u9fff][\w'’.,-]*", re.ASCII)
_DISPLAYED = re.compile(r"\$\$.+?\$\$", re.DOTALL)
_UNREAD = re.compile(r"<details>.*?</details>|\]\([^)]*\)|<[^>]+>", re.DOTALL)
_INTERVAL = re.compile(r"[+-]?\d+\.\d+ \[-?\d+\.\d+, -?\d+\.\d+\]")
_WAIT = re.compile(r"[(（](\d+) (?:s|秒)(?=[.,;:)，。）])")
_EXERCISE = re.compile(r"## (?:Exercise|练习)[:：]")


@dataclass
class Count:
    """What there is to read in a stretch of a notebook; `seconds` are those stated, of exercises and of waiting."""

    words: int = 0
    characters: int = 0
    formulas: int = 0
    code: int = 0
    figures: int = 0
    widgets: int = 0
    tables: int = 0
    intervals: int = 0
    seconds: int = 0

    def __add__(self, other: "Count") -> "Count":
        return Count(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))

    @property
    def minutes(self) -> float:
        """By the rule."""
        seen = FIGURE * (self.figures + self.tables) + WIDGET * self.widgets
        slow = CODE * self.code + FORMULA * self.formulas + seen + self.seconds
        return self.words / WORDS + self.characters / CHARACTERS + slow / 60

    def __str__(self) -> str:
        told = ", ".join(f"{getattr(self, f.name)} {f.name}" for f in fields(self))
        return f"{self.minutes:.1f} min by the rule ({told})"


def sections(notebook: Any) -> dict[str, Count]:
    """The core sections of a notebook by their headings, the first without; what each holds."""
    found, heading = {"": Count()}, ""
    for cell in notebook.cells:
        for piece in re.split(r"^(?=## )", cell.source, flags=re.M) if cell.cell_type == "markdown" else [""]:
            if piece.startswith("## "):
                heading = piece.split("\n")[0]
                found[heading] = Count()
            found[heading] += _read(piece)
        if cell.cell_type == "code":
            found[heading] += _seen(cell)
    for heading in filter(_EXERCISE.match, found):
        found[heading] = Count(seconds=60 * form.stated(heading))
    return {heading: count for heading, count in found.items() if not form.is_extra(heading)}


def core(notebook: Any) -> Count:
    """What the core of a notebook holds."""
    return sum(sections(notebook).values(), Count())


def _read(text: str) -> Count:
    """What a stretch of Markdown holds."""
    waits = sum(map(int, _WAIT.findall(text)))
    text = _UNREAD.sub(" ", text)
    prose = form.without_formulas(_DISPLAYED.sub(" ", text))
    return Count(
        words=len(_WORD.findall(prose)), characters=len(_CHINESE.findall(prose)),
        formulas=len(_DISPLAYED.findall(text)), intervals=len(_INTERVAL.findall(text)), seconds=waits,
    )  # fmt: skip


def _seen(cell: Any) -> Count:
    """What a code cell holds, its outputs with it."""
    data = [output.get("data", {}) for output in cell.outputs]
    alive, looked_up = "salon.widgets" in cell.source, "lecture.who" in cell.source
    pictures, tables = (sum(kind in one for one in data) for kind in ("image/png", "text/markdown"))
    return Count(
        code=sum(bool(line.strip()) for line in cell.source.split("\n")),
        figures=0 if alive else pictures + tables * looked_up, widgets=int(alive),
        tables=tables * (not looked_up), intervals=len(_INTERVAL.findall(form.shown(cell))),
    )  # fmt: skip


def complaints(notebook: Any, path: Path) -> Iterator[str]:
    """Where the minutes that are stated do not fit what there is to read, or the core has too many numbers."""
    found, total = sections(notebook), core(notebook)
    for heading, count in found.items():
        if heading and count.minutes > form.stated(heading) + 1:
            yield f"{heading!r} takes {count}"
    if total.minutes > form.core_minutes(notebook) + 0.5:
        yield f"its core sections say {form.core_minutes(notebook)} minutes and take {total}"
    if total.tables > TABLES or total.intervals > INTERVALS:
        yield f"its core shows {total.tables} tables and {total.intervals} intervals; {TABLES} and {INTERVALS} may be"
