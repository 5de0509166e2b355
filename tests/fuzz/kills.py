"""`python tests/fuzz/kills.py WORK FOLDER KILLS`: kill a work at random moments, go on with it, compare its end.

One process imports torch, which is slow, and forks a child for each kill. After four kills a work may end, and must
leave what it leaves unbroken.
"""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file

from authoring import refresh as refreshing
from experiments import tables
from experiments.kept import measured_once
from experiments.runs import trained
from salon.model.network import embed
from salon.paths import write_whole
from salon.training import loop
from salon.training.data import TrainSet
from salon.training.recipes import recipe

TINY = recipe("tiny", people=2, size=16, width=0.125, steps=12, batch=4, loss="confidence", margin=2.0)
PICTURES = torch.randint(256, (8, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
DATA = TrainSet(PICTURES, PICTURES, torch.arange(8) // 4)


def train(folder: Path) -> None:
    loop.train(TINY, folder, resume=True, progress=False, data=DATA)


def reproduce(folder: Path) -> None:
    """An experiment in small: a run that is trained once, what was measured of it, the table."""
    os.environ["SALON_CACHE"] = str(folder)
    tables.data_root = lambda: folder

    def measure() -> tuple[list[dict], np.ndarray]:
        features = embed(trained(TINY, "tiny", DATA, progress=False)[0], PICTURES[:, None] / 255).features
        return [{"configuration": "A", "value": float(features[0, 0, 0])}], np.zeros((1, 1), np.uint16)

    rows = measured_once(folder / "kept.npz", "tiny", measure).to_dict("records")
    tables.write_plain("tiny", rows, "salon reproduce tiny")


def refresh(folder: Path) -> None:
    """Three steps, each of which reads what those before have made."""

    def step(n: int) -> None:
        made = [(folder / f"{k}.txt").read_text() for k in range(n)]
        time.sleep(0.05)
        write_whole(folder / f"{n}.txt", f"{n} after {made}")

    refreshing.ROOT, refreshing.LEDGER = folder, folder / "ledger.json"
    made_from = [tuple(f"{k}.txt" for k in range(n)) for n in range(3)]
    refreshing.STEPS = {str(n): refreshing.Step(lambda n=n: step(n), made_from[n]) for n in range(3)}
    refreshing.refresh()


WORKS: dict[str, Callable[[Path], None]] = {"train": train, "reproduce": reproduce, "refresh": refresh}


def child(work: Callable[[Path], None], folder: Path) -> int:
    if pid := os.fork():
        return pid
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115
    work(folder)
    os._exit(0)


def end(folder: Path) -> dict[str, object]:
    """What was made: the tensors' and the texts' bytes, without how long it took; a kill may leave a part behind."""
    made: dict[str, object] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name[0] != "."):
        made[path.relative_to(folder).as_posix()] = (
            {name: x.numpy().tobytes() for name, x in load_file(path).items()}
            if path.suffix == ".safetensors"
            else path.read_bytes() if path.suffix in (".csv", ".txt") else None
        )  # fmt: skip
    return made


def main(name: str, root: Path, kills: int) -> None:
    work, chance = WORKS[name], random.Random(0)
    (root / "unbroken").mkdir()
    begun = time.perf_counter()
    assert os.waitpid(child(work, root / "unbroken"), 0)[1] == 0
    seconds, unbroken = time.perf_counter() - begun, end(root / "unbroken")
    for n in range(kills):
        folder = root / str(n // 4)
        folder.mkdir(exist_ok=True)
        victim = child(work, folder)
        time.sleep(chance.uniform(0, seconds / 2))
        os.kill(victim, signal.SIGKILL)
        os.waitpid(victim, 0)
        if n % 4 == 3 or n == kills - 1:
            assert os.waitpid(child(work, folder), 0)[1] == 0
            assert end(folder) == unbroken, folder
    print(f"{kills} kills, {len(unbroken)} files as unbroken")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
