"""What a reader does: `salon lab`, a notebook opened in a real browser, all cells run, a slider moved."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from conftest import ROOT

from salon import embed, load
from salon.faces.people import split_people
from salon.figures.explorer import spoilt, turned

pytestmark = [pytest.mark.browser, pytest.mark.slow]
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))

SECONDS = 600  # for one notebook on a busy machine
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3"}}  # without it JupyterLab asks which

TINY = (
    "from salon import lecture\nlecture.setup('en')",
    "import salon\nfrom salon.widgets import ConfidenceExplorer\nfrom salon.widgets.pack import pack\n"
    "explorer = ConfidenceExplorer(salon.load('lecture'))\nexplorer",
    "own = salon.load('lecture')\nown.confidence_scale *= 2\nexplorer.network = pack(own)",  # instead of ours
)
BROKEN = ("1 / 0", "print('never reached')")

# Commands of the application itself: a click in the menu is lost where the kernel is not connected yet.
RUN_ALL = """async (seconds) => {
  const run = async () => {
    const panel = jupyterapp.shell.currentWidget;
    await panel.context.ready;
    await panel.sessionContext.ready;
    await panel.sessionContext.session.kernel.info;
    await jupyterapp.commands.execute('notebook:run-all-cells');
    return panel.context.model.toJSON();
  };
  const late = (_, reject) => setTimeout(() => reject(Error(`not done in ${seconds} s`)), 1000 * seconds);
  return Promise.race([run(), new Promise(late)]);
}"""
SHOW_CELL = """async (index) => {
  const notebook = jupyterapp.shell.currentWidget.content;
  notebook.activeCellIndex = index;
  await notebook.scrollToItem(index);
}"""
CONFIDENCES = "bars => bars.map((bar) => bar.dataset.value)"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """JupyterLab as `salon lab` serves it, on a copy of the notebooks and none of this user's settings."""
    home = tmp_path_factory.mktemp("lab")
    folder = home / "my-notebooks"
    folder.mkdir()
    for name, cells in (("tiny", TINY), ("broken", BROKEN)):
        code = [nbformat.v4.new_code_cell(cell) for cell in cells]
        notebook = nbformat.v4.new_notebook(cells=code, metadata=KERNEL)
        nbformat.write(notebook, folder / f"{name}.ipynb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "salon", "lab", "--no-browser", f"--folder={folder}", f"--port={port}"]
    with (home / "lab.log").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, env=_own_jupyter(home), cwd=home)
        try:
            url = f"http://localhost:{port}"
            _wait_until_served(url, server, home / "lab.log")
            yield SimpleNamespace(url=url, folder=folder)
        finally:
            server.terminate()
            server.wait(30)


def _own_jupyter(home: Path) -> dict[str, str]:
    """An environment with Jupyter's folders in `home`, no token, and the application in a script's reach."""
    config = home / "config"
    config.mkdir()
    settings = {"IdentityProvider": {"token": ""}, "LabApp": {"expose_app_in_browser": True}}
    (config / "jupyter_lab_config.json").write_text(json.dumps(settings))
    lab = ("JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    names = ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR", *lab)
    own = {name: str(home / name.lower()) for name in names}
    return os.environ | own | {"JUPYTER_CONFIG_DIR": str(config)}


def _wait_until_served(url: str, server: subprocess.Popen, log: Path, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            urllib.request.urlopen(f"{url}/api/status", timeout=5).close()
            return
        except OSError:
            time.sleep(0.5)
    pytest.fail(f"JupyterLab did not come up:\n{log.read_text()[-3000:]}")


@pytest.fixture
def page(chromium, lab: SimpleNamespace, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator:
    """A browser page; at its end a screenshot, no script error, and no request to any other host."""
    page = chromium.new_page(viewport={"width": 1400, "height": 1000})
    errors: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda sent: asked.append(sent.url))
    yield page
    shots = Path(os.environ.get("SALON_SCREENSHOTS", tmp_path))
    shots.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=shots / f"{re.sub(r'[^a-z0-9]+', '-', request.node.name)}.png")
    page.close()
    outside = {url for url in asked if not url.startswith((lab.url, "data:", "blob:"))}
    assert not errors and not outside


def run_notebook(page, lab: SimpleNamespace, name: str) -> list[dict]:
    """Open a notebook as a reader does, run all its cells, and hand them back with their outputs."""
    page.goto(f"{lab.url}/lab/tree/{name}?reset")
    page.wait_for_function("window.jupyterapp?.shell?.currentWidget?.context !== undefined", timeout=60_000)
    return page.evaluate(RUN_ALL, SECONDS)["cells"]


def failures(cells: list[dict]) -> list[str]:
    """What went wrong: each error output, and each code cell that never ran."""
    code = [cell for cell in cells if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
    errors = [out["evalue"] for cell in code for out in cell["outputs"] if out["output_type"] == "error"]
    return errors + ["not run: " + "".join(cell["source"]) for cell in code if not cell["execution_count"]]


def move_explorers(page, cells: list[dict]) -> int:
    """Turn the face of each explorer to its end by keyboard; its confidences must change."""
    moved = 0
    for index, cell in enumerate(cells):
        if "vnd.jupyter.widget-view" not in json.dumps(cell.get("outputs", "")):
            continue
        page.evaluate(SHOW_CELL, index)
        explorer = page.locator(f'.jp-Cell[data-windowed-list-index="{index}"] .salon-explorer')
        page.wait_for_timeout(1000)
        if explorer.count() == 0:  # another widget
            continue
        slider, bars = explorer.locator("input[name=yaw]"), explorer.locator(".salon-bar")
        before = bars.evaluate_all(CONFIDENCES)
        slider.press("End")
        deadline = time.monotonic() + 60
        while bars.evaluate_all(CONFIDENCES) == before:
            assert time.monotonic() < deadline, "the confidences did not follow the slider"
            page.wait_for_timeout(50)
        moved += 1
    return moved


def test_the_harness_sees_an_error(page, lab: SimpleNamespace) -> None:
    found = failures(run_notebook(page, lab, "broken.ipynb"))
    assert found[0] == "division by zero" and found[1].startswith("not run")


def test_a_slider_moves_the_confidences(page, lab: SimpleNamespace) -> None:
    cells = run_notebook(page, lab, "tiny.ipynb")
    assert not failures(cells)
    assert move_explorers(page, cells) == 1
    last = page.locator(".salon-explorer .salon-bar").evaluate_all(CONFIDENCES)
    frames = turned(split_people("test", 14)[4])
    confidences = embed(load("lecture"), spoilt(frames, yaw=75.0)).confidences[0]
    assert [float(value) for value in last] == pytest.approx((2 * confidences).tolist(), rel=1e-2)


@pytest.mark.long  # nbval runs the notebooks every day
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_notebook_runs_in_the_browser(page, lab: SimpleNamespace, name: str) -> None:
    cells = run_notebook(page, lab, name)
    assert not failures(cells)
    explorers = move_explorers(page, cells)
    assert explorers or "ConfidenceExplorer" not in json.dumps(cells)
