"""Settings of `search_random`: architectures drawn uniformly, the baseline of every search."""

from dfnas.settings.base import Count
from dfnas.settings.from_scratch import FromScratchSettings


class SearchRandomSettings(FromScratchSettings):
    """Section `search_random`. With one draw, all that is said of labels and training is without effect."""

    draws: Count = 1
    """Architectures drawn. One is taken as it is and no data are looked at; of several, each is trained and scored, on
    each of comparison.search_data, and the best is taken."""

    @property
    def on_data(self) -> bool:
        return self.draws > 1
