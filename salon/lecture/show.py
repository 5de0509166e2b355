"""How a notebook shows things, so that a second run gives the same text on another machine."""

import io
from typing import Any

from salon.words import entry, language, say


def rounded(value: Any, digits: int = 2) -> str:
    """Numbers as text with `digits` decimals, never "-0.00": one, or a list, array or tensor of them.

    >>> rounded([[0.126, -0.001], [1, True]])
    '[[0.13, 0.00], [1, True]]'
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return "[" + ", ".join(rounded(item, digits) for item in value) + "]"
    return f"{value:z.{digits}f}" if isinstance(value, float) else str(value)


def show(figure: Any, alt: str) -> None:
    """Show a matplotlib figure as a PNG, which a saved notebook keeps; `alt` says in words what it shows."""
    from IPython.display import Image, display

    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=100)
    display(Image(data=file.getvalue(), alt=alt))


def table(rows: Any, digits: int = 1) -> None:
    """Show a pandas table, or a list of rows under their header, as Markdown; numbers are `rounded`."""
    from IPython.display import Markdown, display

    display(Markdown(markdown(rows, digits)))


def who() -> None:
    """Show who is who, to look up: the models that are compared, then the symbols."""
    lines = entry("who.list")
    table([[say("who.name"), say("who.is")], *([line["name"], line[language()]] for line in lines)])


def markdown(rows: Any, digits: int = 1) -> str:
    """What `table` shows."""
    if hasattr(rows, "columns"):
        flat = rows.reset_index()
        header = [str(name).replace("_", " ") for name in flat.columns]
        rows = [header, *flat.itertuples(index=False)]
    lines = ["| " + " | ".join(rounded(cell, digits) for cell in row) + " |" for row in rows]
    return "\n".join([lines[0], "|---" * len(rows[0]) + "|", *lines[1:]])
