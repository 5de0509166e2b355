"""The Chinese edition: built from the English and the catalogue, and every kind of drift is named with its cell."""

import base64
import copy
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from matplotlib.figure import Figure
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from authoring import form, notebooks, translation
from authoring.__main__ import main as authoring_main
from salon.lecture import lab
from salon.words import entry

ENGLISH = {
    "top": "# Title\n\nLasts **3 min**; see [the readme](../README.md).",
    "why": "The scale $s$ of `margin_loss` is 30 %.\n\n$$\na = b\n$$",
    "end": "## Checks (3 min)\n<details><summary>answer</summary>yes</details>",
}
CHINESE = {
    "top": "# 标题\n\n共 **3 分钟**；见[说明](../../README.zh.md)。",
    "why": "`margin_loss` 的尺度 $s$ 占 30 %。\n\n$$\na = b\n$$",
    "end": "## 检查（3 分钟）\n<details><summary>答案</summary>是</details>",
}
PATHS = [path for path in notebooks.find([]) if path.parent == lab.originals()]


@pytest.fixture
def english() -> NotebookNode:
    prose = {name: new_markdown_cell(text, id=name) for name, text in ENGLISH.items()}
    setup = new_code_cell('from salon import lecture\nlecture.setup("en")', id="setup", execution_count=1)
    numbers = new_code_cell("print(1)", id="numbers", execution_count=2)
    setup.outputs, numbers.outputs = [new_output("stream", text="ready")], [new_output("stream", text="1")]
    return new_notebook(cells=[prose["top"], setup, prose["why"], numbers, prose["end"]])


def translate(catalogue, name: str, chinese: str, english: str) -> None:
    """What a translator does with an entry: the Chinese goes in, the mark goes out."""
    entry = translation.entries(catalogue)[f"00/{name}"]
    entry.msgid, entry.msgstr, entry.flags, entry.previous_msgid = english, chinese, [], None


@pytest.fixture
def catalogue(english: NotebookNode):
    made = translation.read_catalogue(Path("none.po"))
    translation.update(made, "00", english)
    for name, text in CHINESE.items():
        translate(made, name, text, ENGLISH[name])
    return made


def faults(catalogue, english: NotebookNode, chinese: NotebookNode | None = None) -> str:
    chinese = chinese or translation.translated(catalogue, "00", english)
    return "\n".join(translation.complaints(catalogue, "00", english, chinese))


def test_only_the_prose_and_the_language_of_the_first_cell_differ(catalogue, english: NotebookNode) -> None:
    built = translation.translated(catalogue, "00", english)
    assert [cell.id for cell in built.cells] == [cell.id for cell in english.cells]
    assert built.cells[1].source.endswith('lecture.setup("zh")') and built.cells[3] == english.cells[3]
    assert [cell.source for cell in form.prose(built)] == list(CHINESE.values())
    assert english.cells[1].source.endswith('lecture.setup("en")'), "the English one is left alone"
    assert faults(catalogue, english) == ""


def test_an_edited_english_cell_is_named_until_somebody_looked(catalogue, english: NotebookNode) -> None:
    english.cells[2].source += "\n\nOne sentence more."
    assert "cell why was changed in English" in faults(catalogue, english)
    translation.update(catalogue, "00", english)
    assert "cell why was changed in English" in faults(catalogue, english)
    entry = translation.entries(catalogue)["00/why"]
    assert entry.msgstr == CHINESE["why"] and entry.previous_msgid == ENGLISH["why"], "nothing is lost"
    translate(catalogue, "why", CHINESE["why"] + "\n\n再加一句。", english.cells[2].source)
    assert faults(catalogue, english) == ""


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("$s$", "$t$", "formulas: '$s$' in English, '$t$' in Chinese"),
        ("a = b", "a = c", "formulas"),
        ("`margin_loss`", "margin_loss", "code: '`margin_loss`' in English, nothing"),
        ("30 %", "3 %", "numbers: '30' in English, '3' in Chinese"),
        ("# 标题", "标题", "headings: '#'"),
        ("../../README.zh.md", "../../LICENSE", "links"),
        ("<details>", "", "folded answers"),
    ],
)
def test_an_unfaithful_translation_is_named(catalogue, english: NotebookNode, old: str, new: str, what: str) -> None:
    name = next(name for name, text in CHINESE.items() if old in text)
    translate(catalogue, name, CHINESE[name].replace(old, new), ENGLISH[name])
    assert f"cell {name} differs in its {what}" in faults(catalogue, english)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda nb: nb.cells[3].update(source="print(2)"), "cell numbers differs from what is built"),
        (lambda nb: nb.cells[2].update(source="手改"), "cell why differs from what is built"),
        (lambda nb: nb.cells.pop(), "has other cells"),
        (lambda nb: nb.cells[3].outputs[0].update(text="2"), "cell numbers shows something else"),
        (lambda nb: nb.cells[3].outputs.clear(), "cell numbers shows something else"),
        (lambda nb: nb.cells[1].outputs[0].update(text="已就绪"), ""),
        (lambda nb: nb.cells[3].outputs[0].update(text="得到 2.5"), "cell numbers shows something else"),
    ],
)
def test_a_chinese_notebook_that_drifted_is_named(
    catalogue, english: NotebookNode, change: Callable, said: str
) -> None:
    chinese = copy.deepcopy(translation.translated(catalogue, "00", english))
    change(chinese)
    found = faults(catalogue, english, chinese)
    assert said in found if said else found == ""


def picture(words: str, alt: str) -> NotebookNode:
    """What `lecture.show` leaves in a notebook."""
    figure, file = Figure((1, 1)), io.BytesIO()
    figure.savefig(file, format="png", metadata={"Description": words} if words else {})
    data = {"image/png": base64.b64encode(file.getvalue()).decode()}
    return new_output("display_data", data=data, metadata={"image/png": {"alt": alt}})


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (picture("低分辨率\nTAR@FAR=1e-3, %\nC − B\n$10^{-1}$", "图"), ""),
        (picture("low resolution", "图"), "cell numbers shows English: low, resolution"),
        (picture("遮挡", "a figure"), "cell numbers shows English: figure"),
        (picture("", "图"), "cell numbers shows a picture that does not carry its words"),
        (new_output("display_data", data={"text/markdown": "| 条件 | pose |"}), "cell numbers shows English: pose"),
        (new_output("display_data", data={"text/markdown": "| 函数 | `losses.margin` |"}), ""),
    ],
)
def test_english_in_a_chinese_figure_or_table_is_named(catalogue, english, output: NotebookNode, said: str) -> None:
    english.cells[3].outputs = [output]
    found = faults(catalogue, english)
    assert said in found if said else found == ""


def test_labels_use_the_words_of_the_glossary() -> None:
    lines = (lab.originals().parent / "docs" / "glossary.md").read_text("utf-8").split("## 中文")[0].split("\n")
    rows = [line.split(" | ") for line in lines if line.startswith("| ")]
    terms = {term.strip("| "): chinese.partition("（")[0] for term, chinese, *_ in rows}
    labels = {term: label for term, label in entry("label").items() if term in terms}
    assert len(labels) > 15
    assert [term for term, label in labels.items() if not any(one in label for one in terms[term].split("；"))] == []


@pytest.mark.parametrize("path", PATHS, ids=notebooks.name_of)
def test_the_lecture_in_chinese_is_up_to_date(path: Path) -> None:
    catalogue, notebook = translation.read_catalogue(), nbformat.read(path, as_version=4)
    chinese = nbformat.read(notebooks.chinese_of(path), as_version=4)
    assert list(translation.complaints(catalogue, path.stem, notebook, chinese)) == []


def test_check_on_a_copy_names_the_edited_cell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command itself, on a copy of the first notebook: English text, formula and code in turn."""

    shutil.copytree(lab.originals(), tmp_path, dirs_exist_ok=True)
    for module in (notebooks, translation):
        monkeypatch.setattr(module, "originals", lambda: tmp_path)
    path = tmp_path / "00_start_here.ipynb"
    notebook = nbformat.read(path, as_version=4)
    cell = next(cell for cell in notebook.cells if cell.id == "explorer-after")
    cell.source += " And more."
    nbformat.write(notebook, path)
    assert authoring_main(["notebooks", "check", "00"]) == 1
    assert "cell explorer-after was changed in English" in capsys.readouterr().out
    chinese = nbformat.read(notebooks.chinese_of(path), as_version=4)
    code = next(cell for cell in chinese.cells if cell.id == "explorer-check")
    code.source += "\n# 多一行"
    nbformat.write(chinese, notebooks.chinese_of(path))
    assert authoring_main(["notebooks", "check", "00"]) == 1
    assert "cell explorer-check differs from what is built" in capsys.readouterr().out
