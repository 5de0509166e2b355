"""How fast the lecture's parts are, each beside a yardstick timed in the same run: `salon bench NAME`."""

import time
from collections.abc import Callable
from statistics import median

import torch

from salon.experiments import checkpoints
from salon.experiments.data import train_set
from salon.experiments.recipes import recipe
from salon.experiments.results import read_provenance
from salon.experiments.training import train
from salon.faces.people import sample_people
from salon.faces.render import frontal_views, render, sample_views
from salon.paths import data_path
from salon.text import SalonError


def _seconds(function: Callable[[], object], repeats: int = 5) -> list[float]:
    """Wall seconds of each of `repeats` calls, after one that warms up."""
    times = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return times[1:]


def bench_faces(count: int = 256) -> dict[str, float]:
    """Rendered faces a second at 64 and 112 px, least to most, and in units of a 1024^3 float32 matrix product."""
    people, views = sample_people(count, 0), sample_views(count, 0)
    a = torch.randn(1024, 1024)
    result: dict[str, float] = {"threads": torch.get_num_threads()}
    for size in (64, 112):
        faces = [count / s for s in _seconds(lambda size=size: render(people, views, size))]  # type: ignore[misc]
        product = median(_seconds(lambda: a @ a, 20))
        result |= {f"faces_per_second_{size}": median(faces), f"least_{size}": min(faces), f"most_{size}": max(faces),
                   f"faces_per_matrix_product_{size}": median(faces) * product}  # fmt: skip
    return result


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
    facts, start = read_provenance("confidence"), time.perf_counter()
    data = train_set(LIVE_PEOPLE, LIVE_IMAGES, recipe("start").size, progress=False)
    rendered = time.perf_counter() - start
    for made in live_pair(facts):
        train(made, data=data, progress=False, variances=False)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"seconds": time.perf_counter() - start, "of_which_faces": rendered, "peak_memory_gb": peak}


LIVE_PEOPLE, LIVE_IMAGES, LIVE_STEPS = 200, 8, 300


def live_pair(facts: dict) -> tuple:
    """The two recipes of the live pair: the fixed scale that validation chose, and C with its chosen setting."""
    margin, s0, regularise = facts["best_setting"]
    common = {"start": "start", "people": LIVE_PEOPLE, "images": LIVE_IMAGES, "steps": LIVE_STEPS}
    fixed = recipe("cosface", scale=float(facts["best_fixed_scale"]), **common)
    return fixed, recipe("confidence", margin=float(margin), s0=float(s0), regularise=regularise, **common)


BENCHES: dict[str, Callable[[], dict[str, float]]] = {
    "faces": bench_faces,
    "explorer": bench_explorer,
    "live": bench_live,
}


def run(name: str) -> dict[str, float]:
    """The figures of one benchmark, flat; raises `SalonError` for an unknown name."""
    if name not in BENCHES:
        raise SalonError(f"The benchmark {name!r} is not known; expected one of {', '.join(BENCHES)}.")
    return BENCHES[name]()
