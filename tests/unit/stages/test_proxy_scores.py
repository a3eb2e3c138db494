"""Random architectures scored without training: the stage, on noise and on images, and the search by such a score."""

import csv
import json
import math
from pathlib import Path

import pytest
from calling import call

from dfnas.artifacts.proxy_scores import ProxyScores
from dfnas.settings.proxies import PROXIES
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task

SPACE = {"name": "nasbench201", "options": {"channels": 4, "cells_per_stage": 1}}
TASK = ["--channels", "1", "--size", "8", "--classes", "10"]
TIGHT = {"max_macs_m": 0.05}


@pytest.fixture(scope="module")
def digits(tmp_path_factory) -> Path:
    """60 handwritten digits of 8 x 8 pixels."""
    folder = tmp_path_factory.mktemp("digits")
    source = ["--size", "8", "--mean", "[0.3]", "--std", "[0.35]", "--limit", "60", "--shards", "1"]
    out = ["--out", folder / "original.h5", "--shard-files", folder / "original-0.h5"]
    assert call("shard_original", *out, *source) == 0
    return folder / "original.h5"


def score(out: Path, *more, budgets=({},), data: str = "none", draws: int = 3) -> int:
    said = ["--space", json.dumps(SPACE), "--budgets", json.dumps(list(budgets)), "--search-data", data]
    return call("score_architectures", *said, "--seed", 0, "--draws", draws, "--batch-size", 8, "--out", out, *more)


def test_every_budget_has_its_candidates_with_every_score(tmp_path):
    out = tmp_path / "scores.csv"
    assert score(out, *TASK, budgets=({}, TIGHT)) == 0
    lines = ProxyScores.read(out)
    assert [line.max_macs_m for line in lines] == [0, 0, 0, 0.05, 0.05, 0.05]
    assert len({(line.max_macs_m, line.architecture) for line in lines}) == 6
    assert all(line.macs_m <= 0.05 for line in lines[3:])
    assert all(getattr(line, proxy) is not None for line in lines for proxy in PROXIES)
    # What is drawn within a budget, and its scores, do not depend on the budgets beside it.
    assert score(tmp_path / "alone.csv", *TASK, budgets=(TIGHT,)) == 0
    assert ProxyScores.read(tmp_path / "alone.csv") == lines[3:]
    assert score(tmp_path / "fewer.csv", *TASK, draws=2) == 0
    assert ProxyScores.read(tmp_path / "fewer.csv") == lines[:2]


def test_scores_may_be_chosen_and_be_infinite(tmp_path):
    out = tmp_path / "scores.csv"
    cheapest = make("nasbench201", Task(1, 8, 10), SPACE["options"]).macs_table().fixed / 1e6
    chosen = ["--proxies", '["trainability", "synflow"]']
    assert score(out, *TASK, *chosen, budgets=({"max_macs_m": cheapest + 1e-9},), draws=40) == 0
    lines = ProxyScores.read(out)
    assert {line.naswot for line in lines} == {line.expressivity for line in lines} == {None}
    assert -math.inf in {line.trainability for line in lines}
    with out.open() as file:
        assert {"-inf"} <= {row["trainability"] for row in csv.DictReader(file)}


def test_images_give_other_scores_than_noise_where_images_are_looked_at(tmp_path, digits):
    assert score(tmp_path / "noise.csv", *TASK) == 0
    assert score(tmp_path / "images.csv", "--dataset", digits, data="original") == 0
    noise, images = (ProxyScores.read(tmp_path / f"{name}.csv") for name in ("noise", "images"))
    assert [line.architecture for line in noise] == [line.architecture for line in images]
    assert [line.synflow for line in noise] == [line.synflow for line in images]  # it sees none
    assert all(one.expressivity != other.expressivity for one, other in zip(noise, images, strict=True))


@pytest.mark.parametrize(
    ("more", "story"),
    [
        ([], "scores on noise need --channels, --size, --classes"),
        ([*TASK, "--network-options", '{"channels": 0}'], "channels is 0; expected"),
        ([*TASK, "--proxies", '["zen"]'], "'zen': input should be 'expressivity',"),
    ],
)
def test_what_cannot_be_scored_is_one_line(tmp_path, capsys, more, story):
    assert score(tmp_path / "scores.csv", *more) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert story in line


def test_budgets_are_checked_before_anything_is_scored(tmp_path, capsys):
    assert score(tmp_path / "scores.csv", *TASK, budgets=({"max_latency_ms": 1},)) == 1
    assert "give --latency, the table that measure_options makes" in capsys.readouterr().err
    assert score(tmp_path / "scores.csv", *TASK, budgets=({"max_macs_m": 1e-6},)) == 1
    assert "budget.max_macs_m = 1e-06: the cheapest architecture" in capsys.readouterr().err
    for text, story in (
        ("{}", "expected a list"),
        ("[{]", "Expecting"),
        ('[{"macs": 1}]', "budgets.0.macs"),
    ):
        with pytest.raises(SystemExit):
            call("score_architectures", "--budgets", text)
        assert story in capsys.readouterr().err


def test_the_search_on_noise_needs_a_task_and_leaves_an_architecture(tmp_path):
    out = tmp_path / "found.json"
    said = ["--space", json.dumps(SPACE), "--draws", 3, "--batch-size", 8, "--seed", 0]
    assert call("search_training_free", *said, *TASK, "--score", "macs_m", "--out", out) == 0
    found = json.loads(out.read_text())
    assert score(tmp_path / "scores.csv", *TASK) == 0
    scored = ProxyScores.read(tmp_path / "scores.csv")  # the same candidates
    assert found["macs"] == max(round(line.macs_m * 1e6) for line in scored)
    assert {"collapsed", "skip_share"} <= found["search"].keys()
