"""Whether a space keeps what `Space` promises, seen by building its networks. A space of a user's own, which no test of
ours knows, is asked more: all options of its supernet, more of its networks, and whether it is the same every time.

Most of it runs on torch's `meta` device, where tensors have shapes only. One path of a supernet runs on the CPU, and so
does what needs values.

Shapes: B batch, C channels, H W space, K classes.
"""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn

from dfnas.measure.complexity import count_macs, count_parameters
from dfnas.runtime.errors import InputError, reason
from dfnas.runtime.seeds import python_random, reseed
from dfnas.runtime.users_code import blamed, definition
from dfnas.spaces.names import NAMES
from dfnas.spaces.registry import make
from dfnas.spaces.repeatable import check_choices, check_choices_elsewhere
from dfnas.spaces.slot import SinglePath, Slot, set_mixer, slots
from dfnas.spaces.space import Architecture, Space

BATCH = 2
SAMPLES = 3
MOST_WEIGHTS = 50_000_000
"""Of a supernet that is built on the CPU, 200 MB: a larger one is seen on the device meta alone."""


def check_contract(name: str, space: Space, options: Mapping[str, Any], downscale: int) -> None:
    """Raises InputError, with the line of the user's file, where supernet and networks do not have the slots, inputs
    and outputs that they should, where costs are not those of the networks, where two architectures have one text, or
    where a space of the user's is another each time that it is made.

    Args:
        name: of the space, with its `options`, as `make` takes them.
        downscale: side of the squares over which the search averages images for the supernet.
    """
    kind, own = type(space), name not in NAMES
    seen = f" on images averaged by downscale = {downscale}" if downscale > 1 else ""
    if own:
        with _located(f"the space '{name}' cannot be used", kind):
            again = make(name, space.task, options).choices
            check_choices(space, again, "when it is made again in the same process")
    with _located(f"the space '{name}': supernet(){seen}", kind.supernet if own else None):
        _check_supernet(space, own, downscale)
    if own and kind.slotted_network is not Space.slotted_network:
        with _located(f"the space '{name}': slotted_network()", kind.slotted_network):
            _asked(space.slotted_network, lambda network: _check_options(space, network))
    with _located(f"the space '{name}': network()", kind.network if own else None):
        for architecture in _architectures(space) if own else [space.sample(python_random(0, "contract"))]:
            _check_network(space, architecture)
    with _located(f"the space '{name}': to_string()", kind.to_string if own else None):
        _check_texts(space)
    if own:
        with _located(f"the space '{name}': network()", kind.network):
            _check_weights(space, space.sample(python_random(0, "contract")))
        with _located(f"the space '{name}' cannot be used", kind):
            check_choices_elsewhere(name, space, options)


@contextmanager
def _located(what: str, function: Callable[..., Any] | None) -> Iterator[None]:
    """`blamed`, with the place of a function of the user's where no line of theirs was running."""
    place = function and definition(function)
    try:
        with blamed(what, place):
            yield
    except InputError as error:
        said, cause = str(error), error.__cause__
        of_code = cause is not None and not isinstance(cause, InputError)  # `told` has named its line
        raise InputError(said if of_code or said.endswith(f"({place})") else f"{said} ({place})") from error


def _asked(build: Callable[[], nn.Module], ask: Callable[[nn.Module], None]) -> nn.Module:
    """A network that has been asked something: on the device meta, or else, where something of the user's fails there
    for want of values or is wrong, on the CPU, which tells."""
    try:
        with torch.device("meta"):
            network = build()
        ask(network)
    except Exception:  # whatever the user's code makes of tensors without values
        network = build()
        ask(network)
    return network


def _check_supernet(space: Space, every_option: bool, downscale: int) -> None:
    """That a supernet has the slots of the choices and maps images, as the search sees them, to logits: along a path
    in training, and of a user's space with every option."""
    check = _check_options if every_option else _check_slots
    network = _asked(space.supernet, lambda network: check(space, network, downscale))
    if count_parameters(network) <= MOST_WEIGHTS:
        network = space.supernet()
    set_mixer(network, SinglePath(space.path(space.sample(python_random(0, "contract")))))
    _check_logits(space, network.train(), downscale)


def _check_slots(space: Space, network: nn.Module, downscale: int = 1) -> None:
    """That a network has a slot for every choice and for nothing else, with the choice's options."""
    _check_module(network)
    found: dict[str, Slot] = {}
    for slot in slots(network):
        if slot.choice not in space.choices:
            raise InputError(f"it has a slot for '{slot.choice}', which is no choice of the space")
        if slot.names != tuple(space.choices[slot.choice]):
            raise InputError(
                f"its slot for '{slot.choice}' has the options {', '.join(slot.names)}; expected those of the "
                f"choice, in their order: {', '.join(space.choices[slot.choice])}"
            )
        found[slot.choice] = slot
    missing = [choice for choice in space.choices if choice not in found]
    if missing:
        raise InputError(f"it has no slot for the choice '{missing[0]}' ({len(missing)} such)")


def _check_options(space: Space, network: nn.Module, downscale: int = 1) -> None:
    """The same, and that all options of a slot give one shape."""
    _check_slots(space, network)
    set_mixer(network, _every_option)
    _check_logits(space, network.eval(), downscale)


def _every_option(slot: Slot, x: torch.Tensor) -> torch.Tensor:
    """The mixer that runs all options and compares their outputs."""
    first = None
    for option, module in zip(slot.names, slot.options, strict=True):
        try:
            output = module(x)
        except RuntimeError as error:
            raise InputError(
                f"the option '{option}' of '{slot.choice}' does not take {tuple(x.shape)}: {reason(error)}"
            ) from error
        first = output if first is None else first
        if output.shape != first.shape:
            raise InputError(
                f"the option '{option}' of '{slot.choice}' maps {tuple(x.shape)} to {tuple(output.shape)}, and "
                f"'{slot.names[0]}' to {tuple(first.shape)}; expected one shape of all options"
            )
    assert first is not None, "a slot has options"
    return first


def _architectures(space: Space) -> Iterator[Architecture]:
    """A few of the space, among them, where they may be combined freely, one with every option of every choice."""
    for i in range(max(map(len, space.choices.values()))):
        architecture = {choice: options[i % len(options)] for choice, options in space.choices.items()}
        if space.holds(architecture):
            yield architecture
    for i in range(SAMPLES):
        architecture = space.sample(python_random(0, "contract", i))
        space.check(architecture)
        yield architecture


def _check_network(space: Space, architecture: Architecture) -> None:
    def ask(network: nn.Module) -> None:
        _check_module(network)
        unchosen = next(slots(network), None)
        if unchosen is not None:
            raise InputError(f"it still has a slot for '{unchosen.choice}'; expected the chosen option in its place")
        _check_logits(space, network.eval())

    network = _asked(lambda: space.network(architecture), ask)
    counted = {
        "macs": ("multiply-accumulates", space.macs(architecture), count_macs(network, *_shape(space))),
        "parameters": ("weights", space.parameters_table().of(architecture), count_parameters(network)),
    }
    for table, (what, said, own) in counted.items():
        if said != own:
            raise InputError(
                f"{space.to_string(architecture)} has {own} {what}, and by {table}_table() {said}; a space whose "
                "networks are not its supernet with one option a slot has to say so by slotted_network()"
            )


def _check_texts(space: Space) -> None:
    """That architectures which differ in a choice, or more, have texts that differ."""
    named: dict[str, Architecture] = {}
    for i in range(SAMPLES):
        drawn = space.sample(python_random(0, "contract", i))
        changed = ({**drawn, choice: option} for choice, options in space.choices.items() for option in options)
        for architecture in filter(space.holds, changed):
            text = space.to_string(architecture)
            if not isinstance(text, str):
                raise InputError(f"it returns a {type(text).__name__}; expected a text")
            if (other := named.setdefault(text, architecture)) != architecture:
                choice = next(choice for choice in space.choices if other[choice] != architecture[choice])
                raise InputError(
                    f"'{text}' means two architectures, with {other[choice]} and with {architecture[choice]} for "
                    f"'{choice}'; expected a text of each, which says what every choice is"
                )


def _check_weights(space: Space, architecture: Architecture) -> None:
    """That weights come from torch's generator alone: a run could not be repeated otherwise."""
    states = []
    for again in range(2):
        reseed(0, "contract")
        random.seed(again)
        states.append(space.network(architecture).state_dict())
    first, second = states
    if first.keys() != second.keys():
        raise InputError("it builds another network each time that it is asked for the same architecture")
    for key, value in first.items():
        if not torch.equal(value, second[key]):
            raise InputError(
                f"'{key}' begins as something else each time; weights have to be drawn from torch's global generator, "
                "which dfnas seeds"
            )


def _check_module(network: Any) -> None:
    if not isinstance(network, nn.Module):
        raise InputError(f"it returns a {type(network).__name__}; expected a torch module")


def _check_logits(space: Space, network: nn.Module, downscale: int = 1) -> None:
    """Raises InputError unless the network maps images (B, C, H, W), averaged by `downscale`, to logits (B, K)."""
    device = next((parameter.device for parameter in network.parameters()), "meta")
    images = torch.zeros(BATCH, *_shape(space, downscale), device=device)
    with torch.no_grad(), _layers_named(network):
        logits = network(images)
    expected = (BATCH, space.task.classes)
    if not isinstance(logits, torch.Tensor):
        raise InputError(f"the network returns a {type(logits).__name__}; expected logits, a tensor {expected}")
    if tuple(logits.shape) != expected:
        raise InputError(f"the network maps {tuple(images.shape)} to {tuple(logits.shape)}; expected logits {expected}")


def _shape(space: Space, downscale: int = 1) -> tuple[int, ...]:
    return space.task.channels, *(side // downscale for side in space.task.size)


@contextmanager
def _layers_named(network: nn.Module) -> Iterator[None]:
    """Says of an error in which layer it was raised: in networks that torch's own classes put together no line of the
    user's is running."""
    entered: list[tuple[str, nn.Module]] = []
    hooks = []
    for name, module in network.named_modules():
        hooks.append(module.register_forward_pre_hook(lambda m, _, name=name: entered.append((name, m))))
        hooks.append(module.register_forward_hook(lambda *_: entered.pop() and None))
    try:
        yield
    except InputError:
        raise
    except RuntimeError as error:
        name, module = entered[-1]
        where = f"in its layer '{name}' ({type(module).__name__})" if name else "in its forward"
        error.args = (f"{where}: {reason(error)}",)
        raise
    finally:
        for hook in hooks:
            hook.remove()
