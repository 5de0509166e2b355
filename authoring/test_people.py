"""The test people that are shipped: drawn, written as sheets without loss, and a file of numbers to check them by."""

import io
import json
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save as to_bytes
from torch import Tensor

from salon.evaluation.people import (
    DEGRADED,
    KINDS,
    SHEET_COLUMNS,
    TEST_PEOPLE,
    Benchmark,
    fingerprint,
    known,
    render_benchmark,
)
from salon.faces.people import GENERATOR_VERSION
from salon.faces.pixels import as_bytes, digest
from salon.training.checkpoints import write_whole


def write_test_sheets(folder: Path, people: int = TEST_PEOPLE, progress: bool = True) -> list[Path]:
    """Draw the test people and write what is shipped of them; returns the paths."""
    return write_benchmark(render_benchmark("test", people, progress), folder)


def write_benchmark(made: Benchmark, folder: Path) -> list[Path]:
    """Write a sheet of each kind of picture, without loss, and a file of numbers that the sheets are checked by."""
    paths = [folder / f"test_{kind}.webp" for kind in KINDS]
    for kind, path in zip(KINDS, paths, strict=True):
        write_sheet(getattr(made, kind), path)
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


def write_sheet(images: Tensor, path: Path) -> None:
    """Write pictures [n, 3, H, W] in 0..1, or bytes, as one WebP of 8 bits a colour in reading order, without loss."""
    n, channels, height, width = images.shape
    blank = torch.zeros(-n % SHEET_COLUMNS, channels, height, width, dtype=torch.uint8)  # fills up the last row
    tiles = torch.cat([as_bytes(images), blank]).view(-1, SHEET_COLUMNS, channels, height, width)
    sheet = tiles.permute(0, 3, 1, 4, 2).reshape(-1, SHEET_COLUMNS * width, channels)
    file = io.BytesIO()
    Image.fromarray(sheet.numpy()).save(file, "WEBP", lossless=True, quality=100, method=5)
    write_whole(path, file.getvalue())
