"""The command line: `salon …` is `python -m salon …`. Heavy modules are imported where they are used."""

import argparse
import inspect
import json
import sys
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import salon
from salon import __version__
from salon.paths import default_out, mo_folder, write_whole
from salon.words import LANGUAGES, SalonError, expect_whole

number = partial(partial, expect_whole, "the number")  # the type of an option, within bounds
Command = Callable[[argparse.Namespace], int | None]


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    return run(parser(), argv)


def run(commands: argparse.ArgumentParser, argv: list[str] | None) -> int:
    """Run the command that `argv` names; returns 0, 1 (something to mend), 2 (an error) or 130 (Ctrl-C)."""
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name that is no UTF-8, or a terminal of ASCII
    arguments = commands.parse_args(argv)
    try:
        return arguments.command(arguments) or 0
    except (SalonError, OSError) as error:  # OSError: a file that cannot be written, with its name
        print(f"salon: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nsalon: stopped; every file that was already saved is whole.", file=sys.stderr)
        return 130


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


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; `arguments.command` is the function to call."""
    top = argparse.ArgumentParser("salon", description="Universal face representations, taught live.")
    top.add_argument("--version", action="version", version=f"salon {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND", dest="command_name")
    folder: dict[str, Any] = {"type": Path, "metavar": "DIR"}
    file: dict[str, Any] = {"type": Path, "metavar": "FILE"}

    option = add(commands, train).add_argument
    option("recipe", help="name of the recipe; a wrong one lists them")
    option("--seed", type=number())
    option("--steps", type=number(least=1), help="length, instead of the recipe's own")
    option("--faces", **folder, help="on photographs: a folder for each person")
    option("--out", **folder, help="default: runs/RECIPE-SEED")
    option("--resume", action="store_true", help="go on from the last checkpoint in DIR")
    option("--compile", action="store_true", help="with torch.compile: pays on a GPU")
    option("--device", choices=("cpu", "cuda"), help="default: a GPU where there is one")
    option("--devices", type=number(least=1, most=1024), default=1, metavar="N", help="processes that share each batch")
    option("--precision", choices=("32-true", "bf16-mixed"), help="default: bf16 on a GPU that has it")
    option("--log", **folder, help="write metrics.jsonl (on Mo: beside the model)")
    option("--metrics", action="store_true", help="print the same lines, as Mo charts them")
    option("--tensorboard", action="store_true", help="write for TensorBoard to --log too")
    option("--quiet", action="store_true", help="no progress bar")

    option = add(commands, evaluate).add_argument
    option("model", help="a .safetensors file, or a shipped model: lecture")
    option("--faces", **folder, help="a folder with a folder for each person")
    option("--pairs", **file, help="in the layout of LFW's pairs.txt; or a .bin")
    option("--matching", choices=("cosine", "likelihood"), default="cosine")
    option("--json", **file, help="write what is printed as flat JSON")
    option("--scores", **file, help="score and label of each pair as CSV")
    option("--quiet", action="store_true", help="no progress bar")

    option = add(commands, pairs).add_argument
    option("folder", **folder)
    option("--out", **file, required=True)
    option("--seed", type=number(), default=0)
    option("--folds", type=number(least=1, most=1000), default=10)
    option("--pairs-per-fold", type=number(least=1), help="of each kind; default: what there is")

    option = add(commands, faces).add_argument
    option("out", type=Path, metavar="OUT.png")
    option("--sheet", default="people", metavar="KIND", help="people, person, nuisances or traits")
    option("--count", type=number(least=1, most=10_000), help="tiles of people or person (default: 32)")
    option("--seed", type=number(), help="default: 1")
    option("--size", type=number(least=16, most=1024), help="pixels of a tile (default: 112)")
    option("--frontal", action="store_true", default=None, help="people from the front, in one light")

    option = add(commands, page).add_argument
    option("widget", help="explorer, map, threshold, scale or game")
    option("out", type=Path, metavar="OUT.html")
    option("--lang", choices=LANGUAGES, default="en")

    option = add(commands, lab).add_argument
    option("--folder", **folder, help="your copy (default: my-notebooks)")
    option("--reset", action="store_true", help="a fresh copy; the old one is put aside")
    option("--no-browser", action="store_true", help="serve and print the address")
    option("--port", type=number(least=0, most=65_535))
    option("--lang", choices=LANGUAGES, default="en")

    add(commands, doctor)

    option = add(commands, reproduce).add_argument
    option("name", nargs="?")
    option("--list", action="store_true", help="only say what there is")
    option("--scale", help="of ablation and features: lecture (default), gpu or tiny")
    option("--jobs", type=number(least=1, most=1024), metavar="N", help="of ablation and features (default: 2)")

    option = add(commands, bench).add_argument
    option("name")
    option("--json", **file)
    return top


def add(commands: Any, function: Command) -> argparse.ArgumentParser:
    """A command that is called and described as its function is."""
    command = commands.add_parser(function.__name__, help=function.__doc__, description=function.__doc__)
    command.set_defaults(command=function)
    return command
