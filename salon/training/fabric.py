"""Where the steps of a training are taken: Lightning Fabric, in one process or in several that divide each batch.

All processes draw the same batch from the same seed, and each embeds its share; DistributedDataParallel makes the
mean of their gradients, so that N processes walk the path of one. Batch statistics are the exception: on GPUs they
are made common; on CPUs, where torch has none that are, each process normalises by its own share.
"""

import logging
import os
import sys
import warnings
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from salon.words import SalonError

if TYPE_CHECKING:
    from lightning_fabric import Fabric  # torch._dynamo comes with it: imported where it is used

PRECISIONS = ("32-true", "bf16-mixed")

for _name in ("distributed", "rank_zero"):
    logging.getLogger(f"lightning_fabric.utilities.{_name}").setLevel(logging.WARNING)
# Fabric calls it
warnings.filterwarnings("ignore", "torch.distributed.nn.functional.all_gather is deprecated")


def processes(device: str = "cpu", devices: int = 1, precision: str = "32-true") -> "Fabric":
    """One process, or `devices` of them: this command, started again for each; under torchrun, those that it started.

    `device` is "cpu", "cuda", one GPU as "cuda:1", or "best": a GPU where there is one; `precision` one of
    `PRECISIONS`, or "best": bfloat16 on a GPU that calculates in it. Raises `SalonError` for what is unknown or not
    there, and for several processes in a notebook.
    """
    from lightning_fabric import Fabric

    if device == "best":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    kind, index = torch.device(device).type, torch.device(device).index
    if precision == "best":
        precision = "bf16-mixed" if kind == "cuda" and torch.cuda.is_bf16_supported() else "32-true"
    local = int(os.environ.get("LOCAL_WORLD_SIZE", devices))  # torchrun knows better
    nodes = int(os.environ.get("WORLD_SIZE", local)) // max(local, 1)
    _expect_possible(kind, local, precision)
    alone = local * nodes == 1
    where = [index] if alone and index is not None else local
    # a confidence that is frozen leaves its head without a gradient
    strategy = "auto" if alone else "ddp_find_unused_parameters_true"
    return Fabric(accelerator=kind, strategy=strategy, devices=where, num_nodes=nodes, precision=precision)  # type: ignore[arg-type]


def _expect_possible(kind: str, devices: int, precision: str) -> None:
    if precision not in PRECISIONS:
        raise SalonError(f"The precision {precision!r} is unknown; expected one of {', '.join(PRECISIONS)}.")
    if devices < 1:
        raise SalonError(f"{devices} devices came; expected 1 or more. Leave out --devices for one process.")
    if kind == "cuda" and devices > torch.cuda.device_count():
        raise SalonError(
            f"{devices} GPU{'s' * (devices > 1)} came as the wish; this machine has {torch.cuda.device_count()} that "
            "torch can use. Ask for no more than that, or for --device cpu."
        )
    if devices > 1 and hasattr(sys, "ps1"):
        raise SalonError(
            f"{devices} devices came in a notebook; expected 1, for processes cannot be started from here. Use "
            f"`salon train RECIPE --devices {devices}` in a terminal."
        )


def speaks() -> bool:
    """Whether this is the process that prints: of several, the first."""
    return os.environ.get("RANK", os.environ.get("LOCAL_RANK", "0")) == "0"


def share(fabric: "Fabric", x: Tensor) -> Tensor:
    """This process's rows of a batch: [B, …] -> [B / N, …]."""
    return x.chunk(fabric.world_size)[fabric.global_rank]


def whole(fabric: "Fabric", x: Tensor) -> Tensor:
    """The batch from everybody's shares, in order and without gradient: [B / N, …] -> [B, …]."""
    return fabric.all_gather(x.detach()).reshape(-1, *x.shape[1:])  # type: ignore[union-attr]


def share_batch_statistics(fabric: "Fabric", *parts: nn.Module) -> None:
    """Let batch normalisation see the whole batch, where torch can: on several GPUs."""
    if fabric.world_size > 1 and fabric.device.type == "cuda":
        for part in parts:
            nn.SyncBatchNorm.convert_sync_batchnorm(part)  # in place, with the same weights
