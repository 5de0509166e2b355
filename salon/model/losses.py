"""The identification losses: CosFace, the paper's with a confidence for each image, (1) to (10), and the total (14)."""

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from salon.model.embedding import Embedding, at_least_float32, expect_shape
from salon.words import SalonError


def class_log_likelihood(embedding: Embedding, prototypes: Tensor) -> Tensor:
    """log p(x_i | y = j) of normal distributions around each image's features, (1) and (2), with σ² = 1/s.

        1/K Σ_k [ d/2 log(s_i^(k) / 2π) - s_i^(k)/2 ‖f_i^(k) - w_j^(k)‖² ]

    With K = 1 it is the paper's; the mean over sub-embeddings is what leads to (9). `prototypes` [N, K, d]
    are normalised here. Returns [B, N], in nats.
    """
    s = at_least_float32(embedding.confidences)
    constant = (embedding.d / 2 * (s / (2 * math.pi)).log() - s).mean(1, keepdim=True)  # ‖f - w‖² = 2 - 2 f·w
    return constant + identification_logits(embedding, prototypes)


def posterior(embedding: Embedding, prototypes: Tensor) -> Tensor:
    """p(y = j | x_i) if all identities are equally likely beforehand, (3) to (5); [B, N], rows add up to 1.

    exp(a_ij) / Σ_c exp(a_ic),   a_ij as in (9)
    """
    return identification_logits(embedding, prototypes).softmax(1)


def identification_logits(embedding: Embedding, prototypes: Tensor) -> Tensor:
    """Logits a_ij of every image against every identity, (9), as one matrix product.

        a_ij = 1/K Σ_k s_i^(k) w_j^(k)ᵀ f_i^(k)

    `prototypes` [N, K, d] need no unit length: each sub-prototype is normalised here. Returns [B, N].
    """
    expect_shape("prototypes", prototypes, ("N", embedding.K, embedding.d))
    with torch.autocast(prototypes.device.type, enabled=False):  # half precision would blur the classes
        w = unit_prototypes(prototypes)
        weights = at_least_float32(embedding.confidences) / embedding.K  # [B, K]
        weighted = weights[..., None] * at_least_float32(embedding.features)  # [B, K, d]
        return weighted.flatten(1) @ w.flatten(1).T  # [B, N]


def margin_loss(logits: Tensor, labels: Tensor, margin: float) -> Tensor:
    """-log of the softmax of the target after its logit lost `margin`, (8); returns [B], in nats.

    `logits` [B, N], `labels` [B] in 0..N-1. With one sub-embedding it is (6), with margin 0 cross-entropy.
    Raises `SalonError` for a label that is no identity.
    """
    expect_shape("labels", labels, (logits.shape[0],))
    if labels.numel() and not 0 <= int(labels.min()) <= int(labels.max()) < logits.shape[1]:
        raise SalonError(
            f"The labels reach from {int(labels.min())} to {int(labels.max())}; expected 0 to "
            f"{logits.shape[1] - 1}. Number the identities from 0 without gaps."
        )
    logits = at_least_float32(logits)
    target = logits.gather(1, labels[:, None]) - margin  # [B, 1]
    shifted = logits.scatter(1, labels[:, None], target)  # [B, N], a new tensor
    return shifted.logsumexp(1) - target.squeeze(1)


def confidence_regulariser(confidences: Tensor) -> Tensor:
    """1/K Σ_k (s^(k))², (10): keeps confidences from growing without bound; [B, K] -> [B]."""
    return at_least_float32(confidences).square().mean(1)


def total_loss(terms: Mapping[str, Tensor]) -> Tensor:
    """L (14): the mean over the batch of the sum of all terms, each [B] and already weighted; a scalar.

    Raises `SalonError` that names each term which is not finite and the images of the batch that have it.
    """
    broken = {name: (~torch.isfinite(term)).nonzero().flatten().tolist() for name, term in terms.items()}
    faults = [f"{name} (images {rows[:8]} of the batch)" for name, rows in broken.items() if rows]
    if faults:
        raise SalonError(
            f"Not finite: {', '.join(faults)}; expected finite losses. Look at these images for NaN, or lower the "
            "learning rate."
        )
    return torch.stack([term.mean() for term in terms.values()]).sum()


def unit_prototypes(prototypes: Tensor) -> Tensor:
    """Prototypes [N, K, d] with each sub-prototype brought to length 1, in at least float32."""
    w = at_least_float32(prototypes)  # faster than F.normalize, most of all backward
    return w * w.square().sum(-1, keepdim=True).clamp_min(1e-24).rsqrt()


def new_prototypes(identities: int, K: int, d: int) -> nn.Parameter:
    """Random directions to start from, [N, K, d], each of length 1."""
    return nn.Parameter(F.normalize(torch.randn(identities, K, d), dim=-1))


class CosFace(nn.Module):
    """CosFace, the baseline: one `scale` for all images, and `margin` in units of the cosine.

    The cosine is the mean over sub-embeddings, so that it equals (8) with s = scale and m = scale * margin.
    """

    def __init__(self, identities: int, K: int, d: int, scale: float = 20.0, margin: float = 0.35) -> None:
        super().__init__()
        self.scale, self.margin = scale, margin
        self.prototypes = new_prototypes(identities, K, d)

    def forward(self, embedding: Embedding, labels: Tensor) -> dict[str, Tensor]:
        """Losses per image, {"identification": [B]}; the embedding's own confidences play no part."""
        fixed = replace(embedding, confidences=torch.full_like(embedding.confidences, self.scale))
        logits = identification_logits(fixed, self.prototypes)  # [B, N]
        return {"identification": margin_loss(logits, labels, self.scale * self.margin)}


class ConfidenceLoss(nn.Module):
    """The paper's confidence-aware identification loss, L_idt (8) and λ L_reg (10).

    `margin` is in units of the logit (the paper: 30, at confidences near 64), `regularise` is λ_reg.
    """

    def __init__(self, identities: int, K: int, d: int, margin: float = 8.0, regularise: float = 0.002) -> None:
        super().__init__()
        self.margin, self.regularise = margin, regularise
        self.prototypes = new_prototypes(identities, K, d)

    def forward(self, embedding: Embedding, labels: Tensor) -> dict[str, Tensor]:
        """Losses per image, {"identification": [B], "regulariser": [B]}, already weighted: add them up."""
        logits = identification_logits(embedding, self.prototypes)  # [B, N]
        return {
            "identification": margin_loss(logits, labels, self.margin),
            "regulariser": self.regularise * confidence_regulariser(embedding.confidences),
        }


def memory_estimate(B: int, N: int, D: int, bytes: int = 4) -> int:
    """Bytes that the class layer of N identities takes in training: 3·|W| + 2·|logits|, activations aside.

    W [N, D] comes with its gradient and the optimiser's momentum, the logits [B, N] with their gradient;
    `bytes` of one number: 4 in float32.
    """
    return bytes * (3 * N * D + 2 * B * N)
