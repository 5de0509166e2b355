"""Many small pictures as one: WebP sprites for pages, and pictures as data URIs."""

import base64
import io
import math

import numpy as np
from PIL import Image
from torch import Tensor

from salon.faces.pixels import to_webp


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


def pack(tiles: Tensor) -> bytes:
    """Tiles [n, 3, H, W], in 0..1 or bytes, as one WebP picture (lossy); `from_webp` cuts them out again."""
    return to_webp(tiles, columns(len(tiles)), quality=75)
