"""Everything under data/ and the notebooks' outputs again, in the order in which one needs the other.

A step is stale where a file that it is made from has changed since it last ran, by the ledger in `measured/`; comments
and docstrings do not count. A refresh that was stopped goes on where it was, on another machine too. Where a change is
known to leave a result as it is, the result can be taken as stored, and the listing tells that it was taken, not made.
"""

import ast
import hashlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from authoring import notebooks
from authoring.checksums import write_checksums
from authoring.picture import readme_figure, write_film
from authoring.test_people import write_test_sheets
from authoring.views import write_characters, write_feature_views, write_threshold
from experiments.certainty import reproduce_certainty
from experiments.convergence import reproduce_convergence
from experiments.gap import reproduce_gap
from experiments.generator import reproduce_fairness, reproduce_generator
from experiments.glyphs import reproduce_glyphs
from experiments.length import reproduce_length
from experiments.mining import reproduce_mining, ship_attributes
from experiments.parts import reproduce_parts
from experiments.photographs import reproduce_lfw
from experiments.real_faces import reproduce_real_faces
from experiments.reproduce import ship_model
from salon.evaluation.results import read_table
from salon.paths import data_root, write_whole
from salon.words import SalonError

ROOT = Path(__file__).parent.parent
LEDGER = ROOT / "measured" / "refresh.json"
REAL = "SALON_REAL_FACES"  # names the folder of real faces


class Step(NamedTuple):
    """What is made, how, and from which files (patterns below the root) beside the faces."""

    run: Callable[[], object]
    made_from: tuple[str, ...] = ()
    photographs: bool = False  # only where real faces are at hand


def draw_pictures() -> None:
    """Draw docs/picture.png from the stored table, and film the explorer in both languages."""
    path = ROOT / "docs" / "picture.png"
    figure = readme_figure(read_table("ablation"))
    write_whole(path, lambda file: figure.savefig(file, dpi=110))
    write_film(path.parent)


def run_notebooks() -> None:
    """Build the Chinese edition, and execute every notebook in place."""
    notebooks.build()
    for path in notebooks.find([]):
        notebooks.run(path)


def shipped(*names: str) -> tuple[str, ...]:
    """The files of shipped models."""
    return tuple(f"data/models/{name}.safetensors" for name in names)


FACES = ("salon/faces/people.py", "salon/faces/render.py", "salon/faces/anatomy.py")  # of every step
TRAINED = ("salon/training/loop.py", "salon/training/recipes.py", "salon/model/*.py", "salon/faces/variations.py")
STEPS: dict[str, Step] = {
    "test people": Step(lambda: write_test_sheets(data_root() / "faces"), ("salon/faces/variations.py",)),
    "clean start": Step(lambda: ship_model("start"), TRAINED),
    "start for snapshots": Step(lambda: ship_model("photo"), (*TRAINED, *shipped("start"))),
    "lecture's model": Step(lambda: ship_model("lecture"), (*TRAINED, *shipped("start"))),
    "model of places": Step(lambda: ship_model("places"), TRAINED),
    "model of attributes": Step(ship_attributes, ("experiments/mining.py", *shipped("start"))),
    "experiment length": Step(reproduce_length, ("experiments/l*.py", "experiments/claims.*", "measured/length/*")),
    "experiment parts": Step(reproduce_parts, ("experiments/parts.py", "measured/length*/*")),
    "experiment glyphs": Step(reproduce_glyphs, ("experiments/glyphs.py", *TRAINED)),
    "experiment mining": Step(reproduce_mining, ("experiments/mining.py", *TRAINED)),
    "experiment convergence": Step(reproduce_convergence, ("experiments/convergence.py", *TRAINED)),
    "experiment generator": Step(reproduce_generator, ("experiments/generator.py", *shipped("start", "lecture"))),
    "experiment fairness": Step(reproduce_fairness, ("experiments/generator.py", *shipped("lecture"))),
    "real faces": Step(reproduce_real_faces, ("experiments/real_faces.py", *shipped("*")), photographs=True),
    "experiment lfw": Step(reproduce_lfw, ("experiments/photographs.py", *TRAINED), photographs=True),
    "experiment gap": Step(reproduce_gap, ("experiments/gap.py", *TRAINED), photographs=True),
    "experiment certainty": Step(reproduce_certainty, ("experiments/certainty.py", *shipped("*")), photographs=True),
    "map of features": Step(write_feature_views, ("authoring/views.py", *shipped("lecture"))),
    "histograms of scores": Step(write_threshold, ("authoring/views.py", *TRAINED, *shipped("start", "lecture"))),
    "printed characters": Step(write_characters, ("experiments/glyphs.py",)),
    "pictures of the README": Step(
        draw_pictures, ("authoring/picture.py", "data/results/ablation.csv", "salon/widgets/*", *shipped("places"))
    ),
    "checksums": Step(write_checksums, ("data/*/*",)),  # before the notebooks: the first one asks the doctor
    "notebooks": Step(run_notebooks, ("notebooks/*.ipynb", "notebooks/*.po", "salon/**/*.py", "data/*/*")),
}


def refresh(only: str = "") -> None:
    """Run every stale step in order, or the one that is named; raises `SalonError` for a name that is not known."""
    for name in [_known(only)] if only else STEPS:
        if not only and not is_stale(name):
            continue
        if STEPS[name].photographs and not os.environ.get(REAL):
            print(f"{name}: {REAL} is not set; what is stored stays, though it is stale.")
            continue
        print(f"{name} …", flush=True)
        begun = time.perf_counter()
        STEPS[name].run()
        note(name, f"{(time.perf_counter() - begun) / 60:.0f} min")


def take(name: str) -> None:
    """Call fresh what is stored of a step without making it again; the listing says so."""
    note(_known(name), "taken as stored")


def listing() -> list[str]:
    """Each step, whether it is stale, and the minutes that it took or that its result was taken as stored."""
    made = {name: facts["made"] for name, facts in ledger().items()}
    return [f"{'stale' if is_stale(name) else 'fresh':6} {name:24} {made.get(name, '')}".rstrip() for name in STEPS]


def is_stale(name: str) -> bool:
    """Whether a file has changed that the step is made from, or it never ran."""
    return ledger().get(name, {}).get("made_from") != fingerprint(name)


def fingerprint(name: str) -> str:
    """Of all the files that a step is made from."""
    patterns = (*FACES, *STEPS[name].made_from)
    paths = sorted({path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()})
    return hashlib.sha256("".join(map(_meaning, paths)).encode()).hexdigest()[:16]


def _meaning(path: Path) -> str:
    """What a file says: of a program all but comments and docstrings, of any other every byte."""
    if path.suffix != ".py":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node):
            node.body = node.body[1:]
    return ast.dump(tree)


def ledger() -> dict[str, dict]:
    """What is known of the last run of each step."""
    return json.loads(LEDGER.read_text(encoding="utf-8")) if LEDGER.exists() else {}


def _known(name: str) -> str:
    if name not in STEPS:
        raise SalonError(f"The step {name!r} is not known; expected one of {', '.join(STEPS)}.")
    return name


def note(name: str, made: str) -> None:
    """Write down how a step came to be fresh, and of which files: after it ran, for its own may be among them."""
    known = ledger() | {name: {"made": made, "made_from": fingerprint(name)}}
    write_whole(LEDGER, (json.dumps(known, indent=1) + "\n").encode())
