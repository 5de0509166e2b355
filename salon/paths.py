"""Where Salon's own data lie, where it may keep what can be made again, and how a file is written."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from salon.words import SalonError

_PACKAGE = Path(__file__).resolve().parent


def data_root() -> Path:
    """The folder `data/`: inside an installed package as `salon/_data`, beside it in a checkout."""
    installed = _PACKAGE / "_data"
    return installed if installed.is_dir() else _PACKAGE.parent / "data"


_MEND = "Get it back with `git checkout -- data`, or make it again with `make refresh`."


def data_path(*parts: str) -> Path:
    """The path of a shipped file; raises `SalonError` with the mending command where it is missing."""
    path = data_root().joinpath(*parts)
    if not path.exists():
        raise SalonError(
            f"The shipped file {'/'.join(parts)} is missing from {data_root()}; it comes with the repository. {_MEND}"
        )
    return path


def read_data(read: Callable[[Path], Any], *parts: str) -> Any:
    """What `read` makes of a shipped file; raises `SalonError` where it is missing or damaged."""
    path = data_path(*parts)
    try:
        return read(path)
    except Exception as error:  # each format has errors of its own
        raise SalonError(f"The shipped file {path} is damaged ({type(error).__name__}: {error}). {_MEND}") from error


def cache_path(*parts: str) -> Path:
    """A path for what can be made again; its folder exists.

    The root is `$SALON_CACHE`, else `results/salon-cache` on Mo, else the user's cache folder. Raises `SalonError`
    where there is none, as in a container whose user has no home.
    """
    told, mo, user = os.environ.get("SALON_CACHE"), mo_folder(), os.environ.get("XDG_CACHE_HOME")
    try:
        root = Path(told) if told else mo / "results" / "salon-cache" if mo else Path(user or "~/.cache", "salon")
        path = root.expanduser().joinpath(*parts)
        path.parent.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: no home
        what = f"There is no folder for what is kept ({error}); expected one that may be written to"
        raise SalonError(f"{what}. Name it: `export SALON_CACHE=/tmp/salon`.") from error
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


def write_whole(path: str | Path, content: str | bytes | Callable[[BytesIO], object]) -> None:
    """Write text, bytes, or what `content` writes, so that a reader finds the old file or the new one, whole.

    A link stays one, and a name within a text keeps its bytes. Raises `SalonError` as `writing` does.
    """
    with writing(path):
        if callable(content):
            content(made := BytesIO())
            content = made.getvalue()
        data = content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape")
        path = Path(path).resolve() if Path(path).is_file() else Path(path)
        if path.exists() and not path.is_file():
            path.write_bytes(data)  # a device or a pipe, such as /dev/stdout, has nothing to lose
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name[:40]}.{os.getpid()}.part")  # same folder: os.replace must not cross disks
        try:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # else a power cut may keep the new name and lose the bytes
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)


def expect_place(path: Path) -> None:
    """Raises `SalonError` before the work, where its file could not be written after it; makes the file's folder."""
    with writing(path):
        if path.exists():
            path.open("ab").close()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            TemporaryFile(dir=path.parent).close()


@contextmanager
def writing(path: str | Path) -> Iterator[None]:
    """Raises `SalonError` with the file's name where it cannot be written in here: a full disk does not say it."""
    try:
        yield
    except SalonError:
        raise
    except (OSError, ValueError) as error:  # ValueError: a name that is none, a picture of more than its format holds
        reason = getattr(error, "strerror", None) or error
        what = f"{path} could not be written ({reason}); what was there is as it was"
        raise SalonError(f"{what}. Make room, or choose another place.") from error
