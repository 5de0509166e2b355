"""One zip that is unpacked where notebooks run, so that `from salon import lecture` needs no pip.

Side by side lie the notebooks of one language, the package with its data (laid out as in a wheel), what an installer
would know of it (`salon-….dist-info`, where `setup` reads the oldest versions supported), and `colab/`: the same
notebooks without outputs, each with one cell before the first, since a machine of Colab is empty when it starts.
"""

import copy
import io
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import salon
from salon.lecture.doctor import checksums
from salon.lecture.lab import check_edition, originals
from salon.lecture.platforms import requirements
from salon.paths import data_root, write_whole

# The repository's address, of which pip takes `git+ADDRESS`; empty as long as there is none that everybody can read.
# The variable SALON_REPOSITORY overrules it, here and in the cell below.
REPOSITORY = ""
LEFT_OUT = ("models/photo.safetensors",)  # no notebook loads it
_KINDS = {".py", ".js", ".css", ".html", ".json", ".toml"}
_MADE = {"_data", "_notebooks", "__pycache__"}
_PACKAGE = Path(salon.__file__).resolve().parent
_TIME = (2020, 1, 1, 0, 0, 0)  # the same sources give the same bytes
_UP = re.compile(r"\]\((?:\.\./)+")  # the README lies beside the notebooks here

CELL_ZERO = """\
# On Colab only: this machine is empty. Salon comes from the zip beside this notebook or in your mounted Drive,
# else from the repository if its address is given, else you are asked to choose the zip.
import importlib, os, pathlib, subprocess, sys, zipfile
from importlib.metadata import version

address = os.environ.get("SALON_REPOSITORY", "{address}")
found = [*pathlib.Path(".").glob("salon*.zip"), *pathlib.Path("drive/MyDrive").glob("salon*.zip")]
if not pathlib.Path("salon").is_dir():
    if not found and address:
        held = [f"{{name}}=={{version(name)}}" for name in ("torch", "torchvision", "numpy")]
        pathlib.Path("held.txt").write_text("\\n".join(held))  # stay as they are
        command = [sys.executable, "-m", "pip", "install", "-q", "-c", "held.txt", f"salon @ git+{{address}}"]
        subprocess.run(command, check=True)
    else:
        chosen = found or [*importlib.import_module("google.colab.files").upload()]
        zipfile.ZipFile(chosen[0]).extractall(".")
importlib.invalidate_caches()"""


def cell_zero() -> str:
    """The cell that stands before the first on Colab, with the repository's address, which may be empty."""
    return CELL_ZERO.format(address=os.environ.get("SALON_REPOSITORY", REPOSITORY))


def write_bundle(out: Path, lang: str = "en") -> Path:
    """Write the zip for one language; the same sources give the same bytes. Raises `SalonError` without notebooks."""
    check_edition(lang)
    write_whole(out, lambda file: _zip(file, lang))
    return out


def _zip(whole: io.BytesIO, lang: str) -> None:
    with zipfile.ZipFile(whole, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for name, content in sorted(contents(lang)):
            entry = zipfile.ZipInfo(name, _TIME)
            entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
            file.writestr(entry, content)


def contents(lang: str = "en") -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each file of the bundle."""
    for path in sorted(_PACKAGE.rglob("*")):
        below = path.relative_to(_PACKAGE)
        if path.suffix in _KINDS and not _MADE & set(below.parts):
            yield f"salon/{below.as_posix()}", path.read_bytes()
    for name in checksums():
        if name not in LEFT_OUT:
            yield f"salon/_data/{name}", (data_root() / name).read_bytes()
    yield "salon/_data/README.md", _data_sheet()
    yield f"salon-{salon.__version__}.dist-info/METADATA", _metadata().encode()
    yield from _notebooks(lang)
    yield from _documents(lang)


def _data_sheet() -> bytes:
    """The data sheet without the checksums of what is left out, so that the doctor finds what it expects."""
    lines = (data_root() / "README.md").read_text(encoding="utf-8").splitlines(keepends=True)
    return "".join(line for line in lines if not line.rstrip().endswith(LEFT_OUT)).encode()


def _metadata() -> str:
    rows = [f"Requires-Dist: {one}" for one in requirements()]
    rows += [f"Requires-Dist: {one}; extra == 'lab'" for one in requirements("lab")]
    return "\n".join(["Metadata-Version: 2.1", "Name: salon", f"Version: {salon.__version__}", *rows]) + "\n"


def _notebooks(lang: str) -> Iterator[tuple[str, bytes]]:
    """Those of `lang` as they are, and again for Colab; all without outputs inside the package, as in a wheel."""
    for path in sorted(originals().rglob("*.ipynb")):
        below = path.relative_to(originals())
        if ".ipynb_checkpoints" in below.parts:
            continue
        notebook = _read(path)
        bare = without_outputs(notebook)
        yield f"salon/_notebooks/{below.as_posix()}", _written(bare)
        if below.parts[:-1] == (() if lang == "en" else (lang,)):
            yield path.name, _written(_beside(notebook))
            yield f"colab/{path.name}", _written(for_colab(_beside(bare)))


def _read(path: Path) -> Any:
    import nbformat

    return nbformat.read(path, as_version=4)


def _written(notebook: Any) -> bytes:
    import nbformat

    return (nbformat.writes(notebook) + "\n").encode()


def _beside(notebook: Any) -> Any:
    """With links to the README as it lies in the bundle."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _UP.sub("](", cell.source)
    return notebook


def without_outputs(notebook: Any) -> Any:
    """A copy whose code cells were never run."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    return notebook


def for_colab(notebook: Any) -> Any:
    """A copy with `cell_zero` before all others."""
    from nbformat.v4 import new_code_cell

    notebook = copy.deepcopy(notebook)
    notebook.cells.insert(0, new_code_cell(cell_zero(), id="colab"))
    return notebook


def _documents(lang: str) -> Iterator[tuple[str, bytes]]:
    """README and this lecture's way onto other machines, where the checkout has them."""
    suffix = "" if lang == "en" else f".{lang}"
    for name in (f"README{suffix}.md", f"docs/platforms{suffix}.md", "LICENSE", "LICENSE-DATA"):
        path = _PACKAGE.parent / name
        if path.is_file():
            yield name, path.read_bytes()
