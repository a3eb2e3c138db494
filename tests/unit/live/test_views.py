"""A call as text: what stands on a terminal of 80 and 120 columns, and line by line."""

import fcntl
import io
import os
import re
import time

import pytest
from journal_lines import BEGUN, begun, done
from rich.console import Console

from dfnas.artifacts.calibration import Calibration
from dfnas.live.call import Call
from dfnas.live.events import Event
from dfnas.live.lines import meanwhile, told
from dfnas.live.snapshot import Watch
from dfnas.live.view import view
from dfnas.live.words import about, clock, rate

PLAN = {"kind": "plan", "at": 0, "jobs": {"invert_teacher": 3, "retrain": 2, "table": 1}}
CORES = {"kind": "cores", "at": 0, "cores": 2}
INVERSION = "inversion, generation 0:  45% 108/240 [00:12<00:15,  8.78it/s]\n"


def drawn(snapshot, width: int = 80, rows: int = 12) -> list[str]:
    """The lines of a view, without the bar and with two spaces between columns."""
    out = io.StringIO()
    Console(file=out, width=width, force_terminal=False).print(view(snapshot, rows))
    lines = out.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    return [re.sub(r"(?<=\S) {2,}", "  ", line.rstrip()) for line in lines if line.strip(" ━╸╺")]


@pytest.fixture
def calibrated(results):
    """calibrated(shares): the reports on generations of `synthetic`."""

    def write(*shares: float, doubt: str | None = None):
        for number, share in enumerate(shares):
            figures = {"entropy_before_nats": 0.0, "entropy_after_nats": 0.0, "label_shift": 0.0}
            report = Calibration(generation=number, images=8, agreement=share, doubt=doubt, provenance={}, **figures)
            (results / "labels" / "synthetic").mkdir(parents=True, exist_ok=True)
            report.write(results / "labels" / "synthetic" / f"generation-{number}.json")

    return write


@pytest.fixture
def at_work(journal, stage_log, calibrated):
    """The journal of a call at work, whose lock is held."""
    calibrated(0.975, 0.99)
    log = stage_log("invert_teacher/synthetic/generation-0/shard-1", INVERSION, at=60)
    where = {"source": "synthetic", "generation": "0"}
    path = journal(
        CORES,
        PLAN,
        begun(1, 1, "invert_teacher", **where, shard="0"),
        begun(2, 2, "invert_teacher", log, **where, shard="1"),
        done(31, 1),
        begun(40, 3, "invert_teacher", "results/logs/invert_teacher/none.log", **where, shard="2"),
    )
    with open(path) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield path


def test_a_view_shows_jobs_steps_rate_time_and_images(results, at_work):
    snapshot = Watch(results).look(BEGUN + 65)
    # (10 s of the steps' 15 s + 30 s less 25 s) at two a time, and two trainings of which nothing is known
    assert drawn(snapshot) == [
        "running: 1 of 5 jobs in 1:05, more than 10 s left (2 jobs not timed yet)",
        "invert_teacher  synthetic, generation 0, shard 1  108/240  8.78/s  0:10 left",
        "invert_teacher  synthetic, generation 0, shard 2  waits  for 0:25",
        "to come: retrain×2",
        "images synthetic: the teacher agrees on 97.5 % → 99.0 %",
    ]


def test_a_narrow_terminal_cuts_titles_and_no_figures(results, at_work):
    lines = drawn(Watch(results).look(BEGUN + 65), 64)
    (job,) = [line for line in lines if "108/240" in line]
    assert "…" in job
    assert job.endswith("8.78/s  0:10 left")


def test_rows_are_as_many_as_there_is_room_for(results, journal):
    journal(PLAN, *(begun(job, job, "retrain", seed=str(job)) for job in range(1, 9)))
    with open(next((results / ".dfnas" / "calls").iterdir())) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        lines = drawn(Watch(results).look(BEGUN + 100), rows=3)
    assert [line.split()[:2] for line in lines[1:4]] == [["retrain", "seed"], ["retrain", "seed"], ["and", "6"]]


def test_a_failure_is_shown_with_the_end_of_its_log(results, journal, stage_log):
    log = stage_log("retrain/spos/seed-0", "1\n2\n3\nretrain: error: no room [on] disk\n", at=9)
    journal(PLAN, begun(1, 1, "retrain", log, seed="0"), done(9, 1, failed=True), {"kind": "ended", "at": 12})
    assert drawn(Watch(results).look(BEGUN + 1000)) == [
        "failed: 0 of 5 jobs in 0:12, 1 failed",
        "failed: retrain seed 0",
        "  2",
        "  3",
        "  retrain: error: no room [on] disk",
        f"  log: {log}",
        "to come: retrain×1, invert_teacher×3",
        "next: mend what failed, then call it again: what is done stays",
    ]


def test_a_doubt_about_images_is_shown(results, journal, calibrated):
    calibrated(0.1, doubt="hardly better than chance")
    journal(PLAN, {"kind": "ended", "at": 12, "succeeded": True})
    assert drawn(Watch(results).look(BEGUN))[-2:] == [
        "images synthetic: the teacher agrees on 10.0 %",
        "  hardly better than chance",
    ]


def test_a_report_that_is_being_written_is_passed_over(results, journal, calibrated):
    calibrated(0.5, 0.75)
    (results / "labels" / "synthetic" / "generation-1.json").write_text("{")
    journal(PLAN)
    assert "images synthetic: the teacher agrees on 50.0 %" in drawn(Watch(results).look(BEGUN))


def test_reports_of_earlier_images_are_passed_over_where_a_call_makes_them_anew(results, journal, calibrated):
    calibrated(0.5, 0.75)
    os.utime(results / "labels" / "synthetic" / "generation-0.json", (BEGUN - 60, BEGUN - 60))
    journal({**PLAN, "jobs": {"calibrate_labels": 2}})
    assert drawn(Watch(results).look(BEGUN))[-2] == (
        "images synthetic: the teacher agrees on 75.0 %, from generation 1 on"
    )
    journal(PLAN, name="later")
    assert drawn(Watch(results).look(BEGUN))[-2] == "images synthetic: the teacher agrees on 50.0 % → 75.0 %"


def test_lines_tell_what_happens(monkeypatch):
    monkeypatch.setattr(time, "strftime", lambda *_: "10:00:00")
    call, lines = Call(), []
    events = [
        PLAN,
        begun(5, 1, "retrain", "x.log", seed="0"),
        done(70, 1, failed=True),
        begun(70, 1, "retrain", seed="0"),
    ]
    for event in [*events, done(80, 1), begun(80, 2, "table"), {"kind": "asked to end", "at": 90}]:
        made = Event.model_validate({**event, "at": float(event["at"])})
        call.add(made)
        lines.append(told(call, made))
    assert lines == [
        "10:00:00 5 jobs to do",
        "10:00:00 begun   retrain seed 0",
        "10:00:00 failed  retrain seed 0, log: x.log",
        "10:00:00 begun   retrain seed 0",
        "10:00:00 done    retrain seed 0 in 0:10 (1 of 5)",
        None,
        "10:00:00 ends as it was asked to; jobs save what they have",
    ]


def test_lines_tell_now_and_then_what_is_at_work(results, at_work):
    assert list(meanwhile(Watch(results).look(BEGUN + 65))) == [
        "1 of 5 jobs in 1:05, more than 10 s left (2 jobs not timed yet)",
        "  invert_teacher synthetic, generation 0, shard 1: 108 of 240 steps, 0:10 left",
        "  invert_teacher synthetic, generation 0, shard 2: waits",
        "  images synthetic: the teacher agrees on 97.5 % → 99.0 %",
    ]


@pytest.mark.parametrize(
    ("seconds", "short", "long"),
    [
        (0, "0:00", "1 s"),
        (14.6, "0:14", "15 s"),
        (44, "0:44", "40 s"),
        (150, "2:30", "2 min"),
        (5399, "1:29:59", "90 min"),
        (9000, "2:30:00", "2.5 h"),
        (432000, "120:00:00", "5.0 days"),
    ],
)
def test_times_in_few_characters(seconds, short, long):
    assert (clock(seconds), about(seconds)) == (short, long)


@pytest.mark.parametrize(
    ("per_second", "text"), [(8.781, "8.78/s"), (1234.5, "1234/s"), (0.25, "4 s each"), (1, "1/s")]
)
def test_rates_in_few_characters(per_second, text):
    assert rate(per_second) == text
