"""The Chinese edition: `notebooks/zh.po` holds the Chinese of each Markdown cell, the notebooks are built from it.

An entry's context is the cell ("01_background/top"), its id the English text that was translated. Where the
English has changed since, the entry is stale: `update` keeps the old Chinese and marks it fuzzy, and
`python -m authoring notebooks check` names the cell until somebody has looked at it.
"""

import copy
import re
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from authoring import form
from salon.lecture.lab import originals

LANGUAGE = "zh"
SETUP = ('lecture.setup("en")', f'lecture.setup("{LANGUAGE}")')
# A word of English, and those that Chinese figures and tables keep.
_ENGLISH = re.compile(r"[A-Za-z]*[a-z]{2}[A-Za-z]*")
_MATHEMATICS = re.compile(r"`[^`]*`|\$[^$]*\$|E-rest")  # and the name of a row
KEPT = {"CosFace", "TinyFace", "logit", "nat", "notebook"}
_HEADER = {"Language": LANGUAGE, "Content-Type": "text/plain; charset=utf-8", "Content-Transfer-Encoding": "8bit"}


def catalogue_path() -> Path:
    """Where the catalogue lies: beside the English notebooks."""
    return originals() / f"{LANGUAGE}.po"


def read_catalogue(path: Path | None = None) -> Any:
    """The catalogue as polib reads it; an empty one where there is none yet."""
    import polib

    path = path or catalogue_path()
    if path.exists():
        return polib.pofile(str(path), wrapwidth=0)
    catalogue = polib.POFile(wrapwidth=0)
    catalogue.metadata = dict(_HEADER)
    return catalogue


def entries(catalogue: Any) -> dict[str, Any]:
    """The catalogue's entries by cell."""
    return {entry.msgctxt: entry for entry in catalogue}


def update(catalogue: Any, name: str, notebook: Any) -> None:
    """Bring a notebook's entries in line with its English: new ones empty, changed ones fuzzy, lost ones gone."""
    import polib

    known, cells = entries(catalogue), {f"{name}/{cell.id}": cell.source for cell in form.prose(notebook)}
    for context, text in cells.items():
        entry = known.get(context)
        if entry is None:
            catalogue.append(polib.POEntry(msgctxt=context, msgid=text, msgstr=""))
        elif entry.msgid != text:
            entry.previous_msgid = entry.previous_msgid or entry.msgid
            entry.msgid = text
            entry.flags = ["fuzzy"] if entry.msgstr else []
    for context in known:
        if context.startswith(f"{name}/") and context not in cells:
            catalogue.remove(known[context])


def translated(catalogue: Any, name: str, notebook: Any, before: Any | None = None) -> Any:
    """The Chinese notebook: code and ids of the English one; outputs of `before` where its code is the same.

    A cell without Chinese keeps its English, for `complaints` to name. Returns a new notebook.
    """
    known, built = entries(catalogue), copy.deepcopy(notebook)
    old = {cell.id: cell for cell in form.codes(before)} if before is not None else {}
    for cell in built.cells:
        if cell.cell_type == "markdown":
            entry = known.get(f"{name}/{cell.id}")
            cell.source = entry.msgstr if entry is not None and entry.msgstr else cell.source
        else:
            cell.source = cell.source.replace(*SETUP)
            if cell.id in old and old[cell.id].source == cell.source:
                cell.outputs = old[cell.id].outputs
    return built


def complaints(catalogue: Any, name: str, notebook: Any, chinese: Any) -> Iterator[str]:
    """What is wrong with the Chinese edition of a notebook, one sentence for each fault, with its cell."""
    known = entries(catalogue)
    for cell in form.prose(notebook):
        entry = known.get(f"{name}/{cell.id}")
        if entry is None or not entry.msgstr:
            yield f"cell {cell.id} has no Chinese; translate it in {catalogue_path().name}"
        elif entry.fuzzy or entry.msgid != cell.source:
            yield f"cell {cell.id} was changed in English after it was translated; look at it and unmark it"
        else:
            yield from (f"cell {cell.id} {fault}" for fault in unlike(cell.source, entry.msgstr))
    expected = translated(catalogue, name, notebook)
    if [cell.id for cell in expected.cells] != [cell.id for cell in chinese.cells]:
        yield "the Chinese notebook has other cells; build it with `python -m authoring notebooks build`"
        return
    yield from _differences(expected, notebook, chinese)


def _differences(expected: Any, notebook: Any, chinese: Any) -> Iterator[str]:
    for ours, source, theirs in zip(expected.cells, notebook.cells, chinese.cells, strict=True):
        if (ours.source, ours.metadata) != (theirs.source, theirs.metadata):
            yield (
                f"cell {ours.id} differs from what is built; edit the English or zh.po, "
                "then `python -m authoring notebooks build`"
            )
        elif ours.cell_type == "code" and not _shows_the_same(source, theirs):
            yield f"cell {ours.id} shows something else in Chinese than in English"
        if ours.cell_type == "code":
            yield from _not_chinese(theirs)


def _not_chinese(cell: Any) -> Iterator[str]:
    """English in the tables and pictures of a cell; a picture made by `lecture.show` carries its words."""
    if any("Description" not in picture.info for picture in form.pictures(cell)):
        yield f"cell {cell.id} shows a picture that does not carry its words; use lecture.show"
    if found := english(form.labels(cell)):
        yield f"cell {cell.id} shows English: {', '.join(found)}; put it into salon/words/labels.toml, run again"


def english(labels: str) -> list[str]:
    """The English words of labels that are to be Chinese."""
    return sorted({*_ENGLISH.findall(_MATHEMATICS.sub("", labels))} - KEPT)


def unlike(english: str, chinese: str) -> Iterator[str]:
    """Where a translation is not faithful in form: headings, formulas, code, links, folds, numbers."""
    for what, parts in PARTS.items():
        missing = Counter(parts(english)) - Counter(parts(chinese))
        added = Counter(parts(chinese)) - Counter(parts(english))
        if missing or added:
            yield f"differs in its {what}: {_some(missing)} in English, {_some(added)} in Chinese"


def _some(counted: Counter) -> str:
    return ", ".join(repr(part) for part in list(counted)[:3]) or "nothing"


def _either_language(link: str) -> str:
    """The link without what tells a page from its other edition."""
    return link.replace("../../", "../").replace(".zh.md", ".md")


PARTS: dict[str, Callable[[str], list[str]]] = {
    "headings": lambda text: [line.split(" ")[0] for line in form.headings(text)],
    "formulas": form.formulas,
    "code": form.spans,
    "code blocks": form.FENCED.findall,
    "links": lambda text: [_either_language(link) for link in form.links(text)],
    "folded answers": re.compile("<details>").findall,
    "numbers": form.decimals,
}


def _shows_the_same(english: Any, chinese: Any) -> bool:
    """Whether the outputs are equal, or say the same numbers in Chinese; what differs between runs is not compared."""
    if english.metadata.get("tags"):
        return True
    ours, theirs = form.shown(english), form.shown(chinese)
    translated = any("\u4e00" <= letter <= "\u9fff" for letter in theirs)
    same = form.decimals(ours) == form.decimals(theirs) if translated else ours == theirs
    return same and _kinds(english) == _kinds(chinese)


def _kinds(cell: Any) -> list[list[str]]:
    return [sorted(output.get("data", {})) for output in cell.outputs]
