"""What is seen of the spaces of all searches before anything runs."""

import json
from pathlib import Path

import pytest
import yaml
from calling import call

from dfnas.runtime.files import read_json
from dfnas.settings.algorithms import NAMES
from dfnas.settings.config import Config
from dfnas.spaces import contract
from dfnas.spaces.nasbench201 import NASBench201Space
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task
from dfnas.stages.check_spaces import STAGE, check_spaces

TASK = ["--channels", "3", "--size", "32", "--classes", "10", "--device", "cpu"]


def checked(path, judges: bool = False, **searches) -> int:
    defaults = {"name": "nasbench201", "options": {}}
    said = {name: {"space": defaults | space, "judges": judges, **more} for name, (space, more) in searches.items()}
    return STAGE.main(check_spaces, ["--searches", json.dumps(said), *TASK, "--out", str(path)])


def test_the_sizes_are_those_of_the_benchmarks_cells(tmp_path):
    """Of NAS-Bench-201 at its published size: the benchmark's cells of zeros alone have 7.78 million
    multiply-accumulates and 0.073 million weights, those of 3 x 3 convolutions alone 220.11 and 1.532 (Dong and Yang
    2020; theirs count norms as well)."""
    assert (
        checked(tmp_path / "spaces.json", search_spos=({}, {}), search_random=({}, {"budget": {"max_latency_ms": 1.0}}))
        == 0
    )
    found = read_json(tmp_path / "spaces.json")
    assert list(found) == ["search_spos", "search_random", "provenance"]
    assert found["provenance"]["references"] == ["dfnas.spaces.nasbench201:NASBench201Space"]
    assert found["search_spos"]["choices"] == 6
    assert found["search_spos"]["options"] == 30
    assert found["search_spos"]["macs_m"] == pytest.approx([7.78, 220.11], abs=0.8)
    assert found["search_spos"]["params_m"] == pytest.approx([0.073, 1.532], abs=0.001)


@pytest.mark.parametrize(
    ("space", "more", "story"),
    [
        ({"options": {"chanels": 4}}, {}, "search_spos: the space 'nasbench201' takes no option 'chanels'; it takes"),
        ({"options": {"channels": 0}}, {}, "search_spos: the space 'nasbench201' cannot be made: channels is 0"),
        (
            {},
            {"budget": {"max_macs_m": 5}},
            "search_spos: budget.max_macs_m = 5: the cheapest architecture of the space has 7.",
        ),
        ({}, {"budget": {"max_macs": 5}}, "unknown key 'search_spos.budget.max_macs'"),
        (
            {},
            {"ranks": {"network_options": {"colour": 1}}},
            "search_spos: the space 'nasbench201' takes no option 'colour'; it takes",
        ),
        ({}, {"ranks": {"downscale": 5}}, "search_spos: downscale = 5 must divide the images' sides"),
        ({}, {"downscale": 0}, "search_spos.downscale = 0: input should be greater than or equal to 1"),
    ],
)
def test_what_no_search_could_use_is_one_line_that_names_the_search(space, more, story, tmp_path, capsys):
    assert checked(tmp_path / "spaces.json", search_darts=({}, {}), search_spos=(space, more)) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"check_spaces: error: {story}")
    assert error.count("\n") == 1
    assert not (tmp_path / "spaces.json").exists()


def test_a_budget_that_no_draw_keeps_is_refused_where_the_search_draws(tmp_path, capsys):
    """Before any supernet is trained. Two cells of DARTS without a weighed operation; strengths can mean them."""
    space, least = {"name": "darts"}, {"budget": {"max_macs_m": 227.3}}
    assert checked(tmp_path / "derived.json", search_darts=(space, least)) == 0
    assert checked(tmp_path / "ranked.json", search_darts=(space, least | {"ranks": {"proxies": ["synflow"]}})) == 0
    assert checked(tmp_path / "judged.json", True, search_darts=({}, {}), search_spos=(space, least)) == 1
    error = capsys.readouterr().err
    assert error == (
        "check_spaces: error: search_spos: budget.max_macs_m = 227.3: none of 10000 random architectures keeps it; "
        "raise it\n"
    )
    assert not (tmp_path / "judged.json").exists()


def test_the_workflow_says_which_searches_draw():
    values = yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text())
    config = Config.parse(values)
    judges = {name: config.checked(name)[f"search_{name}"]["judges"] for name in NAMES}
    assert judges == {
        "darts": False,
        "proxyless": False,
        "spos": True,
        "random": True,
        "evolution": True,
        "training_free": True,
    }


@pytest.mark.parametrize(
    ("searches", "story"),
    [
        ("{", "not JSON"),
        ("[1]", "is list in JSON; expected an object"),
    ],
)
def test_searches_that_are_none_are_told_beside_the_option(searches, story, tmp_path, capsys):
    with pytest.raises(SystemExit) as end:
        STAGE.main(check_spaces, ["--searches", searches, *TASK, "--out", str(tmp_path / "spaces.json")])
    assert end.value.code == 2
    assert "argument --searches: " in (said := capsys.readouterr().err)
    assert story in said


@pytest.mark.parametrize(
    ("searches", "story"),
    [
        ({"search_spos": 3}, "search_spos = 3: input should be an object"),
        ({"search_spos": {}}, "missing key 'search_spos.space'"),
        ({"search_spos": {"space": {"name": "darts"}, "bugdet": {}}}, "unknown key 'search_spos.bugdet'"),
    ],
)
def test_a_search_that_is_none_is_one_line(searches, story, tmp_path, capsys):
    out = ["--out", str(tmp_path / "spaces.json")]
    assert STAGE.main(check_spaces, ["--searches", json.dumps(searches), *TASK, *out]) == 1
    assert capsys.readouterr().err.startswith(f"check_spaces: error: {story}")


@pytest.mark.parametrize(("option", "value"), [("--channels", "0"), ("--classes", "-1"), ("--size", "0")])
def test_a_task_of_nothing_is_told_beside_the_option(option, value, tmp_path, capsys):
    task = list(TASK)
    task[task.index(option) + 1] = value
    with pytest.raises(SystemExit):
        STAGE.main(check_spaces, ["--searches", "{}", *task, "--out", str(tmp_path / "spaces.json")])
    assert f"argument {option}: {value}: expected " in capsys.readouterr().err


@pytest.mark.parametrize("seed", ["18446744073709551617", "-9223372036854775808", "1.5"])
def test_a_seed_that_no_artifact_can_hold_is_told_beside_the_option(seed, tmp_path, capsys):
    options = [*TASK, "--space", '{"name": "darts"}', "--out", str(tmp_path / "a.json"), f"--seed={seed}"]
    with pytest.raises(SystemExit):
        call("search_random", *options)
    assert f"argument --seed: {seed}: expected a whole number" in capsys.readouterr().err


@pytest.mark.parametrize(("most", "devices"), [(contract.MOST_WEIGHTS, ["meta", "cpu"]), (0, ["meta"])])
def test_a_path_runs_on_the_cpu_unless_the_supernet_is_huge(most, devices, monkeypatch):
    space, built = make("nasbench201", Task(3, 32, 10), {"channels": 4, "cells_per_stage": 1}), []

    def supernet():
        network = NASBench201Space.supernet(space)
        built.append(next(network.parameters()).device.type)
        return network

    monkeypatch.setattr(contract, "MOST_WEIGHTS", most)
    monkeypatch.setattr(space, "supernet", supernet)
    contract.check_contract("nasbench201", space, {}, 1)
    assert built == devices
