"""What sizes of untrained networks and of noise do for the training-free scores that searches rank by.

    python benchmarks/ranks_sizes.py --table nats_bench.csv

On random cells of NAS-Bench-201: core-seconds a cell for AZ-NAS' three proxies and SynFlow, and Kendall's tau with true
accuracies, means of CIFAR-100 and ImageNet16-120: of AZ-NAS with SynFlow as published, of the preset's `ranks` without
a supernet, and of the latter within the best quarter.
"""

import argparse
import csv
import sys
import time

import numpy as np
import torch

from dfnas.measure.accuracy_table import AccuracyTable
from dfnas.measure.rank_aggregation import AGGREGATES, sum_of_log_ranks, with_vetoes
from dfnas.measure.rank_correlation import kendall_tau, top_tau
from dfnas.search.budget import Budget
from dfnas.search.ranks import further_scores
from dfnas.search.uniform import different_architectures
from dfnas.settings.lookup import LookupSettings
from dfnas.settings.ranks import RanksSettings
from dfnas.settings.search import BudgetSettings, SpaceSettings
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task

COLUMNS = ("CIFAR100TestAccuracy200Epochs", "ImageNetTestAccuracy200Epochs")
SIZES = ((5, 16, 1, 64), (5, 16, 1, 16), (5, 16, 2, 16), (5, 8, 2, 64), (3, 8, 2, 64), (2, 16, 2, 32), (2, 8, 2, 64))
"""Cells a stage, channels, downscale of 32 pixels, images at once."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", required=True, help="true accuracies, CSV")
    parser.add_argument("--seed", type=int, default=10)
    parser.add_argument("--cells", type=int, default=200)
    options = parser.parse_args()
    torch.set_num_threads(1)
    space = make("nasbench201", Task(3, 32, 10), {})
    cells = different_architectures(Budget(space, BudgetSettings()), options.seed, options.cells)
    tables = [AccuracyTable.read(LookupSettings(table=options.table), column) for column in COLUMNS]
    truths = [[table.standing(space.to_string(cell)).accuracy for cell in cells] for table in tables]
    writer = csv.writer(sys.stdout)
    writer.writerow(
        ["cells_per_stage", "channels", "pixels", "images", "seconds", "az_nas_synflow", "ranks", "ranks_top"]
    )
    for cells_per_stage, channels, downscale, images in SIZES:
        sizes = {"cells_per_stage": cells_per_stage, "channels": channels}
        ranks = RanksSettings(network_options=sizes, downscale=downscale, batch_size=images)
        scorer = further_scores(ranks, SpaceSettings(name="nasbench201"), space, options.seed, torch.device("cpu"))
        begun = time.process_time()
        proxies = [scorer.proxies_of(cell) for cell in cells]
        seconds = (time.process_time() - begun) / len(cells)
        scores = {name: [one[name] for one in proxies] for name in proxies[0]}
        scores["macs_m"] = [float(space.macs(cell)) for cell in cells]
        published = sum_of_log_ranks([scores[term] for term in AGGREGATES["az_nas_synflow"]]).tolist()
        ours = with_vetoes(scores).tolist()
        pairs = ((kendall_tau, published), (kendall_tau, ours), (top_tau, ours))
        figures = [np.mean([measure(values, truth) for truth in truths]) for measure, values in pairs]
        row = (cells_per_stage, channels, 32 // downscale, images, f"{seconds:.3f}")
        writer.writerow([*row, *(f"{figure:.3f}" for figure in figures)])
        sys.stdout.flush()


if __name__ == "__main__":
    main()
