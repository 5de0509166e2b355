"""Training: the loss falls, a broken run goes on as if unbroken, and what was trained says how."""

import os
import re
from dataclasses import fields, make_dataclass, replace
from functools import partial

import pytest
import torch
from conftest import broken_off

from salon.training import checkpoints
from salon.training import loop as training
from salon.training.data import TrainSet, train_set
from salon.training.loop import crop, draw_batch, fit, train, train_data, train_step, watch
from salon.training.recipes import recipe
from salon.training.run import begin, recipe_fingerprint, save
from salon.words import SalonError

LONG = os.environ.get("SALON_LONG") == "1"
unsure = partial(recipe, "tiny", loss="confidence", margin=8.0, K=4, d=4)
draw = partial(train_set, 12, 4, 32, progress=False)  # the pictures of the recipe "tiny"


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SALON_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="module")
def data(cache) -> TrainSet:
    return draw()


@pytest.fixture
def g() -> torch.Generator:
    return torch.Generator().manual_seed(0)


@pytest.fixture
def quick(data):
    """`train` on the pictures of `data`, without variances or a bar."""
    return partial(train, data=data, progress=False, variances=False)


def weights(run):
    return torch.cat([p.flatten() for p in run.recogniser.state_dict().values() if p.is_floating_point()])


@pytest.mark.parametrize(("loss", "margin"), [("cosface", 0.35), ("confidence", 7.0)])
def test_the_loss_falls(quick, loss, margin):
    run = quick(recipe("tiny", loss=loss, steps=40, margin=margin))
    assert run.history[-1]["identification"] < 0.6 * run.history[0]["identification"]


def test_the_same_seed_gives_the_same_weights(quick):
    assert torch.equal(*(weights(quick(recipe("tiny"))) for _ in range(2)))


@pytest.mark.parametrize("decorrelate", [0.0, 0.5])
def test_a_resumed_run_ends_as_the_unbroken_one(data, tmp_path, monkeypatch, decorrelate):
    made = unsure(margin=7.0, frozen=0.3, decorrelate=decorrelate)
    whole = train(made, data=data, progress=False)

    monkeypatch.setattr(training, "SAVE_EVERY", 4)
    with broken_off(at=9):
        train(made, tmp_path, data=data, progress=False)
    resumed = train(made, tmp_path, resume=True, data=data, progress=False)
    assert torch.equal(weights(whole), weights(resumed))  # same draws, same order of sums: the same bits
    path = tmp_path / "model.safetensors"
    before = path.stat().st_mtime_ns, path.read_bytes()
    again = train(made, tmp_path, resume=True, progress=False)  # finished: handed back untouched
    assert torch.equal(weights(again), weights(whole))
    assert (path.stat().st_mtime_ns, path.read_bytes()) == before


def test_another_recipe_or_no_wish_to_resume_is_refused(quick, tmp_path):
    quick(recipe("tiny", steps=2), tmp_path)
    with pytest.raises(SalonError, match="--resume"):
        quick(recipe("tiny", steps=2), tmp_path)
    with pytest.raises(SalonError, match=r"another recipe .*steps = 2, expected 3"):
        quick(recipe("tiny", steps=3), tmp_path, resume=True)


def test_a_start_gives_its_weights_and_prototypes(quick, tmp_path):
    run, path = quick(recipe("tiny"), tmp_path), str(tmp_path / "model.safetensors")
    next_run = begin(recipe("tiny", start=path, people=5, seed=3))
    assert torch.equal(next_run.criterion.prototypes, run.criterion.prototypes[:5])
    assert begin(recipe("tiny", start=path, K=4, d=4)).criterion.prototypes.shape == (12, 4, 4)
    more, others = recipe("tiny", start=path, people=13), {"source": "faces of another folder"}
    for strangers in (begin(more), begin(recipe("tiny", start=path), **others)):  # new prototypes, of the same length
        assert not torch.equal(strangers.criterion.prototypes[:12], run.criterion.prototypes)
    with pytest.raises(SalonError, match="Change the recipe"):
        begin(recipe("tiny", start=path, d=32))


def test_what_is_shipped_to_start_from_keeps_prototypes_in_half_the_bytes(quick, tmp_path):
    run = quick(recipe("tiny"), tmp_path)
    save(run, tmp_path / "shipped.safetensors", training=False)
    kept = checkpoints.load_training(tmp_path / "shipped.safetensors")
    assert kept.keys() == {"criterion.prototypes"} and kept["criterion.prototypes"].dtype == torch.float16
    again = begin(recipe("tiny", start=str(tmp_path / "shipped.safetensors"), seed=3))
    assert torch.allclose(again.criterion.prototypes, run.criterion.prototypes, rtol=1e-3)


def test_the_confidence_is_held_and_then_let_go(data):
    run = begin(recipe("tiny", loss="confidence", margin=7.0, steps=10, frozen=0.5))
    means = []
    for run.step in range(10):
        means.append(train_step(run, data)["confidence"])
    assert means[:5] == [20.0] * 5 and means[-1] != 20.0


@pytest.mark.parametrize(
    ("name", "changes", "says"),
    [("lectur", {}, "lecture"), ("tiny", {"stepz": 3}, "stepz"), ("tiny", {"loss": "arcface"}, "cosface")],
)
def test_unknown_recipes_fields_and_losses_are_named(name, changes, says):
    with pytest.raises(SalonError, match=says):
        begin(recipe(name, **changes))


# --- what goes wrong, and what is done about it


def test_a_confidence_learned_fast_from_the_first_step_collapses_and_ours_does_not(quick):
    # the margin of 8 is out of reach of a confidence below 4: cosines end at ±1
    assert quick(unsure(steps=40, frozen=0.0, confidence_lr=1.0)).history[-1]["confidence"] < 1
    assert quick(unsure(steps=40, frozen=0.3)).history[-1]["confidence"] > 10


def test_a_constant_sub_embedding_is_noticed_said_and_kept_in_the_card(data, quick, tmp_path, capsys):
    run = quick(recipe("tiny", K=4, d=4), tmp_path)
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
    said = r"Step 0 of recipe tiny, seed 0: Not finite: identification \(images \[0, 1"
    with pytest.raises(SalonError, match=said):
        next(fit(run, data, progress=False))


def test_a_gradient_that_is_not_finite_stops_before_the_weights_change(data, monkeypatch):
    run = begin(recipe("tiny"))
    monkeypatch.setattr(torch.nn.utils, "clip_grad_norm_", lambda *_: torch.tensor(float("inf")))
    before = [p.clone() for p in run.recogniser.parameters()]
    with pytest.raises(SalonError, match="Step 0 of recipe tiny, seed 0: The gradient became inf"):
        next(fit(run, data, progress=False))
    assert all(map(torch.equal, before, run.recogniser.parameters()))


# --- recipes


def test_the_recipe_of_the_paper_runs_when_it_is_made_small(cache, g):
    """Everything of it but its size: colour, borders, recalled variations, 16 x 32 sub-embeddings, m = 30."""
    made = recipe("paper", people=6, images=2, size=32, border=4, backbone="resnet18", steps=2, batch=6)
    data = train_data(made, progress=False)
    assert data.straight.shape == (12, 3, 36, 36)
    images, _, variations = draw_batch(made, data, g)
    assert images.shape == (6, 3, 32, 32) and variations.shape == (6, 3)
    run = train(made, data=data, progress=False)
    assert run.recogniser.spec.colour == "rgb" and run.recogniser.K * run.recogniser.d == 512
    assert run.criterion.margin == 30 and run.history[0]["adversary"] > 2 * 6 * 0.69


def test_a_new_field_leaves_old_runs_as_they_are():
    """What a run is known by counts only what differs from the defaults."""
    made, mark = recipe("tiny", lr=0.2), recipe_fingerprint
    given = [(f.name, f.type, f) for f in fields(made)]
    later = partial(make_dataclass("Later", [*given, ("new", int, 1)], frozen=True), **vars(made))
    assert mark(later()) == mark(made) != mark(recipe("tiny", lr=0.3))
    assert mark(later(new=2)) != mark(made)


def test_variances_are_fitted_on_pictures_as_in_training(monkeypatch, data):
    seen = []
    monkeypatch.setattr(training, "fit_variances", lambda model, images, *_, **__: seen.append(images))

    def fitted(**changes) -> torch.Tensor:
        training.fit_variances_afterwards(begin(recipe("tiny", **changes)), data)
        return seen[-1]

    straight = data.batch(torch.arange(len(data)))[0]

    def spoilt(pictures):
        return (pictures != straight).flatten(1).any(1).float().mean().item()

    assert spoilt(fitted()) == 0  # the recipe has probability 0
    assert spoilt(fitted(probability=1.0)) == 1
    assert spoilt(fitted(camera=True)) == 1
    mild = fitted(probability=1.0, strength=0.3)
    assert not torch.equal(mild, fitted(probability=1.0))
    assert not torch.equal(mild, fitted(probability=1.0, variations="recalled"))


def test_variations_may_wait_for_a_share_of_the_steps(data, monkeypatch):
    drawn, real = [], training.draw_batch
    monkeypatch.setattr(training, "draw_batch", lambda *given: drawn.append(real(*given)) or drawn[-1])
    run = begin(recipe("tiny", probability=1.0, clean=0.4, steps=5))
    for _ in fit(run, data, progress=False):
        pass
    assert [variations.mean().item() for _, _, variations in drawn] == [0, 0, 1, 1, 1]


def test_each_picture_loses_a_border_of_its_own(g):
    place = torch.arange(100.0).view(1, 1, 10, 10).repeat(200, 1, 1, 1)
    cut = crop(place, 7, g)
    corners = cut[:, :, :1, :1]
    assert cut.shape == (200, 1, 7, 7) and len(corners.unique()) == 16  # offsets of 0 to 3, down and across
    assert torch.equal(cut - corners, place[..., :7, :7])


def test_labels_that_were_mined_join_the_variations(data, g):
    mined, made = torch.rand(len(data), 2, generator=g), recipe("tiny", probability=0.3)
    _, labels, variations = draw_batch(made, replace(data, attributes=mined), g)
    assert variations.shape == (made.batch, 5)
    rows = [(mined == row).all(1).nonzero().item() for row in variations[:, 3:]]
    assert torch.equal(data.labels[rows], labels)
