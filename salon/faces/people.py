"""People as numbers: an identity is one row of traits, each on a standard normal scale.

Nothing here draws: `anatomy.py` turns traits into a head, `render.py` looks at it.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from salon.words import SalonError, entry, expect_whole

GENERATOR_VERSION = "2"  # stands in every card and table; raise it whenever a pixel could change

TRAITS: tuple[str, ...] = tuple(entry("anatomy.traits"))
_SPLIT_SEEDS = {"train": 1_000_003, "validation": 2_000_003, "test": 3_000_017}


@dataclass(frozen=True)
class People:
    """Identities as numbers [N, P], one column for each name in `TRAITS`, standard normal over people."""

    numbers: Tensor

    def __post_init__(self) -> None:
        if self.numbers.ndim != 2 or self.numbers.shape[1] != len(TRAITS):
            came = list(self.numbers.shape)
            raise SalonError(f"People's numbers came as {came}; expected [N, {len(TRAITS)}].")
        if not torch.isfinite(self.numbers).all():
            raise SalonError("A trait is NaN or infinite; expected finite numbers, mostly within -3..3.")

    def __len__(self) -> int:
        return self.numbers.shape[0]

    def __getitem__(self, index: int | slice | Tensor | list[int]) -> "People":
        return People(self.numbers[[index] if isinstance(index, int) else index])

    def trait(self, name: str) -> Tensor:
        """One trait of everybody, [N]; raises `SalonError` for an unknown name."""
        return self.numbers[:, column(name)]

    def with_trait(self, name: str, value: float | Tensor) -> "People":
        """The same people but for one trait (a number, or [N] numbers): `person.with_trait("nose_length", 2)`."""
        numbers = self.numbers.clone()
        numbers[:, column(name)] = torch.as_tensor(value, dtype=numbers.dtype)
        return People(numbers)

    def blend(self, other: "People", share: float | Tensor) -> "People":
        """People between these (share 0) and `other` (share 1), number by number; one person serves all others."""
        share = torch.as_tensor(share, dtype=self.numbers.dtype).reshape(-1, 1)
        return People(torch.lerp(*torch.broadcast_tensors(self.numbers, other.numbers, share)))

    @property
    def years(self) -> Tensor:
        """Age in years [N], 18 to 80, drawn evenly."""
        return 18 + 62 * torch.special.ndtr(self.trait("age"))

    @property
    def tone(self) -> Tensor:
        """Skin tone [N], 0 the lightest to 1 the darkest, drawn evenly over the lightness L* of the skin."""
        return torch.special.ndtr(self.trait("melanin"))


def column(name: str) -> int:
    """The column of a trait; raises `SalonError` for an unknown name."""
    if name not in TRAITS:
        raise SalonError(f"The trait {name!r} is not known; expected one of {', '.join(TRAITS)}.")
    return TRAITS.index(name)


def sample_people(count: int, seed: int) -> People:
    """Draw `count` identities; the first n of a larger draw with the same seed are the same people."""
    count = expect_whole("The number of people", count, 1, 1_000_000)
    generator = torch.Generator().manual_seed(expect_whole("The seed", seed))
    numbers = torch.stack([torch.randn(len(TRAITS), generator=generator) for _ in range(count)])
    return People(numbers.clamp(-2.6, 2.6))


def split_people(split: str, count: int) -> People:
    """The first `count` people of "train", "validation" or "test": three draws that share nobody."""
    if split not in _SPLIT_SEEDS:
        raise SalonError(f"The split {split!r} is not known; expected one of {', '.join(_SPLIT_SEEDS)}.")
    return sample_people(count, _SPLIT_SEEDS[split])
