"""The blocks of a network: what scores of untrained networks look at between its input and its logits."""

from collections.abc import Iterator

from torch import nn


def blocks_of(network: nn.Module) -> list[nn.Module]:
    """The parts of a network that have parts themselves, such as cells and residual blocks, and before them the last
    layer of the stem. Lists of modules are taken apart, and so is a part that holds all others."""
    parts = list(_parts(network))
    composite = [place for place, part in enumerate(parts) if _is_composite(part)]
    if len(composite) == 1:
        inner = blocks_of(parts[composite[0]])
        if len(inner) > 1 and any(map(_is_composite, inner)):
            return inner
    if not composite:
        return []
    stem = parts[max(0, composite[0] - 1) : composite[0]]
    return [*stem, *(parts[place] for place in composite)]


def _parts(module: nn.Module) -> Iterator[nn.Module]:
    for part in module.children():
        if isinstance(part, nn.ModuleList):
            yield from part
        else:
            yield part


def _is_composite(module: nn.Module) -> bool:
    return next(module.children(), None) is not None
