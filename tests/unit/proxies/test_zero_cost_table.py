"""Training-free scores on Gaussian noise against those that the published code gave for the same cells. Weights are
random there and here: ranks are compared, of the scores whose ranks depend little on them."""

import csv
import os
from pathlib import Path

import pytest
import torch
from scipy.stats import spearmanr

from dfnas.measure.rank_aggregation import sum_of_log_ranks
from dfnas.proxies.inputs import noise_batches
from dfnas.proxies.scoring import Scorer
from dfnas.spaces.nasbench201 import NASBench201Space
from dfnas.spaces.space import Task

DATA = os.environ.get("DFNAS_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="needs the scores of cells: set DFNAS_DATA to their folder")
CELLS = 8
DEEP = {"expressivity": "az_expressivity", "progressivity": "az_progressivity", "trainability": "az_trainability"}
DEEP |= {"synflow": "synflow", "naswot": "naswot"}
SHALLOW = {"zico": "zico_n1"}


@pytest.mark.slow
def test_cells_have_the_ranks_that_the_published_code_gives_them():
    with (Path(DATA) / "nas-bench-201" / "zero_cost_200.csv").open() as file:
        rows = list(csv.DictReader(file))[:CELLS]
    task = Task(3, 32, 10)
    space, shallow = NASBench201Space(task), NASBench201Space(task, cells_per_stage=1)
    batches = noise_batches(task, 64, 0, torch.device("cpu"))
    cells = [row["cell"].replace("+", "").strip("|").replace("||", "|").split("|") for row in rows]
    drawn = [dict(zip(space.choices, (edge.split("~")[0] for edge in cell), strict=True)) for cell in cells]
    assert [space.to_string(one) for one in drawn] == [row["cell"] for row in rows]
    ours = {name: [] for name in DEEP | SHALLOW}
    for scored, names in ((space, DEEP), (shallow, SHALLOW)):
        scorer = Scorer(space, scored, list(names), batches, 0)
        for one in drawn:
            found = scorer.of(one)
            for name in names:
                ours[name].append(found[name])
    for name, column in (DEEP | SHALLOW).items():
        theirs = [float(row[column]) for row in rows]
        ranks = [sum_of_log_ranks([scores]) for scores in (ours[name], theirs)]  # some scores are -inf
        assert spearmanr(*ranks).statistic > 0.85, name
