"""`salon lab`: JupyterLab on the reader's own copy of the notebooks, so that reading dirties no checkout."""

import json
import os
import time
from contextlib import suppress
from hashlib import sha256
from itertools import count
from pathlib import Path

import salon
from salon.paths import write_whole
from salon.words import SalonError

START = {"en": "00_start_here.ipynb", "zh": "zh/00_start_here.ipynb"}
NOTE = ".originals.json"  # in a copy: of what it was made
_PACKAGE = Path(salon.__file__).resolve().parent


def originals() -> Path:
    """The lecture's notebooks: in an installed package `salon/_notebooks`, else the checkout's folder."""
    installed = _PACKAGE / "_notebooks"
    folder = installed if installed.is_dir() else _PACKAGE.parent / "notebooks"
    if not folder.is_dir():
        raise SalonError(
            f"The notebooks are missing, {folder} was expected. Get them with `git checkout -- notebooks`."
        )
    return folder


def check_edition(lang: str) -> None:
    """Raises `SalonError` where the notebooks of a language are missing."""
    if not (originals() / START[lang]).is_file():
        raise SalonError(f"{START[lang]} is missing in {originals()}. Get it with `git checkout -- notebooks`.")


def own_folder() -> Path:
    """Where the reader's copy lies: `my-notebooks/` in the checkout, else in the current folder."""
    in_checkout = originals().parent != _PACKAGE
    return (_PACKAGE.parent if in_checkout else Path.cwd()) / "my-notebooks"


def copy_notebooks(source: Path, target: Path) -> tuple[list[Path], list[str]]:
    """Copy into `target` the notebooks that are not there yet; nothing is overwritten.

    Returns the new files, and the names of those whose originals were updated since: `NOTE` tells,
    for a notebook that is saved is newer than any original.
    """
    new, old, noted, note = [], [], {}, target / NOTE
    with suppress(OSError, ValueError):  # a copy of before, or a damaged note: the times of the files tell
        noted = dict(json.loads(note.read_bytes()))
    for path in (path for path in sorted(source.rglob("*.ipynb")) if ".ipynb_checkpoints" not in path.parts):
        name, content, copy = path.relative_to(source).as_posix(), path.read_bytes(), target / path.relative_to(source)
        made_of = sha256(content).hexdigest()
        if not copy.exists():
            write_whole(copy, content)
            new.append(copy)
            noted[name] = made_of
        elif noted[name] != made_of if name in noted else path.stat().st_mtime > copy.stat().st_mtime:
            old += [name] * (content != copy.read_bytes())
    if new:
        write_whole(note, json.dumps(noted))
    return new, old


def put_aside(folder: Path) -> Path | None:
    """Rename `folder` to one with the time in its name: a reset loses nothing. None if it is not there."""
    if not folder.exists():
        return None
    name = f"{folder.name}-{time.strftime('%Y%m%d-%H%M%S')}"
    free = (folder.with_name(name + f"-{n}" * (n > 1)) for n in count(1))  # there may be two within a second
    return folder.rename(next(path for path in free if not path.exists()))


def lab_arguments(folder: Path, browser: bool = True, port: int | None = None, lang: str = "en") -> list[str]:
    """JupyterLab's command line for `folder`, opened at the first notebook of a language."""
    in_container = hasattr(os, "geteuid") and os.geteuid() == 0  # where there is often nobody but root
    arguments = [f"--ServerApp.root_dir={folder}", f"--LabApp.default_url=/lab/tree/{START[lang]}"]
    wishes = {"--no-browser": not browser, f"--port={port}": port is not None, "--allow-root": in_container}
    return [*arguments, *(wish for wish, there in wishes.items() if there)]


def expect_home() -> None:
    """Raises `SalonError` where the user has no home: Jupyter keeps its settings there."""
    try:
        Path.home()
    except RuntimeError as error:
        raise SalonError("Jupyter needs a home folder, and there is none. Name one: `export HOME=/tmp`.") from error


def open_lab(
    folder: Path | None = None, reset: bool = False, browser: bool = True, port: int | None = None, lang: str = "en"
) -> None:
    """Copy what is new (`reset`: everything, the old copy put aside) and serve JupyterLab until stopped.

    Raises `SalonError` where JupyterLab is not installed, there is no home, the notebooks of `lang` are missing, or
    `folder` is that of the originals, or to be put aside and no copy of them.
    """
    check_edition(lang)
    expect_home()
    folder = (folder or own_folder()).resolve()
    ours = any((folder / name).is_file() for name in (NOTE, START["en"]))
    if (reset and folder.exists() and not ours) or originals().resolve() in (folder, *folder.parents):
        raise SalonError(f"{folder} is no folder of your copy, to be filled or put aside; choose another --folder.")
    kept = put_aside(folder) if reset else None
    if kept:
        print(f"Your old copy is kept as {kept}", flush=True)
    new, old = copy_notebooks(originals(), folder)
    print(f"Your notebooks: {folder} ({len(new)} new files; what was there is as you left it)", flush=True)
    if old:
        print(f"The lecture has newer versions of {', '.join(old)}: rename yours, or take all by --reset.", flush=True)
    try:
        from jupyterlab.labapp import LabApp
    except ImportError as error:
        raise SalonError(
            f'JupyterLab cannot be imported ({error}). Install it with `pip install -e ".[lab]"`.'
        ) from error
    _without_news()
    LabApp.launch_instance(lab_arguments(folder, browser, port, lang))


def _without_news() -> None:
    """Turn off the pop-up that asks for news and hides the figures; it would also ask other hosts."""
    own = str(Path(__file__).parent / "jupyter")
    others = os.environ.get("JUPYTER_CONFIG_PATH")
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join(filter(None, (own, others)))
