"""Settings of `search_random`: an architecture drawn uniformly, the baseline of every search."""

from dfnas.settings.base import Settings
from dfnas.settings.search import BudgetSettings, SpaceSettings


class SearchRandomSettings(Settings):
    """Section `search_random`."""

    space: SpaceSettings
    """The search space."""
    budget: BudgetSettings = BudgetSettings()
    """What the architecture may cost at most."""
