"""How a notebook shows things, so that a second run gives the same text on another machine."""

import re
from typing import Any

from salon.words import entry, language, say, word


def rounded(value: Any, digits: int = 2) -> str:
    """Numbers as text with `digits` decimals, never "-0.00": one, or a list, array or tensor of them.

    >>> rounded([[0.126, -0.001], [1, True]])
    '[[0.13, 0.00], [1, True]]'
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(rounded(item, digits) for item in value) + "]"
    return f"{round(value, digits) + 0.0:.{digits}f}" if isinstance(value, float) else str(value)


def line(*parts: object, sep: str = " ") -> None:
    """Print in the reader's language: the phrases of `labels.toml` by their Chinese, which is not set in columns."""
    text = sep.join(map(str, parts))
    print(text if language() == "en" else re.sub("(?<=：) +| (?= {2})", "", word(text)))


def show(figure: Any, alt: str) -> None:
    """Show a matplotlib figure as a PNG, which a saved notebook keeps; `alt` says in words what it shows."""
    from IPython.display import Image, display

    from salon.figures.style import png

    display(Image(data=png(figure), alt=word(alt)))


def table(rows: Any, digits: int = 1) -> None:
    """Show a pandas table, or a list of rows under their header, as Markdown; numbers are `rounded`."""
    from IPython.display import Markdown, display

    display(Markdown(markdown(rows, digits)))


def who() -> None:
    """Show who is who, to look up: the models that are compared, then the symbols."""
    lines = entry("who.list")
    table([[say("who.name"), say("who.is")], *([line["name"], line[language()]] for line in lines)])


def markdown(rows: Any, digits: int = 1) -> str:
    """What `table` shows, in the language of the edition."""
    if hasattr(rows, "columns"):
        flat = rows.reset_index()
        rows = [flat.columns, *flat.itertuples(index=False)]
    lines = ["| " + " | ".join(word(rounded(cell, digits)) for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])
