"""The words that a reader sees, in two languages, and the one kind of error that is meant for people.

The texts are data: in the `.toml` files beside this one, both languages of a text stand together.
"""

import re
import sys
from argparse import ArgumentTypeError
from functools import cache, reduce
from importlib import import_module
from numbers import Integral
from pathlib import Path
from typing import Any

tomllib = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
LANGUAGES = ("en", "zh")
_language = "en"
_HAN = "[\u4e00-\u9fff]"


class SalonError(ValueError, ArgumentTypeError):  # the latter: argparse, too, repeats what it says
    """A mistake that a reader can mend: it says what came, what was expected and what to do."""


def short(came: object, most: int = 60) -> str:
    """What came, as a message may repeat it: on one line, and cut where it is long."""
    told = hex(came) if isinstance(came, int) and came.bit_length() > 9999 else repr(came)  # Python writes 4300 digits
    return told if len(told) <= most else f"{told[:most]}… ({len(told):,} characters)"


def expect_whole(name: str, came: Any, least: int = 0, most: int = 2**32 - 1) -> int:
    """What came, a number or at most thirty digits, as a whole number within bounds; else raises `SalonError`."""
    number = isinstance(came, Integral) or (isinstance(came, str) and re.fullmatch(r"[+-]?\d{1,30}", came))
    if not number or not least <= int(came) <= most:
        raise SalonError(f"{name} came as {short(came)}; expected a whole number from {least} to {most:,}.")
    return int(came)


def set_language(lang: str) -> None:
    """Choose the language of widgets and messages, `"en"` or `"zh"`; raises `SalonError` for another."""
    global _language
    _language = known_language(lang)


def known_language(lang: str | None) -> str:
    """`lang`, or the chosen language for None; raises `SalonError` for another."""
    if lang not in (None, *LANGUAGES):
        raise SalonError(f"The language {lang!r} is not known; expected 'en' or 'zh'. Call setup(\"en\").")
    return lang or _language


def language() -> str:
    """The language chosen by `set_language`, `"en"` at first."""
    return _language


def say(key: str, lang: str | None = None, **values: object) -> str:
    """The text `key` in the chosen language (or `lang`), its braces filled from `values`."""
    return entry(key)[known_language(lang)].format(**values)


def word(label: str) -> str:
    """A label as a reader sees it: no underscores, and in Chinese each phrase of `labels.toml` by its Chinese.

    What stands in backticks or between dollars is left alone.
    """
    parts = re.split(r"(`[^`]*`|\$[^$]*\$)", label)
    parts[::2] = [re.sub(r"(?<=[a-z])_(?=[a-z0-9])", " ", part) for part in parts[::2]]
    parts[::2] = [_chinese(part) if _language == "zh" else part for part in parts[::2]]
    return "".join(parts)


def _chinese(label: str) -> str:
    phrases = entry("label")
    label = _phrases().sub(lambda found: phrases[" ".join(found[0].split())], label)
    for latin, full in zip(":,;", "：，；", strict=True):
        label = re.sub(f"(?<={_HAN}){latin} ?|{latin} ?(?={_HAN})", full, label)
    return re.sub(f"(?<={_HAN}) (?={_HAN})", "", label)


@cache
def _phrases() -> re.Pattern[str]:
    """All phrases of `labels.toml`, the longest first; any white space may stand for a blank."""
    longest = sorted(entry("label"), key=len, reverse=True)
    phrases = "|".join(r"\s+".join(map(re.escape, phrase.split())) for phrase in longest)
    return re.compile(rf"(?<![A-Za-z])(?:{phrases})(?![A-Za-z])")


def entry(key: str) -> Any:
    """What stands in the data under a dotted key: a text as `{"en": …, "zh": …}`, or all that begins with it."""
    return reduce(lambda table, name: table[name], key.split("."), _data())


@cache
def _data() -> dict[str, Any]:
    files = sorted(Path(__file__).parent.glob("*.toml"))
    return {key: table for file in files for key, table in tomllib.loads(file.read_text("utf-8")).items()}
