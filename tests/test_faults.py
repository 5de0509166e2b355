"""Faults that people meet, each kind once: the right result, and nothing lost. docs/faults.md lists them."""

import ast
import json
import os
import pickle
import re
import resource
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT
from PIL import Image
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from salon import cli, paths
from salon.evaluation.pairs import verification
from salon.evaluation.people import read_benchmark
from salon.evaluation.results import read_table
from salon.faces.collections import _natural, list_people, read_image, read_pairs, write_pairs
from salon.faces.insightface import read_insightface
from salon.faces.people import sample_people
from salon.lecture import doctor, lab
from salon.model.embedding import InputSpec
from salon.model.matching import fit_variances
from salon.model.network import Recogniser, embed
from salon.paths import cache_path, expect_place, read_data, write_whole
from salon.training.checkpoints import load, read_card, save
from salon.training.data import kept
from salon.training.loop import train
from salon.training.recipes import recipe
from salon.training.run import begin, restore
from salon.training.run import save as save_run
from salon.widgets import BlackHole, FeatureMap
from salon.words import SalonError, expect_whole, short


def people(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).mkdir(parents=True)
        for n in range(1, 4):
            Image.new("L", (16, 16), n).save(root / name / f"{n}.png")
    return root


def test_only_one_helper_writes_files() -> None:
    """Of the package; the log is appended to, and pip's list lies in a folder of its own."""
    found = set()
    for path in (ROOT / "salon").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                modes = {argument.value for argument in node.args if isinstance(argument, ast.Constant)}
                if name in ("write_text", "write_bytes", "to_csv", "copyfile") or (
                    name == "open" and {"w", "wb"} & modes
                ):
                    found.add(path.name)
    assert found == {"paths.py", "platforms.py"}


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="no limit to set")
@pytest.mark.parametrize("command", ["pairs", "page", "faces"])
def test_a_full_disk_names_the_file_and_leaves_the_old_one(command: str, tmp_path: Path) -> None:
    out = tmp_path / {"pairs": "pairs.txt", "page": "page.html", "faces": "sheet.png"}[command]
    out.write_text("old")
    given = {
        "pairs": ["pairs", people(tmp_path / "faces", "a", "b"), "--out", out, "--folds", "1"],
        "page": ["page", "explorer", out],
        "faces": ["faces", out, "--count", "2", "--size", "48"],
    }[command]
    code = (
        "import resource, signal, sys; from salon import cli\n"
        "import torch.distributed.nn  # which writes a file of its own in torch 2.5\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\nresource.setrlimit(resource.RLIMIT_FSIZE, (8, 8))\n"
        "sys.exit(cli.main(sys.argv[1:]))"
    )
    done = subprocess.run([sys.executable, "-c", code, *map(str, given)], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 2 and f"salon: {out} could not be written" in done.stderr, done.stderr
    assert out.read_text() == "old" and {path.name for path in tmp_path.iterdir()} <= {out.name, "faces"}


@pytest.mark.parametrize("out", [".", "/", "", "a\0b", "x" * 300])
def test_a_place_that_holds_no_file_is_told(out: str) -> None:
    with pytest.raises(SalonError, match="could not be written"):
        write_whole(out, "x")


def test_a_place_is_tried_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr("salon.training.loop.begin", None)  # so far it does not come
    monkeypatch.setattr("salon.load", None)
    for place in (Path("."), Path("/"), tmp_path, tmp_path / "file" / "x"):
        with pytest.raises(SalonError, match="could not be written"):
            expect_place(place)
    with pytest.raises(SalonError, match="could not be written"):
        train(recipe("tiny"), tmp_path / "file")
    usual = warnings.formatwarning
    assert cli.main(["evaluate", "lecture", "--json", str(tmp_path / "file" / "x")]) == 2
    assert warnings.formatwarning is usual and (tmp_path / "file").read_bytes() == b""


def test_devices_and_links_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_whole(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_text() == "new"
    if Path("/dev/full").exists():
        with pytest.raises(SalonError, match="/dev/full could not be written"):
            write_whole("/dev/full", "x")
        assert not Path("/dev/full").is_file()


GBK = os.fsdecode("张伟".encode("gbk"))


@pytest.mark.parametrize("locale", ["C.UTF-8", "C"])
def test_names_that_are_not_utf_8_go_through_pairs_and_back(locale: str, tmp_path: Path) -> None:
    folder, out = people(tmp_path / "faces", GBK, "李雷", "b"), tmp_path / "pairs.txt"
    environment = os.environ | {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    command = [sys.executable, "-m", "salon", "pairs", folder, "--out", out, "--folds", "1"]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, env=environment)
    assert done.returncode == 0 and b"Traceback" not in done.stderr, done.stderr
    assert {file.parent.name for file in read_pairs(out, folder).first} >= {"李雷"}
    assert GBK.encode("utf-8", "surrogateescape") in out.read_bytes()


@pytest.mark.parametrize(
    "name", ["a\tb", "a\nb", "a\rb", "a\x0bb", "a\x0cb", "a\x1cb", "a\x85b", "a\u2028b", " a", "a\u3000"]
)
def test_names_that_a_list_cannot_hold_are_refused_when_it_is_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(SalonError, match="a name with a tab, line break or space at an edge"):
        write_pairs(people(tmp_path / "faces", name, "plain name"), tmp_path / "pairs.txt", folds=1)
    assert not (tmp_path / "pairs.txt").exists()


@pytest.mark.parametrize(
    "given",
    [
        ["train", "tiny", "--steps", "0"], ["train", "tiny", "--steps", "-4"], ["train", "tiny", "--seed", "-1"],
        ["train", "tiny", "--seed", "9" * 23], ["train", "tiny", "--seed", "9" * 5000], ["lab", "--port", "99999"],
        ["reproduce", "length", "--jobs", "-1"], ["faces", "x.png", "--size", "100000"],
        ["pairs", "x", "--out", "y", "--folds", "0"],
    ],
)  # fmt: skip
def test_numbers_out_of_range_are_refused_in_a_sentence(given: list[str], capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match="2"):
        cli.main(given)
    said = capsys.readouterr().err
    assert "expected a whole number from" in said and len(said.splitlines()[-1]) < 250


def test_numbers_are_checked_without_a_command_too(tmp_path: Path) -> None:
    assert expect_whole("n", "12") == expect_whole("n", np.int64(12)) == 12
    for call in (lambda: recipe("tiny", steps=0), lambda: recipe("tiny", seed=10**5000), lambda: sample_people(0, 1),
                 lambda: recipe("tiny", K=2.5), lambda: write_pairs(tmp_path, "x", seed=-1)):  # fmt: skip
        with pytest.raises(SalonError, match=r"expected a whole number|no people"):
            call()
    pairs, folder = tmp_path / "pairs.txt", people(tmp_path / "faces", "a", "b")
    for text in ("9" * 5000 + "\n", "a\t1\t" + "9" * 5000 + "\n", "x" * 100_000 + "\n"):
        pairs.write_text(text)
        with pytest.raises(SalonError, match=r"characters\)") as refused:
            read_pairs(pairs, folder)
        assert len(str(refused.value)) < 400
    assert short("a\nb") == "'a\\nb'"


@pytest.mark.parametrize(
    ("name", "came"),
    [("lr", np.float32(1)), ("margin", float("nan")), ("yaw", "2"), ("adversary", -1), ("cooldown", 0), ("border", -1),
     ("variations", "recaled")],
)  # fmt: skip
def test_a_recipe_of_what_cannot_be_is_refused_before_it_trains(name: str, came: object) -> None:
    with pytest.raises(SalonError, match=r"came as|came; expected"):
        recipe("tiny", **{name: came})
    made = recipe("tiny", steps="3", K=np.int64(2), seed=True)
    assert [type(x) for x in (made.steps, made.K, made.seed)] == [int] * 3 and made.steps == 3


@pytest.mark.parametrize("x", [np.zeros((2, 3, 16, 16)), torch.zeros(0, 3, 16, 16), torch.full((2, 3, 16, 16), np.nan)])
def test_pictures_that_a_model_cannot_see_are_refused(x: torch.Tensor) -> None:
    model = Recogniser(InputSpec(16), K=2, d=4, width=0.125)
    with pytest.raises(SalonError, match="came"):
        embed(model, x)
    assert embed(model, torch.rand(2, 3, 30, 30).half()).B == 2


def test_a_refused_fit_leaves_the_variances_as_they_were() -> None:
    model, x = Recogniser(InputSpec(16), K=2, d=4, width=0.125), torch.rand(6, 3, 16, 16)
    fit_variances(model, x, torch.arange(6) // 2, steps=2)
    model.variance_head.floor.fill_(1.0)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    for labels, steps in ((torch.zeros(6), 2), (torch.arange(6), 2), (torch.arange(6) // 2, 0)):
        with pytest.raises(SalonError):
            fit_variances(model, x, labels, steps=steps)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_widget_takes_what_it_has() -> None:
    for widget, name in (
        (FeatureMap(), "part"),
        (FeatureMap(), "variation"),
        (BlackHole(), "chosen"),
        (BlackHole(), "rank"),
    ):
        with pytest.raises(SalonError, match=f"{name} came as 99999"):
            setattr(widget, name, 99999)
    with pytest.raises(SalonError, match="'fr' is not known"):
        FeatureMap(lang="fr")


def test_only_genuine_pairs_are_told() -> None:
    with pytest.raises(SalonError, match="3 genuine and 0 impostor pairs came"):
        verification(np.ones(3), np.ones(3, bool), np.zeros(3, int))


def test_without_a_home_the_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SALON_CACHE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", "~nobody-of-that-name/cache")
    with pytest.raises(SalonError, match=r"determine home.*export SALON_CACHE="):
        cache_path("x")
    monkeypatch.setenv("SALON_CACHE", str(tmp_path))
    assert cache_path("x") == tmp_path / "x"


def test_without_a_home_jupyter_s_variable_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "home", lambda: Path("~nobody-of-that-name").expanduser())
    for call in (lambda: lab.open_lab(tmp_path), doctor.check_packages):
        with pytest.raises(SalonError, match="export HOME="):
            call()
    assert not list(tmp_path.iterdir())


def test_damaged_files_of_our_own_say_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "data_root", lambda: tmp_path)
    (tmp_path / "results").mkdir()
    for content in (b"", b"\xff\xfe", b"[1]", b'{"generator": '):
        (tmp_path / "results" / "x.json").write_bytes(content)
        with pytest.raises(SalonError, match=r"x\.json is damaged .*git checkout"):
            read_table("x")
    with pytest.raises(SalonError, match="missing"):
        read_data(np.load, "views", "none.npz")


def test_a_cache_file_that_lacks_a_tensor_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALON_CACHE", str(tmp_path))
    save_file({"a": torch.zeros(1)}, tmp_path / "x.safetensors")
    made = {"a": torch.ones(1), "b": torch.ones(2)}
    assert kept("x", made, lambda: made) is made
    assert kept("x", made, dict).keys() == made.keys()  # and was kept


def test_what_cannot_be_kept_is_used_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("salon.training.data.cache_path", lambda name: Path("/dev/full"))
    made = {"a": torch.ones(1)}
    with pytest.warns(UserWarning, match="could not be written.* made again next time"):
        assert kept("x", made, lambda: made) is made


def test_a_flipped_bit_of_a_model_is_noticed(tmp_path: Path) -> None:
    save(tmp_path / "x.safetensors", Recogniser(InputSpec(16), K=4, d=4, width=0.1))
    content = bytearray((tmp_path / "x.safetensors").read_bytes())
    content[-3000] ^= 1
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(SalonError, match="is damaged"):
        load(tmp_path / "x.safetensors")


@pytest.mark.parametrize(("name", "x"), [("history", None), ("seconds", "x"), ("recipe", 5), ("impostor_cosine", 1)])
def test_a_run_of_which_the_card_is_another_is_not_gone_on_with(name: str, x: object, tmp_path: Path) -> None:
    made = recipe("tiny", size=16, width=0.125, seed=int(name == "recipe"))  # in which it differs
    save_run(begin(recipe("tiny", size=16, width=0.125)), tmp_path / "x.safetensors")
    card = read_card(tmp_path / "x.safetensors") | {name: x}
    save_file(load_file(tmp_path / "x.safetensors"), tmp_path / "x.safetensors", {"card": json.dumps(card)})
    with pytest.raises(SalonError, match=r"cannot be gone on with .*--out"):
        restore(begin(made), tmp_path / "x.safetensors")


@pytest.mark.parametrize("step", [-1, 10**6])
def test_a_run_whose_step_cannot_be_is_not_gone_on_with(step: int, tmp_path: Path) -> None:
    run = begin(recipe("tiny", size=16, width=0.125))
    run.step = step
    save_run(run, tmp_path / "x.safetensors")
    with pytest.raises(SalonError, match=rf"cannot be gone on with .*step {step} of \d+.*--out"):
        restore(begin(run.recipe), tmp_path / "x.safetensors")


@contextmanager
def cheap() -> Iterator[None]:
    """What happens in here takes less than a second and 100 MB."""
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    yield
    assert time.process_time() - start < 1 and resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


@pytest.mark.parametrize("network", [{"K": 10**9}, {"d": 10**12}, {"width": 1e7}, {"K": 10**10, "places": True}])
def test_sizes_on_a_card_cost_nothing_before_the_tensors_agree(network: dict, tmp_path: Path) -> None:
    card = {"input": {"size": 10**6}, "network": {"K": 4, "d": 8} | network}
    save_file({"a": torch.zeros(3)}, tmp_path / "x.safetensors", {"card": json.dumps(card)})
    with cheap(), pytest.raises(SalonError, match="does not describe a network"):
        load(tmp_path / "x.safetensors")


@pytest.mark.parametrize("card", ["[]", "5", "null", "[" * 100_000, '{"a": ' + "9" * 6000 + "}"])
def test_a_card_that_is_none_is_refused(card: str, tmp_path: Path) -> None:
    save_file({"a": torch.zeros(3)}, tmp_path / "x.safetensors", {"card": card})
    with pytest.raises(SalonError, match="card"):
        load(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    ("part", "odd"),
    [
        ("network", {"spread": []}),
        ("network", {"spread": -1.0}),
        ("input", {"border": 10**9}),
        ("input", {"scale": 0.0}),
    ],
)
def test_numbers_on_a_card_that_no_tensor_shows_are_checked(part: str, odd: dict, tmp_path: Path) -> None:
    save(file := tmp_path / "x.safetensors", Recogniser(InputSpec(size=16), K=2, d=4, width=0.125))
    card = read_card(file)
    card[part] |= odd
    save_file(load_file(file), file, {"card": json.dumps(card)})
    with pytest.raises(SalonError):
        load(file)


def test_an_update_that_does_not_reach_a_copy_is_told(tmp_path: Path) -> None:
    source, target = tmp_path / "notebooks", tmp_path / "mine"
    source.mkdir()
    for name in ("00.ipynb", "01.ipynb", "02.ipynb"):
        (source / name).write_text("old")
    assert len(lab.copy_notebooks(source, target)[0]) == 3
    (target / "02.ipynb").write_text("mine")
    later = time.time() + 10
    for name, text in (("00.ipynb", "new"), ("01.ipynb", "old")):
        (source / name).write_text(text)
        os.utime(source / name, (later, later))
    os.utime(target / "00.ipynb", (later + 10, later + 10))  # saved by its reader after the update
    assert lab.copy_notebooks(source, target) == ([], ["00.ipynb"])
    (target / ".originals.json").write_text("[")  # damaged: the times tell
    assert lab.copy_notebooks(source, target) == ([], [])
    kept_as = {lab.put_aside(target): lab.copy_notebooks(source, target) for _ in range(3)}  # within one second
    assert len(kept_as) == 3 and (min(kept_as) / "02.ipynb").read_text() == "mine"


def test_a_reset_moves_no_folder_but_a_copy(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    for folder in (tmp_path / "home", lab.originals(), lab.originals() / "zh"):
        with pytest.raises(SalonError, match="choose another --folder"):
            lab.open_lab(folder, reset=True)
    assert (tmp_path / "home").is_dir() and (lab.originals() / lab.START["zh"]).is_file()


def test_names_have_one_order_in_every_locale() -> None:
    names = ["b", "é", "李雷", "１", "😀", GBK, "s10", "s2"]
    elsewhere = [os.fsencode(name).decode("ascii", "surrogateescape") for name in names]  # as an ASCII locale has them
    orders = [[*map(os.fsencode, sorted(group, key=_natural))] for group in (names, elsewhere)]
    assert orders[0] == orders[1] and orders[0][1:3] == [b"s2", b"s10"]


def test_what_is_no_file_or_runs_is_no_picture(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    Image.new("L", (32, 32)).save(tmp_path / "b.jpg", "EPS")
    for name, why in (("a.jpg", "a pipe"), ("b.jpg", "not run")):
        with cheap(), pytest.raises(SalonError, match=why):
            read_image(tmp_path / name, 16)
    with pytest.raises(SalonError, match="The size came as 0"):
        read_image(tmp_path / "b.jpg", 0)


def test_pictures_in_formats_that_are_not_read_are_counted(tmp_path: Path) -> None:
    folder = people(tmp_path / "faces", "a", "b")
    for name in ("a/1.HEIC", "a/2.heic", "b/1.tiff", "b/.hidden.heic", "b/notes.txt"):
        (folder / name).write_bytes(b"")
    with pytest.warns(UserWarning, match=r"3 pictures of 2 people are not read: \.heic, \.tiff"):
        assert len(list_people(folder)["a"]) == 3


@pytest.mark.parametrize("mode", ["F", "I"])
def test_pixels_without_a_known_white_are_refused(mode: str, tmp_path: Path) -> None:
    Image.new("L", (32, 32), 128).convert(mode).save(tmp_path / "x.tiff")
    with pytest.raises(SalonError, match="32-bit numbers"):
        read_image(tmp_path / "x.tiff", 16)


@pytest.mark.parametrize("mode", ["RGB", "L", "P", "RGBA", "I;16"])
def test_a_large_picture_is_reduced_to_what_it_shows(mode: str, tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(0, 1, 2600), (2200, 1))
    values = (ramp * 65535).astype(np.uint16) if mode == "I;16" else (ramp * 255).astype(np.uint8)
    image = Image.fromarray(values)
    image = image if mode == "I;16" else image.convert(mode)
    image.save(tmp_path / "x.png", compress_level=1)
    for turned in (1, 6):
        exif = Image.Exif()
        exif[0x0112] = turned
        image.save(tmp_path / "x.png", compress_level=1, exif=exif)
        got = read_image(tmp_path / "x.png", 20)
        got = got if turned == 1 else got.rot90(1, (1, 2))
        expected = torch.from_numpy(ramp[0, 200:2400].reshape(20, 110).mean(1)).float()
        assert (got - expected).abs()[:, :, 1:-1].max() < 0.02


LARGE = """
import sys
from pathlib import Path
from salon.faces.collections import read_image
peak = lambda: int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0])
read_image(sys.argv[2], 48)
before = peak()
read_image(sys.argv[1], 48)
print((peak() - before) / 1e3)
"""
has_peak = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="getrusage counts a parent too")


def megabytes_to_read(large: Path) -> float:
    """More than a small picture takes."""
    NOISE.save(small := large.with_name("small.png"))
    command = [sys.executable, "-c", LARGE, large, small]
    return float(subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True).stdout)


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 120, 3)).astype(np.uint8))


@has_peak
def test_108_megapixels_take_600_mb_and_a_bomb_nothing(tmp_path: Path) -> None:
    NOISE.resize((12_000, 9_000)).save(tmp_path / "large.jpg", quality=90)
    assert megabytes_to_read(tmp_path / "large.jpg") < 600
    (tmp_path / "bomb.pgm").write_bytes(b"P5 100000 100000 255\n" + bytes(100))
    for size in (None, 48):
        with pytest.raises(SalonError, match="exceeds limit"):
            read_image(tmp_path / "bomb.pgm", size)
    with pytest.raises(SalonError, match="too many to be read whole"):
        read_image(tmp_path / "large.jpg")


@has_peak
def test_a_large_png_takes_its_pixels_once(tmp_path: Path) -> None:
    """Pillow decodes it whole, at 4 bytes a pixel: 432 MB of 108 megapixels; in another mode it would be twice that."""
    NOISE.resize((8192, 5120)).convert("RGBA").save(tmp_path / "large.png", compress_level=1)
    assert megabytes_to_read(tmp_path / "large.png") < 4 * 8192 * 5120 / 1e6 + 100


def test_many_pixels_in_next_to_no_bytes_are_refused_by_the_header(tmp_path: Path) -> None:
    """34 bytes that Pillow takes for 169 megapixels of one colour, and 2.6 GB."""
    black = b"RIFF\x1a\0\0\0WEBPVP8L\x0e\0\0\0/\xc7\xf2\xb1\x0c\x07\x10\x11\xfd\x0fDD\xff\x03"
    (tmp_path / "bomb.webp").write_bytes(black)
    with pytest.raises(SalonError, match="13000×13000 pixels are no photograph in 34 bytes"):
        read_image(tmp_path / "bomb.webp", 48)


def test_a_long_name_in_a_set_is_shown_by_its_beginning(tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(b"\x80\x02c_codecs\nencode" + b"[" * 3000 + b"\n.")
    with pytest.raises(SalonError, match=r"asks for '_codecs.encode\[+… \(3,016 characters\)") as refused:
        read_insightface(tmp_path / "x.bin")
    assert len(str(refused.value)) < 500


def test_test_people_that_lack_a_tensor_say_so(tmp_path: Path) -> None:
    shutil.copytree(paths.data_root() / "faces", tmp_path / "faces")
    tensors = load_file(file := tmp_path / "faces" / "test.safetensors")
    with safe_open(file, "pt") as whole:
        metadata = whole.metadata()
    del tensors["lit.gaze"]
    save_file(tensors, file, metadata)
    with pytest.raises(SalonError, match=r"cannot be read \('lit.gaze'\); get the files back"):
        read_benchmark(tmp_path / "faces")


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "kind", [bytes, bytearray, lambda x: np.frombuffer(x, np.uint8)], ids=["bytes", "bytearray", "array"]
)
@pytest.mark.parametrize(
    "same", [[True, False], np.array([1, 0]), np.array([1, 0], ">i4"), [np.int64(1), np.int8(0)]], ids=str
)
def test_sets_of_every_protocol_are_read(protocol: int, kind, same, tmp_path: Path) -> None:
    Image.new("RGB", (8, 8), "red").save(tmp_path / "x.png")
    images = [kind((tmp_path / "x.png").read_bytes()) for _ in range(4)]
    (tmp_path / "x.bin").write_bytes(pickle.dumps((images, same), protocol))
    read, labels = read_insightface(tmp_path / "x.bin")
    assert read.shape == (4, 3, 8, 8) and labels.tolist() == [True, False]


ENDLESS = {
    "holds itself": b"\x80\x02]q\x00h\x00a]q\x01h\x01a\x86.",
    "nested": b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"]\x86.",
    "laughs": b"\x80\x02]" + b"".join(b"q%c]h%ch%c\x86a" % (i, i, i) for i in range(60)) + b"]\x86.",
    "hashed": b"\x80\x02}" + b")" + b"".join(b"q%ch%ch%c\x86" % (i, i, i) for i in range(40)) + b"K\x01s]\x86.",
    "memo": b"\x80\x02]r\xff\xff\xff\x7f]\x86.",
    "bytearray": b"\x80\x05\x96" + (2**42).to_bytes(8, "little") + b"x.",
    "number": b"\x80\x02c__builtin__\nbytes\nJ\xff\xff\xff\x7f\x85R]\x86.",
}


@pytest.mark.parametrize("name", ENDLESS)
def test_nested_and_endless_values_are_refused_at_once(name: str, tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(ENDLESS[name])
    with cheap(), pytest.raises(SalonError, match=r"no set of face pairs|holds 0 images") as refused:
        read_insightface(tmp_path / "x.bin")
    assert "trust" not in str(refused.value) and len(str(refused.value)) < 500


@pytest.mark.parametrize(
    ("name", "harm"), [("posix\nsystem", True), ("builtins\neval", True), ("datetime\ndate", False)]
)
def test_only_what_means_harm_is_called_so(name: str, harm: bool, tmp_path: Path) -> None:
    (tmp_path / "x.bin").write_bytes(f"c{name}\n.".encode())
    with pytest.raises(SalonError, match="was not run") as refused:
        read_insightface(tmp_path / "x.bin")
    assert ("Do not trust" in str(refused.value)) == harm


def test_the_table_of_faults_names_tests_that_are_here() -> None:
    names = set(re.findall(r"^def (test_\w+)", Path(__file__).read_text("utf-8"), re.MULTILINE))
    for sheet in ("faults.md", "faults.zh.md"):
        told = set(re.findall(r"`(test_\w+)`", (ROOT / "docs" / sheet).read_text("utf-8")))
        assert told == names - {"test_the_table_of_faults_names_tests_that_are_here"}, sheet
