"""Variation decorrelation (section 3.3): each variation gets half of the sub-embeddings, (11) to (13)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from salon.model.embedding import Embedding, at_least_float32, expect_shape
from salon.model.losses import unit_prototypes
from salon.words import SalonError

CONSTANT = 0.7  # a mean cosine of different people above this: the sub-embedding hardly tells anybody apart


def variation_masks(M: int, K: int, generator: torch.Generator | None = None) -> Tensor:
    """The sets V_1 … V_M: K/2 of K sub-embeddings each, drawn once, no two alike; bool [M, K].

    Raises `SalonError` if K is odd or has fewer than M halves.
    """
    if K % 2 or math.comb(K, K // 2) < M:
        raise SalonError(
            f"{M} different halves of {K} sub-embeddings do not exist; expected an even K with at least "
            f"{M} halves. Use a larger even K."
        )
    halves: dict[tuple[int, ...], None] = {}  # keeps the order of the draw
    while len(halves) < M:
        halves[tuple(sorted(torch.randperm(K, generator=generator)[: K // 2].tolist()))] = None
    rows = torch.tensor(list(halves)).reshape(M, K // 2)
    return torch.zeros(M, K, dtype=torch.bool).scatter(1, rows, True)


class Discriminator(nn.Module):
    """C: a linear guess, from each masked embedding V_t(f), at all M variations of the image."""

    def __init__(self, K: int, d: int, M: int) -> None:
        super().__init__()
        self.linear = nn.Linear(K * d, M)

    def forward(self, features: Tensor, masks: Tensor, frozen: bool = False) -> Tensor:
        """Logits [B, V, M]: at [i, t, t'] how sure C is that image i has variation t', seeing V_t(f_i) only.

        `features` [B, K, d], `masks` bool [V, K]; `frozen` keeps gradients from C's own parameters.
        """
        expect_shape("masks", masks, ("V", features.shape[1]))
        masked = features[:, None] * masks[None, :, :, None].to(features)  # [B, V, K, d]
        weight, bias = (p.detach() if frozen else p for p in (self.linear.weight, self.linear.bias))
        return F.linear(masked.flatten(2), weight, bias)  # [B, V, M]


def _surprise(logits: Tensor, targets: Tensor) -> Tensor:
    """-log p(u = target); a target of 1/2 is half of each answer; shape of `logits`, in nats."""
    logits = at_least_float32(logits)
    return F.binary_cross_entropy_with_logits(logits, targets.to(logits).expand_as(logits), reduction="none")


def discriminator_loss(
    discriminator: Discriminator, embedding: Embedding, masks: Tensor, labels: Tensor, hide: str = "others"
) -> Tensor:
    """L_C (11), for C alone: from every V_t(f) guess every variation; the embedding gets no gradient.

    `labels` [B, M] in 0..1 say which variations an image has. Returns [B], a sum of M² terms; where the
    adversary is to `hide` in the rest, 2 M: t from V_t(f), and t from all that is not in V_t.
    """
    expect_shape("labels", labels, (embedding.B, masks.shape[0]))
    features = embedding.features.detach()
    if hide == "rest":
        own, rest = (discriminator(features, half).diagonal(dim1=1, dim2=2) for half in (masks, ~masks))
        return _surprise(own, labels).sum(1) + _surprise(rest, labels).sum(1)
    logits = discriminator(features, masks)  # [B, t, t']
    return _surprise(logits, labels[:, None]).sum((1, 2))


def classification_loss(discriminator: Discriminator, embedding: Embedding, masks: Tensor, labels: Tensor) -> Tensor:
    """L_cls (12), for the network alone: V_t(f) is to reveal its own variation t; returns [B]."""
    expect_shape("labels", labels, (embedding.B, masks.shape[0]))
    logits = discriminator(embedding.features, masks, frozen=True)
    return _surprise(logits.diagonal(dim1=1, dim2=2), labels).sum(1)


def adversarial_loss(discriminator: Discriminator, embedding: Embedding, masks: Tensor, hide: str = "others") -> Tensor:
    """L_adv (13), for the network alone: V_t(f) is to tell nothing (50 : 50) of the others; returns [B].

    Each of the M (M - 1) terms is at least log 2. A network can also get there by making sub-embeddings
    constant, which costs identity: watch `impostor_cosine`. Under (13) a sub-embedding of two halves is told
    to show and to hide. To `hide` in the "rest" is our variant without that: what is not in V_t tells nothing
    of t (M terms).
    """
    if hide not in ("others", "rest"):
        raise SalonError(f"hide = {hide!r} came; expected 'others', which is (13), or 'rest'.")
    if hide == "rest":
        logits = discriminator(embedding.features, ~masks, frozen=True).diagonal(dim1=1, dim2=2)
        return _surprise(logits, torch.tensor(0.5)).sum(1)
    logits = discriminator(embedding.features, masks, frozen=True)
    others = ~torch.eye(len(masks), dtype=torch.bool, device=logits.device)
    return _surprise(logits, torch.tensor(0.5))[:, others].sum(1)


def impostor_cosine(embedding: Embedding, labels: Tensor) -> Tensor:
    """Mean cosine of different people's images in each sub-embedding [K]; near 1 it has become constant.

    Over all pairs at once: (‖Σ_i f_i‖² - Σ_y ‖Σ_{i of y} f_i‖²) / pairs. NaN where `labels` [B] name one person only.
    """
    expect_shape("labels", labels, (embedding.B,))
    rows = labels.unique(return_inverse=True)[1]
    f, counts = at_least_float32(embedding.features), rows.bincount()
    people = f.new_zeros(len(counts), *f.shape[1:]).index_add(0, rows, f)  # [people, K, d]
    pairs = embedding.B**2 - counts.square().sum()
    return torch.where(pairs > 0, (f.sum(0).square().sum(-1) - people.square().sum((0, 2))) / pairs, math.nan)


def sub_embedding_correlation(embedding: Embedding, prototypes: Tensor, labels: Tensor) -> float:
    """How alike the sub-embeddings err: the mean Pearson correlation, between two of them, of 1 - w_y^(k)·f^(k).

    Correlation by the distance to the class centre is how we recall the paper's (0.57 of 16 before decorrelation).
    """
    expect_shape("labels", labels, (embedding.B,))
    w = unit_prototypes(prototypes)[labels]  # [B, K, d]
    distance = 1 - (w * at_least_float32(embedding.features)).sum(-1)  # [B, K]
    off = ~torch.eye(embedding.K, dtype=torch.bool, device=distance.device)
    return float(torch.corrcoef(distance.T)[off].mean())
