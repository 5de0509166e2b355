"""Attribute models (15) as files, and the soft labels that they give to pictures: mined variations."""

from pathlib import Path

import torch
from torch import Tensor

from salon.model.mining import AttributeModel
from salon.model.network import evaluating
from salon.training import checkpoints


def attribute_features(model: AttributeModel, images: Tensor, batch: int = 512) -> tuple[Tensor, Tensor]:
    """Features h [n, T] in -1..1 and soft labels [n, T] in 0..1 of pictures [n, 1 or 3, H, W] in 0..1."""
    with evaluating(model):
        h, logits = zip(*(model(part) for part in images.split(batch)), strict=True)
    return torch.cat(h), torch.cat(logits).sigmoid()


def mined_labels(model: AttributeModel, images: Tensor) -> Tensor:
    """How likely each attribute is there, soft labels [n, T] in 0..1, on pictures [n, 1 or 3, H, W] in 0..1."""
    return attribute_features(model, images)[1]


def load_attributes(path: str | Path) -> AttributeModel:
    """The model, in evaluation mode on the CPU; raises `SalonError` for a file that holds no such model."""
    return checkpoints.load_as(AttributeModel, path)[0]
