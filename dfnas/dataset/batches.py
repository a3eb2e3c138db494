"""Batches for training: shuffled, augmented, and a function of (seed, step) alone, so that any step can be
repeated after an interruption without saved generators."""

import torch

from dfnas.dataset.augment import augmented_view, plain_view
from dfnas.dataset.images import ImageSet
from dfnas.runtime.errors import InputError
from dfnas.runtime.seeds import generator
from dfnas.settings.training import AugmentationSettings


class Batches:
    """An endless sequence of training batches.

    Args:
        data: the images.
        batch_size: images per batch; what does not fill a batch at the end of an epoch is left out of it.
        augmentation: how views are made; None for the plain centre.
        soft: targets are the soft labels; otherwise one-hot rows of their most likely class.
        seed: the run's seed.
        name: sets this sequence apart from others of the run.

    Raises:
        InputError: fewer images than a batch.
    """

    def __init__(
        self,
        data: ImageSet,
        batch_size: int,
        augmentation: AugmentationSettings | None,
        soft: bool,
        seed: int,
        name: str,
    ):
        if len(data) < batch_size:
            raise InputError(f"batch_size = {batch_size} is more than the {len(data)} images there are; lower it")
        self.data, self.batch_size, self.augmentation = data, batch_size, augmentation
        self.seed, self.name = seed, name
        self.per_epoch = len(data) // batch_size
        labels = data.soft_labels
        self.labels = labels if soft else torch.nn.functional.one_hot(labels.argmax(1), labels.shape[1]).float()
        self._epoch, self._order = -1, torch.empty(0)

    def __getitem__(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Views (B, C, S, S) float32, normalised, and target distributions (B, K) of a step."""
        epoch, place = divmod(step, self.per_epoch)
        if epoch != self._epoch:
            order = torch.randperm(len(self.data), generator=generator(self.seed, self.name, "order", epoch))
            self._epoch, self._order = epoch, order.to(self.data.images.device)
        chosen = self._order[place * self.batch_size : (place + 1) * self.batch_size]
        images = self.data.images[chosen]
        if self.augmentation is None:
            return plain_view(self.data, images), self.labels[chosen]
        draws = generator(self.seed, self.name, "views", step)
        return augmented_view(self.data, images, self.augmentation, draws), self.labels[chosen]


def plain_batches(data: ImageSet, batch_size: int):
    """Yields (views, indices) over all images once, in order, the last batch possibly smaller."""
    for chosen in torch.arange(len(data), device=data.images.device).split(batch_size):
        yield plain_view(data, data.images[chosen]), chosen
