"""`salon.load("lecture")`: a model that comes with Salon, by its name; or any other, by its path."""

from pathlib import Path

from salon.model.network import Recogniser
from salon.paths import data_path
from salon.training import checkpoints
from salon.words import SalonError

NAMES = ("lecture", "start", "photo")  # data/README.md says of each how it was trained


def model_path(name: str) -> Path:
    """A path as it is, or a shipped model by its name."""
    return Path(name) if name.endswith(".safetensors") else data_path("models", f"{name}.safetensors")


def load(model: str | Path) -> Recogniser:
    """A recogniser on the CPU in evaluation mode; its `card` tells how it was made and what it expects.

    Raises `SalonError` for a name that is not known, and for a file as `checkpoints.load` does.
    """
    if isinstance(model, str) and not model.endswith(".safetensors") and model not in NAMES:
        known = ", ".join(NAMES)
        raise SalonError(f"No model {model!r} is shipped; expected {known}, or a .safetensors file.")
    path = model_path(str(model)) if model in NAMES else model
    recogniser, card = checkpoints.load(path)
    masks = checkpoints.load_training(path).get("masks")  # which sub-embedding keeps which variation [M, K]
    recogniser.card = card if masks is None else card | {"owners": masks.int().tolist()}
    return recogniser
