"""What a trial finds, and what several trials ask: the seconds of a look at an image, settings for other batches."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import nn

from dfnas.classifiers.teacher import Teacher
from dfnas.doctor.bench import Bench
from dfnas.measure.accuracy import logits_of
from dfnas.settings.base import Settings


@dataclass(frozen=True)
class JobCost:
    """What one job of a rule takes."""

    rule: str
    key: str
    """The wildcards that tell its jobs apart, joined by `/`; empty where they are alike."""
    seconds: float
    """After it is set up."""
    bytes: float = 0.0
    """That it leaves."""
    undivided: float = 0.0
    """More seconds, of what each of several processes does by itself."""

    def plain(self) -> dict[str, Any]:
        return asdict(self)


def network_image(bench: Bench, network: nn.Module, data: str) -> float:
    size = bench.sizes[data]
    views = torch.rand(bench.config.evaluate.batch_size, size.channels, *size.size, device=bench.device)
    views = views.contiguous(memory_format=torch.channels_last)
    network = network.to(memory_format=torch.channels_last)
    return bench.image_seconds(lambda part: logits_of(network, [part]), views)


def teacher_image(bench: Bench, teacher: Teacher, data: str) -> float:
    return network_image(bench, teacher.network, data)


def of_batch(settings: Any, count: int) -> Settings:
    return settings.model_copy(update={"batch_size": count})
