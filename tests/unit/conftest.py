"""Small things that the unit tests share: image sets, spaces, files with a flipped bit."""

import multiprocessing
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import torch

from dfnas.dataset.images import ImageSet
from dfnas.spaces.registry import make
from dfnas.spaces.space import Space, Task

hypothesis.settings.register_profile("repeatable", deadline=None, derandomize=True, max_examples=50)
hypothesis.settings.load_profile("repeatable")

TASK = Task(channels=1, size=8, classes=3)
CELLS = {"channels": 2, "search_channels": 2, "cells": 3, "search_cells": 3, "nodes": 2}
CHAIN = {"stem_width": 4, "stem_stride": 1, "widths": [4, 8], "depths": [2, 1], "strides": [1, 2], "last_width": 8}
SPACES = {
    "darts": CELLS,
    "mbconv": CHAIN | {"first_width": 4, "kernels": [3, 5], "expansions": [2]},
    "shufflenet": CHAIN | {"widths": [8, 16]},
    "nasbench201": {"channels": 2, "cells_per_stage": 1},
}
"""The four spaces at sizes that take milliseconds a step."""


@pytest.fixture(scope="session")
def make_space() -> Callable[[str, Task], Space]:
    """One of the four for another task."""
    return lambda name, task: make(name, task, SPACES[name])


@pytest.fixture(scope="session")
def spaces() -> dict[str, Space]:
    return {name: make(name, TASK, options) for name, options in SPACES.items()}


@pytest.fixture(scope="session")
def make_images() -> Callable[..., ImageSet]:
    """Bright, dark and striped images with a little noise: easy to tell apart; soft labels lean to the class."""

    def make_image_set(count: int = 48, side: int = 10, size: int = 8, soft: bool = True, seed: int = 0) -> ImageSet:
        rng = torch.Generator().manual_seed(seed)
        targets = torch.arange(count) % 3
        stripes = (torch.arange(side) % 2 * 255.0).expand(side, side)
        plain = torch.stack([torch.full((side, side), 40.0), torch.full((side, side), 215.0), stripes])
        noise = 20 * torch.randn(count, side, side, generator=rng)
        images = (plain[targets] + noise).clamp(0, 255).to(torch.uint8)[:, None]
        labels = torch.nn.functional.one_hot(targets, 3).float()
        if soft:
            labels = 0.8 * labels + 0.2 * torch.rand(count, 3, generator=rng).softmax(1)
        return ImageSet(images, labels, targets, (size, size), (0.5,), (0.25,))

    return make_image_set


@pytest.fixture(scope="session")
def side_by_side() -> Callable[..., list[Any]]:
    """side_by_side(work, count, data, folder, seconds): what `work(rank, data, folder)`, called in as many processes,
    leaves at `rank-{rank}.pt` of the folder."""

    def run(work: Callable, count: int, data: Any, folder: Path, seconds: float) -> list[Any]:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["torch", "torch.distributed", "torchvision"])
        started = [context.Process(target=work, args=(rank, data, folder), daemon=True) for rank in range(count)]
        for process in started:
            process.start()
        for process in started:
            process.join(seconds)
        assert [process.exitcode for process in started] == [0] * count
        return [torch.load(folder / f"rank-{rank}.pt", weights_only=True) for rank in range(count)]

    return run


@pytest.fixture(scope="session")
def flipped() -> Callable[[Path, int], Iterator[None]]:
    """flipped(path, count): for each step the file with another single bit flipped (seeded), in the end as it was."""

    def flips(path: Path, count: int) -> Iterator[None]:
        good, rng = path.read_bytes(), random.Random(count)
        for _ in range(count):
            bad = bytearray(good)
            bad[rng.randrange(len(bad))] ^= 1 << rng.randrange(8)
            path.write_bytes(bad)
            yield
        path.write_bytes(good)

    return flips
