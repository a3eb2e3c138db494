"""The architecture file: a small JSON object that a person can read, diff and write by hand.

{"format": 1, "space": {"name": "darts", "options": {…}}, "task": {"channels": 3, "size": [32, 32], "classes": 10},
 "choices": {"normal/2-0": "sep_conv_3x3", …}, "macs": 528400000, "parameters": 3349000, "provenance": {…}}

A search adds "search", how it went: whether it collapsed, why it stopped, and the like.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch
from torch import nn

from dfnas.measure.complexity import count_parameters
from dfnas.runtime.errors import InputError
from dfnas.spaces.registry import make
from dfnas.spaces.space import Space, Task

FORMAT = 1
KEYS = ("format", "space", "task", "choices")


def describe(
    name: str, options: Mapping[str, Any], space: Space, choices: Mapping[str, str], provenance: Mapping[str, Any]
) -> dict[str, Any]:
    """The architecture of a space as an object to write down.

    Raises:
        InputError: the choices are not of this space.
    """
    space.check(choices)
    try:
        with torch.device("meta"):
            network = space.network(choices)
    except Exception:  # code of the user's that reads values, which tensors have on the CPU alone
        network = space.network(choices)
    parameters = count_parameters(network)
    return {
        "format": FORMAT,
        "space": {"name": name, "options": dict(options)},
        "task": asdict(space.task),
        "choices": {choice: choices[choice] for choice in space.choices},
        "macs": space.macs(choices),
        "parameters": parameters,
        "provenance": dict(provenance),
    }


def space_of(document: Mapping[str, Any], where: str = "the architecture") -> Space:
    """The space that an architecture file is of, its choices checked.

    Raises:
        InputError: another format, a missing part, or a choice or an option that the space does not have.
    """
    for key in KEYS:
        if key not in document:
            raise InputError(f"{where} has no '{key}'; expected {', '.join(KEYS)}")
    if document["format"] != FORMAT:
        raise InputError(f"{where} has format {document['format']!r}, expected {FORMAT}")
    if not all(isinstance(document[key], Mapping) for key in KEYS[1:]):
        raise InputError(f"{where}: space, task and choices must be objects")
    for key in ("channels", "classes"):
        count = document["task"].get(key, 1)
        if type(count) is not int or count < 1:
            raise InputError(f"{where}: task.{key} is {count!r}; expected a whole number, 1 or more")
    try:
        task = Task(**document["task"])
        space = make(document["space"]["name"], task, document["space"].get("options", {}))
        space.check(document["choices"])
    except (TypeError, KeyError) as error:
        raise InputError(f"{where}: task needs channels, size and classes; space needs a name ({error})") from error
    except InputError as error:
        raise InputError(f"{where}: {error}") from error
    return space


def build(document: Mapping[str, Any], where: str = "the architecture") -> nn.Module:
    """The network of an architecture file, with fresh weights: (B, C, H, W) to logits (B, K).

    Raises:
        InputError: see `space_of`.
    """
    return space_of(document, where).network(document["choices"])
