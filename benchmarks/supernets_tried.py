"""What was tried to make SPOS' supernets order architectures better, by rank correlations with true accuracies.

    cd results/nasbench201
    python …/benchmarks/supernets_tried.py --table nats_bench.csv --data synthetic=dataset/synthetic.h5
    python …/benchmarks/supernets_tried.py --table nats_bench.csv --teacher teacher/teacher.pt --data \
        noise=dataset/noise.h5 asked:original=dataset/original.h5 synthetic=dataset/synthetic.h5 \
        --trial uniform "strict, temperature 8" "uniform, temperature 8"

The second gives every kind of data the same effort; images of `asked:…` get the labels that the teacher has for them.

Settings are those of workflow/presets/nasbench201.yaml, but for what a trial changes; training takes about as many
core-seconds in each. Columns are CIFAR-100 and ImageNet16-120, of which means are given, and the seed is none of the
preset's: its table is of CIFAR-10. Random cells are the same for all; `minus_strict` is the difference in tau to the
supernet of the preset by the same word, with a 95 % bootstrap over cells. Words are the loss and the error on held-out
images; `with_ranks` is tau of what the preset's `ranks` make of a word, and `ranks` alone has none.
"""

import argparse
import csv
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml

from dfnas.artifacts.teacher import load_teacher
from dfnas.dataset.images import ImageSet, load_split
from dfnas.dataset.relabelling import relabelled
from dfnas.measure.accuracy_table import AccuracyTable
from dfnas.measure.rank_aggregation import with_vetoes
from dfnas.measure.rank_correlation import kendall_tau, partial_tau, top_tau
from dfnas.search.budget import Budget
from dfnas.search.context import SearchContext
from dfnas.search.ranks import further_scores
from dfnas.search.spos import SposSearch, SposSupernet
from dfnas.search.supernet import Trained
from dfnas.search.uniform import different_architectures
from dfnas.settings.lookup import LookupSettings
from dfnas.settings.search import BudgetSettings
from dfnas.settings.search_spos import SearchSposSettings
from dfnas.spaces.registry import make
from dfnas.spaces.space import Space, Task

PRESET = Path(__file__).resolve().parents[1] / "workflow" / "presets" / "nasbench201.yaml"
COLUMNS = ("CIFAR100TestAccuracy200Epochs", "ImageNetTestAccuracy200Epochs")
TRIALS: dict[str, dict[str, Any]] = {
    "strict": {},
    "uniform": {"sampling": "uniform", "steps": 10_000},
    "strict, temperature 4": {"temperature": 4.0},
    "strict, temperature 8": {"temperature": 8.0},
    "strict, temperature 11": {"temperature": 11.0},
    "strict, temperature 16": {"temperature": 16.0},
    "uniform, temperature 8": {"sampling": "uniform", "steps": 10_000, "temperature": 8.0},
    "strict, classes": {"labels": "hard"},
    "strict, rate 0.1": {"lr": 0.1},
    "strict, rate 0.4": {"lr": 0.4},
    "strict, batches of 64": {"batch_size": 64, "steps": 4000, "lr": 0.1},
    "strict, batches of 256": {"batch_size": 256, "steps": 1000},
    "strict, 16 pixels": {"downscale": 2, "batch_size": 64, "steps": 1000, "lr": 0.1},
    "strict, 16 channels": {"steps": 1000, "space": {"search_channels": 16}},
    "strict, affine": {"space": {"search_affine": True}},
}
FIGURES = ("tau", "partial_tau", "top_tau", "minus_strict", "low", "high", "with_ranks", "top_with_ranks")
FIELDS = ("data", "trial", "word", "seed", "cells", *FIGURES, "train_s", "judge_s")
DRAWS = 1000


def preset(changes: dict[str, Any]) -> SearchSposSettings:
    """The section of the preset with what a trial changes."""
    values = yaml.safe_load(PRESET.read_text())["search_spos"]
    values["space"]["options"] |= changes.get("space", {})
    return SearchSposSettings.parse(values | {key: value for key, value in changes.items() if key != "space"})


def images(named: str, teacher: str) -> tuple[ImageSet, ImageSet]:
    """Training and held-out images of a `NAME=FILE` or `asked:NAME=FILE`."""
    kind, _, path = named.partition("=")
    train, validation = (load_split(Path(path), split, torch.device("cpu")) for split in ("train", "validation"))
    if not kind.startswith("asked:"):
        return train, validation
    asked = load_teacher(Path(teacher), torch.device("cpu"))
    return relabelled(train, asked), relabelled(validation, asked)


def judged(
    trial: str, data: tuple[ImageSet, ImageSet], seed: int, cells: Sequence[dict[str, str]]
) -> tuple[dict[str, np.ndarray], float, float]:
    """Minus loss and minus error of every cell, and seconds of training and of judging a cell."""
    settings = preset(TRIALS[trial] | {"ranks": None, "judge_by": "loss"})
    train, validation = data
    space = make(settings.space.name, Task(train.channels, train.size, train.classes), settings.space.options)
    context = SearchContext(space, train, validation, seed, Budget(space, BudgetSettings()))
    begun = time.process_time()
    supernet = SposSupernet(context, settings)
    for index in range(supernet.steps):
        supernet.step(index)
    trained = time.process_time()
    search = SposSearch(context, settings, Trained(supernet.network, {}, supernet.report()))
    scores = [search.score(cell) for cell in cells]
    done = time.process_time()
    words = {"loss": [-score.key[0] for score in scores], "error": [-float(score.top1_error or 0) for score in scores]}
    arrays = {name: np.array(values) for name, values in words.items()}
    return arrays, trained - begun, (done - trained) / len(cells)


def drawn(options: argparse.Namespace) -> tuple[Space, list[dict[str, str]]]:
    """The space in its final size, and cells of it."""
    space = make("nasbench201", Task(3, 32, 10), {})
    return space, different_architectures(Budget(space, BudgetSettings()), options.seed, options.cells)


def over_columns(measure: Any, scores: np.ndarray, truths: Sequence[np.ndarray]) -> float:
    """Mean of a correlation over the columns."""
    return float(np.mean([measure(scores.tolist(), truth.tolist()) for truth in truths]))


def difference(one: np.ndarray, other: np.ndarray, truths: Sequence[np.ndarray]) -> tuple[float, float, float]:
    """Of two taus, with its interval."""
    rng, found = np.random.default_rng(0), []
    for _ in range(DRAWS):
        chosen = rng.integers(len(one), size=len(one))
        there = [truth[chosen] for truth in truths]
        found.append(over_columns(kendall_tau, one[chosen], there) - over_columns(kendall_tau, other[chosen], there))
    estimate = over_columns(kendall_tau, one, truths) - over_columns(kendall_tau, other, truths)
    return (estimate, *(float(end) for end in np.quantile(found, (0.025, 0.975))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="+", required=True, metavar="[asked:]NAME=FILE", help="HDF5 of the preset")
    parser.add_argument("--teacher", default="", metavar="FILE", help="of the preset, for what it is asked about")
    parser.add_argument("--table", required=True, help="true accuracies, CSV")
    parser.add_argument("--trial", nargs="+", choices=TRIALS, help="beside `strict` (default: all)")
    parser.add_argument("--seed", type=int, default=10)
    parser.add_argument("--cells", type=int, default=500)
    options = parser.parse_args()
    torch.set_num_threads(1)
    space, cells = drawn(options)
    tables = [AccuracyTable.read(LookupSettings(table=options.table), column) for column in COLUMNS]
    truths = [np.array([table.standing(space.to_string(cell)).accuracy for cell in cells]) for table in tables]
    macs = [float(space.macs(cell)) for cell in cells]
    writer = csv.DictWriter(sys.stdout, FIELDS)
    writer.writeheader()
    told = preset({})
    assert told.ranks is not None, "the preset ranks"
    scorer = further_scores(told.ranks, told.space, space, options.seed, torch.device("cpu"))
    proxies = [scorer.proxies_of(cell) for cell in cells]
    further = {"macs_m": macs, **{name: [one[name] for one in proxies] for name in proxies[0]}}
    first: dict[str, np.ndarray] = {}

    def write(kind: str, trial: str, name: str, word: np.ndarray | None, seconds: Sequence[str]) -> None:
        figures, columns = [""] * 6, dict(further)
        if word is not None:
            partial = over_columns(lambda one, other: partial_tau(one, other, macs), word, truths)
            alone = (over_columns(kendall_tau, word, truths), partial, over_columns(top_tau, word, truths))
            figures = [f"{each:.3f}" for each in (*alone, *difference(word, first[name], truths))]
            columns["own"] = word.tolist()
        both = with_vetoes(columns)
        together = [f"{over_columns(measure, both, truths):.3f}" for measure in (kendall_tau, top_tau)]
        line = (kind, trial, name, options.seed, len(cells), *figures, *together, *seconds)
        writer.writerow(dict(zip(FIELDS, line, strict=True)))
        sys.stdout.flush()

    write("", "ranks", "none", None, ("", ""))
    for named in options.data:
        kind, data = named.partition("=")[0], images(named, options.teacher)
        for trial in dict.fromkeys(["strict", *(options.trial or TRIALS)]):
            words, train_s, judge_s = judged(trial, data, options.seed, cells)
            first = words if trial == "strict" else first
            for name, word in words.items():
                write(kind, trial, name, word, (f"{train_s:.0f}", f"{judge_s:.3f}"))


if __name__ == "__main__":
    main()
