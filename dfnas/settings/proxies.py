"""Names of training-free scores, apart from their code, and how they are told: `dfnas.proxies` computes them."""

from typing import Annotated, Any, Literal, get_args

from pydantic import Field

from dfnas.settings.base import Count, Settings

Proxy = Literal["expressivity", "progressivity", "trainability", "synflow", "naswot", "jacov", "zico", "grad_norm"]
"""What is computed of an untrained network."""
PROXIES: tuple[Proxy, ...] = get_args(Proxy)
Score = Literal["az_nas", "az_nas_synflow", "macs_m", "params_m", Proxy]
"""What candidates are ranked by: sums of the logarithms of their ranks by several, costs, or a single proxy."""


class ScoredSettings(Settings):
    """The networks that are scored."""

    network_options: dict[str, Any] = Field(default_factory=dict)
    """Sizes in which networks are scored, laid over the options of the space, such as `{cells_per_stage: 1}`: smaller
    ones are quicker. Multiply-accumulates and weights are always those of the final networks."""


class ScoreArchitecturesSettings(ScoredSettings):
    """Section `score_architectures`: training-free scores of random architectures of the space of
    `search_training_free`, to be compared with what searches find."""

    draws: Count = 100
    """Architectures drawn within each budget, all different; fewer where it holds no more."""
    proxies: Annotated[tuple[Proxy, ...], Field(min_length=1)] = PROXIES
    """The scores. The first three, of AZ-NAS, come together."""
    batch_size: Count = 64
    """Images that a network sees at once. `zico` takes two batches, `synflow` none, the others one."""
