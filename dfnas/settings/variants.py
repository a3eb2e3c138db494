"""Settings of searches on data with settings of their own: another row of the comparison, on the same images."""

from dfnas.settings.base import Settings
from dfnas.settings.search import SearchSettings
from dfnas.settings.search_darts import SearchDartsSettings
from dfnas.settings.search_evolution import SearchEvolutionSettings
from dfnas.settings.search_proxyless import SearchProxylessSettings
from dfnas.settings.search_random import SearchRandomSettings
from dfnas.settings.search_spos import SearchSposSettings
from dfnas.settings.search_training_free import SearchTrainingFreeSettings
from dfnas.settings.sources import ORIGINAL, Data


class VariantSettings(Settings):
    """Searches on a data set that differ in something from those of the sections `search_*`, under a name of their own
    in `variants`, such as labels by the teacher for original images. What is not said here is as there; the space and
    the budget are always those."""

    images: Data = ORIGINAL
    """The data set that they look at: `original`, `synthetic` or a name of `sources`."""
    search_darts: SearchDartsSettings | None = None
    """What `darts` does differently."""
    search_proxyless: SearchProxylessSettings | None = None
    """What `proxyless` does differently."""
    search_spos: SearchSposSettings | None = None
    """What `spos` does differently."""
    search_random: SearchRandomSettings | None = None
    """What `random` does differently, where it trains its draws."""
    search_evolution: SearchEvolutionSettings | None = None
    """What `evolution` does differently."""
    search_training_free: SearchTrainingFreeSettings | None = None
    """What `training_free` does differently, where it looks at images."""

    def searches(self) -> dict[str, SearchSettings]:
        """The sections that it has, by rule."""
        return {name: section for name, section in self if isinstance(section, SearchSettings)}
