"""Gather the figures of all networks into Table 1: mean and standard deviation over the seeds of every row.

The table holds what two runs on one type of machine agree on to the byte. What they cannot agree on, hours, joules and
milliseconds, goes to a second file with the same rows; the accuracies of single classes to a third.
"""

import sys
from pathlib import Path

from dfnas.artifacts.latency import read_latencies
from dfnas.artifacts.metrics import read_metrics
from dfnas.artifacts.per_class import ClassAccuracy
from dfnas.artifacts.table1 import Table1Row
from dfnas.artifacts.table1_times import CostRow
from dfnas.artifacts.timing import Timing
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.tables.class_accuracies import class_accuracies
from dfnas.tables.costs import costs_of
from dfnas.tables.rows import by_row, row_of

STAGE = Stage("table1", __doc__, None)
STAGE.argument("--metrics", type=Path, nargs="+", required=True, metavar="FILE", help="figures, one file per network")
STAGE.argument("--timings", type=Path, nargs="*", default=[], metavar="FILE", help="seconds and joules by run, JSON")
STAGE.argument("--latency", type=Path, required=True, metavar="FILE", help="milliseconds by network, CSV")
STAGE.output("--out", required=True, help="the table, CSV")
STAGE.output("--times", required=True, help="what each row costs, CSV")
STAGE.output("--classes", required=True, help="accuracy by row and class, CSV")


def table1(job: Job[None]) -> None:
    options = job.options
    latencies, timings = read_latencies(options.latency), [Timing.read(path) for path in options.timings]
    groups = by_row(map(read_metrics, options.metrics))
    identities = {key: [one.identity for one in networks] for key, networks in groups.items()}
    costs = [
        costs_of(key, row, timings, [latencies.get(network, []) for network in row]) for key, row in identities.items()
    ]
    ClassAccuracy.write(options.classes, class_accuracies(groups))
    CostRow.write(options.times, costs)
    Table1Row.write(options.out, map(row_of, groups.values()))


if __name__ == "__main__":
    sys.exit(STAGE.main(table1))
