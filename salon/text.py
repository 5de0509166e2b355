"""The words that a reader sees, in two languages, and the one kind of error that is meant for people."""

LANGUAGES = ("en", "zh")
_language = "en"

# One row for each text; `say("key", name=value)` fills the braces.
TEXTS: dict[str, dict[str, str]] = {
    "reset": {"en": "Reset", "zh": "重置"},
}


class SalonError(ValueError):
    """A mistake that a reader can mend: it says what came, what was expected and what to do."""


def set_language(lang: str) -> None:
    """Choose the language of widgets and messages, `"en"` or `"zh"`; raises `SalonError` for another."""
    global _language
    if lang not in LANGUAGES:
        raise SalonError(f"The language {lang!r} is not known; expected 'en' or 'zh'. Call setup(\"en\").")
    _language = lang


def language() -> str:
    """The language chosen by `set_language`, `"en"` at first."""
    return _language


def say(key: str, lang: str | None = None, **values: object) -> str:
    """The text `key` in the chosen language (or `lang`), its braces filled from `values`."""
    return TEXTS[key][lang or _language].format(**values)
