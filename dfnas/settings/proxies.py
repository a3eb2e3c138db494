"""Names of training-free scores, apart from their code, and what they are told: `dfnas.proxies` computes them."""

from typing import Any, Literal, get_args

from pydantic import Field

from dfnas.settings.base import Count, Settings

Proxy = Literal["expressivity", "progressivity", "trainability", "synflow", "naswot", "jacov", "zico", "grad_norm"]
"""What is computed of an untrained network."""
PROXIES: tuple[Proxy, ...] = get_args(Proxy)


class ScoringSettings(Settings):
    """How untrained networks are scored."""

    batch_size: Count = 64
    """Images that a network sees at once. ZiCo takes two batches, the others one, SynFlow none."""
    network_options: dict[str, Any] = Field(default_factory=dict)
    """Sizes in which networks are scored, laid over the options of the space, such as `{cells_per_stage: 1}`: smaller
    ones are quicker. Multiply-accumulates and weights are always those of the final networks."""
