"""Several processes train as one does: the same losses and weights, and the same run when they become more or fewer."""

import json
import multiprocessing
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import ROOT, broken_off
from safetensors.torch import load_file
from torch import Tensor, nn

from salon.model.decorrelation import adversarial_loss, classification_loss, discriminator_loss
from salon.model.network import Recogniser
from salon.training import checkpoints, fabric
from salon.training import log as metrics
from salon.training import loop as training
from salon.training.attributes import load_attributes
from salon.training.data import TrainSet
from salon.training.fabric import processes
from salon.training.log import Log
from salon.training.loop import draw_batch, train
from salon.training.recipes import recipe
from salon.training.run import Run
from salon.training.shipped import model_path
from salon.words import SalonError

STEPS, STOP, PATIENCE = 20, 10, 300.0  # seconds until processes that hang are ended
PLAIN = recipe("tiny", loss="confidence", margin=7.0, people=6, size=24, K=4, d=4, steps=STEPS, batch=8, frozen=0.2,
               probability=0.3, camera=True)  # fmt: skip
HIDDEN = {"decorrelate": 0.5, "adversary": 1.0, "hide": "rest", "opponent_steps": 2, "mined": "attributes"}
RECIPES = {
    "plain": PLAIN,
    "decorrelated": replace(PLAIN, decorrelate=0.5),
    "hidden": replace(PLAIN, K=6, **HIDDEN),  # the variant of (13), with a variation that was mined
}


def pictures(made=PLAIN) -> TrainSet:
    """Noise of six people, with mined variations if the recipe has some; nothing need be rendered."""
    g = torch.Generator().manual_seed(1)
    straight, turned = torch.randint(256, (2, 24, 24, 24), generator=g, dtype=torch.uint8)
    names = load_attributes(model_path(made.mined)).names if made.mined else ()
    mined = torch.rand(24, len(names), generator=g) if names else None
    return TrainSet(straight, turned, torch.arange(6).repeat_interleave(4), mined)


def in_double(made, out: Path, resume: bool = False, **options) -> Run:
    double = processes(precision="64-true")
    return train(made, out, resume, False, pictures(made), False, fabric=double, **options)


def statistics_kept(self: Recogniser, mode: bool = True) -> Recogniser:
    """`train`, but batch normalisation stays with the statistics that it has: each share of a batch has others."""
    nn.Module.train(self, mode)
    for part in self.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.eval()
    return self


@contextmanager
def prepared() -> Iterator[pytest.MonkeyPatch]:
    """What holds in all processes: doubles, statistics kept, every step's loss noted, a checkpoint in the middle."""
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fabric, "PRECISIONS", ("64-true",))
        patch.setattr(Recogniser, "train", statistics_kept)
        patch.setattr(training, "LOG_EVERY", 1)
        patch.setattr(training, "SAVE_EVERY", STOP)
        yield patch
    torch.set_default_dtype(torch.float32)


def stopped(made, out: Path) -> None:
    """A run that is broken off in the middle."""
    with broken_off(at=STOP):
        in_double(made, out)


def in_halves(run: Run, data: TrainSet) -> dict[str, float]:
    """`train_step` written anew: one process that embeds both halves of its batch and adds up their gradients."""
    r, g = run.recipe, torch.Generator().manual_seed(1_000_000 * (run.recipe.seed + 1) + run.step)
    halves = list(zip(*(x.chunk(2) for x in draw_batch(r, data, g)), strict=True))
    run.recogniser.freeze_confidence(r.s0 if run.step < r.frozen * r.steps else None)
    seen = [run.recogniser.train()(images) for images, _, _ in halves]
    terms = [dict(run.criterion(e, labels)) for e, (_, labels, _) in zip(seen, halves, strict=True)]
    for _ in range(r.opponent_steps if r.decorrelate else 0):
        run.optimisers["opponent"].zero_grad()
        for e, (_, _, variations) in zip(seen, halves, strict=True):
            (discriminator_loss(run.discriminator, e, run.masks, variations, r.hide).mean() / 2).backward()
        run.optimisers["opponent"].step()
    for term, e, (_, _, variations) in zip(terms, seen, halves, strict=True) if r.decorrelate else ():
        weight = r.decorrelate if r.adversary is None else r.adversary
        known = (run.discriminator, e, run.masks)
        term["classification"] = r.decorrelate * classification_loss(*known, variations)
        term["adversary"] = weight * adversarial_loss(*known, r.hide)
    loss = torch.stack([x.mean() / 2 for term in terms for x in term.values()]).sum()
    training.descend(run, loss)
    return {"loss": loss.item(), "confidence": torch.cat([e.confidences for e in seen]).mean().item()}


# --- two processes, as torchrun starts them


def torchrun(work: Callable[..., None], *args: object) -> list[int | None]:
    """`work` in two processes with torchrun's environment; their exits.

    They are forked from one that has imported torch, once: to import it in each takes most of a test's time.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lightning_fabric", "salon.training.loop"])
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        common = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1]), "GROUP_RANK": "0",
                  "TORCHELASTIC_RUN_ID": "test", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}  # fmt: skip
    ranks = [common | {"RANK": rank, "LOCAL_RANK": rank} for rank in "01"]
    started = [context.Process(target=_as_rank, args=(rank, work, *args)) for rank in ranks]
    for process in started:
        process.start()
    for process in started:
        process.join(PATIENCE)
    exits = [process.exitcode for process in started]
    for process in started:
        process.kill()  # only one that hangs is still there
        process.join()
    return exits


def _as_rank(environment: dict[str, str], work: Callable[..., None], *args: object) -> None:
    os.environ |= environment
    with prepared() as patch:
        if environment["RANK"] != "0":  # only the first may write
            for module in (checkpoints, metrics):
                patch.setattr(module, "write_whole", lambda *_: os._exit(3))
        work(*args)


def train_all(folder: Path) -> None:
    """Each recipe; one that is stopped in the middle; one that another number of processes began."""
    for name, made in RECIPES.items():
        in_double(made, folder / name, log=Log(folder / name))
    stopped(RECIPES["decorrelated"], folder / "began with two")
    in_double(RECIPES["decorrelated"], folder / "began with one", resume=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """What two processes left; one run of them goes on with one process, and the other way round."""
    folder = tmp_path_factory.mktemp("two")
    with prepared():
        stopped(RECIPES["decorrelated"], folder / "began with one")
        assert torchrun(train_all, folder) == [0, 0]
        in_double(RECIPES["decorrelated"], folder / "began with two", resume=True)
    return folder


def tensors(folder: Path) -> dict[str, Tensor]:
    """Everything in a checkpoint: weights, prototypes, discriminator, the optimisers' memories."""
    return load_file(folder / "model.safetensors")


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.allclose(a[k], b[k], rtol=1e-9, atol=1e-12) for k in a)


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_two_processes_walk_the_path_of_one_that_splits_its_batch(folder, tmp_path, name):
    with prepared() as patch:
        whole = in_double(RECIPES[name], tmp_path / "whole").history
        patch.setattr(training, "train_step", in_halves)
        halves = in_double(RECIPES[name], tmp_path / "halves").history
    two = checkpoints.read_card(folder / name / "model.safetensors")["history"]
    assert len(two) == STEPS and two[-1]["loss"] != two[0]["loss"]
    for a, b, c in zip(two, halves, whole, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-9) == pytest.approx(c["loss"], rel=1e-9)
        assert a == pytest.approx(c, rel=1e-8)  # every term, the confidence and the impostor cosine
    found = tensors(folder / name)
    assert same(found, tensors(tmp_path / "halves")) and same(found, tensors(tmp_path / "whole"))
    assert found["training.criterion.prototypes"].shape[::2] == (6, 4)
    assert found["confidence_scale"].dtype == torch.float64


@pytest.mark.slow
@pytest.mark.parametrize("began", ["began with one", "began with two"])
def test_a_run_goes_on_with_another_number_of_processes(folder, began):
    assert same(tensors(folder / began), tensors(folder / "decorrelated"))
    assert len(checkpoints.read_card(folder / began / "model.safetensors")["history"]) == STEPS


# --- processes that Fabric starts


def python(*command: str) -> subprocess.CompletedProcess[str]:
    """A process of its own, from this checkout."""
    command = (sys.executable, *command)
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, cwd=ROOT)


@pytest.mark.slow
def test_the_command_line_starts_processes(tmp_path):
    options = ["--steps", "2", "--device", "cpu", "--devices", "2", "--metrics", "--quiet"]
    done = python("-m", "salon", "train", "tiny", *options, "--log", str(tmp_path), "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    said = done.stdout.splitlines()
    told = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [line for line in said if line.startswith("{")] == told  # by the first process alone
    assert [line.split()[0] for line in said].count("saved") == 1
    assert [line["step"] for line in map(json.loads, told) if line["metric"] == "loss"] == [0]
    assert all(json.loads(line).keys() == {"metric", "value", "step"} for line in told)
    model, card = checkpoints.load(tmp_path / "model.safetensors")
    assert card["step"] == 2 and bool(model.variances_fitted)


FAILS = """
from salon.training.fabric import processes
from salon.words import SalonError

fabric = processes(devices=2)
fabric.launch()
if fabric.global_rank == 1:
    raise SalonError("The second one failed; expected none to.")
fabric.barrier()
fabric.barrier()
"""


@pytest.mark.slow
@pytest.mark.long
def test_where_one_process_fails_the_others_end_and_its_sentence_is_said(tmp_path):
    (tmp_path / "fails.py").write_text(FAILS)
    done = python(str(tmp_path / "fails.py"))
    assert done.returncode != 0 and "The second one failed; expected none to." in done.stderr


# --- one process


@pytest.mark.parametrize(
    ("options", "said"),
    [({"devices": 0}, "expected 1 or more"), ({"precision": "16-true"}, "bf16-mixed"),
     ({"device": "cuda", "devices": 99}, "99 GPUs came as the wish; this machine has")],
)  # fmt: skip
def test_what_cannot_be_is_refused(options, said):
    with pytest.raises(SalonError, match=said):
        processes(**options)


def test_a_gpu_is_used_where_there_is_one(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr("lightning_fabric.Fabric", lambda **given: given)
    asked = processes("best")
    assert (asked["accelerator"], asked["devices"], asked["precision"]) == ("cuda", 1, "32-true")
    monkeypatch.setattr(training, "processes", lambda *device: pytest.fail(f"asked for {device}"))
    with pytest.raises(pytest.fail.Exception, match="best"):  # as a notebook's live pair does
        train(PLAIN, progress=False, data=pictures())


def test_a_batch_that_processes_cannot_divide_is_refused_before_they_start(monkeypatch):
    three = processes(devices=3)
    monkeypatch.setattr(three, "launch", lambda: pytest.fail("launched"))
    with pytest.raises(SalonError, match="3 processes came for batches of 16; expected a number that divides"):
        train(recipe("tiny"), progress=False, fabric=three)


def test_a_notebook_has_one_process(monkeypatch):
    monkeypatch.setattr(sys, "ps1", "In : ", raising=False)
    with pytest.raises(SalonError, match="in a notebook"):
        processes(devices=2)
    assert processes().world_size == 1


# --- what is told


def test_a_resumed_run_tells_each_step_once(tmp_path, capsys):
    with prepared():
        stopped(PLAIN, tmp_path)
        Log(tmp_path).start([])
        in_double(PLAIN, tmp_path, resume=True, log=Log(tmp_path, stdout=True))
    told = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in told if line["metric"] == "loss"] == list(range(STEPS))
    printed = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert printed == [line for line in told if line["step"] >= STOP]


def test_tensorboard_is_written_where_it_is_installed_and_asked_for_where_not(tmp_path, monkeypatch):
    pytest.importorskip("tensorboard")
    log = Log(tmp_path, tensorboard=True)
    log.start([])
    log({"step": 0, "loss": 2.5})
    log.board.close()
    assert any("tfevents" in path.name for path in tmp_path.iterdir())
    with pytest.raises(SalonError, match="--log DIR"):
        Log(tensorboard=True)
    monkeypatch.setattr(metrics, "find_spec", lambda _: None)
    with pytest.raises(SalonError, match="pip install tensorboard"):
        Log(tmp_path, tensorboard=True)
