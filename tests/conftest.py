"""What all tests share: one thread, one seed, real faces and a browser where they are to be had."""

import os
import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
os.environ["NUMBA_NUM_THREADS"] = "1"  # as lecture.setup sets it; numba takes no second value
torch.set_num_threads(1)  # two are slower on a busy machine, and the last digits hang on their number


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Full counts only where they are asked for."""
    if os.environ.get("SALON_LONG") != "1":
        skip = pytest.mark.skip(reason="full counts: SALON_LONG=1, or `make test-long`")
        for item in items:
            if "long" in item.keywords:
                item.add_marker(skip)


@pytest.fixture(autouse=True)
def seeds() -> None:
    """The same random numbers in every test, whichever tests ran before."""
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@contextmanager
def broken_off(at: int) -> Iterator[None]:
    """Every training in here is broken off before step `at`."""
    from salon.training import loop

    def step(run, data):
        if run.step == at:
            raise KeyboardInterrupt
        return whole(run, data)

    whole = loop.train_step
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop, "train_step", step)
        yield


@pytest.fixture(scope="session")
def real_faces() -> Path:
    """The folder that SALON_REAL_FACES names; unset, the test is skipped; set and wrong, it fails."""
    named = os.environ.get("SALON_REAL_FACES")
    if not named:
        pytest.skip("SALON_REAL_FACES is not set: no folder of real faces at hand")
    folder = Path(named)
    if not folder.is_dir():
        pytest.fail(f"SALON_REAL_FACES names {folder}, which is not a folder")
    return folder


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium, driven by Playwright; without one the test is skipped, under CI it fails."""
    names = ("chromium", "chromium-browser", "google-chrome", "chrome")
    path = os.environ.get("CHROME_PATH") or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        reason = "no Chromium on the PATH and CHROME_PATH is not set"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-quic", "--disable-background-networking"]
        )
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium, tmp_path: Path) -> Iterator:
    """Open a page's text from a file with every request refused; at the end nothing may have gone wrong."""
    context = chromium.new_context(viewport={"width": 900, "height": 800}, offline=True)
    wrong: list[str] = []

    def visit(html: str):
        (tmp_path / "page.html").write_text(html, encoding="utf-8")
        page = context.new_page()
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("requestfailed", lambda request: wrong.append(request.url[:90]))
        page.goto((tmp_path / "page.html").as_uri())
        return page

    yield visit
    context.close()
    assert wrong == []
