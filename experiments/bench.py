"""How fast the parts are, each beside a yardstick timed in turns with it in the same run: `salon bench NAME`."""

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from statistics import median

import psutil
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.search import likelihood_tiles, mate_ranks
from salon.evaluation.results import read_provenance
from salon.faces.people import sample_people
from salon.faces.render import frontal_views, render, sample_views
from salon.model.embedding import Embedding
from salon.model.losses import ConfidenceLoss, unit_prototypes
from salon.paths import data_path
from salon.training import checkpoints
from salon.training.data import train_set
from salon.training.fabric import processes
from salon.training.loop import train
from salon.training.recipes import Recipe, recipe
from salon.words import SalonError

Figures = dict[str, float | str]
Call = Callable[[], object]

# --- the clock, and what watches the memory


def seconds(call: Call, repeats: int = 1) -> float:
    """Mean wall seconds of a call, a GPU's work included."""
    synchronise = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    synchronise()
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    synchronise()
    return (time.perf_counter() - start) / repeats


def in_turns(*calls: Call, rounds: int = 5, repeats: int = 1) -> list[list[float]]:
    """Seconds of each call, timed one after the other in every round; a round before warms up. [calls][rounds]."""
    timed = [[seconds(call, repeats) for call in calls] for _ in range(rounds + 1)][1:]
    return [list(times) for times in zip(*timed, strict=True)]


def spread(name: str, values: list[float]) -> Figures:
    """Median, least and most."""
    return {name: median(values), f"{name}_least": min(values), f"{name}_most": max(values)}


def ratio(name: str, ours: Call, other: Call, rounds: int, repeats: int = 1) -> Figures:
    """Seconds of `ours` over those of `other`."""
    mine, theirs = in_turns(ours, other, rounds=rounds, repeats=repeats)
    ratios = [a / b for a, b in zip(mine, theirs, strict=True)]
    return spread(name, ratios) | {f"{name}_seconds": median(mine)}


def extra_memory(make: Callable[..., Call], *arguments: int) -> tuple[float, float]:
    """(MB at the peak beyond what is loaded, seconds) of the call that `make` gives, in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(_watched, torch.get_num_threads(), make, *arguments).result()


def _watched(threads: int, make: Callable[..., Call], *arguments: int) -> tuple[float, float]:
    torch.set_num_threads(threads)
    call, process, done = make(*arguments), psutil.Process(), threading.Event()
    seen = [process.memory_info().rss]

    def watch() -> None:
        while not done.wait(0.001):
            seen.append(process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    took = seconds(call)
    done.set()
    watcher.join()
    return (max(seen) - seen[0]) / 1e6, took


# --- the faces


def bench_faces(count: int = 256, rounds: int = 5) -> Figures:
    """Rendered faces a second at 64 and 112 px, and in the time of one 1024^3 float32 matrix product; memory."""
    result: Figures = {"threads": torch.get_num_threads()}
    square = torch.randn(1024, 1024)
    for size in (64, 112):
        drawn, products = in_turns(_drawing(count, size), lambda: square @ square, rounds=rounds)
        result |= spread(f"faces_per_second_{size}", [count / s for s in drawn])
        result |= spread(f"faces_per_product_{size}",
                         [count * p / s for s, p in zip(drawn, products, strict=True)])  # fmt: skip
    if torch.cuda.is_available():  # pictures are copied back to memory, as everywhere
        result["gpu"] = torch.cuda.get_device_name()
        for size in (64, 112):
            (drawn,) = in_turns(_drawing(8192, size, device="cuda"))
            result[f"gpu_faces_per_second_{size}"] = 8192 / median(drawn)
    return result | {"chunk_memory_mb": extra_memory(_drawing, 256, 64)[0]}


def _drawing(count: int, size: int, device: str = "cpu") -> Call:
    """What renders that many faces."""
    return partial(render, sample_people(count, 0), sample_views(count, 0), size, device=device)


def bench_explorer() -> Figures:
    """Milliseconds that one step of the explorer takes: the model's forward pass, and drawing the face before it."""
    recogniser, _ = checkpoints.load(data_path("models", "lecture.safetensors"))
    person, view = sample_people(1, 0), frontal_views(1, yaw=20)
    image = render(person, view, 64)
    with torch.no_grad():
        (forward,) = in_turns(lambda: recogniser(image), rounds=50)
    (drawing,) = in_turns(lambda: render(person, view, 96), rounds=20)
    return {"forward_ms": 1e3 * median(forward), "forward_ms_most": 1e3 * max(forward),
            "render_96px_ms": 1e3 * median(drawing)}  # fmt: skip


# --- the live pair of notebook 03

LIVE_PEOPLE, LIVE_IMAGES, LIVE_STEPS = 3000, 2, 200


def live_pair(facts: dict) -> tuple[Recipe, Recipe]:
    """The two recipes of the live pair: the fixed scale that validation chose, and C with its chosen setting."""
    chosen = facts["chosen"]["3000"]
    common = {"start": "start", "people": LIVE_PEOPLE, "images": LIVE_IMAGES, "steps": LIVE_STEPS, "lr": 0.1}
    common |= {"cooldown": 0.2, "frozen": 0.2}
    return recipe("cosface", **common | chosen["B"]), recipe("confidence", **common | chosen["C"])


def bench_live() -> Figures:
    """Seconds and peak memory of the live pair of notebook 03 on one thread, rendering included."""
    import resource  # Windows has none

    torch.set_num_threads(1)
    facts, start = read_provenance("ablation"), time.perf_counter()
    data = train_set(LIVE_PEOPLE, LIVE_IMAGES, recipe("start").size, progress=False)
    rendered = time.perf_counter() - start
    for made in live_pair(facts):
        train(made, data=data, progress=False, variances=False, fabric=processes())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {"seconds": time.perf_counter() - start, "of_which_faces": rendered, "peak_memory_gb": peak}


# --- the method, as ratios to what it replaces

B, K, d = 64, 16, 32  # the paper's D = K d = 512
IDENTITIES = (1_000, 10_000, 85_000)
IMAGES = 10_000  # on each side of all pairs
PROBES, GALLERY = 3_530, 1_000_000  # TinyFace's probes against distractors of MegaFace's number


class PlainCosFace(nn.Module):
    """CosFace of whole vectors as it would be written for speed: one product, the target's logit updated in place."""

    def __init__(self, identities: int, D: int, scale: float = 64.0, margin: float = 0.4) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(identities, D))
        self.scale, self.margin = scale, margin

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Mean loss of features [B, D]."""
        cosine = F.normalize(features) @ unit_prototypes(self.weight).T  # [B, N]; normalised as ours are
        cosine[torch.arange(len(labels), device=labels.device), labels] -= self.margin
        return F.cross_entropy(self.scale * cosine, labels)


def bench_method() -> Figures:
    """Our loss over CosFace, (16) over the cosine, PFE's score over (16), and rank-1 among a million."""
    found: Figures = {"threads": torch.get_num_threads(), "torch": torch.__version__}
    found |= _losses("cpu") | _pairs("cpu") | _rank_1()
    if torch.cuda.is_available():
        gpu = {"device": torch.cuda.get_device_name()} | _losses("cuda") | _pairs("cuda")
        found |= {f"gpu_{name}": value for name, value in gpu.items()}
    return found


def _losses(device: str, rounds: int = 9) -> Figures:
    """Identification loss (8), forward and backward, over CosFace's."""
    found: Figures = {}
    for identities in IDENTITIES:
        ours = ConfidenceLoss(identities, K, d, margin=30.0).to(device)
        plain = PlainCosFace(identities, K * d).to(device)
        x, labels = torch.randn(B, K * d, device=device), torch.randint(identities, (B,), device=device)
        s = torch.full((B, K), 64.0, device=device)
        found |= ratio(
            f"loss_vs_cosface_N{identities}",
            partial(_confidence_step, ours, x.clone().requires_grad_(), s.requires_grad_(), labels),
            partial(_plain_step, plain, x.clone().requires_grad_(), labels),
            rounds, max(1, 10_000 // identities),
        )  # fmt: skip
    return found


def _confidence_step(criterion: ConfidenceLoss, x: Tensor, s: Tensor, labels: Tensor) -> None:
    embedding = Embedding(F.normalize(x.unflatten(1, (K, d)), dim=-1), s)
    criterion(embedding, labels)["identification"].mean().backward()
    x.grad = s.grad = criterion.prototypes.grad = None


def _plain_step(criterion: PlainCosFace, x: Tensor, labels: Tensor) -> None:
    criterion(x, labels).backward()
    x.grad = criterion.weight.grad = None


def _pairs(device: str) -> Figures:
    """(16) over the plain product, compiled and eager, and PFE's score in D variances over (16)."""
    a, b = _random(IMAGES, device), _random(IMAGES, device)
    plain = partial(torch.matmul, a.flat, b.flat.T)
    found = ratio("pairs_vs_cosine_eager", lambda: likelihood_tiles(a, b), plain, 5)
    try:
        best, name = partial(likelihood_tiles, a, b, compile=True), "compiled"
        found |= ratio("pairs_vs_cosine", best, plain, 5)
    except SalonError as error:
        best, name = partial(likelihood_tiles, a, b), str(error)
        found["pairs_vs_cosine"] = found["pairs_vs_cosine_eager"]
    part = a[: IMAGES // 200]
    some = ratio("pfe_vs_pairs", lambda: pfe_scores(part, b), best, 5)
    pfe = {key: 200 * value for key, value in some.items() if isinstance(value, float)}
    return found | pfe | {"pairs_note": name, "pfe_note": f"{part.B} of {IMAGES} rows timed, times 200"}


def pfe_scores(a: Embedding, b: Embedding, rows: int = 16, columns: int = 512) -> Tensor:
    """PFE's mutual likelihood score (its (3)) with D variances, as blocked broadcasts; [A, B]."""
    u, v = (x.fitted.repeat_interleave(x.d, 1) for x in (a, b))  # [A, D], [B, D]
    scores = a.features.new_empty(a.B, b.B)
    for i in range(0, a.B, rows):
        for j in range(0, b.B, columns):
            r, c = slice(i, i + rows), slice(j, j + columns)
            both = u[r, None] + v[None, c]  # [rows, columns, D]
            squares = (a.flat[r, None] - b.flat[None, c]).square_()
            scores[r, c] = squares.div_(both).add_(both.log_()).sum(2).mul_(-0.5)
    return scores


def _rank_1() -> Figures:
    """Seconds and extra memory of rank-1 among 1 M, a gallery of 100,000 timed, in a process of its own."""
    tenth = GALLERY // 10
    megabytes, took = extra_memory(_searching, PROBES, tenth)
    note = f"{tenth} gallery features timed, times 10; the memory, of blocks, does not grow with the gallery"
    return {"rank_1_seconds": 10 * took, "rank_1_extra_mb": megabytes, "rank_1_note": note}


def _searching(probes: int, gallery: int) -> Call:
    """What ranks that many probes in a gallery, warmed up."""
    a, b, labels = _random(probes), _random(gallery), torch.arange(gallery)
    mate_ranks(a[:8], b[:8], labels[:8], labels[:8])
    return partial(mate_ranks, a, b, labels[:probes], labels)


def _random(count: int, device: str = "cpu") -> Embedding:
    """Unit features in random directions, with variances between 0.01 and 1."""
    features = F.normalize(torch.randn(count, K, d, device=device), dim=-1)
    variances = 0.01 + torch.rand(count, K, device=device)
    return Embedding(features, 1 / variances, variances)


BENCHES: dict[str, Callable[[], Mapping[str, float | str]]] = {
    "faces": bench_faces,
    "explorer": bench_explorer,
    "live": bench_live,
    "method": bench_method,
}


def run(name: str) -> Figures:
    """The figures of one benchmark, flat; raises `SalonError` for an unknown name."""
    if name not in BENCHES:
        raise SalonError(f"The benchmark {name!r} is not known; expected one of {', '.join(BENCHES)}.")
    return dict(BENCHES[name]())
