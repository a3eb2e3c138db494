"""Found architectures judged by a table: what it plans, who reads the table, and one run to the end."""

import csv
import json
from pathlib import Path

import pytest
from running import ancestors, overlay, plan, recipes, snakemake
from tables import made_up_table

READS_THE_TABLE = {"cost_table", "lookup", "tabulate_lookups", "tabulate_correlations", "draw_rankings"}
TELLS_OF_IT = "describe_run"  # reads what has been looked up, and ends the chain
BASE = Path("tests", "assets", "lookup.yaml")


@pytest.fixture
def run(tmp_path) -> Path:
    """A folder with a table of all cells."""
    return made_up_table(tmp_path / "run" / "table.csv").parent


def test_lookup_takes_the_place_of_retraining(run):
    """Two seeds of three algorithms on three kinds of data, and two random architectures."""
    jobs = plan(run, base=BASE)
    assert {rule: jobs[rule] for rule in (*READS_THE_TABLE, "rank_architectures")} == {
        "cost_table": 1,
        "lookup": 20,
        "rank_architectures": 6,
        "tabulate_lookups": 1,
        "tabulate_correlations": 1,
        "draw_rankings": 1,
    }
    assert not {"retrain", "evaluate", "measure_latency", "table1"} & set(jobs)


def test_both_tables_are_made_where_both_are_asked_for(run, tmp_path):
    both = overlay(tmp_path / "both.yaml", {"comparison": {"retrain_data": ["original"]}})
    jobs = plan(run, base=BASE, configuration=(both,))
    assert (jobs["table1"], jobs["tabulate_lookups"], jobs["retrain"]) == (1, 1, 20)


def test_nothing_is_ranked_without_a_supernet_of_single_paths(run, tmp_path):
    comparison = {"algorithms": ["darts", "random"], "proxies": []}
    others = overlay(tmp_path / "others.yaml", {"comparison": comparison})
    jobs = plan(run, base=BASE, configuration=(others,))
    assert not {"rank_architectures", "draw_rankings", "tabulate_correlations"} & set(jobs)
    assert jobs["tabulate_lookups"] == 1


def test_no_search_and_nothing_that_it_works_on_has_read_the_table(run):
    files = recipes(run, base=BASE)
    readers = {made.rule for made in files.values() if "table.csv" in made.inputs or "table.csv" in made.command}
    assert readers == READS_THE_TABLE
    judged = [name for name, made in files.items() if made.rule in READS_THE_TABLE]
    assert "results/lookup.csv" in judged
    told = [name for name, made in files.items() if made.rule == TELLS_OF_IT]
    assert told == ["results/report/run.rst"]
    for name in set(files) - {*judged, *told}:
        above = ancestors(files, name)
        assert "table.csv" not in above, name
        assert not above & set(judged), name
    for name in judged:
        assert "table.csv" in files[name].inputs


def test_nothing_but_the_tables_follows_from_a_ranking_by_original_images(run):
    files = recipes(run, base=BASE)
    rankings = {name for name, made in files.items() if made.rule == "rank_architectures"}
    assert len(rankings) == 6
    for name, made in files.items():
        if rankings & ancestors(files, name) and name not in rankings:
            assert made.rule in {*READS_THE_TABLE, TELLS_OF_IT}
    assert all("results/dataset/original.h5" in files[name].inputs for name in rankings)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"lookup": {"table": "$DFNAS_NO_SUCH/t.csv"}}, ["lookup.table", "$DFNAS_NO_SUCH", "not set"]),
        ({"search_darts": {"space": {"name": "darts"}}}, ["search_proxyless.space.name (nasbench201)", "search_darts"]),
        ({"lookup": None}, ["comparison.retrain_data is empty", "lookup"]),
        ({"lookup": {"tabel": "t.csv"}}, ["unknown key 'lookup.tabel'"]),
        ({"lookup": {"column": "top1"}}, ["lookup.column = 'top1'", "table.csv has no such column", "UniqueString"]),
        ({"lookup": {"random_draws": [0]}}, ["lookup.random_draws", "greater than or equal to 1"]),
    ],
)
def test_a_lookup_that_cannot_be_is_one_line(changes, named, run, tmp_path):
    done = snakemake(run, "--dry-run", base=BASE, configuration=(overlay(tmp_path / "changes.yaml", changes),))
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("configuration: error: ")]
    missing = [part for part in named if part not in line]
    assert not missing, line


def read(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.slow
def test_the_chain_ends_in_the_true_accuracies_of_what_was_found(run, tmp_path):
    """From the teacher to the table, by the one algorithm whose supernets are ranked, and by chance."""
    budgets = [{"max_macs_m": 4}, {}]
    comparison = {"algorithms": ["spos", "random"], "search_data": ["synthetic", "noise"], "budgets": budgets}
    less = (overlay(tmp_path / "less.yaml", {"comparison": comparison}),)
    done = snakemake(run, "--cores", "2", base=BASE, configuration=less)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    results, seeds = run / "results", (0, 1)
    table = {row["ArchitectureString"]: row for row in read(run / "table.csv")}
    rows = {(row["algorithm"], row["search_data"], row["draws"]): row for row in read(results / "lookup.csv")}
    found = [("spos", "synthetic"), ("spos", "noise"), ("random", "none")]
    assert list(rows) == [
        *((*row, "") for row in found),
        *(("random", "none", draws) for draws in ("1", "10", "100")),
        ("optimum", "none", ""),
    ]
    for algorithm, data in found:
        reports = [json.loads((results / f"lookup/{algorithm}/{data}/seed-{seed}.json").read_text()) for seed in seeds]
        for seed, report in zip(seeds, reports, strict=True):
            document = json.loads((results / f"search/{algorithm}/{data}/seed-{seed}/architecture.json").read_text())
            assert all(
                f"{option}~{choice[-1]}" in report["architecture"] for choice, option in document["choices"].items()
            )
            assert report["accuracy"] == float(table[report["architecture"]]["CIFAR10TestAccuracy200Epochs"])
            assert report["isomorphism_class"] == table[report["architecture"]]["UniqueString"]
        row = rows[algorithm, data, ""]
        assert (row["seeds"], float(row["accuracy_mean"])) == ("2", sum(report["accuracy"] for report in reports) / 2)
        assert bool(row["tau_held_out"]) == bool(row["rho_original"]) == (algorithm == "spos")
    # Six edges, two of five operations are worth a point.
    assert float(rows["random", "none", "1"]["accuracy_mean"]) == pytest.approx(80 + 6 * 2 / 5)
    assert rows["optimum", "none", ""]["accuracy_mean"] == "86.000"
    rankings = [
        read(results / f"ranking/{algorithm}/{data}/seed-{seed}.csv") for algorithm, data in found[:2] for seed in seeds
    ]
    assert len({tuple(row["architecture"] for row in ranking) for ranking in rankings}) == 1
    assert len(rankings[0]) == 12
    assert (results / "pictures" / "rankings.png").read_bytes().startswith(b"\x89PNG")
    assert not (results / "table1.csv").exists()
    runs = read(results / "budgets_raw.csv")
    assert [row["found_by"] for row in runs].count("search") == 6 * len(budgets)
    assert {row["algorithm"] for row in runs} >= {"spos", "random", "macs_m", "synflow", "az_nas", "az_nas_synflow"}
    for row in runs:
        assert float(row["accuracy"]) == float(table[row["architecture"]]["CIFAR10TestAccuracy200Epochs"])
        assert float(row["regret"]) >= 0
        assert float(row["macs_m"]) <= 4 or row["budget"] == "no limit"
    assert {row["interval_over"] for row in read(results / "budgets.csv") if row["found_by"] == "search"} == {"seeds"}
    assert {row["statistic"] for row in read(results / "correlations.csv")} == {"tau", "rho", "partial_tau", "top_tau"}
    assert (results / "pictures" / "budgets.png").read_bytes().startswith(b"\x89PNG")
    assert plan(run, base=BASE, configuration=less) == {}
    # Another table judges anew, and nothing else is done again.
    path = run / "table.csv"
    path.write_text(path.read_text().replace("\n86,", "\n87,"))
    expected = {"lookup": 6, "tabulate_lookups": 1, "draw_rankings": 1, "describe_run": 1}
    expected |= {"cost_table": 1, "tabulate_correlations": 1, "tabulate_budgets": 1, "draw_budgets": 1}
    assert plan(run, base=BASE, configuration=less) == expected
