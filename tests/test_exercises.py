"""The exercises: solutions pass, each mistake is told by its name and no other, the notebooks hold the one source."""

import itertools
import math
import re
from collections.abc import Callable
from pathlib import Path

import nbformat
import numpy as np
import pytest
import torch
from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from sklearn.linear_model import LinearRegression
from torch.nn.functional import one_hot

from authoring import exercises
from authoring.__main__ import main as authoring_main
from salon.evaluation.protocols import tar_at_far
from salon.lecture import check
from salon.lecture import exercises as solved
from salon.lecture.exercises import accept_rates, pull
from salon.lecture.lab import originals
from salon.model.decorrelation import Discriminator, adversarial_loss, classification_loss
from salon.model.embedding import Embedding
from salon.model.losses import ConfidenceLoss, margin_loss
from salon.model.matching import fuse, likelihood_scores
from salon.words import LANGUAGES, entry, say, set_language

NAMES = list(exercises.EXERCISES)
SOLVED = {name: getattr(solved, name) for name in NAMES}
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
    return line(name, "right", n=len(check._cases(name)))


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
    values = {"n": len(check._cases(name))} if "n" in values else values
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
        ("pull", lambda x: x + 0 * x[:, None], "[B, B] = [5, 5]", {"broadcast": None}),
        ("leads", lambda x: x.mean(1), "[L] = [4]", {}),
        ("pull", lambda x: x[:, None].expand(-1, 7), "[B, N] = [5, 7]", {"mean": "N"}),
        ("cover", lambda x: x[:, 0], "[B, H, W] = [5, 6, 8]", {}),
        ("templates", lambda x: x.sum(1), "[T, d] = [5, 4]", {"sum_too_many": "K"}),
        ("accept_rates", lambda x: x.mean(), "[]", {"mean_too_many": "C"}),
        ("refusals", lambda x: x[:3], "[K] = [3]", {}),
    ],
)
def test_a_wrong_shape_is_told_with_the_names_of_its_axes(name, change, came, hint) -> None:
    (told,) = [say(f"check.shape.{key}", axis=axis) for key, axis in hint.items()] or [""]
    axes = {"pair_scores": "[A, B]", "pull": "[B]", "accept_rates": "[C]", "refusals": "[G]"}
    axes |= {"cover": "[B, C, H, W]", "templates": "[T, K, d]", "leads": "[L, 3]"}
    expected = f"{axes[name]} = {shape_of(name)}"
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
    assert "numbers are right" in check.verdict(name, after(name, torch.zeros_like)), "zero is no factor"
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
    all_black_at_0 = check.verdict("cover", lambda *given: SOLVED["cover"](*given) * (given[2].min() > 0))
    assert all_black_at_0 == line("cover", "edge", text=say("check.cover.nothing"))
    below = check.verdict("survivors", lambda p, alpha: SOLVED["survivors"](p, alpha - 1e-5))
    assert below == line("survivors", "edge", text=say("check.survivors.at_most"))
    seen = check.passes("templates", lambda f, v, y: SOLVED["templates"](f, v, y)[list(dict.fromkeys(y.tolist()))])
    assert not seen, "people in the order in which they are seen, not by their numbers"


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


def arcface_by_loop(cosines, labels, scale, margin):
    losses = []
    for row, y in zip(cosines.tolist(), labels.tolist(), strict=True):
        own = math.exp(scale * math.cos(math.acos(row[y]) + margin))
        others = sum(math.exp(scale * c) for j, c in enumerate(row) if j != y)
        losses.append(-math.log(own / (own + others)))
    return torch.tensor(losses)


def cover_by_loop(images, sides, shares):
    images = images.clone()
    for image, side, share in zip(images, sides.tolist(), shares.tolist(), strict=True):
        rows = image if side < 2 else image.transpose(1, 2)
        n = round(share * rows.shape[1])
        rows[:, :n] *= side % 2
        rows[:, rows.shape[1] - n :] *= 1 - side % 2
    return images


def loss_by_salon(f, s, w, labels, margin, weight):
    criterion = ConfidenceLoss(len(w), *f.shape[1:], margin, weight)
    criterion.prototypes.data = w
    return sum(criterion(Embedding(f, s), labels).values())


def game_by_salon(f, masks, weight, bias, labels):
    C, embedding = Discriminator(*f.shape[1:], len(masks)), Embedding(f, torch.ones(f.shape[:2]))
    C.load_state_dict({"linear.weight": weight, "linear.bias": bias})
    show = classification_loss(C, embedding, masks.bool(), labels)
    return torch.stack([show, adversarial_loss(C, embedding, masks.bool())], 1)


def errors_by_loop(wrong, confidences, shares):
    n = len(wrong)
    weakest_first = sorted(range(n), key=confidences.tolist().__getitem__)
    return torch.stack([wrong[weakest_first[round(share * n) :]].mean() for share in shares.tolist()])


def templates_by_salon(features, variances, people):
    return fuse(Embedding(features, torch.ones_like(variances), variances), people).features


def probe_by_regression(train, labels, test, truth):
    probes = [LinearRegression().fit(x, labels) for x in train.transpose(0, 1).numpy()]
    says = [probe.predict(x) for probe, x in zip(probes, test.transpose(0, 1).numpy(), strict=True)]
    return torch.tensor([np.mean((x > 0) == (truth.numpy() > 0)) for x in says])


def groups_by_loop(scores, probes, gallery, groups, far):
    pairs = [
        (float(scores[i, j]), int(groups[a]), int(groups[b]))
        for (i, a), (j, b) in itertools.product(enumerate(probes.tolist()), enumerate(gallery.tolist()))
        if a != b
    ]
    threshold = sorted((pair[0] for pair in pairs), reverse=True)[round(far * len(pairs))]
    inside = [[x for x, a, b in pairs if a == b == g] for g in range(int(groups.max()) + 1)]
    return torch.tensor([sum(x > threshold for x in of) / len(of) for of in inside])


def interval_by_loop(hits, people, draws):
    of = [hits[people == person].tolist() for person in range(draws.shape[1])]
    rates = [np.mean([hit for person in drawn for hit in of[person]]) for drawn in draws.tolist()]
    return torch.tensor(np.percentile(rates, [2.5, 97.5]))


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("pull", pull_by_autograd),
        ("arcface_loss", arcface_by_loop),
        ("cover", cover_by_loop),
        ("pair_scores", scores_by_salon),
        ("confidence_loss", loss_by_salon),
        ("game_losses", game_by_salon),
        ("accept_rates", rates_by_salon),
        ("errors_left", errors_by_loop),
        ("templates", templates_by_salon),
        ("probe_parts", probe_by_regression),
        ("refusals", refusals_by_loop),
        ("group_rates", groups_by_loop),
        ("people_interval", interval_by_loop),
        ("own_loss", lambda c, s, y, m, w, start: margin_loss(s[:, None] * c, y, m) + w * (s - start) ** 2),
        (
            "survivors",
            lambda p, a: ((p.sort()[0] * torch.arange(len(p), 0, -1)).cummax(0)[0] <= a).float()[p.argsort().argsort()],
        ),
    ],
)
def test_another_way_is_right_too(name: str, function: Callable) -> None:
    assert check.verdict(name, function) == right(name)


T = torch.tensor
PARTS = T([[[1.0, 0], [0.6, 0.8]]]), T([[4.0, 2]]), T([[[1.0, 0], [0, 1]], [[0, 1], [1, 0]]])  # f, s, w
GAME = torch.ones(1, 2, 1), torch.eye(2), torch.zeros(2, 2), T([3.0, 1]).log(), T([[1.0, 0]])
PROBED = T([[[1.0]], [[3]]]), T([-1.0, 1]), T([[[0]], [[2.2]], [[2.5]]]), T([-1.0, -1, 1])
SCORES = T([[9, 0.9, 0.1, 0.1], [0.8, 9, 0.1, 0.1], [0.1, 0.1, 9, 0.3], [0.1, 0.1, 0.2, 9]])


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("arcface_loss", (T([[0.8, 0.6, -0.8]]), T([0]), 10, 0.5), [2.00]),
        ("cover", (torch.ones(1, 1, 4, 1), T([1]), T([0.5])), [[[[1.0], [1], [0], [0]]]]),
        ("cover", (torch.ones(1, 1, 4, 1), T([1]), T([0.3])), [[[[1.0], [1], [1], [0]]]]),
        ("confidence_loss", (*PARTS, T([0]), 1.0, 0.1), [1.26]),
        ("game_losses", GAME, [[0.98, 1.53]]),
        ("errors_left", (T([0.0, 1, 0, 1]), T([4, 3, 2, 1]), T([0.25, 0.5, 0.75])), [1 / 3, 1 / 2, 0]),
        ("templates", (torch.eye(2)[:, None], T([[0.1], [0.4]]), T([0, 0])), [[[0.97, 0.24]]]),
        ("probe_parts", PROBED, [2 / 3]),
        ("group_rates", (SCORES, torch.arange(4), torch.arange(4), T([0, 0, 1, 1]), 1 / 6), [1.0, 0]),
        ("own_loss", (T([[0.8, 0.6]]), T([5.0]), T([0]), 1.0, 0.1, 3.0), [1.09]),
        ("leads", (T([[0.8], [0.7], [0.9]]), T([[0.7], [0.7], [0.7]]), 4.303), [[0.1, -0.15, 0.35]]),
        ("survivors", (T([0.04, 0.01, 0.02, 0.3]), 0.06), [0.0, 1, 1, 0]),
        ("people_interval", (T([1.0, 1, 1, 0]), T([0, 0, 0, 1]), T([[0, 0], [0, 1], [1, 0], [1, 1]])), [0.06, 0.98]),
    ],
)
def test_the_example_by_hand_is_right(name: str, given: tuple, expected: list) -> None:
    assert torch.allclose(SOLVED[name](*given), T(expected), atol=0.006)


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
        assert found[f"exercise-{name}-answer"].source.count("<details>") in (2, 3)
        assert not any(cell.get("outputs") or cell.get("execution_count") for cell in notebook.cells)
    else:
        assert said == right(name) + "\n" == found[f"exercise-{name}-try"].outputs[0].text
        assert "<details>" not in text and "<details open>" in found["recap"].source
        assert all(say(key) in found[f"exercise-{name}-note"].source for key in check.mistakes(name))


@pytest.mark.slow
def test_the_project_runs_solved_at_tiny_size(tmp_path: Path) -> None:
    """Unsolved it is executed with the lecture; here with every milestone solved."""
    from nbclient import NotebookClient

    notebook = read(originals() / "05_project.ipynb")
    for name in (name for name, stem in exercises.EXERCISES.items() if stem == "05_project"):
        cells(notebook)[f"exercise-{name}-try"].source = exercises.try_cell(name, exercises.solution(name))
    NotebookClient(notebook, timeout=900, resources={"metadata": {"path": str(tmp_path)}}).execute()
    said = {cell.id: "".join(o.get("text", "") for o in cell.get("outputs", ())) for cell in notebook.cells}
    assert said["leads"].count("yours, ") == 4 and said["leads"].count("the lecture's, ") == 10
    assert "confidence_clean" in said["survive"]
