"""Progress in a log file: plain lines with count, rate and what remains."""

import re

import pytest

from dfnas.runtime import progress as module
from dfnas.runtime.progress import progress

SECONDS_PER_ITEM = 2.0


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])
    return now


def lines(capsys) -> list[str]:
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "\r" not in captured.err
    return captured.err.splitlines()


def test_items_pass_through_and_a_fast_loop_writes_its_total_alone(capsys, clock):
    assert list(progress("abc", "letters")) == ["a", "b", "c"]
    (line,) = lines(capsys)
    assert line.startswith("letters")
    assert "3/3" in line


def test_a_slow_loop_writes_a_line_every_interval_with_its_rate(capsys, clock):
    for _ in progress(range(10), "slow"):
        clock[0] += SECONDS_PER_ITEM
    found = lines(capsys)
    assert [int(re.search(r"(\d+)/10", line)[1]) for line in found] == [3, 6, 9, 10]
    assert all("2.00s/it" in line for line in found)


def test_a_resumed_loop_counts_from_where_it_was_but_rates_its_own_items(capsys, clock):
    for _ in progress(range(8, 10), "resumed", total=10, start=8):
        clock[0] += SECONDS_PER_ITEM
    first, line = lines(capsys)
    assert first == "resumed: goes on after step 8 of 10"
    assert "10/10" in line
    assert "2.00s/it" in line


def test_a_terminal_gets_a_bar(capsys, monkeypatch):
    monkeypatch.setattr(module.sys.stderr, "isatty", lambda: True, raising=False)
    assert list(progress(range(4), "drawn")) == [0, 1, 2, 3]
    assert "\r" in capsys.readouterr().err
