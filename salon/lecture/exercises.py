"""The exercises, one of each part: the solutions, the stubs made from them, and the notebook cells made from both.

This is the one source: between the marks stands the solution; `python -m authoring notebooks build` writes the cells.
"""

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch


def pull(cosines: torch.Tensor, labels: torch.Tensor, scale: float, margin: float) -> torch.Tensor:
    """How hard CosFace pulls up the right cosine of each image: s (1 - P_y), in nats per unit of cosine.

    cosines [B, N], labels [B] in 0..N-1; returns [B].
    """
    # <solution>
    right = cosines.gather(1, labels[:, None]) - margin  # [B, 1]
    logits = scale * cosines.scatter(1, labels[:, None], right)  # [B, N], a new tensor
    P = logits.softmax(1).gather(1, labels[:, None])  # [B, 1]
    return scale * (1 - P.squeeze(1))
    # </solution>


def pair_scores(f: torch.Tensor, u: torch.Tensor, g: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Score (16) of every image of one set with every image of another, without a loop.

    Features f [A, K, d] with variances u [A, K], and g [B, K, d] with variances v [B, K]; returns [A, B].
    """
    # <solution>
    distance = (f[:, None] - g).square().sum(-1)  # [A, B, K]
    both = u[:, None] + v  # [A, B, K]
    return -0.5 * (distance / both + f.shape[-1] * both.log()).sum(-1)
    # </solution>


def accept_rates(genuine: torch.Tensor, impostor: torch.Tensor, far: float) -> torch.Tensor:
    """TAR at one FAR under each of C conditions, from the scores of genuine and of impostor pairs.

    genuine [C, G], impostor [C, I], far in 0..1; returns [C], shares in 0..1.
    """
    # <solution>
    n = round(far * impostor.shape[1])  # false accepts that are allowed
    threshold = impostor.sort(dim=1, descending=True).values[:, n]  # [C]
    return (genuine > threshold[:, None]).float().mean(1)
    # </solution>


def refusals(confidences: torch.Tensor, groups: torch.Tensor, share: float) -> torch.Tensor:
    """Which share of each group is refused, if the `share` of all images with the lowest confidence is refused.

    confidences [B, K], groups [B] in 0..G-1 (none is empty), share in 0..1; returns [G], shares in 0..1.
    """
    # <solution>
    n = round(share * len(groups))  # images that are refused
    refused = confidences.mean(1).argsort()[:n]  # [n], the least trusted
    sizes = groups.bincount()  # [G]
    return groups[refused].bincount(minlength=len(sizes)) / sizes
    # </solution>


# Where each exercise stands: its cells are exercise-NAME, exercise-NAME-try and exercise-NAME-answer.
EXERCISES: dict[str, str] = {
    "pull": "01_background",
    "pair_scores": "02_algorithm",
    "accept_rates": "03_experiments",
    "refusals": "04_discussion",
}
_SOLUTION = re.compile(r" +# <solution>\n(.*?) +# </solution>\n", re.DOTALL)
_FENCED = re.compile(r"(?<=```python\n).*?(?=\n```)", re.DOTALL)


def _source(name: str) -> str:
    function: Callable = globals()[name]
    return inspect.getsource(function)


def solution(name: str) -> str:
    """The function as it is solved, as source without the marks."""
    return _SOLUTION.sub(r"\1", _source(name)).rstrip()


def solution_lines(name: str) -> list[str]:
    """The lines between the marks, without their indentation."""
    (body,) = _SOLUTION.findall(_source(name))
    return textwrap.dedent(body).splitlines()


def stub(name: str) -> str:
    """The function as a student finds it: it returns None, and says how many lines ours has."""
    hint = f"    ...  # your lines here; ours are {len(solution_lines(name))}\n"
    return _SOLUTION.sub(lambda _: hint, _source(name)).rstrip()


def try_cell(name: str, function: str | None = None) -> str:
    """The code cell of an exercise: the stub, or another `function`, and the call that checks it."""
    imports = "import torch\n\nfrom salon.lecture import check"
    return f"{imports}\n\n\n{function or stub(name)}\n\n\ncheck.{name}({name})"


def refresh(notebook: Any) -> bool:
    """Write stub and solution into the cells of a notebook (nbformat), by cell id; True if something changed.

    A cell that changes loses its output. What is missing is left to `complaints`.
    """
    changed = False
    for _, cell, source in _stale(notebook):
        cell.source, changed = source, True
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return changed


def complaints(notebook: Any, path: Path) -> Iterator[str]:
    """What is wrong with the exercise cells of a notebook (nbformat) at `path`, one sentence each."""
    ids = {cell.id for cell in notebook.cells}
    for name in (name for name, stem in EXERCISES.items() if stem == path.stem):
        missing = [cell for cell in _ids(name) if cell not in ids]
        yield from (f"the exercise cell {cell} is missing" for cell in missing)
    for name, cell, _ in _stale(notebook):
        yield f"cell {cell.id} differs from {name} in salon/lecture/exercises.py; build the notebooks"


def _ids(name: str) -> tuple[str, str, str]:
    return f"exercise-{name}", f"exercise-{name}-try", f"exercise-{name}-answer"


def _with_solution(text: str, name: str) -> str:
    return _FENCED.sub(lambda _: solution(name), text)


def _stale(notebook: Any) -> Iterator[tuple[str, Any, str]]:
    """Name, cell and due source of every exercise cell that is not as the functions above have it."""
    cells = {cell.id: cell for cell in notebook.cells}
    for name in EXERCISES:
        _, attempt, answer = (cells.get(cell) for cell in _ids(name))
        if attempt is not None and attempt.source != try_cell(name):
            yield name, attempt, try_cell(name)
        if answer is not None:
            due = _with_solution(answer.source, name)
            if due != answer.source:
                yield name, answer, due
