"""`check.pull(pull)`: call a student's function on small inputs and say the one thing that helps most.

Nothing here raises for a wrong answer. All axes differ in length, so that none is mistaken for another unseen.
"""

import inspect
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn.functional import normalize

from salon.lecture import exercises
from salon.model.decorrelation import variation_masks
from salon.words import entry, say

Arguments = dict[str, Any]


def tell(name: str, function: object) -> None:
    """Say how far `function` is from the exercise `name`."""
    print(verdict(name, function))


def verdict(name: str, function: object) -> str:
    """What `check.NAME` prints about `function`, one line in the chosen language."""
    try:
        _examine(name, function)
    except _Finding as finding:
        return say("check.line", name=name, text=finding)
    return say("check.line", name=name, text=say("check.right", n=len(TASKS[name][1])))


def mistakes(name: str) -> dict[str, Callable[..., Tensor]]:
    """The likely mistakes of an exercise: by the key of what is said of each, our solution with that slip."""
    return {f"check.{name}.{key}": _slipped(name, slip) for key, slip in _special(name, "old").items()}


def _special(name: str, mark: str) -> dict[str, Any]:
    """Of an exercise's texts those that carry "old" (a slip in our solution) or "given" (an edge)."""
    return {key: row for key, row in entry(f"check.{name}").items() if mark in row}


def _slipped(name: str, slip: dict[str, str]) -> Callable[..., Tensor]:
    scope: dict[str, Any] = {"torch": torch}
    exec(inspect.getsource(getattr(exercises, name)).replace(slip["old"], slip["new"]), scope)
    return scope[name]


class _Finding(Exception):
    """What is to be told, the text `key`."""

    def __init__(self, key: str, **values: Any) -> None:
        super().__init__(say(key, **values).strip())


@dataclass(frozen=True)
class Case:
    """One call: the exercise, the arguments, the lengths of the axes by name, and what is expected."""

    name: str
    arguments: Arguments
    sizes: dict[str, int]
    expected: Tensor

    def named(self, shape: Iterable[int]) -> str:
        """A shape with the names of its axes where they can be told: [B, N] = [5, 7]."""
        names = {size: name for name, size in self.sizes.items()}
        lengths = list(shape)
        return f"[{', '.join(names.get(n, str(n)) for n in lengths)}] = {lengths}" if lengths else "[]"

    def factors(self) -> dict[str, float]:
        """Numbers that an answer may be off by, in order: plain ones, then lengths and single arguments."""
        numbers = {name: x for name, x in self.arguments.items() if isinstance(x, float)}
        return {"2": 2.0, "100": 100.0} | numbers | {name: float(n) for name, n in self.sizes.items()}


def _cases(name: str) -> list[Case]:
    draw, lengths = TASKS[name]
    drawn = [draw(Generator().manual_seed(seed), **sizes) for seed, sizes in enumerate(lengths)]
    solved = getattr(exercises, name)
    return [Case(name, given, sizes, solved(**given)) for given, sizes in zip(drawn, lengths, strict=True)]


def _examine(name: str, function: object) -> None:
    """Return if `function` is right, else raise the `_Finding` that helps most."""
    if not callable(function):
        raise _Finding("check.function", name=name, came=type(function).__name__)
    cases = _cases(name)
    results, changed = zip(*(_call(function, case) for case in cases), strict=True)
    if not all(_alike(case.expected, result) for case, result in zip(cases, results, strict=True)):
        raise _diagnosis(name, list(zip(cases, results, strict=True)))
    if any(changed):
        raise _Finding("check.changed", argument=next(filter(None, changed)))
    for key, edge in _special(name, "given").items():
        arguments = cases[0].arguments | edge["given"]
        expected = getattr(exercises, name)(**arguments)
        if not _survives(function, Case(name, arguments, cases[0].sizes, expected)):
            raise _Finding("check.edge", text=say(f"check.{name}.{key}"))


def _call(function: Callable, case: Case) -> tuple[Tensor, str]:
    """The result, checked for its kind and shape, and the argument that the function has changed, or ""."""
    given = {name: x.clone() if isinstance(x, Tensor) else x for name, x in case.arguments.items()}
    try:
        result = function(*given.values())
    except Exception as error:
        raise _raised(error, function, case) from error
    _expect_floats(result, case)
    result = result.detach().cpu()
    if result.shape != case.expected.shape:
        raise _wrong_shape(result, case)
    if bad := int((~result.isfinite()).sum()):
        raise _Finding("check.nan", bad=bad, all=result.numel())
    before = case.arguments.items()
    return result, next((n for n, x in before if isinstance(x, Tensor) and not x.equal(given[n])), "")


def _survives(function: Callable, case: Case) -> bool:
    try:
        return _alike(case.expected, _call(function, case)[0])
    except _Finding:
        return False


def _raised(error: Exception, function: Callable, case: Case) -> _Finding:
    file = getattr(getattr(function, "__code__", None), "co_filename", None)
    own = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    sizes = ", ".join(f"{name} = {n}" for name, n in case.sizes.items())
    told = {"error": f"{type(error).__name__}: {error}".strip().split("\n")[0].rstrip("."), "sizes": sizes}
    if not own or not own[-1].line:
        return _Finding("check.raised", **told)
    return _Finding("check.raised_in_line", line=own[-1].lineno, code=own[-1].line.split("  #")[0], **told)


def _expect_floats(result: object, case: Case) -> None:
    if result is None or result is ...:
        raise _Finding("check.not_yet")
    if not isinstance(result, Tensor):
        kind = f"{type(result).__module__}.{type(result).__name__}".removeprefix("builtins.")
        raise _Finding("check.type", came=kind, expected=case.named(case.expected.shape))
    if not result.is_floating_point():
        raise _Finding("check.dtype", came=result.dtype)


def _wrong_shape(result: Tensor, case: Case) -> _Finding:
    for key, mistaken in mistakes(case.name).items():  # some slips show in the shape
        if _alike(mistaken(**case.arguments), result):
            return _Finding(key)
    hint = next(_shape_hints(result, case), "")
    came, expected = case.named(result.shape), case.named(case.expected.shape)
    return _Finding("check.shape", came=came, expected=expected, hint=hint)


def _shape_hints(came: Tensor, case: Case) -> Iterator[str]:
    """What explains the shape, if the numbers bear it out."""
    expected = case.expected
    names = {size: name for name, size in case.sizes.items()}
    if came.ndim == 2 and _alike(expected, came.T):
        yield say("check.shape.transposed")
    if came.squeeze().shape == expected.shape:
        yield say("check.shape.squeeze")
    for way in ("sum", "mean"):
        for axis, n in enumerate(came.shape):
            if _alike(expected, getattr(came, way)(axis)):
                yield say(f"check.shape.{way}", axis=names.get(n, n))
        for axis, n in enumerate(expected.shape):
            if _alike(getattr(expected, way)(axis), came):
                yield say(f"check.shape.{way}_too_many", axis=names.get(n, n))


def _diagnosis(name: str, pairs: list[tuple[Case, Tensor]]) -> _Finding:
    """The first explanation that holds in every call, from the most special to the most general."""
    for key, mistaken in mistakes(name).items():
        if all(_alike(mistaken(**case.arguments), result) for case, result in pairs):
            return _Finding(key)
    if all(_alike(-case.expected, result) for case, result in pairs):
        return _Finding("check.sign")
    if all(_alike(1 - case.expected, result) for case, result in pairs):
        return _Finding("check.complement")
    if factor := _factor(pairs):
        return _Finding("check.scale", factor=factor)
    offsets = [result - case.expected for case, result in pairs]
    if all(_alike(offsets[0].flatten()[0].expand_as(offset), offset) for offset in offsets):
        return _Finding("check.offset", offset=f"{float(offsets[0].flatten()[0]):.3g}")
    case, result = next(pair for pair in pairs if not _alike(pair[0].expected, pair[1]))
    return _first_difference(case.expected, result)


def _factor(pairs: list[tuple[Case, Tensor]]) -> str:
    """By what the results are too large in every call: "2", "1/scale", "0.3"; "" if by nothing that is constant."""
    ratios = [_ratio(case.expected, result) for case, result in pairs]
    known = [case.factors() for case, _ in pairs]
    for name in known[0]:
        for text, power in ((name, 1), (f"1/{name}", -1)):
            if all(_close(r, factors[name] ** power) for r, factors in zip(ratios, known, strict=True)):
                return text
    return f"{ratios[0]:.3g}" if all(_close(r, ratios[0]) for r in ratios) else ""


def _ratio(expected: Tensor, came: Tensor) -> float:
    """The least-squares ratio, or NaN where the two are not proportional."""
    ratio = (came * expected).sum() / expected.square().sum()
    return float(ratio) if _alike(ratio * expected, came) else float("nan")


def _first_difference(expected: Tensor, came: Tensor) -> _Finding:
    wrong = ~torch.isclose(came.double(), expected.double(), rtol=1e-3, atol=1e-5)
    where = wrong.nonzero()[0].tolist()
    values = {"came": came[tuple(where)], "expected": expected[tuple(where)]}
    told = {name: f"{float(value):.4g}" for name, value in values.items()}
    return _Finding("check.differs", right=int((~wrong).sum()), all=came.numel(), where=where, **told)


def _alike(expected: Tensor, came: Tensor) -> bool:
    same = expected.shape == came.shape
    return same and torch.allclose(came.double(), expected.double(), rtol=1e-3, atol=1e-5)


def _close(a: float, b: float) -> bool:
    return abs(a - b) <= 1e-3 * abs(b)


def _draw_pull(generator: Generator, B: int, N: int) -> Arguments:
    labels = torch.randint(N, (B,), generator=generator)
    others = 0.4 * torch.rand(B, N, generator=generator) - 0.2
    own = 0.3 + 0.2 * torch.rand(B, 1, generator=generator)  # so that P_y is neither 0 nor 1
    cosines = others.scatter(1, labels[:, None], own)
    return {"cosines": cosines, "labels": labels, "scale": 3.0 + N, "margin": 0.35}


def _draw_cover(generator: Generator, B: int, C: int, H: int, W: int) -> Arguments:
    images = torch.rand(B, C, H, W, generator=generator) + 0.1
    shares = 0.2 + 0.6 * torch.rand(B, generator=generator)
    return {"images": images, "sides": torch.arange(B) % 4, "shares": shares}


def _draw_pair_scores(generator: Generator, A: int, B: int, K: int, d: int) -> Arguments:
    f, g = (normalize(torch.randn(n, K, d, generator=generator), dim=-1) for n in (A, B))
    u, v = (torch.rand(n, K, generator=generator) + 0.1 for n in (A, B))
    return {"f": f, "u": u, "g": g, "v": v}


def _draw_confidence_loss(generator: Generator, B: int, N: int, K: int, d: int) -> Arguments:
    labels = torch.randint(N, (B,), generator=generator)
    w = normalize(torch.randn(N, K, d, generator=generator), dim=-1)
    f = normalize(w[labels] + torch.randn(B, K, d, generator=generator), dim=-1)
    s = 2 + 6 * torch.rand(B, K, generator=generator)
    return {"f": f, "s": s, "w": w, "labels": labels, "margin": 1.5, "weight": 0.05}


def _draw_game_losses(generator: Generator, B: int, M: int, K: int, d: int) -> Arguments:
    f = normalize(torch.randn(B, K, d, generator=generator), dim=-1)
    weight, bias = torch.randn(M, K * d, generator=generator), torch.randn(M, generator=generator)
    labels = torch.randint(2, (B, M), generator=generator).float()
    masks = variation_masks(M, K, generator).float()
    return {"f": f, "masks": masks, "weight": weight, "bias": bias, "labels": labels}


def _draw_accept_rates(generator: Generator, C: int, G: int, I: int) -> Arguments:  # noqa: E741
    harder = 0.2 * torch.arange(C)[:, None]  # each condition needs a threshold of its own
    impostor = 0.1 * (2 * torch.randn(C, I, generator=generator)).round() + 0.5 - harder  # so there are ties
    near = impostor.topk(5).values  # genuine scores at and just above those of impostors
    genuine = 0.2 * torch.randn(C, G - 10, generator=generator) + 0.8 - harder
    return {"genuine": torch.cat([genuine, near, near + 0.005], 1), "impostor": impostor, "far": 0.15}


def _draw_errors_left(generator: Generator, B: int, S: int) -> Arguments:
    confidences = 2 + 18 * torch.rand(B, generator=generator)
    wrong = (6 * torch.rand(B, generator=generator) > 0.4 * confidences).float()
    return {"wrong": wrong, "confidences": confidences, "shares": torch.linspace(0.12, 0.8, S)}


def _draw_templates(generator: Generator, B: int, K: int, d: int, T: int) -> Arguments:
    people = torch.cat([torch.arange(T), torch.randint(T, (B - T,), generator=generator)])
    features = normalize(torch.randn(B, K, d, generator=generator), dim=-1)
    return {"features": features, "variances": torch.rand(B, K, generator=generator) + 0.1, "people": people}


def _draw_probe_parts(generator: Generator, A: int, B: int, K: int, d: int) -> Arguments:
    told = 0.6 * torch.randn(K, d, generator=generator)
    labels, truth = (2.0 * torch.randint(2, (n,), generator=generator) - 1 for n in (A, B))
    train, test = (told * y[:, None, None] + torch.randn(len(y), K, d, generator=generator) for y in (labels, truth))
    return {"train": train + 1, "labels": labels, "test": test + 1, "truth": truth}  # 1: a constant is needed


def _draw_refusals(generator: Generator, B: int, K: int, G: int) -> Arguments:
    drawn = torch.rand(B - G, generator=generator).square()  # the first groups are larger
    groups = torch.cat([torch.arange(G), (G * drawn).long()])
    confidences = 8 * torch.rand(B, K, generator=generator) + groups[:, None]
    return {"confidences": confidences, "groups": groups, "share": 0.3}


def _draw_group_rates(generator: Generator, P: int, R: int, N: int, G: int) -> Arguments:
    probes, gallery = (torch.randint(N, (n,), generator=generator) for n in (P, R))
    groups = torch.arange(N) % G
    alike = (groups[probes][:, None] == groups[gallery]) * (groups[gallery] + 1) + 4 * (probes[:, None] == gallery)
    scores = 0.1 * (20 * alike + 40 * torch.randn(P, R, generator=generator)).round()  # so there are ties
    return {"scores": scores, "probes": probes, "gallery": gallery, "groups": groups, "far": 0.15}


def _draw_people_interval(generator: Generator, B: int, N: int, R: int) -> Arguments:
    people = torch.cat([torch.arange(N), (N * torch.rand(B - N, generator=generator).square()).long()])
    hits = (torch.rand(B, generator=generator) < (1 + people % 3) / 4).float()
    return {"hits": hits, "people": people, "draws": torch.randint(N, (R, N), generator=generator)}


TASKS: dict[str, tuple[Callable[..., Arguments], tuple[dict[str, int], ...]]] = {
    "pull": (_draw_pull, ({"B": 5, "N": 7}, {"B": 4, "N": 3}, {"B": 2, "N": 9})),
    "arcface_loss": (_draw_pull, ({"B": 5, "N": 7}, {"B": 4, "N": 3}, {"B": 2, "N": 9})),
    "cover": (_draw_cover, ({"B": 5, "C": 3, "H": 6, "W": 8}, {"B": 8, "C": 1, "H": 9, "W": 4})),
    "pair_scores": (_draw_pair_scores, ({"A": 5, "B": 4, "K": 3, "d": 2}, {"A": 2, "B": 6, "K": 4, "d": 3})),
    "confidence_loss": (_draw_confidence_loss, ({"B": 5, "N": 7, "K": 3, "d": 4}, {"B": 6, "N": 4, "K": 2, "d": 3})),
    "game_losses": (_draw_game_losses, ({"B": 5, "M": 3, "K": 4, "d": 6}, {"B": 7, "M": 4, "K": 6, "d": 3})),
    "accept_rates": (_draw_accept_rates, ({"C": 3, "G": 14, "I": 20}, {"C": 2, "G": 15, "I": 12})),
    "errors_left": (_draw_errors_left, ({"B": 23, "S": 5}, {"B": 31, "S": 4})),
    "templates": (_draw_templates, ({"B": 11, "K": 3, "d": 4, "T": 5}, {"B": 9, "K": 2, "d": 5, "T": 4})),
    "probe_parts": (_draw_probe_parts, ({"A": 40, "B": 50, "K": 4, "d": 3}, {"A": 30, "B": 45, "K": 5, "d": 2})),
    "refusals": (_draw_refusals, ({"B": 23, "K": 3, "G": 4}, {"B": 26, "K": 2, "G": 5})),
    "group_rates": (_draw_group_rates, ({"P": 24, "R": 18, "N": 12, "G": 3}, {"P": 28, "R": 22, "N": 16, "G": 4})),
    "people_interval": (_draw_people_interval, ({"B": 31, "N": 9, "R": 50}, {"B": 26, "N": 8, "R": 40})),
}
globals().update({name: partial(tell, name) for name in TASKS})  # check.pull and the others
