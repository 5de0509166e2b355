"""What a notebook needs: `lecture.setup("en")` in its first cell, and ways to show things."""

from salon.lecture.platforms import faces_folder
from salon.lecture.setup import setup
from salon.lecture.show import rounded, show, table

__all__ = ["faces_folder", "rounded", "setup", "show", "table"]
