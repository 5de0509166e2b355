"""Small faults put into the method and its measures, one at a time: do the tests notice them? (mutmut does the work.)

What is mutated, and the tests that are asked, stand in pyproject.toml. Left out are the messages of `raise SalonError`,
annotations, constants of a module, and functions with a decorator other than `staticmethod` or `classmethod`. After a
run `mutmut run NAME` tries a single one again, and `mutmut show NAME` tells what it was.
"""

import json
import os
import random
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from salon.words import SalonError

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "mutants"  # where mutmut copies salon and the tests to
GOAL = 0.85
SURVIVED, LATE = (0, 5, 33), (24, -24, 36, 152, 255)  # mutmut's statuses: no test failed, none came by; out of time

Names = Mapping[str, Sequence[str]]  # of mutants, by file
Status = Mapping[str, int | None]  # by name; None: not tried


def pytest_collection_modifyitems(items: list[Any]) -> None:
    """As a plugin: the test files that take least time first, so that most mutants are found within a second."""
    stats, seconds = Path("mutmut-stats.json"), defaultdict[str, float](float)
    took = json.loads(stats.read_text("utf-8"))["duration_by_test"] if stats.exists() else {}
    for name, time in took.items():
        seconds[file_of(name)] += time
    items.sort(key=lambda item: (seconds[file_of(item.nodeid)], took.get(item.nodeid, 0)))


def file_of(test: str) -> str:
    """The file that a test stands in."""
    return test.split("::")[0]


def all_mutants() -> Names:
    """The names of all mutants that mutmut makes by its settings in the current folder."""
    from mutmut.configuration import config
    from mutmut.mutation.file_mutation import mutate_file_contents
    from mutmut.utils.format_utils import get_mutant_name

    files = sorted(path for pattern in config().only_mutate for path in Path().glob(pattern))
    made = {path: mutate_file_contents(str(path), path.read_text("utf-8")).mutant_names for path in files}
    return {str(path): [get_mutant_name(path, name) for name in names] for path, names in made.items() if names}


def drawn(names: Names, count: int, seed: int) -> Names:
    """About `count` of the mutants, from each file as large a share, at least one."""
    chance, share = random.Random(seed), min(1, count / len(flat(names)))
    return {file: chance.sample(own, max(1, round(share * len(own)))) for file, own in names.items()}


def flat(names: Names) -> list[str]:
    """The names of all files."""
    return [name for of_file in names.values() for name in of_file]


def try_mutants(count: int | None, seed: int = 0) -> tuple[Names, Names, Status]:
    """All mutants, those that were tried (all, or about `count`), and what came of them; begun anew each time.

    Raises `SalonError` where mutmut is not installed, or stops.
    """
    if not find_spec("mutmut"):
        raise SalonError('This command needs mutmut; expected it installed. `.venv/bin/pip install -e ".[mutants]"`')
    os.chdir(ROOT)
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir()
    for path in ROOT.iterdir():  # what tests look at beside what mutmut copies
        if not path.name.startswith(".") and path.name not in ("salon", "tests", "pyproject.toml", WORK.name):
            (WORK / path.name).symlink_to(path)
    made = all_mutants()
    tried = drawn(made, count, seed) if count else made
    program = [sys.executable, "-c", "from mutmut.__main__ import cli; cli()", "run", "--max-children", "1"]
    bare = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    if subprocess.run([*program, *(flat(tried) if count else [])], env=bare).returncode:
        raise SalonError("mutmut stopped before it tried them; expected tests that pass as they are. See above.")
    results = [json.loads((WORK / f"{file}.meta").read_text("utf-8"))["exit_code_by_key"] for file in tried]
    return made, tried, {name: status for result in results for name, status in result.items()}


def table(made: Names, tried: Names, status: Status) -> Iterator[str]:
    """A line for each file, and one for all."""
    yield f"{'':34}{'mutants':>8}{'tried':>8}{'killed':>8}{'timeout':>8}{'survived':>9}{'score':>8}"
    for file, names in [*tried.items(), ("all", flat(tried))]:
        known, alive = len(made.get(file, flat(made))), len(survivors(names, status))
        late, share = sum(status[name] in LATE for name in names), 1 - alive / len(names)
        yield f"{file:34}{known:8}{len(names):8}{len(names) - alive - late:8}{late:8}{alive:9}{share:8.1%}"


def survivors(names: Sequence[str], status: Status) -> list[str]:
    """Those that no test noticed; raises `SalonError` for one that was not tried."""
    if untried := [name for name in names if status[name] is None]:
        raise SalonError(f"{untried[0]} was not tried; expected a verdict on each mutant. Begin again.")
    return [name for name in names if status[name] in SURVIVED]


def score(tried: Names, status: Status) -> tuple[float, float, float]:
    """The share of mutants that the tests notice (a run past its time is noticed), and Wilson's 95 % interval of it."""
    from scipy.stats import binomtest

    count = len(flat(tried))
    noticed = count - len(survivors(flat(tried), status))
    found = binomtest(noticed, count).proportion_ci(method="wilson")
    return noticed / count, float(found.low), float(found.high)


def change(name: str) -> str:
    """A mutant, and the lines that it changes."""
    from mutmut.mutation.diff_apply import find_mutant, get_diff_for_mutant

    lines = get_diff_for_mutant(name, path=find_mutant(name).path).splitlines()[2:]
    return "\n".join([name, *(line for line in lines if line[:1] in "+-")])
