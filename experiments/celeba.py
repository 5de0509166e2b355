"""CelebA where a user has it: faces with attributes and identities, from a folder as torchvision lays it out."""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
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
_X, _EYES, _MOUTH = 88.75, 111.0, 152.0  # eyes near (69, 111), (108, 111), mouth near (73, 152), (105, 152)


class CelebA(NamedTuple):
    """RGB bytes [n, 3, size, size], labels [n, T] of `COLUMNS`, each 0 or 1, and identities [n] from 0 without gaps."""

    images: Tensor
    labels: Tensor
    identities: Tensor


def read_celeba(
    folder: str | Path, split: str = "train", size: int = 48, people: int | None = None, progress: bool = False
) -> CelebA:  # fmt: skip
    """A split of CelebA, of its first `people` identities if given, framed to the five-point template.

    `folder` holds img_align_celeba/, list_attr_celeba.txt, identity_CelebA.txt and list_eval_partition.txt. Raises
    `SalonError` for a split that is not known and for files that are missing, odd or do not agree.
    """
    if split not in SPLITS:
        raise SalonError(f"The split {split!r} is not known; expected one of {', '.join(SPLITS)}.")
    root = Path(folder)
    table = _lists(root)
    chosen = table[table.part == SPLITS[split]].sort_index()
    if chosen.empty:
        raise SalonError(f"{root} lists nobody of the split {split!r}; expected some. Check list_eval_partition.txt.")
    known = np.unique(chosen.who)[:people]
    chosen = chosen[chosen.who.isin(known)]
    bar = tqdm(chosen.index, "read", disable=not progress)
    images = torch.stack([_framed(root / "img_align_celeba" / name, size) for name in bar])
    labels = torch.tensor(chosen[list(COLUMNS)].to_numpy(np.float32))
    return CelebA(images, labels, torch.from_numpy(np.searchsorted(known, chosen.who)))


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


def _lists(root: Path) -> pd.DataFrame:
    """For each picture its part, its identity, and 0 or 1 for each of `COLUMNS`."""
    numbers = {"header": None, "names": ["picture", "number"], "dtype": {"number": int}}
    part, who = (_list(root / f"{name}.txt", **numbers) for name in ("list_eval_partition", "identity_CelebA"))
    marks = _list(root / "list_attr_celeba.txt", skiprows=1)  # the first line is a count
    odd = part.index.symmetric_difference(who.index).union(part.index.symmetric_difference(marks.index))
    missing = [name for name in COLUMNS.values() if name not in marks]
    if missing:
        raise SalonError(f"list_attr_celeba.txt does not name {', '.join(missing)}; expected CelebA's 40 names.")
    if len(odd):
        raise SalonError(f"{odd[0]} is in some lists of {root} only; expected all three. Get CelebA's files anew.")
    if not marks.isin((-1, 1)).all(axis=None):
        raise SalonError(f"list_attr_celeba.txt in {root} has other marks; expected -1 or 1. Get the file anew.")
    ours = {name: (marks[theirs] == 1) != (name in NEGATED) for name, theirs in COLUMNS.items()}
    return pd.DataFrame({"part": part.number, "who": who.number, **ours})


def _list(path: Path, **how: Any) -> pd.DataFrame:
    """A table of a list whose first column is the name of a picture."""
    try:
        return pd.read_csv(path, sep=r"\s+", index_col=0, **how)
    except (OSError, ValueError) as error:
        raise SalonError(f"{path} cannot be read ({error}); expected CelebA's list. Check the folder.") from error
