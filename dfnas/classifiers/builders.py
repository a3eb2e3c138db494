"""Networks from what a builder names: a library's model, an entry of a torch hub, or a callable of the user's."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from dfnas.classifiers.names import TORCHSCRIPT, Builder, parse_builder
from dfnas.runtime.errors import InputError
from dfnas.runtime.limits import is_out_of_memory
from dfnas.runtime.objects import load_object
from dfnas.runtime.packages import required
from dfnas.runtime.users_code import remember, told


def build(builder: str, arguments: Mapping[str, Any], section: str = "teacher") -> nn.Module:
    """The network that a builder names, as it comes from it: libraries' models with fresh weights.

    Args:
        arguments: keyword arguments of the builder.
        section: of the configuration, for the complaints.

    Raises:
        InputError: the builder does not exist, does not take the arguments, or does not return a module.
    """
    try:
        network = _network(parse_builder(builder), dict(arguments))
    except InputError:
        raise
    except (Exception, SystemExit) as error:  # whatever a library or a user's code raises
        if is_out_of_memory(error):
            raise
        given = dict(arguments) or "to build"
        raise InputError(f"{section}.builder '{builder}' refused {given}: {told(error)}") from error
    if not isinstance(network, nn.Module):
        raise InputError(f"{section}.builder '{builder}' returned a {type(network).__name__}, not a torch module")
    return network


def _network(builder: Builder, arguments: dict[str, Any]) -> Any:
    if builder.kind == "torchvision":
        from torchvision import models

        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # on initial weights, which are replaced
            return models.get_model(builder.name, weights=None, **arguments)
    if builder.kind == "timm":
        return timm_model(builder.name, False, arguments)
    if builder.kind == "hub":
        return _hub_entry(builder, arguments)
    assert builder.kind != TORCHSCRIPT, "a TorchScript file is network and weights in one"
    return load_object(builder.name)(**arguments)


def timm_model(name: str, pretrained: bool, arguments: Mapping[str, Any]) -> nn.Module:
    """A model of timm. Raises InputError if timm is not installed, and what timm raises."""
    timm = required("timm", "timm", f"builder 'timm:{name}'")
    return timm.create_model(name, pretrained=pretrained, **arguments)


def _hub_entry(builder: Builder, arguments: dict[str, Any]) -> Any:
    from torch import hub

    if builder.is_folder:
        remember(Path(builder.place) / "hubconf.py")
        return hub.load(builder.place, builder.name, source="local", **arguments)
    # To name a repository is to trust it. It is fetched once, into torch's cache.
    return hub.load(builder.place, builder.name, trust_repo=True, skip_validation=True, verbose=False, **arguments)
