"""Training: the loss falls, a broken run goes on as if unbroken, and what was trained says how."""

import os
import re
import signal
import subprocess
import sys
import time
from functools import partial

import pytest
import torch

from experiments.probes import linear_probe
from salon.evaluation.people import Benchmark
from salon.faces.pixels import digest
from salon.model.decorrelation import impostor_cosine
from salon.model.embedding import Embedding
from salon.training import checkpoints
from salon.training.data import TrainSet, train_set
from salon.training.loop import (
    crop,
    draw_batch,
    fit,
    fit_variances_afterwards,
    learning_rate,
    train,
    train_data,
    train_step,
    watch,
)
from salon.training.recipes import PAPER, RECIPES, Recipe, recipe
from salon.training.run import begin, recipe_fingerprint
from salon.words import SalonError

LONG = os.environ.get("SALON_LONG") == "1"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SALON_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def data(cache) -> TrainSet:
    tiny = RECIPES["tiny"]
    return train_set(tiny.people, tiny.images, tiny.size, tiny.yaw, progress=False)


def weights(run):
    return torch.cat([p.flatten() for p in run.recogniser.state_dict().values() if p.is_floating_point()])


@pytest.mark.parametrize("loss", ["cosface", "confidence"])
def test_the_loss_falls(data, loss):
    run = train(
        recipe("tiny", loss=loss, steps=40, margin=0.35 if loss == "cosface" else 7.0),
        data=data,
        progress=False,
    )
    first, last = run.history[0]["identification"], run.history[-1]["identification"]
    assert last < 0.6 * first


def test_the_same_seed_gives_the_same_weights(data):
    a, b = (train(recipe("tiny"), data=data, progress=False, variances=False) for _ in range(2))
    assert torch.equal(weights(a), weights(b))


@pytest.mark.parametrize("decorrelate", [0.0, 0.5])
def test_a_resumed_run_ends_as_the_unbroken_one(data, tmp_path, monkeypatch, decorrelate):
    monkeypatch.setattr("salon.training.loop.SAVE_EVERY", 4)
    made = recipe("tiny", loss="confidence", margin=7.0, K=4, d=4, frozen=0.3, decorrelate=decorrelate)
    whole = train(made, data=data, progress=False)
    from salon.training import loop as training

    def stop(run, images):
        if run.step == 9:
            raise KeyboardInterrupt
        return step(run, images)

    step = training.train_step
    monkeypatch.setattr(training, "train_step", stop)
    with pytest.raises(KeyboardInterrupt):
        train(made, out=tmp_path, data=data, progress=False)
    monkeypatch.setattr(training, "train_step", step)
    resumed = train(made, out=tmp_path, resume=True, data=data, progress=False)
    assert torch.equal(weights(whole), weights(resumed))  # same draws, same order of sums: the same bits


def test_a_finished_run_is_handed_back_untouched(data, tmp_path):
    made = recipe("tiny", steps=3)
    first = train(made, out=tmp_path, data=data, progress=False)
    path = tmp_path / "model.safetensors"
    before = path.stat().st_mtime_ns, path.read_bytes()
    again = train(made, out=tmp_path, resume=True, progress=False)
    assert torch.equal(weights(first), weights(again))
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before


def test_another_recipe_or_no_wish_to_resume_is_refused(data, tmp_path):
    train(recipe("tiny", steps=2), out=tmp_path, data=data, progress=False, variances=False)
    with pytest.raises(SalonError, match="--resume"):
        train(recipe("tiny", steps=2), out=tmp_path, data=data, progress=False)
    with pytest.raises(SalonError, match="another recipe"):
        train(recipe("tiny", steps=3), out=tmp_path, resume=True, data=data, progress=False)


def test_a_killed_run_leaves_a_whole_checkpoint(cache, data, tmp_path):
    """Killed at random moments, over and over: the file is always whole, and the steps never go back."""
    code = (
        "import torch; torch.set_num_threads(1)\n"
        "import salon.training.loop as t\nfrom salon.training.recipes import recipe\n"
        f"t.SAVE_EVERY = 1\nt.train(recipe('tiny', steps=100000), out={str(tmp_path)!r}, resume=True, progress=False)"
    )
    path, g, last = tmp_path / "model.safetensors", torch.Generator().manual_seed(0), 0
    for _ in range(30 if LONG else 3):
        process = subprocess.Popen([sys.executable, "-c", code])
        deadline, seen = time.time() + 300, path.stat().st_mtime_ns if path.exists() else 0
        while (not path.exists() or path.stat().st_mtime_ns == seen) and time.time() < deadline:
            time.sleep(0.02)
        time.sleep(float(torch.rand(1, generator=g)) * 0.5)
        process.send_signal(signal.SIGKILL)
        process.wait()
        _, card = checkpoints.load(path)
        assert card["step"] > last
        last = card["step"]


def test_a_start_gives_its_weights_and_prototypes(data, tmp_path):
    run = train(recipe("tiny"), out=tmp_path, data=data, progress=False, variances=False)
    path = str(tmp_path / "model.safetensors")
    next_run = begin(recipe("tiny", start=path, people=5, seed=3))
    assert torch.equal(next_run.criterion.prototypes, run.criterion.prototypes[:5])
    split = begin(recipe("tiny", start=path, K=4, d=4))
    assert split.criterion.prototypes.shape == (12, 4, 4)
    with pytest.raises(SalonError, match="Change the recipe"):
        begin(recipe("tiny", start=path, d=32))


def test_the_confidence_is_held_and_then_let_go(data):
    run = begin(recipe("tiny", loss="confidence", margin=7.0, steps=10, frozen=0.5))
    means = []
    for _ in range(10):
        means.append(train_step(run, data)["confidence"])
        run.step += 1
    assert means[:5] == [20.0] * 5 and means[-1] != 20.0


def test_the_learning_rate_warms_up_and_ends_near_zero():
    rates = [learning_rate(s, 200) for s in range(200)]
    assert rates[0] < 0.2 and max(rates) > 0.95 and rates[-1] < 1e-3


def test_unknown_recipes_and_losses_are_named():
    with pytest.raises(SalonError, match="lecture"):
        recipe("lectur")
    with pytest.raises(SalonError, match="stepz"):
        recipe("tiny", stepz=3)
    with pytest.raises(SalonError, match="cosface"):
        begin(recipe("tiny", loss="arcface"))


def test_the_lecture_stays_under_a_million_parameters():
    assert sum(p.numel() for p in begin(RECIPES["lecture"]).recogniser.parameters()) <= 1_000_000


def test_a_broken_cache_is_made_again(cache, data):
    (file,) = cache.glob("train-*12x4*.safetensors")
    file.write_bytes(file.read_bytes()[:100])
    tiny = RECIPES["tiny"]
    again = train_set(tiny.people, tiny.images, tiny.size, tiny.yaw, progress=False)
    assert torch.equal(again.straight, data.straight)


def test_a_probe_finds_what_is_there_and_nothing_else():
    g = torch.Generator().manual_seed(0)
    people, labels = torch.arange(60).repeat_interleave(10), (torch.rand(600, generator=g) < 0.5).float()
    noise = torch.randn(600, 5, generator=g)
    there = noise.clone()
    there[:, 2] += 3 * labels
    assert linear_probe(there, labels, people) > 0.85
    assert abs(linear_probe(noise, labels, people) - 0.5) < 0.1  # 300 test pictures: 3 sd are 0.09


def test_a_constant_sub_embedding_is_noticed():
    g = torch.Generator().manual_seed(0)
    free = torch.nn.functional.normalize(torch.randn(40, 1, 8, generator=g), dim=-1)
    features = torch.cat([free, torch.ones(40, 1, 8) / 8**0.5], 1)
    cosines = impostor_cosine(Embedding(features, torch.ones(40, 2)), torch.arange(40))
    assert abs(cosines[0]) < 0.1 and cosines[1] > 0.999


def test_the_mixed_set_is_the_same_pixels_each_time():
    g = torch.Generator().manual_seed(0)
    bench = Benchmark(
        torch.rand(16, 3, 32, 32, generator=g),
        torch.rand(16, 3, 32, 32, generator=g),
        torch.arange(2).repeat_interleave(8),
    )
    assert (
        digest(bench.images("mixed"))
        == digest(bench.images("mixed"))
        != digest(bench.images("mixed", seed=1))
    )
    which, _ = bench.mixture()
    assert torch.equal(bench.images("mixed")[which == 0], bench.straight[which == 0])


# --- what goes wrong, and what is done about it


def confidences(data, **changes) -> list[float]:
    made = recipe("tiny", loss="confidence", margin=8.0, steps=40, K=4, d=4, **changes)
    run = train(made, data=data, progress=False, variances=False)
    return [row["confidence"] for row in run.history]


def test_a_confidence_learned_fast_from_the_first_step_collapses_and_ours_does_not(data):
    # the margin of 8 is out of reach of a confidence below 4: cosines end at ±1
    assert confidences(data, frozen=0.0, confidence_lr=1.0)[-1] < 1
    assert confidences(data, frozen=0.3)[-1] > 10


def test_a_confidence_cannot_outgrow_the_margin(data):
    # a small margin and next to no tax: once released the confidence grows, but only as far as the spread lets it
    def last(spread: float) -> float:
        made = recipe(
            "tiny", loss="confidence", margin=1.0, s0=8.0, regularise=1e-6, steps=80, frozen=0.4, confidence_lr=1.0,
            lr=0.02, K=4, d=4, spread=spread,
        )  # fmt: skip
        return train(made, data=data, progress=False, variances=False).history[-1]["confidence"]

    assert last(4.0) > 2 * 8  # the margin is less than a sixteenth of the scale
    assert 8 < last(0.3) <= 8 * 1.35  # e^0.3


def test_a_constant_sub_embedding_is_noticed_said_and_kept_in_the_card(data, tmp_path, capsys):
    run = train(recipe("tiny", K=4, d=4), data=data, out=tmp_path, progress=False, variances=False)
    assert checkpoints.read_card(tmp_path / "model.safetensors")["impostor_cosine"] == run.impostor_cosine
    assert len(run.impostor_cosine) == 4
    capsys.readouterr()
    with torch.no_grad():  # the second one no longer looks at the image
        run.recogniser.embedding_head[1].weight[4:8] = 0
        run.recogniser.embedding_head[1].bias[4:8] = 1
    watch(run, data)
    assert run.impostor_cosine[1] > 0.99
    assert re.search(r"Sub-embedding (0, )?1: different people look alike", capsys.readouterr().out)


@pytest.mark.parametrize("part", ["confidence", "prototypes"])
def test_a_loss_that_is_not_finite_names_step_term_and_images(data, part):
    run = begin(recipe("tiny", loss="confidence", margin=8.0, frozen=0.0))
    broken = run.recogniser.confidence_head[-1].weight if part == "confidence" else run.criterion.prototypes
    broken.data[0] = float("nan")
    with pytest.raises(
        SalonError, match=r"Step 0 of recipe tiny, seed 0: Not finite: identification \(images \[0, 1"
    ):
        next(fit(run, data, progress=False))


def test_a_gradient_that_is_not_finite_stops_before_the_weights_change(data, monkeypatch):
    run = begin(recipe("tiny"))
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", lambda *_: torch.tensor(float("inf")))
    before = [p.clone() for p in run.recogniser.parameters()]
    with pytest.raises(SalonError, match="Step 0 of recipe tiny, seed 0: The gradient became inf"):
        next(fit(run, data, progress=False))
    assert all(map(torch.equal, before, run.recogniser.parameters()))


# --- recipes


def test_the_recipe_of_the_paper_runs_when_it_is_made_small(cache):
    """Everything of it but its size: colour, borders, recalled variations, 16 x 32 sub-embeddings, m = 30."""
    made = recipe("paper", people=6, images=2, size=32, border=4, backbone="resnet18", steps=2, batch=6)
    data = train_data(made, progress=False)
    assert data.straight.shape == (12, 3, 36, 36)
    images, _, variations = draw_batch(made, data, torch.Generator().manual_seed(0))
    assert images.shape == (6, 3, 32, 32) and variations.shape == (6, 3)
    run = train(made, data=data, progress=False)
    assert run.recogniser.spec.colour == "rgb" and run.recogniser.K * run.recogniser.d == 512
    assert run.criterion.margin == 30 and run.history[0]["adversary"] > 2 * 6 * 0.69


def test_every_setting_of_the_paper_s_recipe_says_where_it_is_from():
    from dataclasses import fields

    ours = {
        "name",
        "start",
        "width",
        "scale",
        "seed",
    }  # these the paper's recipe does not use, or cannot have
    assert set(PAPER) | ours == {f.name for f in fields(Recipe)}
    assert "# as recalled" in str(RECIPES["paper"]) and "#" not in str(RECIPES["lecture"])


def test_a_new_field_leaves_old_runs_as_they_are(tmp_path):
    """What a run is known by counts only what differs from the defaults."""
    from dataclasses import fields, make_dataclass

    made = recipe("tiny", lr=0.2)
    later = make_dataclass(
        "Later", [(f.name, f.type, f) for f in fields(made)] + [("new", int, 1)], frozen=True
    )
    values = {f.name: getattr(made, f.name) for f in fields(made)}
    assert (
        recipe_fingerprint(later(**values))
        == recipe_fingerprint(made)
        != recipe_fingerprint(recipe("tiny", lr=0.3))
    )
    assert recipe_fingerprint(later(**values, new=2)) != recipe_fingerprint(made)


def fitted_on(monkeypatch, data, **changes) -> torch.Tensor:
    """The pictures that variances are fitted on."""
    seen = []
    monkeypatch.setattr(
        "salon.training.loop.fit_variances", lambda model, images, *_, **__: seen.append(images)
    )
    fit_variances_afterwards(begin(recipe("tiny", **changes)), data)
    return seen[0]


def test_variances_are_fitted_on_pictures_as_in_training_or_as_they_always_were(monkeypatch, data):
    fitted = partial(fitted_on, monkeypatch, data)
    straight = data.batch(torch.arange(len(data)))[0]

    def spoilt(pictures):
        return (pictures != straight).flatten(1).any(1).float().mean().item()

    assert spoilt(fitted(variances_on="training")) == 0  # the recipe has probability 0
    assert spoilt(fitted(variances_on="training", probability=1.0)) == 1
    assert spoilt(fitted(variances_on="training", camera=True)) == 1
    mild = fitted(variances_on="training", probability=1.0, strength=0.3)
    assert not torch.equal(mild, fitted(variances_on="training", probability=1.0))
    assert not torch.equal(mild, fitted(variances_on="training", probability=1.0, variations="recalled"))
    always = fitted(variances_on="augmented")
    assert 0.45 < spoilt(always) < 0.85  # 1 - 0.7³ of 48
    other = {"camera": True, "probability": 1.0, "strength": 0.3, "variations": "recalled"}
    assert torch.equal(always, fitted(variances_on="augmented", **other))
    with pytest.raises(SalonError, match="'training' or 'augmented'"):
        fitted(variances_on="photographs")


def test_what_variances_are_fitted_on_tells_runs_apart_only_where_it_differs():
    for changes, alike in (
        ({"probability": 0.3}, True),
        ({}, False),
        ({"probability": 0.3, "camera": True}, False),
    ):
        marks = {
            recipe_fingerprint(recipe("tiny", variances_on=x, **changes)) for x in ("training", "augmented")
        }
        assert (len(marks) == 1) == alike


def test_each_picture_loses_a_border_of_its_own():
    place = torch.arange(100.0).view(1, 1, 10, 10).repeat(200, 1, 1, 1)
    cut = crop(place, 7, torch.Generator().manual_seed(0))
    corners = cut[:, 0, 0, 0]
    assert (
        cut.shape == (200, 1, 7, 7) and len(corners.unique()) == 16
    )  # all offsets of 0 to 3, down and across
    assert torch.equal(cut - corners.view(-1, 1, 1, 1), place[..., :7, :7])


def test_the_adversary_may_weigh_otherwise_and_its_opponent_step_more_often(data):
    made = recipe("tiny", loss="confidence", margin=8.0, K=4, d=4, decorrelate=0.5)
    terms = [train_step(begin(made), data)["adversary"]]
    terms.append(train_step(begin(recipe("tiny", loss="confidence", margin=8.0, K=4, d=4, decorrelate=0.5,
                                         adversary=1.0)), data)["adversary"])  # fmt: skip
    assert terms[1] == pytest.approx(2 * terms[0], rel=1e-5)
    run = begin(recipe("tiny", loss="confidence", margin=8.0, K=4, d=4, decorrelate=0.5, opponent_steps=3))
    train_step(run, data)
    assert int(run.opponent.state_dict()["state"][0]["step"]) == 3


def test_labels_that_were_mined_join_the_variations(data):
    from dataclasses import replace

    mined = torch.rand(len(data), 2, generator=torch.Generator().manual_seed(0))
    made = recipe("tiny", probability=0.3)
    _, labels, variations = draw_batch(
        made, replace(data, attributes=mined), torch.Generator().manual_seed(5)
    )
    assert variations.shape == (made.batch, 5)
    rows = [(mined == row).all(1).nonzero().item() for row in variations[:, 3:]]
    assert torch.equal(data.labels[rows], labels)
