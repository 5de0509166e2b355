"""From pixels to an embedding: backbone, embedding head, confidence head, variance head (Fig. 3)."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm.auto import tqdm

from salon.model.embedding import Embedding, InputSpec, at_least_float32, expect_shape
from salon.words import SalonError

HIDDEN = 64


def _conv(inputs: int, outputs: int, kernel: int, stride: int) -> list[nn.Module]:
    """Convolution, batch normalisation, leaky ReLU; [B, inputs, H, W] -> [B, outputs, H/stride, W/stride].

    The field's PReLU starts as this leaky ReLU; learning its slope costs a fifth of a training step on a CPU.
    """
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
    return [conv, nn.BatchNorm2d(outputs), nn.LeakyReLU(0.25, inplace=True)]


def small_backbone(channels: int, width: float) -> nn.Sequential:
    """A net for one CPU thread: a stem and three stages of two 3×3 convolutions; 48 px become 3×3 × 128."""
    stem, *stages = [max(8, 8 * round(c * width / 8)) for c in (16, 32, 64, 128)]
    layers, inputs = _conv(channels, stem, 5, 2), stem
    for outputs in stages:
        layers += _conv(inputs, outputs, 3, 2) + _conv(outputs, outputs, 3, 1)
        inputs = outputs
    return nn.Sequential(*layers, nn.Flatten())  # [B, C*H*W]: where a feature lies is kept


def resnet_backbone(name: str, channels: int) -> nn.Module:
    """torchvision's ResNet `name` as face recognition uses it: no early pooling, flattened map, no `fc`.

    Raises `SalonError` for a name that torchvision does not list.
    """
    from torchvision import models  # seconds to import, and the small net needs none of it

    known = [n for n in models.list_models() if n.startswith(("resnet", "resnext", "wide_resnet"))]
    if name not in known:
        raise SalonError(f"Backbone {name!r} is not known; expected 'small' or one of {', '.join(known)}.")
    net = models.get_model(name, weights=None)
    if channels != 3:
        net.conv1 = nn.Conv2d(channels, 64, 7, 2, 3, bias=False)
    net.maxpool, net.avgpool, net.fc = nn.Identity(), nn.Identity(), nn.Identity()
    return net


def trunk_for(spec: InputSpec, name: str = "small", width: float = 1.0) -> tuple[nn.Module, int]:
    """The backbone that takes what `spec` prepares, and how many features it gives."""
    net = small_backbone(spec.channels, width) if name == "small" else resnet_backbone(name, spec.channels)
    channels = [part.num_features for part in net.modules() if isinstance(part, nn.BatchNorm2d)][-1]
    side = math.ceil(spec.size / 16)  # each of these nets halves a picture four times, and rounds up
    return net.to(memory_format=torch.channels_last), channels * side**2


def place_size(size: int, K: int) -> int:
    """Pixels of a place: squares that overlap by half, 2/3 of a picture for K = 4; raises `SalonError` for other K."""
    side = math.isqrt(K)
    if not 2 <= side <= 10 or side**2 != K or 2 * size % (side + 1):
        raise SalonError(f"K = {K} places of {size} px were asked for; expected a square number of them, such as 4.")
    return 2 * size // (side + 1)


def places(images: Tensor, K: int) -> Tensor:
    """K squares of each picture, row by row, overlapping by half: [B, C, H, H] -> [B, K, C, h, h]."""
    h = place_size(images.shape[-1], K)
    windows = images.unfold(2, h, h // 2).unfold(3, h, h // 2)  # [B, C, √K, √K, h, h]
    return windows.permute(0, 2, 3, 1, 4, 5).flatten(1, 2)


class OwnLinear(nn.Module):
    """A linear layer for each of `parts`, which sees its own inputs only: [B, inputs] -> [B, outputs]."""

    def __init__(self, inputs: int, outputs: int, parts: int, bias: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(inputs // parts, outputs // parts, bias) for _ in range(parts))

    def forward(self, x: Tensor) -> Tensor:
        own = x.chunk(len(self.layers), 1)
        return torch.cat([layer(part) for layer, part in zip(self.layers, own, strict=True)], 1)


def linear(inputs: int, outputs: int, parts: int, bias: bool = True) -> nn.Module:
    """The layer of a head: one for everything, or one for each part that looks at a place of its own."""
    return nn.Linear(inputs, outputs, bias) if parts == 1 else OwnLinear(inputs, outputs, parts, bias)


class VarianceHead(nn.Module):
    """log σ² = γ x + β from backbone features, after PFE's uncertainty module; [B, C] -> σ² [B, K] > 0."""

    floor: Tensor

    def __init__(self, inputs: int, K: int, d: int, parts: int = 1) -> None:
        super().__init__()
        hidden = [linear(inputs, HIDDEN, parts), nn.BatchNorm1d(HIDDEN), nn.ReLU()]
        self.layers = nn.Sequential(*hidden, linear(HIDDEN, K, parts), nn.BatchNorm1d(K, affine=False))
        self.gamma = nn.Parameter(torch.tensor(1e-4))
        self.beta = nn.Parameter(torch.tensor(-7 + math.log(512 / d)))  # PFE's -7 is for unit length in 512
        self.register_buffer("floor", torch.zeros(K))  # of sub-embeddings that tell nobody apart

    def forward(self, x: Tensor) -> Tensor:
        """Variances of the sub-embeddings; 1e-6 keeps (16) finite."""
        return torch.exp(at_least_float32(self.gamma * self.layers(x) + self.beta)) + self.floor + 1e-6


class Recogniser(nn.Module):
    """An image becomes K unit vectors of d numbers, a confidence for each, and later a variance.

    `backbone` is "small", scaled by `width`, or the name of a torchvision ResNet. A confidence stays within
    s0 exp(±`spread`): with log 2 it cannot outgrow a margin of 0.4 s0 beyond a share of one fifth. With `places`
    (ours, not the paper's) sub-embedding k sees its own part of the picture only; K is then a square number.
    """

    confidence_scale: Tensor
    frozen_confidence: Tensor
    variances_fitted: Tensor

    def __init__(
        self, spec: InputSpec | None = None, K: int = 8, d: int = 16, backbone: str = "small", width: float = 1.0,
        spread: float = 4.0, places: bool = False,
    ) -> None:  # fmt: skip
        super().__init__()
        self.spec, self.K, self.d, self.places = spec or InputSpec(), K, d, places
        self.card: dict = {}  # what `salon.load` knows of the weights
        # Recogniser(spec, **config) is this network again
        _expect_positive(spread)
        self.spread = float(spread)  # tensors take no int beyond 64 bits
        self.config = {"K": K, "d": d, "backbone": backbone, "width": width, "spread": spread}
        self.config |= {"places": True} if places else {}
        size, parts = (place_size(self.spec.size, K), K) if places else (self.spec.size, 1)
        self.backbone, inputs = trunk_for(replace(self.spec, size=size), backbone, width)
        inputs *= parts
        self.embedding_head = nn.Sequential(linear(inputs, K * d, parts, bias=False), nn.BatchNorm1d(K * d))
        self.confidence_head = nn.Sequential(linear(inputs, HIDDEN, parts), nn.PReLU(), linear(HIDDEN, K, parts))
        self.variance_head = VarianceHead(inputs, K, d, parts)
        self.register_buffer("confidence_scale", torch.tensor(1.0))
        self.register_buffer("frozen_confidence", torch.tensor(0.0))  # 0: learned
        self.register_buffer("variances_fitted", torch.tensor(False))
        self.set_confidence(20.0)

    def set_confidence(self, s0: float) -> None:
        """Start anew from confidence `s0` > 0 for every image and sub-embedding.

        Random starts collapse: a confidence that falls early takes the margin out of reach, and then
        falls further. So the last layer starts at zero, and s = s0 exp(output).
        """
        _expect_positive(s0)
        self.confidence_scale.fill_(s0)
        for parameter in self.confidence_head[-1].parameters():
            nn.init.zeros_(parameter)

    def freeze_confidence(self, value: float | None) -> None:
        """Let every confidence be the constant `value` > 0 (saved with the weights); None: learn again."""
        if value is not None:
            _expect_positive(value)
        self.frozen_confidence.fill_(value or 0.0)

    def trunk(self, images: Tensor) -> Tensor:
        """What all heads see: images [B, 1 or 3, H, W] in 0..1 to backbone features [B, C], place after place."""
        x = self.spec.prepare(images).to(self.confidence_scale)  # to the network's device and precision
        if self.places:
            x = places(x, self.K).flatten(0, 1)  # [B*K, C, h, w]: one backbone for every place
        return self.backbone(x.contiguous(memory_format=torch.channels_last)).view(len(images), -1)

    def confidences(self, trunk: Tensor) -> Tensor:
        """Confidences s [B, K] > 0 from backbone features [B, C]."""
        if self.frozen_confidence > 0:
            return self.frozen_confidence.repeat(len(trunk), self.K)
        output = at_least_float32(self.confidence_head(trunk))
        clamped = self.spread * torch.tanh(output / self.spread)
        return self.confidence_scale * torch.exp(clamped)

    def heads(self, trunk: Tensor) -> Embedding:
        """Embedding from backbone features [B, C]; variances once `fit_variances` has run."""
        features = at_least_float32(self.embedding_head(trunk)).unflatten(1, (self.K, self.d))  # [B, K, d]
        variances = self.variance_head(trunk.detach()) if self.variances_fitted else None  # [B, K]
        return Embedding(F.normalize(features, dim=-1), self.confidences(trunk), variances)

    def forward(self, images: Tensor) -> Embedding:
        """Embedding of images [B, 1 or 3, H, W] in 0..1."""
        return self.heads(self.trunk(images))


def _expect_positive(s: float) -> None:
    if not 0 < s < math.inf:
        raise SalonError(f"A confidence, or its spread, came as {s}; expected a finite number above 0, such as 20.")


@contextmanager
def evaluating(module: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; afterwards every part is in the mode in which it was."""
    modes = [(part, part.training) for part in module.modules()]
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, mode in modes:
            part.training = mode


def embed(recogniser: Recogniser, images: Tensor, batch: int = 256, progress: bool = False) -> Embedding:
    """Embedding of many images [B, 1 or 3, H, W] in 0..1 for testing, `batch` at a time, on the images' device.

    Evaluation mode, no gradient; fused with the mirrored image if the recogniser's spec asks for it.
    """
    expect_shape("images", images, ("B", "C", "H", "W"))
    parts = []
    with evaluating(recogniser):
        for chunk in tqdm(images.split(batch), desc="embed", disable=not progress):
            part = Embedding.fuse_views([recogniser(view) for view in recogniser.spec.views(chunk)])
            parts.append(part.map(lambda x: x.to(images.device)))
    return Embedding.cat(parts)
