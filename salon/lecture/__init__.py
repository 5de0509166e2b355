"""What a notebook needs: `lecture.setup("en")` in its first cell, and ways to show things."""

from salon.lecture.doctor import examine
from salon.lecture.equations import rows as ledger
from salon.lecture.platforms import own_faces
from salon.lecture.setup import setup
from salon.lecture.show import rounded, show, table

__all__ = ["examine", "ledger", "own_faces", "rounded", "setup", "show", "table"]
