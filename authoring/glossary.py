"""One word for one thing: the glossary's notes say which Chinese words are not used (“不说…”), and here it is held."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from authoring import form

PAGE = Path(__file__).parent.parent / "docs" / "glossary.md"
_AVOIDED = re.compile(r"不说((?:“[^”]+”)+)")


@cache
def avoided() -> dict[str, str]:
    """The words that the glossary turns away, and the one that it has instead."""
    rows = [line.split(" | ") for line in PAGE.read_text("utf-8").split("\n") if _AVOIDED.search(line)]
    return {word: row[1] for row in rows for word in re.findall("“([^”]+)”", "".join(_AVOIDED.findall(" ".join(row))))}


def complaints(notebook: Any) -> Iterator[str]:
    """Where a Chinese text has a word that the glossary turns away, one sentence each."""
    for cell in form.prose(notebook):
        for word, instead in avoided().items():
            if word in cell.source:
                yield f"cell {cell.id} says {word}; the glossary has {instead}"
