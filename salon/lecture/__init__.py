"""What a notebook needs: `lecture.setup("en")` in its first cell."""

from salon.lecture.setup import setup

__all__ = ["setup"]
