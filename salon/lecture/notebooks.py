"""`salon notebooks run | check`: run the lecture in place, keep only what a second run gives again."""

import base64
import io
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from salon.experiments.checkpoints import write_whole
from salon.lecture.lab import originals
from salon.text import SalonError

LIMIT = 25  # lines of a code cell; the norm is 12
SECONDS = 900  # for one cell, on a busy machine
WIDGET = "application/vnd.jupyter.widget-view+json"
FIRST = re.compile(r'from salon import lecture\nlecture\.setup\("(en|zh)"\)')
_KEPT = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
_BAR = re.compile(r"\d+%\|[^|]*\| \d+/(\d+).*")
# Texts that differ between machines or runs, or that only a forgotten variable at a cell's end leaves.
_UNWANTED = re.compile(
    r"0x[0-9a-f]{6,}|/(?:home|root|tmp|Users)/|https?://|tensor\(|<(?:Axes|Figure)|Warning:"
)
_MINUTES = re.compile(r"\d+ ?(?:min|分钟)")


def find(names: list[str]) -> list[Path]:
    """The lecture's notebooks, or those whose file names begin with one of `names`; `SalonError` for none."""
    paths = sorted(originals().rglob("*.ipynb"))
    paths = [path for path in paths if ".ipynb_checkpoints" not in path.parts]
    chosen = [path for path in paths if path.name.startswith(tuple(names or [""]))]
    if not chosen:
        known = ", ".join(path.stem for path in paths)
        raise SalonError(f"No notebook begins with {' or '.join(names)}; expected one of {known}.")
    return chosen


def run(path: Path) -> None:
    """Execute a notebook in place, in one thread, and tidy it; raises `SalonError` where a cell fails."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        store_widget_state=False,
    )
    try:
        client.execute(env=os.environ | {"OMP_NUM_THREADS": "1"})
    except CellExecutionError as error:
        raise SalonError(f"{path.name} stopped, and is as it was. The cell that failed:\n{error}") from error
    tidy(notebook)
    write_whole(path, (nbformat.writes(notebook) + "\n").encode())


def tidy(notebook: Any) -> None:
    """Strip widget state, times and versions, in place; progress bars are left full."""
    notebook.metadata = _KEPT
    for cell in notebook.cells:
        cell.metadata = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
        for data in (output.data for output in cell.get("outputs", ()) if "data" in output):
            data.pop(WIDGET, None)
            if "text/plain" in data:
                data["text/plain"] = _BAR.sub(r"100%|██████████| \1/\1", data["text/plain"])


def complaints(path: Path) -> list[str]:
    """What is wrong with a notebook's form, one sentence each; an empty list is what we want."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    return [f"{path.name}: {text}" for rule in RULES for text in rule(notebook, path)]


def _codes(notebook: Any) -> list:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def _code_is_short_and_plain(notebook: Any, path: Path) -> Iterator[str]:
    codes = _codes(notebook)
    if not codes or not FIRST.fullmatch(codes[0].source):
        yield 'the first code cell is not exactly `from salon import lecture`, `lecture.setup("en")`'
    for cell in codes:
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
    counts = [cell.execution_count for cell in _codes(notebook)]
    if counts != list(range(1, len(counts) + 1)):
        yield f"the execution counts are {counts}; run it with `salon notebooks run {path.stem}`"


def _outputs_are_clean(notebook: Any, path: Path) -> Iterator[str]:
    for cell in _codes(notebook):
        for output in cell.outputs:
            if output.output_type == "error" or output.get("name") == "stderr":
                yield f"cell {cell.id} stored an error or a warning"
            data = output.get("data", {})
            shown = [output.get("text", ""), *(data[kind] for kind in data if kind.startswith("text/"))]
            if found := _UNWANTED.search("\n".join(shown)):
                yield f"cell {cell.id} shows {found[0]!r}, which no reader needs"
            if WIDGET in data or ("image/png" in data and _is_blank(data["image/png"])):
                yield f"cell {cell.id} keeps a widget's state or an empty picture"


def _is_blank(png: str) -> bool:
    from PIL import Image

    extremes: Any = Image.open(io.BytesIO(base64.b64decode(png))).convert("L").getextrema()
    return extremes[0] == extremes[1]


def _metadata_is_bare(notebook: Any, path: Path) -> Iterator[str]:
    extra = [cell.id for cell in notebook.cells if set(cell.metadata) - {"tags"}]
    if notebook.metadata != _KEPT or extra:
        yield f"metadata are left (cells {extra}); `salon notebooks run` strips them"


def _didactic_frame(notebook: Any, path: Path) -> Iterator[str]:
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    sections = [line for text in prose for line in text.split("\n") if line.startswith("## ")]
    if not prose[0].startswith("# ") or not _MINUTES.search(prose[0]):
        yield "the top does not give a title and the minutes"
    yield from (f"{line!r} does not say its minutes" for line in sections if not _MINUTES.search(line))
    if sum(text.count("<details>") for text in prose) < 3:
        yield "it has fewer than three checks with folded answers"
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", "\n".join(prose)):
        if "://" not in link and not (path.parent / link).exists():
            yield f"the link to {link} leads nowhere"
    if not re.search(r"\]\([^)]*\.(?:ipynb|md)\)", prose[-1]):
        yield "the last cell does not say what comes next"


RULES: tuple[Callable[[Any, Path], Iterator[str]], ...] = (
    _code_is_short_and_plain,
    _prose_comes_first,
    _run_in_order,
    _outputs_are_clean,
    _metadata_is_bare,
    _didactic_frame,
)
