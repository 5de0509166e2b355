"""Tables of older versions as they are now, by `python -m experiments.convert`; what is tidy already stays.

They had a column "pa" (matched by (16)) where a configuration now ends in "+16", and metrics whose names told what
they depend on ("tar_at_far_0.001", "rank_1", "probe_k3") where there is now a column `at`.
"""

import json
import re
from pathlib import Path

import pandas as pd

from experiments.tables import COLUMNS
from salon.paths import data_root, write_whole

# What an old metric was called: its name, what it was measured at, and what else its name said.
_OLD = re.compile(
    r"(?:(tar)_at_far_|(rank)_|(tpir)_at_fpir_|(error)_at_reject_|(confidence|variance)_at_|(probe)_k)"
    r"([\d.]+)(_low|_high|_by_\w+)?"
)


def tidy(old: pd.DataFrame) -> pd.DataFrame:
    """A table of strings with today's columns, its rows in their order and its values letter by letter."""
    rows = old.apply(_renamed, axis=1, result_type="expand")
    extra = ["step"] if rows.step.any() else []
    return rows[COLUMNS + extra]


def _renamed(row: pd.Series) -> dict[str, str]:
    metric, _, step = row.metric.partition("_at_step_")
    found = _OLD.fullmatch(metric)
    by_16 = row.pa == "True" or metric == "false_matches_by_likelihood"
    if found:
        name = next(filter(None, found.groups()[:6]))
        metric = ("probe_part" if name == "probe" else name) + (found[8] or "")
    elif metric.startswith("false_matches_by_"):
        metric = "false_matches"
    changed = {"configuration": row.configuration + "+16" * by_16, "metric": metric}
    return dict(row) | changed | {"at": found[7] if found else "", "step": step}


def convert(path: Path) -> bool:
    """Rewrite one table and what stands beside it; False where it is tidy already."""
    old = pd.read_csv(path, dtype=str, keep_default_na=False)
    if "pa" not in old:
        return False
    notes = path.with_suffix(".json")
    facts = json.loads(notes.read_text("utf-8"))
    for one in facts["people"] if isinstance(facts.get("people"), list) else ():  # intervals over people
        suffix = "+16" * one.pop("pa")
        one |= {"configuration": one["configuration"] + suffix, "minus": one["minus"] and one["minus"] + suffix}
    write_whole(path, tidy(old).to_csv(index=False, lineterminator="\n").encode())
    write_whole(notes, (json.dumps(facts, indent=1, ensure_ascii=False) + "\n").encode())
    return True


if __name__ == "__main__":
    for table in sorted((data_root() / "results").glob("*.csv")):
        print(f"{table.name}: {'converted' if convert(table) else 'tidy already'}")
