"""The ladder: a branch is the run of its length alone; what is kept is not measured twice; how rows are chosen."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from experiments import kept, ladder, length, parts
from experiments.claims import claims
from experiments.people import render_benchmark
from salon.evaluation.benchmark import evaluate_benchmark
from salon.evaluation.results import read_provenance, read_table
from salon.paths import data_path
from salon.training.data import train_set
from salon.training.loop import begin, fit, learning_rate, train_step
from salon.training.recipes import recipe

TINY = (("loss", "confidence"), ("margin", 2.0), ("size", 32), ("width", 0.5), ("batch", 16), ("K", 4))


@pytest.fixture
def job():
    return ladder.Job(TINY, people=12, seed=3, lengths=(50, 100))


def test_a_branch_is_the_run_of_its_length_alone(job):
    data = train_set(12, 4, 32, progress=False)
    for run in ladder.ladder(job, "", data):
        alone = begin(job.recipe(run.recipe.steps))
        for _ in fit(alone, data, progress=False):
            pass
        for name, weights in alone.recogniser.state_dict().items():
            if "variance" not in name:
                assert torch.equal(weights, run.recogniser.state_dict()[name]), (run.recipe.steps, name)


def test_confidences_stay_at_s0_for_as_many_steps_whatever_the_length():
    for steps in (*length.LENGTHS, *length.LONGER):
        share = ladder.FROZEN / steps
        assert [step for step in range(steps) if step < share * steps] == list(range(ladder.FROZEN))


def test_the_rate_is_full_until_it_cools_down():
    rates = [learning_rate(step, 100, cooldown=0.2) for step in range(100)]
    assert rates[0] == pytest.approx(1 / 20) and set(rates[20:80]) == {1.0}
    assert rates[80:] == sorted(rates[80:], reverse=True) and rates[-1] < 0.02


def test_one_scale_for_all_images_moves_and_stays_one():
    data = train_set(12, 4, 32, progress=False)
    made = recipe("tiny", loss="confidence", per_image=False, frozen=0.0, margin=4.0, confidence_lr=1.0, steps=6)
    run = begin(made)
    for _ in range(6):
        train_step(run, data)
        run.step += 1
    with torch.no_grad():
        s = run.recogniser(data.batch(torch.arange(8))[0]).confidences
    assert s.std() < 1e-5 and (s.mean() - made.s0).abs() > 0.1


def test_what_is_kept_is_not_measured_again(tmp_path):
    calls = []

    def measure():
        calls.append(1)
        rows = [{"configuration": "", "value": 0.25}, {"configuration": "+16", "value": 0.5}]
        return rows, np.array([[2500, 2400]], np.uint16)

    path = tmp_path / "one.npz"
    for _ in range(2):
        table = kept.measured_once(path, "this run", measure)
        assert table.value.tolist() == [0.25, 0.5] and table.configuration.tolist() == ["", "+16"]
    assert len(calls) == 1
    kept.measured_once(path, "another run", measure)
    assert len(calls) == 2 and kept.read_kept(path)[1].tolist() == [[2500, 2400]]


def test_a_fingerprint_tells_settings_and_starts_apart():
    made, start = recipe("cosface", start="somewhere"), recipe("start", people=300)
    known = kept.fingerprint(made, start)
    assert known == kept.fingerprint(recipe("cosface", start="elsewhere"), start)  # the start's recipe says it
    assert known != kept.fingerprint(made, recipe("start", people=600))
    assert known != kept.fingerprint(recipe("cosface", scale=9.0), start)


def test_more_people_than_a_start_usually_has_are_looked_at_as_often():
    steps = {people: ladder.Job((("scale", 16.0),), people, 0).start.steps for people in (300, 3000, 6000)}
    assert steps == {300: 1200, 3000: 1200, 6000: 2400}


def test_a_ladder_is_measured_whole(job, monkeypatch):
    """On forty people: every rung has the core with people drawn anew, and the main one has all else."""
    few = ladder.remembering(render_benchmark("validation", 40, False), 32)
    monkeypatch.setattr(ladder, "people_of", lambda split, size: few)
    monkeypatch.setattr(ladder, "pictures_of", lambda people, size: train_set(12, 4, 32, progress=False))
    monkeypatch.setattr(ladder, "started", lambda job: "")
    monkeypatch.setattr(ladder, "MAIN", 100)
    monkeypatch.setattr(ladder, "evaluate_identification", lambda *_: [])  # FPIR = 1 % wants two hundred people
    rows, resampled = ladder.measure(job)
    table = pd.DataFrame(rows)
    core = table[ladder.core_rows(table)]
    assert len(core) == len(resampled) == 2 * 2 * 7 and resampled.shape[1] == ladder.RESAMPLES
    assert np.corrcoef(core.value, resampled.mean(1))[0, 1] > 0.9  # the same numbers, in the same order
    last = table[table.step == 100]
    assert {"pull", "gradient_noise", "false_matches", "correlation", "probe_assigned"} <= {*last.metric}
    assert {"templates", "sunglasses", "mixed_covers", "cover_0.8"} <= {*last.condition}


@pytest.mark.long
def test_a_rung_of_the_table_comes_out_again():
    """B and C for 200 steps, from the shipped start: one more draw of a start, so the lead is what must come out."""
    stored = read_table("length").query("people == 3000 and seed == 0 and step == 200 and split == 'test'")
    chosen, found = read_provenance("length")["chosen"]["3000"], {}
    data, test = ladder.pictures_of(3000, "lecture"), ladder.people_of("test", 48)
    for name in "BC":
        job = ladder.Job(tuple(chosen[name].items()), 3000, 0, lengths=(200,))
        (run,) = ladder.ladder(job, str(data_path("models", "start.safetensors")), data)
        for one in evaluate_benchmark(run.recogniser, test, ("clean", "pose", "low_resolution")):
            kept = stored.query("configuration == @name and condition == @one['condition'] and metric == 'tar'")
            found[name, one["condition"]] = one["value"], kept.value.item()
    for again, kept in found.values():
        assert again == pytest.approx(kept, abs=0.06), found
    for condition in ("clean", "pose"):
        again, kept = (found["C", condition][i] - found["B", condition][i] for i in (0, 1))
        assert again > 0.02 and again == pytest.approx(kept, abs=0.03), found


def test_rows_are_chosen_by_validation_with_as_many_tries(monkeypatch):
    seen = []
    monkeypatch.setattr(length, "measure_all", lambda jobs, processes: seen.extend(jobs))
    monkeypatch.setattr(length, "on_validation", lambda job: -abs(dict(job.setting).get("scale", 20) - 15) - job.people)
    monkeypatch.setattr(length, "reached", lambda job: 17.0)
    choice = length.Choice(600, 1)
    choice.add("B", "C")
    assert choice.chosen["B"]["scale"] in (12.0, 16.0) and len(choice.tried["B"]) == len(choice.tried["C"]) == 13
    assert all(job.seed == 0 for job in seen) and {job.reported for job in seen} == {True, False}
    monkeypatch.setattr(length, "is_measured", lambda *_: True)
    for names in (("D", "A", "S", "places", "whole"), ("E", "E-rest", "C0*")):
        choice.finish(*names)
    assert {len(choice.tried[name]) for name in ("E", "E-rest", "C0*")} == {3}
    assert "A" not in choice.tried and choice.job("A", 0).recipe(100).probability == 0
    assert choice.rows["D"] == length.SEEDS
    for name in [name for names in (*length.STAGES, *length.LAST) for name in names]:
        made = choice.job(name, 1).recipe(100)
        assert made.K * made.d == 128 and made.people == 600
    assert choice.job("C0", 1).recipe(100).frozen == 1.0 and choice.job("C0", 1).recipe(100).s0 == 17.0
    nearby = length.Choice(300, 1, near=choice)
    nearby.add("B", "C")
    assert len(nearby.tried["B"]) == len(nearby.tried["C"]) == 5 and nearby.chosen["B"].get("lr") == choice.chosen[
        "B"
    ].get("lr")


def test_parts_at_scale_take_what_is_kept_and_change_one_thing():
    kept = parts.job("D", 8, 3000, "lecture", 0)
    assert kept.lengths == ladder.LENGTHS and kept.path.exists()
    asked = [parts.job(row, 16, 600, "wide", 1) for row in "CDE"]
    assert {run.lengths for run in asked} == {(ladder.MAIN,)}
    C, D, E = (run.recipe(ladder.MAIN) for run in asked)
    assert (C.K, C.d) == (1, 512) and (D.K, D.d) == (E.K, E.d) == (16, 32)
    assert replace(D, K=1, d=512) == C and replace(E, decorrelate=0.0, opponent_lr=D.opponent_lr) == D


def test_the_table_of_parts_holds_the_cases_that_are_measured(monkeypatch):
    written = {}
    monkeypatch.setattr(parts, "write_plain", lambda name, rows, command, **notes: written.update({name: rows}))
    monkeypatch.setattr(parts, "CASES", (parts.CASES[0], (3, 512, 4)))
    parts.reproduce_parts(0)
    found = pd.DataFrame(written["parts"])
    assert {*zip(found.people, found.features, found.K, strict=True)} == {parts.CASES[0]} and (found.n == 3).all()
    told = {(row.one, row.other, row.condition): row["mean"] for _, row in read_table("differences").iterrows()}
    for row in found.itertuples():
        assert row.mean == pytest.approx(told[row.one, row.other, row.condition], abs=1e-4)


def test_a_level_is_passed_between_two_lengths():
    tar = pd.Series([60.0, 70.0, 90.0], index=[200, 400, 800])
    assert length.steps_to_level(tar, 70) == pytest.approx(400)
    assert length.steps_to_level(tar, 80) == pytest.approx(400 * 2**0.5)


def test_every_claim_is_of_rows_that_are_trained():
    trained = {name for names in (*length.STAGES, *length.LAST) for name in names}
    for claim in claims():
        bases = {name.partition("+16")[0] for name in claim.contrast}
        assert bases <= (set(length.BY_PEOPLE) if claim.people == "slope" else trained), claim.name


def test_what_is_not_measured_is_said_and_left_out(monkeypatch):
    monkeypatch.setattr(length, "is_measured", lambda *_: False)
    with pytest.raises(length.NotMeasured, match="not measured, such as 3000-scale=8"):
        length.Choice(3000, 0).finish("B")
    assert all(not choice.rows for choice in length.train_all(0).values())
