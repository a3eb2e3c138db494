"""Measure the forward pass of every network of the tables on this machine: its time, all networks in turn, so that
drift hits all alike, and the memory that it needs."""

import itertools
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from torch import nn

from dfnas.measure.latency import forward_seconds
from dfnas.measure.memory import peak_bytes
from dfnas.runtime.device import device_name
from dfnas.settings.evaluate import MeasureLatencySettings
from dfnas.spaces.space import Task
from dfnas.stages import artifacts
from dfnas.stages.artifacts import kind_of, load_network, load_teacher
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.stages.latencies import Latency, write_latencies
from dfnas.stages.runs import IDENTITY, TEACHER, identity_of

STAGE = Stage("measure_latency", __doc__, MeasureLatencySettings)
STAGE.argument(
    "--networks", type=Path, nargs="+", required=True, metavar="FILE", help="trained networks, and the teacher"
)
STAGE.output("--out", required=True, help="milliseconds and megabytes by network, CSV")

CPU = torch.device("cpu")


def measure_latency(job: Job[MeasureLatencySettings]) -> None:
    devices = dict.fromkeys([job.device, CPU])
    measured = (_measured(job.options.networks, device, job.settings) for device in devices)
    write_latencies(job.options.out, itertools.chain.from_iterable(measured))


def _measured(paths: Sequence[Path], device: torch.device, settings: MeasureLatencySettings) -> Iterator[Latency]:
    """Every network at every batch size on one device."""
    networks, shapes, runs = zip(*(_load(path, device) for path in paths), strict=True)
    machine = {"device": "gpu" if device.type == "cuda" else device.type, "device_name": device_name(device)}
    for batch_size in settings.batch_sizes:
        shape = (batch_size, *shapes[-1])  # all of them have one task
        times = forward_seconds(networks, shape, settings.repeats, settings.seconds)
        for run, network, seconds in zip(runs, networks, times, strict=True):
            low, middle, high = (1e3 * quartile for quartile in statistics.quantiles(seconds, n=4))
            yield Latency(
                **dict(zip(IDENTITY, run, strict=True)),
                **machine,
                threads=torch.get_num_threads(),
                batch_size=batch_size,
                passes=len(seconds),
                latency_ms=middle,
                quartile_1_ms=low,
                quartile_3_ms=high,
                peak_mb=peak_bytes(network, shape) / 1e6,
            )


def _load(path: Path, device: torch.device) -> tuple[nn.Module, tuple[int, ...], tuple[str, ...]]:
    """A network in evaluation mode, the shape (C, H, W) of an image that it takes, and its identity."""
    if kind_of(path) == artifacts.TEACHER:
        teacher = load_teacher(path, device)
        return teacher.network, (teacher.spec.channels, *teacher.spec.size), identity_of({"algorithm": TEACHER})
    network, archive = load_network(path, device)
    task = Task(**archive["architecture"]["task"])
    return network, (task.channels, *task.size), identity_of(archive["provenance"]["arguments"])


if __name__ == "__main__":
    sys.exit(STAGE.main(measure_latency))
