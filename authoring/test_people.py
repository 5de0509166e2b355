"""The test people that are shipped: drawn, written as sheets without loss, and a file of numbers to check them by."""

import json
from pathlib import Path

import torch
from safetensors.torch import save as to_bytes
from torch import Tensor

from experiments.people import render_benchmark
from salon.evaluation.people import DEGRADED, KINDS, TEST_PEOPLE, Benchmark, known
from salon.faces.people import GENERATOR_VERSION
from salon.faces.pixels import digest, to_webp
from salon.paths import write_whole
from salon.training.checkpoints import read_whole

SHEET_COLUMNS = 20  # pictures side by side


def write_test_sheets(folder: Path, people: int = TEST_PEOPLE, progress: bool = True) -> list[Path]:
    """Draw the test people and write what is shipped of them; returns the paths."""
    return write_benchmark(render_benchmark("test", people, progress), folder)


def write_benchmark(made: Benchmark, folder: Path) -> list[Path]:
    """Write a sheet of each kind of picture, without loss, and a file of numbers that the sheets are checked by."""
    paths = [folder / f"test_{kind}.webp" for kind in KINDS]
    for kind, path in zip(KINDS, paths, strict=True):
        write_whole(path, to_webp(getattr(made, kind), SHEET_COLUMNS, lossless=True, quality=100, method=5))
    facts = {"generator": GENERATOR_VERSION, "licence": "CC BY 4.0", "shows": "rendered people only"}
    digests = {kind: digest(getattr(made, kind)) for kind in KINDS}
    tensors = known(made.scenes).tensors()
    tensors |= {f"fingerprint.{name}": x for name, x in fingerprints(made).items()}
    metadata = {"benchmark": json.dumps(facts | {"digests": digests})}
    write_whole(folder / "test.safetensors", to_bytes(tensors, metadata))
    return [*paths, folder / "test.safetensors"]


def fingerprints(benchmark: Benchmark) -> dict[str, Tensor]:
    """The fingerprint [n] of all pictures under each condition that is applied on load."""
    return {name: fingerprint(benchmark.images(name)) for name in (*DEGRADED, "mixed")}


def stored_fingerprints(folder: Path) -> dict[str, Tensor]:
    """The fingerprints that were stored beside the sheets, [n] a condition."""
    prefix = "fingerprint."
    tensors, _ = read_whole(folder / "test.safetensors")
    return {name.removeprefix(prefix): x for name, x in tensors.items() if name.startswith(prefix)}


def fingerprint(images: Tensor) -> Tensor:
    """One number a picture [n]: its pixels in 0..1 summed with fixed random signs, over the root of their number.

    The last bit of a blur or a power differs between processors, and a hash with it. This moves by less than
    1e-4 then, and by about 0.1 where strength, seed or picture is another.
    """
    signs = torch.randint(0, 2, images.shape[1:], generator=torch.Generator().manual_seed(0)) * 2.0 - 1
    return (images * signs).sum((1, 2, 3)) / signs.numel() ** 0.5
