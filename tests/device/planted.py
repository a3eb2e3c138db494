"""Three bugs such as people make who have no GPU. On a CPU nothing shows them."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from unittest import mock

import torch

from dfnas.dataset.batch_targets import StoredLabels
from dfnas.training.descent import Descent


@contextmanager
def tensor_of_the_cpu() -> Iterator[None]:
    """Targets are smoothed towards a distribution that is made anew, and where tensors are made by default."""
    plain = StoredLabels.__call__

    def smoothed(self, indices, views):
        targets = plain(self, indices, views)
        return torch.lerp(targets, torch.full(targets.shape, 1 / targets.shape[1]), 0.0)

    with mock.patch.object(StoredLabels, "__call__", smoothed):
        yield


@contextmanager
def index_of_the_cpu() -> Iterator[None]:
    """Targets are taken by indices on the CPU: torch moves them, and waits."""
    with mock.patch.object(
        StoredLabels, "__call__", lambda self, indices, views: self.targets[torch.tensor(indices.tolist())]
    ):
        yield


@contextmanager
def item_in_the_loop() -> Iterator[None]:
    """The loss is looked at after every step."""
    plain = Descent.step

    def step(self, index):
        rate = plain(self, index)
        assert self.loss_sum.item() >= 0
        return rate

    with mock.patch.object(Descent, "step", step):
        yield


PLANTED: dict[str, Callable[[], AbstractContextManager[None]]] = {
    "tensor": tensor_of_the_cpu,
    "index": index_of_the_cpu,
    "item": item_in_the_loop,
}
