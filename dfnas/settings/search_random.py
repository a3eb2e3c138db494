"""Settings of `search_random`: an architecture drawn uniformly, the baseline of every search."""

from dfnas.settings.base import NonNegative, Settings
from dfnas.settings.search import SpaceSettings


class SearchRandomSettings(Settings):
    """Section `search_random`."""

    space: SpaceSettings
    """The search space."""
    max_macs_m: NonNegative = 0.0
    """Hard limit, in millions of multiply-accumulates; 0 for none."""
