"""The fonts that travel with the project: subsets of Noto, made from packages of the npm registry.

Salon Latin is Noto Sans, with the signs of mathematics that only Noto Sans SC has. Salon Han is Noto Sans SC: the
Chinese characters of our texts, and the quotation marks and dashes, which Chinese draws wide. Salon Mono is for code.
Decks and pages take them as WOFF2, matplotlib as TrueType.
"""

import io
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path

from fontTools import subset
from fontTools.fontBuilder import FontBuilder
from fontTools.merge import Merger
from fontTools.ttLib import TTFont
from fontTools.ttLib.tables._g_l_y_f import Glyph

from salon.paths import data_root
from salon.words import SalonError

PACKAGES = (
    "@expo-google-fonts/noto-sans@0.4.2",
    "@expo-google-fonts/noto-sans-sc@0.4.3",
    "@expo-google-fonts/noto-sans-mono@0.4.2",
)
MOST = 1_500_000  # bytes of data/fonts
DRAWN = ("slides/salon.*.md", "slides/words.toml", "salon/words/*")  # every character of these is set in our fonts
READ = ("slides/*.md", "notebooks/zh.po", "*.md", "docs/*.md")  # of these the Chinese
ASCII = range(0x20, 0x7F)
# Latin 1, Greek, punctuation, raised and lowered figures, letters of mathematics, arrows, operators, simple forms.
LATIN = (ASCII, range(0xA0, 0x100), range(0x391, 0x3CA), range(0x2010, 0x2028), range(0x2070, 0x2095),
         range(0x2100, 0x2140), range(0x2190, 0x21D5), range(0x2200, 0x22C0), range(0x25A0, 0x25D0))  # fmt: skip
_HAN = re.compile("[\u2e80-\u9fff\uff01-\uffe5“”‘’…—]")


def texts(*patterns: str) -> str:
    """All text of the files of a checkout that match."""
    root = data_root().parent
    paths = (path for pattern in patterns for path in sorted(root.glob(pattern)) if path.is_file())
    return "".join(path.read_text("utf-8") for path in paths)


def han(text: str) -> set[int]:
    """The code points of a text that Salon Han is to draw."""
    return set(map(ord, _HAN.findall(text)))


def latin(text: str) -> set[int]:
    """The code points of a text that Salon Latin is to draw."""
    return {ord(letter) for letter in text if letter.isprintable()} - han(text)


def write_fonts() -> list[Path]:
    """Make all of `data/fonts` again, and `tests/offline/none.ttf`; raises `SalonError` for a character in no font."""
    folder = data_root() / "fonts"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        sources = [_fetch(package, Path(scratch)) for package in PACKAGES]
        sans, chinese, mono = (source / "400Regular" for source in sources)
        bold = [source / "700Bold" for source in sources]
        fonts = {
            "latin": _latin(sans, chinese, latin(texts(*DRAWN))),
            "latin-bold": _latin(bold[0], bold[1], latin(texts(*DRAWN))),
            "han": _cut(chinese, han(texts(*DRAWN, *READ))),
            "han-bold": _cut(bold[1], han(texts(*DRAWN, *READ))),
            "han-pages": _cut(chinese, han(texts("salon/words/*"))),
            "mono": _cut(mono, set(ASCII)),
        }
        for name, font in fonts.items():
            _save(font, name, folder / f"{name}.woff2")
        for name in ("latin", "han"):
            _save(fonts[name], name, folder / f"{name}.ttf")
        (folder / "OFL.txt").write_text(_licence(sources), "utf-8")
    _blank(data_root().parent / "tests" / "offline" / "none.ttf")
    return sorted(folder.iterdir())


def _fetch(package: str, scratch: Path) -> Path:
    """Unpack a package of npm; its folder."""
    folder = scratch / package.split("/")[1]
    folder.mkdir()
    command = ["npm", "pack", "--silent", f"--pack-destination={folder}", package]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        said = getattr(error, "stderr", "") or error
        raise SalonError(f"npm could not fetch {package}: {said}. Install Node, see that it works.") from None
    with tarfile.open(folder / done.stdout.strip()) as packed:
        packed.extractall(folder, filter="data")
    return folder / "package"


def _cut(folder: Path, codes: set[int]) -> TTFont:
    """The one font of a folder with only these characters; raises `SalonError` where it has not all of them."""
    path = next(folder.glob("*.ttf"))
    options = subset.Options(layout_features=["kern"], hinting=False, notdef_outline=True)
    options.drop_tables += ["vhea", "vmtx", "BASE", "STAT"]
    font = subset.load_font(str(path), options)
    if lacking := codes - set(font.getBestCmap()):
        raise SalonError(f"{path.name} has no {' '.join(map(chr, sorted(lacking)))}; write it without.")
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=codes)
    cutter.subset(font)
    return font


def _latin(sans: Path, chinese: Path, needed: set[int]) -> TTFont:
    """Noto Sans with what only the Chinese font has of mathematics, as one font."""
    has, has_too = (set(TTFont(next(folder.glob("*.ttf"))).getBestCmap()) for folder in (sans, chinese))
    codes = {code for part in LATIN for code in part} & (has | has_too) | needed
    parts = [io.BytesIO(), io.BytesIO()]
    for part, folder, own in zip(parts, (sans, chinese), (codes & has, codes - has), strict=True):
        _cut(folder, own).save(part)
        part.seek(0)
    font, dates = Merger().merge(parts), TTFont(parts[0])["head"]
    font.recalcTimestamp, font["head"].created, font["head"].modified = False, dates.created, dates.modified
    return font


def _save(font: TTFont, name: str, path: Path) -> None:
    """Write a font under its own family name, so that no font of the system is taken for it."""
    first, _, bold = name.partition("-")
    family, style = f"Salon {first.title()}", "Bold" if bold == "bold" else "Regular"
    names = font["name"]
    names.names = [row for row in names.names if row.nameID in (0, 5, 13, 14)]  # copyright, version, licence
    shown = {1: family, 2: style, 4: f"{family} {style}", 6: f"Salon{first.title()}-{style}"}
    for number, text in shown.items():
        names.setName(text, number, 3, 1, 0x409)
    font.flavor = "woff2" if path.suffix == ".woff2" else None
    font.save(path)


def _blank(path: Path) -> None:
    """What Chromium falls back on in the tests: each letter is blank and two em wide, so that it is noticed."""
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "blank"])
    builder.setupCharacterMap(dict.fromkeys(ASCII, "blank"))
    builder.setupGlyf({name: Glyph() for name in (".notdef", "blank")})
    builder.setupHorizontalMetrics(dict.fromkeys((".notdef", "blank"), (2000, 0)))
    builder.setupHorizontalHeader(ascent=1000, descent=-500)
    builder.setupNameTable({"familyName": "None", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.font.recalcTimestamp = False
    builder.updateHead(created=0, modified=0)
    builder.save(path)


def _licence(sources: list[Path]) -> str:
    """The SIL Open Font License, under the copyright of each font."""
    texts = [source.joinpath("LICENSE_FONT").read_text("utf-8").partition("\n") for source in sources]
    return "\n".join(dict.fromkeys(first for first, _, _ in texts)) + "\n" + texts[0][2]
