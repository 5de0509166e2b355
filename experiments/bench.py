"""How fast the lecture's parts are, each beside a yardstick timed in the same run: `salon bench NAME`."""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from statistics import median

import torch

from experiments.bench_method import bench_method
from salon.evaluation.results import read_provenance
from salon.faces.people import sample_people
from salon.faces.render import frontal_views, render, sample_views
from salon.paths import data_path
from salon.training import checkpoints
from salon.training.data import train_set
from salon.training.loop import train
from salon.training.recipes import recipe
from salon.words import SalonError


def _seconds(function: Callable[[], object], repeats: int = 5) -> list[float]:
    """Wall seconds of each of `repeats` calls, after one that warms up."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return times[1:]


def bench_faces(count: int = 256, rounds: int = 5) -> dict[str, float | str]:
    """Rendered faces a second at 64 and 112 px, and in the time of one 1024^3 float32 matrix product; memory."""
    people, views = sample_people(count, 0), sample_views(count, 0)
    result: dict[str, float | str] = {"threads": torch.get_num_threads()}
    for size in (64, 112):
        result |= _faces_and_products(lambda size=size: render(people, views, size), count, size, rounds)  # type: ignore[misc]
    if shutil.which("c++") or shutil.which("g++") or shutil.which("clang++"):
        many = 8 * count  # compiling pays for large batches only
        people, views = sample_people(many, 0), sample_views(many, 0)
        result["compiled_faces_per_second_64"] = many / median(
            _seconds(lambda: render(people, views, 64, compile=True), 3)
        )
    else:
        result["compiled_note"] = "no C++ compiler (c++, g++ or clang++): compiled rendering was not timed"
    if torch.cuda.is_available():
        result |= _faces_on_gpu()
    return result | {"chunk_memory_mb": _extra_memory_mb()}


def _faces_and_products(draw: Callable[[], object], count: int, size: int, rounds: int) -> dict[str, float]:
    """Faces a second, and faces in the time of a matrix product timed right after: medians, least and most."""
    a, rates, ratios = torch.randn(1024, 1024), [], []
    for _ in range(rounds):
        seconds = median(_seconds(draw, 1))
        rates.append(count / seconds)
        ratios.append(count / seconds * median(_seconds(lambda: a @ a, 5)))
    found: dict[str, float] = {}
    for name, values in ((f"faces_per_second_{size}", rates), (f"faces_per_product_{size}", ratios)):
        found |= {name: median(values), f"{name}_least": min(values), f"{name}_most": max(values)}
    return found


def _faces_on_gpu(count: int = 8192) -> dict[str, float | str]:
    """The same on a GPU, its name beside it; pictures are copied back to memory, as everywhere."""
    people, views = sample_people(count, 0), sample_views(count, 0)
    found: dict[str, float | str] = {"gpu": torch.cuda.get_device_name()}
    for size in (64, 112):
        seconds = _seconds(lambda size=size: render(people, views, size, device="cuda"), 5)  # type: ignore[misc]
        found[f"gpu_faces_per_second_{size}"] = count / median(seconds)
    return found


_RENDER_AND_WATCH = """
import sys, threading, time
import psutil, torch
from salon.faces.people import sample_people
from salon.faces.render import render, sample_views
torch.set_num_threads(int(sys.argv[1]))
people, views, process = sample_people(256, 0), sample_views(256, 0), psutil.Process()
before = most = process.memory_info().rss
done = threading.Event()
def watch():
    global most
    while not done.wait(0.001):
        most = max(most, process.memory_info().rss)
watcher = threading.Thread(target=watch)
watcher.start()
render(people, views, 64)
done.set()
watcher.join()
print((most - before) / 1e6)
"""


def _extra_memory_mb() -> float:
    """Peak memory, in MB, that rendering 256 faces at 64 px takes beyond what is loaded, in a process of its own."""
    command = [sys.executable, "-c", _RENDER_AND_WATCH, str(torch.get_num_threads())]
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def bench_explorer() -> dict[str, float]:
    """Milliseconds that one step of the explorer takes: the model's forward pass, and drawing the face before it."""
    recogniser, _ = checkpoints.load(data_path("models", "lecture.safetensors"))
    person, view = sample_people(1, 0), frontal_views(1, yaw=20)
    image = render(person, view, 64)
    with torch.no_grad():
        forward = _seconds(lambda: recogniser(image), 50)
    drawing = _seconds(lambda: render(person, view, 96), 20)
    return {
        "forward_ms": 1e3 * median(forward),
        "forward_ms_most": 1e3 * max(forward),
        "render_96px_ms": 1e3 * median(drawing),
    }


def bench_live() -> dict[str, float]:
    """Seconds and peak memory of the live pair of notebook 03 on one thread, rendering included."""
    import resource  # Windows has none

    torch.set_num_threads(1)
    facts, start = read_provenance("ablation_lecture"), time.perf_counter()
    data = train_set(LIVE_PEOPLE, LIVE_IMAGES, recipe("start").size, progress=False)
    rendered = time.perf_counter() - start
    for made in live_pair(facts):
        train(made, data=data, progress=False, variances=False)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"seconds": time.perf_counter() - start, "of_which_faces": rendered, "peak_memory_gb": peak}


LIVE_PEOPLE, LIVE_IMAGES, LIVE_STEPS = 200, 8, 300


def live_pair(facts: dict) -> tuple:
    """The two recipes of the live pair: the fixed scale that validation chose, and C with its chosen setting."""
    chosen = facts["chosen"]
    common = {"start": "start", "people": LIVE_PEOPLE, "images": LIVE_IMAGES, "steps": LIVE_STEPS}
    return recipe("cosface", **chosen["B"], **common), recipe("confidence", **chosen["C"], **common)


BENCHES: dict[str, Callable[[], Mapping[str, float | str]]] = {
    "faces": bench_faces,
    "explorer": bench_explorer,
    "live": bench_live,
    "method": bench_method,
}


def run(name: str) -> dict[str, float | str]:
    """The figures of one benchmark, flat; raises `SalonError` for an unknown name."""
    if name not in BENCHES:
        raise SalonError(f"The benchmark {name!r} is not known; expected one of {', '.join(BENCHES)}.")
    return dict(BENCHES[name]())
