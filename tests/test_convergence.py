"""Training watched from scratch: what is measured on the way is what a slow reading of the run gives."""

from dataclasses import replace

import pytest
import torch

from experiments import convergence
from experiments.people import render_benchmark
from experiments.rows import clean_and_mixed
from salon.model.network import embed
from salon.training.loop import begin, train_data
from salon.training.recipes import recipe


@pytest.fixture(scope="module")
def tiny():
    made = recipe("tiny", steps=4, probability=0.3)
    return made, train_data(made, progress=False)


def test_training_accuracy_is_that_of_a_loop_over_pictures(tiny) -> None:
    made, data = tiny
    run = begin(made)
    pictures, labels = convergence.shown_pictures(made, data)["clean"]
    pictures, labels = pictures[:20], labels[:20]
    unit = torch.nn.functional.normalize(run.criterion.prototypes.detach(), dim=-1).flatten(1)
    right = 0
    for picture, label in zip(pictures, labels, strict=True):
        feature = embed(run.recogniser, picture[None]).features.flatten()
        right += int(max(range(len(unit)), key=lambda person: float(unit[person] @ feature)) == label)
    assert convergence.training_accuracy(run, pictures, labels) == pytest.approx(right / 20)


def test_watching_measures_at_each_mark_and_ends_where_training_ends(tiny, monkeypatch) -> None:
    monkeypatch.setattr(convergence, "MARKS", (2, 4))
    made, data = tiny
    benchmark = render_benchmark("validation", 20, False)  # 1,520 impostor pairs
    rows = list(convergence.watched(made, data, benchmark))
    assert {row["step"] for row in rows} == {2, 4}
    assert [(row.get("split", "test"), row["condition"]) for row in rows[:4]] == [
        ("train", "clean"), ("train", "augmented"), ("test", "clean"), ("test", "mixed"),
    ]  # fmt: skip
    from salon.training.loop import train

    trained = train(made, data=data, variances=False, progress=False).recogniser
    assert 100 * sum(row["value"] for row in rows[-2:]) == pytest.approx(clean_and_mixed(trained, benchmark))


def test_only_the_loss_and_the_variations_tell_the_rows_apart() -> None:
    differ = {name for made in convergence.ROWS.values() for name, value in vars(made).items()
              if value != getattr(convergence.ROWS["A"], name)}  # fmt: skip
    assert differ == {"probability", "scale", "loss", "margin", "regularise"}
    assert convergence.recipe_of("C", 2) == replace(convergence.ROWS["C"], seed=2)
