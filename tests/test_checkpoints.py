"""A checkpoint comes back as it went, refuses with a sentence, and survives a kill at any moment."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from salon.model.embedding import InputSpec
from salon.model.network import Recogniser, embed
from salon.paths import write_whole
from salon.training.checkpoints import load, load_training, read_card, save
from salon.words import SalonError

CARD = {"recipe": {"name": "tiny", "loss": "cosface"}, "seed": 3, "step": 40, "licence": "MIT"}
HEAD = "embedding_head.0.weight"


def tiny():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    return Recogniser(InputSpec(size=32, flip=True), K=4, d=8, width=0.25)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "tiny.safetensors"
    save(path, tiny(), CARD)
    return path


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_round_trip_gives_the_same_weights_embedding_and_card(tmp_path, dtype):
    before, path, images = tiny().to(dtype), tmp_path / "deep" / "tiny.safetensors", torch.rand(3, 3, 40, 40)
    before.freeze_confidence(12.0)  # buffers travel too
    card = save(path, before, CARD)
    after, read = load(path)
    assert read == card == json.loads(json.dumps(card)) == card | CARD
    assert after.spec == before.spec and after.config == before.config and not after.training
    for name, x in before.state_dict().items():
        assert torch.equal(after.state_dict()[name], x) and after.state_dict()[name].dtype == x.dtype
    old, new = embed(before, images), embed(after, images)
    assert torch.equal(old.features, new.features) and torch.equal(old.confidences, new.confidences)


def test_training_state_rides_along_and_stays_apart(tmp_path):
    path = tmp_path / "run.safetensors"
    prototypes = torch.randn(5, 4, 8)
    extra = {
        "prototypes": prototypes,
        "transposed": prototypes.permute(2, 0, 1),  # not contiguous
        "same memory": prototypes,
        "random": torch.get_rng_state(),
        "masks": prototypes[0] > 0,
    }
    save(path, tiny(), CARD, extra)
    back = load_training(path)
    assert back.keys() == extra.keys()
    assert all(torch.equal(back[name], extra[name]) for name in extra)
    assert all(back[name].dtype == extra[name].dtype for name in extra)
    load(path)  # the weights do not mind the guests
    save(path, tiny())
    assert load_training(path) == {}


def rewritten(change):
    """A fault: the file with other tensors, its card as it was."""

    def spoil(path):
        tensors, card = load_file(path), json.dumps(read_card(path))
        change(tensors)
        save_file(tensors, path, metadata={"card": card})

    return spoil


def recarded(**fields):
    """A fault: the file with another card, its tensors as they were."""
    return lambda path: save_file(load_file(path), path, {"card": json.dumps(read_card(path) | fields)})


def cut_short(share):
    return lambda path: path.write_bytes(path.read_bytes()[: max(20, int(path.stat().st_size * share))])


NET = {"K": 4, "d": 8, "backbone": "no_such_net", "width": 1.0}
FAULTS = [
    (lambda path: path.unlink(), "does not exist"),
    (lambda path: path.unlink() or path.mkdir(), "is a folder"),
    *[(lambda path, x=x: path.write_bytes(x), "not a safetensors file") for x in (
        b"<!DOCTYPE html><html><body>404</body></html>", b"version https://git-lfs.github.com/spec/v1", b"",
        b"PK\x03\x04 a pickled torch.save archive")],
    *[(cut_short(share), "cut short") for share in (0.001, 0.5, 0.999)],
    (lambda path: save_file(load_file(path), path), "no card"),
    *[(recarded(network=x), "does not describe a network") for x in (NET, {"K": -1}, None)],
    *[(recarded(input=x), "does not describe a network") for x in ({"size": 32, "later": 1}, {"size": 2})],
    (rewritten(lambda x: x.update({HEAD: torch.zeros(2, 3)})), rf"size mismatch for {HEAD}.*\[2, 3\].*\[32"),
    (rewritten(lambda x: x.pop(HEAD)), f"Missing key.*{HEAD}"),
    (rewritten(lambda x: x.update(guest=torch.zeros(1))), "Unexpected key.*guest"),
    (rewritten(lambda x: x[HEAD].view(-1)[7].fill_(float("nan"))), f"not finite in {HEAD}"),
]  # fmt: skip


@pytest.mark.parametrize(("spoil", "says"), FAULTS)
def test_what_is_no_model_is_refused(saved, spoil, says):
    spoil(saved)
    with pytest.raises(SalonError, match=f"(?s){says}"):
        load(saved)


def test_a_write_that_fails_leaves_the_old_file_and_no_litter(saved, monkeypatch):
    before = saved.read_bytes()
    monkeypatch.setattr(os, "fsync", lambda file: (_ for _ in ()).throw(OSError("disk full")))
    with pytest.raises(SalonError, match="disk full"):
        write_whole(saved, b"half")
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


# One process imports torch (slow) and forks a child for each kill.
KILLS = """
import os, random, signal, sys, time, torch
from tests.test_checkpoints import load, load_training, save, tiny
path, kills, chance = sys.argv[1], int(sys.argv[2]), random.Random(0)

def save_forever(first, told):
    recogniser = tiny()
    for step in range(first, 10**6):
        for weight in recogniser.state_dict().values():
            weight.fill_(step % 97)
        save(path, recogniser, {"step": step}, {"step": torch.full((200_000,), step)})
        os.write(told, step.to_bytes(8, "little"))

step = 0
for _ in range(kills):
    read, told = os.pipe()
    child = os.fork()
    if child == 0:
        save_forever(step + 1, told)
    os.close(told)
    first = os.read(read, 8)  # the first save is done
    time.sleep(chance.uniform(0, 0.1))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    reported = int.from_bytes((first + os.read(read, 10**6))[-8:], "little")
    recogniser, card = load(path)
    step = card["step"]
    assert step in (reported, reported + 1), (step, reported)  # killed between the save and its report
    assert all((weight == weight.new_tensor(step % 97)).all() for weight in recogniser.state_dict().values())
    assert (load_training(path)["step"] == step).all()
print("whole", step)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks its victims")
def test_a_kill_at_any_moment_leaves_a_whole_checkpoint(tmp_path):
    kills = "500" if os.environ.get("SALON_LONG") else "20"
    command = [sys.executable, "-c", KILLS, str(tmp_path / "run.safetensors"), kills]
    run = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parent.parent)
    assert run.returncode == 0 and run.stdout.startswith("whole"), run.stderr
