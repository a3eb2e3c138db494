"""What every search works on."""

import math
from dataclasses import dataclass

import torch

from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.batch_targets import labels_of
from dfnas.dataset.batches import Batches, PlainViews
from dfnas.dataset.images import ImageSet
from dfnas.runtime.processes import ALONE, Processes
from dfnas.search.budget import Budget
from dfnas.settings.search import ImagesSettings
from dfnas.spaces.costs import CostTable
from dfnas.spaces.space import Space

HELD_OUT_BATCH = 256


@dataclass(frozen=True)
class SearchContext:
    """The same for every algorithm.

    Args:
        space: what can be chosen.
        train: images that train the weights (and, for DARTS whose architecture parameters learn, these on one half).
        validation: held-out images of the same source, for architecture steps and scores.
        seed: the run's seed.
        budget: what an architecture may cost; checked.
        teacher: what labels the views where the settings ask for that.
        latency: milliseconds of every option on the user's device, where that is asked for.
        processes: those that have every training batch between them. Seeds, images and judgements are the same in all.
    """

    space: Space
    train: ImageSet
    validation: ImageSet
    seed: int
    budget: Budget
    teacher: Teacher | None = None
    latency: CostTable | None = None
    processes: Processes = ALONE

    @property
    def device(self) -> torch.device:
        return self.train.device

    def batches(self, settings: ImagesSettings, data: ImageSet, name: str, batch_size: int | None = None) -> Batches:
        """Training batches of one part of the images, with views and targets as the settings say. Of several processes
        each makes its share of them.

        Args:
            name: sets this sequence apart from others of the search.
            batch_size: if it is not that of the settings.

        Raises:
            InputError: images that the settings, or the teacher, do not fit; a batch that the processes cannot share.
        """
        size = batch_size or settings.batch_size
        labels = labels_of(data, settings, self.teacher)
        epoch = math.ceil(settings.images_per_epoch * len(data) / len(self.train))  # a part of the images has its share
        share = self.processes.share(size)
        return Batches(data, size, settings.augmentation, labels, self.seed, name, settings.downscale, epoch, share)

    def held_out(self, settings: ImagesSettings) -> PlainViews:
        """The validation images as the networks of the search see them."""
        return PlainViews(self.validation, HELD_OUT_BATCH, settings.downscale)
