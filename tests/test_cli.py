"""The commands as a user gives them: what they print, write and refuse, and with which exit status."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import ROOT
from PIL import Image

from authoring import checksums
from salon import cli
from salon.faces.people import sample_people
from salon.faces.render import render, sample_views
from salon.lecture import doctor, lab, setup
from salon.model.embedding import InputSpec
from salon.model.network import Recogniser
from salon.training import checkpoints
from salon.words import SalonError, set_language

Capture = pytest.CaptureFixture
COMMAND = [sys.executable, "-m", "salon"]
PROMISED = {"accuracy", "accuracy_std", "eer", "tar_at_far_0.01", "tar_at_far_0.001"}
PROMISED |= {"genuine_pairs", "impostor_pairs"}


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of six rendered people, four pictures each."""
    folder = tmp_path_factory.mktemp("faces")
    people = sample_people(6, seed=1)[torch.arange(6).repeat_interleave(4)]
    images = render(people, sample_views(24, seed=2), size=48)
    for i, image in enumerate(images):
        path = folder / f"person_{i // 4}" / f"person_{i // 4}_{i % 4 + 1:04}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray((image.permute(1, 2, 0) * 255).round().byte().numpy()).save(path)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained small model."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / "model.safetensors"
    checkpoints.save(path, Recogniser(InputSpec(size=32), K=2, d=8, width=0.5))
    return path


def refused(capsys: Capture, *arguments: object) -> str:
    """Run a command that must be refused; its sentence on stderr."""
    assert cli.main([str(argument) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("salon: ") and "Traceback" not in error
    return error


def test_help_is_quick_and_fits_a_screen() -> None:
    code = (
        "import sys, salon.cli; print(salon.cli.parser().format_help()); "
        "heavy = {'torch', 'numpy', 'matplotlib', 'pandas'} & set(sys.modules); assert not heavy, heavy"
    )
    screen = os.environ | {"COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True, env=screen
    )
    lines = done.stdout.splitlines()
    assert len(lines) <= 24 and max(map(len, lines)) <= 80
    names = re.findall(r"^    ([a-z]+)", done.stdout, re.MULTILINE)
    assert names == ["train", "evaluate", "pairs", "faces", "page", "lab", "doctor", "reproduce", "bench"]


@pytest.mark.parametrize(
    ("raised", "status", "said"),
    [
        (SalonError("this came; that was expected"), 2, "salon: this came; that was expected\n"),
        (PermissionError(13, "Permission denied", "out.json"), 2, "out.json"),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
)
def test_exit_status(
    raised: BaseException, status: int, said: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    def fail() -> None:
        raise raised

    monkeypatch.setattr(doctor, "examine", fail)
    assert cli.main(["doctor"]) == status
    assert said in capsys.readouterr().err


def test_pairs_then_evaluate(faces: Path, model: Path, tmp_path: Path, capsys: Capture) -> None:
    pairs, out, scores = tmp_path / "pairs.txt", tmp_path / "new" / "out.json", tmp_path / "scores.csv"
    assert cli.main(["pairs", str(faces), "--out", str(pairs), "--folds", "3", "--pairs-per-fold", "4"]) == 0
    arguments = ["evaluate", model, "--faces", faces, "--pairs", pairs, "--json", out, "--scores", scores]
    assert cli.main([*map(str, arguments), "--quiet"]) == 0
    measured = json.loads(out.read_text())
    assert measured.keys() >= PROMISED
    assert not any(isinstance(value, dict | list) for value in measured.values())
    assert 0 <= measured["accuracy"] <= 1 and measured["genuine_pairs"] == measured["impostor_pairs"] == 12
    with scores.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 24 and sum(int(row["label"]) for row in rows) == 12
    printed = capsys.readouterr().out
    assert all(name in printed for name in PROMISED)


def test_evaluate_says_what_is_missing(faces: Path, model: Path, tmp_path: Path, capsys: Capture) -> None:
    broken = tmp_path / "cut.safetensors"
    broken.write_bytes(model.read_bytes()[:5000])
    assert "cut short" in refused(capsys, "evaluate", broken)
    assert "lecture" in refused(capsys, "evaluate", "sphereface")
    assert "does not exist" in refused(capsys, "evaluate", tmp_path / "none.safetensors")
    assert "both are needed" in refused(capsys, "evaluate", model, "--faces", faces)
    assert "--pairs" in refused(capsys, "evaluate", model, "--scores", tmp_path / "scores.csv")
    pairs = tmp_path / "pairs.txt"
    pairs.write_text("1\t1\nperson_0\t1\t2\nperson_0\t1\tnobody\t1\n")
    assert "nobody" in refused(capsys, "evaluate", model, "--faces", faces, "--pairs", pairs)
    missing = refused(capsys, "evaluate", model, "--faces", tmp_path / "nowhere", "--pairs", pairs)
    assert "nowhere" in missing


def test_unknown_names_are_answered_with_the_known_ones(capsys: Capture, tmp_path: Path) -> None:
    assert "confidence" in refused(capsys, "train", "sphereface", "--out", tmp_path)
    assert "length" in refused(capsys, "reproduce", "table9")
    assert "lecture" in refused(capsys, "reproduce", "length", "--scale", "huge")
    assert "leave --scale" in refused(capsys, "reproduce", "fairness", "--scale", "gpu")


def test_train_on_photographs_says_so_on_the_card(faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    options = ["--faces", str(faces), "--out", str(out), "--steps", "2", "--quiet"]
    assert cli.main(["train", "tiny", *options]) == 0
    card = checkpoints.read_card(out / "model.safetensors")
    assert "rendered" not in card["trained_on"] and card["licence"] != "CC BY 4.0" and card["recipe"]["people"] == 6


@pytest.mark.parametrize("command", ["reproduce", "bench"])
def test_outside_a_checkout_experiments_are_asked_for_in_one_sentence(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "experiments"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if not Path(path, "experiments").is_dir()])
    said = refused(capsys, command, "method")
    assert "clone" in said and said.count("\n") == 1


@pytest.mark.slow
def test_ctrl_c_says_so_and_leaves_a_whole_checkpoint(tmp_path: Path) -> None:
    saved = tmp_path / "model.safetensors"
    command = [*COMMAND, "train", "tiny", "--steps", "10000", "--out", str(tmp_path), "--quiet"]
    alone = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=alone) as process:
        end = time.monotonic() + 200
        try:
            while not saved.exists():
                assert process.poll() is None and time.monotonic() < end
                time.sleep(0.05)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=100)
        finally:
            process.kill()
    assert process.returncode == 130 and "stopped" in said and "Traceback" not in said
    assert 0 < checkpoints.load(saved)[1]["step"] < 10000


def test_doctor_tells_ok_note_and_mend_apart(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def note() -> str:
        raise doctor.Advice("slow")

    def mend() -> str:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(doctor, "CHECKS", {"one": lambda: "fine", "two": note})
    assert cli.main(["doctor"]) == 0
    monkeypatch.setattr(doctor, "CHECKS", {"one": lambda: "fine", "two": note, "three": mend})
    assert cli.main(["doctor"]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["OK", "NOTE", "OK", "NOTE", "MEND"]
    assert "nms" in lines[-1]


def test_doctor_speaks_chinese(capsys: Capture) -> None:
    cli.main(["doctor", "--lang", "zh"])
    set_language("en")
    lines = {line.split()[1]: line.split(maxsplit=2)[2] for line in capsys.readouterr().out.splitlines()}
    own = {name: line for name, line in lines.items() if name != "python"}
    assert list(lines) == list(doctor.CHECKS) and all(re.search("[一-鿿]", line) for line in own.values())


def test_checksums_see_each_change(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "a b.png").write_bytes(b"a")
    (tmp_path / "README.md").write_text("# Sheet\n\n<!-- checksums -->\n```text\n```\nend\n")
    for module in (doctor, checksums):
        monkeypatch.setattr(module, "data_root", lambda: tmp_path)
    with pytest.raises(SalonError, match="lists no file"):
        doctor.check_files()
    assert checksums.write_checksums() == 1
    assert checksums.write_checksums() == 1  # again: replaced, not added
    assert doctor.read_checksums() == doctor.checksums() and list(doctor.checksums()) == ["faces/a b.png"]
    assert (tmp_path / "README.md").read_text().endswith("```\nend\n")
    assert "1 files" in doctor.check_files()
    (tmp_path / "faces" / "a b.png").write_bytes(b"b")
    with pytest.raises(SalonError, match=r"faces/a b\.png"):
        doctor.check_files()


def test_lab_keeps_what_the_reader_wrote(tmp_path: Path) -> None:
    source, target = tmp_path / "notebooks", tmp_path / "mine"
    (source / "zh").mkdir(parents=True)
    (source / ".ipynb_checkpoints").mkdir()
    for name in ("00.ipynb", "zh/00.ipynb", ".ipynb_checkpoints/00.ipynb"):
        (source / name).write_text("ours")
    assert len(lab.copy_notebooks(source, target)[0]) == 2
    (target / "00.ipynb").write_text("mine")
    (source / "01.ipynb").write_text("ours")
    assert lab.copy_notebooks(source, target) == ([target / "01.ipynb"], [])
    assert (target / "00.ipynb").read_text() == "mine"
    kept = lab.put_aside(target)
    assert kept is not None and (kept / "00.ipynb").read_text() == "mine" and not target.exists()
    lab.copy_notebooks(source, target)
    assert (target / "00.ipynb").read_text() == "ours"
    assert lab.put_aside(tmp_path / "nothing") is None


@pytest.fixture
def back_to_normal():
    """Undo what `setup` changes for the whole process."""
    yield
    torch.use_deterministic_algorithms(False)
    set_language("en")


def test_setup_says_one_line_and_repeats(back_to_normal: None, capsys: Capture) -> None:
    drawn = []
    for lang in ("en", "zh", "en"):
        setup(lang)
        drawn.append(torch.rand(3))
    assert torch.equal(drawn[0], drawn[1]) and torch.equal(drawn[0], drawn[2])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == lines[2] != lines[1] and "中文" in lines[1]
    assert torch.get_num_threads() == 1 and torch.are_deterministic_algorithms_enabled()
    with pytest.raises(SalonError, match="fr"):
        setup("fr")
