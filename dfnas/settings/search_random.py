"""Settings of `search_random`: an architecture drawn uniformly, the baseline of every search."""

from dfnas.settings.search import SpaceSearchSettings


class SearchRandomSettings(SpaceSearchSettings):
    """Section `search_random`."""
