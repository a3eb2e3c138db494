"""What Snakemake's log records become: those that its own source makes, by its own names."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snakemake_interface_logger_plugins.common import LogEvent

from dfnas.live.events import INTERRUPTION, Event, events_of


def record(message: str | None = None, **said) -> logging.LogRecord:
    """As Snakemake logs it, by `extra`."""
    made = logging.LogRecord("snakemake.logging", logging.INFO, "x.py", 1, message, (), None)
    vars(made).update(said)
    made.created = 5.0
    return made


BEGUN = {
    "event": LogEvent.JOB_INFO,
    "jobid": 3,
    "rule_name": "invert_teacher",
    "wildcards": {"source": "synthetic", "shard": "1"},
    "log": ["results/logs/invert_teacher/a.log", "more.log"],
    "shellcmd": "python -m dfnas.stages.invert_teacher",
}


def test_a_job_that_begins():
    (event,) = events_of(record(" Rule: x", **BEGUN))
    assert event == Event(
        at=5.0,
        kind="begun",
        job=3,
        rule="invert_teacher",
        log="results/logs/invert_teacher/a.log",
        wildcards={"source": "synthetic", "shard": "1"},
    )
    assert "python" not in event.line()


@pytest.mark.parametrize(
    ("said", "kind", "fields"),
    [
        ({"event": LogEvent.RUN_INFO, "stats": {"table1": 2, "total": 2}}, "plan", {"jobs": {"table1": 2}}),
        ({"event": LogEvent.RESOURCES_INFO, "cores": 4}, "cores", {"cores": 4}),
        ({"event": LogEvent.RESOURCES_INFO, "nodes": 100}, "cores", {"cores": 100}),
        ({"event": LogEvent.JOB_FINISHED, "job_id": 7}, "done", {"job": 7}),
        ({"event": LogEvent.JOB_ERROR, "jobid": 7}, "failed", {"job": 7}),
        ({"event": LogEvent.JOB_INFO, **BEGUN, "log": []}, "begun", {"job": 3, "log": ""}),
    ],
)
def test_what_else_happens(said, kind, fields):
    (event,) = events_of(record(**said))
    assert event.kind == kind
    assert {name: getattr(event, name) for name in fields} == fields


def test_who_is_asked_to_end_says_so():
    for words in INTERRUPTION:
        assert [event.kind for event in events_of(record(f"{words}, this might take some time."))] == ["asked to end"]


@pytest.mark.parametrize(
    "said",
    [
        {"message": "Select jobs to execute..."},
        {"message": None, "event": LogEvent.PROGRESS, "done": 1, "total": 2},
        {"message": "python -m x", "event": LogEvent.SHELLCMD, "cmd": "python -m x"},
        {"message": "Provided resources: gpu=1", "event": LogEvent.RESOURCES_INFO, "provided_resources": {"gpu": 1}},
        {"message": None, "event": LogEvent.JOB_STARTED, "jobs": [1]},
    ],
)
def test_what_says_nothing_of_jobs(said):
    assert events_of(record(**said)) == []


EVENTS = st.builds(
    Event,
    at=st.floats(0, 1e10),
    kind=st.sampled_from(["begun", "done", "call"]),
    rule=st.text(),
    wildcards=st.dictionaries(st.text(), st.text(), max_size=3),
    command=st.lists(st.text(), max_size=3).map(tuple),
    job=st.integers(0, 10**6),
)


@given(EVENTS)
def test_a_line_is_one_line_and_says_all(event):
    line = event.line()
    assert line.count("\n") == 1
    assert line.endswith("\n")
    assert Event.model_validate_json(line) == event
