"""What is said of (16) on photographs, on made-up embeddings: numbers that are known beforehand."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import normalize

from experiments.certainty import SIZES, pair_rows, spoilt
from salon.faces.collections import Pairs
from salon.model.embedding import Embedding


def known_pairs(people=60):
    """Two pictures of each person, and of each person and the next."""
    names = [(Path(f"{p}_0"), Path(f"{p}_1")) for p in range(people)]
    names += [(Path(f"{p}_0"), Path(f"{(p + 1) % people}_1")) for p in range(people)]
    first, second = (list(side) for side in zip(*names, strict=True))
    same = np.arange(2 * people) < people
    return Pairs(first, second, same, np.arange(2 * people) % 2)


def embedding(pairs, variances):
    g = torch.Generator().manual_seed(0)
    files = sorted({*pairs.first, *pairs.second})
    people = normalize(torch.randn(60, 1, 16, generator=g), dim=-1)
    rows = torch.tensor([int(file.name.split("_")[0]) for file in files])
    features = normalize(people[rows] + 0.3 * torch.randn(len(files), 1, 16, generator=g), dim=-1)
    return Embedding(features, torch.ones(len(files), 1), variances(len(files)))


def test_variances_that_are_all_alike_change_nothing_whatever_their_size():
    pairs = known_pairs()
    with pytest.warns(match="constant"):  # nor is there a correlation with them
        rows = list(pair_rows(embedding(pairs, lambda n: torch.full((n, 1), 0.05)), pairs, "made up"))
    tars = [row["value"] for row in rows if row["metric"] == "tar"]
    assert len(tars) == 1 + len(SIZES) and np.ptp(tars) == 0


def test_pictures_are_spoilt_in_thirds_and_the_same_each_time():
    images = torch.rand(90, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    out = spoilt(images, 0)
    untouched = (out == images).flatten(1).all(1)
    assert torch.equal(out, spoilt(images, 0)) and not torch.equal(out, spoilt(images, 90))
    assert 15 <= untouched.sum() <= 45 and ((out == 0).flatten(1).float().mean(1) > 0.1).sum() > 10
