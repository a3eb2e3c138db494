"""The journal of a call: written as things happen, read while it grows, and whose process is alive."""

import fcntl
import logging
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from journal_lines import BEGUN, begun, done
from snakemake_interface_logger_plugins.common import LogEvent

from dfnas.live.call import Reader
from dfnas.live.journal import CALLS, Journal, attach, current, is_alive, journals

ROOT = Path(__file__).resolve().parents[3]
CALL = """
import sys
from dfnas.live.journal import Journal
journal = Journal(sys.argv[1])
journal.begin(["snakemake"], [])
print(journal.path, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def logger():
    logger = logging.Logger("snakemake.logging", logging.INFO)
    yield logger
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()


def say(logger: logging.Logger, event: LogEvent, **said) -> None:
    logger.info("words", extra={"event": event, **said})


def begin(logger: logging.Logger, job: int, rule: str = "retrain") -> None:
    said = {"wildcards": {"seed": "0"}, "log": [f"results/logs/{rule}/{job}.log"]}
    say(logger, LogEvent.JOB_INFO, jobid=job, rule_name=rule, **said)


def test_a_call_is_written_down_from_its_plan_to_its_end(results, logger):
    journal = attach(Journal(results), logger)
    assert current() is journal
    say(logger, LogEvent.RUN_INFO, stats={"retrain": 2, "table": 1, "total": 3})
    assert journals(results) == []
    journal.begin(["snakemake", "table"], ["a.log"])
    (path,) = journals(results)
    reader = Reader(path)
    call = reader.read()
    assert (call.command, call.log, call.planned, call.total) == (("snakemake", "table"), "a.log", {"retrain": 2}, 2)
    begin(logger, 1)
    begin(logger, 2)
    begin(logger, 0, "table")
    assert [job.rule for job in reader.read().running] == ["retrain", "retrain"]
    say(logger, LogEvent.JOB_FINISHED, job_id=1)
    say(logger, LogEvent.JOB_ERROR, jobid=2)
    call = reader.read()
    assert (len(call.done), len(call.failed), call.ended) == (1, 1, None)
    begin(logger, 2)  # another attempt
    call = reader.read()
    assert (len(call.running), len(call.failed)) == (1, 0)
    journal.succeeded = True
    journal.close()
    journal.close()
    call = reader.read()
    assert call.succeeded
    assert call.ended is not None
    assert Reader(path).read() == call


def test_without_jobs_there_is_no_journal(results, logger):
    attach(Journal(results), logger)
    logger.info("Nothing to be done")
    logger.handlers[0].close()
    assert list(results.iterdir()) == []


def test_the_snakefile_may_be_read_twice(results, logger):
    attach(Journal(results), logger)
    attach(Journal(results), logger)
    assert len(logger.handlers) == 1


def test_a_run_goes_on_where_no_journal_can_be_written(results, logger, capsys):
    (results / ".dfnas").write_text("in the way")
    journal = attach(Journal(results), logger)
    journal.begin(["snakemake"], [])
    begin(logger, 1)
    journal.close()
    assert journal.path is None
    assert "cannot be written" in capsys.readouterr().err


def test_a_run_goes_on_without_locks(results, logger, monkeypatch):
    def refuse(*_):
        raise OSError(38, "no locks")

    monkeypatch.setattr(fcntl, "flock", refuse)
    journal = attach(Journal(results), logger)
    journal.begin(["snakemake"], [])
    assert is_alive(journal.path) is None
    monkeypatch.undo()


@pytest.mark.slow
def test_who_is_killed_is_dead_at_once(results):
    line = [sys.executable, "-c", CALL, str(results)]
    process = subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    path = Path(process.stdout.readline().strip())
    while not is_alive(path):  # it is locked a moment after it is made
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert is_alive(path) is False
    assert Reader(path).read().ended is None


def test_a_line_that_is_half_written_is_read_when_it_is_whole(journal):
    path = journal(begun(1, 1, "retrain"))
    whole = path.read_bytes()
    reader = Reader(path)
    for end in range(len(whole) + 1):
        path.write_bytes(whole[:end])
        assert len(reader.read().jobs) == (1 if end == len(whole) else 0)


def test_a_damaged_line_is_passed_over(journal):
    path = journal(begun(1, 1, "retrain"))
    with open(path, "ab") as file:
        file.write(b'\x00\x00\n{"at": "now", "kind": "done"}\n[]\n')
    journal(begun(2, 2, "retrain"))
    assert len(Reader(path).read().jobs) == 2


def test_journals_are_in_the_order_of_their_calls(journal, results):
    later, earlier = (journal(name=f"2026113{day}-100000-here-{day}") for day in (1, 0))
    assert journals(results) == [earlier, later]
    assert (results / CALLS) in earlier.parents


def test_times_are_those_of_the_events(journal):
    call = Reader(journal(begun(1, 1, "retrain"), done(4, 1), begun(4, 2, "retrain"), done(9, 2))).read()
    assert call.seconds_by_rule() == {"retrain": [3.0, 5.0]}
    assert (call.begun, call.heard) == (BEGUN, BEGUN + 9)


def test_a_missing_journal_is_no_call(results):
    with pytest.raises(OSError, match=r"none\.jsonl"):
        Reader(results / "none.jsonl").read()
