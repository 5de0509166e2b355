"""Pictures as bytes and back, and how to tell whether two runs saw the same ones."""

import hashlib

import torch
from torch import Tensor


def as_bytes(images: Tensor) -> Tensor:
    """Pixels in 0..1 as bytes 0..255, rounded; bytes stay as they are."""
    return images if images.dtype == torch.uint8 else (images * 255).round().to(torch.uint8)


def from_bytes(pixels: Tensor) -> Tensor:
    """Bytes as pixels in 0..1."""
    return pixels.float().div_(255)


def digest(images: Tensor) -> str:
    """A short hash of pictures, in 0..1 or bytes, to tell whether two runs measured the same pixels."""
    return hashlib.sha256(as_bytes(images).numpy().tobytes()).hexdigest()[:16]
