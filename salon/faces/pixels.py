"""Pictures as bytes and back, many of them on one sheet, and how to tell whether two runs saw the same ones."""

import hashlib
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
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


def lay_out(images: Tensor, columns: int, gap: int = 0, fill: float = 0.0) -> Tensor:
    """Pictures [n, C, H, W] in reading order as one [C, R (H + gap) + gap, columns (W + gap) + gap] of R rows.

    Empty places and the `gap` pixels around each picture are `fill`.
    """
    images = F.pad(images, (gap, 0, gap, 0, 0, 0, 0, -len(images) % columns), value=fill)
    channels, height, width = images.shape[1:]
    tiles = images.view(-1, columns, channels, height, width).permute(2, 0, 3, 1, 4)
    return F.pad(tiles.reshape(channels, -1, columns * width), (0, gap, 0, gap), value=fill)


def to_webp(images: Tensor, columns: int, **options: Any) -> bytes:
    """Colour pictures [n, 3, H, W], in 0..1 or bytes, as one WebP file; `options` are Pillow's, such as `lossless`."""
    file = io.BytesIO()
    sheet = lay_out(as_bytes(images), columns).permute(1, 2, 0)
    Image.fromarray(sheet.numpy()).save(file, "WEBP", **options)
    return file.getvalue()


def sprite(images: Tensor) -> bytes:
    """Pictures [n, 3, H, W] as one WebP for a page (lossy), as near to a square as can be."""
    return to_webp(images, math.ceil(math.sqrt(len(images))), quality=75)


def from_webp(file: Path | io.BytesIO, size: int, count: int) -> Tensor:
    """The first `count` pictures [count, 3, size, size], bytes, of what `to_webp` or `sprite` made."""
    with Image.open(file) as sheet:
        pixels = torch.from_numpy(np.array(sheet.convert("RGB")))
    tiles = pixels.unflatten(1, (-1, size)).unflatten(0, (-1, size))  # [R, size, columns, size, 3]
    return tiles.permute(0, 2, 4, 1, 3).reshape(-1, 3, size, size)[:count]
