"""What searches without a supernet share: how each candidate network is trained before it is scored."""

from pydantic import model_validator

from dfnas.settings.base import Count, CountOrZero, NonNegative
from dfnas.settings.descent import DescentSettings, check_warmup
from dfnas.settings.search import JudgingSettings


class FromScratchSettings(DescentSettings, JudgingSettings):
    """Every candidate is the space's final network, trained from fresh weights for the same number of steps."""

    steps: Count = 2000
    """Training steps of a candidate."""
    warmup_steps: CountOrZero = 0
    """Steps over which the learning rate rises linearly to its peak."""
    auxiliary_weight: NonNegative = 0.4
    """Weight of the auxiliary head's loss, where the network has one."""

    @model_validator(mode="after")
    def _warmup_fits(self) -> "FromScratchSettings":
        check_warmup(self.warmup_steps, self.steps, self.schedule, "steps")
        return self
