"""The ablation: rows differ in what they say they do, an interrupted run goes on, the stored table is whole."""

import json
from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest
import torch

from experiments import ablation
from experiments.ablation import CANDIDATES, ROWS, SCALES, row_recipe, rows_at
from experiments.measures import evaluate_rejection, remembering
from experiments.people import render_benchmark
from salon.evaluation import people
from salon.evaluation.benchmark import evaluate_benchmark
from salon.evaluation.intervals import t_interval
from salon.evaluation.people import CONDITIONS, UNSEEN
from salon.evaluation.results import by_seed, difference, judged, read_provenance, read_table
from salon.model.embedding import InputSpec
from salon.model.network import Recogniser
from salon.paths import data_path
from salon.training.checkpoints import load
from salon.words import SalonError

CHOSEN = {row: tries[0] for row, tries in CANDIDATES.items()}


def changed(one: str, other: str) -> set[str]:
    """The fields in which two rows of one seed differ."""
    a, b = (asdict(row_recipe(SCALES["gpu"], row, 0, CHOSEN)) for row in (one, other))
    return {name for name in a if a[name] != b[name]}


def test_neighbouring_rows_differ_in_one_step_only(monkeypatch):
    monkeypatch.setattr(ablation, "reached", lambda *_: 17.5)
    assert changed("A", "B") == {"probability"}  # both at the first candidate, s = 8
    assert changed("B", "CosFace s=20") == {"scale"}
    assert changed("C", "C0") == {"s0", "frozen"} and changed("C0", "C0*") == {"s0"}
    assert changed("C", "D") == {"K", "d"}
    assert changed("D", "E") == {"decorrelate"} and "decorrelate" in changed("E", "E-λ2")
    same = row_recipe(SCALES["gpu"], "B2", 0, CHOSEN)  # CosFace with the scale and the margin of C
    assert (same.scale, same.scale * same.margin) == (CHOSEN["C"]["s0"], CHOSEN["C"]["margin"])
    assert row_recipe(SCALES["gpu"], "C0", 0, CHOSEN).s0 == 17.5


@pytest.mark.slow
def test_an_interrupted_ablation_goes_on_where_it_was(tmp_path, monkeypatch):
    """Everything, made tiny: interrupted on purpose, then run to the end; nothing is trained twice."""
    monkeypatch.setenv("SALON_CACHE", str(tmp_path))
    monkeypatch.setattr("experiments.tables.data_root", lambda: tmp_path)
    monkeypatch.setattr(ablation, "UNSEEN", ())  # and fewer people, who are too few for two of the measures
    monkeypatch.setitem(SCALES, "tiny", replace(SCALES["tiny"], people=(24, 24), seeds=(0,)))
    for name in ("evaluate_rejection", "evaluate_identification"):
        monkeypatch.setattr(ablation, name, lambda *_: [])
    real, made, where = ablation.trained, [], {}

    def counted(recipe, *rest, **options):
        if not ablation.run_of(recipe).exists():
            made.append(recipe)
        if len(made) == 12 and "stopped" not in where:
            where["stopped"] = made.pop()
            raise KeyboardInterrupt
        return real(recipe, *rest, **options)

    monkeypatch.setattr(ablation, "trained", counted)
    with pytest.raises(KeyboardInterrupt):
        ablation.reproduce_ablation("tiny", jobs=1)
    before, made[:] = made[:], []
    path = ablation.reproduce_ablation("tiny", jobs=1)
    assert len(before) == 11 and not set(before) & set(made)
    table, facts = pd.read_csv(path), json.loads(path.with_suffix(".json").read_text("utf-8"))
    rows = rows_at(SCALES["tiny"], 1.0)
    assert set(table.configuration) == {row + suffix for row in rows for suffix in ("", "+16")}
    assert (path.parent / "ablation_tiny_weak.csv").exists()
    assert facts["chosen"].keys() == CANDIDATES.keys() and facts["command"].endswith("--scale tiny")
    assert not table.duplicated(["experiment", "configuration", "seed", "condition", "metric", "at"]).any()


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return read_table("ablation_lecture")


def test_the_stored_ablation_is_whole(table):
    for row in rows_at(SCALES["lecture"], 1.0):
        for condition in (*CONDITIONS, *((*UNSEEN, "templates") if row in ROWS else ())):
            for suffix in ("", "+16"):
                assert len(by_seed(table, row + suffix, condition)) == 5, (row, condition, suffix)
    weak = read_table("ablation_lecture_weak")
    assert set(weak.configuration) == set(rows_at(SCALES["lecture"], 0.6)) and set(weak.seed) == set(range(5))
    facts = read_provenance("ablation_lecture")
    assert all(len(tries) == 6 for tries in facts["tried_on_validation"].values())
    for row, tries in facts["tried_on_validation"].items():
        assert facts["chosen"][row] == max(tries, key=lambda pair: pair[1])[0]


def test_a_slice_of_the_stored_ablation_is_measured_again(table):
    """The clean start of seed 0 is shipped; other CPUs round other last bits, which moves a pair or two."""
    model, _ = load(data_path("models", "start.safetensors"))
    full = table[table.seed == 0]
    for row in evaluate_benchmark(model, people.test_benchmark(), ("clean", "mixed", "glasses")):
        stored = by_seed(full, "start", row["condition"], row["metric"], row["at"] or 0)[0]
        assert abs(stored / 100 - row["value"]) < 0.005


def test_differences_are_paired_by_seed():
    rows = [{"configuration": name, "condition": "mixed", "metric": "tar", "at": 1e-3, "seed": seed,
             "value": value} for name, values in {"C": (0.3, 0.5), "B": (0.2, 0.39)}.items()
            for seed, value in enumerate(values)]  # fmt: skip
    made = pd.DataFrame(rows)
    assert difference(made, "C", "B", "mixed") == pytest.approx(t_interval([10, 11]))
    assert [judged((0, *ends)) for ends in ((1, 2), (-2, -1), (-1, 1))] == ["holds", "reversed", "open"]
    with pytest.raises(SalonError, match="one a seed"):
        by_seed(pd.concat([made, made]), "C", "mixed")


def test_rejecting_by_chance_is_not_rejecting_by_quality():
    """Rejection rows: nothing rejected is the plain error; constant confidences reject nobody."""
    torch.manual_seed(0)
    model = Recogniser(InputSpec(size=32), K=2, d=8, width=0.5).eval()
    model.freeze_confidence(5.0)
    pictures = remembering(render_benchmark("test", 48, False))
    rows = evaluate_rejection(model, pictures)
    found = {(row["metric"], row["at"]): row["value"] for row in rows}
    (plain, *_) = (row["value"] for row in evaluate_benchmark(model, pictures, ("mixed",)))  # TAR stands first
    assert found["error_by_norm", 0] == pytest.approx(1 - plain)
    assert len({found["error_by_confidence", share] for share in (0, 0.2, 0.4, 0.6)}) == 1
    counts = [row["n"] for row in rows if row["metric"].endswith("by_chance")]
    assert counts == sorted(counts, reverse=True) and counts[-1] < counts[0]
    assert np.isfinite([row["value"] for row in rows]).all()


def test_the_words_about_the_ablation_are_what_the_table_says(table):
    """Notebook 03 and the verdicts say "about a point", "about two points", "about ten points": they hold."""
    weak, features = read_table("ablation_lecture_weak"), read_table("features_lecture")
    for other in ("B", "C0*"):
        assert 0.5 < difference(table, "C", other, "mixed")[0] < 1.7
    for condition in ("mixed", "templates"):
        assert 1.5 < difference(table, "E+16", "B+16", condition)[0] < 2.5
    low, mixed = (difference(table, "E-λ2", "D", c)[0] for c in ("low_resolution", "mixed"))
    assert -11 < low < -9 and low - 4 < mixed < low - 1
    matching = {(row, c): difference(table, f"{row}+16", row, c)[0] for row in "BE" for c in ("mixed", "templates")}
    assert 0.4 < matching["B", "mixed"] / matching["E", "mixed"] < 0.6  # "half as much"
    assert 0.8 < matching["B", "templates"] / matching["E", "templates"] < 1  # "nearly as much"
    gain = [difference(table, "B", "A", c)[0] for c in ("low_resolution", "defocus", "pose")]
    assert min(gain) > 14.5
    occluded = {row: by_seed(table, row, "occlusion").mean() for row in rows_at(SCALES["lecture"], 1.0)}
    assert max(occluded, key=lambda row: occluded[row]) == "E-λ2"
    for condition, other in ((c, o) for c in ("clean", "mixed") for o in ("C0", "C0*")):
        assert judged(difference(weak, "C", other, condition)) == "open"
    assert features[features.metric == "impostor_cosine_most"].value.max() < 0.7
