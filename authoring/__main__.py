"""What makes the lecture rather than gives it: `python -m authoring …`, in a checkout."""

import argparse
import sys
from pathlib import Path
from typing import Any

from salon.cli import add, run
from salon.paths import write_whole


def notebooks(arguments: argparse.Namespace) -> int:
    """build the Chinese edition, run the notebooks in place, check them, or write an edition into --out"""
    from authoring.notebooks import build, complaints, counts, find, name_of, run

    if arguments.what in ("class", "instructor"):
        from authoring.editions import write_edition

        print(*write_edition(arguments.what, arguments.out, arguments.names), sep="\n")
        return 0
    if arguments.what == "build":
        print(*(f"built {name_of(path)}" for path in build()), sep="\n")
    paths = find(arguments.names)
    if arguments.what == "run":
        for path in paths:
            print(f"{name_of(path)}: {run(path)}", flush=True)
    found = [text for path in paths for text in complaints(path)]
    print(*map(counts, paths), *found, f"{len(found)} complaints about {len(paths)} notebooks", sep="\n")
    return int(bool(found))


def slides(arguments: argparse.Namespace) -> int:
    """build the deck (HTML and PDF, needs Node), or check it; both look through it in Chromium"""
    from authoring.slide_checks import complaints
    from authoring.slide_look import browser_without_fonts, overflows
    from authoring.slides import build

    if arguments.what == "build":
        for path in build():
            print(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB)", flush=True)
    with browser_without_fonts() as browser:
        found = [*complaints(), *overflows(browser)]
    print(*found, f"{len(found)} complaints about the deck", sep="\n")
    return int(bool(found))


def bundle(arguments: argparse.Namespace) -> None:
    """write one zip with notebooks, package and data, to be unpacked on Colab or Mo"""
    from authoring.bundle import write_bundle

    out = write_bundle(arguments.out, arguments.lang)
    print(f"saved {out}, {out.stat().st_size / 1e6:.0f} MB")


def site(arguments: argparse.Namespace) -> None:
    """write both editions as static pages, widgets alive, to be published by copying the folder"""
    from authoring.site import write_site

    page = write_site(arguments.out)
    size = sum(path.stat().st_size for path in page.parent.rglob("*") if path.is_file())
    print(f"saved {page}, {size / 1e6:.0f} MB with all it needs")


def script(arguments: argparse.Namespace) -> None:
    """write a notebook as a .py for a job: pictures go into files, progress into lines of JSON"""
    from authoring.notebooks import find
    from authoring.script import as_script

    path = find([arguments.notebook])[0]
    out = arguments.out or Path(f"{path.stem}.py")
    write_whole(out, as_script(path))
    print(f"saved {out}")


def told(equation: Any) -> str:
    """An equation as text, with its functions, symbols, cell and tests."""
    symbols = [f"{latex} = {variable} {shape}" for latex, variable, shape in equation.symbols]
    parts = {"code": equation.functions, "symbols": symbols, "cell": [equation.cell], "tests": equation.tests}
    parts |= {"slide": [equation.slide]} if equation.slide else {}
    lines = [f"{name:10}{'; '.join(values)}" for name, values in parts.items()]
    return "\n    ".join([f"{equation.title} {equation.meaning} [{equation.status}]", equation.latex, *lines])


def equations(arguments: argparse.Namespace) -> None:
    """list each equation of the paper with its function, symbols, notebook cell and tests"""
    from salon.lecture.equations import equations, rows
    from salon.lecture.show import markdown
    from salon.words import entry

    for_all = "tests of all losses and scores: " + "; ".join(entry("ledger.for_all"))
    print(markdown(rows()) if arguments.markdown else "\n\n".join([*map(told, equations()), for_all]))


def refresh(arguments: argparse.Namespace) -> None:
    """make what is stale under data/ and the notebooks' outputs again, in order; stopped, it goes on where it was"""
    from authoring.refresh import listing, refresh, take

    if arguments.list:
        print(*listing(), sep="\n")
    elif arguments.as_stored:
        take(arguments.step)
    else:
        refresh(arguments.step)


def fonts(arguments: argparse.Namespace) -> None:
    """make data/fonts again: subsets with every character that our texts use (needs npm)"""
    from authoring.fonts import write_fonts

    print(*(f"{path.name}: {path.stat().st_size} bytes" for path in write_fonts()), sep="\n")


def checksums(arguments: argparse.Namespace) -> None:
    """renew the checksums in data/README.md"""
    from authoring.checksums import write_checksums

    print(f"{write_checksums()} files in data/README.md")


def times(arguments: argparse.Namespace) -> None:
    """measure in Chromium how fast the confidence explorer answers and a deck opens (on a quiet machine)"""
    from authoring.times import deck_times, widget_times

    for name, (middle, late) in deck_times().items():
        print(f"{name:8} median {middle:6.1f} ms, slowest {late:6.1f} ms")
    for name, (middle, late) in widget_times().items():
        print(f"{name:8} median {middle:6.1f} ms, 90th percentile {late:6.1f} ms")


def mutants(arguments: argparse.Namespace) -> int:
    """put small faults into salon/model and salon/evaluation: how many do the tests notice? (hours, or --sample)"""
    from authoring.mutants import GOAL, change, flat, score, survivors, table, try_mutants

    made, tried, status = try_mutants(arguments.sample, arguments.seed)
    print(*map(change, survivors(flat(tried), status)), *table(made, tried, status), sep="\n")
    share, low, high = score(tried, status)
    print(
        f"{share:.1%} of {len(flat(tried))} noticed; of all {len(flat(made))} between {low:.1%} and {high:.1%} (95 %)"
    )
    return int(share < GOAL)


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; `arguments.command` is the function to call."""
    top = argparse.ArgumentParser("python -m authoring", description=__doc__)
    commands = top.add_subparsers(required=True, metavar="COMMAND", dest="command_name")

    command = add(commands, bundle)
    command.add_argument("out", type=Path, metavar="OUT.zip")
    command.add_argument("--lang", choices=("en", "zh"), default="en")

    command = add(commands, site)
    command.add_argument("--out", type=Path, metavar="DIR", default=Path("dist/site"), help="default: dist/site")

    command = add(commands, script)
    command.add_argument("notebook", help="its beginning: 03, zh/03")
    command.add_argument("--out", type=Path, metavar="OUT.py", help="default: in the current folder, by its name")

    command = add(commands, notebooks)
    command.add_argument("what", choices=("build", "run", "check", "class", "instructor"))
    command.add_argument("names", nargs="*", metavar="NAME", help="its beginning: 03, zh/03 (default: all)")
    command.add_argument(
        "--out", type=Path, metavar="DIR", help="of an edition; default: dist/class or dist/instructor"
    )

    command = add(commands, slides)
    command.add_argument("what", choices=("build", "check"))

    command = add(commands, equations)
    command.add_argument("--markdown", action="store_true", help="as a table, with its formulas")

    command = add(commands, refresh)
    command.add_argument("step", nargs="?", default="", help="only this one, stale or not")
    command.add_argument("--list", action="store_true", help="say what is stale, and what each step took")
    command.add_argument("--as-stored", action="store_true", help="take what is stored as made by these files")

    command = add(commands, mutants)
    command.add_argument("--sample", type=int, metavar="N", help="about N of them, from each file as large a share")
    command.add_argument("--seed", type=int, default=0, help="of the sample")

    for function in (fonts, checksums, times):
        add(commands, function)
    return top


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns its exit status."""
    return run(parser(), argv)


if __name__ == "__main__":
    sys.exit(main())
