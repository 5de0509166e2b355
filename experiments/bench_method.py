"""How fast the method is, as ratios to what it replaces; both sides are timed alternately in one run."""

import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments.search import likelihood_tiles
from salon.model.embedding import Embedding
from salon.model.losses import ConfidenceLoss, unit_prototypes
from salon.words import SalonError

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


def bench_method() -> dict[str, float | str]:
    """Our loss over CosFace, (16) over the cosine, PFE's score over (16), and rank-1 among a million."""
    found: dict[str, float | str] = {"threads": torch.get_num_threads(), "torch": torch.__version__}
    found |= _losses("cpu") | _pairs("cpu") | _rank_1()
    if torch.cuda.is_available():
        gpu = {"device": torch.cuda.get_device_name()} | _losses("cuda") | _pairs("cuda")
        found |= {f"gpu_{name}": value for name, value in gpu.items()}
    return found


def _losses(device: str, rounds: int = 9) -> dict[str, float | str]:
    """Identification loss (8), forward and backward, over CosFace's."""
    found: dict[str, float | str] = {}
    for identities in IDENTITIES:
        ours = ConfidenceLoss(identities, K, d, margin=30.0).to(device)
        plain = PlainCosFace(identities, K * d).to(device)
        x, labels = torch.randn(B, K * d, device=device), torch.randint(identities, (B,), device=device)
        s = torch.full((B, K), 64.0, device=device)
        found |= _ratio(
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


def _pairs(device: str) -> dict[str, float | str]:
    """(16) over the plain product, compiled and eager, and PFE's score in D variances over (16)."""
    a, b = _random(IMAGES, device), _random(IMAGES, device)
    plain = partial(_product, a.flat, b.flat)
    found = _ratio("pairs_vs_cosine_eager", lambda: likelihood_tiles(a, b), plain, 5)
    try:
        best, name = partial(likelihood_tiles, a, b, compile=True), "compiled"
        found |= _ratio("pairs_vs_cosine", best, plain, 5)
    except SalonError as error:
        best, name = partial(likelihood_tiles, a, b), str(error)
        found["pairs_vs_cosine"] = found["pairs_vs_cosine_eager"]
    part = a[: IMAGES // 200]
    some = _ratio("pfe_vs_pairs", lambda: pfe_scores(part, b), best, 5)
    pfe = {key: 200 * value for key, value in some.items() if isinstance(value, float)}
    return found | pfe | {"pairs_note": name, "pfe_note": f"{part.B} of {IMAGES} rows timed, times 200"}


def _product(a: Tensor, b: Tensor) -> Tensor:
    return a @ b.T


def pfe_scores(a: Embedding, b: Embedding, rows: int = 16, columns: int = 512) -> Tensor:
    """PFE's mutual likelihood score (its (3)) with D variances, as blocked broadcasts; [A, B]."""
    assert a.variances is not None and b.variances is not None
    u, v = (x.repeat_interleave(a.d, 1) for x in (a.variances, b.variances))  # [A, D], [B, D]
    scores = a.features.new_empty(a.B, b.B)
    for i in range(0, a.B, rows):
        for j in range(0, b.B, columns):
            r, c = slice(i, i + rows), slice(j, j + columns)
            both = u[r, None] + v[None, c]  # [rows, columns, D]
            squares = (a.flat[r, None] - b.flat[None, c]).square_()
            scores[r, c] = squares.div_(both).add_(both.log_()).sum(2).mul_(-0.5)
    return scores


def _rank_1() -> dict[str, float | str]:
    """Seconds and extra memory of rank-1 among 1 M, a gallery of 100,000 timed, in a process of its own."""
    tenth = GALLERY // 10
    command = [sys.executable, "-c", _SEARCH_AND_WATCH, *map(str, (torch.get_num_threads(), PROBES, tenth))]
    seconds, megabytes = map(
        float, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    )
    note = (
        f"{tenth} gallery features timed, times 10; blocks, and so the memory, do not grow with the gallery"
    )
    return {"rank_1_seconds": 10 * seconds, "rank_1_extra_mb": megabytes, "rank_1_note": note}


_SEARCH_AND_WATCH = """
import sys, threading, time
import psutil, torch
from experiments.bench_method import _random
from experiments.search import mate_ranks
threads, probes, gallery = map(int, sys.argv[1:])
torch.set_num_threads(threads)
a, b = _random(probes), _random(gallery)
labels, process = torch.arange(gallery), psutil.Process()
mate_ranks(a[:8], b[:8], labels[:8], labels[:8])
before = most = process.memory_info().rss
done = threading.Event()
def watch():
    global most
    while not done.wait(0.002):
        most = max(most, process.memory_info().rss)
watcher = threading.Thread(target=watch)
watcher.start()
start = time.perf_counter()
mate_ranks(a, b, labels[:probes], labels)
print(time.perf_counter() - start)
done.set()
watcher.join()
print((most - before) / 1e6)
"""


def _random(count: int, device: str = "cpu") -> Embedding:
    """Unit features in random directions, with variances between 0.01 and 1."""
    features = F.normalize(torch.randn(count, K, d, device=device), dim=-1)
    variances = 0.01 + torch.rand(count, K, device=device)
    return Embedding(features, 1 / variances, variances)


def _ratio(
    name: str, ours: Callable[[], object], other: Callable[[], object], rounds: int, repeats: int = 1
) -> dict[str, float | str]:
    """Seconds of `ours` over those of `other`, timed in turns after one that warms up: median, least, most."""
    pairs = [(_seconds(ours, repeats), _seconds(other, repeats)) for _ in range(rounds + 1)][1:]
    ratios = [a / b for a, b in pairs]
    named: dict[str, float | str] = {
        name: median(ratios),
        f"{name}_least": min(ratios),
        f"{name}_most": max(ratios),
    }
    return named | {f"{name}_seconds": median(a for a, _ in pairs)}


def _seconds(function: Callable[[], object], repeats: int) -> float:
    synchronise = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    synchronise()
    start = time.perf_counter()
    for _ in range(repeats):
        function()
    synchronise()
    return (time.perf_counter() - start) / repeats
