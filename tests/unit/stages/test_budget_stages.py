"""The stages of results under budgets, on a small space and a table that is written by its `to_string`."""

import csv
import itertools
import json
import random
from pathlib import Path

import pytest
from calling import call as run

from dfnas.artifacts.budgets import BudgetRow, BudgetRun, FoundWithin, PairedRow
from dfnas.artifacts.correlations import CorrelationRow
from dfnas.runtime.files import write_json
from dfnas.spaces.architecture import describe
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task

TASK = Task(channels=1, size=8, classes=3)
TASK_OPTIONS = ["--channels", 1, "--size", 8, "--classes", 3]
OPTIONS = {"stem_width": 4, "stem_stride": 1, "widths": [8, 16], "depths": [2, 1], "strides": [1, 2], "last_width": 8}
SPACE = {"name": "shufflenet", "options": OPTIONS}
CELLS = {"channels": 2, "cells_per_stage": 1}
KINDS = {"synthetic": "synthetic", "again": "synthetic", "noise": "noise"}
NAMES = ["--column", "top1", "--architecture-column", "network", "--class-column", "null", "--random-draws", "[1, 5]"]
PROXIES = "synflow,naswot,jacov,zico,grad_norm,expressivity,progressivity,trainability"


@pytest.fixture(scope="module")
def space():
    return make("shufflenet", TASK, OPTIONS)


@pytest.fixture(scope="module")
def networks(space) -> dict[str, float]:
    """Every architecture of the space with an accuracy: millions of multiply-accumulates and some luck."""
    rng = random.Random(0)
    all_ = (dict(zip(space.choices, options, strict=True)) for options in itertools.product(*space.choices.values()))
    return {space.to_string(one): round(70 + 100 * space.macs(one) / 1e6 + rng.random(), 3) for one in all_}


@pytest.fixture
def table(tmp_path, networks) -> list:
    """The table, as options of a stage. A second column has it the other way round."""
    with open(tmp_path / "table.csv", "w", newline="") as file:
        csv.writer(file).writerows([("network", "top1", "other"), *((n, a, 100 - a) for n, a in networks.items())])
    return ["--table", tmp_path / "table.csv", *NAMES, "--further-columns", '["other"]']


@pytest.fixture(scope="module")
def macs(space, networks) -> dict[str, float]:
    return {name: space.macs(space.from_string(name)) / 1e6 for name in networks}


@pytest.fixture(scope="module")
def limit(macs) -> float:
    """A budget that about half of the networks keep."""
    return sorted(macs.values())[len(macs) // 2]


@pytest.fixture
def budgets(limit) -> list:
    return ["--budgets", json.dumps([{"max_macs_m": limit}, {}])]


def cost(tmp_path: Path, table: list, *more, spaces=None) -> int:
    said = json.dumps(spaces or {"search_spos": SPACE})
    return run("cost_table", "--spaces", said, *TASK_OPTIONS, "--out", tmp_path / "costs.csv", *table, *more)


def complaint(capsys, status: int) -> str:
    assert status == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


def rows(path: Path) -> list[dict[str, str]]:
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_every_architecture_of_the_table_has_its_costs(tmp_path, table, space, networks, macs, budgets):
    assert cost(tmp_path, table, *budgets) == 0
    found = rows(tmp_path / "costs.csv")
    assert [row["architecture"] for row in found] == list(networks)
    assert [float(row["macs_m"]) for row in found] == pytest.approx(list(macs.values()))
    one = space.from_string(found[7]["architecture"])
    assert float(found[7]["params_m"]) * 1e6 == pytest.approx(space.parameters_table().of(one))
    assert (found[7]["latency_ms"], found[7]["learns_nothing"]) == ("", "")


@pytest.mark.parametrize(
    ("line", "story"),
    [
        ("|none~0|,50", "'|none~0|' is not of the space of search_spos: unknown choice '|none~0|'"),
        ("{swapped},50", "the space of search_spos writes it"),
    ],
)
def test_a_table_of_another_space_is_told_before_anything_long(tmp_path, networks, line, story, capsys):
    swapped = ",".join(reversed(next(iter(networks)).split(",")))
    quoted = line.replace("{swapped}", f'"{swapped}"')
    (tmp_path / "table.csv").write_text(f'network,top1\n"{next(iter(networks))}",60\n{quoted}\n')
    said = complaint(capsys, cost(tmp_path, ["--table", tmp_path / "table.csv", *NAMES]))
    assert story in said


def test_searches_of_other_sizes_are_not_compared(tmp_path, table, capsys):
    other = {"name": "shufflenet", "options": OPTIONS | {"last_width": 16}}
    line = complaint(capsys, cost(tmp_path, table, spaces={"search_darts": SPACE, "search_spos": other}))
    assert "the spaces of search_darts and search_spos differ" in line


def test_a_budget_that_nothing_keeps_is_told_before_anything_long(tmp_path, table, capsys):
    line = complaint(capsys, cost(tmp_path, table, "--budgets", '[{"max_macs_m": 1e-6}]'))
    assert "no architecture of the table keeps the budget of 1e-06 M MACs" in line


def test_a_column_that_the_table_does_not_have_is_told(tmp_path, table, capsys):
    line = complaint(capsys, cost(tmp_path, [*table, "--further-columns", '["cifar100"]']))
    assert "has no column 'cifar100'; expected one of network, top1, other" in line


def finds(path: Path, data: str, seed: int, found: dict[float, str], algorithm: str = "spos") -> Path:
    """What a search found under each limit."""
    common = {"algorithm": algorithm, "search_data": data, "seed": seed, "max_params_m": 0, "max_latency_ms": 0}
    costs = {"macs_m": 1, "params_m": 1, "collapsed": False}
    lines = [FoundWithin(**common, **costs, max_macs_m=most, architecture=name) for most, name in found.items()]
    FoundWithin.write(path, lines)
    return path


def scores(path: Path, macs: dict[str, float], limits: list[float], accuracies: dict[str, float]) -> Path:
    """Candidates of every limit, of which SynFlow knows the truth and AZ-NAS' terms its contrary."""
    header = f"max_macs_m,max_params_m,max_latency_ms,architecture,macs_m,params_m,{PROXIES}"
    lines = [header]
    for most in limits:
        for name in [name for name in macs if not most or macs[name] <= most]:
            true = accuracies[name]
            values = (true, "", "-inf", true, 1, -true, -true, -true)
            lines.append(f'{most},0,0,"{name}",{macs[name]},0.1,{",".join(map(str, values))}')
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def tabulated(tmp_path, table, budgets, limit, macs, networks) -> Path:
    """The folder of the tables over three kinds of data, two of which are syntheses of one, and a proxy."""
    assert cost(tmp_path, table, *budgets) == 0
    within = sorted((name for name in macs if macs[name] <= limit), key=networks.get)
    everything = sorted(networks, key=networks.get)
    files = [
        finds(tmp_path / "0.csv", "synthetic", 0, {limit: within[-1], 0: everything[-1]}),
        finds(tmp_path / "1.csv", "synthetic", 1, {limit: within[-3], 0: everything[-1]}),
        finds(tmp_path / "2.csv", "again", 0, {limit: within[-2], 0: everything[-2]}),
        finds(tmp_path / "3.csv", "noise", 0, {limit: within[0], 0: everything[0]}),
    ]
    proxies = scores(tmp_path / "proxies.csv", macs, [limit, 0], networks)
    outputs = {"out": "budgets.csv", "raw": "raw.csv", "paired": "paired.csv", "page": "budgets.html"}
    made = [part for option, name in outputs.items() for part in (f"--{option}", tmp_path / name)]
    told = ["--proxies", proxies, "--proxy-data", "none", "--proxy-seeds", 0, "--kinds", json.dumps(KINDS)]
    files_ = ["--costs", tmp_path / "costs.csv", "--found", *files]
    assert run("tabulate_budgets", *files_, *told, *budgets, *made, *table) == 0
    return tmp_path


def test_a_row_says_what_a_kind_of_data_comes_to(tabulated, networks, macs, limit):
    within = sorted(networks[name] for name in macs if macs[name] <= limit)
    found = {(r.column, r.max_macs_m, r.found_by, r.algorithm, r.search_data): r for r in read(tabulated)}
    row = found["top1", limit, "search", "spos", "synthetic"]
    means = (within[-1] + within[-3]) / 2, within[-2]
    assert row.accuracy_mean == pytest.approx(sum(means) / 2, abs=1e-4)
    assert row.regret_mean == pytest.approx(within[-1] - sum(means) / 2, abs=1e-4)
    assert row.regret_worst == pytest.approx(within[-1] - within[-3], abs=1e-4)
    assert (row.runs, row.syntheses, row.interval_over, row.collapsed) == (3, 2, "syntheses", 0)
    half = 12.7062 * abs(means[0] - means[1]) / 2  # Student's t of two means
    assert row.regret_high - row.regret_mean == pytest.approx(half, abs=2e-3)
    noise = found["top1", limit, "search", "spos", "noise"]
    assert (noise.runs, noise.interval_over, noise.regret_low) == (1, None, None)
    best = found["top1", limit, "yardstick", "best", "none"]
    assert (best.accuracy_mean, best.regret_mean) == (within[-1], 0)
    names = [r.algorithm for r in read(tabulated) if r.found_by == "yardstick" and r.max_macs_m == limit]
    sticks = ["best", "largest", "mean_near", "best_of_5_near", "mean_within", "best_of_5_within"]
    assert names == [*sticks, *sticks]  # of both columns
    other = found["other", 0, "search", "spos", "noise"]
    assert other.regret_mean == 0  # the worst by one column is the best by the other
    assert found["top1", limit, "proxy", "synflow", "none"].regret_mean == 0
    assert ("top1", limit, "proxy", "naswot", "none") not in found  # no candidate has a score
    assert found["top1", 0, "proxy", "macs_m", "none"].macs_m_mean == pytest.approx(max(macs.values()), abs=1e-3)


def read(folder: Path) -> list[BudgetRow]:
    return BudgetRow.read(folder / "budgets.csv")


def test_every_run_is_told_and_no_regret_is_negative(tabulated, networks):
    runs = BudgetRun.read(tabulated / "raw.csv")
    searched = [one for one in runs if one.found_by == "search"]
    assert len(searched) == 4 * 2 * 2  # runs, budgets, columns
    assert all(one.regret >= 0 for one in runs)
    assert {(one.search_data, one.synthesis) for one in searched} == {(KINDS[name], name) for name in KINDS}
    assert all(one.accuracy == networks[one.architecture] for one in searched if one.column == "top1")


def test_searches_are_held_against_what_stands_still(tabulated, networks, macs, limit):
    paired = {(r.column, r.budget, r.search_data, r.against): r for r in PairedRow.read(tabulated / "paired.csv")}
    label = f"{limit:g} M MACs"
    rows_ = {(r.budget, r.algorithm, r.search_data): r for r in read(tabulated) if r.column == "top1"}
    for against, data in (("largest", "none"), ("best_of_5_near", "none"), ("az_nas_synflow", "none")):
        row = paired["top1", label, "synthetic", against]
        gap = rows_[label, "spos", "synthetic"].accuracy_mean - rows_[label, against, data].accuracy_mean
        if against != "az_nas_synflow":  # there the seed 0 alone has a pair
            assert row.difference == pytest.approx(gap, abs=1e-3)
        assert row.runs == (3 if against != "az_nas_synflow" else 2)
    every = paired["top1", "all", "synthetic", "largest"]
    each = [paired["top1", budget, "synthetic", "largest"].difference for budget in (label, "no limit")]
    assert every.difference == pytest.approx(sum(each) / 2, abs=1e-3)


def test_what_the_table_does_not_have_is_one_line(tmp_path, tabulated, table, budgets, limit, capsys):
    lost = finds(tmp_path / "lost.csv", "noise", 0, {limit: "block=none"})
    made = [part for option in ("out", "raw", "paired", "page") for part in (f"--{option}", tmp_path / f"x.{option}")]
    told = ["--costs", tmp_path / "costs.csv", "--found", lost, *budgets, *made, *table]
    line = complaint(capsys, run("tabulate_budgets", *told))
    assert "lost.csv: the table has no architecture block=none" in line
    stray = finds(tmp_path / "stray.csv", "noise", 0, {limit / 2: "block=none"})
    told[told.index(lost)] = stray
    assert "stray.csv has a budget that is not in comparison.budgets" in complaint(
        capsys, run("tabulate_budgets", *told)
    )


def test_a_table_that_lacks_candidates_judges_the_others(tmp_path, table, budgets, limit, macs, networks, capsys):
    """Yardsticks and proxies are then over what it has."""
    lines = (tmp_path / "table.csv").read_text().splitlines()
    best = max(networks, key=networks.get)
    (tmp_path / "table.csv").write_text("\n".join(line for line in lines if best not in line) + "\n")
    assert cost(tmp_path, table, *budgets) == 0
    proxies = scores(tmp_path / "proxies.csv", macs, [limit, 0], networks)
    made = [part for option in ("out", "raw", "paired", "page") for part in (f"--{option}", tmp_path / f"x.{option}")]
    told = ["--proxies", proxies, "--proxy-data", "none", "--proxy-seeds", 0]
    assert run("tabulate_budgets", "--costs", tmp_path / "costs.csv", *told, *budgets, *made, *table) == 0
    found = {(r.column, r.budget, r.algorithm): r for r in BudgetRow.read(tmp_path / "x.out")}
    second = sorted(networks.values())[-2]
    assert found["top1", "no limit", "best"].accuracy_mean == second
    assert found["top1", "no limit", "synflow"].accuracy_mean == second


def test_the_picture_of_the_results_is_drawn(tabulated):
    out = tabulated / "budgets.png"
    assert run("draw_budgets", "--results", tabulated / "budgets.csv", "--out", out) == 0
    assert out.read_bytes().startswith(b"\x89PNG")


def test_scores_have_their_rank_correlations(tmp_path, table, budgets, limit, macs, networks):
    assert cost(tmp_path, table, *budgets) == 0
    some = list(networks)[:40]
    for seed in (0, 1):
        lines = [f'synthetic,{seed},"{n}",{networks[n] / 100},{-networks[n]},0.5,{networks[n]}' for n in some]
        header = "search_data,seed,architecture,held_out_accuracy,held_out_likelihood,original_accuracy,with_ranks"
        (tmp_path / f"ranking-{seed}.csv").write_text("\n".join([header, *lines]) + "\n")
    proxies = scores(tmp_path / "proxies.csv", macs, [limit, 0], networks)
    told = ["--proxies", proxies, "--proxy-data", "none", "--proxy-seeds", 0, "--kinds", json.dumps(KINDS)]
    rankings = ["--rankings", tmp_path / "ranking-0.csv", tmp_path / "ranking-1.csv"]
    files = ["--costs", tmp_path / "costs.csv", *rankings, "--out", tmp_path / "correlations.csv"]
    assert run("tabulate_correlations", *files, *told, *table) == 0
    lines = CorrelationRow.read(tmp_path / "correlations.csv")
    found = {(r.column, r.budget, r.name, r.score, r.statistic): r for r in lines}
    tau = found["top1", "no limit", "spos", "held_out_accuracy", "tau"]
    assert (tau.value, tau.low, tau.high_runs, tau.runs, tau.architectures) == (1, 1, 1, 2, 40)
    assert found["top1", "no limit", "spos", "held_out_likelihood", "rho"].value == -1
    assert found["other", "no limit", "spos", "held_out_accuracy", "tau"].value == -1
    assert found["top1", "no limit", "spos", "original_accuracy", "tau"].value is None  # one score for all
    assert found["top1", "no limit", "spos", "with_ranks", "rho"].value == 1
    proxy = found["top1", f"{limit:g} M MACs", "synflow", "synflow", "top_tau"]
    assert (proxy.value, proxy.low_runs, proxy.runs) == (1, None, 1)
    assert found["top1", "no limit", "macs_m", "macs_m", "partial_tau"].value is None
    assert {r.among for r in lines} == {"all"}  # the space does not say what can learn


def test_scores_are_told_apart_on_what_can_learn(tmp_path):
    """Of cells of NAS-Bench-201, where the space says which can."""
    cells = make("nasbench201", TASK, CELLS)
    drawn = {cells.to_string(cells.sample(random.Random(seed))) for seed in range(40)}
    idle = [cell for cell in sorted(drawn) if cells.learns_nothing(cells.from_string(cell))]
    assert 0 < len(idle) < 30
    lines = [f"{cell},{50 if cell in idle else 80 + place}" for place, cell in enumerate(sorted(drawn))]
    (tmp_path / "table.csv").write_text("\n".join(["network,top1", *lines]) + "\n")
    table = ["--table", tmp_path / "table.csv", *NAMES]
    assert cost(tmp_path, table, spaces={"search_spos": {"name": "nasbench201", "options": CELLS}}) == 0
    scored = [f"noise,0,{line.partition(',')[0]},{1 - place / 50},0,0," for place, line in enumerate(lines)]
    header = "search_data,seed,architecture,held_out_accuracy,held_out_likelihood,original_accuracy,with_ranks"
    (tmp_path / "ranking.csv").write_text("\n".join([header, *scored]) + "\n")
    files = ["--costs", tmp_path / "costs.csv", "--rankings", tmp_path / "ranking.csv"]
    assert run("tabulate_correlations", *files, "--out", tmp_path / "correlations.csv", *table) == 0
    found = {
        row.among: row
        for row in CorrelationRow.read(tmp_path / "correlations.csv")
        if (row.score, row.statistic) == ("held_out_accuracy", "tau")
    }
    assert found["all"].architectures == len(drawn)
    assert (found["learning"].architectures, found["learning"].value) == (len(drawn) - len(idle), -1)
    assert found["all"].value > -1


def test_a_lookup_works_on_any_space(tmp_path, table, space, networks):
    name = list(networks)[11]
    write_json(tmp_path / "found.json", describe("shufflenet", OPTIONS, space, space.from_string(name), {}))
    row = ["--algorithm", "spos", "--search-data", "noise", "--seed", 0, "--out", tmp_path / "0.json"]
    assert run("lookup", "--architecture", tmp_path / "found.json", *row, *table) == 0
    report = json.loads((tmp_path / "0.json").read_text())
    assert (report["architecture"], report["accuracy"], report["learns_nothing"]) == (name, networks[name], None)
    out = ["--out", tmp_path / "lookup.csv", "--page", tmp_path / "lookup.html"]
    assert run("tabulate_lookups", "--lookups", tmp_path / "0.json", *out, *table) == 0
    assert rows(tmp_path / "lookup.csv")[0]["learns_nothing"] == ""
