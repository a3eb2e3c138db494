"""How the expected cost of an architecture enters the loss (Cai et al. 2019, section 3.3)."""

import math

import torch

from dfnas.settings.search_proxyless import CostTermSettings


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
