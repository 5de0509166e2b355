"""Pictures as lossless sheets, and how to tell whether two machines see the same pixels."""

import hashlib
import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from salon.training.checkpoints import write_whole

COLUMNS = 20  # pictures side by side


def write_sheet(images: Tensor, path: Path) -> None:
    """Write pictures [n, 3, H, W] in 0..1, or bytes, as one WebP of 8 bits a colour in reading order, without loss."""
    n, channels, height, width = images.shape
    blank = torch.zeros(-n % COLUMNS, channels, height, width, dtype=torch.uint8)  # fills up the last row
    tiles = torch.cat([as_bytes(images), blank]).view(-1, COLUMNS, channels, height, width)
    sheet = tiles.permute(0, 3, 1, 4, 2).reshape(-1, COLUMNS * width, channels)
    file = io.BytesIO()
    Image.fromarray(sheet.numpy()).save(file, "WEBP", lossless=True, quality=100, method=5)
    write_whole(path, file.getvalue())


def read_sheet(path: Path, count: int, size: int) -> Tensor:
    """The first `count` pictures [count, 3, size, size], bytes, of what `write_sheet` wrote."""
    with Image.open(path) as sheet:
        pixels = torch.from_numpy(np.array(sheet.convert("RGB")))
    tiles = pixels.view(-1, size, COLUMNS, size, 3).permute(0, 2, 4, 1, 3)
    return tiles.reshape(-1, 3, size, size)[:count]


def as_bytes(images: Tensor) -> Tensor:
    """Pixels in 0..1 as bytes 0..255, rounded; bytes stay as they are."""
    return images if images.dtype == torch.uint8 else (images * 255).round().to(torch.uint8)


def from_bytes(pixels: Tensor) -> Tensor:
    """Bytes as pixels in 0..1."""
    return pixels.float().div_(255)


def digest(images: Tensor) -> str:
    """A short hash of pictures, in 0..1 or bytes, to tell whether two runs measured the same pixels."""
    return hashlib.sha256(as_bytes(images).numpy().tobytes()).hexdigest()[:16]


def fingerprint(images: Tensor) -> Tensor:
    """One number a picture [n]: its pixels in 0..1 summed with fixed random signs, over the root of their number.

    The last bit of a blur or a power differs between processors, and a hash with it. This moves by less than
    1e-4 then, and by about 0.1 where strength, seed or picture is another.
    """
    signs = torch.randint(0, 2, images.shape[1:], generator=torch.Generator().manual_seed(0)) * 2.0 - 1
    return (images * signs).sum((1, 2, 3)) / signs.numel() ** 0.5
