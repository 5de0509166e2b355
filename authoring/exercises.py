"""The exercises' cells in the notebooks: made from the solutions in `salon/lecture/exercises.py`, the one source."""

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from salon.lecture import exercises

# Where each exercise stands: its cells are exercise-NAME, exercise-NAME-try and exercise-NAME-answer.
EXERCISES: dict[str, str] = {
    **dict.fromkeys(("pull", "arcface_loss", "cover"), "01_background"),
    **dict.fromkeys(("pair_scores", "confidence_loss", "game_losses"), "02_algorithm"),
    **dict.fromkeys(("accept_rates", "errors_left", "templates", "probe_parts"), "03_experiments"),
    **dict.fromkeys(("refusals", "group_rates", "people_interval"), "04_discussion"),
    **dict.fromkeys(("own_loss", "leads", "survivors"), "05_project"),
}
_FENCED = re.compile(r"(?<=```python\n).*?(?=\n```)", re.DOTALL)


def solution(name: str) -> str:
    """The source of the function as it is solved."""
    return inspect.getsource(getattr(exercises, name)).rstrip()


def stub(name: str) -> str:
    """The function as a student finds it: it returns None, and says how many lines ours has."""
    lines, (function,) = solution(name).split("\n"), ast.parse(solution(name)).body
    end = function.body[0].end_lineno  # type: ignore[attr-defined]  # of the docstring
    return "\n".join([*lines[:end], f"    ...  # your lines here; ours are {len(lines) - end}"])


def try_cell(name: str, function: str | None = None) -> str:
    """The code cell of an exercise: the stub, or another `function`, and the call that checks it."""
    imports = "import torch\n\nfrom salon.lecture import check"
    return f"{imports}\n\n\n{function or stub(name)}\n\n\ncheck.{name}({name})"


def refresh(notebook: Any) -> bool:
    """Write stub and solution into the cells of a notebook (nbformat), by cell id; True if something changed.

    A cell that changes loses its output. What is missing is left to `exercise_complaints`.
    """
    changed = False
    for _, cell, source in _stale(notebook):
        cell.source, changed = source, True
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return changed


def exercise_complaints(notebook: Any, path: Path) -> Iterator[str]:
    """What is wrong with the exercise cells of a notebook (nbformat) at `path`, one sentence each."""
    ids = {cell.id for cell in notebook.cells}
    for name in (name for name, stem in EXERCISES.items() if stem == path.stem):
        due = (f"exercise-{name}{end}" for end in ("", "-try", "-answer"))
        yield from (f"the exercise cell {cell} is missing" for cell in due if cell not in ids)
    for name, cell, _ in _stale(notebook):
        yield f"cell {cell.id} differs from {name} in salon/lecture/exercises.py; build the notebooks"


def _stale(notebook: Any) -> Iterator[tuple[str, Any, str]]:
    """Name, cell and due source of every exercise cell that is not as the solutions have it."""
    cells = {cell.id: cell for cell in notebook.cells}
    for name in EXERCISES:
        attempt, answer = (cells.get(f"exercise-{name}-{which}") for which in ("try", "answer"))
        if attempt is not None and attempt.source != try_cell(name):
            yield name, attempt, try_cell(name)
        if answer is not None:
            due = _FENCED.sub(lambda _, name=name: solution(name), answer.source)  # type: ignore[misc]
            if due != answer.source:
                yield name, answer, due
