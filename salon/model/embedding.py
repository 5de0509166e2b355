"""What a recogniser says about an image (section 3.2 of the paper), and what it wants to be shown."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from salon.words import SalonError

LUMA = (0.299, 0.587, 0.114)  # Rec. 601: the brightness of red, green and blue
FLAT = 0.01  # a deviation below this is noise of the file format: do not blow it up


def at_least_float32(x: Tensor) -> Tensor:
    """`x` in float32 if it came in half precision; float32 and float64 stay as they are."""
    return x.to(torch.promote_types(x.dtype, torch.float32))


def expect_shape(name: str, x: Tensor, shape: Sequence[int | str]) -> None:
    """Raise `SalonError` unless `x` has `shape`; a letter in `shape` stands for any length."""
    if not isinstance(x, Tensor):
        raise SalonError(f"{name} came as {type(x).__name__}; expected a tensor. Use torch.as_tensor.")
    wanted = [n if isinstance(n, int) else m for n, m in zip(shape, x.shape, strict=False)]
    if x.dim() != len(shape) or list(x.shape) != wanted:
        axes = ", ".join(map(str, shape))
        raise SalonError(f"{name} came as {list(x.shape)}; expected [{axes}]. Check the order of the axes.")


@dataclass(eq=False)  # not frozen: Lightning Fabric, which carries the training, rebuilds what a network returns
class Embedding:
    """K unit vectors for each image, with a confidence for each (7); all confidences are > 0.

    A variance σ² per sub-embedding is there once `fit_variances` has run, and serves (16).
    Raises `SalonError` if the shapes do not agree.
    """

    features: Tensor  # [B, K, d], each sub-embedding of length 1
    confidences: Tensor  # [B, K]
    variances: Tensor | None = None  # [B, K]

    def __post_init__(self) -> None:
        expect_shape("features", self.features, ("B", "K", "d"))
        expect_shape("confidences", self.confidences, self.features.shape[:2])
        if self.variances is not None:
            expect_shape("variances", self.variances, self.features.shape[:2])
        self.B, self.K, self.d = self.features.shape  # images, sub-embeddings of each, numbers of each; D = K d

    @property
    def flat(self) -> Tensor:
        """The sub-embeddings one after another, [B, K*d]; its length is √K."""
        return self.features.flatten(1)

    @property
    def fitted(self) -> Tensor:
        """The variances [B, K]; raises `SalonError` where none are fitted."""
        if self.variances is None:
            raise SalonError("The embedding has no variances; expected fitted ones. First fit_variances.")
        return self.variances

    def __len__(self) -> int:
        return self.B

    def __getitem__(self, index: int | slice | Sequence[int] | Tensor) -> "Embedding":
        """The images at `index`; a single number keeps the axis, so that B is 1."""
        rows = [index] if isinstance(index, int) else index
        return self.map(lambda x: x[rows])

    def detach(self) -> "Embedding":
        """The same numbers, cut from the graph."""
        return self.map(Tensor.detach)

    def map(self, function: Callable[[Tensor], Tensor]) -> "Embedding":
        """`function` of the features, of the confidences and of the variances, if there are any."""
        variances = None if self.variances is None else function(self.variances)
        return Embedding(function(self.features), function(self.confidences), variances)

    @staticmethod
    def cat(parts: Sequence["Embedding"]) -> "Embedding":
        """All images of `parts` in one embedding; variances only if every part has them."""
        return Embedding._joined(parts, torch.cat)

    @staticmethod
    def fuse_views(views: Sequence["Embedding"]) -> "Embedding":
        """Several views of the same images as one: mean direction, mean confidence, mean variance."""
        mean = Embedding._joined(views, lambda xs: torch.stack(xs).mean(0))
        return replace(mean, features=F.normalize(mean.features, dim=-1))

    @staticmethod
    def _joined(parts: Sequence["Embedding"], join: Callable[[list[Tensor]], Tensor]) -> "Embedding":
        variances = [part.variances for part in parts if part.variances is not None]
        return Embedding(
            join([part.features for part in parts]),
            join([part.confidences for part in parts]),
            join(variances) if len(variances) == len(parts) else None,
        )


def expect_alike(a: Embedding, b: Embedding) -> None:
    """Raise `SalonError` unless K and d are the same."""
    if (a.K, a.d) != (b.K, b.d):
        raise SalonError(
            f"The embeddings have K = {a.K}, d = {a.d} and K = {b.K}, d = {b.d}; expected equal ones. "
            "Compare images that the same model has embedded."
        )


@dataclass(frozen=True)
class InputSpec:
    """What a model wants to see; it is saved with the weights, and nothing else normalises."""

    size: int = 48  # pixels, square
    border: int = 0  # pixels that a picture is resized to beyond `size`, and then loses at its edges
    colour: str = "grey"  # "grey" | "rgb"
    normalise: str = "per_image"  # "per_image": own mean and deviation removed | "fixed": (x - mean) / scale
    mean: float = 0.5
    scale: float = 0.5
    flip: bool = False  # fuse with the mirrored image at test time
    alignment: str = "five points: eyes at 0.46, mouth at 0.82 of the height"
    licence: str = "CC BY 4.0"

    def __post_init__(self) -> None:
        known = self.colour in ("grey", "rgb") and self.normalise in ("per_image", "fixed")
        bounded = 0 <= self.border <= self.size and abs(self.mean) < math.inf and 0 < self.scale < math.inf
        if not known or not bounded or self.size < 16:
            raise SalonError(
                f"{self} cannot be; expected colour 'grey' or 'rgb', normalise 'per_image' or 'fixed', "
                "16 pixels or more, a border within the size, finite mean and scale. Change that field."
            )

    @property
    def channels(self) -> int:
        """1 for grey, 3 for RGB."""
        return 1 if self.colour == "grey" else 3

    def views(self, images: Tensor) -> list[Tensor]:
        """What a test looks at: the images, and their mirror images if `flip` is set; each [B, 3, H, W]."""
        return [images, images.flip(-1)] if self.flip else [images]

    def prepare(self, images: Tensor) -> Tensor:
        """From grey or RGB images [B, 1 or 3, H, W] in 0..1 to network input [B, C, size, size].

        Raises `SalonError` for another shape, no images, whole numbers, NaN or a range of 0..255.
        """
        grey = images.dim() == 4 and images.shape[1] == 1
        expect_shape("images", images, ("B", 1 if grey else 3, "H", "W"))
        if not images.is_floating_point() or not images.numel() or not images.abs().amax() <= 2:  # so that NaN is seen
            came = f"Images {list(images.shape)} of {images.dtype} came"
            raise SalonError(f"{came}; expected some, real numbers in 0..1, none NaN. Use images.float() / 255.")
        images = at_least_float32(images).expand(-1, 3, -1, -1)
        if self.colour == "grey":
            images = (images * images.new_tensor(LUMA)[:, None, None]).sum(1, keepdim=True)  # [B, 1, H, W]
        if images.shape[-2:] != (self.size, self.size):
            whole, edge = self.size + self.border, self.border // 2
            images = F.interpolate(images, (whole, whole), mode="bilinear", antialias=True)
            images = images[..., edge : edge + self.size, edge : edge + self.size]
        if self.normalise == "fixed":
            return (images - self.mean) / self.scale
        mean, deviation = images.mean((1, 2, 3), keepdim=True), images.std((1, 2, 3), keepdim=True)
        return (images - mean) / deviation.clamp_min(FLAT)
