"""What a trained supernet says of single paths (Guo et al. 2020, section 3.4): each is judged with BatchNorm statistics
of its own, from training images, since those that training leaves mix all paths."""

from collections.abc import Iterable

import torch
from torch import nn

from dfnas.dataset.batch_targets import ClassLabels
from dfnas.dataset.batches import Batches, FirstViews
from dfnas.dataset.images import ImageSet
from dfnas.measure.accuracy import logits_of
from dfnas.search.recalibration import recalibrate
from dfnas.settings.search_spos import SearchSposSettings
from dfnas.spaces.slot import SinglePath, set_mixer
from dfnas.spaces.space import Architecture, Space


class PathScores:
    """The judge of a supernet's paths. Gives the supernet its mixer.

    Args:
        network: a supernet of the space; its weights may go on changing between two judgements.
        train: images to compute the statistics from.
        settings: of the search: how its views are made, and how many of them make the statistics.
        seed: seed of their order and views, which are the same for every path.

    Attributes:
        path: the mixer, whose path is that of the architecture judged last, until someone sets another.
    """

    def __init__(self, space: Space, network: nn.Module, train: ImageSet, settings: SearchSposSettings, seed: int):
        self.space, self.network = space, network
        self.path = SinglePath()
        set_mixer(network, self.path)
        evolution, size = settings.evolution, min(settings.evolution.recalibration_batch_size, len(train))
        labels = ClassLabels(train)  # that nobody asks for
        batches = Batches(train, size, settings.augmentation, labels, seed, "recalibration", settings.downscale)
        self.recalibration = FirstViews(batches, evolution.recalibration_batches)

    def logits(self, architecture: Architecture, *judges: Iterable[torch.Tensor]) -> list[torch.Tensor]:
        """Logits (N, K) of a path on the views of one or more image sets, after one recalibration."""
        self.path.path = self.space.path(architecture)
        recalibrate(self.network, self.recalibration)
        return [logits_of(self.network, views) for views in judges]
