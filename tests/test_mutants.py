"""Faults are drawn from every file alike, and each counts as noticed unless all tests passed or none came by."""

import json
from types import SimpleNamespace

import pytest

from authoring.mutants import drawn, flat, pytest_collection_modifyitems, score, survivors, table
from salon.words import SalonError

MADE = {"a.py": [f"a{n}" for n in range(100)], "b.py": [f"b{n}" for n in range(300)], "c.py": ["c"]}


def test_a_sample_has_the_same_share_of_each_file_and_is_drawn_again_by_its_seed():
    sample = drawn(MADE, 40, seed=1)
    assert {file: len(names) for file, names in sample.items()} == {"a.py": 10, "b.py": 30, "c.py": 1}
    assert all(set(names) <= set(MADE[file]) and len(set(names)) == len(names) for file, names in sample.items())
    assert drawn(MADE, 40, seed=1) == sample != drawn(MADE, 40, seed=2)
    assert {*flat(drawn(MADE, 9999, seed=1))} == {*flat(MADE)}


def test_what_no_test_noticed_survived():
    tried = {"a.py": ["killed", "late", "alive", "untested"], "b.py": ["broken", "crashed"]}
    status = {"killed": 1, "late": -24, "alive": 0, "untested": 33, "broken": 3, "crashed": -11}
    assert survivors(flat(tried), status) == ["alive", "untested"]
    share, low, high = score(tried, status)
    assert share == 4 / 6 and 0.29 < low < 0.31 < 0.90 < high < 0.91  # Wilson's of 4 in 6: 0.300 to 0.903
    lines = [line.split() for line in table(MADE, tried, status)]
    assert lines[1:] == [["a.py", "100", "4", "1", "1", "2", "50.0%"], ["b.py", "300", "2", "2", "0", "0", "100.0%"],
                         ["all", "401", "6", "3", "1", "2", "66.7%"]]  # fmt: skip
    with pytest.raises(SalonError, match="late was not tried"):
        score(tried, status | {"late": None})


def test_quick_files_are_asked_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    items = [SimpleNamespace(nodeid=name) for name in ("slow::1", "slow::2", "quick::1", "quick::2", "new::1")]
    pytest_collection_modifyitems(given := [*items])
    assert given == items  # nothing is known yet
    took = {"slow::1": 9, "slow::2": 0.1, "quick::1": 2, "quick::2": 1}
    (tmp_path / "mutmut-stats.json").write_text(json.dumps({"duration_by_test": took}))
    pytest_collection_modifyitems(items)
    assert [item.nodeid for item in items] == ["new::1", "quick::2", "quick::1", "slow::2", "slow::1"]
