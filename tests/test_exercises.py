"""The exercises: solutions pass, each mistake is told by its name and no other, the notebooks hold the one source."""

import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from torch.nn.functional import one_hot

from authoring import exercises
from authoring.__main__ import main as authoring_main
from salon.evaluation.protocols import tar_at_far
from salon.lecture import check
from salon.lecture.exercises import accept_rates, pair_scores, pull, refusals
from salon.lecture.lab import originals
from salon.model.embedding import Embedding
from salon.model.losses import margin_loss
from salon.model.matching import likelihood_scores
from salon.words import LANGUAGES, entry, say, set_language

SOLVED = {function.__name__: function for function in (pull, pair_scores, accept_rates, refusals)}
NAMES = list(exercises.EXERCISES)
MISTAKES = [(name, key) for name in NAMES for key in check.mistakes(name)]
# The notebooks in both editions; the Chinese one from the day that it is built.
NOTEBOOKS = [
    pytest.param(name, lang, folder / f"{stem}.ipynb", id=f"{name}-{lang}")
    for lang, folder in (("en", originals()), ("zh", originals() / "zh"))
    for name, stem in exercises.EXERCISES.items()
    if (folder / f"{stem}.ipynb").exists()
]


@pytest.fixture(autouse=True)
def english():
    yield set_language("en")
    set_language("en")


def run(source: str, name: str) -> Callable:
    scope: dict = {}
    exec(source, scope)
    return scope[name]


def line(name: str, key: str, **values: object) -> str:
    return say("check.line", name=name, text=say(f"check.{key}", **values).strip())


def after(name: str, change: Callable) -> Callable:
    """The solution, its result changed."""
    return lambda *given: change(SOLVED[name](*given))


def right(name: str) -> str:
    return line(name, "right", n=len(check.TASKS[name][1]))


# The check.


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_the_stub_runs_and_is_not_yet_solved_and_the_solution_is_right(name, lang, capsys) -> None:
    set_language(lang)
    run(exercises.try_cell(name), name)
    assert capsys.readouterr().out == line(name, "not_yet") + "\n"
    run(exercises.try_cell(name, exercises.solution(name)), name)
    assert capsys.readouterr().out == right(name) + "\n"


@pytest.mark.parametrize(("name", "key"), MISTAKES)
def test_each_mistake_is_told_by_its_name_and_no_other(name: str, key: str) -> None:
    assert exercises.solution(name).count(entry(key)["old"]) == 1, "the slip must be an edit of the solution"
    wrong = check.mistakes(name)[key]
    for lang in LANGUAGES:
        set_language(lang)
        assert check.verdict(name, wrong) == line(name, key.removeprefix("check."))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("change", "key", "values"),
    [
        (lambda x: None, "not_yet", {}),
        (lambda x: ..., "not_yet", {}),
        (lambda x: -x, "sign", {}),
        (lambda x: 1 - x, "complement", {}),
        (lambda x: 2 * x, "scale", {"factor": "2"}),
        (lambda x: x / 2, "scale", {"factor": "1/2"}),
        (lambda x: 100 * x, "scale", {"factor": "100"}),
        (lambda x: 0.7 * x, "scale", {"factor": "0.7"}),
        (lambda x: x + 3, "offset", {"offset": "3"}),
        (lambda x: x.unsqueeze(-1).expand(*x.shape, 1).int(), "dtype", {"came": "torch.int32"}),
        (lambda x: x > 0, "dtype", {"came": "torch.bool"}),
        (lambda x: x.double(), "right", {"n": None}),
    ],
)
def test_general_mistakes_are_told_for_every_exercise(name, change, key, values) -> None:
    values = {"n": len(check.TASKS[name][1])} if "n" in values else values
    assert check.verdict(name, after(name, change)) == line(name, key, **values)


def shape_of(name: str) -> list[int]:
    return list(check._cases(name)[0].expected.shape)


@pytest.mark.parametrize(
    ("name", "change", "came", "hint"),
    [
        ("pair_scores", lambda x: x.T, "[B, A] = [4, 5]", {"transposed": None}),
        ("pair_scores", lambda x: x.sum(1), "[A] = [5]", {"sum_too_many": "B"}),
        ("pair_scores", lambda x: x.mean(0), "[B] = [4]", {"mean_too_many": "A"}),
        ("pair_scores", lambda x: x[..., None].expand(-1, -1, 3) / 3, "[A, B, K] = [5, 4, 3]", {"sum": "K"}),
        ("pair_scores", lambda x: x[..., None].expand(-1, -1, 3), "[A, B, K] = [5, 4, 3]", {"mean": "K"}),
        ("pair_scores", lambda x: x[:, :3], "[A, K] = [5, 3]", {}),
        ("pull", lambda x: x[:, None], "[B, 1] = [5, 1]", {"squeeze": None}),
        ("pull", lambda x: x.mean(), "[]", {"mean_too_many": "B"}),
        ("pull", lambda x: x[:, None].expand(-1, 7), "[B, N] = [5, 7]", {"mean": "N"}),
        ("accept_rates", lambda x: x.mean(), "[]", {"mean_too_many": "C"}),
        ("refusals", lambda x: x[:3], "[K] = [3]", {}),
    ],
)
def test_a_wrong_shape_is_told_with_the_names_of_its_axes(name, change, came, hint) -> None:
    (told,) = [say(f"check.shape.{key}", axis=axis) for key, axis in hint.items()] or [""]
    axes = {"pair_scores": "[A, B]", "pull": "[B]", "accept_rates": "[C]", "refusals": "[G]"}[name]
    expected = f"{axes} = {shape_of(name)}"
    found = check.verdict(name, after(name, change))
    assert found == line(name, "shape", came=came, expected=expected, hint=told)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("change", "came"),
    [
        (lambda x: x.numpy(), "numpy.ndarray"),
        (lambda x: x.tolist(), "list"),
        (lambda x: float(x.sum()), "float"),
        (lambda x: np.float32(x.sum()), "numpy.float32"),
        (lambda x: (x, x), "tuple"),
    ],
)
def test_what_is_no_tensor_is_called_by_its_type(name, change, came) -> None:
    found = check.verdict(name, after(name, change))
    assert found.startswith(line(name, "type", came=came, expected="#").split("#")[0])


@pytest.mark.parametrize("name", NAMES)
def test_nan_is_counted_and_a_single_wrong_number_is_shown(name: str) -> None:
    def with_one(number: float) -> Callable:
        return lambda x: torch.cat([torch.tensor([number]), x.flatten()[1:]]).view(x.shape)

    n = check._cases(name)[0].expected.numel()
    assert check.verdict(name, after(name, with_one(float("nan")))) == line(name, "nan", bad=1, all=n)
    found = check.verdict(name, after(name, with_one(77.0)))
    assert f"{n - 1} of {n} numbers are right" in found
    assert f"{[0] * len(shape_of(name))}, is 77; expected" in found


def test_an_error_is_told_with_its_line_and_the_lengths_of_the_axes(tmp_path: Path) -> None:
    file = tmp_path / "cell.py"
    file.write_text("def pair_scores(f, u, g, v):\n    both = u + v\n    return both\n")
    scope: dict = {}
    exec(compile(file.read_text(), str(file), "exec"), scope)
    found = check.verdict("pair_scores", scope["pair_scores"])
    assert "in line 2, `both = u + v`, with an error: RuntimeError: The size of tensor a (5)" in found
    assert "A = 5, B = 4, K = 3, d = 2" in found
    assert "\n" not in found


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda: None, "TypeError"),
        (lambda *given: 1 / 0, "ZeroDivisionError"),
        (lambda *given: undefined, "NameError"),  # noqa: F821
        (lambda *given: [][3], "IndexError"),
        (torch.zeros, "TypeError"),
    ],
)
def test_no_error_of_a_student_comes_through(wrong: Callable, told: str) -> None:
    for lang in LANGUAGES:
        set_language(lang)
        assert told in check.verdict("pull", wrong)


def test_a_changed_argument_is_told_although_the_numbers_are_right() -> None:
    def in_place(cosines, labels, scale, margin):
        cosines[torch.arange(len(labels)), labels] -= margin
        return pull(cosines, labels, scale, 0.0)

    assert check.verdict("pull", in_place) == line("pull", "changed", argument="cosines")

    def sorted_in_place(genuine, impostor, far):
        result = accept_rates(genuine, impostor, far)
        impostor.copy_(impostor.sort(dim=1).values)
        return result

    assert check.verdict("accept_rates", sorted_in_place) == line("accept_rates", "changed", argument="impostor")


def test_what_fails_only_at_the_edge_is_told_as_that() -> None:
    def naive(cosines, labels, scale, margin):
        powers = (scale * (cosines - margin * one_hot(labels, cosines.shape[1]))).exp()
        return scale * (1 - (powers / powers.sum(1, keepdim=True)).gather(1, labels[:, None]).squeeze(1))

    assert check.verdict("pull", naive) == line("pull", "edge", text=say("check.pull.overflow"))

    def by_threshold(confidences, groups, share):
        mean, n = confidences.mean(1), round(share * len(groups))
        refused = (mean <= mean.kthvalue(n).values).float()  # there is no 0-th value
        return torch.stack([refused[groups == g].mean() for g in range(int(groups.max()) + 1)])

    assert check.verdict("refusals", by_threshold) == line("refusals", "edge", text=say("check.refusals.nobody"))


# Other ways to the same end are right, and they are what the package computes.


def pull_by_autograd(cosines, labels, scale, margin):
    cosines = cosines.clone().requires_grad_()
    loss = margin_loss(scale * cosines, labels, scale * margin).sum()
    (slope,) = torch.autograd.grad(loss, cosines)
    return -slope.gather(1, labels[:, None]).squeeze(1)


def scores_by_salon(f, u, g, v):
    a, b = (Embedding(x, torch.ones_like(s), s) for x, s in ((f, u), (g, v)))
    return likelihood_scores(a, b)


def rates_by_salon(genuine, impostor, far):
    rows = zip(genuine, impostor, strict=True)
    return torch.tensor([tar_at_far(a.numpy(), b.numpy(), far) for a, b in rows])


def refusals_by_loop(confidences, groups, share):
    mean = confidences.mean(1).tolist()
    refused = sorted(range(len(mean)), key=mean.__getitem__)[: round(share * len(mean))]
    of = [[i for i, g in enumerate(groups.tolist()) if g == one] for one in range(int(groups.max()) + 1)]
    return torch.tensor([sum(i in refused for i in images) / len(images) for images in of])


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("pull", pull_by_autograd),
        ("pair_scores", scores_by_salon),
        ("accept_rates", rates_by_salon),
        ("refusals", refusals_by_loop),
    ],
)
def test_another_way_is_right_too(name: str, function: Callable) -> None:
    assert check.verdict(name, function) == right(name)


# The notebooks.


def read(path: Path) -> NotebookNode:
    return nbformat.read(path, as_version=4)


def cells(notebook: NotebookNode) -> dict[str, NotebookNode]:
    return {cell.id: cell for cell in notebook.cells}


@pytest.mark.parametrize(("name", "lang", "path"), NOTEBOOKS)
def test_the_notebook_holds_the_stub_and_a_folded_solution_that_passes(name, lang, path) -> None:
    notebook, found = read(path), cells(read(path))
    assert list(exercises.exercise_complaints(notebook, path)) == []
    assert not exercises.refresh(notebook)
    assert found[f"exercise-{name}-try"].source == exercises.try_cell(name)
    assert len(exercises.try_cell(name).split("\n")) <= 25
    folded = re.findall(
        r"<details>(?:(?!</details>).)*```python\n(.*?)\n```", found[f"exercise-{name}-answer"].source, re.S
    )
    set_language(lang)
    assert [check.verdict(name, run("import torch\n" + source, name)) for source in folded] == [right(name)]


def test_a_changed_cell_is_named_and_written_anew() -> None:
    name, stem = "pull", exercises.EXERCISES["pull"]
    path = originals() / f"{stem}.ipynb"
    notebook = read(path)
    attempt, answer = (cells(notebook)[f"exercise-{name}-{which}"] for which in ("try", "answer"))
    attempt.source, attempt.execution_count = attempt.source.replace("...", "pass"), 7
    answer.source = answer.source.replace("1 - P", "1 + P")
    told = list(exercises.exercise_complaints(notebook, path))
    assert len(told) == 2 and attempt.id in told[0] and answer.id in told[1]
    assert exercises.refresh(notebook)
    assert attempt.execution_count is None and not exercises.refresh(notebook)
    assert [cell.source for cell in notebook.cells] == [cell.source for cell in read(path).cells]
    notebook.cells.remove(attempt)
    assert list(exercises.exercise_complaints(notebook, path)) == ["the exercise cell exercise-pull-try is missing"]
    assert list(exercises.exercise_complaints(new_notebook(), Path("other.ipynb"))) == []


# The editions.


@pytest.fixture(scope="module", params=["class", "instructor"])
def edition(request, tmp_path_factory) -> tuple[str, Path]:
    out = tmp_path_factory.mktemp(request.param)
    assert authoring_main(["notebooks", request.param, "--out", str(out)]) == 0
    return request.param, out


@pytest.mark.parametrize(("name", "lang", "path"), NOTEBOOKS)
def test_the_editions_hold_no_answer_or_every_answer(edition, name, lang, path, capsys) -> None:
    which, out = edition
    notebook = read(out / path.relative_to(originals()))
    nbformat.validate(notebook)
    found = cells(notebook)
    text = "\n".join(cell.source for cell in notebook.cells)
    set_language(lang)
    assert say(f"edition.{which}") in notebook.cells[0].source
    exec(found[f"exercise-{name}-try"].source, {})
    said = capsys.readouterr().out
    if which == "class":
        assert said == line(name, "not_yet") + "\n"
        own = exercises.solution(name).split('"""\n')[1].split("\n")
        assert not [code for code in own if code.split("  #")[0].strip() in text]
        assert "<details>" not in found["recap"].source and found["recap"].source.count("**1.") == 1
        assert found[f"exercise-{name}-answer"].source.count("<details>") == 3
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
    else:
        assert said == right(name) + "\n" == found[f"exercise-{name}-try"].outputs[0].text
        assert "<details>" not in text and "<details open>" in found["recap"].source
        assert all(say(key) in found[f"exercise-{name}-note"].source for key in check.mistakes(name))
