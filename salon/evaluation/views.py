"""What is stored for the pictures that live: scores counted in bins, and features as points of maps."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NamedTuple

import numpy as np

from salon.paths import write_whole
from salon.words import SalonError

BINS = 480
CONDITIONS = ("clean", "mixed")  # of scores
LEFT_OUT = 2e-4  # of the scores at the low end; they fall into the first bin
STEPS = 65535  # of a coordinate, from one side of a map to the other


class Rates(NamedTuple):
    """How many pairs pass: of `genuine` ones and of `impostors`."""

    passed: int
    genuine: int
    false: int
    impostors: int

    @property
    def tar(self) -> float:
        """The true accept rate, 0..1."""
        return self.passed / self.genuine

    @property
    def far(self) -> float:
        """The false accept rate, 0..1."""
        return self.false / self.impostors


@dataclass(frozen=True)
class ScoreHistograms:
    """Scores of R models (by their ways of matching) under clean and mixed conditions, counted in fine bins."""

    models: list[str]  # [R] names that the words know
    ranges: list[list[float]]  # [R, 2] the edges of all bins; what is lower falls into the first
    counts: list[list[list[list[int]]]]  # [R, condition, genuine | impostor, bin]

    def __post_init__(self) -> None:
        shape, expected = np.shape(self.counts), (len(self.models), len(CONDITIONS), 2)
        if shape[:3] != expected or len(shape) != 4 or np.shape(self.ranges) != (len(self.models), 2):
            raise SalonError(
                f"Counts came as {list(shape)}, ranges as {list(np.shape(self.ranges))} for {len(self.models)} models; "
                f"expected {list(expected)} and bins, and a lowest and a highest edge for each."
            )

    @classmethod
    def of(cls, scores: Mapping[str, Sequence[tuple[np.ndarray, np.ndarray]]], bins: int = BINS) -> "ScoreHistograms":
        """Count (genuine, impostor) scores under each of `CONDITIONS`, for each model by name."""
        ranges, counts = [], []
        for pairs in scores.values():
            everything = np.concatenate([x for pair in pairs for x in pair])
            # rounded outwards: the edges are stored as they are shown
            low, high = float(np.quantile(everything, LEFT_OUT)), float(everything.max())
            digits = 3 - int(np.floor(np.log10(high - low)))
            least, most = round(low - 0.5 * 10.0**-digits, digits), round(high + 0.5 * 10.0**-digits, digits)
            ranges.append([least, most])
            inside = [[x.clip(least, most) for x in pair] for pair in pairs]
            counts.append([[np.histogram(x, bins, (least, most))[0].tolist() for x in pair] for pair in inside])
        return cls(list(scores), ranges, counts)

    @property
    def bins(self) -> int:
        """How many bins there are."""
        return len(self.counts[0][0][0])

    def threshold(self, model: int, cut: int) -> float:
        """The score at which bin `cut` begins."""
        low, high = self.ranges[model]
        return low + (high - low) * cut / self.bins

    def rates(self, model: int, condition: int, cut: int) -> Rates:
        """What passes a threshold at the lower edge of bin `cut`; a pair at the threshold passes, as in `roc`."""
        genuine, impostor = self.counts[model][condition]
        return Rates(sum(genuine[cut:]), sum(genuine), sum(impostor[cut:]), sum(impostor))

    def cut_at(self, model: int, condition: int, far: float = 1e-3) -> int:
        """The lowest cut at which no more than a share `far` of the impostors pass."""
        passing = np.cumsum(self.counts[model][condition][1][::-1])[::-1]  # [bins], falling
        return int((passing > far * passing[0]).sum())

    def save(self, path: Path) -> None:
        """Write one `.json` file."""
        write_whole(path, json.dumps(asdict(self), separators=(",", ":")) + "\n")

    @classmethod
    def load(cls, path: Path) -> "ScoreHistograms":
        """Read what `save` wrote."""
        return cls(**json.loads(path.read_text(encoding="utf-8")))


@dataclass(frozen=True)
class FeatureViews:
    """n pictures, each plain or under one of M variations, as points of 2 M + K maps.

    First for each variation the parts that own it, then those that do not, both of the plain pictures and those
    under it (the others stand at 0); at last each of the K parts, of all pictures.
    """

    method: str  # "UMAP" or "PCA"
    coordinates: np.ndarray  # [2 M + K, n, 2] 0..STEPS
    kinds: np.ndarray  # [n] 0 plain, m under the m-th variation
    strengths: np.ndarray  # [n] percent
    people: np.ndarray  # [n]
    probes: np.ndarray  # [M, 1 + K] balanced accuracy of a linear probe: whole embedding, then each part
    assigned: np.ndarray  # [M, K] 1 where a part owns a variation
    names: np.ndarray  # [M] of the variations
    sprite: bytes  # WebP, n thumbnails
    thumb: int  # pixels

    @property
    def readings(self) -> np.ndarray:
        """Mean probe accuracy [M, 2] over the parts that own a variation, and over the others."""
        own, parts = self.assigned.astype(bool), self.probes[:, 1:]
        return np.stack([np.nanmean(np.where(mask, parts, np.nan), axis=1) for mask in (own, ~own)], axis=1)

    def save(self, path: Path) -> None:
        """Write one `.npz` file, without pickle."""
        own = asdict(self) | {"sprite": np.frombuffer(self.sprite, np.uint8)}
        write_whole(path, lambda file: np.savez_compressed(file, **own))

    @classmethod
    def load(cls, path: Path) -> "FeatureViews":
        """Read what `save` wrote."""
        with np.load(path) as file:
            values = {field.name: file[field.name] for field in fields(cls)}
        plain = {name: values[name].item() for name in ("method", "thumb")}
        return cls(**values | plain | {"sprite": values["sprite"].tobytes()})
