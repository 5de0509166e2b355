"""Tidy tables in data/results, each with the command, versions and commit beside it."""

import json
import platform
import subprocess
from pathlib import Path

import pandas as pd
import torch

from salon import __version__
from salon.faces.people import GENERATOR_VERSION
from salon.paths import data_root, write_whole

# `at` is what a metric depends on (FAR, rank, share rejected, strength, sub-embedding), empty where there is none.
COLUMNS = ["experiment", "configuration", "seed", "split", "condition", "metric", "at", "value", "n"]


def provenance(command: str) -> dict[str, object]:
    """Where a table comes from: the command, the versions, the commit, the kind of machine."""
    return {
        "command": command, "salon": __version__, "torch": torch.__version__, "generator": GENERATOR_VERSION,
        "commit": _commit(), "python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}",
        "threads": torch.get_num_threads(),
    }  # fmt: skip


def _commit() -> str:
    """The commit of the code at hand, "unknown" outside a checkout; "+" where code was changed or added since."""

    def git(*words: str) -> str:
        command, root = ["git", *words], Path(__file__).parent.parent
        return subprocess.run(command, cwd=root, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return git("rev-parse", "--short", "HEAD") + "+" * bool(git("status", "--porcelain", "salon", "experiments"))
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def write_plain(name: str, rows: list[dict], command: str, **notes: object) -> Path:
    """Write a table that has columns of its own, with its provenance beside it."""
    return _write(name, pd.DataFrame(rows), command, notes)


def write_table(name: str, rows: list[dict], command: str, **notes: object) -> Path:
    """Write `data/results/<name>.csv` and its provenance `<name>.json`, both whole or not at all."""
    table = pd.DataFrame(rows, columns=COLUMNS + [name for name in ("people", "step") if name in rows[0]])
    return _write(name, table, command, notes)


def _write(name: str, table: pd.DataFrame, command: str, notes: dict) -> Path:
    path = data_root() / "results" / f"{name}.csv"
    write_whole(path, table.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode())
    facts = json.dumps(provenance(command) | notes, indent=1, ensure_ascii=False) + "\n"
    write_whole(path.with_suffix(".json"), facts.encode())
    return path
