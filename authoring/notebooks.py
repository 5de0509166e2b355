"""Make the Chinese edition, run the lecture in place, look for faults."""

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from authoring import exercises, form, glossary, minutes, translation
from salon.lecture.lab import originals
from salon.paths import write_whole
from salon.words import SalonError

SECONDS = 900  # for one cell, on a busy machine
SLOWEST = 3  # cells that a run names
_BAR = re.compile(r"\d+%\|[^|]*\| \d+/(\d+).*")


@dataclass(frozen=True)
class Cost:
    """What a run took: wall-clock seconds, the slowest cells, and the largest kernel so far in MB."""

    seconds: float
    slowest: list[tuple[str, float]]
    peak_mb: float

    def __str__(self) -> str:
        cells = ", ".join(f"{cell} {seconds:.0f} s" for cell, seconds in self.slowest)
        return f"{self.seconds:.0f} s ({cells}); largest kernel so far {self.peak_mb:,.0f} MB"


def name_of(path: Path) -> str:
    """A notebook's name in its edition: "03_experiments", or "zh/03_experiments"."""
    return path.relative_to(originals()).with_suffix("").as_posix()


def find(names: list[str]) -> list[Path]:
    """The lecture's notebooks, or those whose name ("03…", "zh/03…") begins with one of `names`, else `SalonError`."""
    paths = sorted(originals().rglob("*.ipynb"), key=lambda path: (path.parent, path.name))
    paths = [path for path in paths if ".ipynb_checkpoints" not in path.parts]
    chosen = [path for path in paths if name_of(path).startswith(tuple(names or [""]))]
    if not chosen:
        known = ", ".join(map(name_of, paths))
        raise SalonError(f"No notebook begins with {' or '.join(names)}; expected one of {known}.")
    return chosen


def run(path: Path) -> Cost:
    """Execute a notebook in place, in one thread, and tidy it; raises `SalonError` where a cell fails."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError

    notebook, start = nbformat.read(path, as_version=4), time.perf_counter()
    client = NotebookClient(
        notebook, timeout=SECONDS, resources={"metadata": {"path": str(path.parent)}}, store_widget_state=False
    )
    try:
        client.execute(env=os.environ | {"OMP_NUM_THREADS": "1"})
    except CellExecutionError as error:
        raise SalonError(f"{path.name} stopped, and is as it was. The cell that failed:\n{error}") from error
    slowest = sorted(_seconds(notebook), key=lambda pair: -pair[1])[:SLOWEST]
    tidy(notebook)
    write(path, notebook)
    return Cost(time.perf_counter() - start, slowest, _peak_mb())


def _peak_mb() -> float:
    try:
        import resource
    except ImportError:  # Windows does not tell
        return float("nan")
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def _seconds(notebook: Any) -> Iterator[tuple[str, float]]:
    for cell in form.codes(notebook):
        times = cell.metadata.get("execution", {})
        begin, end = (times.get(f"iopub.{what}") for what in ("execute_input", "status.idle"))
        if begin and end:
            yield cell.id, (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def write(path: Path, notebook: Any) -> None:
    """Write a notebook whole or not at all."""
    import nbformat

    path.parent.mkdir(exist_ok=True)
    write_whole(path, (nbformat.writes(notebook) + "\n").encode())


def tidy(notebook: Any) -> None:
    """Strip widget state, times and versions, in place; progress bars are left full, pieces of a stream are joined."""
    notebook.metadata = form.KEPT
    for cell in notebook.cells:
        cell.metadata = {"tags": cell.metadata["tags"]} if cell.metadata.get("tags") else {}
        if "outputs" in cell:
            cell.outputs = _joined(cell.outputs)
        for data in (output.data for output in cell.get("outputs", ()) if "data" in output):
            data.pop(form.WIDGET, None)
            if "text/plain" in data:
                data["text/plain"] = _BAR.sub(r"100%|██████████| \1/\1", data["text/plain"])


def _joined(outputs: list) -> list:
    """What is printed comes in as many pieces as the moment makes of it: one a stream is kept."""
    joined: list = []
    for output in outputs:
        if joined and output.output_type == "stream" == joined[-1].output_type and output.name == joined[-1].name:
            joined[-1].text += output.text
        else:
            joined.append(output)
    return joined


def build() -> list[Path]:
    """Write the exercises into the English notebooks, renew the catalogue, and write the Chinese edition from both.

    Outputs stay where the code is the same; the rest is for `run`. Returns the Chinese notebooks.
    """
    import nbformat

    catalogue, built = translation.read_catalogue(), []
    for path in (path for path in find([]) if path.parent == originals()):
        notebook = nbformat.read(path, as_version=4)
        if exercises.refresh(notebook):
            write(path, notebook)
        translation.update(catalogue, path.stem, notebook)
        target = chinese_of(path)
        before = nbformat.read(target, as_version=4) if target.exists() else None
        write(target, translation.translated(catalogue, path.stem, notebook, before))
        built.append(target)
    write_whole(translation.catalogue_path(), str(catalogue).encode())
    return built


def chinese_of(path: Path) -> Path:
    """Where the Chinese edition of an English notebook lies."""
    return path.parent / translation.LANGUAGE / path.name


def counts(path: Path) -> str:
    """What the core of a notebook holds, in a line."""
    import nbformat

    return f"{name_of(path)}: {minutes.core(nbformat.read(path, as_version=4))}"


def complaints(path: Path) -> list[str]:
    """What is wrong with a notebook, one sentence each; an English one answers for its Chinese edition too."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    found = [*form.complaints(notebook, path), *minutes.complaints(notebook, path)]
    found += [*exercises.exercise_complaints(notebook, path), *glossary.complaints(notebook)]
    catalogue = path.parent / translation.catalogue_path().name
    if catalogue.exists() and chinese_of(path).exists():
        chinese = nbformat.read(chinese_of(path), as_version=4)
        found += translation.complaints(translation.read_catalogue(catalogue), path.stem, notebook, chinese)
    elif catalogue.exists():
        found.append("it has no Chinese edition; build it with `python -m authoring notebooks build`")
    return [f"{path.parent.name}/{path.name}: {text}" for text in found]
