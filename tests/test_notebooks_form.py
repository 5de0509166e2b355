"""The form of the notebooks, and that `python -m authoring notebooks` sees what it should and strips what it should."""

import base64
import io
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from authoring import form, glossary, minutes, notebooks
from salon.lecture import show, table
from salon.words import SalonError

PATHS = notebooks.find([])
SETUP = 'from salon import lecture\nlecture.setup("en")'
TOP = "# A title\n\nThree checks: **3 min**"
CHECKS = "## Checks (3 min)\n" + "<details><summary>answer</summary>yes</details>\n" * 3
SEEN = "two pixels side by side, the left one black"
NEXT = "Next: [the following one](next.ipynb)"


def png(colours: tuple[int, ...] = (0, 255)) -> str:
    image, file = Image.new("L", (len(colours), 1)), io.BytesIO()
    image.putdata(colours)
    image.save(file, "png")
    return base64.b64encode(file.getvalue()).decode()


@pytest.fixture
def good(tmp_path: Path) -> tuple[NotebookNode, Path]:
    """A notebook as it should be, in a folder with the one it links to."""
    (tmp_path / "next.ipynb").write_text("{}")
    code = [
        new_code_cell(SETUP, id="setup", execution_count=1),
        new_code_cell(
            "1 + 1",
            id="sum",
            execution_count=2,
            outputs=[new_output("display_data", {"image/png": png()}, metadata={"image/png": {"alt": SEEN}})],
        ),
    ]
    prose = [
        new_markdown_cell(text, id=name) for name, text in (("top", TOP), ("why", "Prose."), ("end", CHECKS + NEXT))
    ]
    cells = [prose[0], code[0], prose[1], code[1], prose[2]]
    notebook = new_notebook(cells=cells)
    notebooks.tidy(notebook)
    return notebook, tmp_path / "good.ipynb"


def faults(notebook: NotebookNode, path: Path) -> list[str]:
    nbformat.write(notebook, path)
    return notebooks.complaints(path)


@pytest.mark.parametrize("path", PATHS, ids=notebooks.name_of)
def test_each_notebook_has_the_form_of_the_house(path: Path) -> None:
    assert notebooks.complaints(path) == []


def test_the_core_path_is_two_hours() -> None:
    assert sum(form.CORE_MINUTES.values()) + form.BREAK_MINUTES == 120
    core = [path for path in PATHS if path.stem in form.CORE_MINUTES]
    assert len(core) == 2 * len(form.CORE_MINUTES), "in both languages"
    for path in core:
        notebook = nbformat.read(path, as_version=4)
        assert form.core_minutes(notebook) == form.CORE_MINUTES[path.stem]
        assert minutes.core(notebook).minutes < form.CORE_MINUTES[path.stem] + 0.5


@pytest.mark.parametrize("path", PATHS, ids=notebooks.name_of)
def test_most_code_cells_keep_to_twelve_lines(path: Path) -> None:
    cells = [cell for cell in form.codes(nbformat.read(path, as_version=4)) if not cell.id.startswith("exercise-")]
    short = [cell.source.count("\n") < 12 for cell in cells]
    share = 0.5 if path.stem == "05_project" else 0.9  # there the cells are whole experiments of the reader's
    assert sum(short) >= share * len(short)


def test_a_good_notebook_has_no_fault(good: tuple[NotebookNode, Path]) -> None:
    assert faults(*good) == []


@pytest.mark.parametrize(
    "prose",
    [
        "Twice $12.5$, `12.5`, and <details><summary>answer</summary>12.5</details>",
        "The paper has 12.5. Source: its Table 2.",
        "It is 2.00, as the cell below says, and takes 3 s.",
        "See [the checks](#Checks-(3-min)).",
    ],
)
def test_a_number_may_be_computed_quoted_or_folded(good: tuple[NotebookNode, Path], prose: str) -> None:
    good[0].cells[2].source = prose
    good[0].cells[3].outputs.append(new_output("stream", text="2.00"))
    assert faults(*good) == []


def output(text: str, **more: object) -> Callable[[NotebookNode], None]:
    def change(notebook: NotebookNode) -> None:
        notebook.cells[3].outputs = [new_output("stream", text=text, **more)]

    return change


def source(cell: int, text: str) -> Callable[[NotebookNode], None]:
    return lambda notebook: notebook.cells[cell].update(source=text)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (source(1, SETUP + "\nimport torch"), "the first code cell is not"),
        (source(3, "x = 1\n" * 25 + "x"), "26 lines"),
        (source(3, "!ls"), "a shell line"),
        (source(3, "%timeit 1"), "a shell line or a magic"),
        (lambda nb: nb.cells.pop(2), "cell sum has no prose before it"),
        (lambda nb: nb.cells[3].update(execution_count=7), "the execution counts are [1, 7]"),
        (lambda nb: nb.cells[3].update(execution_count=None), "the execution counts are [1, None]"),
        (output("careful", name="stderr"), "an error or a warning"),
        (output("<object at 0x7f3300aa11>"), "shows '0x7f3300aa11'"),
        (output("saved in /home/ann/x"), "shows '/home/'"),
        (output("tensor([1.2])"), "shows 'tensor('"),
        (lambda nb: nb.cells[3].outputs[0].data.update({form.WIDGET: {}}), "a widget's state"),
        (lambda nb: nb.cells[3].outputs[0].data.update({"image/png": png((9, 9))}), "an empty picture"),
        (lambda nb: nb.cells[3].metadata.update(execution={}), "metadata are left (cells ['sum'])"),
        (lambda nb: nb.metadata.update(widgets={}), "metadata are left"),
        (lambda nb: nb.cells[3].metadata.update(tags=["hide-input"]), "cell sum is tagged ['hide-input']"),
        (lambda nb: nb.cells[3].metadata.update(tags=["nbval-ignore-output"]), "does not say why"),
        (lambda nb: nb.cells[3].outputs[0].metadata.clear(), "alt text does not say what is seen"),
        (lambda nb: nb.cells[3].outputs[0].metadata["image/png"].update(alt="two pixels"), "does not say what is seen"),
        (source(2, "word " * 800), "its core sections say 3 minutes and take 5."),
        (source(4, CHECKS + "word " * 800 + NEXT), "'## Checks (3 min)' takes 4."),
        (source(2, "Gain +1.2 [0.3, 2.1]; source: mine. " * 13), "its core shows 0 tables and 13 intervals"),
        (source(2, "这里讲数据增广。"), "cell why says 增广; the glossary has 数据增强"),
        (lambda nb: nb.cells[3].outputs[0].data.update({"image/svg+xml": "<svg/>"}), "keeps an SVG"),
        (source(2, "We measured 12.5 here."), "cell why says 12.5, which no cell computes"),
        (source(2, "It gains 40 % more."), "cell why says 40, which no cell computes"),
        (source(2, "See [there](#No-such-heading)."), "leads to no heading"),
        (source(4, CHECKS.replace("3 min", "4 min") + NEXT), "the top does not say the 4 minutes"),
        (source(0, "# A title"), "the minutes"),
        (source(4, CHECKS.replace("(3 min)", "") + NEXT), "'## Checks ' does not say its minutes"),
        (source(4, CHECKS.replace("<details>", "", 1) + NEXT), "fewer than three checks"),
        (source(4, CHECKS + "[next](none.ipynb)"), "the link to none.ipynb leads nowhere"),
        (source(4, CHECKS), "does not say what comes next"),
    ],
)  # fmt: skip
def test_each_fault_is_named(good: tuple[NotebookNode, Path], change: Callable, said: str) -> None:
    change(good[0])
    assert said in "\n".join(faults(*good))


def test_the_rule_counts_what_there_is_to_read() -> None:
    prose = "## One (2 min)\n\nTwo words and $x$.\n\n$$y$$\n\n(10 s.)<details>folded</details>"
    figure = [new_output("display_data", {"image/png": png()}), new_output("display_data", {"text/markdown": "|"})]
    cells = [new_markdown_cell(prose), new_code_cell("a\n\nb", outputs=figure)]
    exercise = new_markdown_cell("## Exercise: it (5 min)\n\nNo word of this counts.")
    extra = new_markdown_cell("## More (1 min, extra)\n\nNor of this.")
    found = minutes.sections(new_notebook(cells=[*cells, exercise, extra]))
    one = minutes.Count(words=9, formulas=1, code=2, figures=1, tables=1, seconds=10)
    assert found == {"": minutes.Count(), "## One (2 min)": one, "## Exercise: it (5 min)": minutes.Count(seconds=300)}
    assert minutes.Count(words=170, characters=300).minutes == 2 and one.minutes == pytest.approx(9 / 170 + 73 / 60)
    chinese = minutes.core(new_notebook(cells=[new_markdown_cell("三百个字（30 秒）")]))
    assert chinese == minutes.Count(characters=5, words=1, seconds=30)


def test_the_glossary_turns_words_away() -> None:
    assert {"增广": "数据增强", "配方": "训练配置", "概率匹配": "按不确定性匹配"}.items() <= glossary.avoided().items()


def test_tidying_keeps_ids_tags_counts_and_pictures() -> None:
    view = {form.WIDGET: {"model_id": "ab12"}, "image/png": png(), "text/plain": "Explorer()"}
    bar = {form.WIDGET: {}, "text/plain": "cosface:   0%|          | 0/300 [00:00<?, ?it/s]"}
    outputs = [new_output("display_data", data) for data in (view, bar)]
    cell = new_code_cell("x", id="kept", execution_count=4, outputs=outputs)
    cell.metadata = {"tags": ["nbval-ignore-output"], "execution": {"iopub.status.busy": "2026-11-22"}}
    language = {"name": "python", "version": "3.11.9"}
    notebook = new_notebook(cells=[cell], metadata={"widgets": {}, "language_info": language})
    notebooks.tidy(notebook)
    assert (cell.id, cell.execution_count, dict(cell.metadata)) == ("kept", 4, {"tags": ["nbval-ignore-output"]})
    assert dict(outputs[0].data) == {"image/png": view["image/png"], "text/plain": "Explorer()"}
    assert dict(outputs[1].data) == {"text/plain": "cosface:   100%|██████████| 300/300"}
    assert set(notebook.metadata) == {"kernelspec", "language_info"}
    assert dict(notebook.metadata.language_info) == {"name": "python"}


def test_tidying_joins_the_pieces_of_a_stream() -> None:
    pieces = [
        new_output("stream", name=name, text=text)
        for name, text in (("stdout", "a\n"), ("stdout", "b\n"), ("stderr", "c\n"))
    ]
    notebook = new_notebook(cells=[new_code_cell("x", id="x", outputs=pieces)])
    notebooks.tidy(notebook)
    assert [(output.name, output.text) for output in notebook.cells[0].outputs] == [
        ("stdout", "a\nb\n"),
        ("stderr", "c\n"),
    ]


@pytest.mark.slow
def test_run_executes_in_one_thread_twice_alike(good: tuple[NotebookNode, Path]) -> None:
    notebook, path = good
    notebook.cells[3].source = "import os, torch\nprint(os.environ['OMP_NUM_THREADS'], torch.get_num_threads())"
    nbformat.write(notebook, path)
    cost = notebooks.run(path)
    assert "sum" in str(cost) and cost.seconds > 0
    first = path.read_text()
    assert nbformat.reads(first, 4).cells[3].outputs[0].text == "1 1\n"
    assert notebooks.complaints(path) == []
    notebooks.run(path)
    assert path.read_text() == first


@pytest.mark.slow
def test_a_cell_that_fails_leaves_the_file_alone(good: tuple[NotebookNode, Path]) -> None:
    notebook, path = good
    notebook.cells[3].source = "1 / 0"
    nbformat.write(notebook, path)
    before = path.read_text()
    with pytest.raises(SalonError, match=r"good.ipynb stopped[\s\S]*ZeroDivisionError"):
        notebooks.run(path)
    assert path.read_text() == before


def test_what_is_shown_is_a_picture_and_a_markdown_table(monkeypatch: pytest.MonkeyPatch) -> None:
    import IPython.display
    import pandas as pd
    from matplotlib.figure import Figure

    seen: list = []
    monkeypatch.setattr(IPython.display, "display", seen.append)
    show(Figure(figsize=(1, 1)), "nothing")
    table(pd.DataFrame({"tar": [12.34]}, index=pd.Index(["C"], name="row")))
    table([["a", "b"], [1, 0.5]])
    assert Image.open(io.BytesIO(seen[0].data)).size == (100, 100) and seen[0].alt == "nothing"
    assert seen[1].data == "| row | tar |\n|---|---|\n| C | 12.3 |"
    assert seen[2].data == "| a | b |\n|---|---|\n| 1 | 0.5 |"
