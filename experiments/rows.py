"""What the experiments share: rows tuned on validation people, as many runs at a time as there are processes."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from joblib import Parallel, delayed, parallel_config
from tqdm.auto import tqdm

from salon.evaluation.benchmark import evaluate_benchmark
from salon.evaluation.people import Benchmark
from salon.model.network import Recogniser

Setting = dict[str, Any]
Settings = Mapping[str, Setting]  # of each row


def work(function: Callable, items: Iterable, what: str, jobs: int = 1) -> list:
    """`function` of each item in order, with a bar, over `jobs` processes of one thread each (1: this process)."""
    todo = list(items)
    threads = {"inner_max_num_threads": 1} if jobs > 1 else {}
    with parallel_config("loky", n_jobs=jobs, **threads):
        done = Parallel(return_as="generator")(delayed(function)(item) for item in todo)
        return list(tqdm(done, total=len(todo), desc=what, unit=" runs"))


def tuned(
    stages: Iterable[Sequence[str]], tries: Mapping[str, Sequence[Setting]], seeds: Sequence[int],
    score: Callable[[tuple[str, int, Settings]], float], jobs: int = 1,
) -> tuple[dict[str, Setting], dict[str, list]]:  # fmt: skip
    """Each row's best setting, and every setting with its score, the mean over `seeds` rounded to two digits.

    `score` of a row, a seed and the settings chosen so far, the tried one among them, is the higher the better. The
    rows of a stage are tuned side by side, after those of the stages before.
    """
    chosen: dict[str, Setting] = {}
    seen: dict[str, list] = {}
    for rows in stages:
        tried = [(row, setting) for row in rows for setting in tries[row]]
        runs = [(row, seed, chosen | {row: setting}) for row, setting in tried for seed in seeds]
        scores = np.reshape(work(score, runs, f"tuning {', '.join(rows)}", jobs), (len(tried), len(seeds)))
        for (row, setting), mean in zip(tried, scores.mean(1).tolist(), strict=True):
            seen.setdefault(row, []).append((setting, round(mean, 2)))
        chosen |= {row: max(seen[row], key=lambda pair: pair[1])[0] for row in rows}
    return chosen, seen


def tar(rows: list[dict], condition: str) -> float:
    """TAR@FAR=1e-3 in percent of one condition, by the cosine."""
    wanted = {"configuration": "", "condition": condition, "metric": "tar"}
    (found,) = [row for row in rows if wanted.items() <= row.items()]
    return 100 * found["value"]


def clean_and_mixed(recogniser: Recogniser, benchmark: Benchmark) -> float:
    """What settings are chosen by, on validation images: clean plus mixed TAR@FAR=1e-3, in percent."""
    rows = evaluate_benchmark(recogniser, benchmark, ("clean", "mixed"))
    return tar(rows, "clean") + tar(rows, "mixed")
