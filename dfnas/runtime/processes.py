"""Several processes on one host that train one network, each with a share of every batch, as `torchrun` starts them."""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed, nn

from dfnas.runtime.device import host_lock, prepare
from dfnas.runtime.errors import InputError

PATIENCE = timedelta(days=30)
"""For the others: they may wait as long as a job does for its GPUs. When one fails, torchrun ends all of them."""

LONGEST = 64
"""Characters of what one process may say to all."""


@dataclass(frozen=True)
class Processes:
    """This process among those that work together."""

    rank: int = 0
    """Its number."""
    count: int = 1
    """How many there are."""

    @property
    def leads(self) -> bool:
        """Whether this one speaks for all: it writes files and reports progress."""
        return self.rank == 0

    def share(self, batch_size: int) -> slice:
        """The rows of every batch that are this process's: equally many in each.

        Raises:
            InputError: the batch cannot be shared equally.
        """
        own, rest = divmod(batch_size, self.count)
        if rest:
            raise InputError(
                f"batch_size = {batch_size} must be a multiple of the {self.count} processes that share it"
            )
        return slice(self.rank * own, (self.rank + 1) * own)

    def replicated(self, network: nn.Module) -> nn.Module:
        """The network with gradients that are the mean over all processes after each backward pass, and with the
        weights of the first to begin with.

        BatchNorm's running statistics go from the first to all before every pass, since the first's are saved. Torch
        cuts the buckets in which gradients are added up anew after the first step, unless it is to look for unused
        parameters; sums in another order would make a resumed run another run.
        """
        if self.count == 1:
            return network
        return nn.parallel.DistributedDataParallel(network, find_unused_parameters=True)

    def agree(self, told: bool) -> bool:
        """What the first process says, on all of them."""
        if self.count == 1:
            return told
        said = torch.tensor(float(told))
        distributed.broadcast(said, 0)
        return said.item() > 0

    def of_the_first(self, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """A state as the first process has it, in all of them."""
        if self.count == 1:
            return state
        copies = {name: value.clone() for name, value in state.items()}
        for value in copies.values():
            distributed.broadcast(value, 0)
        return copies

    def said_by_each(self, text: str) -> list[str]:
        """What each process says, by rank: short ASCII texts."""
        if self.count == 1:
            return [text]
        own = torch.zeros(LONGEST, dtype=torch.uint8)
        own[: len(text)] = torch.tensor(list(text.encode("ascii")), dtype=torch.uint8)
        said = [torch.empty_like(own) for _ in range(self.count)]
        distributed.all_gather(said, own)
        return [bytes(each.tolist()).rstrip(b"\0").decode("ascii") for each in said]

    def mean(self, value: torch.Tensor) -> torch.Tensor:
        """The mean of a tensor over all processes."""
        if self.count > 1:
            distributed.all_reduce(value)
            value /= self.count
        return value

    def averaged(self, gradients: Sequence[torch.Tensor]) -> list[torch.Tensor]:
        """The means of tensors over all processes, for what no `replicated` network gives: gradients by architecture
        parameters and gates, at weights that have been moved, or of one path alone.

        They are added up as one tensor, in the same order in every step and after a resumption, and come out the same
        to the bit in every process. One process gets its own back.

        Args:
            gradients: of one device and dtype; as many, of the same shapes, in every process.
        """
        if self.count == 1:
            return list(gradients)
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        parts = self.mean(flat).split([gradient.numel() for gradient in gradients])
        # In the layout that each had, which is its weight's.
        return [torch.empty_like(g).copy_(part.view(g.shape)) for g, part in zip(gradients, parts, strict=True)]

    def average_gradients(self, weights: Iterable[torch.Tensor]) -> None:
        """Replaces the gradients that a backward pass has left by their means, see `averaged`. Weights without any, the
        same ones in every process, are left alone."""
        if self.count == 1:
            return
        learning = [(weight, weight.grad) for weight in weights if weight.grad is not None]
        averaged = self.averaged([gradient for _, gradient in learning])
        for (weight, _), gradient in zip(learning, averaged, strict=True):
            weight.grad = gradient

    def of_leader(self, judge: Callable[[], Sequence[float]], count: int) -> list[float]:
        """What the leader judges, in every process: the others wait for its word. A search goes on by judgements, and
        no last digit may send its processes different ways.

        Args:
            judge: gives `count` numbers; called in the leader alone.
        """
        if self.count == 1:
            return list(judge())
        told = torch.tensor(list(judge()) if self.leads else [0.0] * count, dtype=torch.float64)
        distributed.broadcast(told, 0)
        return told.tolist()

    def own(self) -> tuple[int, ...]:
        """What to add to the path of a seed for draws that are for this process's images alone; nothing if it is
        alone."""
        return (self.rank,) if self.count > 1 else ()


ALONE = Processes()


def launched() -> Processes:
    """What `torchrun` says of this process; `ALONE` without it."""
    if not distributed.is_torchelastic_launched():
        return ALONE
    return Processes(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]))


def join(processes: Processes, device: str, threads: int, held: ExitStack) -> torch.device:
    """Sets every process up, see `prepare`, each on a GPU of its own, and connects them.

    Args:
        held: keeps the connection and the GPU until it is closed.

    Raises:
        InputError: see `prepare`; or there are fewer GPUs than processes.
    """
    if processes.count == 1:
        return prepare(device, threads, held)
    on_cpu = device == "cpu" or (device == "auto" and not torch.cuda.is_available())
    if re.fullmatch(r"cuda:\d+", device):
        raise InputError(f"device = {device} is one GPU, for {processes.count} processes; expected auto, cuda or cpu")
    if not on_cpu and torch.cuda.device_count() < processes.count:
        raise InputError(f"{processes.count} processes need a GPU each, and there are {torch.cuda.device_count()} here")
    with ExitStack() as claiming:
        if processes.leads and not on_cpu:
            # One job after the other: two with half of the GPUs each would wait for ever.
            host_lock("processes").wait(claiming)
        distributed.init_process_group("gloo" if on_cpu else "cpu:gloo,cuda:nccl", timeout=PATIENCE)
        held.callback(distributed.destroy_process_group)
        chosen = prepare(device, threads, held)
        distributed.all_reduce(torch.zeros(1))  # until each has its GPU
    return chosen


def with_common_statistics(network: nn.Module, processes: Processes, device: torch.device) -> nn.Module:
    """The network with BatchNorm over the whole batch of all processes. The names of its weights stay.

    Raises:
        InputError: on a CPU, for which torch has no such layer.
    """
    if processes.count == 1:
        return network
    if device.type != "cuda":
        raise InputError("sync_batch_norm = true needs GPUs: torch has no such layer for CPUs; set it to false")
    converted: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(network)
    return converted
