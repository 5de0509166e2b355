"""Damaged files of every kind that we read: each gives a whole result or a `SalonError`, within a second.

Try number 17 of a reader is the same damage each time. A few tries a reader every day, 10,000 with SALON_LONG=1.
"""

import json
import os
import pickle
import random
import shutil
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

from authoring.test_people import write_benchmark
from salon import paths
from salon.evaluation.people import Benchmark, Scenes, read_benchmark
from salon.evaluation.results import read_provenance, read_table
from salon.faces.collections import SUFFIXES, read_image, read_pairs, write_pairs
from salon.faces.insightface import read_insightface
from salon.faces.people import sample_people
from salon.faces.render import sample_views
from salon.training import checkpoints
from salon.training.data import TrainSet, kept
from salon.training.loop import train
from salon.training.recipes import recipe
from salon.training.run import begin, restore
from salon.words import SalonError

TRIES = int(os.environ.get("SALON_FUZZ") or (10_000 if os.environ.get("SALON_LONG") == "1" else 24))
TINY = recipe("tiny", people=2, images=2, size=16, d=4, K=4, width=0.125, steps=2, batch=4, decorrelate=1.0)
MADE = {"a": torch.arange(6), "b": torch.ones(2, 3)}


# --- the damage

PIECES = (
    b"",
    b"\0",
    b"\xff" * 8,
    b"\xff\xff\xff\x7f",
    b"9" * 40,
    b"-1",
    b"\n",
    b"\t",
    b"..",
    b"[" * 3000,
    b'"',
    b"NaN",
)


def damaged(content: bytes, chance: random.Random) -> bytes:
    """One to three places, most of them near the beginning: overwritten, filled in, doubled, or cut off there."""
    for _ in range(chance.randint(1, 3)):
        a = chance.randrange(min(chance.choice((64, 1500, 10**9)), len(content)) + 1)
        b = a + chance.choice((0, 1, 1, 2, 8, 100))
        piece = chance.choice((*PIECES, content[a:b] * 2, chance.randbytes(b - a), chance.randbytes(b - a)))
        content = content[:a] + piece + content[b:] * (chance.random() < 0.9)
    return content


ODD = (None, True, -1, 0, 2, 10**9, 10**30, 0.5, float("nan"), float("inf"), "", "x", "../x", [], [1], {}, {"a": 1})


def odd(value: Any, chance: random.Random) -> Any:
    """A value of JSON in which one thing, at any depth, is missing or another."""
    if not isinstance(value, dict | list) or not value or chance.random() < 0.15:
        return chance.choice(ODD)
    key, other = chance.choice(list(value) if isinstance(value, dict) else range(len(value))), value.copy()
    other[key] = odd(value[key], chance)
    if chance.random() < 0.2:
        del other[key]
    return other


def other_bytes(path: Path, chance: random.Random) -> None:
    path.write_bytes(damaged(path.read_bytes(), chance))


def other_card(path: Path, chance: random.Random) -> None:
    save_file(load_file(path), path, {"card": json.dumps(odd(checkpoints.read_card(path), chance))})


def other_tensor(path: Path, chance: random.Random) -> None:
    tensors, card = load_file(path), checkpoints.read_card(path)
    name = chance.choice(list(tensors))
    was = tensors.pop(name)
    if chance.random() < 0.8:
        some = (was.flatten()[1:], was[None], was.double() * float("nan"), was.bool(), torch.tensor(-1), torch.zeros(0))
        tensors[name + "x" * (chance.random() < 0.2)] = chance.choice(some).contiguous()
    save_file(tensors, path, {"card": json.dumps(card)})


def other_names(path: Path, chance: random.Random) -> None:
    for folder in sorted(path.iterdir()):
        name = damaged(os.fsencode(folder.name), chance)[:100].replace(b"/", b"").replace(b"\0", b"")
        if name.strip(b".") and not (new := path / os.fsdecode(name)).exists():
            folder.rename(new)


# --- the readers, and what a whole result is like


def same_model(path: Path) -> None:
    """A file that was not made by hand has a digest: what is read is what was saved."""
    read, saved = (checkpoints.load(x)[0].state_dict() for x in (path, path.with_name("whole.safetensors")))
    assert all(torch.equal(read[name], x) for name, x in saved.items())


def read_model(path: Path) -> None:
    model, _ = checkpoints.load(path)
    assert all(torch.isfinite(x).all() for x in model.state_dict().values())
    with torch.no_grad():
        assert model(torch.rand(2, 3, 16, 16)).features.shape == (2, model.K, model.d)


def go_on(path: Path) -> None:
    (run := begin(TINY)).source = "made here"
    restore(run, path)
    assert 0 <= run.step <= TINY.steps and isinstance(run.history, list)


def read_list(path: Path) -> None:
    pairs = read_pairs(path, path.parent / "faces")
    assert len(pairs) == len(pairs.second) == len(pairs.same) == len(pairs.fold) > 0
    for a, b, same in zip(pairs.first, pairs.second, pairs.same, strict=True):
        assert a.is_file() and b.is_file() and same == (a.parent == b.parent) and a.parent.parent.name == "faces"


def read_set(path: Path) -> None:
    images, same = read_insightface(path)
    assert len(images) == 2 * len(same) and same.dtype == torch.bool and 0 <= images.min() <= images.max() <= 1


def read_picture(path: Path) -> None:
    image = read_image(path, 16)
    assert image.shape == (3, 16, 16) and -1e-5 < image.min() <= image.max() < 1 + 1e-5


def read_folder(path: Path) -> None:
    write_pairs(path, path.parent / "drawn.txt", folds=1, pairs_per_fold=3)
    assert len(read_pairs(path.parent / "drawn.txt", path)) == 6


def read_cached(path: Path) -> None:
    assert kept("cached", MADE, lambda: MADE).keys() >= MADE.keys()


READERS: dict[str, tuple[str, Callable[[Path, random.Random], None], Callable[[Path], Any]]] = {
    "model": ("run/model.safetensors", other_bytes, same_model),
    "model's card": ("run/model.safetensors", other_card, read_model),
    "model's tensors": ("run/model.safetensors", other_tensor, read_model),
    "training": ("run/model.safetensors", other_bytes, go_on),
    "training's card": ("run/model.safetensors", other_card, go_on),
    "training's tensors": ("run/model.safetensors", other_tensor, go_on),
    "pairs": ("pairs.txt", other_bytes, read_list),
    "names": ("faces", other_names, read_folder),
    "old set": ("old.bin", other_bytes, read_set),
    "set": ("new.bin", other_bytes, read_set),
    "table": ("results/x.csv", other_bytes, lambda _: read_table("x")),
    "provenance": ("results/x.json", other_bytes, lambda _: read_provenance("x")),
    "cache": ("cached.safetensors", other_bytes, read_cached),
    "test people": ("test.safetensors", other_bytes, lambda path: read_benchmark(path.parent)),
    "test sheet": ("test_straight.webp", other_bytes, lambda path: read_benchmark(path.parent)),
} | {suffix: (f"faces/a/1{suffix}", other_bytes, read_picture) for suffix in SUFFIXES}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of whole files, one for each reader."""
    folder = tmp_path_factory.mktemp("whole")
    pictures = torch.randint(256, (8, 16, 16), dtype=torch.uint8)
    data = TrainSet(pictures, pictures, torch.arange(8) // 4, source="made here")
    train(TINY, folder / "run", progress=False, data=data)
    shutil.copyfile(folder / "run" / "model.safetensors", folder / "run" / "whole.safetensors")
    for name in ("a", "李雷"):
        (folder / "faces" / name).mkdir(parents=True)
        for suffix in SUFFIXES:
            Image.fromarray(pictures[0].numpy()).convert("RGB").save(folder / "faces" / name / f"1{suffix}")
    write_pairs(folder / "faces", folder / "pairs.txt", folds=2, pairs_per_fold=3)
    images = [(folder / "faces" / "a" / f"1{suffix}").read_bytes() for suffix in (".png", ".jpg")]
    for name, protocol in (("old", 2), ("new", 5)):
        (folder / f"{name}.bin").write_bytes(pickle.dumps((images * 2, [True, False]), protocol))
    (folder / "results").mkdir()
    (folder / "results" / "x.csv").write_text("configuration,seed,value\nA,0,0.5\nB,1,0.25\n")
    (folder / "results" / "x.json").write_text('{"generator": "2", "seconds": 1.5, "seeds": [0, 1]}')
    save_file(MADE, folder / "cached.safetensors")
    views = [sample_views(n, 0) for n in (8, 8, 4)]
    drawn = [torch.rand(n, 3, 64, 64) for n in (8, 8, 4)]
    write_benchmark(
        Benchmark(drawn[0], drawn[1], torch.arange(8) // 4, drawn[2], Scenes(sample_people(2, 0), *views)), folder
    )
    return folder


def again(whole: Path, spoilt: Path) -> None:
    """The file or folder as it was."""
    if whole.is_dir():
        shutil.rmtree(spoilt)
        shutil.copytree(whole, spoilt)
    else:
        shutil.copyfile(whole, spoilt)


@pytest.mark.parametrize("reader", READERS)
def test_damage_gives_a_result_or_a_sentence(
    reader: str, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, spoil, read = READERS[reader]
    monkeypatch.setattr(paths, "data_root", lambda: tmp_path / "now")
    monkeypatch.setenv("SALON_CACHE", str(tmp_path / "now"))
    warnings.simplefilter("ignore", UserWarning)  # of Pillow
    shutil.copytree(whole, tmp_path / "now")
    path = tmp_path / "now" / name
    read(path)  # whole
    for number in range(TRIES):
        again(whole / name, path)
        spoil(path, random.Random(f"{reader} {number}"))
        begun = time.process_time()
        try:
            read(path)
        except SalonError as error:
            assert len(str(error)) < 3000, f"try {number}"
        except Exception as error:
            raise AssertionError(f"try {number} of {reader}: {error!r}") from error
        assert time.process_time() - begun < 1, f"try {number}"
