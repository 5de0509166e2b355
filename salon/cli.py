"""The command line: `salon …` is `python -m salon …`. Heavy modules are imported where they are used."""

import argparse
import inspect
import json
import sys
import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import salon
from salon import __version__
from salon.paths import default_out, expect_place, mo_folder, write_whole
from salon.words import SalonError, entry, expect_whole, set_language

Command = Callable[[argparse.Namespace], int | None]


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    return run(parser(), argv)


def run(commands: argparse.ArgumentParser, argv: list[str] | None) -> int:
    """Run the command that `argv` names; returns 0, 1 (something to mend), 2 (an error) or 130 (Ctrl-C)."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that is no UTF-8, or a terminal of ASCII
    arguments, usual = commands.parse_args(argv), warnings.formatwarning
    warnings.formatwarning = lambda message, *_: f"salon: {message}\n"  # without a line of our source
    try:
        return arguments.command(arguments) or 0
    except (SalonError, OSError) as error:  # OSError: a file that cannot be written, with its name
        print(f"salon: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nsalon: stopped; every file that was already saved is whole.", file=sys.stderr)
        return 130
    finally:
        warnings.formatwarning = usual


def train(arguments: argparse.Namespace) -> None:
    """train a recipe; after a stop, --resume goes on"""
    from salon.model.losses import memory_estimate
    from salon.training.fabric import processes, speaks
    from salon.training.folders import train_on_folder
    from salon.training.log import Log
    from salon.training.loop import train
    from salon.training.recipes import recipe

    given = {name: getattr(arguments, name) for name in ("seed", "steps")}
    chosen = recipe(arguments.recipe, **{name: value for name, value in given.items() if value is not None})
    out = arguments.out or default_out(f"{arguments.recipe}-{chosen.seed}")
    log = Log(arguments.log or (mo_folder() and out), arguments.metrics, arguments.tensorboard)
    if not arguments.quiet and speaks():
        memory = memory_estimate(chosen.batch, chosen.people, chosen.K * chosen.d) / 1e6
        print(chosen, f"its class layer takes about {memory:,.0f} MB, activations aside", sep="\n")
    fabric = processes(arguments.device or "best", arguments.devices, arguments.precision or "best")
    options = {"resume": arguments.resume, "compile": arguments.compile, "progress": not arguments.quiet}
    options |= {"log": log, "fabric": fabric}
    if arguments.faces is None:
        train(chosen, out=out, **options)
    else:
        train_on_folder(chosen, arguments.faces, out, **options)
    if speaks():
        print(f"saved {out / 'model.safetensors'}")


def evaluate(arguments: argparse.Namespace) -> None:
    """measure a model on the shipped test people, or on your faces"""
    packed = arguments.pairs is not None and arguments.pairs.suffix == ".bin"  # InsightFace's, images and all
    if not packed and (arguments.faces is None) != (arguments.pairs is None):
        raise SalonError("Of --faces and --pairs one came; both are needed. `salon pairs` makes the latter.")
    if arguments.scores and (arguments.pairs is None or packed):
        raise SalonError("--scores came without pairs to score; expected --faces and --pairs with it.")
    for out in filter(None, (arguments.json, arguments.scores)):
        expect_place(out)
    measure = _on_benchmark if arguments.pairs is None else _on_pairs
    measured = measure(salon.load(arguments.model), arguments)
    _report(measured, arguments.json)


def _on_pairs(recogniser, arguments: argparse.Namespace) -> dict:
    from salon.evaluation.pairs import evaluate_insightface, evaluate_pairs, write_scores
    from salon.faces.collections import read_pairs

    if arguments.faces is None:
        return evaluate_insightface(recogniser, arguments.pairs, arguments.matching)[0]
    pairs = read_pairs(arguments.pairs, arguments.faces)
    measured, scores = evaluate_pairs(recogniser, pairs, arguments.matching, progress=not arguments.quiet)
    if arguments.scores:
        write_scores(arguments.scores, pairs, scores)
    return measured


def _on_benchmark(recogniser, arguments: argparse.Namespace) -> dict:
    from salon.evaluation.benchmark import evaluate_benchmark
    from salon.evaluation.people import test_benchmark

    rows = evaluate_benchmark(recogniser, test_benchmark(), matchings=(arguments.matching,))
    names = {"tar": "tar_at_far_0.001", "eer": "eer", "rank": "rank_1"}
    return {f"{row['condition']}_{names[row['metric']]}": row["value"] for row in rows}


def pairs(arguments: argparse.Namespace) -> None:
    """write a pairs file for your faces, one folder for each person"""
    from salon.faces.collections import write_pairs

    options = {name: getattr(arguments, name) for name in ("seed", "folds", "pairs_per_fold")}
    print(write_pairs(arguments.folder, arguments.out, **options))


def faces(arguments: argparse.Namespace) -> None:
    """draw a contact sheet of people, one person, nuisances or traits"""
    from salon.faces.sheet import save_sheet

    given = {name: getattr(arguments, name) for name in ("count", "seed", "size", "frontal")}
    save_sheet(arguments.out, arguments.sheet, **{name: x for name, x in given.items() if x is not None})
    print(f"saved {arguments.out}")


def page(arguments: argparse.Namespace) -> None:
    """write a widget as a page without kernel or network"""
    from salon.lecture.views import write_page

    write_page(arguments.widget, arguments.out, arguments.lang)
    print(f"saved {arguments.out}")


def lab(arguments: argparse.Namespace) -> None:
    """open the lecture in JupyterLab, on your own copy of it"""
    from salon.lecture.lab import open_lab

    open_lab(arguments.folder, arguments.reset, not arguments.no_browser, arguments.port, arguments.lang)


def doctor(arguments: argparse.Namespace) -> int:
    """say OK or the mend for each thing that a lecture needs"""
    from salon.lecture.doctor import examine

    set_language(arguments.lang)
    findings = examine()
    print(*findings, sep="\n")
    return int(any(finding.verdict == "MEND" for finding in findings))


def reproduce(arguments: argparse.Namespace) -> None:
    """measure an experiment again (without a name: all)"""
    module = _of_a_checkout("experiments.reproduce")
    known = module.EXPERIMENTS
    if arguments.name not in (None, *known):
        raise SalonError(f"No experiment is called {arguments.name!r}; expected one of {', '.join(known)}.")
    for name in known if arguments.name is None else [arguments.name]:
        print(f"{name}: {inspect.getdoc(known[name])}".split("\n")[0])
        if not arguments.list:
            print(f"saved {module.reproduce(name, arguments.scale, arguments.jobs)}")


def bench(arguments: argparse.Namespace) -> None:
    """time one part of the package"""
    _report(_of_a_checkout("experiments.bench").run(arguments.name), arguments.json)


def _of_a_checkout(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != "experiments":
            raise
        raise SalonError(
            "The experiments are not in the installed package; `salon reproduce` and `salon bench` run in a clone "
            "of Salon's repository, beside its folder experiments/."
        ) from error


def _report(measured: dict, out: Path | None) -> None:
    """Print each name with its value, and write them as flat JSON where `out` is given."""
    width = max(map(len, measured))
    for name, value in measured.items():
        print(f"{name:>{width}}  {value:.4f}" if isinstance(value, float) else f"{name:>{width}}  {value}")
    if out is not None:
        write_whole(out, json.dumps(measured, indent=2) + "\n")


COMMANDS: tuple[Command, ...] = (train, evaluate, pairs, faces, page, lab, doctor, reproduce, bench)
KINDS: dict[str, dict[str, Any]] = {
    "folder": {"type": Path, "metavar": "DIR"}, "file": {"type": Path, "metavar": "FILE"},
    "switch": {"action": "store_true"}, "text": {},
}  # fmt: skip


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; `arguments.command` is the function to call."""
    top = argparse.ArgumentParser("salon", description="Universal face representations, taught live.")
    top.add_argument("--version", action="version", version=f"salon {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND", dest="command_name")
    for function in COMMANDS:
        command = add(commands, function)
        for name, option in entry(f"command.{function.__name__}").items():
            command.add_argument(name, **_as_argparse_has_it(**option))
    return top


def _as_argparse_has_it(kind: str = "text", **option: Any) -> dict[str, Any]:
    """An option of words/commands.toml as the arguments of `add_argument`."""
    if kind != "number":
        return KINDS[kind] | option
    bounds = {name: option.pop(name) for name in ("least", "most") if name in option}
    return option | {"type": partial(expect_whole, "the number", **bounds)}


def add(commands: Any, function: Command) -> argparse.ArgumentParser:
    """A command that is called and described as its function is."""
    command = commands.add_parser(function.__name__, help=function.__doc__, description=function.__doc__)
    command.set_defaults(command=function)
    return command
