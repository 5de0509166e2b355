"""Two further editions of the notebooks: for the class, without answers, and for the teacher, all solved."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from authoring import exercises, form
from authoring.notebooks import find, name_of, write
from salon.lecture import check
from salon.lecture import exercises as solved
from salon.words import language, say, set_language

_DETAILS = re.compile(r"<details><summary>(.*?)</summary>(.*?)</details>", re.DOTALL)
_CODE = re.compile(r"```python\n.*?\n```\n\n", re.DOTALL)
_UPWARDS = re.compile(r"!?\[([^\]]*)\]\(((?:\.\./)+)[^)]*\)")


def write_edition(which: str, out: Path | None = None, names: list[str] | None = None) -> list[Path]:
    """Write the "class" or the "instructor" edition into `out` (default: dist/class, dist/instructor), by language.

    Made from the notebooks that there are, or from those whose names begin with one of `names`; returns the files.
    """
    import nbformat

    folder, written = out or Path("dist") / which, []
    for path in find(names or []):
        notebook, name = nbformat.read(path, as_version=4), name_of(path)
        with _speaking(_language_of(notebook)):
            notebook.cells[0].source += "\n\n" + say(f"edition.{which}")
            EDITIONS[which](notebook)
        for cell in form.prose(notebook):
            cell.source = _without_outside(cell.source, depth=name.count("/"))
        target = folder / f"{name}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        write(target, notebook)
        written.append(target)
    return written


def for_class(notebook: Any) -> None:
    """Take out the solutions, the answers of the checks and all outputs, in place; hints and questions stay."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        elif cell.id == "recap":
            cell.source = _DETAILS.sub(r"**\1**", cell.source)
        elif cell.id.startswith("exercise-"):
            cell.source = _DETAILS.sub(lambda m: "" if "```python" in m[2] else m[0], cell.source).rstrip()


def for_instructor(notebook: Any) -> None:
    """Solve the exercises in their cells, open what is folded, and add notes on mistakes to expect, in place."""
    for cell in form.prose(notebook):
        cell.source = cell.source.replace("<details>", "<details open>")
        if cell.id.startswith("exercise-"):
            cell.source = _CODE.sub("", cell.source)  # it stands in the cell above
    notebook.cells = [new for cell in notebook.cells for new in _solved(cell)]


EDITIONS: dict[str, Callable[[Any], None]] = {"class": for_class, "instructor": for_instructor}


def _solved(cell: Any) -> Iterator[Any]:
    """The cell, or in place of a stub the solution with what the check says to it, and the teacher's note."""
    from nbformat.v4 import new_markdown_cell, new_output

    yield cell
    name = cell.id.removeprefix("exercise-").removesuffix("-try")
    if cell.id == f"exercise-{name}-try" and name in exercises.EXERCISES:
        cell.source = exercises.try_cell(name, exercises.solution(name))
        said = check.verdict(name, getattr(solved, name))
        cell.outputs = [new_output("stream", name="stdout", text=said + "\n")]
        note = [say("edition.note"), *(f"- {say(key)}" for key in check.mistakes(name))]
        yield new_markdown_cell("\n".join(note), id=f"exercise-{name}-note")


def _without_outside(text: str, depth: int) -> str:
    """Links out of the edition's folder as plain words: it is handed out alone. `depth` is the notebook's own."""
    return _UPWARDS.sub(lambda m: m[1] if m[2].count("../") > depth else m[0], text)


def _language_of(notebook: Any) -> str:
    first = form.FIRST.search(form.codes(notebook)[0].source)
    return first[1] if first else language()


@contextmanager
def _speaking(lang: str) -> Iterator[None]:
    before = language()
    set_language(lang)
    try:
        yield
    finally:
        set_language(before)
