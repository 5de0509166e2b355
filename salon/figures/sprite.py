"""Many small pictures as one: WebP sprites for pages, and pictures as data URIs."""

import base64
import io
import math

import numpy as np
from PIL import Image


def data_uri(picture: np.ndarray | bytes) -> str:
    """A picture, uint8 [H, W, 3] (as lossless PNG) or the bytes of a WebP file, as a `data:` URI."""
    if isinstance(picture, bytes):
        return "data:image/webp;base64," + base64.b64encode(picture).decode()
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "png", compress_level=1)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def columns(count: int) -> int:
    """The number of columns in a sprite of `count` tiles: as near to a square as can be."""
    return math.ceil(math.sqrt(count))


def pack(tiles: np.ndarray, quality: int = 75) -> bytes:
    """Lay tiles, uint8 [n, H, W, 3], row after row into one WebP picture (lossy)."""
    n, height, width, channels = tiles.shape
    across = columns(n)
    down = math.ceil(n / across)
    sheet = np.zeros((down * across, height, width, channels), np.uint8)
    sheet[:n] = tiles
    sheet = sheet.reshape(down, across, height, width, channels).swapaxes(1, 2)
    sheet = sheet.reshape(down * height, across * width, channels)
    file = io.BytesIO()
    Image.fromarray(sheet).save(file, "webp", quality=quality)
    return file.getvalue()


def unpack(sprite: bytes, count: int, tile: int) -> np.ndarray:
    """The first `count` square tiles of a sprite that `pack` made, uint8 [n, tile, tile, 3]."""
    sheet = np.asarray(Image.open(io.BytesIO(sprite)).convert("RGB"))
    across = sheet.shape[1] // tile
    tiles = sheet.reshape(-1, tile, across, tile, 3).swapaxes(1, 2)
    return tiles.reshape(-1, tile, tile, 3)[:count]
