"""Killed at random moments and gone on with, a work leaves what it leaves unbroken."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

KILLS = {"train": 100, "reproduce": 20, "refresh": 20} if os.environ.get("SALON_LONG") == "1" else {}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks its victims")
@pytest.mark.parametrize("work", ["train", "reproduce", "refresh"])
def test_what_was_killed_ends_as_if_unbroken(work: str, tmp_path: Path) -> None:
    command = [sys.executable, "tests/fuzz/kills.py", work, tmp_path, str(KILLS.get(work, 2))]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)})
    assert done.returncode == 0 and "as unbroken" in done.stdout, done.stderr
