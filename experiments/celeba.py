"""CelebA where a user has it: faces with attributes and identities, from a folder as torchvision lays it out."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm.auto import tqdm

from salon.faces.render import EYES_Y, MOUTH_Y
from salon.words import SalonError

SPLITS = {"train": 0, "validation": 1, "test": 2}
COLUMNS = {
    "smile": "Smiling", "mouth_open": "Mouth_Slightly_Open", "glasses": "Eyeglasses", "young": "Young",
    "male": "Male", "beard": "No_Beard",
}  # fmt: skip
NEGATED = ("beard",)
ALIGNED = (178, 218)  # pixels, width and height of img_align_celeba
_X, _EYES, _MOUTH = (
    88.75,
    111.0,
    152.0,
)  # there: eyes near (69, 111), (108, 111), mouth near (73, 152), (105, 152)


class CelebA(NamedTuple):
    """RGB bytes [n, 3, size, size], labels [n, T] of `COLUMNS`, each 0 or 1, and identities [n] from 0 without gaps."""

    images: Tensor
    labels: Tensor
    identities: Tensor


def read_celeba(
    folder: str | Path,
    split: str = "train",
    size: int = 48,
    people: int | None = None,
    progress: bool = False,
) -> CelebA:
    """A split of CelebA, of its first `people` identities if given, framed to the five-point template.

    `folder` holds img_align_celeba/, list_attr_celeba.txt, identity_CelebA.txt and list_eval_partition.txt. Raises
    `SalonError` for a split that is not known and for files that are missing, odd or do not agree.
    """
    if split not in SPLITS:
        raise SalonError(f"The split {split!r} is not known; expected one of {', '.join(SPLITS)}.")
    root = Path(folder)
    part, who, marks = (
        _numbers(root / "list_eval_partition.txt"),
        _numbers(root / "identity_CelebA.txt"),
        _marks(root),
    )
    if not part.keys() == who.keys() == marks.keys():
        odd = min((part.keys() ^ who.keys()) | (part.keys() ^ marks.keys()))
        raise SalonError(
            f"{odd} is in some lists of {root} only; expected it in all three. Get CelebA's files anew."
        )
    names = sorted(name for name in part if part[name] == SPLITS[split])
    known = sorted({who[name] for name in names})[:people]
    number = {identity: i for i, identity in enumerate(known)}
    names = [name for name in names if who[name] in number]
    if not names:
        raise SalonError(
            f"{root} lists nobody of the split {split!r}; expected some. Check list_eval_partition.txt."
        )
    bar = tqdm(names, "read", disable=not progress)
    images = torch.stack([_framed(root / "img_align_celeba" / name, size) for name in bar])
    identities = torch.tensor([number[who[name]] for name in names])
    return CelebA(images, torch.tensor([marks[name] for name in names]), identities)


def template_box() -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the template's square in an aligned picture, in pixels."""
    side = 2 * (_MOUTH - _EYES) / (MOUTH_Y - EYES_Y)
    left, top = _X - side / 2, _EYES - side * (EYES_Y + 1) / 2
    return left, top, left + side, top + side


def _framed(path: Path, size: int) -> Tensor:
    """RGB bytes [3, size, size] of the template's square."""
    try:
        with Image.open(path) as file:
            if file.size != ALIGNED:
                raise SalonError(
                    f"{path} is {file.width}×{file.height} pixels; expected {ALIGNED[0]}×{ALIGNED[1]}, as the aligned "
                    "and cropped pictures are. Get img_align_celeba, not img_celeba."
                )
            square = file.convert("RGB").resize((size, size), Image.Resampling.BILINEAR, box=template_box())
    except OSError as error:
        raise SalonError(
            f"{path} cannot be read ({error}); expected a picture. Unpack img_align_celeba anew."
        ) from error
    return torch.from_numpy(np.array(square)).permute(2, 0, 1)


def _lines(path: Path) -> list[str]:
    """The lines of a list that are not empty."""
    try:
        return [line for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise SalonError(
            f"{path} cannot be read ({error}); expected CelebA's list. Check the folder."
        ) from error


def _odd(path: Path, line: str, expected: str) -> SalonError:
    return SalonError(f"{path} has the line {line[:60]!r}; expected {expected}. Get the file anew.")


def _numbers(path: Path) -> dict[str, int]:
    """A number for each picture, from lines such as `000001.jpg 2880`."""
    found = {}
    for line in _lines(path):
        words = line.split()
        if len(words) != 2 or not words[1].isdecimal():
            raise _odd(path, line, "the name of a picture and a number")
        found[words[0]] = int(words[1])
    return found


def _marks(root: Path) -> dict[str, list[float]]:
    """0 or 1 for each of `COLUMNS` for each picture, from the count, the names, and lines of -1 and 1."""
    path = root / "list_attr_celeba.txt"
    lines = _lines(path)
    names = lines[1].split() if len(lines) > 1 else []
    missing = [name for name in COLUMNS.values() if name not in names]
    if missing:
        raise SalonError(
            f"{path} does not name {', '.join(missing)} in its second line; expected CelebA's 40 names."
        )
    found = {}
    for line in lines[2:]:
        picture, *values = line.split()
        if len(values) != len(names) or not set(values) <= {"-1", "1"}:
            raise _odd(path, line, f"the name of a picture and {len(names)} times -1 or 1")
        given = dict(zip(names, values, strict=True))
        found[picture] = [float((given[name] == "1") != (ours in NEGATED)) for ours, name in COLUMNS.items()]
    return found
