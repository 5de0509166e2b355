"""Mined variations (15): the losses, who learns from what, attribute models kept in files, CelebA's folder."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from experiments.celeba import ALIGNED, COLUMNS, read_celeba, template_box
from experiments.mining import AttributeSet, accuracies, celeba_attributes, identity_hits, train_attributes
from salon.model.embedding import InputSpec
from salon.model.mining import (
    AttributeModel,
    IdentityDiscriminator,
    attribute_loss,
    identity_confusion_loss,
    identity_loss,
)
from salon.training import checkpoints
from salon.training.attributes import load_attributes, mined_labels
from salon.words import SalonError

B, T, N = 5, 3, 7


def numbers(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.float64, requires_grad=True)


# --- the losses


def test_losses_equal_slow_loops():
    logits, labels = numbers(B, T), torch.rand(B, T, dtype=torch.float64)
    guesses, who = numbers(B, N), torch.randint(N, (B,))
    surprise, confusion, identity = [], [], []
    for i in range(B):
        p = [1 / (1 + math.exp(-a)) for a in logits[i].tolist()]
        u = labels[i].tolist()
        surprise.append(-sum(u[t] * math.log(p[t]) + (1 - u[t]) * math.log(1 - p[t]) for t in range(T)))
        total = sum(math.exp(a) for a in guesses[i].tolist())
        posterior = [math.exp(a) / total for a in guesses[i].tolist()]
        confusion.append(-sum(math.log(q) for q in posterior) / N)
        identity.append(-math.log(posterior[who[i]]))
    pairs = ((attribute_loss(logits, labels), surprise), (identity_confusion_loss(guesses), confusion),
             (identity_loss(guesses, who), identity))  # fmt: skip
    for fast, slow in pairs:
        torch.testing.assert_close(fast, torch.tensor(slow, dtype=torch.float64), rtol=1e-9, atol=0)


def test_gradients_are_those_of_finite_differences():
    labels, who = torch.rand(B, T, dtype=torch.float64), torch.randint(N, (B,))
    assert torch.autograd.gradcheck(lambda x: attribute_loss(x, labels), numbers(B, T))
    assert torch.autograd.gradcheck(identity_confusion_loss, numbers(B, N))
    assert torch.autograd.gradcheck(lambda x: identity_loss(x, who), numbers(B, N))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_losses_are_finite_for_extreme_logits(dtype):
    logits = torch.tensor([[1e4, -1e4, 0.0]], dtype=dtype, requires_grad=True)
    losses = (attribute_loss(logits, torch.tensor([[0.0, 1.0, 1.0]])), identity_confusion_loss(logits),
              identity_loss(logits, torch.tensor([1])))  # fmt: skip
    for loss in losses:
        assert loss.isfinite().all() and loss.dtype == torch.float32
        assert torch.autograd.grad(loss.sum(), logits, retain_graph=True)[0].isfinite().all()


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: attribute_loss(torch.zeros(B, T), torch.zeros(B, 2)), r"labels came as \[5, 2\]; expected \[5, 3\]"),
        (lambda: identity_confusion_loss(torch.zeros(N)), "identity_logits came as"),
        (lambda: identity_loss(torch.zeros(B, N), torch.zeros(B - 1).long()), "identities came as"),
        (lambda: AttributeSet(torch.zeros(3, 9, 9), torch.zeros(2, 2), torch.zeros(3), ("a", "b")), "as many of each"),
        (lambda: striped().only(["hat"]), "expected some of upper, lower"),
        (lambda: mined_labels(AttributeModel("ab", InputSpec(size=16)), torch.rand(4, 2, 16, 16)),
         r"images came as \[4, 2, 16, 16\]"),
    ],
)  # fmt: skip
def test_odd_arguments_are_named(call, says):
    with pytest.raises(SalonError, match=says):
        call()


# --- who learns from what


def test_each_step_moves_its_own_side_only():
    model, opponent = AttributeModel("ab", InputSpec(size=16), 0.5), IdentityDiscriminator(2, N)
    h, _ = model(torch.rand(B, 3, 16, 16))
    identity_loss(opponent(h.detach()), torch.arange(B)).sum().backward()
    assert all(p.grad is not None for p in opponent.parameters())
    assert all(p.grad is None for p in model.parameters())
    opponent.zero_grad()
    identity_confusion_loss(opponent(h, frozen=True)).sum().backward()
    assert all(p.grad is None for p in opponent.parameters())
    assert model.head[0].weight.grad.abs().sum() > 0
    assert model.scale.grad is None  # the readout of the labels lies behind h


def test_each_logit_is_read_from_its_own_bounded_feature():
    model = AttributeModel("abc", InputSpec(size=16)).eval()
    h, logits = model(torch.rand(B, 3, 16, 16))
    assert h.shape == logits.shape == (B, 3) and h.abs().max() <= 1
    torch.testing.assert_close(logits, 4 * h)  # as it starts


def test_features_are_pressed_towards_1_and_read_back_by_the_discriminator():
    """h = tanh(2 x) of outputs x of mean 0 and deviation 1; D_A sees what tanh was taken of, also of h = ±1."""
    model, x = AttributeModel("ab", InputSpec(size=16)), torch.rand(40, 3, 16, 16)
    inner = torch.atanh(model(x)[0].double()) / 2
    assert inner.mean(0).abs().max() < 0.05 and (inner.std(0) - 1).abs().max() < 0.1
    judge = IdentityDiscriminator(2, N)
    z = torch.randn(B, 2)
    torch.testing.assert_close(judge(torch.tanh(z)), judge.layers(z), rtol=1e-3, atol=1e-3)
    assert judge(torch.ones(B, 2)).isfinite().all() and judge(-torch.ones(B, 2)).isfinite().all()
    assert (judge(torch.ones(1, 2)) - judge.layers(torch.full((1, 2), 7.25))).abs().max() < 0.1


def test_an_attribute_model_is_made_again_from_its_settings():
    one = AttributeModel(["hat", "beard"], InputSpec(size=16), width=1.0)
    other = AttributeModel(spec=one.spec, **one.config)
    other.load_state_dict(one.state_dict())
    x = torch.rand(B, 3, 16, 16)
    assert torch.equal(one.eval()(x)[1], other.eval()(x)[1]) and other.names == ("hat", "beard")
    assert other.trunk(x).shape == (B, one.head[0].in_features)


# --- attribute models


def striped(people: int = 8, images: int = 40) -> AttributeSet:
    """Noise with an upper and a lower bar, each an attribute."""
    who = torch.arange(people).repeat_interleave(images)
    labels = (torch.rand(len(who), 2) < 0.5).float()
    pictures = torch.randint(100, 140, (len(who), 24, 24), dtype=torch.uint8)
    pictures[:, 4:8] += (60 * labels[:, :1, None]).byte()
    pictures[:, 16:20] += (60 * labels[:, 1:, None]).byte()
    return AttributeSet(pictures, labels, who, ("upper", "lower"))


def test_a_short_training_learns_and_repeats_itself():
    data = striped()
    models = [train_attributes(3, data, steps=60, batch=32) for _ in range(2)]
    assert min(accuracies(models[0], striped()).values()) > 0.95  # chance is 0.5
    assert all(torch.equal(a, b) for a, b in zip(*(m.state_dict().values() for m in models), strict=True))
    soft = mined_labels(models[0], data.pictures[:9])
    assert soft.shape == (9, 2) and soft.min() >= 0 and soft.max() <= 1
    torch.testing.assert_close(soft, mined_labels(models[0], data.pictures[:9]))


def test_alternate_steps_take_the_person_out_of_the_features():
    """Inputs are an attribute and a number that is the person's own; both are in h at the start."""
    who, bit = torch.arange(6).repeat_interleave(40), (torch.rand(240) < 0.5).float()
    x = torch.stack([2 * bit - 1, (who - 2.5) / 2], 1)
    encoder, opponent = torch.nn.Linear(2, 2), IdentityDiscriminator(2, 6)
    torch.nn.init.eye_(encoder.weight), torch.nn.init.zeros_(encoder.bias)
    ours = torch.optim.SGD(encoder.parameters(), 0.05)
    theirs = torch.optim.Adam(opponent.parameters(), 0.01)
    before = identity_hits(torch.tanh(encoder(x)).detach(), who).mean()
    for _ in range(400):
        h = torch.tanh(encoder(x))
        theirs.zero_grad()
        identity_loss(opponent(h.detach()), who).mean().backward()
        theirs.step()
        ours.zero_grad()
        surprise = attribute_loss(4 * h[:, :1], bit[:, None]).mean()
        (surprise + identity_confusion_loss(opponent(h, frozen=True)).mean()).backward()
        ours.step()
    after = torch.tanh(encoder(x)).detach()
    assert before > 0.5 and identity_hits(after, who).mean() < 0.5 * before
    assert ((after[:, 0] > 0) == bit.bool()).float().mean() > 0.95


def test_a_loss_that_is_not_finite_is_named():
    with pytest.raises(SalonError, match="The loss became"):
        train_attributes(0, striped(), lr=1e12, steps=30, batch=16)


# --- rendered people


# --- kept in files


def test_a_saved_model_comes_back(tmp_path):
    path, model = tmp_path / "a.safetensors", train_attributes(0, striped(), steps=5, batch=16)
    checkpoints.save(path, model, {"seed": 0})
    again, images = load_attributes(path), torch.rand(4, 1, 24, 24)
    assert again.names == ("upper", "lower") and not again.training
    torch.testing.assert_close(mined_labels(again, images), mined_labels(model, images), rtol=0, atol=0)
    assert checkpoints.read_card(path)["seed"] == 0


def test_broken_files_are_refused(tmp_path):
    path = tmp_path / "a.safetensors"
    checkpoints.save(path, AttributeModel("ab", InputSpec(size=16)))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SalonError, match="cut short"):
        load_attributes(path)
    with pytest.raises(SalonError, match="does not exist"):
        load_attributes(tmp_path / "none.safetensors")
    path.write_bytes(whole.replace(b"network", b"netwurk"))
    with pytest.raises(SalonError, match="other numbers"):
        load_attributes(path)


# --- CelebA


def celeba_folder(root, size=ALIGNED):
    """Six made-up pictures of three people in CelebA's layout: the template's square is bright, the rest dark."""
    names, (left, top, right, bottom) = ["Bald", *COLUMNS.values()], (round(x) for x in template_box())
    (root / "img_align_celeba").mkdir(parents=True)
    lists = {"list_eval_partition": [], "identity_CelebA": [], "list_attr_celeba": ["6", " ".join(names)]}
    for i in range(6):
        name = f"{i + 1:06d}.jpg"
        pixels = np.zeros((size[1], size[0], 3), np.uint8)
        pixels[top:bottom, left:right] = 200
        Image.fromarray(pixels).save(root / "img_align_celeba" / name, quality=95)
        lists["list_eval_partition"].append(f"{name} {0 if i < 4 else 2}")
        lists["identity_CelebA"].append(f"{name} {(90, 7, 90, 7, 5, 5)[i]}")
        marks = [1 if (i + t) % 2 else -1 for t in range(len(names))]
        lists["list_attr_celeba"].append(f"{name}  " + " ".join(f"{mark:2d}" for mark in marks))
    for name, lines in lists.items():
        (root / f"{name}.txt").write_text("\n".join(lines) + "\n")
    return root


def test_celeba_is_read_framed_and_numbered(tmp_path):
    read = read_celeba(celeba_folder(tmp_path), "train", size=24)
    assert read.images.shape == (4, 3, 24, 24) and read.images.dtype == torch.uint8
    assert read.images.float().mean() > 190  # the square of the template is what was cut out
    assert read.identities.tolist() == [1, 0, 1, 0]  # 90 and 7
    first = dict(zip(COLUMNS, read.labels[0].tolist(), strict=True))
    assert first == {"smile": 1, "mouth_open": 0, "glasses": 1, "young": 0, "male": 1, "beard": 1}  # No_Beard is -1
    assert len(read_celeba(tmp_path, "test").images) == 2
    assert len(read_celeba(tmp_path, "train", people=1).images) == 2


def test_an_attribute_model_can_be_trained_on_celeba(tmp_path):
    data = celeba_attributes(celeba_folder(tmp_path), size=16)
    assert data.names == tuple(COLUMNS) and data.images.shape == (4, 16, 16)
    assert data.images.float().mean() > 190
    model = train_attributes(0, data.only(("smile", "young")), steps=3, batch=4)
    assert model.names == ("smile", "young")
