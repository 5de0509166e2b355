"""Where Salon's own data lie, and where it may keep what can be made again."""

import os
from pathlib import Path

from salon.words import SalonError

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
            "Get it back with `git checkout -- data`, or make it again with `make refresh`."
        )
    return path


def cache_path(*parts: str) -> Path:
    """A path for what can be made again; its folder exists.

    The root is `$SALON_CACHE`, else `results/salon-cache` on Mo, else the user's cache folder.
    """
    home, mo = os.environ.get("SALON_CACHE"), mo_folder()
    user = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "salon"
    root = Path(home) if home else user if mo is None else mo / "results" / "salon-cache"
    path = root.joinpath(*parts)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def default_out(name: str) -> Path:
    """Where a run goes unless it is told otherwise: `results/NAME` on Mo, else `runs/NAME` from here."""
    mo = mo_folder()
    return Path("runs") / name if mo is None else mo / "results" / name


def mo_folder() -> Path | None:
    """The project's folder on the Mo platform, which holds `datasets/` and `results/`; None elsewhere.

    `SALON_PLATFORM=mo` says that it is the current folder, any other value that there is none. Unset, it is a
    guess from what others tell of Mo: here, or one or two folders up, at least two of its signs are seen.
    """
    here, told = Path.cwd(), os.environ.get("SALON_PLATFORM")
    if told:
        return here if told == "mo" else None
    return next((folder for folder in (here, *here.parents[:2]) if _signs_of_mo(folder) >= 2), None)


def _signs_of_mo(folder: Path) -> int:
    """Of four: data that cannot be written to, `results/`, a new project's files, our bundle unpacked here."""
    datasets = folder / "datasets"
    inside = [path for path in datasets.iterdir() if path.is_dir()] if datasets.is_dir() else []
    read_only = bool(inside) and not all(os.access(path, os.W_OK) for path in (datasets, *inside))
    new = any((folder / name).is_file() for name in ("_OVERVIEW.md", "coding_here.ipynb"))
    return sum((read_only, (folder / "results").is_dir(), new, (folder / "salon" / "_data").is_dir()))
