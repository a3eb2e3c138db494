"""Tabular benchmarks: where an accuracy stands, what random search is worth, and tables that are none."""

import itertools
import os
import statistics
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from notations import of_cell

from dfnas.measure.accuracy_table import AccuracyTable
from dfnas.runtime.errors import InputError
from dfnas.settings.lookup import LookupSettings

ALL_SKIP = "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|skip_connect~0|skip_connect~1|skip_connect~2|"


def table_of(*accuracies: float) -> AccuracyTable:
    return AccuracyTable({f"cell {place}": accuracy for place, accuracy in enumerate(accuracies)})


def test_equals_share_the_best_of_their_ranks():
    table = table_of(50, 70, 70, 90)
    assert table.standing("cell 3") == (90, 1, 75)
    assert table.standing("cell 1") == table.standing("cell 2") == (70, 2, 25)
    assert table.standing("cell 0") == (50, 4, 0)
    assert table.best() == ("cell 3", (90, 1, 75))


@given(
    accuracies=st.lists(st.integers(0, 5), min_size=1, max_size=5),
    draws=st.integers(1, 4),
)
def test_the_expected_best_of_some_draws_is_that_over_all_possible_draws(accuracies, draws):
    table = table_of(*accuracies)
    best = [max(drawn) for drawn in itertools.product(accuracies, repeat=draws)]
    ranks = [1 + sum(other > accuracy for other in accuracies) for accuracy in best]
    worse = [100 * sum(other < accuracy for other in accuracies) / len(accuracies) for accuracy in best]
    mean = sum(best) / len(best)
    found = table.best_of(draws)
    assert found.mean == pytest.approx((mean, sum(ranks) / len(ranks), sum(worse) / len(worse)))
    variance = sum((accuracy - mean) ** 2 for accuracy in best) / len(best)
    assert found.accuracy_std**2 == pytest.approx(variance, abs=1e-9)


def test_an_architecture_that_the_table_does_not_have_is_refused():
    with pytest.raises(InputError, match="no architecture cell 7"):
        table_of(1.0).standing("cell 7")


def read(tmp_path: Path, text: str, **settings) -> AccuracyTable:
    (tmp_path / "table.csv").write_text(text, encoding="utf-8")
    names = {"column": "accuracy", "architecture_column": "cell", "class_column": None}
    return AccuracyTable.read(LookupSettings(table=str(tmp_path / "table.csv"), **names | settings))


def test_a_file_has_accuracies_and_classes(tmp_path):
    text = "cell,other,accuracy,class\na,0,93.5,x\nb,0,10,x\n"
    table = read(tmp_path, text, class_column="class")
    assert (table.accuracies, table.classes) == ({"a": 93.5, "b": 10.0}, {"a": "x", "b": "x"})
    assert read(tmp_path, text).classes == {}


def test_a_file_may_begin_with_the_mark_of_a_spreadsheet(tmp_path):
    assert read(tmp_path, "\ufeffcell,accuracy\na,1\n").accuracies == {"a": 1.0}


@pytest.mark.parametrize(
    "content", [b"\x1f\x8b\x08\x00\xff", b"cell,accuracy\n\xff,1\n", b'cell,accuracy\n"' + b"a" * 200_000]
)
def test_what_is_no_csv_file_is_one_line(tmp_path, content):
    (tmp_path / "table.csv").write_bytes(content)
    settings = LookupSettings(
        table=str(tmp_path / "table.csv"), column="accuracy", architecture_column="cell", class_column=None
    )
    with pytest.raises(InputError, match=r"table.csv is no CSV file \(.+\); give one as text, uncompressed"):
        AccuracyTable.read(settings)


def test_a_path_may_hold_an_environment_variable(tmp_path, monkeypatch):
    (tmp_path / "table.csv").write_text("cell,accuracy\na,1\n")
    monkeypatch.setenv("PLACE_OF_TABLES", str(tmp_path))
    settings = {"column": "accuracy", "architecture_column": "cell", "class_column": None}
    assert len(AccuracyTable.read(LookupSettings(table="${PLACE_OF_TABLES}/table.csv", **settings))) == 1


@pytest.mark.parametrize(
    ("text", "story"),
    [
        ("", r"no column 'accuracy'; expected one of : set lookup.column"),
        ("cell,top1\na,1\n", r"no column 'accuracy'; expected one of cell, top1"),
        ("cell,accuracy\n", "a header and no row"),
        ("cell,accuracy\na,1\nb,high\n", "line 3: 'high' is no accuracy"),
        ("cell,accuracy\na,nan\n", "line 2: 'nan' is no accuracy"),
        ("cell,accuracy\na\n", "line 2: None is no accuracy"),
        ("cell,accuracy\na,1\na,2\n", "line 3: the architecture a stands there twice"),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path, text, story):
    with pytest.raises(InputError, match=story):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"no file .*absent\.csv"):
        AccuracyTable.read(LookupSettings(table=str(tmp_path / "absent.csv")))


@pytest.fixture(scope="module")
def benchmark() -> AccuracyTable:
    data = os.environ.get("DFNAS_DATA")
    if not data:
        pytest.skip("needs the benchmark's table: set DFNAS_DATA to the folder of the data")
    return AccuracyTable.read(LookupSettings(table=f"{data}/nas-bench-201/nats_bench.csv"))


def test_the_benchmark_is_the_published_one(benchmark):
    """Dong and Yang 2020: 15,625 cells of 6,466 isomorphism classes, the best 94.37 %, all skip connections 54.30 %."""
    assert (len(benchmark), len(set(benchmark.classes.values()))) == (15_625, 6_466)
    assert benchmark.best()[1].accuracy == pytest.approx(94.37, abs=0.01)
    assert benchmark.standing(ALL_SKIP).accuracy == pytest.approx(54.30, abs=0.01)
    expected = [benchmark.best_of(draws).mean.accuracy for draws in (10, 100)]
    assert expected == pytest.approx([93.10, 93.86], abs=0.02)  # as stated beside the data, from simulated draws


def test_what_the_table_has_learnt_nothing_stands_far_below_the_rest(benchmark):
    from dfnas.spaces.nasbench201 import NASBench201Space
    from dfnas.spaces.space import Task

    space = NASBench201Space(Task(3, 32, 10))
    parts = {True: [], False: []}
    for cell, accuracy in benchmark.accuracies.items():
        parts[space.learns_nothing(of_cell(cell))].append(accuracy)
    assert statistics.median(parts[True]) < 80 < 90 < statistics.median(parts[False])
