"""Parts that look at places: each sees its own square of the picture and nothing else; covers come from one side."""

import pytest
import torch

from salon.faces.variations import MOST_FROM_ONE_SIDE, degrade
from salon.model.embedding import InputSpec
from salon.model.network import Recogniser, embed, place_size, places
from salon.words import SalonError


def test_a_part_sees_its_own_place_only():
    model = Recogniser(InputSpec(size=48, normalise="fixed"), K=4, d=8, width=0.5, places=True)
    images = torch.rand(3, 1, 48, 48, generator=torch.Generator().manual_seed(0))
    changed = images.clone()
    changed[..., 40:, 40:] = 0  # a corner that the last place alone holds
    a, b = embed(model, images), embed(model, changed)
    same = [torch.allclose(a.features[:, k], b.features[:, k], atol=1e-6) for k in range(4)]
    assert same == [True, True, True, False]


def test_places_are_squares_that_overlap_by_half():
    image = torch.arange(36.0).view(1, 1, 6, 6)
    assert place_size(6, 4) == 4 and places(image, 4).shape == (1, 4, 1, 4, 4)
    assert places(image, 4)[0, :, 0, 0, 0].tolist() == [0, 2, 12, 14]  # row by row
    with pytest.raises(SalonError, match="square number"):
        place_size(48, 3)


def test_a_cover_blacks_out_one_side_as_far_as_its_strength_says():
    images = torch.ones(40, 1, 48, 48)
    out = degrade(images, "cover", 0.8, seed=1)
    share = 1 - out.mean((1, 2, 3))
    assert torch.allclose(share, torch.full_like(share, 0.8 * MOST_FROM_ONE_SIDE), atol=0.02)
    sides = torch.stack([out[:, 0, 0, 24], out[:, 0, -1, 24], out[:, 0, 24, 0], out[:, 0, 24, -1]], 1) == 0
    assert sides.any(0).all() and (sides.sum(1) == 1).logical_or(sides.sum(1) == 3).all()
