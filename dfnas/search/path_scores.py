"""What a trained supernet says of single paths (Guo et al. 2020, section 3.4): each is judged with BatchNorm statistics
of its own, from training images, since those that training leaves mix all paths."""

import torch
from torch import nn

from dfnas.dataset.batches import Batches
from dfnas.dataset.images import ImageSet
from dfnas.measure.accuracy import predict
from dfnas.search.recalibration import recalibrate
from dfnas.settings.search_spos import EvolutionSettings
from dfnas.settings.training import AugmentationSettings
from dfnas.spaces.slot import SinglePath, set_mixer
from dfnas.spaces.space import Architecture, Space

BATCH_SIZE = 256
"""Images per forward pass of a judgement; the logits do not depend on it."""


class PathScores:
    """The judge of a supernet's paths. Gives the supernet its mixer.

    Args:
        network: a supernet of the space; its weights may go on changing between two judgements.
        train: images to compute the statistics from.
        augmentation: what happens to them, as in training.
        seed: seed of their order and views, which are the same for every path.

    Attributes:
        path: the mixer, whose path is that of the architecture judged last, until someone sets another.
    """

    def __init__(
        self,
        space: Space,
        network: nn.Module,
        train: ImageSet,
        settings: EvolutionSettings,
        augmentation: AugmentationSettings,
        seed: int,
    ):
        self.space, self.network = space, network
        self.path = SinglePath()
        set_mixer(network, self.path)
        size = min(settings.recalibration_batch_size, len(train))
        self.batches = Batches(train, size, augmentation, soft=True, seed=seed, name="recalibration")
        self.count = settings.recalibration_batches

    def logits(self, architecture: Architecture, *judges: ImageSet) -> list[torch.Tensor]:
        """Logits (N, K) of a path on one or more image sets, after one recalibration."""
        self.path.path = self.space.path(architecture)
        recalibrate(self.network, (self.batches[i][0] for i in range(self.count)))
        return [predict(self.network, judge, BATCH_SIZE) for judge in judges]
