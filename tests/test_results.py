"""The stored tables say in tidy columns what they said in names: mapped back, they are the old files byte for byte."""

import hashlib

import pandas as pd
import pytest

from experiments.convert import tidy
from salon.paths import data_path

OLD = ["experiment", "configuration", "pa", "seed", "split", "condition", "metric", "value", "n"]
SHA256 = {
    "ablation_lecture": "158980021fd4f99e5197a08ba9ea1cba77aa7cf2877beb4d3e4e45f7addb5b5d",
    "ablation_lecture_weak": "7efd0375933687aaa867b651ab848203b510ba6ec57a9c7342334c2e7e1e6e01",
    "convergence": "7b8953f58905de4b7dd01d6d1acfcf9763353cb764e426e41da731801b9df118",
    "features_lecture": "c6cf830f6b74ec0eaac8084442655fb6be7e7b77fc138e78518c6863c3351919",
    "gap": "f831651b909f0af789b2898e9237d57f4ce274fb284b1305ca44179efbc033dc",
    "generator": "4cfe768d9e60a658c19e4776445c4646ef85ad526e74c8bd523fa61b283985c9",
    "glyphs": "9067dede20db3e5ee8c03f82bbca32bc8754448d18595fa3c3c0af17b82c9350",
    "lfw": "10194273f1ba60e522b90186e82dd8b2a7160043b92b698e4f5ed81af7b834a4",
    "mining": "828ed4cb0c96ef8b0920abdd7a2508180178edcc47dff2d446d746c57d264300",
}
AT = {"tar": "tar_at_far_{}", "rank": "rank_{}", "rank_low": "rank_{}_low", "rank_high": "rank_{}_high",
      "tpir": "tpir_at_fpir_{}", "confidence": "confidence_at_{}", "variance": "variance_at_{}",
      "probe_part": "probe_k{}"}  # fmt: skip


def old(row: pd.Series) -> dict[str, str]:
    """A row as tables had it when a metric's name told what it was measured at, and "pa" the matching."""
    by_16 = row.configuration.endswith("+16")
    name = AT.get(row.metric, row.metric).format(row["at"])
    if row.metric.startswith("error_by_"):
        name = row.metric.replace("error_by", f"error_at_reject_{row['at']}_by")
    elif row.metric == "false_matches":
        name, by_16 = f"false_matches_by_{'likelihood' if by_16 else 'cosine'}", False
    name += f"_at_step_{row.step}" if "step" in row else ""
    return dict(row) | {"configuration": row.configuration.removesuffix("+16"), "pa": str(by_16), "metric": name}


@pytest.mark.parametrize("name", SHA256)
def test_no_number_moved_when_the_tables_became_tidy(name):
    new = pd.read_csv(data_path("results", f"{name}.csv"), dtype=str, keep_default_na=False)
    before = new.apply(old, axis=1, result_type="expand")[OLD]
    text = before.to_csv(index=False, lineterminator="\n").encode()
    assert hashlib.sha256(text).hexdigest() == SHA256[name]
    assert tidy(before).equals(new)
