"""`salon doctor`: for each thing that a lecture needs, OK or the mend; and the checksums of shipped files."""

import importlib
import os
import platform
import re
import shutil
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import salon
from salon.lecture import platforms
from salon.lecture.lab import expect_home
from salon.paths import cache_path, data_root
from salon.words import SalonError, say

MEMORY_GB = 2.0  # notebook 03's live pair stays below it
DISK_GB = 0.5  # rendered training faces are kept in the cache
FORWARD_MS = 20.0  # slower, and the explorer's sliders lag
_LAB = ("jupyterlab", "ipykernel", "ipywidgets", "anywidget", "umap")  # umap: its numba refuses a newer NumPy
CHECKSUMS = re.compile(r"(<!-- checksums[^>]*-->\n```text\n)(.*?)(```\n)", re.DOTALL)


class Advice(Exception):
    """Something to know that keeps no notebook from running."""


@dataclass(frozen=True)
class Finding:
    """One line of the doctor: `verdict` is "OK", "NOTE" or "MEND"."""

    name: str
    verdict: str
    message: str

    def __str__(self) -> str:
        return f"{self.verdict:4}  {self.name:11}  {self.message}"


def examine() -> list[Finding]:
    """Run every check: its text is OK's, an `Advice` becomes a NOTE, any other exception a MEND."""
    return [_examine(name, check) for name, check in CHECKS.items()]


def _examine(name: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(name, "OK", check())
    except Advice as advice:
        return Finding(name, "NOTE", str(advice))
    except Exception as error:  # a broken installation can raise anything, and it is what we look for
        return Finding(name, "MEND", str(error) or repr(error))


def check_python() -> str:
    return f"{platform.python_version()} at {sys.executable}"


def check_torch() -> str:
    try:
        torch, torchvision = importlib.import_module("torch"), importlib.import_module("torchvision")
    except (ImportError, RuntimeError, OSError) as error:  # RuntimeError: operator torchvision::nms
        raise SalonError(say("doctor.both", error=error)) from error
    device = say("doctor.gpu" if torch.cuda.is_available() else "doctor.cpu")
    return say("doctor.torch", torch=torch.__version__, torchvision=torchvision.__version__, device=device)


def check_platform() -> str:
    name = platforms.recognise()
    return str(platforms.Place(name, platforms.gpu(), platforms.way(name)))


def check_packages() -> str:
    """Of what Salon and JupyterLab need, versions and widgets' extensions; at home what is wrong is to be mended."""
    expect_home()
    wanted = [*platforms.requirements(), *platforms.requirements("lab")]
    wrong = [say("doctor.too_old", name=one) for one in wanted if not platforms.is_met(one)]
    wrong += [told for name in _LAB if (told := _import_error(name))]
    extensions = ("@jupyter-widgets/jupyterlab-manager", "anywidget")
    wrong += [say("doctor.extension", name=name) for name in extensions if not platforms.has_extension(name)]
    if wrong:  # on Colab and Mo, whose page is their own, `setup` has found another way
        kind = Advice if platforms.recognise() in platforms.HOSTED else SalonError
        raise kind(say("doctor.install", wrong=say("doctor.comma").join(wrong)))
    return say("doctor.packages", n=len(wanted))


def _import_error(name: str) -> str:
    try:
        importlib.import_module(name)
    except ImportError as error:
        return f"{name}: {error}"
    return ""


def check_files() -> str:
    expected, found = read_checksums(), checksums()
    wrong = [name for name, digest in expected.items() if found.get(name) != digest]
    if not expected:
        raise SalonError(say("doctor.no_list"))
    if wrong:
        raise SalonError(say("doctor.changed", n=len(wrong), all=len(expected), first=wrong[0]))
    return say("doctor.files", n=len(expected))


def check_model() -> str:
    import torch

    recogniser = salon.load("lecture")
    image, seconds = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)), []
    with torch.inference_mode():
        for _ in range(12):
            start = time.perf_counter()
            recogniser(image)
            seconds.append(time.perf_counter() - start)
    median = 1000 * statistics.median(seconds[2:])  # the first calls also set things up
    if median > FORWARD_MS:
        raise Advice(say("doctor.slow", median=median, limit=FORWARD_MS))
    return say("doctor.model", median=median)


def check_machine() -> str:
    import psutil

    memory, folder = psutil.virtual_memory().available / 1e9, cache_path("doctor").parent
    disk = shutil.disk_usage(folder).free / 1e9
    if memory < MEMORY_GB:
        raise SalonError(say("doctor.memory", free=memory, needed=MEMORY_GB))
    if disk < DISK_GB:
        raise SalonError(say("doctor.disk", free=disk, folder=folder, needed=DISK_GB))
    return say("doctor.machine", cores=os.cpu_count(), memory=memory, disk=disk, folder=folder)


CHECKS: dict[str, Callable[[], str]] = {
    "python": check_python, "torch": check_torch, "platform": check_platform, "packages": check_packages,
    "files": check_files, "model": check_model, "machine": check_machine,
}  # fmt: skip


def checksums(root: Path | None = None) -> dict[str, str]:
    """SHA-256 of each shipped file by its path below `data/`; the data sheet and dot files are left out."""
    root = root or data_root()
    paths = (path for path in sorted(root.rglob("*")) if path.is_file() and not path.name.startswith("."))
    names = {path.relative_to(root).as_posix(): path for path in paths}
    return {name: sha256(path.read_bytes()).hexdigest() for name, path in names.items() if name != "README.md"}


def read_checksums(root: Path | None = None) -> dict[str, str]:
    """The checksums that the data sheet `data/README.md` states."""
    sheet = (root or data_root()) / "README.md"
    section = CHECKSUMS.search(sheet.read_text(encoding="utf-8")) if sheet.exists() else None
    rows = (line.split(None, 2) for line in section[2].splitlines()) if section else ()
    return {name: digest for digest, _, name in rows}
