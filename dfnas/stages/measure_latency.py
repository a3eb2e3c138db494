"""Measure the forward pass of every network of the tables on this machine: its time, all networks in turn, so that
drift hits all alike, and the memory that it needs."""

import itertools
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from dfnas.artifacts import archives
from dfnas.artifacts.identity import TEACHER, Identity
from dfnas.artifacts.latency import Latency
from dfnas.artifacts.network import load_network
from dfnas.artifacts.teacher import load_teacher
from dfnas.measure.latency import forward_seconds
from dfnas.measure.memory import peak_bytes
from dfnas.runtime.device import device_name
from dfnas.settings.evaluate import MeasureLatencySettings
from dfnas.spaces.space import Task
from dfnas.stages.command import Stage
from dfnas.stages.job import Job

STAGE = Stage("measure_latency", __doc__, MeasureLatencySettings)
STAGE.argument(
    "--networks", type=Path, nargs="+", required=True, metavar="FILE", help="trained networks, and the teacher"
)
STAGE.output("--out", required=True, help="milliseconds and megabytes by network, CSV")

CPU = torch.device("cpu")


def measure_latency(job: Job[MeasureLatencySettings]) -> None:
    devices = dict.fromkeys([job.device, CPU])
    measured = (_measured(job.options.networks, device, job.settings) for device in devices)
    Latency.write(job.options.out, itertools.chain.from_iterable(measured))


def _measured(paths: Sequence[Path], device: torch.device, settings: MeasureLatencySettings) -> Iterator[Latency]:
    """Every network at every batch size on one device."""
    networks, shapes, identities = zip(*(_load(path, device) for path in paths), strict=True)
    machine: dict[str, Any] = {
        "device": "gpu" if device.type == "cuda" else device.type,
        "device_name": device_name(device),
    }
    for batch_size in settings.batch_sizes:
        shape = (batch_size, *shapes[-1])  # all of them have one task
        times = forward_seconds(networks, shape, settings.repeats, settings.seconds)
        for identity, network, seconds in zip(identities, networks, times, strict=True):
            low, middle, high = (1e3 * quartile for quartile in statistics.quantiles(seconds, n=4))
            yield Latency(
                **identity._asdict(),
                **machine,
                threads=torch.get_num_threads(),
                batch_size=batch_size,
                passes=len(seconds),
                latency_ms=middle,
                quartile_1_ms=low,
                quartile_3_ms=high,
                peak_mb=peak_bytes(network, shape) / 1e6,
            )


def _load(path: Path, device: torch.device) -> tuple[nn.Module, tuple[int, ...], Identity]:
    """A network in evaluation mode, the shape (C, H, W) of an image that it takes, and its identity."""
    if archives.kind_of(path) == archives.TEACHER:
        teacher = load_teacher(path, device)
        return teacher.network, (teacher.spec.channels, *teacher.spec.size), Identity(TEACHER)
    trained = load_network(path, device)
    task = Task(**trained.architecture["task"])
    return trained.network, (task.channels, *task.size), trained.training.arguments.identity


if __name__ == "__main__":
    sys.exit(STAGE.main(measure_latency))
