"""Gather the figures of all networks into Table 1: mean and standard deviation over the seeds of every row.

The table holds what two runs on one type of machine agree on to the byte. What they cannot agree on, hours, joules and
milliseconds, goes to a second file with the same rows; the accuracies of single classes to a third.
"""

import sys
from pathlib import Path

from dfnas.runtime.files import write_csv
from dfnas.stages.class_accuracies import FIGURE, write_class_accuracies
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.stages.latencies import read_latencies
from dfnas.stages.rows import COLUMNS, KEYS, by_row, read_figures, row_of
from dfnas.stages.runs import identity_of
from dfnas.stages.times import read_timing, times_of

STAGE = Stage("table1", __doc__, None)
STAGE.argument("--metrics", type=Path, nargs="+", required=True, metavar="FILE", help="figures, one file per network")
STAGE.argument("--timings", type=Path, nargs="*", default=[], metavar="FILE", help="seconds and joules by run, JSON")
STAGE.argument("--latency", type=Path, required=True, metavar="FILE", help="milliseconds by network, CSV")
STAGE.output("--out", required=True, help="the table, CSV")
STAGE.output("--times", required=True, help="what each row costs, CSV")
STAGE.output("--classes", required=True, help="accuracy by row and class, CSV")


def table1(job: Job[None]) -> None:
    options = job.options
    latencies, timings = read_latencies(options.latency), [read_timing(path) for path in options.timings]
    groups = by_row(read_figures(path, {FIGURE: list[float]}) for path in options.metrics)
    rows, times = [], []
    for key, runs in groups.items():
        names = dict(zip(KEYS, key, strict=True))
        rows.append(names | row_of(runs))
        times.append(names | times_of(runs, timings, [latencies.get(identity_of(run), []) for run in runs]))
    write_class_accuracies(options.classes, groups)
    write_csv(options.times, dict.fromkeys(name for row in times for name in row), times)
    write_csv(options.out, COLUMNS, rows)


if __name__ == "__main__":
    sys.exit(STAGE.main(table1))
