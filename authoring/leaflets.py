"""Two sheets beside the deck: the handout, two pages for the room, and the invitation, with fields to fill in."""

import base64
import html
import re
from string import Template

import tomllib

from authoring.slides import faces, folder, read

STORY = ("scale", "curve", "lasts", "pull", "stations")  # the slides whose figures tell it
FORMULAS = ("posterior", "loss", "parts", "two-images", "game", "total", "match")  # the slides with its equations


def leaflets(lang: str) -> dict[str, str]:
    """Name -> HTML of each sheet in a language, fonts and figures within; the figures are those that were drawn."""
    table = tomllib.loads((folder() / "words.toml").read_text("utf-8"))
    said = {key: html.escape(text[lang], quote=False) for key, text in table["leaflets"].items()}
    shared = said | {"lang": {"en": "en", "zh": "zh-CN"}[lang], "method": _figure("method.webp", lang),
                     "cover": _figure("cover.webp", lang), "story": _story(lang), "equations": _equations(lang),
                     "sources": _sources(said)}  # fmt: skip
    shared["parts"] = "".join(f"<li>{part}</li>" for part in table["programme"][lang])
    shared["fonts"] = faces(lang, "".join(shared.values()))
    return {name: Template((folder() / f"{name}.html").read_text("utf-8")).substitute(shared)
            for name in ("handout", "invitation")}  # fmt: skip


def _figure(name: str, lang: str, alt: str = "") -> str:
    path = folder() / "figures" / lang / name
    if path.suffix == ".svg":
        return path.read_text("utf-8").replace("ALT", html.escape(alt), 1)
    return f'<img alt="{html.escape(alt)}" src="data:image/webp;base64,{base64.b64encode(path.read_bytes()).decode()}">'


def _story(lang: str) -> str:
    """Each chosen slide as a figure with the sentence that says what is seen on it."""
    slides = {slide.id: slide for slide in read(lang)[1]}
    parts = []
    for alt, name in (slides[id].figures[0] for id in STORY):
        parts.append(f"<figure>{_figure(name, lang, alt)}<figcaption>{html.escape(alt)}</figcaption></figure>")
    return "\n".join(parts)


def _equations(lang: str) -> str:
    """The formulas of the chosen slides as the built deck has them, each under the slide's title."""
    page = (folder() / "dist" / f"salon.{lang}.html").read_text("utf-8")
    sections = re.findall(r"<section .*?</section>", page, re.S)
    letters = re.search(r"<svg [^>]*><defs><path id=.letter.*?</svg>", page, re.S)
    rows = [letters[0] if letters else ""]
    for slide, section in zip(read(lang)[1], sections, strict=True):
        if slide.id in FORMULAS:
            formulas = re.findall(r"<mjx-container.*?</mjx-container>", section, re.S)
            formulas = [one for one in formulas if "display=" in one.split(">")[0]] or formulas
            title = html.escape(slide.shown.split("\n")[0].lstrip("# "), quote=False)
            rows.append(f"<div><h3>{title}</h3>{''.join(formulas)}</div>")
    return "\n".join(rows)


def _sources(said: dict[str, str]) -> str:
    return re.sub(r"(https?://[^\s,;，；]+)", r'<a href="\1">\1</a>', said["references"])
