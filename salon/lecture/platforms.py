"""Where a notebook runs (Colab, Mo, a Jupyter, plain Python), what it finds there, and what it puts in where missing.

The oldest versions that Salon supports are the lower bounds of its own list of dependencies, read here from
`pyproject.toml` or from what the installed (or unzipped) package says of itself. What is known of Mo was read, not
tried; where it is a guess, it says so.
"""

import importlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.version import Version

import salon
from salon.paths import mo_folder
from salon.words import SalonError, say, tomllib

NAMES = ("colab", "mo", "jupyter", "python")
HOSTED = ("colab", "mo")  # machines of somebody else, fresh each time: here what is missing is put in
HELD = ("torch", "torchvision", "numpy")  # the platform's own builds fit its GPU: looked at, never installed
SERVER = ("jupyterlab", "ipykernel", "ipywidgets")  # of the program that serves the page: left alone too
WAYS = ("widget", "page", "plain", "picture")  # how a figure moves, see widgets/host.py


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
    installed = prepare(name)  # before the rest, which looks at what is there
    return Place(name, gpu(), way(name), tuple(installed))


def recognise() -> str:
    """One of `NAMES`; `$SALON_PLATFORM` overrules what is recognised. Raises `SalonError` for another name."""
    if told := _one_of(NAMES, "SALON_PLATFORM"):
        return told
    if "google.colab" in sys.modules or any(name.startswith("COLAB_") for name in os.environ):
        return "colab"
    if mo_folder() is not None:
        return "mo"
    ipython: Any = sys.modules.get("IPython")
    in_kernel = ipython is not None and hasattr(ipython.get_ipython(), "kernel")
    return "jupyter" if in_kernel else "python"


def _one_of(known: tuple[str, ...], variable: str) -> str:
    """What a variable says, "" where it is not set."""
    told = os.environ.get(variable, "")
    if told not in ("", *known):
        choices = ", ".join(known)
        raise SalonError(f"{variable} is {told!r}; expected one of {choices}. Unset it, or choose one.")
    return told


def gpu() -> str | None:
    """The name of the first GPU that torch can use, None without one."""
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an old driver says so at length; without it there is just no GPU
        return torch.cuda.get_device_name(0) if torch.cuda.is_available() else None


# ---- packages


def requirements(extra: str = "") -> list[Requirement]:
    """What Salon needs, or what one of its extras needs besides, with the oldest versions supported."""
    checkout = Path(salon.__file__).resolve().parent.parent / "pyproject.toml"
    listed = tomllib.loads(checkout.read_text(encoding="utf-8"))["project"] if checkout.is_file() else {}
    if listed.get("name") == "salon":
        lines = map(Requirement, listed["optional-dependencies"][extra] if extra else listed["dependencies"])
        return [line for line in lines if line.marker is None or line.marker.evaluate()]
    told = map(Requirement, metadata.requires("salon") or ())
    asked = [one for one in told if (one.marker.evaluate({"extra": extra}) if one.marker else not extra)]
    return [Requirement(f"{one.name}{one.specifier}") for one in asked]


def found(name: str) -> str | None:
    """The installed version of a package, None where there is none."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def is_met(one: Requirement) -> bool:
    """Whether it is there and new enough; a build before 2.5.0, such as 2.5.0a0, counts as 2.5.0."""
    version = found(one.name)
    return version is not None and Version(version).base_version in one.specifier


def prepare(name: str, run: Callable[..., Any] = subprocess.run) -> list[str]:
    """Refuse a torch, torchvision or NumPy that is too old; on a hosted platform install what else is missing.

    Returns the names of what was installed. Raises `SalonError` where something is too old, or could not be had.
    """
    mend = say(f"place.old.{name}")
    for one in requirements():
        if one.name in HELD and not is_met(one):
            came, oldest = found(one.name) or say("place.none"), str(one.specifier).removeprefix(">=")
            raise SalonError(say("place.old", name=one.name, found=came, oldest=oldest, mend=mend))
    if name not in HOSTED:
        return []
    core, more = _missing(), _missing("lab")
    if core and not install(core, run):
        raise SalonError(say("place.offline", names=", ".join(map(str, core)), mend=mend))
    if more and not install(more, run):
        more = []  # widgets and maps have their fall-backs
    return [one.name for one in core + more]


def _missing(extra: str = "") -> list[Requirement]:
    return [one for one in requirements(extra) if one.name not in HELD + SERVER and not is_met(one)]


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
    if told := _one_of(WAYS, "SALON_WIDGETS"):
        return told
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
