"""The command line: `salon …` is `python -m salon …`. Heavy modules are imported where they are used."""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from salon import __version__
from salon.paths import mo_folder, runs_path
from salon.words import SalonError

Command = Callable[[argparse.Namespace], int | None]


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    return run(parser(), argv)


def run(commands: argparse.ArgumentParser, argv: list[str] | None) -> int:
    """Run the command that `argv` names; returns 0, 1 (something to mend), 2 (an error) or 130 (Ctrl-C)."""
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
    """train a recipe; stopped at any moment, --resume goes on from its last checkpoint"""
    from salon.evaluation.search import memory_estimate
    from salon.training.fabric import speaks
    from salon.training.folders import train_on_folder
    from salon.training.log import Log
    from salon.training.loop import train
    from salon.training.recipes import recipe

    given = {name: getattr(arguments, name) for name in ("seed", "steps")}
    chosen = recipe(arguments.recipe, **{name: value for name, value in given.items() if value is not None})
    out = arguments.out or runs_path(f"{arguments.recipe}-{chosen.seed}")
    log = Log(arguments.log or (mo_folder() and out), arguments.metrics, arguments.tensorboard)
    if not arguments.quiet and speaks():
        memory = memory_estimate(chosen.batch, chosen.people, chosen.K * chosen.d) / 1e6
        print(chosen, f"its class layer takes about {memory:,.0f} MB, activations aside", sep="\n")
    options = {
        "resume": arguments.resume,
        "progress": not arguments.quiet,
        "compile": arguments.compile,
        "log": log,
    }
    options |= _hardware(arguments)
    if arguments.faces is None:
        train(chosen, out=out, **options)
    else:
        train_on_folder(chosen, arguments.faces, out, **options)
    if speaks():
        print(f"saved {out / 'model.safetensors'}")


def _hardware(arguments: argparse.Namespace) -> dict:
    from salon.training.fabric import best_device, best_precision

    device = arguments.device or best_device()
    precision = arguments.precision or best_precision(device)
    return {"device": device, "devices": arguments.devices, "precision": precision}


def evaluate(arguments: argparse.Namespace) -> None:
    """measure a model on the shipped benchmark, or on your own faces with --faces and --pairs"""
    from salon.training.checkpoints import load

    packed = arguments.pairs is not None and arguments.pairs.suffix == ".bin"  # InsightFace's, images and all
    if not packed and (arguments.faces is None) != (arguments.pairs is None):
        raise SalonError("Of --faces and --pairs one came; both are needed. `salon pairs` makes the latter.")
    if arguments.scores and (arguments.pairs is None or packed):
        raise SalonError("--scores came without pairs to score; expected --faces and --pairs with it.")
    recogniser, _ = load(arguments.model)
    measured = (_on_benchmark if arguments.pairs is None else _on_pairs)(recogniser, arguments)
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
    """write a pairs file for a folder of faces, one folder for each person"""
    from salon.faces.collections import write_pairs

    options = {name: getattr(arguments, name) for name in ("seed", "folds", "pairs_per_fold")}
    print(write_pairs(arguments.folder, arguments.out, **options))


def lab(arguments: argparse.Namespace) -> None:
    """open the lecture in JupyterLab, on your own copy of the notebooks"""
    from salon.lecture.lab import open_lab

    open_lab(arguments.folder, arguments.reset, not arguments.no_browser, arguments.port, arguments.lang)


def doctor(arguments: argparse.Namespace) -> int:
    """say OK or the mend for each thing that a lecture needs"""
    from salon.lecture.doctor import examine

    findings = examine()
    print(*findings, sep="\n")
    return int(any(finding.verdict == "MEND" for finding in findings))


def reproduce(arguments: argparse.Namespace) -> None:
    """measure an experiment again and write its table to data/results (without a name: all)"""
    from experiments.reproduce import EXPERIMENTS, reproduce

    for name in _chosen(EXPERIMENTS, arguments.name, "experiment"):
        print(f"{name}: {_first_line(EXPERIMENTS[name])}")
        if not arguments.list:
            print(f"saved {reproduce(name, arguments.scale, arguments.jobs)}")


def bench(arguments: argparse.Namespace) -> None:
    """time one part of the package"""
    from experiments import bench

    _report(bench.run(arguments.name), arguments.json)


def faces(arguments: argparse.Namespace) -> None:
    """draw a contact sheet: people, one person in many views, every nuisance, or the most telling traits"""
    from salon.faces.sheet import save_sheet

    given = {name: getattr(arguments, name) for name in ("count", "seed", "size", "frontal")}
    save_sheet(arguments.out, arguments.sheet, **{name: x for name, x in given.items() if x is not None})
    print(f"saved {arguments.out}")


def page(arguments: argparse.Namespace) -> None:
    """write a widget of the lecture as a page without kernel or network"""
    from salon.lecture.views import write_page

    write_page(arguments.widget, arguments.out, arguments.lang)
    print(f"saved {arguments.out}")


def _chosen(table: Mapping[str, Callable], name: str | None, what: str) -> list[str]:
    if name is not None and name not in table:
        raise SalonError(f"The {what} {name!r} is not known; expected one of {', '.join(table)}.")
    return list(table) if name is None else [name]


def _first_line(function: Callable) -> str:
    return (function.__doc__ or "").strip().split("\n")[0]


def _report(measured: dict, out: Path | None) -> None:
    """Print each name with its value, and write them as flat JSON where `out` is given."""
    width = max(map(len, measured))
    for name, value in measured.items():
        print(f"{name:>{width}}  {value:.4f}" if isinstance(value, float) else f"{name:>{width}}  {value}")
    if out is not None:
        from salon.training.checkpoints import write_whole

        write_whole(out, (json.dumps(measured, indent=2) + "\n").encode())


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; `arguments.command` is the function to call."""
    top = argparse.ArgumentParser("salon", description="Universal face representations, taught live.")
    top.add_argument("--version", action="version", version=f"salon {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND", dest="command_name")

    command = add(commands, train)
    command.add_argument("recipe", help="name of the recipe; a wrong one lists them")
    command.add_argument("--seed", type=int)
    command.add_argument("--steps", type=int, help="length, instead of the recipe's own")
    command.add_argument("--faces", type=Path, metavar="DIR", help="on photographs: a folder for each person")
    command.add_argument("--out", type=Path, metavar="DIR", help="default: runs/RECIPE-SEED")
    command.add_argument("--resume", action="store_true", help="go on from the last checkpoint in DIR")
    command.add_argument("--compile", action="store_true", help="with torch.compile: pays on a GPU")
    command.add_argument("--device", choices=("cpu", "cuda"), help="default: a GPU where there is one")
    command.add_argument(
        "--devices", type=int, default=1, metavar="N", help="processes that share each batch"
    )
    command.add_argument(
        "--precision", choices=("32-true", "bf16-mixed"), help="default: bf16 on a GPU that has it"
    )
    command.add_argument(
        "--log", type=Path, metavar="DIR", help="write metrics.jsonl (on Mo: beside the model)"
    )
    command.add_argument("--metrics", action="store_true", help="print the same lines, as Mo charts them")
    command.add_argument("--tensorboard", action="store_true", help="write for TensorBoard to --log too")
    command.add_argument("--quiet", action="store_true", help="no progress bar")

    command = add(commands, evaluate)
    command.add_argument("model", type=Path, help="a .safetensors file")
    command.add_argument("--faces", type=Path, metavar="DIR", help="a folder with a folder for each person")
    command.add_argument(
        "--pairs", type=Path, metavar="FILE", help="in the layout of LFW's pairs.txt; or a .bin"
    )
    command.add_argument("--matching", choices=("cosine", "likelihood"), default="cosine")
    command.add_argument("--json", type=Path, metavar="FILE", help="write what is printed as flat JSON")
    command.add_argument("--scores", type=Path, metavar="FILE", help="score and label of each pair as CSV")
    command.add_argument("--quiet", action="store_true", help="no progress bar")

    command = add(commands, pairs)
    command.add_argument("folder", type=Path, metavar="DIR")
    command.add_argument("--out", type=Path, metavar="FILE", required=True)
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--folds", type=int, default=10)
    command.add_argument("--pairs-per-fold", type=int, help="of each kind; default: what there is")

    command = add(commands, lab)
    command.add_argument("--folder", type=Path, metavar="DIR", help="your copy (default: my-notebooks)")
    command.add_argument("--reset", action="store_true", help="a fresh copy; the old one is put aside")
    command.add_argument("--no-browser", action="store_true", help="serve and print the address")
    command.add_argument("--port", type=int)
    command.add_argument("--lang", choices=("en", "zh"), default="en")

    add(commands, doctor)

    command = add(commands, reproduce)
    command.add_argument("name", nargs="?")
    command.add_argument("--list", action="store_true", help="only say what there is")
    command.add_argument("--scale", help="of ablation and features: lecture (default), gpu or tiny")
    command.add_argument(
        "--jobs", type=int, metavar="N", help="of ablation and features: processes (default: 2)"
    )

    command = add(commands, bench)
    command.add_argument("name")
    command.add_argument("--json", type=Path, metavar="FILE")

    command = add(commands, faces)
    command.add_argument("out", type=Path, metavar="OUT.png")
    command.add_argument(
        "--sheet", default="people", metavar="KIND", help="people, person, nuisances or traits"
    )
    command.add_argument("--count", type=int, help="tiles of people or person (default: 32)")
    command.add_argument("--seed", type=int, help="default: 1")
    command.add_argument("--size", type=int, help="pixels of a tile (default: 112)")
    command.add_argument(
        "--frontal", action="store_true", default=None, help="people from the front, in one light"
    )

    command = add(commands, page)
    command.add_argument("widget", help="explorer or map")
    command.add_argument("out", type=Path, metavar="OUT.html")
    command.add_argument("--lang", choices=("en", "zh"), default="en")

    return top


def add(commands, function: Command) -> argparse.ArgumentParser:
    command = commands.add_parser(function.__name__, help=function.__doc__, description=function.__doc__)
    command.set_defaults(command=function)
    return command
