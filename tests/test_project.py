"""The house itself: who may import whom, what is promised in the README, what must never be committed."""

import ast
import os
import re
import subprocess
import sys
import tomllib
from itertools import chain
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

from authoring.__main__ import parser as authoring_parser
from salon import cli
from salon.lecture import doctor

ROOMS = ("salon", "experiments", "authoring")
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
READMES = [ROOT / name for name in ("README.md", "README.zh.md", "CONTRIBUTING.md")]
LIMIT_MB = 60

# A room may import from rooms that stand lower; faces and model stand level and know nothing of each other.
LEVELS = {"__init__": 0, "words": 1, "paths": 2, "faces": 3, "model": 3, "training": 4, "evaluation": 5, "figures": 6}
LEVELS |= {"widgets": 7, "lecture": 8, "experiments": 9, "cli": 10, "__main__": 11, "authoring": 12}


def pyproject() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def kept_files() -> list[Path]:
    """What git keeps or would keep: tracked files, and new ones that are not ignored."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def room(path: Path) -> str:
    first, *below = path.relative_to(ROOT).parts
    return (below[0] if first == "salon" else first).removesuffix(".py")


def imported_rooms(path: Path) -> set[str]:
    """The rooms of salon that a module imports from, at its top or inside a function."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import in line {node.lineno}"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    dotted = [name.split(".") for name in names]
    parts = {name[name[0] == "salon"] for name in dotted if name[0] in ROOMS and len(name) > 1}
    return {part if part in LEVELS else "__init__" for part in parts}  # salon.__version__ is of __init__


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_between_rooms_run_one_way(path: Path) -> None:
    here = room(path)
    wrong = {other for other in imported_rooms(path) if other != here and LEVELS[other] >= LEVELS[here]}
    assert not wrong, f"{here} must not import {wrong}"


def test_model_knows_no_file_and_no_picture() -> None:
    for path in (ROOT / "salon" / "model").glob("*.py"):
        modules = re.findall(r"^\s*(?:import|from) (\w+)", path.read_text(encoding="utf-8"), re.MULTILINE)
        assert not {"pathlib", "PIL", "matplotlib", "IPython", "json", "pandas"} & set(modules), path.name


def test_environment_installs_what_pyproject_lists() -> None:
    project = pyproject()["project"]
    conda = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    python, pip, from_pip = conda
    assert python == f"python{project['requires-python']}"
    assert (pip, from_pip) == ("pip", {"pip": ["-e .[lab,test]"]})
    assert {"lab", "test"} <= project["optional-dependencies"].keys()
    assert '-e ".[lab,test]"' in (ROOT / "Makefile").read_text(encoding="utf-8")


def dependencies() -> list[str]:
    project = pyproject()["project"]
    return [*project["dependencies"], *chain(*project["optional-dependencies"].values())]


def test_dependencies_have_lower_bounds_only() -> None:
    assert pyproject()["project"]["requires-python"] == ">=3.11"
    assert all(re.fullmatch(r"[a-z0-9-]+>=[0-9.]+", line) for line in dependencies()), dependencies()


def test_every_third_party_import_is_a_dependency() -> None:
    module_of = {"scikit-learn": "sklearn", "pillow": "PIL", "umap-learn": "umap", "pyyaml": "yaml"}
    module_of |= {"lightning-fabric": "lightning_fabric", "fonttools": "fontTools"}
    listed = {line.split(">=")[0] for line in dependencies()}
    known = {module_of.get(name, name) for name in listed}
    known |= {"jupyter_core", "IPython", "traitlets"}  # of jupyterlab and ipywidgets
    used = set()
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                used |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                used.add(str(node.module).split(".")[0])
    assert used - sys.stdlib_module_names - set(ROOMS) <= known


def test_repository_stays_small() -> None:
    megabytes = sum(path.stat().st_size for path in kept_files()) / 1e6
    assert megabytes < LIMIT_MB, f"{megabytes:.1f} MB"


def test_no_machine_path_and_no_registry_host() -> None:
    machine = re.compile(rf"/(?:root|work)/[\w.]|{re.escape(str(Path.home()))}/")
    registry = re.compile(r"https?://(?:registry[.-]|\S*/simple/|\S*/-/\S*\.tgz|\S*/packages/[0-9a-f]{2}/)")
    for path in kept_files():
        if path.suffix in {".png", ".webp", ".safetensors", ".npz", ".ttf", ".woff2"}:
            continue
        text = path.read_bytes().decode("utf-8", "ignore" if path.suffix == ".pdf" else "strict")
        found = [match[0] for pattern in (machine, registry) for match in pattern.finditer(text)]
        assert not found, f"{path.relative_to(ROOT)}: {found[:3]}"


def test_no_weights_or_data_by_pickle() -> None:
    by_pickle = re.compile(r"torch\.(save|load)\(|^\s*(import|from) pickle|allow_pickle=True", re.MULTILINE)
    found = {path.name for path in SOURCES if by_pickle.search(path.read_text(encoding="utf-8"))}
    assert found <= {"insightface.py"}  # a format of others, read by an unpickler that runs nothing


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_commands_that_a_reader_is_told_exist(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))
    for name, built in (("salon", cli.parser()), ("python -m authoring", authoring_parser())):
        commands = set(re.findall(rf"(?:^|[\s`]){name} ([a-z]+)", code))
        known = next(action.choices for action in built._actions if action.dest == "command_name")
        assert commands <= set(known), commands - set(known)
    targets = set(re.findall(r"\bmake ([a-z][a-z-]*)", code))
    written = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {"lab", "test"} <= written and targets <= written, targets - written


@pytest.mark.parametrize("path", READMES, ids=lambda path: path.name)
def test_links_to_files_resolve(path: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", path.read_text(encoding="utf-8"))
    missing = [link for link in links if not (ROOT / link).exists()]
    assert not missing


def test_the_two_readmes_say_the_same_commands() -> None:
    def blocks(name: str) -> list[str]:
        text = (ROOT / name).read_text(encoding="utf-8")
        return [re.sub(r"\s*#.*", "", block) for block in re.findall(r"```\w+\n(.*?)```", text, re.DOTALL)]

    assert blocks("README.md") == blocks("README.zh.md")


def test_shipped_files_are_those_of_the_data_sheet() -> None:
    assert doctor.read_checksums(ROOT / "data") == doctor.checksums(ROOT / "data")


def test_notebooks_are_tested_with_the_network_refused() -> None:
    """What `make test` puts on PYTHONPATH refuses a host elsewhere, and leaves this computer alone."""
    code = (
        "import socket, threading\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(server.getsockname(), timeout=5).close()\n"
        "asks = [lambda: socket.create_connection(('192.0.2.1', 80)), lambda: socket.getaddrinfo('example.org', 80)]\n"
        "for ask in asks:\n"
        "    try: ask()\n"
        "    except OSError as error: assert 'needs no network' in str(error)\n"
        "    else: raise SystemExit('a connection was let through')\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests" / "offline")}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=60)
    assert "PYTHONPATH=tests/offline" in (ROOT / "Makefile").read_text()
