"""The ladder: a branch is the run of its length alone; rows that are kept are not measured twice."""

import numpy as np
import pytest
import torch

from experiments import kept, length
from salon.training.data import train_set
from salon.training.loop import begin, fit, learning_rate
from salon.training.recipes import recipe


@pytest.fixture
def job():
    setting = (("loss", "confidence"), ("margin", 2.0), ("size", 32), ("width", 0.5), ("batch", 16))
    return length.Job(setting, people=12, seed=3, lengths=(50, 100))


def test_a_branch_is_the_run_of_its_length_alone(job):
    data = train_set(12, 4, 32, progress=False)
    for run in length.ladder(job, "", data):
        alone = begin(job.recipe(run.recipe.steps))
        for _ in fit(alone, data, progress=False):
            pass
        for name, weights in alone.recogniser.state_dict().items():
            if "variance" not in name:
                assert torch.equal(weights, run.recogniser.state_dict()[name]), (run.recipe.steps, name)


def test_confidences_stay_at_s0_for_as_many_steps_whatever_the_length():
    for steps in (*length.LENGTHS, length.LONGEST):
        share = length.FROZEN / steps
        assert [step for step in range(steps) if step < share * steps] == list(range(length.FROZEN))


def test_the_rate_is_full_until_it_cools_down():
    rates = [learning_rate(step, 100, cooldown=0.2) for step in range(100)]
    assert rates[0] == pytest.approx(1 / 20) and set(rates[20:80]) == {1.0}
    assert rates[80:] == sorted(rates[80:], reverse=True) and rates[-1] < 0.02


def test_what_is_kept_is_not_measured_again(tmp_path):
    calls = []

    def measure():
        calls.append(1)
        return [{"configuration": "", "value": 0.25}], np.array([[2500, 2400]], np.uint16)

    path = tmp_path / "one.npz"
    for _ in range(2):
        table = kept.measured_once(path, "this run", measure)
        assert table.value.tolist() == [0.25]
    assert len(calls) == 1
    kept.measured_once(path, "another run", measure)
    assert len(calls) == 2 and kept.read_kept(path)[1].tolist() == [[2500, 2400]]


def test_a_fingerprint_tells_settings_and_starts_apart():
    made, start = recipe("cosface", start="somewhere"), recipe("start", people=300)
    known = kept.fingerprint(made, start)
    assert known == kept.fingerprint(recipe("cosface", start="elsewhere"), start)  # the start's recipe says it
    assert known != kept.fingerprint(made, recipe("start", people=600))
    assert known != kept.fingerprint(recipe("cosface", scale=9.0), start)
