"""Weights with their card, in one safetensors file: written whole or not at all, read without pickle.

The card is a dict that says what the weights expect (`input`, an `InputSpec`), how the network is built
(`network`: K, d, backbone, width) and what its maker adds (recipe, seed, step, generator version, licence,
how it was made).  It stands as JSON in the file's metadata, so any safetensors reader shows it.
"""

import hashlib
import json
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save as to_bytes
from torch import Tensor

from salon import __version__
from salon.model.embedding import InputSpec
from salon.model.mining import AttributeModel
from salon.model.network import Recogniser
from salon.paths import write_whole
from salon.words import SalonError

TRAINING = "training."  # the prefix of the tensors that only a resumed training needs


M = TypeVar("M", Recogniser, AttributeModel)


def save(path: str | Path, model: M, card: dict | None = None, extra: dict[str, Tensor] | None = None) -> dict:
    """Save the weights with their card, atomically, and hand back the whole card.

    `card` is what the maker knows, anything JSON can say; the input, the network's shape and the versions are
    added here. `extra` holds tensors that only a resumed training needs: prototypes, optimiser state, masks.
    """
    own = {"input": asdict(model.spec), "network": model.config}
    full = {**(card or {}), **own, "salon": __version__, "torch": str(torch.__version__)}
    tensors = model.state_dict() | {TRAINING + name: value for name, value in (extra or {}).items()}
    # a clone each: safetensors takes no two tensors that share memory
    whole = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    told = {"card": json.dumps(full)}
    write_whole(path, to_bytes(whole, told | {"digest": _digest(whole, told["card"])}))
    return full


def _digest(tensors: dict[str, Tensor], card: str) -> str:
    """Of everything in a file: a flipped bit would else be a slightly other network, and nobody would know."""
    digest = hashlib.sha256(card.encode())
    for name, x in sorted(tensors.items()):
        digest.update(f"{name} {x.dtype} {list(x.shape)}".encode())
        digest.update(x.flatten().view(torch.uint8).numpy().data)
    return digest.hexdigest()


def load(path: str | Path) -> tuple[Recogniser, dict]:
    """The recogniser, in evaluation mode on the CPU, rebuilt from its card, and the card.

    Raises `SalonError` where the file is missing, truncated, no safetensors file, without a card, or where
    its tensors do not fit the card or are not finite.
    """
    return load_as(Recogniser, path)


def load_as(kind: type[M], path: str | Path) -> tuple[M, dict]:
    """A network of a kind and its card, as `load`; the caller's random state is left as it was."""
    tensors, card = read_tensors(path)
    try:
        broken = [name for name, x in tensors.items() if not torch.isfinite(x).all()]
        build = partial(kind, spec=InputSpec(**card["input"]), **card["network"])
        with torch.device("meta"):  # shapes alone: what the card says costs nothing before the tensors agree
            build().load_state_dict(tensors, assign=True)
        with torch.random.fork_rng(devices=[]):
            model = build()
        model.to(next(x.dtype for x in tensors.values() if x.is_floating_point()))  # what it was trained in
        model.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, ArithmeticError, RuntimeError, StopIteration) as error:
        told = " ".join(str(error).split())[:400]  # torch names every tensor that does not fit
        raise SalonError(
            f"The card of {path} does not describe a network that this version ({__version__}) can build as "
            f"{kind.__name__} from its tensors: {told}. It was written by Salon {card.get('salon', '?')}; use that "
            "version, another file, or train anew."
        ) from error
    if broken:
        raise SalonError(f"{path} has weights that are not finite in {broken[0]}; expected numbers. Train anew.")
    return model.eval(), card


def load_training(path: str | Path) -> dict[str, Tensor]:
    """The `extra` tensors that `save` was given (empty if none); raises `SalonError` as `load` does."""
    return read_tensors(path, training=True)[0]


def read_card(path: str | Path) -> dict:
    """The card alone; raises `SalonError` as `load` does."""
    return read_tensors(path)[1]


def read_tensors(path: str | Path, training: bool = False) -> tuple[dict[str, Tensor], dict]:
    """Tensors of one kind (weights or training state) and the card."""
    path = Path(path)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise SalonError(f"{path} {what}; expected a .safetensors file. `salon train` makes one.")
    try:
        tensors, told = read_whole(path)
        card = dict(json.loads(told["card"]))
    except SafetensorError as error:
        with path.open("rb") as file:
            what = f"cut short, damaged, or not a safetensors file (it begins with {file.read(20)!r})"
        raise SalonError(
            f"{path} is {what}; expected a model of `salon train`. Get it again, or train anew."
        ) from error
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise SalonError(
            f"{path} holds tensors but no card; expected the JSON card that `salon train` writes into the "
            "file's metadata. Weights of another program cannot be read: train a model here."
        ) from error
    if told.keys() != {"card"} and told.get("digest") != _digest(tensors, told["card"]):  # older files have none
        raise SalonError(f"{path} is damaged; it holds other numbers than were saved. Copy it again, or train anew.")
    kind = (name for name in tensors if name.startswith(TRAINING) == training)
    return {name.removeprefix(TRAINING): tensors[name] for name in kind}, card


def read_whole(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """All tensors of a file and its metadata."""
    with safe_open(path, "pt") as file:
        return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
