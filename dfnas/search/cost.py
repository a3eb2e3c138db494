"""The expected cost of a distribution over architectures, and how it enters the loss (Cai et al. 2019, section 3.3)."""

import math

import torch

from dfnas.runtime.errors import InputError
from dfnas.settings.search_proxyless import CostTermSettings
from dfnas.spaces.space import Space


class ExpectedMacs:
    """E = fixed + Σ_choices Σ_o p_o · MACs_o, differentiable in the probabilities."""

    def __init__(self, space: Space, device: torch.device):
        fixed, table = space.macs_table()
        self.fixed_m = fixed / 1e6
        self.table_m = {c: torch.tensor(macs, dtype=torch.float32, device=device) / 1e6 for c, macs in table.items()}

    def __call__(self, probabilities: dict[str, torch.Tensor]) -> torch.Tensor:
        """E in millions, a scalar, from p (O,) of every choice."""
        return self.fixed_m + torch.stack([(self.table_m[c] * p).sum() for c, p in probabilities.items()]).sum()


def with_cost(loss: torch.Tensor, expected_m: torch.Tensor, settings: CostTermSettings) -> torch.Tensor:
    """The loss of the architecture parameters with the cost term in one of its published forms."""
    reference = settings.reference_macs_m
    if settings.form == "mul#log":
        # Logarithms of MACs, not of millions: the ratio of logarithms depends on the unit.
        ratio = torch.log(expected_m * 1e6) / math.log(reference * 1e6)
        return settings.alpha * loss * ratio**settings.beta
    if settings.form == "add#linear":
        return loss + settings.beta * (expected_m - reference) / reference
    return loss


def check_limit(space: Space, max_macs_m: float, setting: str) -> None:
    """Raises InputError if not even the cheapest architecture keeps the limit, in millions; 0 is no limit."""
    fixed, table = space.macs_table()
    cheapest = (fixed + sum(min(macs) for macs in table.values())) / 1e6
    if max_macs_m and cheapest > max_macs_m:
        raise InputError(f"{setting} = {max_macs_m}: the cheapest architecture of the space has {cheapest:.3f}")
