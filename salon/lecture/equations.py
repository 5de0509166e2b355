"""The equation ledger, `salon/words/equations.toml`, as a table and as text."""

from dataclasses import dataclass

from salon.words import entry, language, say

Symbol = tuple[str, str, str]  # LaTeX, the variable in our code, its shape


@dataclass(frozen=True)
class Equation:
    """One equation, or one group of them; the numbers are the paper's as recalled, not verified."""

    number: str  # "11" or "1, 2"; a name where the paper has no number
    en: str  # what it is for, in a few words
    zh: str
    latex: str
    status: str  # begins with: verified | derived | recalled; what it says of the contents, not of the number
    functions: list[str]  # dotted names
    symbols: list[Symbol]
    cell: str  # "notebook#cell-id"
    tests: list[str]  # "tests/file.py::test_name"
    slide: str = ""  # its id in the deck; "" for what no slide shows

    @property
    def title(self) -> str:
        """The number in brackets, or the name."""
        return f"({self.number})" if self.number[0].isdigit() else self.number

    @property
    def meaning(self) -> str:
        """What it is for, in the chosen language."""
        return {"en": self.en, "zh": self.zh}[language()]


def equations() -> list[Equation]:
    """Every equation, in the paper's order, then those that it does not number."""
    return [Equation(**fields) for fields in entry("ledger.equations")]


def rows() -> list[list[str]]:
    """The ledger for `lecture.table`: a header and a row for each equation."""
    header = [say(f"equation.{name}") for name in ("number", "meaning", "formula", "function", "cell")]
    known = ((each, ", ".join(f"`{name.removeprefix('salon.')}`" for name in each.functions)) for each in equations())
    return [header, *([each.title, each.meaning, f"${each.latex}$", names, f"`{each.cell}`"] for each, names in known)]
