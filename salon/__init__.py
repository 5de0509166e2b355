"""Universal face representations, taught live: `salon.load("lecture")`, `salon.embed`, `salon.train`, …"""

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from salon.model.embedding import Embedding as Embedding
    from salon.model.network import embed as embed
    from salon.training.loop import train as train
    from salon.training.recipes import recipe as recipe
    from salon.training.shipped import load as load

__version__ = "0.1.0"

if sys.version_info < (3, 10):  # noqa: UP036  (a bundle is installed by nobody, who would have refused)
    came = ".".join(map(str, sys.version_info[:2]))
    raise ImportError(
        f"Python {came} came; Salon needs 3.10 or later. Choose a newer kernel or image. / "
        f"当前 Python 为 {came}，Salon 需要 3.10 或更高。请选择更新的内核或镜像。"
    )

# A reader's words and where they come from; imported when first used, since torch takes seconds.
_WORDS = {
    "Embedding": "salon.model.embedding",
    "embed": "salon.model.network",
    "load": "salon.training.shipped",
    "recipe": "salon.training.recipes",
    "train": "salon.training.loop",
}


def __getattr__(name: str) -> Any:
    if name not in _WORDS:
        raise AttributeError(f"module 'salon' has no attribute {name!r}; it has {', '.join(_WORDS)}")
    return getattr(import_module(_WORDS[name]), name)


def __dir__() -> list[str]:
    return ["__version__", *_WORDS]
