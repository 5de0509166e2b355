"""`check.pull(pull)`: call a student's function on small inputs and say the one thing that helps most.

Nothing here raises for a wrong answer. All axes differ in length, so that none is mistaken for another unseen.
"""

import inspect
import math
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
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


def passes(name: str, function: object) -> bool:
    """Whether `function` is right: a milestone asks before it goes on with it."""
    try:
        _examine(name, function)
    except _Finding:
        return False
    return True


def verdict(name: str, function: object) -> str:
    """What `check.NAME` prints about `function`, one line in the chosen language."""
    try:
        _examine(name, function)
    except _Finding as finding:
        return say("check.line", name=name, text=finding)
    return say("check.line", name=name, text=say("check.right", n=len(_cases(name))))


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
        told = f"[{', '.join(names.get(n, str(n)) for n in lengths)}]"
        return f"{told} = {lengths}" if names.keys() & {*lengths} else told

    def factors(self) -> dict[str, float]:
        """Numbers that an answer may be off by, in order: plain ones, then single arguments and lengths; 1/ each."""
        numbers = {name: x for name, x in self.arguments.items() if isinstance(x, float)}
        numbers = {"2": 2.0, "100": 100.0} | numbers | {name: float(n) for name, n in self.sizes.items()}
        return {text: x**power for name, x in numbers.items() for text, power in ((name, 1), (f"1/{name}", -1))}


# Slips that any exercise may have, by the key of what is said of each.
GENERAL: dict[str, Callable[[Case], Tensor]] = {
    "check.sign": lambda case: -case.expected,
    "check.complement": lambda case: 1 - case.expected,
}
# How an argument is drawn, by the kinds of words/inputs.toml: (shape, generator, …) to a tensor.
KINDS: dict[str, Callable[..., Tensor]] = {
    "even": lambda shape, g, low, high: low + (high - low) * torch.rand(shape, generator=g),
    "step": lambda shape, g, low, high: (10 * KINDS["even"](shape, g, low, high)).round() / 10,
    "normal": lambda shape, g, mean: mean + torch.randn(shape, generator=g),
    "unit": lambda shape, g: normalize(torch.randn(shape, generator=g), dim=-1),
    "whole": lambda shape, g, n: torch.randint(n, shape, generator=g),
    "every": lambda shape, g, n: torch.cat([torch.arange(n), KINDS["whole"]([shape[0] - n], g, n)])[
        torch.randperm(shape[0], generator=g)
    ],
    "yes": lambda shape, g: torch.randint(2, shape, generator=g).float(),
    "sign": lambda shape, g: 2 * KINDS["yes"](shape, g) - 1,
    "halves": lambda shape, g: variation_masks(shape[0], shape[1], g).float(),
}


def _cases(name: str) -> list[Case]:
    """The calls of an exercise, always the same."""
    rules = dict(entry(f"inputs.{name}"))
    made = []
    for seed, sizes in enumerate(rules.pop("sizes")):
        g = Generator().manual_seed(seed)
        arguments = {argument: _drawn(rule, sizes, g) for argument, rule in rules.items()}
        made.append(Case(name, arguments, sizes, getattr(exercises, name)(**arguments)))
    return made


def _drawn(rule: Any, sizes: dict[str, int], generator: Generator) -> Any:
    """An argument by its rule: a number as it is, or a tensor."""
    if isinstance(rule, float):
        return rule
    kind, axes, *more = rule
    shape = [math.prod(sizes[axis] for axis in length.split("*")) for length in axes.split()]
    return KINDS[kind](shape, generator, *(sizes.get(x, x) for x in more))


def _examine(name: str, function: object) -> None:
    """Return if `function` is right, else raise the `_Finding` that helps most."""
    if not callable(function):
        raise _Finding("check.function", name=name, came=type(function).__name__)
    cases = _cases(name)
    results, changed = zip(*(_call(function, case) for case in cases), strict=True)
    if not all(_alike(case.expected, result) for case, result in zip(cases, results, strict=True)):
        raise _diagnosis(name, cases, results)
    if any(changed):
        raise _Finding("check.changed", argument=next(filter(None, changed)))
    for key, edge in _special(name, "given").items():
        given = {argument: torch.tensor(x) if isinstance(x, list) else x for argument, x in edge["given"].items()}
        arguments = cases[0].arguments | given
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
    if came.shape == 2 * expected.shape and _alike(expected, came.diagonal()):  # of [B] and [B, 1]
        yield say("check.shape.broadcast")
    for way in ("sum", "mean"):
        for axis, n in enumerate(came.shape):
            if _alike(expected, getattr(came, way)(axis)):
                yield say(f"check.shape.{way}", axis=names.get(n, n))
        for axis, n in enumerate(expected.shape):
            if n in names and _alike(getattr(expected, way)(axis), came):
                yield say(f"check.shape.{way}_too_many", axis=names[n])


def _diagnosis(name: str, cases: Sequence[Case], results: Sequence[Tensor]) -> _Finding:
    """The first explanation that holds in every call, from the most special to the most general."""

    def holds(guess: Callable[[Case], Tensor]) -> bool:
        return all(_alike(guess(case), result) for case, result in zip(cases, results, strict=True))

    guesses = {key: _of_arguments(mistaken) for key, mistaken in mistakes(name).items()} | GENERAL
    for key, guess in guesses.items():
        if holds(guess):
            return _Finding(key)
    expected, result = cases[0].expected, results[0]
    for factor in cases[0].factors():
        if holds(lambda case: case.factors()[factor] * case.expected):  # noqa: B023
            return _Finding("check.scale", factor=factor)
    ratio = float((result * expected).sum() / expected.square().sum())
    if ratio and holds(lambda case: ratio * case.expected):
        return _Finding("check.scale", factor=f"{ratio:.3g}")
    offset = float((result - expected).flatten()[0])
    if holds(lambda case: case.expected + offset):
        return _Finding("check.offset", offset=f"{offset:.3g}")
    return _first_difference(cases, results)


def _of_arguments(function: Callable[..., Tensor]) -> Callable[[Case], Tensor]:
    return lambda case: function(**case.arguments)


def _first_difference(cases: Sequence[Case], results: Sequence[Tensor]) -> _Finding:
    both = ((case.expected, result) for case, result in zip(cases, results, strict=True))
    expected, came = next(pair for pair in both if not _alike(*pair))
    wrong = ~torch.isclose(came.double(), expected.double(), rtol=1e-3, atol=1e-5)
    where = wrong.nonzero()[0].tolist()
    values = {"came": came[tuple(where)], "expected": expected[tuple(where)]}
    told = {name: f"{float(value):.4g}" for name, value in values.items()}
    return _Finding("check.differs", right=int((~wrong).sum()), all=came.numel(), where=where, **told)


def _alike(expected: Tensor, came: Tensor) -> bool:
    same = expected.shape == came.shape
    return same and torch.allclose(came.double(), expected.double(), rtol=1e-3, atol=1e-5)


globals().update({name: partial(tell, name) for name in entry("inputs")})  # check.pull and the others
