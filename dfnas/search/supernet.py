"""A supernet on which searches stand: what trains it, and what it is once trained.

Its training knows no budget, so that one supernet serves every budget, judge and seed of evolution.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import torch
from torch import nn

from dfnas.runtime.resumable import Resumable
from dfnas.search.context import SearchContext

Report = Mapping[str, bool | float | int | str]


class Supernet(Resumable, Protocol):
    """The training of a supernet, as `Resumable` steps. What follows is asked when all of them are done."""

    network: nn.Module

    def __init__(self, context: SearchContext, settings: Any): ...

    def strengths(self) -> dict[str, torch.Tensor]:
        """How strong every option has become, (O,) per choice; nothing where no option is weighed."""

    def report(self) -> dict[str, bool | float | int | str]:
        """How it went."""


class Trained(NamedTuple):
    """A trained supernet."""

    network: nn.Module
    strengths: Mapping[str, torch.Tensor]
    """(O,) per choice, see `Supernet.strengths`."""
    report: Report
    """See `Supernet.report`."""
