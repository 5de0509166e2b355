"""The tests under each Python that is supported and here, with the newest dependencies, and with the oldest stated."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PYTHONS = ("3.10", "3.11", "3.12", "3.13", "3.14")
MATRIX = [(PYTHONS[0], "lowest-direct"), *((python, "highest") for python in PYTHONS)]  # uv's words for them


def versions(tests: list[str]) -> Iterator[str]:
    """A line for each of `MATRIX`: how the `tests` (none: all) ended, or why they could not begin."""
    for python, resolution in MATRIX:
        yield f"Python {python}, {resolution:13}  {_tried(python, resolution, tests)}"


def _tried(python: str, resolution: str, tests: list[str]) -> str:
    """The last line that was said, in an environment of its own below dist/."""
    folder = f"dist/versions/{python}-{resolution}"
    commands = [
        ["uv", "venv", "--clear", "--no-python-downloads", "--python", python, folder],
        ["uv", "pip", "install", "--python", folder, "--resolution", resolution, "-e", ".[lab,test]"],
        [f"{folder}/bin/python", "-m", "pytest", "-q", *tests],
    ]
    for command in commands:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            break
    return (done.stderr + done.stdout).strip().splitlines()[-1]
