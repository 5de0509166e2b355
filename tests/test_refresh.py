"""What is stale is made again, in order; what was stopped goes on; comments make nothing stale."""

import pytest

from authoring import refresh
from salon.words import SalonError


@pytest.fixture
def steps(tmp_path, monkeypatch):
    """Three steps that write down that they ran; the second reads what the first made."""
    ran: list[str] = []

    def make(name: str, out: str) -> refresh.Step:
        def run() -> None:
            ran.append(name)
            (tmp_path / out).write_text(f"{name}: {(tmp_path / 'source.py').read_text()}")

        return refresh.Step(run, ("source.py",) if name == "first" else ("first.txt",), name == "photographs")

    (tmp_path / "source.py").write_text('"""About."""\nx = 1  # one\n')
    monkeypatch.setattr(refresh, "ROOT", tmp_path)
    monkeypatch.setattr(refresh, "LEDGER", tmp_path / "ledger.json")
    monkeypatch.setattr(refresh, "STEPS", {n: make(n, f"{n}.txt") for n in ("first", "second", "photographs")})
    monkeypatch.delenv(refresh.REAL, raising=False)
    return ran, tmp_path


def test_only_what_is_stale_runs_and_all_that_hangs_on_it(steps, capsys):
    ran, folder = steps
    refresh.refresh()
    assert ran == ["first", "second"] and "SALON_REAL_FACES is not set" in capsys.readouterr().out
    refresh.refresh()
    assert ran == ["first", "second"]
    (folder / "source.py").write_text('"""Told otherwise."""\nx = 1\n')
    refresh.refresh()
    assert ran == ["first", "second"]  # a comment and a docstring
    (folder / "source.py").write_text("x = 2\n")
    assert refresh.listing()[0].split()[:2] == ["stale", "first"]
    refresh.refresh()
    assert ran[2:] == ["first", "second"]


def test_a_refresh_that_was_stopped_goes_on_where_it_was(steps, monkeypatch):
    ran, _ = steps

    def stopped() -> None:
        raise KeyboardInterrupt

    whole = refresh.STEPS["second"]
    monkeypatch.setitem(refresh.STEPS, "second", whole._replace(run=stopped))
    with pytest.raises(KeyboardInterrupt):
        refresh.refresh()
    monkeypatch.setitem(refresh.STEPS, "second", whole)
    refresh.refresh()
    assert ran == ["first", "second"]


def test_one_step_by_its_name(steps):
    ran, _ = steps
    refresh.refresh("second")
    assert ran == ["second"]
    with pytest.raises(SalonError, match="expected one of first, second"):
        refresh.refresh("third")


def test_what_is_taken_as_stored_is_fresh_and_says_so_until_it_is_made(steps):
    ran, _ = steps
    refresh.take("first")
    assert not ran and refresh.listing()[0].split() == ["fresh", "first", "taken", "as", "stored"]
    refresh.refresh("first")
    assert refresh.listing()[0].split() == ["fresh", "first", "0", "min"]
    with pytest.raises(SalonError, match="expected one of first, second"):
        refresh.take("")


def test_every_step_names_files_that_there_are():
    for name, step in refresh.STEPS.items():
        assert all(any(refresh.ROOT.glob(pattern)) for pattern in step.made_from), name
