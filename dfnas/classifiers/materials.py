"""A builder's network, ready for the weights of a checkpoint: of known shapes, on the CPU, float32.

Shapes: B batch, C channels, H W input.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from dfnas.runtime.errors import InputError, reason

VERSIONS = "_metadata"
"""Where torch keeps the versions of the modules in a dictionary of their weights."""


def materialised(network: nn.Module, shape: tuple[int, ...], what: str) -> nn.Module:
    """The network on the CPU, as float32, its lazy layers with the sizes that a grey image gives them. Weights on the
    device meta stay there: those of a checkpoint will take their place.

    Args:
        shape: of images, (B, C, H, W).
        what: the network is, for complaints.

    Raises:
        InputError: a lazy layer that the image does not reach, or not without an error.
    """
    if not any(_of(network, lambda value: value.is_meta)):
        network = network.cpu()
    network = network.float()
    if any(_of(network, is_lazy)):
        was_training = network.training
        try:
            with torch.no_grad():
                network.eval()(torch.full(shape, 0.5))
        except Exception as error:  # a network of the user's: whatever an input that does not fit leads it to
            raise InputError(
                f"{what} has lazy layers, which take their sizes from an image, and does not take one of "
                f"{' x '.join(map(str, shape[1:]))}: {reason(error)}"
            ) from error
        if name := next(_of(network, is_lazy), None):
            raise InputError(f"{what} has a lazy layer that no image reaches ('{name}'); give it its size")
        network.train(was_training)
    return network


def check_in_memory(network: nn.Module, what: str) -> None:
    """Raises InputError where weights, or what a network has beside them, are on the device meta."""
    if name := next(_of(network, lambda value: value.is_meta), None):
        raise InputError(f"{what} leaves '{name}' without values, on the device meta; have it built on the CPU")


def lay_into(network: nn.Module, state: Mapping[str, torch.Tensor], what: str) -> None:
    """Puts weights that fit into a network; what it has on the device meta they replace.

    Raises:
        InputError: something remains on the device meta.
    """
    counters = {
        n: torch.tensor(0) for n, b in network.named_buffers() if b.is_meta and n.endswith("num_batches_tracked")
    }
    expected, replaced = network.state_dict(), any(_of(network, lambda value: value.is_meta))
    laid = OrderedDict((n, v.to(expected[n].dtype, copy=replaced)) for n, v in (counters | dict(state)).items())
    setattr(laid, VERSIONS, getattr(expected, VERSIONS, None))  # fitting weights are of the present versions
    network.load_state_dict(laid, strict=False, assign=replaced)
    check_in_memory(network, what)


def _of(network: nn.Module, is_so: Callable[[torch.Tensor], bool]) -> Iterator[str]:
    """Names of the parameters and buffers of which something is so."""
    for named in (network.named_parameters(), network.named_buffers()):
        yield from (name for name, value in named if is_so(value))
