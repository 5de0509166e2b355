"""The embedding as a container, the input's rules, and the recogniser's heads and switches."""

import math

import pytest
import torch
from slow import embedding

from salon.model.embedding import Embedding, InputSpec
from salon.model.losses import ConfidenceLoss
from salon.model.matching import cosine_pairs
from salon.model.network import Recogniser, embed, place_size, trunk_for
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


def test_views_of_one_image_become_their_mean():
    views = [embedding(6) for _ in range(3)]
    mean = Embedding.fuse_views(views)
    features = sum(view.features for view in views)
    near(mean.features, features / features.norm(dim=-1, keepdim=True))
    near(mean.confidences, sum(view.confidences for view in views) / 3)
    near(mean.variances, sum(view.variances for view in views) / 3)


def test_embeddings_of_other_sizes_are_not_compared():
    for other in (embedding(d=2), embedding(K=3)):
        with pytest.raises(SalonError, match="expected equal ones"):
            cosine_pairs(embedding(), other)


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
        with pytest.raises(SalonError, match=r"^images came as .* expected \[B, 3, H, W\]"):
            spec.prepare(images)
    for images in (torch.zeros(1, 3, 48, 48, dtype=torch.uint8), torch.full((1, 3, 48, 48), 2.5)):
        with pytest.raises(SalonError, match=r"images.float\(\) / 255"):
            spec.prepare(images)
    for wrong in ({"colour": "gray"}, {"normalise": "none"}, {"size": 8}):
        with pytest.raises(SalonError, match="expected colour 'grey' or 'rgb'"):
            InputSpec(**wrong)


# The recogniser


@pytest.mark.parametrize("size", [16, 33, 48])
@pytest.mark.parametrize(("name", "width"), [("small", 0.25), ("small", 1.0), ("resnet18", 1.0)])
@pytest.mark.parametrize("colour", ["grey", "rgb"])
def test_a_backbone_gives_as_many_features_as_it_says(name, width, size, colour):
    spec = InputSpec(size=size, colour=colour)
    net, count = trunk_for(spec, name, width)
    assert net.eval()(spec.prepare(torch.rand(2, 3, size, size))).shape == (2, count)
    assert net.state_dict().keys() == trunk_for(InputSpec(size=size, colour="rgb"), name, width)[0].state_dict().keys()


def test_an_unknown_backbone_gets_the_known_ones():
    with pytest.raises(SalonError, match=r"expected 'small' or one of .*resnet18.*resnext50_32x4d.*wide_resnet50_2"):
        Recogniser(backbone="vgg16")


@pytest.mark.parametrize(
    "changes", [{}, {"K": 9, "d": 5, "width": 0.5, "spread": 2.0, "places": True}, {"backbone": "resnet18", "K": 2}]
)
def test_its_settings_make_the_same_network(changes):
    spec, x = InputSpec(size=32), torch.rand(2, 3, 32, 32)
    one = Recogniser(spec, **changes).eval()
    for parameter in one.confidence_head[-1].parameters():
        torch.nn.init.normal_(parameter, std=9)  # far enough that `spread` counts
    other = Recogniser(spec, **one.config).eval()
    other.load_state_dict(one.state_dict())
    near(other(x).features, one(x).features)
    near(other(x).confidences, one(x).confidences)


@pytest.mark.parametrize(("size", "K", "side"), [(48, 4, 32), (48, 9, 24), (44, 100, 8)])
def test_places_fill_the_picture(size, K, side):
    """√K of them in a row, each beginning in the middle of the one before."""
    assert place_size(size, K) == side and side / 2 * (math.isqrt(K) + 1) == size


@pytest.mark.parametrize(("size", "K"), [(48, 1), (48, 8), (47, 4), (48, 121)])
def test_places_that_cannot_be_get_a_sentence(size, K):
    with pytest.raises(SalonError, match="expected a square number"):
        place_size(size, K)


def test_variances_start_where_pfe_starts_and_a_floor_is_added():
    """σ² = e^-7 for unit length in 512 numbers, and as much in each of d; γ = 1e-4 hardly moves it."""
    recogniser, x = tiny(), torch.rand(6, 3, 16, 16)
    assert recogniser(x).variances is None
    recogniser.variances_fitted.fill_(True)
    near(recogniser(x).variances, torch.full((6, 4), math.exp(-7) * 512 / 4 + 1e-6), rtol=1e-3, atol=0)
    before = recogniser(x).variances
    recogniser.variance_head.floor[1] = 1
    near(recogniser(x).variances - before, torch.eye(4)[1].expand(6, 4), rtol=0, atol=1e-6)
    torch.nn.init.constant_(recogniser.variance_head.beta, -99.0)
    recogniser.variance_head.floor.zero_()
    near(recogniser(x).variances, torch.full((6, 4), 1e-6))


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
    assert 20 * math.exp(-4) <= s.min() < 0.5
    s.sum().backward()
    assert recogniser.confidence_head[-1].bias.grad.abs().min() > 0
    torch.nn.init.constant_(recogniser.confidence_head[-1].bias, 0.1)
    near(recogniser(torch.rand(4, 3, 16, 16)).confidences, torch.full((4, 4), 20 * math.exp(4 * math.tanh(0.025))))


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


def test_a_spread_of_more_than_64_bits_bounds_nothing():
    made = Recogniser(InputSpec(size=16), K=2, d=4, width=0.125, spread=10**30).eval()
    near(made(torch.rand(2, 3, 16, 16)).confidences, torch.full((2, 2), 20.0))
