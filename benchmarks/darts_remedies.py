"""What each remedy against DARTS' collapse is worth on NAS-Bench-201: the true accuracy of the cells that it finds.

    python benchmarks/darts_remedies.py --data results/nasbench201/dataset/synthetic.h5 --table nats_bench.csv --seed 10

Settings are those of workflow/presets/nasbench201.yaml, without the remedy that the preset itself chooses, and with ten
times the published `arch_lr` but where a row is named for it. The searches
see the given data set alone; the table judges. `seconds` are of this process, on one thread.
"""

import argparse
import csv
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import torch
import yaml

from dfnas.dataset.images import load_split
from dfnas.measure.accuracy_table import AccuracyTable
from dfnas.search.budget import Budget
from dfnas.search.context import SearchContext
from dfnas.search.darts import DartsSupernet
from dfnas.settings.lookup import LookupSettings
from dfnas.settings.search_darts import SearchDartsSettings
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task

PRESET = Path(__file__).resolve().parents[1] / "workflow" / "presets" / "nasbench201.yaml"
PLAIN = {"train_architecture": True, "selection": {"by": "strength"}, "arch_lr": 3e-3, "lr_min": 1e-3}
PERTURBATION = {"selection": {"by": "perturbation", "tune_epochs": 2.0, "lr_share": 0.2}}
REMEDIES: dict[str, dict[str, Any]] = {
    "none": {},
    "second order": {"order": 2},
    "published rate": {"arch_lr": 3e-4},
    "second order, published rate": {"order": 2, "arch_lr": 3e-4},
    "weights first": {"arch_warmup_epochs": 15},
    "skips": {"stop": {"by": "skips", "skips": 2}},
    "eigenvalue": {"stop": {"by": "eigenvalue"}},
    "partial channels": {"edge_normalisation": True, "arch_warmup_epochs": 15},
    "perturbation": PERTURBATION,
    "perturbation, uniform": {"train_architecture": False} | PERTURBATION,
}
FIELDS = ("remedy", "seed", "accuracy", "rank", "skips", "epoch", "seconds", "cell")


def searched(remedy: str, seed: int, options: argparse.Namespace, table: AccuracyTable) -> dict[str, Any]:
    """One search, and what the table says of its cell."""
    begun = time.process_time()
    values = yaml.safe_load(PRESET.read_text())["search_darts"]
    if remedy == "partial channels":
        values["space"]["options"] |= {"search_partial_channels": 4}
    settings = SearchDartsSettings.parse(values | PLAIN | REMEDIES[remedy])
    train, validation = (load_split(options.data, split, torch.device("cpu")) for split in ("train", "validation"))
    space = make(settings.space.name, Task(train.channels, train.size, train.classes), settings.space.options)
    search = DartsSupernet(SearchContext(space, train, validation, seed, Budget(space, settings.budget)), settings)
    done = 0
    while done < search.steps:  # which stopping early lowers
        search.step(done)
        done += 1
    cell, report = space.to_string(search.architecture()), search.report()
    standing = table.standing(cell)
    return {
        "remedy": remedy,
        "seed": seed,
        "accuracy": f"{standing.accuracy:.2f}",
        "rank": standing.rank,
        "skips": f"{report['skip_share']:.2f}",
        "epoch": report["epoch"],
        "seconds": f"{time.process_time() - begun:.0f}",
        "cell": cell,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="a data set as the preset leaves it, HDF5")
    parser.add_argument("--table", required=True, help="true accuracies, CSV")
    parser.add_argument("--remedy", action="append", choices=REMEDIES, help="may be repeated (default: all)")
    parser.add_argument("--seed", action="append", type=int, help="may be repeated (default: 10, 11, 12)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    table = AccuracyTable.read(LookupSettings(table=options.table))
    writer = csv.DictWriter(sys.stdout, FIELDS)
    writer.writeheader()
    for remedy in options.remedy or REMEDIES:
        rows = []
        for seed in options.seed or (10, 11, 12):
            rows.append(searched(remedy, seed, options, table))
            writer.writerow(rows[-1])
            sys.stdout.flush()
        mean = statistics.fmean(float(row["accuracy"]) for row in rows)
        print(f"# {remedy}: mean {mean:.2f}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
