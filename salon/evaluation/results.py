"""Results as data: tidy tables in data/results, each with the command, versions and commit beside it."""

import json
import platform
import subprocess
from pathlib import Path

import pandas as pd
import torch

from salon import __version__
from salon.evaluation.intervals import Interval, t_interval
from salon.faces.people import GENERATOR_VERSION
from salon.paths import data_path, data_root
from salon.training.checkpoints import write_whole
from salon.words import SalonError

COLUMNS = ["experiment", "configuration", "pa", "seed", "split", "condition", "metric", "value", "n"]


def provenance(command: str) -> dict[str, object]:
    """Where a table comes from: the command, the versions, the commit, the kind of machine."""
    return {
        "command": command, "salon": __version__, "torch": torch.__version__, "generator": GENERATOR_VERSION,
        "commit": _commit(), "python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}",
        "threads": torch.get_num_threads(),
    }  # fmt: skip


def _commit() -> str:
    """The commit of the code at hand, "unknown" outside a checkout; "+" where files were changed since."""
    here = Path(__file__).parent
    try:
        head = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=here, capture_output=True, text=True, check=True
        )
        dirty = subprocess.run(
            ["git", "status", "--porcelain", "."], cwd=here, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")


def write_table(name: str, rows: list[dict], command: str, **notes: object) -> Path:
    """Write `data/results/<name>.csv` and its provenance `<name>.json`, both whole or not at all."""
    table = pd.DataFrame(rows, columns=COLUMNS)
    path = data_root() / "results" / f"{name}.csv"
    write_whole(path, table.to_csv(index=False, float_format="%.6g", lineterminator="\n").encode())
    facts = json.dumps(provenance(command) | notes, indent=1, ensure_ascii=False) + "\n"
    write_whole(path.with_suffix(".json"), facts.encode())
    return path


def read_table(name: str) -> pd.DataFrame:
    """A stored table; raises `SalonError` where it is missing, or made by another version of the generator."""
    if read_provenance(name)["generator"] != GENERATOR_VERSION:
        raise SalonError(
            f"The table {name} was made with other faces than these; make it again: salon reproduce {name}"
        )
    return pd.read_csv(data_path("results", f"{name}.csv"))


def read_provenance(name: str) -> dict:
    """What stands beside a stored table."""
    return json.loads(data_path("results", f"{name}.json").read_text("utf-8"))


TAR = "tar_at_far_0.001"
Row = tuple[str, bool]  # a configuration, and whether (16) matched


def by_seed(table: pd.DataFrame, row: Row, condition: str, metric: str = TAR) -> pd.Series:
    """The values of one row, condition and metric in percent, one a seed; raises `SalonError` where there is none."""
    configuration, pa = row
    wanted = (table.configuration == configuration) & (table.pa == pa) & (table.condition == condition)
    found = table[wanted & (table.metric == metric)].set_index("seed").value
    if found.empty or found.index.has_duplicates:
        raise SalonError(
            f"{len(found)} values came for {configuration} (pa: {pa}), {condition}, {metric}; expected one a seed. "
            "Look at the table's columns, and choose one experiment and split."
        )
    return 100 * found


def mean_interval(table: pd.DataFrame, row: Row, condition: str, metric: str = TAR) -> Interval:
    """Mean over seeds in percent and its 95 % t-interval."""
    return t_interval(by_seed(table, row, condition, metric))


def difference(table: pd.DataFrame, one: Row, other: Row, condition: str, metric: str = TAR) -> Interval:
    """One row less another in percentage points, over the seeds that both have: mean and 95 % t-interval."""
    return t_interval(
        (by_seed(table, one, condition, metric) - by_seed(table, other, condition, metric)).dropna()
    )


def judged(interval: Interval) -> str:
    """Of a step that should gain: "holds" (the interval lies above zero), "reversed" (below) or "open"."""
    return "holds" if interval[1] > 0 else "reversed" if interval[2] < 0 else "open"


def summary(table: pd.DataFrame, metric: str = "tar_at_far_0.001", split: str = "test") -> pd.DataFrame:
    """Mean over seeds in percent, one row for each configuration and pa, one column for each condition."""
    chosen = table[(table.metric == metric) & (table.split == split)]
    return 100 * chosen.pivot_table(
        index=["configuration", "pa"], columns="condition", values="value", sort=False
    )
