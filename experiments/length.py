"""The main experiment: what each step of the method buys, along the training and with ever more people."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise, product
from pathlib import Path

import numpy as np
import pandas as pd

from experiments.claims import Cells, Claim, claims, estimate, holm, slope_weights, total
from experiments.kept import is_measured, read_kept
from experiments.ladder import LENGTHS, MAIN, Job, core_rows
from experiments.rows import Setting, work
from experiments.tables import write_plain, write_table
from salon.evaluation.people import CONDITIONS, COVERED
from salon.words import SalonError

CURVE = (8.0, 12.0, 16.0, 20.0, 28.0, 40.0, 64.0)  # the fixed scales that C is held against
TAXES = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032)  # lambda_reg, which decides where the confidences end
MARGINS = {"B": (0.15, 0.25, 0.5), "C": (3.0, 5.0, 12.0)}  # tried beside .35 and 8 with the best of those
RATES = (0.025, 0.05, 0.2)  # tried beside 0.1 with the best so far
SEEDS = (0, 1, 2)
BOTH = {3000: (0, 1, 2, 3, 4)}  # people and seeds of B and C where those are more
FEWER, MORE = (300, 1000), (6000,)  # people with whom B and C alone are trained; slopes are taken without the last
LONGER, FURTHER = (6400,), (0, 1, 2)  # steps and seeds of B and C: is the main length enough?
MOST = 3000  # the people with whom every row is trained
BY_PEOPLE = ("B", "C")  # the rows with every number of people
# Told beside the claims, with the same intervals.
TOLD = (
    ("B", "A"), ("C", "B"), ("C+16", "B+16"), ("C", "C0"), ("C", "C0*"), ("C", "S"), ("C", "B2"), ("D", "C"),
    ("D+16", "C+16"), ("E", "D"), ("E+16", "D+16"), ("E-rest", "D"), ("E-λ2", "D"), ("E-λ2+16", "D+16"), ("B+16", "B"),
    ("C+16", "C"), ("E+16", "E"), ("E-λ2+16", "E-λ2"), ("E+16", "B"), ("E+16", "B+16"), ("places+16", "places"),
    ("whole+16", "whole"), ("places+16", "whole+16"), ("whole", "D"), ("places, blocks+16", "places, blocks"),
    ("whole, blocks+16", "whole, blocks"), ("places, blocks+16", "whole, blocks+16"),
)  # fmt: skip

_LEARNED: Setting = {"loss": "confidence", "margin": 8.0, "s0": 20.0}
FROZEN = {"frozen": 1.0}
# Parts that look at places, and parts that see all, at the same cost of a step; trained with covers.
PLACES: Setting = {"K": 4, "places": True, "width": 0.625, "variations": "covers"}
WHOLE: Setting = {"K": 4, "variations": "covers"}
PARTS: Setting = {"K": 8}
# Chosen for separation on validation people, not for accuracy: what is not in V_t hides t.
SEPARATED: Setting = PARTS | {"decorrelate": 2.0, "hide": "rest", "opponent_lr": 1e-3}


@dataclass
class Choice:
    """The settings chosen for so many people, row by row, with seed 0 and on validation people.

    B and C have thirteen tries each with most people; with fewer five scales and five taxes, margin and rate being
    those of `near`. Every other row differs from one of these in what its name says and in nothing else; where that has
    a size of its own (how many parts, how strong a game), it has three tries.
    """

    people: int
    processes: int
    size: str = "lecture"
    near: "Choice | None" = None
    chosen: dict[str, Setting] = field(default_factory=dict)
    tried: dict[str, list[tuple[Setting, float]]] = field(default_factory=dict)  # with clean plus mixed, in percent
    rows: dict[str, tuple[int, ...]] = field(default_factory=dict)  # those that are measured, and their seeds

    def tries(self) -> dict[str, list[Setting]]:
        """What each row may be."""
        C = self.chosen.get("C", {})
        scales, taxes = (CURVE, TAXES) if self.near is None else (CURVE[:5], TAXES[2:])
        games: list[Setting] = [{"decorrelate": weight, "opponent_lr": 1e-3} for weight in (0.1, 0.5, 2.0)]
        return {
            "B": [{"scale": s} | self._nearby("B") for s in scales],
            "C": [_LEARNED | {"regularise": tax} | self._nearby("C") for tax in taxes],
            "E": [C | PARTS | game for game in games],
            "E-rest": [C | PARTS | game | {"hide": "rest"} for game in games],
            "C0*": [C | {"s0": s} | FROZEN for s in (12.0, 16.0, 20.0)],
        }

    def _nearby(self, name: str) -> Setting:
        """Margin and rate of the row as chosen with another number of people."""
        taken = self.near.chosen[name] if self.near else {}
        return {field: x for field, x in taken.items() if field in ("margin", "lr")}

    def add(self, *names: str) -> None:
        """Choose rows that build on those chosen before, side by side; of B and C where shown margin and rate too."""
        self._add({name: self.tries()[name] for name in names})
        for changes in (MARGINS, dict.fromkeys("BC", RATES)):
            more = {name: changes[name] for name in names if name in changes and self.near is None}
            word = "margin" if changes is MARGINS else "lr"
            self._add({name: [self.chosen[name] | {word: x} for x in values] for name, values in more.items()})

    def finish(self, *names: str) -> None:
        """Choose rows, and train them with all their seeds, side by side; what is kept of each is then its row."""
        self.add(*(name for name in names if name in self.tries()))
        seeds = {name: BOTH.get(self.people, SEEDS) if name in BY_PEOPLE else SEEDS for name in names}
        jobs = {name: [self.job(name, seed) for seed in seeds[name]] for name in names}
        if self.processes:
            measure_all(chain.from_iterable(jobs.values()), self.processes)
        self.rows |= {name: seeds[name] for name in names if all(is_measured(j.path, j.known_as) for j in jobs[name])}

    def _add(self, more: dict[str, list[Setting]]) -> None:
        measure_all((self._try(name, one) for name in more for one in more[name]), self.processes)
        for name, settings in more.items():
            found = [(one, round(on_validation(self._try(name, one)), 2)) for one in settings]
            self.tried[name] = [*self.tried.get(name, []), *found]
            self.chosen[name] = max(self.tried[name], key=lambda pair: pair[1])[0]

    def _try(self, name: str, setting: Setting) -> Job:
        """A setting at the main length; the curve of fixed scales is a result too where it is shown."""
        shown = name == "B" and self.near is None and setting.keys() == {"scale"}
        return Job(tuple(setting.items()), self.people, 0, LENGTHS if shown else (MAIN,), shown, self.size)

    def job(self, name: str, seed: int) -> Job:
        """The ladder of a row with its setting; "CosFace s=8": a point of the curve."""
        if name.startswith("CosFace s="):
            setting: Setting = {"scale": float(name.removeprefix("CosFace s="))}
            return Job(tuple(setting.items()), self.people, seed, size=self.size)
        C = self.chosen["C"]
        rate = {name: x for name, x in C.items() if name == "lr"}
        built = {
            "A": lambda: self.chosen["B"] | {"probability": 0.0},
            "S": lambda: C | {"per_image": False},
            "places": lambda: C | PLACES,
            "whole": lambda: C | WHOLE,
            "C0": lambda: C | {"s0": reached(self.job("C", seed))} | FROZEN,
            "B2": lambda: {"scale": reached(self.job("C", seed)), "margin": C["margin"] / C["s0"]} | rate,
            "D": lambda: C | PARTS,
            "D8": lambda: C | PARTS,
            "E-λ2": lambda: C | SEPARATED,
            "places, blocks": lambda: C | PLACES | {"variations": "graded"},
            "whole, blocks": lambda: C | WHOLE | {"variations": "graded"},
        }
        setting = built[name]() if name in built else self.chosen[name]
        return Job(tuple(setting.items()), self.people, seed, size=self.size)


def on_validation(job: Job, steps: int = MAIN, conditions: Iterable[str] = ("clean", "mixed")) -> float:
    """What settings are chosen by: clean plus mixed TAR@FAR=1e-3 by the cosine, in percent."""
    table = job.table
    wanted = (table.split == "validation") & (table.metric == "tar") & (table.step == steps)
    return float(100 * table[wanted & (table.configuration == "") & table.condition.isin(list(conditions))].value.sum())


def reached(job: Job) -> float:
    """The mean confidence on the last batches of the main length."""
    table = job.table[lambda x: (x.metric == "confidence") & (x.condition == "training") & (x.step == MAIN)]
    return round(float(table.value.item()), 2)


class NotMeasured(SalonError):
    """Something is missing, and nothing was to be trained."""


def measure_all(asked: Iterable[Job], processes: int) -> None:
    """Train and measure what is not kept yet, those first that were asked for first."""
    left = [job for job in dict.fromkeys(asked) if not is_measured(job.path, job.known_as)]
    if left and not processes:
        raise NotMeasured(f"{len(left)} ladders are not measured, such as {left[0].path.stem}.")
    if left:
        work(_measure, left, "ladders", processes)


def _measure(job: Job) -> None:
    job.table  # noqa: B018


# --- the stages, the most telling first

STAGES = (("B", "C"), ("C0", "D", "places", "whole", "S", "A", "D8"), ("E", "E-λ2"))  # with most people
LAST = ("E-rest", "C0*"), ("B2", "places, blocks", "whole, blocks")


def train_all(processes: int, size: str = "lecture") -> dict[int, Choice]:
    """Everything that the tables need; what is kept already is not trained again, and with 0 processes nothing is."""
    most = Choice(MOST, processes, size)
    known = {MOST: most} | {people: Choice(people, processes, size, most) for people in FEWER + MORE}
    stages: list[tuple[Choice, tuple[str, ...]]] = [(most, names) for names in STAGES]
    stages += [(known[people], BY_PEOPLE) for people in FEWER + MORE] + [(most, names) for names in LAST]
    for choice, names in stages:
        with suppress(NotMeasured, KeyError):
            choice.finish(*names)
    with suppress(NotMeasured, KeyError):
        measure_all(longer(most), processes)
    return known


def longer(most: Choice) -> list[Job]:
    """B and C beyond the main length."""
    return [until(most.job(name, seed), steps) for steps in LONGER for seed in FURTHER for name in "BC"]


# --- the tables


def reproduce_length(size: str = "lecture", jobs: int = 2) -> Path:
    """The ablation along the training and with ever more people; the claims judged (--scale; --jobs 0: what is kept).

    Four tables: `ablation` (most people, main length, every measure), `length` (core measures, all lengths and
    numbers of people), `claims`, and `differences` (what is told beside them, with the same intervals).
    """
    known = train_all(jobs, size)
    most, everywhere = known[MOST], [(name, choice.job(name, seed)) for choice in known.values()
                                     for name, seeds in choice.rows.items() for seed in seeds]  # fmt: skip
    curve = [(f"CosFace s={scale:g}", most.job(f"CosFace s={scale:g}", 0)) for scale in CURVE]
    further = [(name, job) for job, name in zip(measured_longer(known), "BC" * 99, strict=False)]
    found = pd.concat([_named(name, job) for name, job in [*everywhere, *curve, *further]])
    notes = {
        "commits": sorted({read_kept(job.path)[2]["commit"] for _, job in everywhere}),
        "main_length": main_length(known), "seeds": {people: choice.rows for people, choice in known.items()},
        "chosen": {people: choice.chosen for people, choice in known.items()},
        "tried": {people: choice.tried for people, choice in known.items()},
    }  # fmt: skip
    command, main = f"salon reproduce length --scale {size}", (found.people == MOST) & (found.step == MAIN)
    suffix = "" if size == "lecture" else f"_{size}"
    write_plain(f"claims{suffix}", judged(known), command, **notes)
    write_plain(f"differences{suffix}", compared(most), command, commits=notes["commits"])
    write_table(f"length{suffix}", found[along(found)].to_dict("records"), command, **notes)
    at_the_end = found[main & (found.split == "test")].drop(columns=["people", "step"]).to_dict("records")
    return write_table(f"ablation{suffix}", at_the_end, command, **notes)


def along(table: pd.DataFrame) -> pd.Series:
    """Which rows are told of every length: TAR of the core conditions, and how the training went."""
    training = table.metric.isin(["accuracy", "pull", "gradient_noise", "seconds"])
    training |= (table.metric == "confidence") & (table.condition == "training")
    return core_rows(table) | training | ((table.split == "validation") & (table.metric == "tar"))


def until(job: Job, steps: int) -> Job:
    """The run that is measured after so many steps: the job, or beyond its last length one of its own."""
    return job if steps in job.lengths else replace(job, lengths=(steps,))


def measured_longer(known: dict[int, Choice]) -> list[Job]:
    """Those runs beyond the main length that are kept."""
    return [job for job in longer(known[MOST]) if is_measured(job.path, job.known_as)]


def further_lengths(known: dict[int, Choice]) -> tuple[int, ...]:
    """Those beyond the main length, once all their runs are kept."""
    return LONGER if len(measured_longer(known)) == len(longer(known[MOST])) else ()


def _named(name: str, job: Job) -> pd.DataFrame:
    return job.table.assign(configuration=lambda table: name + table.configuration)


def main_length(known: dict[int, Choice], limit: float = 1.0) -> int:
    """The least length from which doubling moves validation of B and C by less than a point; else the longest."""
    for steps, twice in pairwise((*LENGTHS, *further_lengths(known))):
        moves = [_on_validation(known[MOST], name, twice, c) - _on_validation(known[MOST], name, steps, c)
                 for name in "BC" for c in ("clean", "mixed")]  # fmt: skip
        if max(moves) < limit:
            return steps
    return LENGTHS[-1]


def _on_validation(choice: Choice, name: str, steps: int, condition: str) -> float:
    """Mean of the seeds that are followed furthest."""
    return float(np.mean([on_validation(until(choice.job(name, s), steps), steps, [condition]) for s in FURTHER]))


def cells(choice: Choice, name: str, seeds: Iterable[int], claim: Claim, steps: int) -> Cells:
    """What a configuration ("C+16") reached, seed by seed, TAR in percent."""
    base = name.partition("+16")[0]
    if claim.metric == "steps_to_level":  # nine tenths of what B has at the main length
        level = 0.9 * np.mean([clean_tar(choice.job("B", seed))[MAIN] for seed in seeds])
        steps_taken = [steps_to_level(clean_tar(choice.job(base, seed)), float(level)) for seed in seeds]
        return Cells(np.array(steps_taken), np.zeros((len(steps_taken), 0)))
    return cells_of([until(choice.job(base, seed), steps) for seed in seeds], name, claim, steps)


def cells_of(jobs: Iterable[Job], name: str, claim: Claim, steps: int) -> Cells:
    """What the runs of one configuration reached, run by run."""
    found = [_cell(job, "+16" * name.endswith("+16"), claim, steps) for job in jobs]
    return Cells(np.array([value for value, _ in found]), np.array([drawn for _, drawn in found]))


def _cell(job: Job, suffix: str, claim: Claim, steps: int) -> tuple[float, np.ndarray]:
    table, resampled, _ = read_kept(job.path)
    which = (table.configuration == suffix) & (table.condition == claim.condition) & (table.metric == claim.metric)
    which &= (table.split == "test") & (table.step == steps)
    (index,) = np.flatnonzero(which)
    value = float(table.value[index])
    if claim.metric != "tar":
        return value, np.zeros(0)
    drawn = dict(zip(np.flatnonzero(core_rows(table)), resampled, strict=True))
    return 100 * value, drawn[index] / 100 if index in drawn else np.zeros(0)


def clean_tar(job: Job) -> pd.Series:
    """TAR on clean faces by the cosine, in percent, at each length."""
    table = job.table
    clean = table[core_rows(table) & (table.condition == "clean") & (table.configuration == "")]
    return 100 * clean.set_index("step").value


def steps_to_level(tar: pd.Series, level: float) -> float:
    """After how many steps a curve passes a level, straight between the lengths on a scale of doublings."""
    return float(2 ** np.interp(level, np.maximum.accumulate(tar.to_numpy()), np.log2(tar.index.to_numpy())))


def judged(known: dict[int, Choice]) -> list[dict]:
    """Every claim with every number of people and at every length that it has, and the verdict where it was made."""
    main, rows = main_length(known), []
    for claim in claims():
        bases = {name.partition("+16")[0] for name in claim.contrast}
        groups = {people: choice for people, choice in known.items() if bases <= choice.rows.keys()}
        along = claim.condition in (*CONDITIONS, *COVERED, "augmented") and claim.metric != "steps_to_level"
        for steps in LENGTHS if along else (MAIN,):
            held = {people: _contrast(choice, claim, steps) for people, choice in groups.items()}
            rows += [_row(claim, people, steps, [one]) for people, one in held.items()]
            asked = {people: one for people, one in held.items() if people not in MORE}
            if claim.people == "slope" and len(asked) > 1:
                rows.append(_row(claim, "slope", steps, [*asked.values()], slope_weights([*asked])))
        for steps in further_lengths(known) if along and bases <= {"B", "C"} else ():
            rows.append(_row(claim, MOST, steps, [_contrast(known[MOST], claim, steps)]))
    made = [row for row in rows if row["people"] == row["of"] and row["step"] == min(main, LENGTHS[-1])]
    primary = [row for row in made if row["primary"]]
    missing = sum(claim.primary for claim in claims()) - len(primary)  # counted all the same
    for row, adjusted in zip(primary, holm([row["p"] for row in primary] + [1.0] * missing), strict=False):
        row |= {"holm": adjusted, "survives": bool(adjusted < 0.05 and row["mean"] * row["expected"] > 0)}
    for row in made:
        row["made"] = True
    return rows


def compared(choice: Choice) -> list[dict]:
    """One configuration less another at the main length, under each core condition, where both are measured."""
    measured = [pair for pair in TOLD if {name.partition("+16")[0] for name in pair} <= choice.rows.keys()]
    rows = []
    for (one, other), condition in product(measured, (*CONDITIONS, *COVERED)):
        told = Claim("", "", {one: 1, other: -1}, condition, choice.people, 0, "", "", False)
        found = _contrast(choice, told, MAIN)
        fields = {"one": one, "other": other, "condition": condition, "n": len(found.values)}
        rows.append(fields | estimate([found])._asdict())
    return rows


def _contrast(choice: Choice, claim: Claim, steps: int) -> Cells:
    rows = [choice.rows[name.partition("+16")[0]] for name in claim.contrast]
    seeds = min([*rows, FURTHER] if steps in LONGER else rows, key=len)
    return total([cells(choice, name, seeds, claim, steps).times(w) for name, w in claim.contrast.items()])


def _row(claim: Claim, people: int | str, steps: int, groups: list[Cells], weights: Iterable[float] = (1.0,)) -> dict:
    found = estimate(groups, [*weights])
    fields = {name: getattr(claim, name) for name in ("name", "group", "condition", "metric", "expected", "primary")}
    fields |= {"contrast": str(claim), "made": False, "survives": False}
    seeds = "/".join(str(len(group.values)) for group in groups)
    return fields | {"of": claim.people, "people": people, "step": steps, "seeds": seeds} | found._asdict()
