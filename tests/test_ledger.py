"""The equation ledger: every entry leads somewhere, and no public loss or score of `salon.model` is missing."""

import ast
import importlib
import inspect
import json
import re
from functools import cache
from types import ModuleType
from typing import Any, get_type_hints

import pytest
from conftest import ROOT

from authoring.__main__ import main as authoring_main
from authoring.slides import read
from salon.lecture.equations import Equation, equations, rows
from salon.lecture.lab import originals
from salon.words import entry, set_language

LEDGER = equations()
MODULES = [importlib.import_module(f"salon.model.{name}") for name in ("losses", "decorrelation", "matching", "mining")]
# What is public there and yet no equation of the paper, with the reason.
NO_EQUATION = {
    "decorrelation.impostor_cosine": "our own watch for constant sub-embeddings",
    "matching.variance_floor": "our own remedy for constant sub-embeddings",
    "losses.memory_estimate": "bytes",
}
each_equation = pytest.mark.parametrize("equation", LEDGER, ids=lambda equation: equation.number)


def public(module: ModuleType) -> set[str]:
    """Public functions and classes that a module defines, without "salon.model."."""
    short = module.__name__.rpartition(".")[2]
    own = {name: x for name, x in vars(module).items() if getattr(x, "__module__", "") == module.__name__}
    return {f"{short}.{name}" for name, x in own.items() if callable(x) and not name.startswith("_")}


def unnamed(modules: list[ModuleType]) -> set[str]:
    """Public functions and classes that neither the ledger nor `NO_EQUATION` names."""
    named = {name.removeprefix("salon.model.") for equation in LEDGER for name in equation.functions}
    return set().union(*map(public, modules)) - named - NO_EQUATION.keys()


def resolve(name: str) -> Any:
    module, _, function = name.rpartition(".")
    return getattr(importlib.import_module(module), function)


def signatures(x: Any) -> list[Any]:
    """A function, or how a class is made and called."""
    return [getattr(x, n) for n in ("__init__", "forward") if hasattr(x, n)] if inspect.isclass(x) else [x]


def knows(function: str, variable: str) -> bool:
    """Is `variable` a parameter of the function, or an attribute of one, or a word of its docstring?"""
    x, (name, _, attribute) = resolve(function), variable.partition(".")
    for call in signatures(x):
        if name in inspect.signature(call).parameters:
            return not attribute or attribute in get_type_hints(get_type_hints(call)[name])
    return f"`{variable}`" in (inspect.getdoc(x) or "")


@cache
def names_of_tests(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@cache
def cells_of(notebook: str) -> dict[str, str]:
    cells = json.loads((originals() / f"{notebook}.ipynb").read_text(encoding="utf-8"))["cells"]
    return {cell["id"]: "".join(cell["source"]) for cell in cells}


def missing_tests(names: list[str]) -> list[str]:
    return [name for name in names if name.partition("::")[2] not in names_of_tests(name.partition("::")[0])]


@each_equation
def test_an_entry_leads_somewhere(equation: Equation) -> None:
    assert equation.functions and equation.tests and equation.latex and equation.symbols
    assert re.match(r"(verified|derived|recalled)\b", equation.status)
    for name in equation.functions:
        assert callable(resolve(name)) and not name.rpartition(".")[2].startswith("_"), name
    assert missing_tests(equation.tests) == []
    notebook, _, cell = equation.cell.partition("#")
    assert cell in cells_of(notebook), f"{equation.cell} is no cell"
    shown = re.findall(r"\\tag\{([^}]*)\}", cells_of(notebook)[cell])
    assert equation.number in shown or not equation.number[0].isdigit(), f"{equation.cell} shows {shown}"
    for latex, variable, shape in equation.symbols:
        assert latex and shape, variable
        assert any(knows(name, variable) for name in equation.functions), f"no function knows {variable}"


# What a slide writes in another way than the ledger: enough of it to be told from any other.
WRITTEN = {"1, 2": r"p(x_i\midy=j)\propto", "5": r"\frac\exp(s_iw_j^\topf_i)", "7": "f[B,K,d]",
           "CosFace": r"e^s(\cos\theta_y-m)"}  # fmt: skip


def plain(latex: str) -> str:
    """A formula without colours, spaces, braces, sizes of brackets and the limits of its sums."""
    latex = re.sub(r"\\color\{#\w+\}|\\(left|right|q?quad)\b|\\[,;!\\]|[\s&{}$]|\\(begin|end)\{aligned\}", "", latex)
    return re.sub(r"\\sum(_\w'?(\\ne\w(_\w)?|=\d)?)?(\^\w(_\w)?)?", r"\\sum", latex.replace(r"\tfrac", r"\frac"))


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_an_equation_is_shown_on_its_slide_under_its_number(lang: str) -> None:
    deck = {slide.id: slide for slide in read(lang)[1]}
    for equation in LEDGER:
        if equation.slide:
            slide = deck[equation.slide]
            assert WRITTEN.get(equation.number, plain(equation.latex)) in plain(" ".join(slide.formulas)), (
                equation.number
            )
            heading = slide.shown.split("\n")[0]
            ends = [int(n) for n in re.findall(r"\d+", (re.findall(r"\(([\d, –]+)\)", heading) or [""])[-1])]
            assert all(ends[0] <= int(n) <= ends[-1] for n in re.findall(r"\d+", equation.number)), heading
    numbered = [equation for equation in LEDGER if equation.number[0].isdigit()]
    assert [equation.number for equation in numbered if not equation.slide] == ["15"]  # told, and in the notebook


def test_all_sixteen_equations_are_there_once_and_in_order() -> None:
    numbers = [int(n) for equation in LEDGER for n in re.findall(r"\d+", equation.title)]
    assert numbers == list(range(1, 17))
    assert len({equation.number for equation in LEDGER}) == len(LEDGER)
    assert missing_tests(entry("ledger.for_all")) == []


def test_no_public_loss_or_score_is_without_an_entry() -> None:
    assert unnamed(MODULES) == set(), "give it an entry in salon/words/equations.toml, or a reason here"


def test_the_ledger_notices_a_new_loss_a_lost_test_and_a_wrong_variable() -> None:
    new = ModuleType("salon.model.new")
    exec("def lonely_loss(x): ...\ndef _helper(x): ...\nclass LonelyFace: ...", vars(new))
    vars(new)["borrowed"] = resolve("salon.model.losses.margin_loss")
    assert unnamed([*MODULES, new]) == {"new.lonely_loss", "new.LonelyFace"}
    assert missing_tests(["tests/test_ledger.py::test_none"]) == ["tests/test_ledger.py::test_none"]
    assert knows("salon.model.losses.posterior", "embedding.features")
    assert not knows("salon.model.losses.posterior", "embedding.colour")
    assert not knows("salon.model.losses.posterior", "margin")


def test_the_command_prints_every_entry(capsys: pytest.CaptureFixture[str]) -> None:
    assert authoring_main(["equations"]) == 0
    printed = capsys.readouterr().out
    for equation in LEDGER:
        assert all(text in printed for text in (equation.title, equation.latex, equation.cell, *equation.functions))
    assert authoring_main(["equations", "--markdown"]) == 0
    assert capsys.readouterr().out.count("\n") == len(LEDGER) + 2


def test_the_table_has_a_row_for_each_equation_in_both_languages() -> None:
    try:
        tables = [set_language(language) or rows() for language in ("en", "zh")]
    finally:
        set_language("en")
    for table in tables:
        assert len(table) == len(LEDGER) + 1 and {len(row) for row in table} == {5}
        assert not any("|" in cell for row in table for cell in row)  # it would end a cell
    assert all(one[1] != other[1] and one[2:] == other[2:] for one, other in zip(*(t[1:] for t in tables), strict=True))
