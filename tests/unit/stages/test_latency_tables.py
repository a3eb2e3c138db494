"""The file of a latency table: what the stage leaves, what a search takes from it and what it refuses."""

import json

import pytest
import torch
from calling import call

from dfnas.artifacts.latency_table import load_latency_table
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import read_json, write_json
from dfnas.settings.search import SpaceSettings
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task
from dfnas.stages.measure_options import STAGE, measure_options

SETTINGS = SpaceSettings(name="nasbench201", options={"channels": 4, "cells_per_stage": 1})
TASK = ["--channels", "1", "--size", "[8, 12]", "--classes", "3"]
SPACE = make("nasbench201", Task(1, (8, 12), 3), SETTINGS.options)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    path = tmp_path_factory.mktemp("tables") / "table.json"
    threads = torch.get_num_threads()
    arguments = ["--space", json.dumps(SETTINGS.plain()), *TASK, "--out", str(path), "--device", "cpu"]
    assert STAGE.main(measure_options, [*arguments, "--batch-size", "2", "--repeats", "3", "--networks", "2"]) == 0
    torch.set_num_threads(threads)
    return path


def test_the_stage_times_every_option_and_says_where(table):
    document = json.loads(table.read_text())
    loaded = load_latency_table(table, SETTINGS, SPACE)
    assert {c: len(times) for c, times in loaded.options.items()} == {c: len(o) for c, o in SPACE.choices.items()}
    assert all(ms > 0 for times in loaded.options.values() for ms in times)
    assert document["batch_size"] == 2
    assert document["threads"] == 1
    assert document["device"]
    assert document["distinct_options"] == 15
    assert len(document["networks"]["measured_ms"]) == 2
    assert document["provenance"]["stage"] == "measure_options"


def test_a_table_of_another_space_or_task_is_refused(table):
    other = SpaceSettings(name="nasbench201", options={"channels": 8, "cells_per_stage": 1})
    with pytest.raises(InputError, match=r"is the latency table of another space, .*'channels': 4.*expected .*: 8"):
        load_latency_table(table, other, SPACE)
    with pytest.raises(InputError, match="is the latency table of another task"):
        load_latency_table(table, SETTINGS, make("nasbench201", Task(1, 16, 3), SETTINGS.options))


@pytest.mark.parametrize(
    ("change", "story"),
    [
        ({"format": 2}, "has format 2, expected 1"),
        ({"options_ms": {}}, "has no 'options_ms.1-0.none'; delete it"),
        ({"options_ms": None}, "has null for 'options_ms', expected an object; delete it"),
        ({"fixed_ms": "soon"}, "has \"soon\" for 'fixed_ms', expected a number; delete it"),
    ],
)
def test_a_damaged_table_is_one_line(table, tmp_path, change, story):
    path = tmp_path / "table.json"
    write_json(path, read_json(table) | change)
    with pytest.raises(InputError, match=story):
        load_latency_table(path, SETTINGS, SPACE)


def test_a_search_takes_its_limit_from_the_table_and_nothing_where_it_has_none(table, tmp_path, capsys):
    loaded = load_latency_table(table, SETTINGS, SPACE)
    limit = loaded.fixed + sum(sorted(times)[1] for times in loaded.options.values())
    out = tmp_path / "found.json"
    arguments = ["--space", json.dumps(SETTINGS.plain()), *TASK, "--seed", "0", "--out", str(out), "--device", "cpu"]
    budget = ["--budget", json.dumps({"max_latency_ms": limit})]

    assert call("search_random", *arguments, *budget, "--latency", table) == 0
    found = json.loads(out.read_text())
    assert loaded.of(found["choices"]) <= limit
    assert list(found["provenance"]["inputs"]) == [str(table)]

    assert call("search_random", *arguments, *budget) == 1
    assert "the settings speak of milliseconds: give --latency" in capsys.readouterr().err
    assert call("search_random", *arguments, "--latency", tmp_path / "none.json") == 0
