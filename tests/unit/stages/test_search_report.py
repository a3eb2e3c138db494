"""What a search says of itself: in the architecture file, in its history, and in one line if it has collapsed."""

import csv
import json

import pytest
from calling import call as run

from dfnas.artifacts.budgets import FoundWithin
from dfnas.search.darts import DartsSearch
from dfnas.spaces.architecture import build, space_of
from dfnas.stages import supernet

pytestmark = pytest.mark.slow

SPACE = {"name": "nasbench201", "options": {"channels": 2, "cells_per_stage": 1}}
WITH_SUPERNET = ("search_darts", "search_proxyless", "search_spos")
TASK = ["--channels", "1", "--size", "8", "--classes", "10"]
OF_SEARCH_ALONE = ("--evolution", "--budget", "--judge-by")


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """60 handwritten digits of 8 x 8 pixels."""
    folder = tmp_path_factory.mktemp("digits")
    source = ["--size", "8", "--mean", "[0.3]", "--std", "[0.35]", "--limit", "60", "--shards", "1"]
    out = ["--out", folder / "original.h5", "--shard-files", folder / "original-0.h5"]
    assert run("shard_original", *out, *source) == 0
    return folder / "original.h5"


@pytest.fixture
def inputs(digits, tmp_path):
    """inputs(name, *settings): what a search stands on, as options with its settings; its supernet is trained."""

    def options(name: str, *settings: str) -> list:
        common = ["--search-data", "original", "--seed", "0", "--space", json.dumps(SPACE)]
        images, found = ["--dataset", digits], []
        if name in WITH_SUPERNET:
            pairs = zip(settings[::2], settings[1::2], strict=True)
            told = [part for pair in pairs if pair[0] not in OF_SEARCH_ALONE for part in pair]
            out = ["--out", tmp_path / "supernet.pt", "--timing", tmp_path / "supernet.json"]
            assert run(name.replace("search_", "supernet_"), *out, *images, *common, *told) == 0
            found = ["--supernet", tmp_path / "supernet.pt"]
        derived = name in ("search_darts", "search_proxyless")
        return [*found, *(TASK if derived else images), *common, *settings]

    return options


@pytest.fixture
def search(inputs, tmp_path):
    """search(name, *settings): the architecture file and the history of a run, its supernet's training included."""

    def call(name: str, *settings: str) -> tuple[dict, list[dict]]:
        kinds = {"out": "json", "history": "csv"} | {name: name for name in ("strengths", "candidates", "timing")}
        files = [part for option, kind in kinds.items() for part in (f"--{option}", tmp_path / f"found.{kind}")]
        assert run(name, *files, *inputs(name, *settings)) == 0
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


SETTINGS = {
    "search_darts": [
        *("--epochs", "1", "--batch-size", "6", "--order", "1", "--selection"),
        '{"by": "perturbation", "tune_epochs": 0.5}',
    ],
    "search_random": ["--draws", "2", "--steps", "1", "--batch-size", "16"],
    "search_training_free": ["--draws", "3", "--images", "data", "--batch-size", "8"],
    "search_evolution": [
        *("--cycles", "3", "--population", "2", "--sample", "1", "--steps", "1", "--batch-size", "16"),
    ],
    "search_proxyless": ["--epochs", "2", "--warmup-epochs", "0", "--batch-size", "16", "--arch-every", "1"],
    "search_spos": [
        *("--steps", "2", "--batch-size", "8", "--evolution"),
        '{"generations": 2, "population": 4, "parents": 2, "crossover": 2, "mutation": 2, '
        '"recalibration_batches": 1, "recalibration_batch_size": 8}',
    ],
}


@pytest.mark.parametrize("name", SETTINGS)
def test_every_search_reports_and_what_it_leaves_can_be_drawn(search, tmp_path, name):
    document, history = search(name, *SETTINGS[name])
    assert {"collapsed", "skip_share", "stopped"} < document["search"].keys()
    if name == "search_proxyless":
        assert float(history[-1]["skip_share"]) == pytest.approx(document["search"]["skip_share"], abs=1e-5)
        assert document["search"]["epoch"] == 2
    elif name == "search_spos":
        assert document["search"]["judged"] == 8
        assert [row["phase"] for row in history] == ["supernet", "evolution", "evolution"]
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
    monkeypatch.setattr(DartsSearch, "architecture", lambda self: dict.fromkeys(self.budget.space.choices, option))
    document, _ = search("search_darts", "--order", "1", "--epochs", "1", "--batch-size", "16")
    assert document["search"]["collapsed"] is collapses
    lines = [line for line in capsys.readouterr().err.splitlines() if "warning" in line]
    assert len(lines) == collapses
    if collapses:
        assert lines[0].startswith("search_darts: warning: the search has collapsed: 100%")
        assert "search_darts.selection.by to perturbation" in lines[0]


LIMITS = '[{}, {"max_macs_m": 0.02}, {"max_macs_m": 0.01, "max_params_m": 0.01}]'


@pytest.mark.parametrize("name", SETTINGS)
def test_under_several_budgets_a_search_leaves_what_each_alone_finds(search, inputs, tmp_path, name):
    settings = SETTINGS[name]
    out = ["--out", tmp_path / "budgets.csv", "--budgets", LIMITS]
    assert run(name.replace("search_", "within_budgets "), *out, *inputs(name, *settings)) == 0
    found = FoundWithin.read(tmp_path / "budgets.csv")
    assert {(line.algorithm, line.search_data, line.seed) for line in found} == {(name[7:], "original", 0)}
    for line, limits in zip(found, json.loads(LIMITS), strict=True):
        document, _ = search(name, *settings, "--budget", json.dumps(limits))
        space = space_of(document)
        assert line.architecture == space.to_string(document["choices"])
        assert line.macs_m == pytest.approx(document["macs"] / 1e6, abs=1e-6)
        assert line.params_m == pytest.approx(space.parameters_table().of(document["choices"]) / 1e6, abs=1e-6)
        assert (line.collapsed, line.latency_ms) == (document["search"]["collapsed"], None)
        assert limits.items() <= line.model_dump().items()
        assert all(getattr(line, key.removeprefix("max_")) <= most for key, most in limits.items())


def test_random_draws_need_no_data_under_budgets_either(tmp_path):
    common = [*TASK, "--seed", "3", "--space", json.dumps(SPACE)]
    assert run("within_budgets random", *common, "--out", tmp_path / "budgets.csv", "--budgets", LIMITS) == 0
    found = FoundWithin.read(tmp_path / "budgets.csv")
    for line, limits in zip(found, json.loads(LIMITS), strict=True):
        out = ["--out", tmp_path / "drawn.json", "--budget", json.dumps(limits)]
        assert run("search_random", *common, *out) == 0
        document = json.loads((tmp_path / "drawn.json").read_text())
        assert line.architecture == space_of(document).to_string(document["choices"])
        assert line.search_data == "none"


@pytest.mark.parametrize(
    ("limits", "story"),
    [
        ("{", "argument --budgets: "),
        ("3", "argument --budgets: is int in JSON; expected a list"),
        ('{"max_macs_m": 1}', "argument --budgets: is dict in JSON; expected a list"),
        ('[{"max_macs": 1}]', "argument --budgets: unknown key 'budgets.0.max_macs'"),
        ('[{"max_macs_m": -1}]', "argument --budgets: budgets.0.max_macs_m = -1"),
    ],
)
def test_what_is_no_list_of_budgets_is_told_beside_the_option(tmp_path, capsys, limits, story):
    common = [*TASK, "--seed", "3", "--space", json.dumps(SPACE), "--out", tmp_path / "budgets.csv"]
    with pytest.raises(SystemExit) as end:
        run("within_budgets random", *common, "--budgets", limits)
    assert end.value.code == 2
    assert story in capsys.readouterr().err


def test_no_budgets_are_one_line(tmp_path, capsys):
    common = [*TASK, "--seed", "3", "--space", json.dumps(SPACE), "--out", tmp_path / "budgets.csv"]
    assert run("within_budgets random", *common, "--budgets", "[]") == 1
    assert "--budgets is missing: expected a list of budgets in JSON, one at least" in capsys.readouterr().err


def test_a_budget_that_nothing_keeps_is_one_line(tmp_path, capsys):
    common = [*TASK, "--seed", "3", "--space", json.dumps(SPACE), "--out", tmp_path / "budgets.csv"]
    assert run("within_budgets random", *common, "--budgets", '[{}, {"max_macs_m": 0.001}]') == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("within_budgets: error: budget.max_macs_m = 0.001: the cheapest architecture of the space")


@pytest.mark.parametrize("algorithm", ["random", "evolution", "training_free"])
def test_an_algorithm_without_a_supernet_trains_none(capsys, algorithm):
    assert supernet.main([algorithm]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line == f"supernet: error: '{algorithm}' trains no supernet; it is one stage, search_{algorithm}"


def test_a_supernet_is_not_trained_anew_for_another_budget_or_judge(inputs, tmp_path):
    """Its stage knows no option of theirs."""
    for option in ("--budget", "--judge-by", "--evolution"):
        assert option not in supernet.SupernetStage("spos").parser._option_string_actions
    inputs("search_spos", *SETTINGS["search_spos"])
    before = (tmp_path / "supernet.pt").read_bytes()
    inputs("search_spos", *SETTINGS["search_spos"], "--judge-by", "loss", "--budget", '{"max_macs_m": 0.02}')
    assert (tmp_path / "supernet.pt").read_bytes() == before


@pytest.mark.parametrize(("trained", "asked"), [("darts", "spos"), ("spos", "darts"), ("spos", "proxyless")])
def test_a_supernet_of_another_algorithm_is_one_line(inputs, digits, tmp_path, capsys, trained, asked):
    """One on the same space: strengths that nobody learnt mean nothing, and learnt ones say nothing of single paths."""
    inputs(f"search_{trained}", *SETTINGS[f"search_{trained}"])
    capsys.readouterr()
    common = ["--search-data", "original", "--seed", "0", "--space", json.dumps(SPACE)]
    common += ["--supernet", tmp_path / "supernet.pt", *(["--dataset", digits] if asked == "spos" else TASK)]
    assert run(f"within_budgets {asked}", *common, "--out", tmp_path / "budgets.csv", "--budgets", LIMITS) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{tmp_path}/supernet.pt was trained for another algorithm; " in line
