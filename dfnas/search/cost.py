"""How the expected cost of an architecture enters the loss (Cai et al. 2019, section 3.3)."""

import math

import torch

from dfnas.runtime.errors import InputError
from dfnas.settings.search_proxyless import CostTermSettings
from dfnas.spaces.costs import CostTable
from dfnas.training.losses import mean_entropy


def with_cost(
    loss: torch.Tensor, targets: torch.Tensor, expected: torch.Tensor, settings: CostTermSettings
) -> torch.Tensor:
    """The loss of the architecture parameters with the cost term in one of its published forms.

    A product weighs the cost by what is left to learn. Of a cross-entropy to soft labels that is what lies above their
    own entropy, which no network gets below: with the entropy in it labels at T = 8 would pull towards cheap options
    an order of magnitude more strongly than classes do. Of classes, which the publication has, the entropy is 0.

    Args:
        loss: cross-entropy to the labels.
        targets: these labels, (B, K).
        expected: multiply-accumulates or milliseconds, as `settings.measure` says. The ratio of logarithms depends on
            the unit; the release has these two.
    """
    reference = settings.reference_in_table
    if settings.form == "mul#log":
        return settings.alpha * (loss - mean_entropy(targets)) * (expected.log() / math.log(reference)) ** settings.beta
    if settings.form == "add#linear":
        return loss + settings.beta * (expected - reference) / reference
    return loss


def check_cost(table: CostTable, settings: CostTermSettings) -> None:
    """Raises InputError where `mul#log` has no value: costs of one unit or less, whose logarithms are not positive."""
    least = table.fixed + sum(map(min, table.options.values()))
    if settings.form == "mul#log" and min(settings.reference_in_table, least) <= 1:
        raise InputError(
            f"search_proxyless.cost.form = mul#log needs costs above 1; with cost.measure = {settings.measure} the "
            f"reference is {settings.reference_in_table:.4g} and the cheapest architecture may have {least:.4g}; "
            "take add#linear, or measure a larger batch"
        )
