"""The house itself: who may import whom, what is promised in the README, what must never be committed."""

import ast
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

import salon
from authoring.__main__ import parser as authoring_parser
from salon import cli
from salon.lecture import doctor
from salon.words import SalonError, entry, tomllib

ROOMS = ("salon", "experiments", "authoring")
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
READMES = [ROOT / name for name in ("README.md", "README.zh.md", "CONTRIBUTING.md")]
WORDS = [key for path in (ROOT / "salon" / "words").glob("*.toml") for key in tomllib.loads(path.read_text("utf-8"))]
LIMIT_MB = 68  # of which slides/dist may have 20

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


FRONT_DOOR = ROOT / "salon" / "__init__.py"  # it opens every room, but only when one of its names is used


@pytest.mark.parametrize("path", sorted({*SOURCES} - {FRONT_DOOR}), ids=lambda path: str(path.relative_to(ROOT)))
def test_arrows_between_rooms_run_one_way(path: Path) -> None:
    here = room(path)
    wrong = {other for other in imported_rooms(path) if other != here and LEVELS[other] >= LEVELS[here]}
    assert not wrong, f"{here} must not import {wrong}"


# Lines of Python, JavaScript and CSS that a room may have; the words' data do not count. What grows past its budget
# needs a reason, and something else to go.
BUDGETS = {"model": 908, "faces": 2019, "training": 1175, "evaluation": 931, "figures": 1258, "widgets": 2480}
BUDGETS |= {"lecture": 1250, "words": 97, "paths": 134, "__init__": 45, "__main__": 10, "cli": 220}
BUDGETS |= {"salon": 10516, "experiments": 3790, "authoring": 4250, "tests": 11330}


def lines_of_rooms() -> Counter[str]:
    """Lines by room, and those of `salon` as a whole."""
    counted: Counter[str] = Counter()
    for path in kept_files():
        top = path.relative_to(ROOT).parts[0]
        if top in (*ROOMS, "tests") and path.suffix in {".py", ".js", ".css"}:
            count = path.read_bytes().count(b"\n")
            counted += Counter({name: count for name in {top, room(path)}})
    return counted


def test_rooms_keep_to_their_budgets() -> None:
    found = lines_of_rooms()
    over = [f"{name}: {n} of {BUDGETS.get(name)}" for name, n in found.items() if n > BUDGETS.get(name, 0)]
    assert not over, f"lines over budget: {'; '.join(over)}"


def imported_by_notebooks() -> set[tuple[str, str]]:
    """Module and name of whatever of ours a notebook's code imports."""
    names = set()
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        for cell in (cell for cell in cells if cell["cell_type"] == "code"):
            for node in ast.walk(ast.parse("".join(cell["source"]))):
                if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in ROOMS:
                    names |= {(str(node.module), alias.name) for alias in node.names}
                elif isinstance(node, ast.Import):
                    names |= {(a.name, "") for a in node.names if a.name.split(".")[0] in ROOMS}
    return names


def test_a_reader_of_the_notebooks_meets_few_names() -> None:
    names = imported_by_notebooks()
    modules = {module for module, _ in names}
    assert len(names) <= 55 and len(modules) <= 15, f"{len(names)} names of {len(modules)} modules"


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
    assert pyproject()["project"]["requires-python"] == ">=3.10"
    assert all(re.fullmatch(r"[a-z0-9-]+>=[0-9.]+(; python_version < '3.11')?", line) for line in dependencies()), (
        dependencies()
    )


def texts(table: dict) -> Iterator[dict]:
    """Every entry of the words that holds both languages."""
    for value in table.values():
        for row in value if isinstance(value, list) else [value]:
            if isinstance(row, dict):
                yield from [row] if "en" in row else []
                yield from texts(row)


def test_every_text_stands_in_both_languages_with_the_same_braces() -> None:
    rows = [row for room in WORDS for row in texts({"": entry(room)})]
    assert len(rows) > 200
    for row in rows:
        assert row["en"] and row["zh"]
        assert sorted(re.findall(r"{(\w+)", row["en"])) == sorted(re.findall(r"{(\w+)", row["zh"])), row


def test_every_third_party_import_is_a_dependency() -> None:
    module_of = {"scikit-learn": "sklearn", "pillow": "PIL", "umap-learn": "umap", "pyyaml": "yaml"}
    module_of |= {"lightning-fabric": "lightning_fabric", "fonttools": "fontTools"}
    listed = {line.split(">=")[0] for line in dependencies()}
    known = {module_of.get(name, name) for name in listed}
    known |= {"jupyter_core", "IPython", "traitlets", "tomllib"}  # of jupyterlab, ipywidgets, Python 3.11
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


def test_importing_salon_is_free_of_torch_until_a_word_is_used() -> None:
    code = (
        "import sys, salon; assert {'load', 'embed', 'train', 'recipe', 'Embedding'} <= set(dir(salon)); "
        "assert not {'torch', 'numpy'} & set(sys.modules); salon.recipe('tiny'); assert 'torch' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, timeout=120)


def test_a_shipped_model_is_loaded_by_its_name_with_its_card() -> None:
    recogniser = salon.load("lecture")
    assert not recogniser.training and recogniser.card["trained_on"] == "rendered people only"
    assert salon.load(ROOT / "data" / "models" / "lecture.safetensors").card == recogniser.card
    with pytest.raises(SalonError, match=r"lecture.*start, photo"):
        salon.load("sphereface")
    with pytest.raises(AttributeError, match="embed"):
        _ = salon.sphereface


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


def test_python_that_a_reader_is_shown_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SALON_CACHE", str(tmp_path))
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    found: dict = {}
    for block in blocks:
        exec(block, found)
    assert len(blocks) == 2 and found["embedding"].confidences.shape == (2, 8)
    assert found["picture"].shape == (1, 3, 112, 112)


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
