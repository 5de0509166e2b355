"""Several processes at one training, carried by Lightning Fabric: who takes which images, how gradients become one.

Every process holds the whole network and all prototypes, draws the same batch from the same seed and takes its
share of the images.  The mean of their gradients is then the gradient of the mean over the whole batch, so N
processes walk the path of one.  (DistributedDataParallel does the same out of sight, and overlaps it with `backward`.)
Batch statistics are the exception: on GPUs they are made common; on CPUs, where torch has none that are, each
process normalises by its own share.
"""

import logging
import multiprocessing
import os
import re
import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn

from salon.words import SalonError

if TYPE_CHECKING:
    from lightning_fabric import Fabric  # torch._dynamo comes with it: imported where it is used

PRECISIONS = {"32-true": torch.float32, "bf16-mixed": torch.float32, "64-true": torch.float64}  # of weights

for _name in ("distributed", "rank_zero"):  # here, so that it holds in spawned processes too
    logging.getLogger(f"lightning_fabric.utilities.{_name}").setLevel(logging.WARNING)

T = TypeVar("T")


def best_device() -> str:
    """Where there is a GPU "cuda", else "cpu"."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def best_precision(device: str) -> str:
    """On a GPU that calculates in bfloat16 "bf16-mixed", else "32-true"."""
    gpu = torch.device(device).type == "cuda" and torch.cuda.is_available()
    return "bf16-mixed" if gpu and torch.cuda.is_bf16_supported() else "32-true"


def processes(device: str = "cpu", devices: int = 1, precision: str = "32-true", batch: int = 0) -> "Fabric":
    """One process, or `devices` of them to be spawned by `launch`; under torchrun, those that it started.

    `device` is "cpu", "cuda" or one GPU, "cuda:1"; `precision` one of `PRECISIONS`. Raises `SalonError` for what is
    unknown or not there, for several processes in a notebook, and for a `batch` that they cannot divide.
    """
    from lightning_fabric import Fabric

    kind, index = torch.device(device).type, torch.device(device).index
    local, nodes = _of_torchrun(devices) or (devices, 1)
    _expect_possible(kind, local, precision)
    if batch % (local * nodes):
        raise SalonError(
            f"{local * nodes} processes came for batches of {batch}; expected a number that divides them. Ask for "
            "another number of devices, or change the recipe's batch."
        )
    if local * nodes == 1:
        return Fabric(accelerator=kind, devices=1 if index is None else [index], precision=precision)  # type: ignore[arg-type]
    strategy = "ddp" if _by_torchrun() else "ddp_spawn"
    return Fabric(accelerator=kind, strategy=strategy, devices=local, num_nodes=nodes, precision=precision)  # type: ignore[arg-type]


def _by_torchrun() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_torchelastic_launched()


def _of_torchrun(devices: int) -> tuple[int, int] | None:
    """Processes on this machine, and machines, as torchrun says; None without it."""
    if not _by_torchrun():
        return None
    local, world = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
    if devices not in (1, local):
        raise SalonError(
            f"{devices} devices came, and torchrun started {local} processes; leave out --devices."
        )
    return local, world // local


def _expect_possible(kind: str, devices: int, precision: str) -> None:
    if precision not in PRECISIONS:
        raise SalonError(
            f"The precision {precision!r} is not known; expected one of {', '.join(PRECISIONS)}."
        )
    if devices < 1:
        raise SalonError(f"{devices} devices came; expected 1 or more. Leave out --devices for one process.")
    if kind == "cuda" and devices > torch.cuda.device_count():
        raise SalonError(
            f"{devices} GPU{'s' * (devices > 1)} came as the wish; this machine has {torch.cuda.device_count()} that "
            "torch can use. Ask for no more than that, or for --device cpu."
        )
    if devices > 1 and hasattr(sys, "ps1") and not _by_torchrun():
        raise SalonError(
            f"{devices} devices came in a notebook; expected 1, for processes cannot be spawned from here. Use "
            f"`salon train RECIPE --devices {devices}` in a terminal."
        )


def spawns(fabric: "Fabric") -> bool:
    """Whether `launch` will start processes of its own."""
    return fabric.world_size > 1 and not _by_torchrun()


def speaks() -> bool:
    """Whether this is the process that prints: of those that torchrun started, the first."""
    return not _by_torchrun() or os.environ["RANK"] == "0"


def launch(fabric: "Fabric", work: Callable[["Fabric"], T]) -> T | None:
    """Do `work` in every process: here, with its answer, or in spawned ones, without.

    One that fails ends the others. A `SalonError` comes through as it was; a process that was killed becomes one.
    """
    if not spawns(fabric):
        return fabric.launch(work)
    from torch.multiprocessing import ProcessExitedException, ProcessRaisedException

    others = set(multiprocessing.active_children())
    try:
        return fabric.launch(partial(_without_answer, work))
    except ProcessRaisedException as error:
        said = re.search(r"\bSalonError: (.*)", str(error), re.DOTALL)
        if said is None:
            raise
        raise SalonError(said[1].strip()) from None
    except ProcessExitedException as error:
        raise SalonError(
            f"A process of the training was ended from outside ({error}); --resume goes on."
        ) from None
    finally:
        for child in set(multiprocessing.active_children()) - others:
            child.terminate()


def _without_answer(work: Callable[["Fabric"], T], fabric: "Fabric") -> None:
    work(fabric)  # a queue would copy the answer, and cut the optimiser from its weights


def share(fabric: "Fabric", x: Tensor) -> Tensor:
    """This process's rows of a batch: [B, …] -> [B / N, …]."""
    return x.chunk(fabric.world_size)[fabric.global_rank]


def whole(fabric: "Fabric", x: Tensor) -> Tensor:
    """The batch from everybody's shares, in order and without gradient: [B / N, …] -> [B, …]."""
    if fabric.world_size == 1:
        return x.detach()
    everyone = x.new_zeros(fabric.world_size, *x.shape)
    everyone[fabric.global_rank] = x.detach()
    return fabric.all_reduce(everyone, reduce_op="sum").flatten(0, 1)  # type: ignore[union-attr]


def average_gradients(fabric: "Fabric", parameters: Iterable[nn.Parameter]) -> None:
    """Put the mean over all processes in place of each gradient, in one message."""
    if fabric.world_size == 1:
        return
    gradients = [p.grad for p in parameters if p.grad is not None]
    mean = fabric.all_reduce(torch.cat([g.flatten() for g in gradients]), reduce_op="mean")
    for gradient, part in zip(gradients, mean.split([g.numel() for g in gradients]), strict=True):  # type: ignore[union-attr]
        gradient.copy_(part.view_as(gradient))


def share_batch_statistics(fabric: "Fabric", *parts: nn.Module) -> None:
    """Let batch normalisation see the whole batch, where torch can: on several GPUs."""
    if fabric.world_size > 1 and fabric.device.type == "cuda":
        for part in parts:
            nn.SyncBatchNorm.convert_sync_batchnorm(part)  # in place, with the same weights
