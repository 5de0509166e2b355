"""Mined variations (section 3.4): an attribute model that is to know nothing of who is on the picture, (15)."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call

from salon.model.embedding import InputSpec, at_least_float32, expect_shape
from salon.model.network import trunk_for

SLOPE = 2.0  # of the tanh over outputs of deviation 1: steep enough for two separate answers, not too steep to learn
NEARLY_1 = 1 - 1e-6  # tanh of 7.3, close to what float32 can tell from 1


class AttributeModel(nn.Module):
    """θ_A: an image becomes T bounded features h, one for each attribute, from which the attribute's logit is read.

    So few numbers, each pressed towards -1 or 1, can carry an attribute and little else. Each logit is read from its
    own feature: where all are read from all, easy attributes take the features of hard ones.
    """

    def __init__(self, names: Sequence[str], spec: InputSpec | None = None, width: float = 0.5) -> None:
        super().__init__()
        self.spec, self.names, T = spec or InputSpec(), tuple(names), len(names)
        self.config = {"names": list(names), "width": width}  # AttributeModel(spec=spec, **config)
        self.backbone, inputs = trunk_for(self.spec, width=width)
        self.head = nn.Sequential(nn.Linear(inputs, T), nn.BatchNorm1d(T, affine=False))
        self.scale, self.bias = nn.Parameter(torch.full((T,), 4.0)), nn.Parameter(torch.zeros(T))

    def trunk(self, images: Tensor) -> Tensor:
        """Backbone features [B, C], before all but T numbers are thrown away, of images [B, 1 or 3, H, W] in 0..1."""
        x = self.spec.prepare(images).to(self.scale)  # to the network's device and precision
        return self.backbone(x.contiguous(memory_format=torch.channels_last))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Features h [B, T] and logits [B, T] of images [B, 1 or 3, H, W] in 0..1."""
        h = torch.tanh(SLOPE * at_least_float32(self.head(self.trunk(images))))
        return h, self.scale * h + self.bias


class IdentityDiscriminator(nn.Module):
    """D_A: guesses from the attribute features h [B, H] which of N identities it sees."""

    def __init__(self, H: int, N: int, hidden: int = 128) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(H, hidden), nn.ReLU(), nn.Linear(hidden, N))

    def forward(self, h: Tensor, frozen: bool = False) -> Tensor:
        """Identity logits [B, N]; `frozen` keeps gradients from D_A's own parameters."""
        own = {name: p.detach() if frozen else p for name, p in self.layers.named_parameters()}
        return functional_call(self.layers, own, (torch.atanh(h.clamp(-NEARLY_1, NEARLY_1)),))


def attribute_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """-log p(l_A | x), the first term of L_θA (15): summed over T binary attributes; returns [B], in nats.

    `logits` [B, T]; `labels` [B, T] in 0..1, of which 1/2 is half of each answer. Raises `SalonError` for other shapes.
    """
    expect_shape("logits", logits, ("B", "T"))
    expect_shape("labels", labels, logits.shape)
    logits = at_least_float32(logits)
    return F.binary_cross_entropy_with_logits(logits, labels.to(logits), reduction="none").sum(1)


def identity_confusion_loss(identity_logits: Tensor) -> Tensor:
    """-1/N Σ_c log p(y = c | x), the second term of L_θA (15), for θ_A alone; [B, N] -> [B], in nats.

    At least log N, where D_A holds all N identities for equally likely. Raises `SalonError` for another shape.
    """
    expect_shape("identity_logits", identity_logits, ("B", "N"))
    return -at_least_float32(identity_logits).log_softmax(1).mean(1)


def identity_loss(identity_logits: Tensor, identities: Tensor) -> Tensor:
    """L_DA = -log p(y = y_x | x) (15), for D_A alone: hand it the logits of `h.detach()`; returns [B], in nats.

    `identity_logits` [B, N], `identities` [B] in 0..N-1. Raises `SalonError` for another shape.
    """
    expect_shape("identity_logits", identity_logits, ("B", "N"))
    expect_shape("identities", identities, identity_logits.shape[:1])
    return F.cross_entropy(at_least_float32(identity_logits), identities, reduction="none")
