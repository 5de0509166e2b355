"""A training's numbers for whoever watches it: lines of JSON in a file and on stdout, and TensorBoard."""

import json
import math
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tqdm.auto import tqdm

from salon.paths import write_whole, writing
from salon.words import SalonError


class Log:
    """Tells the rows of a run's history: to `folder`/metrics.jsonl, to stdout, to TensorBoard (in `folder` too).

    Raises `SalonError` if TensorBoard is asked for and not installed, or has no folder.
    """

    def __init__(self, folder: Path | None = None, stdout: bool = False, tensorboard: bool = False) -> None:
        if tensorboard and folder is None:
            raise SalonError("--tensorboard came without a folder; expected --log DIR with it.")
        if tensorboard and find_spec("tensorboard") is None:
            raise SalonError("TensorBoard is not installed; expected its package. `pip install tensorboard`.")
        self.folder, self.stdout, self.tensorboard = folder, stdout, tensorboard
        self.board: Any = None

    def start(self, history: Sequence[dict[str, Any]]) -> None:
        """Begin the file with what the run has told so far, so that a resumed run has no line twice."""
        if self.folder is not None:
            told = "".join(line + "\n" for row in history for line in lines(row))
            write_whole(self.folder / "metrics.jsonl", told)
        if self.tensorboard:
            from torch.utils.tensorboard import SummaryWriter

            after = 1 + max((row["step"] for row in history), default=-1)
            self.board = SummaryWriter(str(self.folder), purge_step=after)

    def __call__(self, row: dict[str, Any]) -> None:
        """Tell one row, at once: {"step": 10, "loss": 2.2, …}."""
        if self.stdout:
            tqdm.write("\n".join(lines(row)))  # past a progress bar
            print(end="", flush=True)
        if self.folder is not None:
            path = self.folder / "metrics.jsonl"
            with writing(path), path.open("a") as file:
                file.writelines(line + "\n" for line in lines(row))
        if self.board is not None:
            for name in row.keys() - {"step"}:
                self.board.add_scalar(name, row[name], row["step"])
            self.board.flush()


def lines(row: dict[str, Any]) -> list[str]:
    """A row of the history as the Mo platform charts it: {"metric": "loss", "value": 2.2, "step": 10}."""
    told = (item for item in row.items() if item[0] != "step" and math.isfinite(item[1]))
    return [json.dumps({"metric": name, "value": value, "step": row["step"]}) for name, value in told]
