"""The fonts that come along: every character of our texts, small, licensed, and found by matplotlib and theme."""

import io
import re

import matplotlib as mpl
import pytest
from conftest import ROOT
from fontTools.ttLib import TTFont
from matplotlib import font_manager

from authoring.fonts import ASCII, DRAWN, MOST, READ, han, latin, texts
from salon.figures.style import panels
from salon.widgets.host import font_faces

FOLDER = ROOT / "data" / "fonts"
NEEDED = {
    "latin": latin(texts(*DRAWN)),
    "han": han(texts(*DRAWN, *READ)),
    "han-pages": han(texts("salon/words/*")),
    "mono": set(ASCII),
}


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.[tw]*f*")), ids=lambda path: path.name)
def test_each_font_has_every_character_of_our_texts(path) -> None:
    missing = NEEDED[path.stem.removesuffix("-bold")] - set(TTFont(path).getBestCmap())
    letters = "".join(map(chr, sorted(missing)))
    assert not missing, f"{path.name} has no {letters}: python -m authoring fonts"


def test_code_on_slides_is_plain() -> None:
    shown = re.sub(r"<!--.*?-->", "", texts("slides/salon.*.md"), flags=re.DOTALL)
    code = re.findall(r"`([^`\n]+)`", shown)
    assert set(map(ord, "".join(code))) <= NEEDED["mono"]


def test_they_are_small_and_licensed() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < MOST
    licence = (FOLDER / "OFL.txt").read_text("utf-8")
    assert "SIL OPEN FONT LICENSE Version 1.1" in licence and licence.count("Copyright") >= 2


def test_figures_are_drawn_with_them_in_both_languages() -> None:
    figure, axes = panels(1, 1, 3, 2)
    axes[0, 0].set(title="置信度 s 与方差 σ²", xlabel=r"$10^{-3}$ σ ≤ 1")
    figure.savefig(io.BytesIO())  # a missing glyph is a warning, and a warning an error
    for family in mpl.rcParams["font.family"]:
        assert font_manager.findfont(family, fallback_to_default=False).startswith(str(FOLDER))


@pytest.mark.parametrize("style", ["slides/theme.css", "slides/live.css", "salon/widgets/salon.css"])
def test_styles_name_no_font_of_a_system(style: str) -> None:
    brought = set(re.findall(r'font-family: "(.*?)"', font_faces("latin", "han-bold", "mono")))
    assert brought == {"Salon Latin", "Salon Han", "Salon Mono"}
    lists = re.findall(r"font(?:-family)?: (?:[\d.]+px/[\d.]+ )?([^;]+);", (ROOT / style).read_text("utf-8"))
    named = {name.strip('"') for names in lists for name in names.split(", ")}
    assert named <= brought | {"sans-serif", "monospace", "system-ui", "inherit"}
