"""InsightFace's verification sets (`lfw.bin`, `cfp_fp.bin` …): pickled pairs, read without running anything."""

import io
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from salon.faces.collections import decode
from salon.words import SalonError, short


class _Kind:
    """Stands for a numpy dtype: its name, such as "<i8"."""

    def __init__(self, name: object = b"", *_: object) -> None:
        self.name = "|" + _octets(name).decode()

    def __setstate__(self, state: Any) -> None:
        self.name = _octets(state[1]).decode() + self.name[1:]


class _Array:
    """Stands for a numpy array or scalar: its kind ("|u1", "|b1", "<i8") and its bytes, or a list of objects."""

    def __init__(self, kind: object = None, data: object = b"") -> None:
        self.kind, self.data = getattr(kind, "name", ""), data

    def __setstate__(self, state: Any) -> None:
        _version, _shape, kind, _order, self.data = state
        self.kind = getattr(kind, "name", "")


def _octets(value: object = b"", *_: object) -> bytes:
    """The bytes in bytes, a bytearray, an array, or the text that old protocols put in their place."""
    value = value.data if isinstance(value, _Array) and value.kind[1:] == "u1" else value
    if not isinstance(value, bytes | bytearray | str):
        raise TypeError(f"{type(value).__name__} instead of bytes")
    return value.encode("latin1") if isinstance(value, str) else bytes(value)


# The names that a pickle may use, and what they mean here: no code of numpy or of the file's choosing runs.
ALLOWED: dict[str, Callable[..., object]] = {
    "numpy.ndarray": object,
    "numpy.dtype": _Kind,
    "numpy.core.multiarray._reconstruct": lambda *_: _Array(),
    "numpy.core.multiarray.scalar": _Array,
    "numpy.core.numeric._frombuffer": lambda data, kind, *_: _Array(kind, _octets(data)),
    "_codecs.encode": _octets, "builtins.bytes": _octets, "builtins.bytearray": _octets,  # so old protocols spell bytes
}  # fmt: skip
HARMFUL = {"builtins", "os", "posix", "nt", "sys", "subprocess", "importlib", "runpy", "shutil"}  # to run


class _Unpickler(pickle._Unpickler):  # type: ignore[name-defined,misc]
    """An unpickler that knows the names of `ALLOWED` alone, and nothing of their true meaning.

    It is Python's slow one: that in C, or a bytearray, makes room for what a few bytes claim, and nested keys of dicts
    and sets take for ever to hash.
    """

    dispatch = dict(pickle._Unpickler.dispatch)  # type: ignore[attr-defined]  # noqa: RUF012
    dispatch[pickle.BYTEARRAY8[0]] = dispatch[pickle.BINBYTES8[0]]
    for _code in b"}dsu\x8f\x90\x91":
        del dispatch[_code]

    def find_class(self, module: str, name: str) -> Callable[..., object]:
        known = module.replace("numpy._core", "numpy.core").replace("__builtin__", "builtins")  # newer, and older names
        stand_in = ALLOWED.get(f"{known}.{name}")
        if stand_in is None:
            mend = "Do not trust this file." if known.split(".")[0] in HARMFUL else "Get the set from its makers."
            expected = "expected bytes, lists, truth values and numpy arrays"
            asked = short(f"{module}.{name}")
            raise SalonError(f"It asks for {asked}, which was not run; {expected}. {mend}")
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
        return [_octets(image) for image in _items(encoded)], [_truth(value) for value in _items(same)]
    except OSError as error:
        raise SalonError(f"{file} cannot be read ({error}); expected a .bin file. Check the path.") from error
    except SalonError as error:
        raise SalonError(f"{file} is no set of face pairs. {error}") from None
    except Exception as error:  # a pickle that is broken, or made to do harm, may raise anything
        raise SalonError(
            f"{file} is no set of face pairs, or not the whole of one ({type(error).__name__}: {error}); expected "
            "InsightFace's pickle of (images, truth values). Get the file again."
        ) from error


def _items(value: object) -> list:
    """What a list, a tuple, or an array of objects, whole numbers or truth values holds."""
    if isinstance(value, _Array) and re.fullmatch("[<>|=][biu][1248]", value.kind):
        return np.frombuffer(value.data, value.kind).tolist()  # type: ignore[call-overload]
    data = value.data if isinstance(value, _Array) else value
    if not isinstance(data, list | tuple):
        raise TypeError(f"{type(value).__name__} instead of a list")
    return list(data)


def _truth(value: object) -> bool:
    """A truth value that is a bool, 0 or 1, or one of numpy's."""
    number = _items(value)[0] if isinstance(value, _Array) else value
    if not isinstance(number, int) or number not in (0, 1):
        told = type(number).__name__ if isinstance(number, list | tuple) else short(number)  # it may hold itself
        raise TypeError(f"{told} instead of a truth value")
    return bool(number)
