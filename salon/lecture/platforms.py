"""Where a notebook runs (Colab, Mo, a Jupyter, plain Python), what it finds there, and what it puts in where missing.

The oldest versions that Salon supports are the lower bounds of its own list of dependencies, read here from
`pyproject.toml` or from what the installed (or unzipped) package says of itself. What is known of Mo was read, not
tried; where it is a guess, it says so.
"""

import importlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
import tomllib
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import salon
from salon.paths import mo_folder
from salon.words import SalonError, say

NAMES = ("colab", "mo", "jupyter", "python")
HOSTED = ("colab", "mo")  # machines of somebody else, fresh each time: here what is missing is put in
HELD = ("torch", "torchvision", "numpy")  # the platform's own builds fit its GPU: looked at, never installed
SERVER = ("jupyterlab", "ipykernel", "ipywidgets")  # of the program that serves the page: left alone too
WAYS = ("widget", "page", "plain", "picture")  # how a figure moves, see widgets/host.py
_LINE = re.compile(r"([A-Za-z0-9._-]+)\s*>=\s*([0-9.]+)\s*(?:;\s*extra\s*==\s*['\"](\w+)['\"])?")


@dataclass(frozen=True)
class Requirement:
    """A package with the oldest version that is supported; `extra` is "" for what everything needs."""

    name: str
    oldest: str
    extra: str = ""

    def __str__(self) -> str:
        return f"{self.name}>={self.oldest}"

    @property
    def found(self) -> str | None:
        """The installed version, None where there is none."""
        try:
            return metadata.version(self.name)
        except metadata.PackageNotFoundError:
            return None

    @property
    def met(self) -> bool:
        """Whether it is there and new enough."""
        return self.found is not None and _numbers(self.found) >= _numbers(self.oldest)


@dataclass(frozen=True)
class Place:
    """What `setup` found: where it runs, its GPU, how widgets are shown, what was installed just now."""

    name: str  # one of NAMES
    gpu: str | None
    way: str  # one of WAYS
    installed: tuple[str, ...] = ()

    def __str__(self) -> str:
        """One line, in the language of the lecture."""
        parts = [say("place.gpu", gpu=self.gpu) if self.gpu else say("place.cpu")]
        if self.name != "python" or self.way != "widget":
            parts.append(say(f"place.{self.way}"))
        if self.installed:
            parts.append(say("place.installed", names=", ".join(self.installed)))
        if self.name in HOSTED:
            parts.append(say(f"place.kept.{self.name}"))
        return say("place.line", name=say(f"place.{self.name}"), found=say("place.comma").join(parts))

    @property
    def usual(self) -> bool:
        """A reader's own machine, on the CPU, with widgets alive: nothing needs to be said of it."""
        return self.name not in HOSTED and self.gpu is None and self.way == "widget"


def find() -> Place:
    """Look at the machine; where it is a hosted one, install what is missing. Raises `SalonError` as `prepare`."""
    name = recognise()
    installed = prepare(name)
    return Place(name, gpu(), way(name), tuple(installed))


def recognise() -> str:
    """One of `NAMES`; `$SALON_PLATFORM` overrules what is recognised. Raises `SalonError` for another name."""
    told = os.environ.get("SALON_PLATFORM")
    if told:
        return _one_of(told, NAMES, "SALON_PLATFORM")
    if "google.colab" in sys.modules or any(name.startswith("COLAB_") for name in os.environ):
        return "colab"
    if mo_folder() is not None:
        return "mo"
    return "jupyter" if _in_kernel() else "python"


def _one_of(told: str, known: tuple[str, ...], variable: str) -> str:
    if told not in known:
        raise SalonError(
            f"{variable} is {told!r}; expected one of {', '.join(known)}. Unset it, or choose one."
        )
    return told


def _in_kernel() -> bool:
    ipython: Any = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


def gpu() -> str | None:
    """The name of the first GPU that torch can use, None without one."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an old driver says so at length; without it there is just no GPU
        return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None


# ---- packages


def requirements() -> list[Requirement]:
    """What Salon needs (extra "") and what its extras need, with the oldest versions supported."""
    checkout = Path(salon.__file__).resolve().parent.parent / "pyproject.toml"
    listed = tomllib.loads(checkout.read_text(encoding="utf-8"))["project"] if checkout.is_file() else {}
    if listed.get("name") != "salon":
        return [Requirement(*_parts(line)) for line in metadata.requires("salon") or ()]
    groups = {"": listed["dependencies"], **listed["optional-dependencies"]}
    return [Requirement(*_parts(line)[:2], extra) for extra, lines in groups.items() for line in lines]


def _parts(line: str) -> tuple[str, str, str]:
    name, oldest, extra = _LINE.match(line).groups("")  # type: ignore[union-attr]  # a test holds the lines to it
    return name, oldest, extra


def _numbers(version: str) -> tuple[int, ...]:
    """2.6.0+cu124 as (2, 6, 0); what follows the numbers does not count."""
    return tuple(int(part) for part in re.match(r"[0-9.]*", version)[0].split(".") if part)  # type: ignore[index]


def prepare(name: str, run: Callable[..., Any] = subprocess.run) -> list[str]:
    """Refuse a torch, torchvision or NumPy that is too old; on a hosted platform install what else is missing.

    Returns the names of what was installed. Raises `SalonError` where something is too old, or could not be had.
    """
    wanted = requirements()
    for one in wanted:
        if one.name in HELD and not one.met:
            found, mend = one.found or say("place.none"), say(f"place.old.{name}")
            raise SalonError(say("place.old", name=one.name, found=found, oldest=one.oldest, mend=mend))
    if name not in HOSTED:
        return []
    missing = [
        one for one in wanted if one.name not in HELD + SERVER and one.extra in ("", "lab") and not one.met
    ]
    core, more = ([one for one in missing if bool(one.extra) == extra] for extra in (False, True))
    if core and not install(core, run):
        raise SalonError(say("place.offline", names=", ".join(map(str, core)), mend=say(f"place.old.{name}")))
    if more and not install(more, run):
        more = []  # widgets and maps have their fall-backs
    return [one.name for one in core + more]


def install(missing: Iterable[Requirement], run: Callable[..., Any] = subprocess.run) -> bool:
    """pip for these lines alone, while torch, torchvision and NumPy stay as they are; False where it failed."""
    with tempfile.TemporaryDirectory() as folder:
        held = Path(folder, "held.txt")
        held.write_text("".join(f"{name}=={metadata.version(name)}\n" for name in HELD), encoding="utf-8")
        patience = ["--retries", "1", "--timeout", "15"]
        command = [sys.executable, "-m", "pip", "install", "--quiet", *patience, "--constraint", str(held)]
        done = run([*command, *map(str, missing)], capture_output=True)
    importlib.invalidate_caches()
    return done.returncode == 0


# ---- widgets


def way(name: str) -> str:
    """How widgets can be shown here, one of `WAYS`; `$SALON_WIDGETS` overrules it."""
    told = os.environ.get("SALON_WIDGETS")
    if told:
        return _one_of(told, WAYS, "SALON_WIDGETS")
    if importlib.util.find_spec("anywidget") is None:
        return "page"
    if name == "colab":
        return "widget" if _colab_shows_widgets() else "page"
    if name == "python":  # nobody looks; a notebook that is run without a page keeps what a page would need
        return "widget"
    return "widget" if has_extension("anywidget") else "page"


def _colab_shows_widgets() -> bool:
    """Switch on Colab's manager for widgets that are not its own."""
    try:
        importlib.import_module("google.colab.output").enable_custom_widget_manager()
    except Exception:  # whatever another version of Colab raises, the page is the answer
        return False
    return True


def has_extension(name: str) -> bool:
    """Whether the JupyterLab that started this kernel has a front-end extension; pip in a kernel cannot add it."""
    from jupyter_core.paths import jupyter_path

    shared = [Path(folder) for folder in jupyter_path("labextensions")]
    shared = [folder for folder in shared if not folder.is_relative_to(sys.prefix)]
    folders = [_server_prefix() / "share" / "jupyter" / "labextensions", *shared]
    return any((folder / name).is_dir() for folder in folders)


def _server_prefix() -> Path:
    """The environment of the server, found through its process; where that cannot be told, the kernel's own."""
    import psutil

    try:
        program = Path(psutil.Process(int(os.environ["JPY_PARENT_PID"])).cmdline()[0])
    except (KeyError, ValueError, IndexError, psutil.Error):
        return Path(sys.prefix)
    likely = (program.parent.parent, program.parent) if program.is_absolute() else ()
    return next((folder for folder in likely if (folder / "share" / "jupyter").is_dir()), Path(sys.prefix))


# ---- the reader's own faces


def faces_folder(name: str = "") -> Path:
    """A folder below `datasets/` with a folder of pictures for each person; `name` is a part of its path.

    Raises `SalonError` where there is none, or more than one.
    """
    root = (mo_folder() or Path.cwd()) / "datasets"
    levels = [root, *(path for depth in ("*", "*/*", "*/*/*") for path in sorted(root.glob(depth)))]
    found = [
        path for path in levels if name in path.relative_to(root.parent).as_posix() and _holds_people(path)
    ]
    if len(found) != 1:
        seen = ", ".join(path.relative_to(root).as_posix() for path in found) or say("place.none")
        raise SalonError(say("place.faces", name=name, root=root, found=seen))
    return found[0]


def _holds_people(folder: Path) -> bool:
    from salon.faces.collections import SUFFIXES

    people = (path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else ()
    return sum(any(file.suffix.lower() in SUFFIXES for file in path.iterdir()) for path in people) >= 2
