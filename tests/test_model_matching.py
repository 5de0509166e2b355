"""Scores, variances and templates against the sums of (16) and of PFE, written as loops."""

import math
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from slow import EXACT, compiler, slow_score, slow_scores
from slow import embedding as random_embedding

from experiments.search import likelihood_tiles
from salon.model.embedding import Embedding, InputSpec
from salon.model.matching import (
    _genuine_batches,
    _trunk_features,
    cosine_pairs,
    cosine_scores,
    fit_variances,
    fuse,
    likelihood_loss,
    likelihood_pairs,
    likelihood_scores,
    variance_floor,
)
from salon.model.network import Recogniser, embed
from salon.words import SalonError

near = torch.testing.assert_close
embedding = partial(random_embedding, K=6, d=4)
# the reader's, and the fast one
both = pytest.mark.parametrize("score", [likelihood_scores, likelihood_tiles])
COMPILE = [False, pytest.param(True, marks=[compiler, pytest.mark.slow])]


def mutual_likelihood(a, b):
    """PFE's (3): D dimensions, each with a variance of its own; here those of a sub-embedding repeat."""
    v = (a.variances + b.variances).repeat_interleave(a.d, dim=1)  # [B, D]
    terms = (a.flat - b.flat).square() / v + v.log()
    return -0.5 * terms.sum(1) - a.K * a.d / 2 * math.log(2 * math.pi)


@both
@pytest.mark.parametrize("K", [1, 4, 6])
def test_scores_are_the_sums_of_16(score, K):
    a, b = embedding(4, K=K), embedding(7, K=K)
    near(score(a, b), slow_scores(a, b), **EXACT)
    near(likelihood_pairs(a, b[:4]), slow_scores(a, b).diagonal(), **EXACT)


def test_tiles_meet(monkeypatch):
    """The same scores whatever the tile, also where rows and columns are no multiple of it."""
    a, b = embedding(9), embedding(11)
    whole = likelihood_tiles(a, b)
    monkeypatch.setattr("experiments.search.TILE", (4, 3))
    near(likelihood_tiles(a, b), whole, **EXACT)


def test_16_is_the_mutual_likelihood_of_pfe():
    a, b = embedding(), embedding()
    constant = a.K * a.d / 2 * math.log(2 * math.pi)
    near(likelihood_pairs(a, b) - constant, mutual_likelihood(a, b), **EXACT)


@pytest.mark.parametrize("compile", COMPILE)
@pytest.mark.filterwarnings("ignore")  # of torch's compiler, on Python modules of its own
def test_compiled_and_eager_scores_are_the_sums_of_16(compile, monkeypatch):
    """Padded tiles, an odd number of sub-embeddings, variances from 1e-6 to 1e4; 1e-9 relative in float64."""
    monkeypatch.setattr("experiments.search.TILE", (4, 8))
    for K, low, high in ((5, -2, 0), (16, -6, 4)):
        a, b = (Embedding(e.features, e.confidences, 10 ** torch.empty(e.B, K).uniform_(low, high).double())
                for e in (embedding(5, K=K), embedding(11, K=K)))  # fmt: skip
        near(likelihood_tiles(a, b, compile), slow_scores(a, b), rtol=1e-9, atol=1e-9)


@both
@pytest.mark.parametrize(("least", "most"), [(1e-6, 1e-6), (1e4, 1e4), (1e-6, 1e4)])
def test_extreme_variances_stay_finite_in_float32(score, least, most):
    """σ² = 1e-6 is the least that the variance head gives; sixteen of them multiplied would be 0."""
    a = embedding(6, K=16, d=8, dtype=torch.float32)
    variances = torch.full_like(a.confidences, least)
    variances[::2] = most
    variances[1, ::3] = most
    extreme = Embedding(a.features, a.confidences, variances)
    scores = score(extreme, extreme)
    doubled = extreme.map(torch.Tensor.double)
    assert scores.isfinite().all()
    error = 3e-7 * 16 / least  # of 1 - f·g, over v
    near(scores.double(), slow_scores(doubled, doubled), rtol=1e-5, atol=1e-3 + error)


def test_cosine_is_the_mean_over_sub_embeddings():
    a, b = embedding(4), embedding(7)
    slow = torch.stack([torch.stack([(x * y).sum(-1).mean() for y in b.features]) for x in a.features])
    near(cosine_scores(a, b), slow, **EXACT)
    near(cosine_pairs(a, b[:4]), slow.diagonal(), **EXACT)
    near(cosine_scores(a, b), F.cosine_similarity(a.flat[:, None], b.flat, dim=-1), **EXACT)


def test_loss_is_the_mean_over_genuine_pairs():
    e, labels = embedding(), torch.tensor([0, 1, 0, 0, 1])
    pairs = [(0, 2), (0, 3), (2, 3), (1, 4)]
    expected = -sum(slow_score(e[i], e[j]) for i, j in pairs) / 4
    assert likelihood_loss(e, labels).item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("variances", [True, False])
def test_template_is_the_mean_weighted_by_inverse_variance_or_by_confidence(variances):
    e, people = embedding(variances=variances), torch.tensor([7, 3, 7, 7, 3])
    weights, template = 1 / e.variances if variances else e.confidences, fuse(e, people)
    for t, person in enumerate([3, 7]):
        rows = (people == person).nonzero().squeeze(1).tolist()
        for k in range(e.K):
            mean = sum(weights[i, k] * e.features[i, k] for i in rows)
            near(template.features[t, k], mean / mean.norm(), **EXACT)
            assert template.confidences[t, k] == max(e.confidences[i, k] for i in rows)
            if variances:
                assert template.variances[t, k] == min(e.variances[i, k] for i in rows)
    assert (template.variances is None) != variances


def test_what_cannot_be_compared_gets_a_sentence():
    plain, e = embedding(variances=False), embedding()
    for score in (likelihood_scores, likelihood_tiles, likelihood_pairs):
        with pytest.raises(SalonError, match="no variances; expected fitted ones"):
            score(plain, e)
    with pytest.raises(SalonError, match="K = 6, d = 4 and K = 3, d = 4; expected equal ones"):
        cosine_scores(e, embedding(K=3))
    with pytest.raises(SalonError, match="expected genuine pairs"):
        likelihood_loss(e, torch.arange(5))
    with pytest.raises(SalonError, match=r"groups came as \[3\]; expected \[5\]"):
        fuse(e, torch.zeros(3, dtype=torch.long))


# The variance head


def blobs(people=24, images=6, size=16):
    """Each person a fixed random picture; the second half of the images lies in heavy noise."""
    base = F.interpolate(torch.rand(people, 3, 4, 4), (size, size)).repeat_interleave(images, 0)
    noisy = (torch.arange(people * images) % images >= images // 2).float()
    x = base + torch.randn_like(base) * (0.02 + 0.4 * noisy[:, None, None, None])
    return x.clamp(0, 1), torch.arange(people).repeat_interleave(images), noisy.bool()


@pytest.mark.parametrize("flip", [False, True])
def test_fitting_changes_the_variance_head_alone(flip):
    recogniser = Recogniser(InputSpec(size=16, flip=flip), K=4, d=4, width=0.5)
    x, y, noisy = blobs()
    before = {name: value.clone() for name, value in recogniser.state_dict().items()}
    cold = embed(recogniser, x)
    assert cold.variances is None
    fit_variances(recogniser, x, y, steps=150, floor=False)
    fitted = {name: value.clone() for name, value in recogniser.state_dict().items()}
    changed = {n for n, value in fitted.items() if not torch.equal(value, before[n])}
    assert all(n.startswith("variance_head") or n == "variances_fitted" for n in changed)
    assert all(p.grad is None for n, p in recogniser.named_parameters() if "variance_head" not in n)
    assert all(part.training for part in recogniser.modules())
    recogniser(x).variances.sum().backward()  # later training cannot move the network by way of the variances
    assert all(p.grad is None for p in recogniser.backbone.parameters())
    recogniser.load_state_dict(fitted)
    warm = embed(recogniser, x)
    assert torch.equal(warm.features, cold.features) and torch.equal(warm.confidences, cold.confidences)
    assert warm.variances[noisy].mean() > 1.2 * warm.variances[~noisy].mean()
    constant = Embedding(warm.features, warm.confidences, warm.variances.mean(0).expand_as(warm.variances))
    assert likelihood_loss(warm, y) < likelihood_loss(constant, y)


def test_fitting_is_repeatable_and_needs_two_images_of_a_person():
    x, y, _ = blobs(people=6)
    fitted = []
    for _ in range(2):
        torch.manual_seed(1)
        recogniser = Recogniser(InputSpec(size=16), K=2, d=4, width=0.25).eval()
        fit_variances(recogniser, x, y, steps=5, seed=3)
        assert not any(part.training for part in recogniser.modules())
        fitted.append(embed(recogniser, x).variances)
    assert torch.equal(*fitted)
    torch.manual_seed(1)
    recogniser = Recogniser(InputSpec(size=16), K=2, d=4, width=0.25).eval()
    fit_variances(recogniser, x, y, steps=5)
    assert not torch.equal(embed(recogniser, x).variances, fitted[0])  # other batches, by another seed
    with pytest.raises(SalonError, match="No person has two images"):
        fit_variances(recogniser, x[::6], y[::6], steps=1)


def test_a_batch_has_up_to_four_images_of_up_to_24_people_who_have_two():
    labels = torch.cat([torch.arange(40).repeat_interleave(6), torch.arange(40, 50), torch.tensor([50, 50])])
    labels, seen = labels[torch.randperm(len(labels))], []
    for rows in _genuine_batches(labels, 30, torch.Generator().manual_seed(0)):
        people, counts = labels[rows].unique(return_counts=True)
        assert len(people) == 24 and len(rows.unique()) == len(rows)
        assert all(n == (2 if person == 50 else 4) for person, n in zip(people, counts, strict=True))
        seen.append(rows)
    several = ((labels < 40) | (labels == 50)).nonzero().squeeze(1)
    assert len(seen) == 30 and torch.equal(torch.cat(seen).unique(), several)  # all their images take their turn


@pytest.mark.parametrize("flip", [False, True])
def test_a_trunk_is_seen_once_for_each_view_whatever_the_batch(flip):
    recogniser, x = Recogniser(InputSpec(size=16, flip=flip), K=4, d=4, width=0.5), torch.rand(5, 3, 16, 16)
    (whole, e), (parts, other) = _trunk_features(recogniser, x), _trunk_features(recogniser, x, batch=2)
    near(parts, whole, rtol=0, atol=1e-5)
    near(other.features, e.features, rtol=0, atol=1e-5)
    near(e.features, embed(recogniser, x).features)
    assert whole.shape[:2] == (1 + flip, 5) and not whole.requires_grad and recogniser.training


def test_fitting_again_starts_without_a_floor_and_sets_it_anew():
    """The first sub-embedding looks away: it gets the floor, unless that is not wanted."""
    recogniser = Recogniser(InputSpec(size=16), K=4, d=4, width=0.5)
    x, y, _ = blobs(people=8)
    with torch.no_grad():
        recogniser.embedding_head[1].weight[:4] = 0
        recogniser.embedding_head[1].bias[:4] = 1
    for floor, expected in (({}, 1), ({"floor": False}, 0), ({"floor": True}, 1)):
        fit_variances(recogniser, x, y, steps=2, **floor)
        assert recogniser.variance_head.floor[0] == expected
    assert bool(recogniser.variances_fitted) and (embed(recogniser, x).variances[:, 0] > 1).all()
    with pytest.raises(SalonError, match=r"labels came as \[3\]; expected \[48\]"):
        fit_variances(recogniser, x, y[:3])


def people_of_one_constant(people=12, images=5, K=4, d=8):
    """Genuine images near their person in all sub-embeddings but the first, which is the same for all people.

    The first has variances that vary from image to image, as a head gives them that looks at quality.
    """
    centres = torch.randn(people, 1, K, d, dtype=torch.float64)
    centres[:, :, 0] = centres[0, :, 0]
    noise = 1.3 * torch.randn(people, images, K, d, dtype=torch.float64)
    noise[:, :, 0] *= 0.02
    features = F.normalize((centres + noise).flatten(0, 1), dim=-1)
    variances = torch.full((people * images, K), 0.6 / d, dtype=torch.float64)
    variances[:, 0] = 1e-4 * (6 * torch.rand(people * images)).exp().double()
    return Embedding(features, variances, variances), torch.arange(people).repeat_interleave(images)


def test_floor_is_for_constant_sub_embeddings_alone():
    e, labels = people_of_one_constant()
    assert variance_floor(e, labels).tolist() == [1, 0, 0, 0]
    for alone in (e[:5], embedding(5)):
        with pytest.raises(SalonError, match="All images show one person"):
            variance_floor(alone, torch.zeros(5))


def test_floor_keeps_16_from_trusting_a_constant_sub_embedding():
    """Genuine pairs must outscore impostors; the constant's small variances drown them, with the floor they do not."""
    e, labels = people_of_one_constant()
    floored = Embedding(e.features, e.confidences, e.variances + variance_floor(e, labels))

    def separation(x):
        scores, same = likelihood_scores(x, x), labels[:, None] == labels[None]
        apart = ~torch.eye(x.B, dtype=torch.bool)
        return (scores[same & apart][:, None] > scores[~same][None]).double().mean()

    without = Embedding(*(part[:, 1:] for part in (e.features, e.confidences, e.variances)))
    assert separation(e) < separation(without) - 0.05
    assert separation(floored) > separation(without) - 0.01
