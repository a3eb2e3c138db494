"""Time the forward pass of every network of the tables on this machine, in turn, so that drift hits all alike."""

import statistics
import sys
from pathlib import Path

from dfnas.measure.latency import forward_seconds
from dfnas.runtime.files import write_csv
from dfnas.settings.evaluate import MeasureLatencySettings
from dfnas.spaces.space import Task
from dfnas.stages.artifacts import TEACHER, kind_of, load_network, load_teacher
from dfnas.stages.command import Job, Stage

STAGE = Stage("measure_latency", __doc__, MeasureLatencySettings)
STAGE.argument(
    "--networks", type=Path, nargs="+", required=True, metavar="FILE", help="trained networks, and the teacher"
)
STAGE.argument("--out", type=Path, required=True, metavar="FILE", help="milliseconds by network, CSV")


def measure_latency(job: Job) -> None:
    settings: MeasureLatencySettings = job.settings
    networks, shape = [], ()
    for path in job.options.networks:
        if kind_of(path) == TEACHER:
            teacher = load_teacher(path, job.device)
            networks.append(teacher.network)
            spec = teacher.spec
            shape = (settings.batch_size, spec.channels, *spec.size)
        else:
            network, archive = load_network(path, job.device)
            networks.append(network)
            task = Task(**archive["architecture"]["task"])
            shape = (settings.batch_size, task.channels, *task.size)
    rows = []
    for path, seconds in zip(job.options.networks, forward_seconds(networks, shape, settings.repeats), strict=True):
        low, middle, high = (1e3 * q for q in statistics.quantiles(seconds, n=4))
        times = {"latency_ms": f"{middle:.4f}", "quartile_1_ms": f"{low:.4f}", "quartile_3_ms": f"{high:.4f}"}
        rows.append({"network": str(path), **times})
    write_csv(job.options.out, rows[0], rows)


if __name__ == "__main__":
    sys.exit(STAGE.main(measure_latency))
