"""Where Salon's own data lie, and where it may keep what can be made again."""

import os
from pathlib import Path

from salon.text import SalonError

_PACKAGE = Path(__file__).resolve().parent


def data_root() -> Path:
    """The folder `data/`: inside an installed package as `salon/_data`, beside it in a checkout."""
    installed = _PACKAGE / "_data"
    return installed if installed.is_dir() else _PACKAGE.parent / "data"


def data_path(*parts: str) -> Path:
    """The path of a shipped file; raises `SalonError` with the mending command where it is missing."""
    path = data_root().joinpath(*parts)
    if not path.exists():
        raise SalonError(
            f"The shipped file {'/'.join(parts)} is missing from {data_root()}; it comes with the repository. "
            "Get it back with `git checkout -- data`, or make it again with `salon refresh`."
        )
    return path


def cache_path(*parts: str) -> Path:
    """A path for what can be made again (`$SALON_CACHE`, else the user's cache folder); its folder exists."""
    home = os.environ.get("SALON_CACHE")
    root = Path(home) if home else Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "salon"
    path = root.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
