"""What a script made from a notebook runs on: pictures become files, progress becomes lines of JSON.

What a cell would show goes through IPython's own publisher, so that a figure, a table and a widget need not know
where they are. Metrics are lines of JSON, as the jobs of Mo read them: {"metric": "seconds", "value": 2.2, "step": 3}.
"""

import base64
import os
import sys
import time
from pathlib import Path
from typing import Any

from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from salon.paths import default_out, write_whole
from salon.training.log import Log, lines
from salon.words import say


class _Files(DisplayPublisher):
    """Puts each picture into a file and prints the rest as text."""

    job: "Job"

    def publish(self, data: Any, metadata: Any = None, source: Any = None, **kwargs: Any) -> None:
        """Take one display, as a kernel would."""
        if "image/png" in data:
            print(say("script.saved", path=self.job.save(data["image/png"])), flush=True)
        else:
            print(data.get("text/markdown", data.get("text/plain", "")), flush=True)


class _Losses(Log):
    """What a training tells, under the name of the part that trains."""

    def __init__(self, job: "Job") -> None:
        super().__init__(stdout=True)
        self.job = job

    def __call__(self, row: dict[str, Any]) -> None:
        named = {f"{self.job.part} {name}": value for name, value in row.items() if name != "step"}
        super().__call__(named | {"step": row["step"]})


class Job:
    """A running script: `job("part")` begins a part, `job.metric` tells a number, pictures go to `job.folder`."""

    def __init__(self, name: str, folder: Path | None = None) -> None:
        self.name, self.folder = name, folder or default_out(name)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.step, self.pictures, self.part, self.start = 0, 0, "", time.perf_counter()
        os.environ["SALON_WIDGETS"] = "picture"  # nobody is there to move a slider
        config = Config(HistoryManager={"enabled": False})
        main = sys.modules["__main__"]
        InteractiveShell.instance(config=config, user_module=main, display_pub_class=_Files)
        _Files.job = self
        self.log = _Losses(self)

    def __call__(self, part: str) -> None:
        """Begin a part: of the one before, its seconds are told."""
        if self.part:
            self.metric("seconds", round(time.perf_counter() - self.start, 1), self.step)
        self.part, self.step, self.pictures, self.start = part, self.step + 1, 0, time.perf_counter()
        print(f"# {part or 'done'}", flush=True)

    def done(self) -> None:
        """After the last part."""
        self("")

    def show(self, value: Any) -> None:
        """What a notebook does with the value of a cell's last line."""
        from IPython.display import display

        if value is not None:
            display(value)

    def metric(self, name: str, value: float, step: int) -> None:
        """Print a number as a line of JSON."""
        print(*lines({name: value, "step": step}), flush=True)

    def save(self, png: str | bytes) -> Path:
        """Write a PNG (as bytes or in base64), named after the part that showed it."""
        self.pictures += 1
        path = self.folder / f"{self.step:02}-{self.part}-{self.pictures}.png"
        write_whole(path, base64.b64decode(png) if isinstance(png, str) else png)
        return path
