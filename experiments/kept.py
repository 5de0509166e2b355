"""What was measured of each run, kept in the repository as it comes: no finished run is trained twice, anywhere."""

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from experiments.tables import provenance
from salon.paths import write_whole
from salon.training.recipes import Recipe

ROOT = Path(__file__).parent.parent / "measured"
MEASURED_BY = "1"  # raise it when what is measured changes: all runs are then stale
Measured = tuple[list[dict], NDArray[np.uint16]]  # rows, and of some of them the TAR under people drawn anew


def fingerprint(made: Recipe, start: Recipe | None, *beside: object) -> str:
    """Tells runs apart by what they were asked to be, their start too; a field at its default leaves no trace."""

    def given(recipe: Recipe) -> dict[str, Any]:
        values = asdict(recipe)
        return {f.name: values[f.name] for f in fields(recipe) if f.name != "start" and values[f.name] != f.default}

    whole = [given(made), start and given(start), beside, MEASURED_BY]
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()[:16]


def kept_path(experiment: str, name: str) -> Path:
    """Where the repository keeps what was measured of a run."""
    return ROOT / experiment / f"{name}.npz"


def measured_once(path: Path, known_as: str, measure: Callable[[], Measured]) -> pd.DataFrame:
    """The rows of a run, from its file if that was measured of the same run, or measured now and kept there."""
    if not is_measured(path, known_as):
        rows, resampled = measure()
        table = np.array(pd.DataFrame(rows).to_csv(index=False, float_format="%.6g"))
        facts = np.array(json.dumps(provenance("") | {"fingerprint": known_as}))
        write_whole(path, lambda file: np.savez_compressed(file, facts=facts, table=table, resampled=resampled))
    return read_kept(path)[0]


def is_measured(path: Path, known_as: str) -> bool:
    """Whether `path` holds what was measured of this run."""
    return path.exists() and read_kept(path)[2]["fingerprint"] == known_as


def read_kept(path: Path) -> tuple[pd.DataFrame, NDArray[np.uint16], dict]:
    """Rows, resampled TAR in units of 1e-4 [rows of TAR that have them, resamples], and the facts of a run."""
    with np.load(path) as whole:
        table = pd.read_csv(io.StringIO(str(whole["table"])), dtype={"configuration": str})
        table["configuration"] = table.configuration.fillna("")  # "+16" is a name, and so is ""
        return table, whole["resampled"], json.loads(str(whole["facts"]))
