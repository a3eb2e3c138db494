"""What a search says of itself: in the architecture file, in its history, and in one line if it has collapsed."""

import csv
import json

import pytest
from calling import call as run

from dfnas.search.darts import DartsSearch
from dfnas.spaces.architecture import build

pytestmark = pytest.mark.slow

SPACE = {"name": "nasbench201", "options": {"channels": 2, "cells_per_stage": 1}}
WITH_SUPERNET = ("search_darts", "search_proxyless", "search_spos")


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """60 handwritten digits of 8 x 8 pixels."""
    folder = tmp_path_factory.mktemp("digits")
    source = ["--size", "8", "--mean", "[0.3]", "--std", "[0.35]", "--limit", "60", "--shards", "1"]
    out = ["--out", folder / "original.h5", "--shard-files", folder / "original-0.h5"]
    assert run("shard_original", *out, *source) == 0
    return folder / "original.h5"


@pytest.fixture
def search(digits, tmp_path):
    """search(name, *settings): the architecture file and the history of a run."""

    def call(name: str, *settings: str) -> tuple[dict, list[dict]]:
        kinds = {"out": "json", "history": "csv"} | ({"supernet": "pt"} if name in WITH_SUPERNET else {})
        kinds |= {name: name for name in ("strengths", "candidates", "timing")}
        files = [part for option, kind in kinds.items() for part in (f"--{option}", tmp_path / f"found.{kind}")]
        data = ["--dataset", digits, "--search-data", "original", "--seed", "0", "--space", json.dumps(SPACE)]
        assert run(name, *files, *data, *settings) == 0
        with open(tmp_path / "found.csv", newline="") as file:
            return json.loads((tmp_path / "found.json").read_text()), list(csv.DictReader(file))

    return call


def test_a_stopped_search_says_why_and_of_which_epoch_its_architecture_is(search):
    rule = {"by": "eigenvalue", "window": 1, "ratio": 1.0, "first_epoch": 0, "iterations": 3}
    settings = ["--order", "1", "--epochs", "4", "--batch-size", "16", "--lr", "0.1", "--arch-lr", "0.1"]
    document, history = search("search_darts", *settings, "--stop", json.dumps(rule))
    found = document["search"]
    eigenvalues = [float(row["dominant_eigenvalue"]) for row in history]
    rises = [i for i in range(1, len(eigenvalues)) if eigenvalues[i - 1] < eigenvalues[i]]
    if rises:
        assert (found["stopped"], found["epoch"]) == ("eigenvalue", rises[0])
        assert len(history) == rises[0] + 1
    else:
        assert (found["stopped"], found["epoch"]) == ("end", 4)
    assert {"collapsed", "skip_share", "selection"} < found.keys()
    assert all(0 <= float(row["skip_share"]) <= 1 for row in history)
    build(document)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        (
            "search_darts",
            [
                *("--epochs", "1", "--batch-size", "6", "--order", "1", "--selection"),
                '{"by": "perturbation", "tune_epochs": 0.5}',
            ],
        ),
        ("search_random", ["--draws", "2", "--steps", "1", "--batch-size", "16"]),
        ("search_training_free", ["--draws", "3", "--images", "data", "--batch-size", "8"]),
        (
            "search_evolution",
            ["--cycles", "3", "--population", "2", "--sample", "1", "--steps", "1", "--batch-size", "16"],
        ),
        ("search_proxyless", ["--epochs", "2", "--warmup-epochs", "0", "--batch-size", "16", "--arch-every", "1"]),
        (
            "search_spos",
            [
                *("--steps", "2", "--batch-size", "8", "--evolution"),
                '{"generations": 2, "population": 4, "parents": 2, "crossover": 2, "mutation": 2, '
                '"recalibration_batches": 1, "recalibration_batch_size": 8}',
            ],
        ),
    ],
)
def test_every_search_reports_and_what_it_leaves_can_be_drawn(search, tmp_path, name, settings):
    document, history = search(name, *settings)
    assert {"collapsed", "skip_share", "stopped"} < document["search"].keys()
    if name == "search_proxyless":
        assert float(history[-1]["skip_share"]) == pytest.approx(document["search"]["skip_share"], abs=1e-5)
        assert document["search"]["epoch"] == 2
    elif name == "search_spos":
        assert document["search"]["judged"] == 8
    record = [
        part
        for option, kind in (("architecture", "json"), ("history", "csv"), ("candidates", "candidates"))
        for part in (f"--{option}", tmp_path / f"found.{kind}")
    ]
    told = ["--algorithm", name.removeprefix("search_"), "--search-data", "original", "--seed", "0"]
    strengths = ["--strengths", tmp_path / "found.strengths", "--out", tmp_path / "search.png"]
    assert run("draw_search", *record, *told, *strengths) == 0
    assert (tmp_path / "search.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("collapses", [True, False])
def test_a_collapse_is_one_line_that_names_a_remedy(search, monkeypatch, capsys, collapses):
    option = "skip_connect" if collapses else "nor_conv_3x3"
    monkeypatch.setattr(DartsSearch, "architecture", lambda self: dict.fromkeys(self.context.space.choices, option))
    document, _ = search("search_darts", "--order", "1", "--epochs", "1", "--batch-size", "16")
    assert document["search"]["collapsed"] is collapses
    lines = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert len(lines) == collapses
    if collapses:
        assert lines[0].startswith("search_darts: warning: the search has collapsed: 100%")
        assert "search_darts.selection.by to perturbation" in lines[0]
