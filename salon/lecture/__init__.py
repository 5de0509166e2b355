"""What a notebook needs: `lecture.setup("en")` in its first cell, and ways to show things."""

from salon.lecture.setup import setup
from salon.lecture.show import rounded, show, table

__all__ = ["rounded", "setup", "show", "table"]
