"""The losses against the paper's sums, written as loops, and against cases whose answer is known."""

import math

import pytest
import torch
import torch.nn.functional as F
from slow import EXACT, embedding, slow_logits, slow_margin_loss, unit
from torch import Tensor

from salon.model.decorrelation import (
    Discriminator,
    adversarial_loss,
    classification_loss,
    discriminator_loss,
    impostor_cosine,
    variation_masks,
)
from salon.model.embedding import Embedding
from salon.model.losses import (
    ConfidenceLoss,
    CosFace,
    confidence_regulariser,
    identification_logits,
    margin_loss,
    new_prototypes,
    unit_prototypes,
)
from salon.words import SalonError

B, K, D, N, M = 5, 4, 3, 6, 3
near = torch.testing.assert_close


def prototypes():
    return unit(N, K, D)


def labels():
    return torch.randint(N, (B,))


def test_logits_are_the_sum_of_9_with_prototypes_of_any_length():
    e, w = embedding(), prototypes()
    longer = w * torch.rand(N, K, 1, dtype=torch.float64).add(0.1)
    near(identification_logits(e, longer), slow_logits(e, w), **EXACT)


@pytest.mark.parametrize("margin", [0.0, 8.0, 30.0])
def test_margin_loss_is_8(margin):
    """Without a margin that is cross-entropy."""
    a, y = slow_logits(embedding(), prototypes()), labels()
    near(margin_loss(a, y, margin), slow_margin_loss(a, y, margin), **EXACT)


def test_constant_confidence_is_cosface():
    """With s = 20 and m = 20 * 0.35 it is the loss that CosFace's paper prints; of confidences that knows nothing."""
    e, y = embedding(K=1), labels()
    cosface = CosFace(N, 1, D, scale=20.0, margin=0.35).double()
    cosine = e.flat @ F.normalize(cosface.prototypes.flatten(1), dim=1).T  # [B, N]
    printed = 20 * (cosine - 0.35 * F.one_hot(y, N).double())
    expected = F.cross_entropy(printed, y, reduction="none")
    near(cosface(e, y)["identification"], expected, **EXACT)

    ours = ConfidenceLoss(N, 1, D, margin=20 * 0.35).double()
    ours.load_state_dict(cosface.state_dict())
    constant = Embedding(e.features, torch.full_like(e.confidences, 20.0))
    near(ours(constant, y)["identification"], expected, **EXACT)


def test_prototypes_start_in_all_directions_with_length_1():
    w = new_prototypes(200, K, D)
    assert w.requires_grad and w.shape == (200, K, D)
    near(w.norm(dim=-1), torch.ones(200, K))
    assert w.mean(0).norm(dim=-1).max() < 0.25  # 1/√200 = 0.07 expected
    assert unit_prototypes(torch.zeros(N, K, D)).abs().max() == 0  # no direction, and no NaN


def test_the_losses_start_from_their_stated_settings():
    e, y = embedding(), labels()
    settings = {CosFace: {"scale": 20.0, "margin": 0.35}, ConfidenceLoss: {"margin": 8.0, "regularise": 0.002}}
    for kind, stated in settings.items():
        default, named = kind(N, K, D).double(), kind(N, K, D, **stated).double()
        named.load_state_dict(default.state_dict())
        for one, other in zip(default(e, y).values(), named(e, y).values(), strict=True):
            assert torch.equal(one, other)


def test_regulariser_is_10_and_comes_weighted():
    e, y = embedding(), labels()
    slow = torch.stack([sum(s * s for s in row) / K for row in e.confidences])
    near(confidence_regulariser(e.confidences), slow, **EXACT)
    terms = ConfidenceLoss(N, K, D, regularise=0.01).double()(e, y)
    near(terms["regulariser"], 0.01 * slow, **EXACT)


def test_gradients_are_those_of_the_fact_sheet():
    """For s, w and f, before a step is projected on the sphere; P is the softmax with the margin in it."""
    e, w, y, m = embedding(variances=False).map(Tensor.requires_grad_), prototypes().requires_grad_(), labels(), 5.0
    margin_loss(identification_logits(e, w), y, m).sum().backward()
    f, s, w0 = e.features.detach(), e.confidences.detach(), w.detach()
    P = (slow_logits(e.detach(), w0) - m * F.one_hot(y, N)).softmax(1)  # [B, N]
    error = P - F.one_hot(y, N)  # [B, N]
    cosine = torch.einsum("nkd,bkd->bnk", w0, f)
    near(e.confidences.grad, torch.einsum("bn,bnk->bk", error, cosine) / K, **EXACT)
    near(e.features.grad, s[..., None] / K * torch.einsum("bn,nkd->bkd", error, w0), **EXACT)
    free = torch.einsum("bn,bk,bkd->nkd", error, s, f) / K
    tangent = free - (free * w0).sum(-1, keepdim=True) * w0  # normalising inside removes the radial part
    near(w.grad, tangent, **EXACT)


def test_half_precision_is_summed_in_float32():
    """Also within autocast, which would run the matrix product in bfloat16."""
    e, y, criterion = embedding(dtype=torch.float32), labels(), ConfidenceLoss(N, K, D)
    expected = criterion(e, y)["identification"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(criterion(e, y)["identification"], expected)
    half = Embedding(e.features.bfloat16(), e.confidences.bfloat16())
    assert identification_logits(half, criterion.prototypes).dtype == torch.float32


def test_wrong_labels_and_prototypes_get_a_sentence():
    e = embedding()
    with pytest.raises(SalonError, match=r"reach from 0 to 6; expected 0 to 5"):
        margin_loss(torch.zeros(2, N), torch.tensor([0, N]), 1.0)
    with pytest.raises(SalonError, match=r"reach from -1 to 0; expected 0 to 5"):
        margin_loss(torch.zeros(2, N), torch.tensor([0, -1]), 1.0)
    assert margin_loss(torch.zeros(0, N), torch.zeros(0, dtype=torch.long), 1.0).shape == (0,)
    with pytest.raises(SalonError, match=r"labels came as \[3\]; expected \[2\]"):
        margin_loss(torch.zeros(2, N), torch.zeros(3, dtype=torch.long), 1.0)
    with pytest.raises(SalonError, match=r"prototypes came as \[6, 12\]; expected \[N, 4, 3\]"):
        identification_logits(e, prototypes().flatten(1))


# Decorrelation


@pytest.mark.parametrize(("m", "k"), [(3, 8), (3, 16), (6, 4), (2, 2)])
def test_masks_are_different_halves(m, k):
    masks = variation_masks(m, k, torch.Generator().manual_seed(7))
    assert masks.dtype == torch.bool and masks.shape == (m, k)
    assert (masks.sum(1) == k // 2).all()
    assert len(masks.unique(dim=0)) == m
    assert torch.equal(masks, variation_masks(m, k, torch.Generator().manual_seed(7)))


@pytest.mark.parametrize(("m", "k"), [(3, 7), (3, 2), (7, 4)])
def test_masks_that_cannot_be_get_a_sentence(m, k):
    with pytest.raises(SalonError, match=f"{m} different halves of {k} sub-embeddings do not exist"):
        variation_masks(m, k)


def decorrelation_case():
    e, masks = embedding(), variation_masks(M, K)
    return Discriminator(K, D, M).double(), e, masks, torch.randint(2, (B, M)).double()


def slow_probability(discriminator, e, masks, i, t):
    """p_C(u^(t') = 1 | V_t(f_i)) for all t', from the definition of the mask."""
    seen = torch.cat([e.features[i, k] if masks[t, k] else torch.zeros(D).double() for k in range(K)])
    return torch.sigmoid(discriminator.linear.weight @ seen + discriminator.linear.bias)


def test_decorrelation_losses_are_the_sums_of_11_to_13():
    """And of our variant: C tells t from V_t and from all that is not in V_t; the latter is to hide t."""
    discriminator, e, masks, u = decorrelation_case()
    L_C, L_cls, L_adv, C_rest, adv_rest = (torch.zeros(B, dtype=torch.float64) for _ in range(5))
    for i in range(B):
        for t in range(M):
            p, rest = (slow_probability(discriminator, e, half, i, t) for half in (masks, ~masks))
            for other in range(M):
                surprise = -torch.log(p[other] if u[i, other] == 1 else 1 - p[other])
                L_C[i] += surprise
                if other == t:
                    L_cls[i] += surprise
                else:
                    L_adv[i] -= 0.5 * torch.log(1 - p[other]) + 0.5 * torch.log(p[other])
            C_rest[i] -= sum(torch.log(x[t] if u[i, t] == 1 else 1 - x[t]) for x in (p, rest))
            adv_rest[i] -= 0.5 * torch.log(rest[t]) + 0.5 * torch.log(1 - rest[t])
    near(discriminator_loss(discriminator, e, masks, u), L_C, **EXACT)
    near(classification_loss(discriminator, e, masks, u), L_cls, **EXACT)
    near(adversarial_loss(discriminator, e, masks), L_adv, **EXACT)
    near(discriminator_loss(discriminator, e, masks, u, "rest"), C_rest, **EXACT)
    near(adversarial_loss(discriminator, e, masks, "rest"), adv_rest, **EXACT)
    with pytest.raises(SalonError, match="others"):
        adversarial_loss(discriminator, e, masks, "everything")


def test_adversarial_loss_is_least_where_nothing_can_be_told():
    """log 2 for each of the M (M - 1) terms at p = 1/2, more everywhere else."""
    discriminator, e, masks, _ = decorrelation_case()
    least = M * (M - 1) * math.log(2)
    assert (adversarial_loss(discriminator, e, masks) > least).all()
    for parameter in discriminator.parameters():
        torch.nn.init.zeros_(parameter)
    expected = torch.full((B,), least, dtype=torch.float64)
    near(adversarial_loss(discriminator, e, masks), expected, **EXACT)


def test_wrong_masks_and_variations_get_a_sentence():
    discriminator, e, masks, u = decorrelation_case()
    with pytest.raises(SalonError, match=r"masks came as \[4, 3\]; expected \[V, 4\]"):
        discriminator(e.features, masks.T)
    with pytest.raises(SalonError, match=r"labels came as \[5\]; expected \[5, 3\]"):
        classification_loss(discriminator, e, masks, u[:, 0])


def test_impostor_cosine_is_the_mean_of_a_loop():
    """NaN where there is nobody else; any numbers may name people."""
    e, people = embedding(7), torch.tensor([3, 9, 3, -1, 9, 9, 3])
    pairs = [(i, j) for i in range(7) for j in range(7) if people[i] != people[j]]
    slow = sum((e.features[i] * e.features[j]).sum(-1) for i, j in pairs) / len(pairs)
    near(impostor_cosine(e, people), slow, **EXACT)
    assert impostor_cosine(e, torch.ones(7)).isnan().all()
    with pytest.raises(SalonError, match=r"labels came as \[6\]; expected \[7\]"):
        impostor_cosine(e, people[:6])


def test_half_precision_is_judged_in_float32():
    discriminator, e, masks, u = decorrelation_case()
    half, judge = Embedding(e.features.bfloat16(), e.confidences), discriminator.bfloat16()
    assert classification_loss(judge, half, masks, u).dtype == torch.float32
    assert impostor_cosine(half, torch.arange(B)).dtype == torch.float32
