"""Time every option of a search space on this machine, for searches that limit milliseconds or learn with them."""

import sys

import torch

from dfnas.artifacts.latency_table import FORMAT, LatencyTable, WholeNetworks, rounded, subject_of, times_of
from dfnas.runtime.device import device_name
from dfnas.runtime.seeds import python_random
from dfnas.settings.evaluate import MeasureOptionsSettings
from dfnas.settings.search import SpaceSettings
from dfnas.spaces.names import reference
from dfnas.spaces.option_latency import time_options
from dfnas.spaces.registry import make
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.stages.options import add_task, section, task_of

STAGE = Stage("measure_options", __doc__, MeasureOptionsSettings)
add_task(STAGE)
STAGE.argument(
    "--space", type=section, required=True, metavar="JSON", help="name and options, as in a search's section"
)
STAGE.output("--out", required=True, help="the latency table, JSON")


def measure_options(job: Job[MeasureOptionsSettings]) -> None:
    options, settings = job.options, job.settings
    described = SpaceSettings.parse(options.space, "space")
    space = make(described.name, task_of(options), described.options)
    architectures = [space.sample(python_random(0, "latency", i)) for i in range(settings.networks)]
    found = time_options(space, architectures, job.device, settings.batch_size, settings.repeats)
    job.reads(code=[reference(described.name)])
    LatencyTable(
        format=FORMAT,
        **subject_of(described, space),
        **times_of(space, found.table),
        device=device_name(job.device),
        threads=torch.get_num_threads(),
        batch_size=settings.batch_size,
        distinct_options=found.distinct,
        spread=rounded(found.spread),
        networks=WholeNetworks(
            measured_ms=[rounded(ms) for ms in found.network_ms],
            predicted_ms=[rounded(ms) for ms in found.predicted_ms],
            relative_error=rounded(found.relative_error),
        ),
        provenance=job.provenance(),
    ).write(options.out)


if __name__ == "__main__":
    sys.exit(STAGE.main(measure_options))
