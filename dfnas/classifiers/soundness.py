"""Whether a network is a function of its image, with logits for an answer: it is asked the same in other circumstances.

Labels, targets and results that are the same to the byte all rest on that. A network whose answers depend on chance, on
its earlier answers, on the other images of a batch, or on whether gradients are taken is refused in one line that says
on what, and so is one that answers with probabilities, which would go through a softmax a second time.

Shapes: P probes, B batch, C channels, H W input, K classes.
"""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.parameter import is_lazy

from dfnas.classifiers.guards import generators_kept
from dfnas.classifiers.logits import check_kind, is_squashed
from dfnas.runtime.errors import InputError, reason
from dfnas.runtime.seeds import derive, generator

BRIGHTNESS = (0.25, 1.0, 0.9, 0.4)
"""Of the images that the network is asked about, and of as many others that are their neighbours."""
PROBES = len(BRIGHTNESS) // 2
"""P."""
TOLERANCE = 1e-3
"""Largest difference between two answers to one image, relative to the largest logit of the probes. Other orders of
summation move float32 logits by 1e-6 of it at most (docs/teachers.md), chance and neighbours by far more than this."""
SOURCES: dict[str, tuple[Callable[[int], object], str]] = {
    "torch's": (torch.manual_seed, "give F.dropout and the like training=self.training"),
    "numpy's": (np.random.seed, "take them out of the evaluation"),
    "Python's": (random.seed, "take them out of the evaluation"),
}
"""Generators of random numbers by whose they are: how to seed them, and what to do about a network that draws there."""


def probes(channels: int, size: tuple[int, int]) -> torch.Tensor:
    """Images to ask about, and as many as their neighbours: (2 P, C, H, W) float32, pixels in [0, 1].

    Fine noise and coarse noise in turn, since fine noise looks the same to a network that averages over places, and of
    several brightnesses, so that no two have the same statistics.
    """
    rng = generator(0, "probes")
    fine = torch.rand(2 * PROBES, channels, *size, generator=rng)
    cells = torch.rand(2 * PROBES, channels, *(min(4, side) for side in size), generator=rng)
    coarse = F.interpolate(cells, size, mode="nearest")
    is_fine = (torch.arange(2 * PROBES) % 2 == 0).view(-1, 1, 1, 1)
    return torch.where(is_fine, fine, coarse) * torch.tensor(BRIGHTNESS).view(-1, 1, 1, 1)


def check_function(network: nn.Module, images: torch.Tensor, where: str) -> torch.Tensor:
    """The network's logits (P, K) for the first half of `images`, if they are a function of each image alone.

    Args:
        network: in evaluation mode, asked before: what it makes at its first pass is there.
        images: normalised `probes` (2 P, C, H, W).
        where: names the network in complaints.

    Raises:
        InputError: it is no such function, or its answers are no logits.
    """
    own, others = images[:PROBES], images[PROBES:]
    with generators_kept():
        examined = _Examined(network, where)
        logits = examined.answers(own)
        if not logits.isfinite().all():
            raise InputError(f"{where}: the logits are not finite on noise; the checkpoint is damaged")
        tolerance = TOLERANCE * logits.abs().max()

        def differs(answers: torch.Tensor, expected: torch.Tensor = logits) -> bool:
            return not ((answers - expected).abs() <= tolerance).all()

        if differs(examined.answers(own)):
            raise InputError(
                f"{where}: it answers the same images otherwise the second time, and no seed changes that: it keeps "
                "something from one call to the next, or draws random numbers of its own; take that out of the "
                f"evaluation{_modes(network)}"
            )
        if differs(examined.answers(own, reseeded=tuple(SOURCES))):
            whose = next((name for name in SOURCES if differs(examined.answers(own, reseeded=(name,)))), "torch's")
            raise InputError(
                f"{where}: its answers depend on chance: it draws {whose} random numbers in evaluation mode; "
                f"{SOURCES[whose][1]}{_modes(network)}"
            )
        if differs(examined.answers(own, "noise where gradients are taken", gradients=True)):
            raise InputError(
                f"{where}: its answers are others where gradients are taken; let nothing depend on "
                "torch.is_grad_enabled() or requires_grad"
            )
        check_kind(logits, examined.squashed, where)
        beside = torch.cat([own[:1], others[1:]])
        if differs(examined.answers(beside)[:1], logits[:1]):
            raise InputError(
                f"{where}: its answer to an image depends on the other images of the batch; {_neighbourly(network)}"
            )
        layout = own.contiguous(memory_format=torch.channels_last)
        if differs(examined.answers(layout, "noise in the memory layout channels-last")):
            raise InputError(f"{where}: its answers depend on the memory layout of its input; let it not read strides")
        if differs(examined.answers(own.flip(0)).flip(0)):
            raise InputError(f"{where}: its answer to an image depends on the image's place in the batch; let it not")
        if differs(examined.answers(own[:1], "one image alone"), logits[:1]):
            raise InputError(f"{where}: its answer to an image depends on the number of images in a batch; let it not")
    return logits


class _Examined:
    """A network, the values that it holds, and what is asked of it."""

    def __init__(self, network: nn.Module, where: str):
        self._network, self._where = network, where
        self._values = {name: value.detach().clone() for name, value in _tensors(network)}
        self._training = [name for name, module in network.named_modules() if module.training]
        self.squashed = False
        """Whether the latest answers that have a gradient can be nothing but probabilities, see `is_squashed`."""

    def answers(
        self, images: torch.Tensor, named: str = "noise", reseeded: Sequence[str] = (), gradients: bool = False
    ) -> torch.Tensor:
        """Logits (B, K) of images (B, C, H, W), from the same seeds every time but those of `reseeded` SOURCES.

        Raises:
            InputError: the network takes no such batch, changes itself, or answers in another form.
        """
        for whose, (seed, _) in SOURCES.items():
            seed(derive(int(whose in reseeded), "soundness") % 2**32)
        given = images.clone()
        try:
            with torch.set_grad_enabled(gradients):
                output = self._network(given.requires_grad_() * 1 if gradients else given)
        except Exception as error:  # a network of the user's: whatever such a batch leads it to
            remedy = _neighbourly(self._network) if _by_batch(self._network) else "let it take batches of any size"
            raise InputError(f"{self._where}: it does not take {named}: {reason(error)}; {remedy}") from error
        if not torch.equal(given, images):
            raise InputError(
                f"{self._where}: its forward pass writes into the images, past torch's counter (.data or numpy); let "
                "it work on a copy"
            )
        self.check_unchanged()
        if output.shape[:1] != images.shape[:1] or output.ndim != 2:
            raise InputError(
                f"{self._where}: for {named} it returns the shape {tuple(output.shape)}, expected one row an image; "
                "use flatten(1) or squeeze with its dimensions"
            )
        if gradients:
            self.squashed = is_squashed(output)
        return output.detach().float()

    def check_unchanged(self) -> None:
        changed = [
            name for name, value in _tensors(self._network) if name in self._values and self._differs(name, value)
        ]
        if changed:
            raise InputError(
                f"{self._where}: it changes its own '{changed[0]}' in evaluation mode, so that answers may depend on "
                f"those before; let it do so only where self.training{_modes(self._network)}"
            )
        training = [name for name, module in self._network.named_modules() if module.training]
        if training != self._training:
            name = next(iter(set(training) ^ set(self._training))) or type(self._network).__name__
            raise InputError(
                f"{self._where}: its forward pass changes the mode of '{name}' between training and evaluation; let it "
                "call neither train() nor eval()"
            )

    def _differs(self, name: str, value: torch.Tensor) -> bool:
        kept = self._values[name]
        return kept.shape != value.shape or not torch.equal(kept.nan_to_num(), value.nan_to_num())


@contextmanager
def unchanged(network: nn.Module, where: str) -> Iterator[None]:
    """Raises InputError if a first pass inside the context changes what the network holds, or adds to its state."""
    examined, names = _Examined(network, where), set(network.state_dict())
    yield
    examined.check_unchanged()
    added = sorted(set(network.state_dict()) - names)
    if added:
        raise InputError(
            f"{where}: its first forward pass adds '{added[0]}' to its state, which no file of weights holds; register "
            "that with persistent=False"
        )


def check_same(network: nn.Module, images: torch.Tensor, logits: torch.Tensor, where: str) -> None:
    """Raises InputError unless a network that was built a second time gives the logits that the first gave.

    Args:
        images: (2 P, C, H, W), as `check_function` had them, which returned `logits` (P, K).
    """
    again = _Examined(network, where).answers(images[:PROBES])
    if not ((again - logits).abs() <= TOLERANCE * logits.abs().max()).all():
        raise InputError(
            f"{where}: built anew it answers otherwise: it draws by chance what the weights do not hold; register that "
            "as a parameter or buffer and save the weights again"
        )


def _tensors(network: nn.Module) -> Iterator[tuple[str, torch.Tensor]]:
    """Parameters and buffers with values; lazy ones have none before the first pass."""
    both = (*network.named_parameters(), *network.named_buffers())
    return ((name, value) for name, value in both if not is_lazy(value))


def _by_batch(network: nn.Module) -> str:
    """The first BatchNorm that normalises by the statistics of each batch, or nothing."""
    kind = nn.modules.batchnorm._BatchNorm
    norms = ((name, module) for name, module in network.named_modules() if isinstance(module, kind))
    return next((name for name, norm in norms if norm.training or norm.running_mean is None), "")


def _neighbourly(network: nn.Module) -> str:
    """What to do about answers that depend on neighbours."""
    name = _by_batch(network)
    if not name:
        return "let nothing in it be computed over the batch dimension"
    return (
        f"its BatchNorm '{name}' normalises by the statistics of each batch (track_running_stats=False, or in training "
        "mode): train it with stored statistics"
    )


def _modes(network: nn.Module) -> str:
    """The modules that evaluation mode does not reach, for the end of a complaint."""
    name = next((name for name, module in network.named_modules() if module.training), None)
    return "" if name is None else f" ('{name}' stays in training mode after eval())"
