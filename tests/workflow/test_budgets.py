"""Results under budgets: what they are made from, a run of their rules on a small space, and what is refused before."""

import csv
import itertools
from pathlib import Path

import pytest
import yaml
from finds import made_up_finds
from running import ROOT, ancestors, overlay, recipes, snakemake
from tables import made_up_table

from dfnas.spaces.registry import make
from dfnas.spaces.space import Task

BASE = Path("tests", "assets", "lookup.yaml")
BUDGETS = [{"max_macs_m": 20}, {}]
DATA = ("original", "synthetic", "noise")
SEARCHES = [f"{name}/{data}/seed-{n}" for name in ("darts", "proxyless", "spos") for data in DATA for n in (0, 1)]
RESULTS = ("results/budgets.csv", "results/pictures/budgets.png")


@pytest.fixture
def run(tmp_path) -> Path:
    """A folder with a table of all cells, and what searches found in it."""
    folder = made_up_table(tmp_path / "run" / "table.csv").parent
    cell = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"
    searches = [*SEARCHES, "random/none/seed-0", "random/none/seed-1"]
    made_up_finds(folder / "results", searches, BUDGETS, lambda search, most: (cell, 1.0))
    return folder


@pytest.fixture
def budgets(tmp_path) -> Path:
    return overlay(tmp_path / "budgets.yaml", {"comparison": {"budgets": BUDGETS}})


def test_results_under_budgets_are_read_by_the_report_and_by_nothing_else(run, budgets):
    files = recipes(run, base=BASE, configuration=(budgets,))
    assert {"results/budgets_raw.csv", "results/budgets_paired.csv"} <= set(files)
    found = [f"results/search/{search}/budgets.csv" for search in SEARCHES]
    assert {*found, "results/costs.csv", "table.csv"} <= set(files["results/budgets.csv"].inputs)
    assert files["results/pictures/budgets.png"].inputs == ("results/budgets.csv",)
    judges = {"cost_table", "lookup", "tabulate_lookups", "tabulate_budgets", "tabulate_correlations", "draw_rankings"}
    for name, made in files.items():
        read = ancestors(files, name)
        if made.rule in (*judges, "draw_budgets", "describe_run"):
            assert "table.csv" in read, name
        else:
            assert not {"table.csv", "results/costs.csv", "results/budgets.csv"} & read, name
        # Nothing that searches, and nothing that is searched on, is made from original images but what is called so.
        if made.rule.startswith("search_") and "/original/" not in name:
            assert "results/dataset/original.h5" not in made.inputs


def test_the_table_is_seen_to_be_of_the_space_without_a_wait_for_any_search(run, budgets):
    files = recipes(run, base=BASE, configuration=(budgets,))
    above = {files[name].rule for name in ancestors(files, "results/costs.csv") if name in files}
    assert above == {"cost_table", "check_spaces"}
    for name, made in files.items():
        assert (made.rule != "lookup") or ("results/costs.csv" in made.inputs), name


CHAIN = {"stem_width": 4, "stem_stride": 1, "widths": [8, 16], "depths": [2, 1], "strides": [1, 2], "last_width": 8}


@pytest.mark.slow
def test_a_table_of_ones_own_judges_any_space(tmp_path):
    """The rules by themselves, on four kinds of option at three places, in a table written by `to_string`."""
    space = make("shufflenet", Task(1, 8, 10), CHAIN)
    all_ = [dict(zip(space.choices, options, strict=True)) for options in itertools.product(*space.choices.values())]
    macs = {space.to_string(one): space.macs(one) / 1e6 for one in all_}
    accuracies = {name: 60 + place / 10 for place, name in enumerate(sorted(macs, key=macs.get))}
    run = tmp_path / "run"
    run.mkdir()
    with open(run / "table.csv", "w", newline="") as file:
        csv.writer(file).writerows([("network", "top1"), *accuracies.items()])
    limit = sorted(macs.values())[30]
    asked = [{"max_macs_m": limit}, {}]
    searches = [f"spos/{data}/seed-{seed}" for data in ("synthetic", "again") for seed in (0, 1)]
    ordered = sorted(accuracies, key=accuracies.get)

    def find(search: str, most: float) -> tuple[str, float]:
        within = [name for name in ordered if not most or macs[name] <= most]
        name = within[-3 if "again" in search else -1]
        return name, macs[name]

    made_up_finds(run / "results", searches, asked, find)
    lookup = {"table": "table.csv", "column": "top1", "architecture_column": "network", "class_column": None}
    changes = {
        "lookup": lookup,
        "comparison": {"algorithms": ["spos"], "search_data": ["synthetic", "again"], "budgets": asked, "proxies": []},
        "sources": {"again": {"invert_teacher": {"seed": 1}}},
        "search_spos": {"space": {"name": "shufflenet", "options": CHAIN}},
    }
    own = (overlay(tmp_path / "own.yaml", changes),)
    rules = ("check_spaces", "cost_table", "tabulate_budgets", "draw_budgets")
    call = ("--allowed-rules", *rules, "--cores", "2", *RESULTS)
    done = snakemake(run, *call, base=BASE, configuration=own)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    with open(run / "results" / "budgets.csv", newline="") as file:
        rows = {(row["budget"], row["algorithm"]): row for row in csv.DictReader(file)}
    row = rows["no limit", "spos"]
    assert (row["search_data"], row["runs"], row["syntheses"], row["interval_over"]) == (
        "synthetic",
        "4",
        "2",
        "syntheses",
    )
    assert float(row["regret_mean"]) == pytest.approx(0.1, abs=1e-3)  # none, and two tenths
    assert (run / "results" / "pictures" / "budgets.png").read_bytes().startswith(b"\x89PNG")


def refused(run: Path, tmp_path: Path, changes: dict) -> str:
    done = snakemake(run, "--dry-run", base=BASE, configuration=(overlay(tmp_path / "changes.yaml", changes),))
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("configuration: error: ")]
    return line


def test_a_column_or_a_space_that_the_table_does_not_have_is_refused_while_planning(run, tmp_path):
    line = refused(run, tmp_path, {"lookup": {"further_columns": ["CIFAR100"]}})
    assert "lookup.further_columns = 'CIFAR100'" in line
    assert "table.csv has no such column" in line
    base = yaml.safe_load((ROOT / BASE).read_text())
    others = {name: {"space": {"name": "darts"}} for name in base if name.startswith("search_")}
    line = refused(run, tmp_path, others)
    assert "search_darts.space.name = 'darts'" in line
    assert "does not have its architectures; it has '|none~0|+" in line
