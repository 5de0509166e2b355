"""Colab, Mo and bare machines, each faked: paths, extensions, pip, an old torch, and the bundle that travels."""

import importlib.metadata
import importlib.util
import json
import os
import subprocess
import sys
import types
import zipfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
import torch
from conftest import ROOT
from matplotlib.figure import Figure
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from packaging.requirements import Requirement

from authoring import bundle, script
from authoring.job import _Losses
from salon import paths
from salon.evaluation.views import FeatureViews
from salon.lecture import lab, platforms, setup
from salon.lecture.platforms import HELD, SERVER, Place
from salon.model.network import Recogniser
from salon.widgets import host
from salon.widgets.explorer import ConfidenceExplorer
from salon.widgets.feature_map import FeatureMap
from salon.words import SalonError, say, set_language

Capture = pytest.CaptureFixture
Patch = pytest.MonkeyPatch
FIRST_LINE = "Salon 0.1.0 is ready: English, one thread, seed 0; nothing is downloaded.\n"


@pytest.fixture(autouse=True)
def bare(monkeypatch: Patch, tmp_path: Path) -> Iterator[None]:
    """An empty current folder, no variable that tells where we are, and all as before at the end."""
    for name in ("SALON_PLATFORM", "SALON_WIDGETS", "SALON_CACHE", "SALON_REPOSITORY", "JPY_PARENT_PID"):
        monkeypatch.setenv(name, "")
    monkeypatch.delenv("JPY_PARENT_PID")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    yield
    torch.set_deterministic_debug_mode("default")
    set_language("en")


class Pip:
    """Takes pip's place: keeps each command and its constraints, and answers with `status`."""

    def __init__(self, status: int = 0) -> None:
        self.status, self.commands, self.held = status, [], []

    def __call__(self, command: list[str], **options: object) -> types.SimpleNamespace:
        self.commands.append(command)
        self.held.append(Path(command[command.index("--constraint") + 1]).read_text())
        return types.SimpleNamespace(returncode=self.status)


def installed(monkeypatch: Patch, **versions: str | None) -> None:
    """Fake the installed version of some packages (None: not there), `_` in a name for "-"."""
    real, faked = importlib.metadata.version, {name.replace("_", "-"): v for name, v in versions.items()}

    def version(name: str) -> str:
        found = faked[name] if name in faked else real(name)
        if found is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return found

    monkeypatch.setattr(importlib.metadata, "version", version)


def read_only(monkeypatch: Patch, *folders: Path) -> None:
    """A folder that nobody can write to, for a superuser too."""
    real = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) not in folders and real(path, mode))


def mo(monkeypatch: Patch, results: bool = True) -> Path:
    """The current folder as Mo lays it out: a data set mounted read-only, the bundle, results/ if asked for."""
    here = Path.cwd()
    (here / "salon" / "_data").mkdir(parents=True)
    (here / "datasets" / "abc-mine").mkdir(parents=True)
    if results:
        (here / "results").mkdir()
    read_only(monkeypatch, here / "datasets" / "abc-mine")
    return here


def colab(monkeypatch: Patch, widgets: bool = True) -> list[str]:
    """The modules of Colab; what is switched on is noted."""
    calls: list[str] = []

    def switch_on() -> None:
        if not widgets:
            raise RuntimeError("another version of Colab")
        calls.append("enable_custom_widget_manager")

    output = types.ModuleType("google.colab.output")
    output.enable_custom_widget_manager = switch_on  # type: ignore[attr-defined]
    for name, module in (("google", types.ModuleType("google")), ("google.colab", types.ModuleType("colab"))):
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setitem(sys.modules, "google.colab.output", output)
    return calls


# ---- where we are


def test_a_plain_machine_gets_one_line_and_no_second(capsys: Capture) -> None:
    assert platforms.recognise() == "python"
    setup("en")
    assert capsys.readouterr().out == FIRST_LINE
    assert paths.default_out("c-0") == Path("runs/c-0") and paths.mo_folder() is None


def test_a_gpu_is_told_on_a_second_line_and_changes_no_first(monkeypatch: Patch, capsys: Capture) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: "NVIDIA T4")
    setup("en")
    first, second = capsys.readouterr().out.splitlines(keepends=True)
    assert first == FIRST_LINE and "GPU NVIDIA T4" in second
    assert torch.get_deterministic_debug_mode() == 1  # a warning: not all that trains there has such an algorithm
    assert Place("jupyter", None, "widget").usual and not Place("jupyter", None, "page").usual


def test_nbval_does_not_compare_the_second_line() -> None:
    import configparser
    import re

    rules = configparser.RawConfigParser()
    rules.read(ROOT / "tests" / "sanitize.cfg")
    rule = rules["platform-line"]
    for lang in ("en", "zh"):
        set_language(lang)
        shown = FIRST_LINE + f"{Place('jupyter', 'T4', 'widget')}\n"
        assert re.sub(rule["regex"], rule["replace"], shown) == FIRST_LINE


def test_colab_switches_widgets_on(monkeypatch: Patch, capsys: Capture) -> None:
    calls = colab(monkeypatch)
    setup("zh")
    assert calls == ["enable_custom_widget_manager"] and os.environ["SALON_WIDGETS"] == "widget"
    assert "Colab" in capsys.readouterr().out.splitlines()[1]
    colab(monkeypatch, widgets=False)
    assert platforms.way("colab") == "widget"  # what `setup` has set counts
    monkeypatch.setenv("SALON_WIDGETS", "")
    assert platforms.way("colab") == "page"
    monkeypatch.delitem(sys.modules, "google.colab")
    assert platforms.recognise() == "python"
    monkeypatch.setenv("COLAB_RELEASE_TAG", "release-colab-external")  # in a process of its own
    assert platforms.recognise() == "colab"


def test_mo_keeps_what_is_made_in_results(monkeypatch: Patch, capsys: Capture) -> None:
    here = mo(monkeypatch, results=False)
    assert platforms.recognise() == "mo" and paths.mo_folder() == here
    assert paths.default_out("c-0") == here / "results" / "c-0"
    assert paths.cache_path("runs", "x").parent == here / "results" / "salon-cache" / "runs"
    assert (here / "results" / "salon-cache" / "runs").is_dir()
    monkeypatch.chdir(here / "datasets")
    assert paths.mo_folder() == here  # from a folder below as well
    monkeypatch.setenv("SALON_CACHE", str(here / "mine"))
    assert paths.cache_path("x") == here / "mine" / "x"
    setup("en")
    assert "results are kept in results/" in capsys.readouterr().out.splitlines()[1]


def test_the_variables_overrule_and_are_checked(monkeypatch: Patch) -> None:
    monkeypatch.setenv("SALON_PLATFORM", "mo")
    assert platforms.recognise() == "mo" and paths.mo_folder() == Path.cwd()
    monkeypatch.setenv("SALON_PLATFORM", "kaggle")
    with pytest.raises(SalonError, match=r"'kaggle'; expected one of colab, mo"):
        platforms.recognise()
    monkeypatch.setenv("SALON_WIDGETS", "flash")
    with pytest.raises(SalonError, match=r"'flash'; expected one of widget, page"):
        platforms.way("python")


# ---- packages


def test_the_oldest_versions_are_those_of_pyproject(monkeypatch: Patch, tmp_path: Path) -> None:
    core, lab = platforms.requirements(), platforms.requirements("lab")
    assert {one.name for one in core} >= set(HELD) and {one.name for one in lab} >= {"anywidget", *SERVER}
    told = [*map(str, core), *(f"{one}; extra == 'lab'" for one in lab), "pytest>=8; extra == 'test'"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: told)
    monkeypatch.setattr(platforms.salon, "__file__", str(tmp_path / "salon" / "__init__.py"))  # no checkout
    assert (platforms.requirements(), platforms.requirements("lab")) == (core, lab)


@pytest.mark.parametrize(
    ("found", "met"),
    [("2.5.0+cu124", True), ("2.10.1", True), ("2.5.0a0+872d972", True), ("2.4.1", False), (None, False)],
)
def test_versions_are_compared_as_numbers(monkeypatch: Patch, found: str | None, met: bool) -> None:
    installed(monkeypatch, torch=found)
    assert platforms.is_met(Requirement("torch>=2.5")) is met


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", platforms.NAMES)
def test_an_old_torch_is_refused_and_left_alone(monkeypatch: Patch, name: str, lang: str) -> None:
    pip = Pip()
    installed(monkeypatch, torch="2.3.1+cu118")
    set_language(lang)
    with pytest.raises(SalonError, match=r"torch.*2\.3\.1\+cu118.*2\.5") as error:
        platforms.prepare(name, pip)
    assert pip.commands == [] and str(error.value).endswith(say(f"place.old.{name}"))
    installed(monkeypatch, torch=None)
    with pytest.raises(SalonError, match=say("place.none")):
        platforms.prepare(name, pip)


@pytest.mark.parametrize("name", platforms.HOSTED)
def test_only_what_is_missing_is_installed(monkeypatch: Patch, name: str) -> None:
    pip = Pip()
    installed(monkeypatch, safetensors=None, umap_learn=None, ipywidgets="7.7.1", jupyterlab=None)
    assert platforms.prepare(name, pip) == ["safetensors", "umap-learn"]
    asked = [Requirement(x).name for command in pip.commands for x in command if ">=" in x or "==" in x]
    assert len(pip.commands) == 2 and asked == ["safetensors", "umap-learn"]
    assert pip.held[0].splitlines() == [f"{held}=={importlib.metadata.version(held)}" for held in HELD]


def test_nothing_is_installed_at_home_and_without_a_network_extras_are_done_without(monkeypatch: Patch) -> None:
    pip = Pip(status=1)
    installed(monkeypatch, anywidget=None)
    assert platforms.prepare("mo", pip) == [] and len(pip.commands) == 1
    installed(monkeypatch, safetensors=None)
    assert platforms.prepare("jupyter", pip) == platforms.prepare("python", pip) == [] and len(pip.commands) == 1
    with pytest.raises(SalonError, match=r"safetensors>=0\.4\.3"):
        platforms.prepare("mo", pip)


# ---- widgets


@pytest.fixture
def explorer() -> ConfidenceExplorer:
    return ConfidenceExplorer(Recogniser(K=2, d=4, width=0.5))


def test_the_extension_is_looked_for_in_the_servers_environment(monkeypatch: Patch, tmp_path: Path) -> None:
    import psutil

    server = tmp_path / "server"
    (server / "share" / "jupyter" / "labextensions").mkdir(parents=True)
    monkeypatch.setenv("JUPYTER_PATH", "")
    assert platforms.has_extension("anywidget")  # no server known: the kernel's own environment
    monkeypatch.setenv("JPY_PARENT_PID", "1")
    program = [str(server / "bin" / "python"), "-m", "jupyterlab"]
    monkeypatch.setattr(psutil, "Process", lambda pid: types.SimpleNamespace(cmdline=lambda: program))
    assert not platforms.has_extension("no-such-extension")
    assert platforms._server_prefix() == server and platforms.way("jupyter") == "page"
    (server / "share" / "jupyter" / "labextensions" / "anywidget").mkdir()
    assert platforms.way("jupyter") == platforms.way("mo") == "widget"
    program[0] = "python"  # by a name alone nothing can be told
    assert platforms._server_prefix() == Path(sys.prefix)


@pytest.mark.parametrize(
    ("way", "kind"), [("widget", host.VIEW), ("page", "text/html"), ("plain", host.VIEW), ("picture", "text/plain")]
)
def test_every_way_keeps_a_picture(monkeypatch: Patch, explorer: ConfidenceExplorer, way: str, kind: str) -> None:
    monkeypatch.setenv("SALON_WIDGETS", way)
    data, _ = explorer._repr_mimebundle_()
    assert kind in data and "image/png" in data and data["text/plain"] == "ConfidenceExplorer()"
    assert (host.VIEW in data) == (way in ("widget", "plain"))
    if way == "page":
        html = data["text/html"]
        assert html.startswith('<iframe srcdoc="&lt;!doctype html') and "https:" not in html


def test_plain_sliders_move_the_picture(explorer: ConfidenceExplorer) -> None:
    *sliders, image = explorer.plain().children
    before, sliders[1].value = image.value, 75.0
    assert explorer.yaw == 75.0 and image.value != before and bytes(image.value).startswith(b"\x89PNG")
    stored = FeatureViews.load(paths.data_path("views", "features.npz"))
    slider, image = FeatureMap(stored).plain().children
    before, slider.value = image.value, 1
    assert len(slider.options) == 9 and image.value != before


def test_without_anywidget_a_page_takes_its_place(monkeypatch: Patch) -> None:
    monkeypatch.setitem(sys.modules, "anywidget", None)
    spec = importlib.util.spec_from_file_location("host_without", host.__file__)
    assert spec is not None and spec.loader is not None
    without = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(without)

    class Toy(without.Picture):
        room = "scale"

        def figure(self) -> Figure:
            return Figure(figsize=(1, 1))

        def page(self, lang: str | None = None) -> str:
            return "<p>a page</p>"

    data, _ = Toy()._repr_mimebundle_()
    assert data.keys() == {"text/html", "text/plain", "image/png"} and "a page" in data["text/html"]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert platforms.way("colab") == platforms.way("jupyter") == "page"


# ---- the bundle


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle as a reader finds it after unpacking."""
    folder = tmp_path_factory.mktemp("bundle")
    with zipfile.ZipFile(bundle.write_bundle(folder / "salon.zip")) as file:
        names = file.namelist()
        assert names == sorted(names) and {entry.date_time for entry in file.infolist()} == {bundle._TIME}
        file.extractall(folder / "unpacked")
    assert (folder / "salon.zip").stat().st_size < 40e6
    return folder / "unpacked"


ALONE = f"""
import runpy, socket, sys
from pathlib import Path
sys.path[:] = [p for p in sys.path if Path(p).resolve() != Path({str(ROOT)!r})]
def refuse(*arguments): raise OSError("no network")
socket.socket.connect = refuse
runpy.run_path("job.py", run_name="__main__")
"""
CELLS = {
    "setup": 'from salon import lecture\nlecture.setup("zh")',
    "bundle": "from pathlib import Path\n\nimport salon\nfrom salon.lecture import doctor, lab, platforms\n"
    "from salon.paths import data_path\n\n"
    'found = [salon.__file__, data_path("models", "lecture.safetensors"), lab.originals()]\n'
    "print(*(Path(path).relative_to(Path.cwd()).as_posix() for path in found))\n"
    "print(*platforms.requirements(), doctor.check_files(), sep=',')",
    "figure": "from matplotlib.figure import Figure\n\nlecture.show(Figure(figsize=(1, 1)), 'nothing')",
    "explorer": "import salon\nfrom salon.widgets import ConfidenceExplorer\n\n"
    'ConfidenceExplorer(\n    salon.load("lecture"))',
    "table": "lecture.table([['a'], [1]])\nx = 3\nx",
    "broken": "1 / 0",
}


@pytest.fixture(scope="module")
def job(unpacked: Path) -> types.SimpleNamespace:
    """A notebook exported as a script, run from the unpacked bundle alone, sockets refused; its last part fails."""
    cells = [new_markdown_cell("# A small notebook"), new_markdown_cell("Words.\n\n## A part (2 min)")]
    cells += [new_code_cell(source, id=name) for name, source in CELLS.items()]
    nbformat.write(new_notebook(cells=cells), unpacked.parent / "09_small.ipynb")
    (unpacked / "job.py").write_text(script.as_script(unpacked.parent / "09_small.ipynb"), encoding="utf-8")
    variables = {"SALON_PLATFORM": "mo", "SALON_CACHE": "", "SALON_WIDGETS": "", "PYTHONPATH": ""}
    variables["IPYTHONDIR"] = str(unpacked.parent / "ipython")
    command = [sys.executable, "-c", ALONE]
    done = subprocess.run(command, capture_output=True, text=True, cwd=unpacked, env=os.environ | variables)
    return types.SimpleNamespace(folder=unpacked, code=done.returncode, out=done.stdout, err=done.stderr)


def test_the_bundle_works_where_nothing_is_installed(job: types.SimpleNamespace) -> None:
    lines = job.out.splitlines()
    assert "中文" in lines[1] and "Mo" in lines[2], job.err
    assert "salon/__init__.py salon/_data/models/lecture.safetensors salon/_notebooks" in lines
    wanted = ",".join(map(str, platforms.requirements()))
    assert any(line.startswith(wanted) and line.endswith("与发布时一致") for line in lines)


def test_a_job_leaves_pictures_and_metrics(job: types.SimpleNamespace) -> None:
    saved = sorted(path.name for path in (job.folder / "results" / "09_small").iterdir())
    assert saved == ["03-figure-1.png", "04-explorer-1.png"]
    metrics = [json.loads(line) for line in job.out.splitlines() if line.startswith("{")]
    assert [(row["metric"], row["step"]) for row in metrics] == [("seconds", step) for step in range(1, 6)]
    assert "| a |" in job.out and "\n3\n" in job.out
    assert "# ## A part (2 min)" in (job.folder / "job.py").read_text(encoding="utf-8")


def test_a_job_that_fails_says_so(job: types.SimpleNamespace) -> None:
    assert job.code == 1 and "ZeroDivisionError" in job.err


def test_the_bundle_holds_the_notebooks_three_ways(unpacked: Path) -> None:
    names = [path.name for path in sorted((ROOT / "notebooks").glob("*.ipynb"))]
    for folder in (".", "colab", "salon/_notebooks"):
        assert [path.name for path in sorted((unpacked / folder).glob("*.ipynb"))] == names
    plain, on_colab = (nbformat.read(unpacked / folder / names[0], 4).cells for folder in (".", "colab"))
    assert on_colab[0].source == bundle.cell_zero()
    assert [cell.id for cell in on_colab[1:]] == [cell.id for cell in plain]
    assert not any(cell.get("outputs") for cell in on_colab)
    assert not any("](../" in cell.source for cell in plain)


def test_the_same_sources_give_the_same_bytes(monkeypatch: Patch, tmp_path: Path) -> None:
    files = [("b.txt", b"2"), ("a.txt", b"1")]
    monkeypatch.setattr(bundle, "contents", lambda lang: files)
    one = bundle.write_bundle(tmp_path / "one" / "salon.zip").read_bytes()
    files.reverse()
    assert bundle.write_bundle(tmp_path / "two.zip").read_bytes() == one


def test_cell_zero_unpacks_the_zip_beside_it_or_asks_for_one(monkeypatch: Patch) -> None:
    def pack(name: str) -> None:
        with zipfile.ZipFile(name, "w") as file:
            file.writestr("salon/__init__.py", "")

    colab(monkeypatch)
    files = types.ModuleType("google.colab.files")
    files.upload = lambda: pack("chosen.zip") or {"chosen.zip": b""}  # type: ignore[attr-defined, func-returns-value]
    monkeypatch.setitem(sys.modules, "google.colab.files", files)
    exec(bundle.cell_zero(), {})
    assert Path("salon/__init__.py").is_file() and Path("chosen.zip").is_file()
    Path("salon/__init__.py").unlink()
    Path("salon").rmdir()
    Path("chosen.zip").unlink()
    pack("salon-lecture.zip")
    exec(bundle.cell_zero(), {})
    assert Path("salon/__init__.py").is_file() and not Path("chosen.zip").exists()


def test_the_documents_show_cell_zero_and_the_oldest_versions() -> None:
    torch_line = next(str(one) for one in platforms.requirements() if one.name == "torch")
    for name in ("platforms.md", "platforms.zh.md"):
        text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        assert bundle.CELL_ZERO.format(address="") in text and torch_line in text


# ---- a job


def test_a_training_in_a_script_tells_its_losses(tmp_path: Path, capsys: Capture) -> None:
    cell = new_code_cell("import salon\nrun = salon.train(fixed, data=data)", id="live")
    nbformat.write(new_notebook(cells=[new_markdown_cell("# Top"), cell]), tmp_path / "one.ipynb")
    assert "\nrun = salon.train(fixed, data=data, log=part.log)\n" in script.as_script(tmp_path / "one.ipynb")
    losses = _Losses(types.SimpleNamespace(part="live"))  # type: ignore[arg-type]
    losses({"step": 10, "loss": 2.25})
    assert json.loads(capsys.readouterr().out) == {"metric": "live loss", "value": 2.25, "step": 10}


# ---- the lab and the doctor


def test_the_lab_opens_in_either_language(monkeypatch: Patch, tmp_path: Path) -> None:
    assert "--LabApp.default_url=/lab/tree/00_start_here.ipynb" in lab.lab_arguments(tmp_path)
    assert "--LabApp.default_url=/lab/tree/zh/00_start_here.ipynb" in lab.lab_arguments(tmp_path, lang="zh")
    monkeypatch.setattr(lab, "originals", lambda: tmp_path)
    with pytest.raises(SalonError, match="git checkout -- notebooks"):
        lab.open_lab(tmp_path / "mine", lang="zh")
