"""Settings of `search_training_free`: the best of random architectures by a score of their untrained networks."""

from typing import Literal

from dfnas.settings.base import Count
from dfnas.settings.proxies import Score, ScoredSettings
from dfnas.settings.search import SearchSettings


class SearchTrainingFreeSettings(ScoredSettings, SearchSettings):
    """Section `search_training_free`. Where networks see noise, all that is said of labels and views is without effect,
    but for `downscale` and `batch_size`."""

    draws: Count = 100
    """Architectures drawn within the budget, all different; fewer where it holds no more."""
    score: Score = "az_nas"
    """What ranks them: `az_nas` (Lee and Ham 2024: expressivity, progressivity, trainability and multiply-accumulates),
    `az_nas_synflow` (`synflow` as a fifth term), or one of `macs_m`, `params_m`, `expressivity`, `progressivity`,
    `trainability`, `synflow`, `naswot`, `jacov`, `zico`, `grad_norm`; the more the better."""
    images: Literal["noise", "data"] = "noise"
    """What untrained networks see: Gaussian noise, so that no data are looked at, or images, on each of
    comparison.search_data."""

    @property
    def on_data(self) -> bool:
        return self.images == "data"
