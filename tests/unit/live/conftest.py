"""Journals as a call writes them, and logs as stages do."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from journal_lines import BEGUN

from dfnas.live.events import Event
from dfnas.live.journal import CALLS


@pytest.fixture
def results(tmp_path) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    return folder


@pytest.fixture
def journal(results) -> Callable[..., Path]:
    """journal(events, name): writes the journal of a call that begins at BEGUN."""

    def write(*events: dict, name: str = "20261130-100000-here-1", **call) -> Path:
        path = results / CALLS / f"{name}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        first = {"kind": "call", "at": 0, "command": ["snakemake", "table"], "host": "here", **call}
        for event in (first, *events):
            line = Event.model_validate_json(json.dumps(event | {"at": BEGUN + event["at"]})).line()
            with open(path, "a") as file:
                file.write(line)
        return path

    return write


@pytest.fixture
def stage_log(results) -> Callable[..., str]:
    """stage_log(name, text, at): the log of a stage, written at so many seconds; gives its name as a call says it."""

    def write(name: str, text: str, at: float) -> str:
        path = results / "logs" / f"{name}.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        os.utime(path, (BEGUN + at, BEGUN + at))
        return f"elsewhere/results/logs/{name}.log"

    return write
