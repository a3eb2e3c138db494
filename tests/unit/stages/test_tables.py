"""Table 1, from the figures of networks to what is read and pasted."""

import csv
import re
import statistics
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from calling import call as run
from hypothesis import given
from hypothesis import strategies as st
from made_artifacts import network_metrics, teacher_metrics

from dfnas.artifacts.identity import Identity
from dfnas.artifacts.latency import Latency
from dfnas.artifacts.table1 import TableRow
from dfnas.artifacts.table1_times import CostRow
from dfnas.artifacts.timing import Timing, write_timing
from dfnas.runtime.device import device_name
from dfnas.runtime.resumable import Cost
from dfnas.tables import html, latex, markdown
from dfnas.tables.costs import costs_of
from dfnas.tables.rows import row_of
from dfnas.tables.table1 import HEADER, HTML, LATEX, MARKDOWN
from dfnas.tables.table1 import typeset as typeset_rows

KEYS = TableRow.columns()


def metrics(folder: Path, algorithm: str, space: str, data: str, retrain_data: str, seed, error: float) -> Path:
    """The figures of a network, of which all but the error are those of its seed."""
    path = folder / f"{algorithm}-{data}-{retrain_data}-{seed}.json"
    figures = {"top1_error": error, "class_accuracy": [1 - error, 0.9, 1 - 2 * error], "ece": 0.04 + (seed or 0) / 100}
    if algorithm == "teacher":
        teacher_metrics(space=space, **figures).write(path)
    else:
        named = {"algorithm": algorithm, "space": space, "search_data": data, "retrain_data": retrain_data}
        found = {"seed": seed, "architecture": f"{seed}.json", "validation_error": error}
        network_metrics(**named, **found, **figures).write(path)
    return path


ROWS = [
    ("teacher", "my.resnet:build_it", "", "", [("", 0.011)]),
    ("darts", "darts", "original", "original", [(0, 0.10), (1, 0.12), (2, 0.17)]),
    ("darts", "darts", "my_$et", "original", [(0, 0.05), (1, 0.06), (2, 0.08)]),
    ("spos", "shufflenet", "original", "original", [(0, 0.05), (1, 0.06), (2, 0.08)]),
    ("darts", "darts", "original", "my_$et", [(0, 0.3)]),
    ("spos", "shufflenet", "original", "my_$et", [(0, 0.25)]),
]


TIMINGS = {
    "search": [
        (3600, {"cpu": 1.8e6, "gpu": 1.8e6}),
        (7200, {"cpu": 7.2e6, "gpu": 3.6e6}),
        (5400, {"cpu": 0.6e6, "gpu": 3.0e6}),
    ],
    "retrain": [(3600, {"cpu": 3.6e6}), (7200, {}), (5400, {"cpu": 3.6e6})],
}
"""Seconds and joules of the seeds of darts on original images; of one training none could be read."""
LATENCIES = [
    Latency(
        **dict(zip(Latency.model_fields, ("darts", "original", "original", seed, device, "a chip", 1), strict=False)),
        batch_size=batch,
        passes=9,
        latency_ms=ms,
        quartile_1_ms=ms - 0.5,
        quartile_3_ms=ms + seed,
        peak_mb=peak,
    )
    for device, batch, ms, peak in (("gpu", 1, 2.0, 3.0), ("gpu", 64, 4.0, 192.0), ("cpu", 1, 8.0, 1.0))
    for seed in (0, 1, 2)
]


@pytest.fixture
def table(tmp_path) -> Path:
    files = [metrics(tmp_path, *names, *one) for *names, runs in ROWS for one in runs]
    Latency.write(tmp_path / "latency.csv", LATENCIES)
    timings = []
    for stage, runs in TIMINGS.items():
        for seed, (seconds, joules) in enumerate(runs):
            of = {"algorithm": "darts", "search_data": "original", "seed": seed}
            of |= {"retrain_data": "original"} if stage == "retrain" else {}
            timings.append(tmp_path / f"{stage}-{seed}.json")
            write_timing(timings[-1], stage, of, Cost(seconds, joules), torch.device("cpu"), {})
    places = ["--metrics", *files, "--timings", *timings, "--latency", tmp_path / "latency.csv"]
    places += ["--times", tmp_path / "times.csv", "--classes", tmp_path / "per_class.csv"]
    assert run("table1", *places, "--out", tmp_path / "table1.csv") == 0
    return tmp_path / "table1.csv"


def places(table: Path) -> list[str | Path]:
    """Options of `typeset_table1`: what it reads, and what it writes beside that."""
    beside = {
        option: table.with_suffix(f".{kind}") for option, kind in (("out", "md"), ("latex", "tex"), ("page", "html"))
    }
    files = {
        "table": table,
        "times": table.with_name("times.csv"),
        "classes": table.with_name("per_class.csv"),
        **beside,
        "times-page": table.with_name("times.html"),
    }
    return [part for option, path in files.items() for part in (f"--{option}", path)]


def typeset(table: Path) -> tuple[str, str]:
    assert run("typeset_table1", *places(table)) == 0
    return tuple(table.with_suffix(f".{kind}").read_text() for kind in ("md", "tex"))


class Cells(HTMLParser):
    """The texts of the cells of a page's table, row by row."""

    def __init__(self, page: str):
        super().__init__()
        self.rows: list[list[str]] = []
        self.inside = False
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.inside = self.inside or tag in ("td", "th")
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data):
        if self.inside:
            self.rows[-1][-1] += data


def test_shares_are_means_over_the_seeds_in_percent(table):
    with open(table, newline="") as file:
        teacher, darts, *_ = csv.DictReader(file)
    assert (teacher["seeds"], teacher["top1_error_mean"], teacher["top1_error_std"]) == ("", "1.100", "")
    assert float(darts["top1_error_mean"]) == pytest.approx(13)
    assert float(darts["top1_error_std"]) == pytest.approx(statistics.stdev([10, 12, 17]), abs=1e-3)
    assert (darts["ece_mean"], darts["ece_scaled_mean"]) == ("5.000", "2.000")
    assert (darts["teacher_agreement_mean"], darts["architecture"]) == ("50.000", "0.json")


def test_a_teacher_without_a_temperature_has_no_scaled_error():
    """Nothing stands for a figure that nobody knows, in the table and in what is typeset of it."""
    row = row_of([teacher_metrics(temperature=None, ece_scaled=None)]).texts()
    assert (row["ece_mean"], row["ece_scaled_mean"], row["teacher_agreement_mean"]) == ("4.000", "", "50.000")
    for notation, cells in (
        (MARKDOWN, "4.00 | – | 50.00"),
        (HTML, '4.00</td><td class="number">–</td><td class="number">50.00'),
        (LATEX, "4.00 & -- & 50.00"),
    ):
        assert cells in typeset_rows([row], notation)


def test_what_a_row_costs_stands_in_a_table_of_its_own(table):
    with open(table.with_name("times.csv"), newline="") as file:
        teacher, darts, *_ = csv.DictReader(file)
    assert (darts["search_hours"], darts["retrain_hours"]) == ("1.50000", "1.50000")
    assert float(darts["search_kwh"]) == pytest.approx((1 + 3 + 1) / 3)
    assert darts["retrain_kwh"] == "", "a mean over some of the seeds is none"
    assert darts["search_device"] == darts["retrain_device"] == device_name(torch.device("cpu"))
    assert darts["latency_ms"] == darts["gpu_batch_1_ms"] == "2.0000"
    assert (darts["gpu_batch_64_ms"], darts["cpu_batch_1_ms"]) == ("4.0000", "8.0000")
    assert (darts["gpu_batch_1_iqr_ms"], darts["gpu_batch_64_peak_mb"]) == ("1.5000", "192.0000")
    assert set(teacher.values()) == {"teacher", "my.resnet:build_it", ""}


def test_energy_of_unlike_parts_of_machines_has_no_mean():
    networks = [Identity("spos", seed=seed) for seed in (0, 1)]
    machine = {"seconds": 1.0, "device": "cpu", "device_name": "a", "provenance": {}}
    timings = [
        Timing(stage="search", run={"algorithm": "spos", "seed": seed}, joules=joules, **machine)
        for seed, joules in enumerate(({"cpu": 3.6e6, "gpu": 3.6e6}, {"gpu": 3.6e6}))
    ]
    key = ("spos", "shufflenet", "original", "original")
    assert costs_of(key, networks[:1], timings, []).texts()["search_kwh"] == "2.0000000"
    assert costs_of(key, networks, timings, []).search_kwh is None


def timing(stage: str, seconds: float, joules: dict[str, float], data: str = "original") -> Timing:
    """Of a supernet or a search of the first seed of SPOS."""
    run = {"algorithm": "spos", "search_data": data, "seed": 0}
    machine = {"device": "cpu", "device_name": "a", "provenance": {}}
    return Timing(stage=stage, run=run, seconds=seconds, joules=joules, **machine)


@pytest.mark.parametrize(
    ("of_supernet", "of_search", "kwh"),
    [
        ({"cpu": 3.6e6, "gpu": 7.2e6}, {"cpu": 1.8e6, "gpu": 0.0}, 3.5),
        ({"cpu": 3.6e6}, {"cpu": 1.8e6, "gpu": 3.6e6}, None),  # unlike parts
        ({"cpu": 3.6e6}, {}, None),
        ({}, {"cpu": 3.6e6}, None),
        ({}, {}, None),
    ],
)
def test_a_search_costs_what_its_supernet_and_it_itself_took(of_supernet, of_search, kwh):
    """Energy only where that of both is known."""
    others = [timing("supernet", 9e9, {"cpu": 1.0}, "noise"), timing("search", 9e9, {"cpu": 1.0}, "noise")]
    both = [*others, timing("search", 1800.0, of_search), timing("supernet", 5400.0, of_supernet)]
    key, network = ("spos", "shufflenet", "original", "original"), Identity("spos", "original", "original", 0)
    found = costs_of(key, [network], both, [])
    assert (found.search_hours, found.search_kwh) == (2.0, kwh)
    assert costs_of(key, [network], [*others, both[2]], []).search_hours == 0.5  # one without a supernet


def test_the_accuracy_of_every_class_is_a_mean_over_the_seeds(table):
    with open(table.with_name("per_class.csv"), newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 3 * len(ROWS)
    teacher, darts = (lines[place : place + 3] for place in (0, 3))
    assert [line["accuracy_mean"] for line in teacher] == ["98.900", "90.000", "97.800"]
    assert {line["points_from_teacher"] for line in teacher} == {""}
    assert [line["accuracy_mean"] for line in darts] == ["87.000", "90.000", "74.000"]
    assert float(darts[0]["accuracy_std"]) == pytest.approx(statistics.stdev([10, 12, 17]), abs=1e-3)
    assert [line["points_from_teacher"] for line in darts] == ["-11.900", "0.000", "-23.800"]


def test_the_classes_that_lose_most_are_named_below_the_table(table):
    """Mean error of the rows is (13 + 19/3 + 19/3 + 30 + 25) / 5, and twice that on the third class."""
    lost = sum([13, 19 / 3, 19 / 3, 30, 25]) / 5 - 1.1
    assert typeset(table)[0].splitlines()[-1] == (
        f"Classes that lose most accuracy against the teacher: 2 ({-2 * lost:+.2f} points in the mean over the rows, "
        rf"-57.80 in darts / darts / original / my\_\$et), 0 ({-lost:+.2f} points in the mean over the rows, "
        r"-28.90 in darts / darts / original / my\_\$et)."
    )


def test_markdown_has_a_row_for_each_row_and_the_best_error_of_each_retrain_data_in_bold(table):
    header, rule, *rows, _, _ = typeset(table)[0].splitlines()
    assert header == f"| {' | '.join(HEADER)} |"
    assert rule.count("---") == 4
    cells = [re.split(r" (?<!\\)\| ", row.strip("| ")) for row in rows]
    assert {len(row) for row in cells} == {len(HEADER)}
    assert cells[0][:6] == ["teacher", r"my.resnet:build\_it", "–", "–", "–", "1.10"]
    assert [row[5] for row in cells[1:]] == ["13.00 ± 3.61", "**6.33** ± 1.53", "**6.33** ± 1.53", "30.00", "**25.00**"]
    assert cells[2][2] == r"my\_\$et"
    assert cells[1][6:] == ["1.00", "5.00", "2.00", "50.00", "0.070", "2.50"]


def test_latex_has_the_rules_of_booktabs_and_escapes(table):
    text = typeset(table)[1]
    lines = text.splitlines()
    assert lines[1] == r"\begin{tabular}{llllrrrrrrrr}"
    assert [line.strip() for line in lines if line.strip().startswith("\\")] == [
        *(r"\begin{tabular}{llllrrrrrrrr}", r"\toprule", r"\midrule", r"\bottomrule", r"\end{tabular}")
    ]
    rows = [line for line in lines if line.endswith(r" \\")]
    assert len(rows) == len(ROWS) + 1
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {len(HEADER) - 1}
    assert r"top-1 error, \% & top-5 error, \%" in rows[0]
    assert r"teacher & my.resnet:build\_it & -- & -- & -- & 1.10 &" in rows[1]
    assert r"darts & darts & my\_\$et & original & 3 & \textbf{6.33} $\pm$ 1.53 &" in rows[3]
    assert r"& 1 & \textbf{25.00} &" in rows[6]


def test_the_page_has_the_cells_of_the_markdown_table(table):
    header, _, *rows = (line for line in typeset(table)[0].splitlines() if line.startswith("|"))
    plain = [re.split(r" (?<!\\)\| ", re.sub(r"\*\*|\\(?=[_$])", "", row).strip("| ")) for row in (header, *rows)]
    page = table.with_suffix(".html").read_text()
    assert Cells(page).rows == plain
    assert page.count("<b>") == 3


def test_times_have_a_page_of_their_own(table):
    devices = {"search_device": "a CPU", "retrain_device": "a CPU"}
    costs = [
        CostRow(**named, **devices, **figures)
        for named, figures in (
            (dict(zip(KEYS, ROWS[0], strict=False)), {"cpu_batch_64_ms": 0.4, "cpu_batch_64_peak_mb": 1.0}),
            (
                dict(zip(KEYS, ("spos", "shufflenet", "a<b", "original"), strict=True)),
                {"search_hours": 1.5, "retrain_hours": 0.25, "cpu_batch_64_ms": 0.1234, "cpu_batch_64_peak_mb": 2.5},
            ),
        )
    ]
    CostRow.write(table.with_name("times.csv"), costs)
    typeset(table)
    header, *rows = Cells(table.with_name("times.html").read_text()).rows
    # No column of energy, of which nothing is known.
    assert header[4:] == ["search, hours", "retraining, hours", "CPU, batch 64: ms", "CPU, batch 64: MB"]
    assert rows == [
        ["teacher", "my.resnet:build_it", "–", "–", "–", "–", "0.400", "1.00"],
        ["spos", "shufflenet", "a<b", "original", "1.5000", "0.2500", "0.123", "2.50"],
    ]


@given(st.text(alphabet="ab<>&\"'/\\ #;x"), st.text(alphabet="<>&amp;td/ "))
def test_a_page_shows_any_text_as_it_is(one, other):
    page = html.page("title", html.table(["one", "other"], [[html.escaped(one), html.escaped(other)]], 1))
    assert Cells(page).rows == [["one", "other"], [one, other]]


@given(st.text(alphabet="ab_$*|`\\<>[]#~&%{}^ "))
def test_escaping_leaves_no_mark_alone_and_can_be_undone(text):
    assert re.sub(r"\\([\\`*_$|<>\[\]#~])", r"\1", markdown.escaped(text)) == text
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_$|<>\[\]#~]", markdown.escaped(text))
    named = {r"\textbackslash{}": "\\", r"\textasciitilde{}": "~", r"\textasciicircum{}": "^"}
    undone = re.sub(r"\\text\w+\{\}|\\([&%$#_{}])", lambda found: named.get(found[0], found[1]), latex.escaped(text))
    assert undone == text


@pytest.mark.parametrize(
    ("change", "story"),
    [
        (lambda text: text.replace("ece_mean", "ece"), "has no column 'ece_mean'"),
        (lambda text: text.replace("1.100", "much"), "row 1: has \"much\" for 'top1_error_mean', expected a number"),
        (lambda text: text[:-60], "row 6: expected 14 values"),
    ],
)
def test_a_table_that_is_none_is_refused(table, capsys, change, story):
    table.write_text(change(table.read_text()))
    assert run("typeset_table1", *places(table)) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert str(table) in line
    assert story in line
    assert not table.with_suffix(".tex").exists()
