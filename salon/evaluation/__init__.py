"""Protocols, test people, intervals, and the stored tables of results."""

from salon.evaluation.benchmark import black_hole, evaluate_benchmark, genuine_and_impostor
from salon.evaluation.intervals import t_interval
from salon.evaluation.people import CONDITIONS, test_benchmark
from salon.evaluation.protocols import tar_at_far
from salon.evaluation.results import (
    by_seed,
    differences,
    labelled,
    read_provenance,
    read_table,
    stored_differences,
    summary,
)
