"""InsightFace's verification sets (`lfw.bin`, `cfp_fp.bin` …): pickled pairs, read without running anything."""

import io
import pickle
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from salon.faces.collections import decode
from salon.words import SalonError


class _Kind:
    """Stands for a numpy dtype: its name alone."""

    def __init__(self, name: object = b"", *_: object) -> None:
        self.name = name.decode() if isinstance(name, bytes) else str(name)

    def __setstate__(self, state: object) -> None:
        pass  # byte order and padding, of which single bytes have none


class _Array:
    """Stands for a numpy array or scalar of single bytes: its kind ("u1", "b1") and its bytes."""

    def __init__(self, kind: object = None, data: object = b"") -> None:
        self.kind, self.data = getattr(kind, "name", ""), data

    def __setstate__(self, state: tuple[object, ...]) -> None:
        _version, _shape, kind, _order, data = state
        self.kind, self.data = getattr(kind, "name", ""), data


# The names that a pickle may use, and what they mean here: no code of numpy or of the file's choosing runs.
ALLOWED: dict[str, Callable[..., object]] = {
    "numpy.ndarray": object,
    "numpy.dtype": _Kind,
    "numpy.core.multiarray._reconstruct": lambda *_: _Array(),
    "numpy.core.multiarray.scalar": _Array,
    "numpy.core.numeric._frombuffer": lambda data, kind, *_: _Array(kind, bytes(data)),
}


class _Unpickler(pickle.Unpickler):
    """An unpickler that knows the names of `ALLOWED` alone, and nothing of their true meaning."""

    def find_class(self, module: str, name: str) -> Callable[..., object]:
        stand_in = ALLOWED.get(f"{module}.{name}".replace("numpy._core.", "numpy.core."))
        if stand_in is None:
            raise SalonError(
                f"It asks for {module}.{name}, which was not run; expected bytes, lists, truth values and numpy "
                "arrays. Do not trust this file."
            )
        return lambda *given: stand_in(*given)  # a new one each time: a file can set nothing on those above


def read_insightface(file: str | Path) -> tuple[Tensor, Tensor]:
    """A `.bin` set as (images [2n, 3, H, W], RGB in 0..1, float32; same [n], bool).

    Pair i is of the images 2i and 2i + 1.  The file is a pickle, of Python 2 or 3, of (2n encoded images, n truth
    values); it is read by a restricted unpickler that runs nothing but what this module defines.
    Raises `SalonError` for any other content, a broken image, a file cut short, and uneven counts or sizes.
    """
    encoded, same = _read(Path(file))
    if not same or len(encoded) != 2 * len(same):
        held = f"{len(encoded)} images and {len(same)} truth values"
        raise SalonError(f"{file} holds {held}; expected two images for each. Get the whole file.")
    first = decode(io.BytesIO(encoded[0]), f"Image 0 of {file}")
    images = torch.empty(len(encoded), *first.shape)  # filled one by one: large sets fit in memory once
    for number, data in enumerate(encoded):
        image = decode(io.BytesIO(data), f"Image {number} of {file}")
        if image.shape != first.shape:
            sizes = f"is {list(image.shape[1:])}, the first {list(first.shape[1:])} pixels"
            raise SalonError(f"Image {number} of {file} {sizes}; expected all alike. Get the aligned set.")
        images[number] = image
    return images, torch.tensor(same)


def _read(file: Path) -> tuple[list[bytes], list[bool]]:
    """The encoded images and the truth values of a file."""
    try:
        encoded, same = _Unpickler(io.BytesIO(file.read_bytes()), encoding="bytes").load()
        if isinstance(same, _Array):
            same = list(_bytes(same, "b1"))
        return [_bytes(image, "u1") for image in encoded], [_truth(value) for value in same]
    except OSError as error:
        raise SalonError(f"{file} cannot be read ({error}); expected a .bin file. Check the path.") from error
    except SalonError as error:
        raise SalonError(f"{file} is no set of face pairs. {error}") from None
    except Exception as error:  # a pickle that is broken, or made to do harm, may raise anything
        raise SalonError(
            f"{file} is no set of face pairs, or not the whole of one ({type(error).__name__}: {error}); expected "
            "InsightFace's pickle of (images, truth values). Get the file again."
        ) from error


def _bytes(value: object, kind: str) -> bytes:
    """The bytes of a bytes object or of an array of this kind."""
    data = value.data if isinstance(value, _Array) and value.kind == kind else value
    if not isinstance(data, bytes):
        raise TypeError(f"{type(value).__name__} instead of bytes")
    return data


def _truth(value: object) -> bool:
    """A truth value that is a bool, 0 or 1, or numpy's bool."""
    number = _bytes(value, "b1")[0] if isinstance(value, _Array) else value
    if not isinstance(number, int) or number not in (0, 1):
        raise TypeError(f"{value!r} instead of a truth value")
    return bool(number)
