"""The first cell of every notebook: language, one thread, seeds, deterministic algorithms, quiet warnings."""

import os
import random
import warnings
from contextlib import suppress
from importlib.util import find_spec

import salon
from salon.lecture import platforms
from salon.paths import cache_path
from salon.words import SalonError, say, set_language

SEED = 0

# What libraries say about themselves and a reader can do nothing about: (message, category).
_NOISE: tuple[tuple[str, type[Warning]], ...] = (
    ("n_jobs value .* overridden", UserWarning),  # umap-learn, whenever it is given a seed
    (".* does not have a deterministic implementation", UserWarning),  # on a GPU
    ("IProgress not found", Warning),  # tqdm, where ipywidgets is missing: its bar is then text
)


def setup(lang: str = "en") -> None:
    """Make a notebook speak `lang` ("en" or "zh") and give the same numbers each time it is run.

    Torch, NumPy and Python are seeded with `SEED`, torch runs on one thread with deterministic algorithms only (on a
    GPU, where it has some), and one line says so; on Colab, on Mo, beside a GPU or where widgets need help, a second
    line says what was found. Raises `SalonError` for another language, and for a torch that is too old.
    """
    set_language(lang)
    place = platforms.find()
    os.environ["SALON_WIDGETS"] = place.way  # read whenever a widget is shown
    _be_reproducible()
    for message, category in _NOISE:
        warnings.filterwarnings("ignore", message, category)
    end = say("setup.end" if place.installed else "setup.offline")
    print(say("setup.ready", version=salon.__version__, seed=SEED) + end)
    if not place.usual:
        print(place)


def _be_reproducible(seed: int = SEED) -> None:
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # deterministic products on a GPU need it
    os.environ.setdefault("NUMBA_NUM_THREADS", "1")  # UMAP; read when numba is first imported
    umap = find_spec("umap")
    if umap and not os.access(os.path.dirname(str(umap.origin)), os.W_OK):  # where numba would keep what it compiles
        with suppress(SalonError):  # without any place the map says so, and all else runs
            os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_path("numba", "umap").parent))
    import numpy as np
    import torch

    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    torch.set_num_threads(1)
    # use_deterministic_algorithms loads the compiler: 6 s; on a GPU not everything has such an algorithm
    torch.set_deterministic_debug_mode("warn" if torch.cuda.is_available() else "error")
