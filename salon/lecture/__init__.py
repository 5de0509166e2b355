"""What a notebook needs: `lecture.setup("en")` in its first cell, and ways to show things."""

from importlib import import_module

from salon.lecture.doctor import examine
from salon.lecture.equations import rows as ledger
from salon.lecture.setup import setup
from salon.lecture.show import line, rounded, show, table, who

__all__ = [
    "claim", "examine", "ledger", "line", "page", "points", "rounded", "setup", "show", "table", "told", "verdicts",
    "who",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name not in ("claim", "page", "points", "told", "verdicts"):
        raise AttributeError(f"module 'salon.lecture' has no attribute {name!r}")
    return getattr(import_module("salon.lecture.stored"), name)  # with pandas, which `setup` may have to install
