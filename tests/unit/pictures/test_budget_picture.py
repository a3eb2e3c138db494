"""The plot of regret against budget: what it joins, and what it shows of whom."""

from io import BytesIO

import pytest
from PIL import Image

from dfnas.artifacts.budgets import BudgetRow
from dfnas.pictures.budgets import LEAST, budget_panel, budgets_png
from dfnas.pictures.figures import blank
from dfnas.pictures.palette import data_colours

BUDGETS = [("10 M MACs", 10, 0), ("20 M MACs", 20, 0), ("no limit", 0, 0)]


def row(found_by: str, name: str, regret: float, place: int = 0, data: str = "none", **more) -> BudgetRow:
    label, macs, params = BUDGETS[place] if place < 3 else ("1 M parameters", 0, 1)
    limits = {"budget": label, "max_macs_m": macs, "max_params_m": params, "max_latency_ms": 0}
    figures = {"accuracy_mean": 90 - regret, "regret_mean": regret}
    defaults = {"column": "top1"}
    return BudgetRow(
        **defaults | limits | figures | {"found_by": found_by, "algorithm": name, "search_data": data} | more
    )


ROWS = [
    *(row("yardstick", "largest", 5.0 - place, place) for place in range(3)),
    *(row("search", "spos", 2.0, place, "synthetic", regret_low=-1.0, regret_high=3.0) for place in range(3)),
    *(row("search", "spos", 0.0, place, "original") for place in range(3)),
    *(row("proxy", "az_nas", 1.5, place) for place in range(3)),
    *(row("proxy", "grad_norm", 9.0, place) for place in range(3)),
]


def panel(rows):
    axes = blank(5, 4).add_subplot()
    budget_panel(axes, rows, "spos", data_colours(["synthetic", "original"]), "^")
    return axes


def test_searches_yardsticks_and_the_aggregate_are_lines_over_the_budgets():
    lines = [line.get_ydata().tolist() for line in panel(ROWS).lines if len(line.get_xdata()) == 3]
    assert lines == [[5, 4, 3], [1.5] * 3, [2] * 3, [LEAST] * 3]  # no regret has no logarithm


def test_an_interval_is_a_whisker_that_ends_where_the_axis_begins():
    whiskers = [list(line.get_ydata()) for line in panel(ROWS).lines if len(line.get_xdata()) == 2]
    assert whiskers == [[LEAST, 3.0]] * 3


def test_budgets_that_limit_something_else_are_not_joined():
    rows = [row("search", "spos", 1.0, place, "synthetic") for place in (0, 1, 3)]
    assert [len(line.get_xdata()) for line in panel(rows).lines] == [2, 1]


@pytest.mark.parametrize("rows", [ROWS, ROWS[:3], [*ROWS, *(one.model_copy(update={"column": "b"}) for one in ROWS)]])
def test_there_is_a_picture_of_any_rows(rows):
    assert Image.open(BytesIO(budgets_png(rows))).size[0] >= 1000
