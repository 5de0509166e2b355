"""The losses against the paper's sums, written as loops, and against cases whose answer is known."""

import math

import pytest
import torch
import torch.nn.functional as F

from salon.model.decorrelation import (
    Discriminator,
    adversarial_loss,
    classification_loss,
    discriminator_loss,
    variation_masks,
)
from salon.model.embedding import Embedding
from salon.model.losses import (
    ConfidenceLoss,
    CosFace,
    confidence_regulariser,
    identification_logits,
    margin_loss,
)
from salon.words import SalonError

B, K, D, N, M = 5, 4, 3, 6, 3
EXACT = {"rtol": 1e-9, "atol": 1e-12}  # float64: only the order of the sums differs; atol for sums that are zero


def embedding(dtype=torch.float64, K=K, requires_grad=False):
    features = F.normalize(torch.randn(B, K, D, dtype=dtype), dim=-1)
    confidences = 1 + 30 * torch.rand(B, K, dtype=dtype)
    return Embedding(features.requires_grad_(requires_grad), confidences.requires_grad_(requires_grad))


def prototypes(K=K):
    return F.normalize(torch.randn(N, K, D, dtype=torch.float64), dim=-1)


def labels():
    return torch.randint(N, (B,))


def slow_logits(e, w):
    """(9), number by number."""
    a = torch.zeros(e.B, len(w), dtype=torch.float64)
    for i in range(e.B):
        for j in range(len(w)):
            a[i, j] = sum(e.confidences[i, k] * w[j, k].dot(e.features[i, k]) for k in range(e.K)) / e.K
    return a


def slow_margin_loss(a, y, m):
    """(8), as it is printed."""
    losses = []
    for row, target in zip(a.tolist(), y.tolist(), strict=True):
        e = [math.exp(x - m * (j == target)) for j, x in enumerate(row)]
        losses.append(-math.log(e[target] / sum(e)))
    return torch.tensor(losses, dtype=torch.float64)


def test_logits_are_the_sum_of_9():
    e, w = embedding(), prototypes()
    torch.testing.assert_close(identification_logits(e, w), slow_logits(e, w), **EXACT)


def test_prototypes_may_have_any_length():
    e, w = embedding(), prototypes()
    longer = w * torch.rand(N, K, 1, dtype=torch.float64).add(0.1)
    torch.testing.assert_close(identification_logits(e, longer), identification_logits(e, w), **EXACT)


@pytest.mark.parametrize("margin", [0.0, 8.0, 30.0])
def test_margin_loss_is_8(margin):
    a, y = slow_logits(embedding(), prototypes()), labels()
    torch.testing.assert_close(margin_loss(a, y, margin), slow_margin_loss(a, y, margin), **EXACT)


def test_no_margin_is_cross_entropy():
    a, y = 20 * torch.randn(B, N, dtype=torch.float64), labels()
    torch.testing.assert_close(margin_loss(a, y, 0.0), F.cross_entropy(a, y, reduction="none"), **EXACT)


def test_without_confidence_the_loss_is_that_of_guessing_against_the_margin():
    """At s = 0 every logit is 0 and the loss log(1 + (N - 1) e^m)."""
    loss = margin_loss(torch.zeros(1, 76_500, dtype=torch.float64), torch.tensor([3]), 30.0)
    assert loss.item() == pytest.approx(math.log1p(76_499 * math.exp(30)), abs=1e-9)


def test_constant_confidence_is_cosface():
    """One sub-embedding with s = 20 and m = 20 * 0.35 has CosFace's loss, as its paper prints it."""
    e, y = embedding(K=1), labels()
    cosface = CosFace(N, 1, D, scale=20.0, margin=0.35).double()
    cosine = e.flat @ F.normalize(cosface.prototypes.flatten(1), dim=1).T  # [B, N]
    printed = 20 * (cosine - 0.35 * F.one_hot(y, N).double())
    expected = F.cross_entropy(printed, y, reduction="none")
    torch.testing.assert_close(cosface(e, y)["identification"], expected, **EXACT)

    ours = ConfidenceLoss(N, 1, D, margin=20 * 0.35).double()
    ours.load_state_dict(cosface.state_dict())
    constant = Embedding(e.features, torch.full_like(e.confidences, 20.0))
    torch.testing.assert_close(ours(constant, y)["identification"], expected, **EXACT)


def test_cosface_ignores_the_confidences():
    e, y, criterion = embedding(), labels(), CosFace(N, K, D).double()
    other = Embedding(e.features, e.confidences * 3)
    assert torch.equal(criterion(e, y)["identification"], criterion(other, y)["identification"])


def test_regulariser_is_10_and_comes_weighted():
    e, y = embedding(), labels()
    slow = torch.stack([sum(s * s for s in row) / K for row in e.confidences])
    torch.testing.assert_close(confidence_regulariser(e.confidences), slow, **EXACT)
    terms = ConfidenceLoss(N, K, D, regularise=0.01).double()(e, y)
    torch.testing.assert_close(terms["regulariser"], 0.01 * slow, **EXACT)


def test_gradients_are_those_of_the_fact_sheet():
    """For s, w and f, before a step is projected on the sphere; P is the softmax with the margin in it."""
    e, w, y, m = embedding(requires_grad=True), prototypes().requires_grad_(), labels(), 5.0
    margin_loss(identification_logits(e, w), y, m).sum().backward()
    f, s, w0 = e.features.detach(), e.confidences.detach(), w.detach()
    P = (slow_logits(e.detach(), w0) - m * F.one_hot(y, N)).softmax(1)  # [B, N]
    error = P - F.one_hot(y, N)  # [B, N]
    cosine = torch.einsum("nkd,bkd->bnk", w0, f)
    torch.testing.assert_close(e.confidences.grad, torch.einsum("bn,bnk->bk", error, cosine) / K, **EXACT)
    torch.testing.assert_close(
        e.features.grad, s[..., None] / K * torch.einsum("bn,nkd->bkd", error, w0), **EXACT
    )
    free = torch.einsum("bn,bk,bkd->nkd", error, s, f) / K
    tangent = free - (free * w0).sum(-1, keepdim=True) * w0  # normalising inside removes the radial part
    torch.testing.assert_close(w.grad, tangent, **EXACT)


def test_half_precision_is_summed_in_float32():
    """Also within autocast, which would run the matrix product in bfloat16."""
    e, y, criterion = embedding(torch.float32), labels(), ConfidenceLoss(N, K, D)
    expected = criterion(e, y)["identification"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(criterion(e, y)["identification"], expected)
    half = Embedding(e.features.bfloat16(), e.confidences.bfloat16())
    assert identification_logits(half, criterion.prototypes).dtype == torch.float32


def test_wrong_labels_and_prototypes_get_a_sentence():
    e = embedding()
    with pytest.raises(SalonError, match=r"reach from 0 to 6; expected 0 to 5"):
        margin_loss(torch.zeros(2, N), torch.tensor([0, N]), 1.0)
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
    discriminator, e, masks, u = decorrelation_case()
    L_C, L_cls, L_adv = (torch.zeros(B, dtype=torch.float64) for _ in range(3))
    for i in range(B):
        for t in range(M):
            p = slow_probability(discriminator, e, masks, i, t)
            for other in range(M):
                surprise = -torch.log(p[other] if u[i, other] == 1 else 1 - p[other])
                L_C[i] += surprise
                if other == t:
                    L_cls[i] += surprise
                else:
                    L_adv[i] -= 0.5 * torch.log(1 - p[other]) + 0.5 * torch.log(p[other])
    torch.testing.assert_close(discriminator_loss(discriminator, e, masks, u), L_C, **EXACT)
    torch.testing.assert_close(classification_loss(discriminator, e, masks, u), L_cls, **EXACT)
    torch.testing.assert_close(adversarial_loss(discriminator, e, masks), L_adv, **EXACT)


def test_adversarial_loss_is_least_where_nothing_can_be_told():
    """log 2 for each of the M (M - 1) terms at p = 1/2, more everywhere else."""
    discriminator, e, masks, _ = decorrelation_case()
    least = M * (M - 1) * math.log(2)
    assert (adversarial_loss(discriminator, e, masks) > least).all()
    for parameter in discriminator.parameters():
        torch.nn.init.zeros_(parameter)
    expected = torch.full((B,), least, dtype=torch.float64)
    torch.testing.assert_close(adversarial_loss(discriminator, e, masks), expected, **EXACT)


def test_hiding_in_the_rest_pits_each_half_against_the_other():
    """Our variant of (11) and (13): C tells t from V_t and from all that is not in V_t; the latter is to hide t."""
    discriminator, e, masks, u = decorrelation_case()
    L_C, L_adv = torch.zeros(B, dtype=torch.float64), torch.zeros(B, dtype=torch.float64)
    for i in range(B):
        for t in range(M):
            own, rest = (slow_probability(discriminator, e, half, i, t)[t] for half in (masks, ~masks))
            L_C[i] -= sum(torch.log(p if u[i, t] == 1 else 1 - p) for p in (own, rest))
            L_adv[i] -= 0.5 * torch.log(rest) + 0.5 * torch.log(1 - rest)
    torch.testing.assert_close(discriminator_loss(discriminator, e, masks, u, "rest"), L_C, **EXACT)
    torch.testing.assert_close(adversarial_loss(discriminator, e, masks, "rest"), L_adv, **EXACT)
    with pytest.raises(SalonError, match="others"):
        adversarial_loss(discriminator, e, masks, "everything")


def test_each_side_of_the_game_gets_gradients_of_its_own_loss_only():
    discriminator, e, masks, u = decorrelation_case()
    e = embedding(requires_grad=True)
    discriminator_loss(discriminator, e, masks, u).sum().backward()
    assert e.features.grad is None and discriminator.linear.weight.grad.abs().sum() > 0
    discriminator.zero_grad()
    network = classification_loss(discriminator, e, masks, u) + adversarial_loss(discriminator, e, masks)
    network.sum().backward()
    assert e.features.grad.abs().sum() > 0 and e.confidences.grad is None
    assert all(p.grad is None for p in discriminator.parameters())


def test_wrong_masks_and_variations_get_a_sentence():
    discriminator, e, masks, u = decorrelation_case()
    with pytest.raises(SalonError, match=r"masks came as \[4, 3\]; expected \[V, 4\]"):
        discriminator(e.features, masks.T)
    with pytest.raises(SalonError, match=r"labels came as \[5\]; expected \[5, 3\]"):
        classification_loss(discriminator, e, masks, u[:, 0])
