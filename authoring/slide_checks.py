"""Both decks alike, their minutes add up, what they name exists, what is built is new."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator

from authoring.form import CORE_MINUTES
from authoring.slide_numbers import PLACEHOLDER, fill
from authoring.slide_print import WAYS
from authoring.slides import ROUTES, Slide, folder, minutes_of, read, spoken_minutes, stale
from salon.lecture.lab import originals
from salon.words import LANGUAGES, SalonError

TALK = (65, 72)  # minutes, all slides together
WITHIN = 0.1  # of the minutes of talk: what the notes may take longer or shorter, all together
LOOSE = 0.35  # the same for one slide
COUNT = (30, 45)
PICTURED = 34  # slides at least with something to look at
MOST = {"html": 4_000_000, "all": 20_000_000}  # bytes of one HTML, and of slides/dist

Deck = list[Slide]


def complaints() -> list[str]:
    """What is wrong with the deck, one sentence each; an empty list is what we want."""
    try:
        decks = {lang: read(lang)[1] for lang in LANGUAGES}
        found = [text for rule in RULES for text in rule(decks)]
        return found + [text for lang in LANGUAGES for text in numbers(decks[lang])] + built()
    except SalonError as error:
        return [str(error)]


def same(decks: dict[str, Deck]) -> Iterator[str]:
    """Both languages have the same slides in the same order, with the same marks, figures, formulas and numbers."""
    en, zh = decks["en"], decks["zh"]
    if [slide.id for slide in en] != [slide.id for slide in zh]:
        yield f"the slides differ: {sorted({s.id for s in en} ^ {s.id for s in zh}) or 'another order'}"
    for one, other in zip(en, zh, strict=False):
        for what, a, b in _shared(one, other):
            if a != b:
                yield f"slide {one.id}: {what} differ between the languages: {a} and {b}"


def _shared(one: Slide, other: Slide) -> Iterator[tuple[str, object, object]]:
    for name in ("talk", "demo", "questions", "pause", "late", "cell", "route", "formulas", "choices"):
        yield name, getattr(one, name), getattr(other, name)
    yield "figures", [name for _, name in one.figures], [name for _, name in other.figures]
    yield ("numbers", PLACEHOLDER.findall(one.shown + one.notes), PLACEHOLDER.findall(other.shown + other.notes))
    yield "what waits for a guess", bool(one.answer), bool(other.answer)


def whole(decks: dict[str, Deck]) -> Iterator[str]:
    """Neither too many slides nor too few; ids once; `late` leads on; cells exist; each figure has its words."""
    deck, cells = decks["en"], notebook_cells()
    ids = [slide.id for slide in deck]
    if not COUNT[0] <= len(ids) <= COUNT[1] or len(set(ids)) < len(ids):
        yield f"{len(ids)} slides, {len(set(ids))} names; expected {COUNT[0]} to {COUNT[1]}, each its own"
    for n, slide in enumerate(deck):
        if slide.late != "keep" and slide.late.removeprefix("skip to ") not in ids[n + 1 :]:
            yield f"slide {slide.id}: {slide.late!r} leads to no later slide"
        if slide.cell not in cells:
            yield f"slide {slide.id}: the notebook cell {slide.cell} does not exist"
        if slide.guess and slide.answer and len(slide.choices) < 2:
            yield f"slide {slide.id}: its guess names no choices, such as `**Guess: …?** A this · B that`"
        if "TODO" in slide.shown + slide.notes:
            yield f"slide {slide.id} is not written yet"
    pictured = [slide for slide in deck if any(not name.startswith("lit_") for _, name in slide.figures)]
    if len(pictured) < PICTURED:
        yield f"{len(pictured)} slides have something to look at; expected {PICTURED} at least"
    for lang in LANGUAGES:
        yield from (f"slide {slide.id}, {lang}: a figure without words" for slide in decks[lang]
                    for alt, _ in slide.figures if not alt.strip())  # fmt: skip


def notebook_cells() -> set[str]:
    """Every cell of the notebooks as "notebook#cell-id"."""
    found = set()
    for path in originals().glob("*.ipynb"):
        found |= {f"{path.stem}#{cell['id']}" for cell in json.loads(path.read_text("utf-8"))["cells"]}
    return found


def minutes(decks: dict[str, Deck]) -> Iterator[str]:
    """Talk, notes and timetable: the deck, the notebooks and the run sheets agree."""
    deck = decks["en"]
    talk, parts = sum(slide.talk for slide in deck), by_part(deck)
    if not TALK[0] <= talk <= TALK[1]:
        yield f"{talk} minutes of talk; expected {TALK[0]} to {TALK[1]}"
    for route in ROUTES:
        if (found := minutes_of(deck, route)) != route:
            yield f"the slides of the route of {route} minutes add up to {found}"
    for name, expected in CORE_MINUTES.items():  # which the notebooks are held to by their own checks
        if parts[name[:2]] != expected:
            yield f"part {name[:2]}: its slides take {parts[name[:2]]} minutes, its notebook {expected}"
    for lang in LANGUAGES:
        yield from _spoken(decks[lang], lang, talk)
        if unknown := _named_in_run_sheet(lang) - {slide.id for slide in deck}:
            yield f"runsheet.{lang}.md names {', '.join(sorted(unknown))}, which no slide is called"
        if (rows := run_sheet(lang)) != (marks := list(parts.values())):
            yield f"runsheet.{lang}.md says {rows} minutes, the slides {marks}"


def by_part(deck: Deck) -> Counter[str]:
    """Minutes of each part, and of the break, in order."""
    parts: Counter[str] = Counter()
    for slide in deck:
        parts[slide.part] += slide.minutes
    return parts


def run_sheet(lang: str) -> list[int]:
    """The minutes of each row of a run sheet's timetable, without the sum; a row that does not add up raises."""
    text = folder().joinpath(f"runsheet.{lang}.md").read_text("utf-8")
    rows = [[int(n) for n in row] for row in re.findall(r"^\|[^|*]+\|[^|]+" + r"\| *(\d+) *" * 5 + r"\|$", text, re.M)]
    if wrong := [row for row in rows if sum(row[:4]) != row[4]]:
        raise SalonError(f"runsheet.{lang}.md: the row {wrong[0]} does not add up; mend its minutes.")
    return [row[4] for row in rows]


def _named_in_run_sheet(lang: str) -> set[str]:
    """The slides that a run sheet names, in code marks; cells and commands aside, which stand in its first part."""
    text = folder().joinpath(f"runsheet.{lang}.md").read_text("utf-8")
    return set(re.findall(r"`([a-z-]+)`", "\n".join(text.split("\n|---|---|---|\n")[1:])))


def _spoken(deck: Deck, lang: str, talk: int) -> Iterator[str]:
    spoken = {slide.id: spoken_minutes(fill(slide.notes, slide.id), lang) for slide in deck if slide.talk}
    if abs(sum(spoken.values()) - talk) > WITHIN * talk:
        yield f"{lang}: the notes take {sum(spoken.values()):.1f} minutes to read, the marks say {talk}"
    for slide in deck:
        if slide.talk and abs(spoken[slide.id] - slide.talk) > max(0.5, LOOSE * slide.talk):
            yield f"slide {slide.id}, {lang}: its notes take {spoken[slide.id]:.1f} minutes, its mark says {slide.talk}"


def numbers(deck: Deck) -> Iterator[str]:
    """Every placeholder has a stored number."""
    for slide in deck:
        try:
            fill(slide.shown + slide.notes, slide.id)
        except SalonError as error:
            yield str(error)


def built() -> list[str]:
    """The files in `slides/dist` are there, of these sources, and small enough."""
    dist = folder() / "dist"
    names = ["salon.{}.html", "handout.{}.pdf", "invitation.{}.pdf", "invitation.{}.html"]
    names += [f"salon.{{}}{end}.pdf" for end in WAYS]
    files = [dist / name.format(lang) for lang in LANGUAGES for name in names]
    if gone := [file.name for file in files if not file.exists()]:
        return [f"slides/dist has no {', '.join(gone)}; build it: make slides"]
    sizes = {file.name: file.stat().st_size for file in dist.iterdir()}
    found = [f"{name} has {size} bytes, more than {MOST['html']}" for name, size in sizes.items()
             if name.endswith(".html") and size > MOST["html"]]  # fmt: skip
    if (together := sum(sizes.values())) > MOST["all"]:
        found.append(f"slides/dist has {together} bytes, more than {MOST['all']}")
    if changed := stale():
        found.append(f"slides/dist is older than {', '.join(changed)}; build it again: make slides")
    return found


RULES: tuple[Callable[[dict[str, Deck]], Iterator[str]], ...] = (same, whole, minutes)
