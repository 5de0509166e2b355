"""Attribute models (15) as files, and the soft labels that they give to pictures: mined variations."""

import json
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import save as to_bytes
from torch import Tensor

from salon import __version__
from salon.model.embedding import InputSpec
from salon.model.mining import AttributeModel
from salon.model.network import evaluating
from salon.training import checkpoints
from salon.words import SalonError


def attribute_features(model: AttributeModel, images: Tensor, batch: int = 512) -> tuple[Tensor, Tensor]:
    """Features h [n, T] in -1..1 and soft labels [n, T] in 0..1 of pictures [n, 1 or 3, H, W] in 0..1."""
    if images.dim() != 4 or images.shape[1] not in (1, 3) or not len(images):
        raise SalonError(
            f"images came as {list(images.shape)}; expected [n, 1 or 3, H, W] with at least one picture."
        )
    with evaluating(model):
        h, logits = zip(*(model(part) for part in images.split(batch)), strict=True)
    return torch.cat(h), torch.cat(logits).sigmoid()


def mined_labels(model: AttributeModel, images: Tensor) -> Tensor:
    """How likely each attribute is there, soft labels [n, T] in 0..1, on pictures [n, 1 or 3, H, W] in 0..1."""
    return attribute_features(model, images)[1]


def save_attributes(path: str | Path, model: AttributeModel, **card: object) -> None:
    """Write weights and a card (the input, the network with the attributes' names, what else is given), whole."""
    facts = {**card, "input": asdict(model.spec), "network": model.config, "salon": __version__}
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in model.state_dict().items()}
    checkpoints.write_whole(path, to_bytes(tensors, metadata={"card": json.dumps(facts)}))


def load_attributes(path: str | Path) -> AttributeModel:
    """The model, in evaluation mode on the CPU; `checkpoints.read_card` has its card.

    Raises `SalonError` for a file that `save_attributes` did not write.
    """
    tensors, card = checkpoints.read_tensors(path, training=False)
    try:
        with torch.random.fork_rng(devices=[]):
            model = AttributeModel(spec=InputSpec(**card["input"]), **card["network"])
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise SalonError(
            f"The card of {path} describes no attribute model ({error}); expected a file of save_attributes, such as "
            "data/models/attributes.safetensors."
        ) from error
    checkpoints.check_fit(path, tensors, model.state_dict())
    model.load_state_dict(tensors)
    return model.eval()
