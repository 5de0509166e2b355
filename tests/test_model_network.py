"""The embedding as a container, the input's rules, and the recogniser's heads and switches."""

import pytest
import torch
from slow import embedding

from salon.model.embedding import Embedding, InputSpec
from salon.model.losses import ConfidenceLoss
from salon.model.network import Recogniser, embed
from salon.words import SalonError

near = torch.testing.assert_close


def tiny(**changes):
    return Recogniser(InputSpec(size=16, **changes), K=4, d=4, width=0.25)


def shapes(e):
    return [None if x is None else tuple(x.shape) for x in (e.features, e.confidences, e.variances)]


# The container


@pytest.mark.parametrize(("index", "rows"), [(2, [2]), (-1, [5]), (slice(1, 3), [1, 2]), (torch.arange(6) > 3, [4, 5])])
def test_indexing_keeps_the_axes(index, rows):
    e = embedding(6)
    part = e[index]
    assert shapes(part) == [(len(rows), 4, 3), (len(rows), 4), (len(rows), 4)]
    assert torch.equal(part.features, e.features[rows]) and torch.equal(part.variances, e.variances[rows])


def test_parts_make_the_whole():
    e = embedding(6)
    whole = Embedding.cat([e[:2], e[2], e[3:]])
    assert torch.equal(whole.features, e.features) and torch.equal(whole.confidences, e.confidences)
    assert Embedding.cat([e, Embedding(e.features, e.confidences)]).variances is None
    assert (e.B, e.K, e.d, len(e)) == (6, 4, 3, 6)


@pytest.mark.parametrize(
    ("shapes", "says"),
    [([(6, 12), (6, 4)], r"features came as \[6, 12\]; expected \[B, K, d\]"),
     ([(6, 4, 3), (4, 6)], r"confidences came as \[4, 6\]; expected \[6, 4\]"),
     ([(6, 4, 3), (6, 4), (6, 1)], r"variances came as \[6, 1\]; expected \[6, 4\]")],
)  # fmt: skip
def test_shapes_that_disagree_get_a_sentence(shapes, says):
    with pytest.raises(SalonError, match=says):
        Embedding(*map(torch.ones, shapes))


# The input


def test_grey_is_luma_and_fixed_numbers_are_taken_off():
    images = torch.rand(2, 3, 16, 16)
    spec = InputSpec(size=16, normalise="fixed", mean=0.2, scale=0.5)
    luma = 0.299 * images[:, 0] + 0.587 * images[:, 1] + 0.114 * images[:, 2]
    near(spec.prepare(images)[:, 0], (luma - 0.2) / 0.5)


def test_each_image_loses_its_own_light():
    """Brightness and contrast make no difference; a flat image becomes zeros, not noise."""
    spec, images = InputSpec(size=16, colour="rgb"), torch.rand(2, 3, 16, 16)
    x = spec.prepare(images)
    near(spec.prepare(0.3 + 0.5 * images), x, rtol=0, atol=1e-5)
    near(x.mean((1, 2, 3)), torch.zeros(2), rtol=0, atol=1e-6)
    near(x.std((1, 2, 3)), torch.ones(2))
    flat = spec.prepare(torch.full((1, 3, 16, 16), 0.4) + 1e-4 * torch.rand(1, 3, 16, 16))
    assert flat.abs().max() < 0.02


@pytest.mark.parametrize("changes", [{}, {"colour": "rgb", "normalise": "fixed", "border": 4}])
def test_one_channel_is_three_equal_ones(changes):
    spec, grey = InputSpec(size=32, **changes), torch.rand(3, 1, 40, 40)
    assert torch.equal(spec.prepare(grey), spec.prepare(grey.repeat(1, 3, 1, 1)))


def test_wrong_images_and_specs_get_a_sentence():
    spec = InputSpec()
    for images in (torch.zeros(3, 48, 48), torch.zeros(2, 48, 48, 3), torch.zeros(2, 2, 48, 48)):
        with pytest.raises(SalonError, match=r"expected \[B, 3, H, W\]"):
            spec.prepare(images)
    for images in (torch.zeros(1, 3, 48, 48, dtype=torch.uint8), torch.full((1, 3, 48, 48), 255.0)):
        with pytest.raises(SalonError, match=r"images.float\(\) / 255"):
            spec.prepare(images)
    for wrong in ({"colour": "gray"}, {"normalise": "none"}, {"size": 8}):
        with pytest.raises(SalonError, match="expected colour 'grey' or 'rgb'"):
            InputSpec(**wrong)


# The recogniser


def test_lecture_net_is_small_and_its_embedding_well_formed():
    recogniser = Recogniser()
    assert 0.5e6 <= sum(p.numel() for p in recogniser.parameters()) <= 1e6
    e = recogniser(torch.rand(3, 3, 70, 60))
    assert shapes(e) == [(3, 8, 16), (3, 8), None]
    near(e.features.norm(dim=-1), torch.ones(3, 8))
    near(e.confidences, torch.full((3, 8), 20.0))


def test_confidence_starts_equal_and_learns():
    recogniser, criterion = tiny(), ConfidenceLoss(5, 4, 4)
    recogniser.set_confidence(12.5)
    x, y = torch.rand(10, 3, 16, 16), torch.arange(10) % 5
    optimiser = torch.optim.SGD(recogniser.confidence_head.parameters(), lr=0.05)
    assert (recogniser(x).confidences == 12.5).all()
    sum(term.mean() for term in criterion(recogniser(x), y).values()).backward()
    optimiser.step()
    learned = recogniser(x).confidences
    assert learned.unique().numel() > 4 and (learned > 0).all()


def test_confidence_keeps_within_its_bounds_and_its_gradient():
    """However sure the head is, s stays within s0 e^±4, and the way back is not cut off."""
    recogniser = tiny()
    torch.nn.init.constant_(recogniser.confidence_head[-1].bias, -9.0)
    s = recogniser(torch.rand(4, 3, 16, 16)).confidences
    assert 20 * 2.718281**-4 <= s.min() < 0.5
    s.sum().backward()
    assert recogniser.confidence_head[-1].bias.grad.abs().min() > 0


def test_frozen_confidence_is_constant_saved_and_undone():
    recogniser, x = tiny(), torch.rand(4, 3, 16, 16)
    torch.nn.init.normal_(recogniser.confidence_head[-1].weight)
    free = recogniser(x).confidences
    recogniser.freeze_confidence(41.0)
    other = tiny()
    other.load_state_dict(recogniser.state_dict())
    for net in (recogniser, other):
        s = net(x).confidences
        assert (s == 41).all() and not s.requires_grad
    other.freeze_confidence(None)
    assert (s == 41).all()  # what was said before stays said
    near(other(x).confidences, free)
    for wrong in (0.0, -3.0, float("nan"), float("inf")):
        for change in (recogniser.freeze_confidence, recogniser.set_confidence):
            with pytest.raises(SalonError, match="expected a finite number above 0"):
                change(wrong)


def test_batches_make_no_difference_and_modes_come_back():
    recogniser, x = tiny(), torch.rand(7, 3, 16, 16)
    recogniser.backbone.eval()  # a frozen part stays as it is
    modes = [part.training for part in recogniser.modules()]
    before = {name: value.clone() for name, value in recogniser.state_dict().items()}
    whole, parts = embed(recogniser, x), embed(recogniser, x, batch=3)
    near(whole.features, parts.features, rtol=0, atol=1e-5)  # float32 in another order
    assert not whole.features.requires_grad
    assert [part.training for part in recogniser.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in recogniser.state_dict().items())


def test_flip_fusion_makes_mirror_images_equal():
    recogniser, x = tiny(flip=True), torch.rand(3, 3, 16, 16)
    torch.nn.init.normal_(recogniser.confidence_head[-1].weight, std=0.1)
    e, mirrored = embed(recogniser, x), embed(recogniser, x.flip(-1))
    near(e.features, mirrored.features, rtol=0, atol=1e-5)
    near(e.confidences, mirrored.confidences)
    near(e.features.norm(dim=-1), torch.ones(3, 4))
    recogniser.eval()
    both = torch.stack([recogniser(v).confidences for v in (x, x.flip(-1))]).mean(0)
    near(e.confidences, both)
