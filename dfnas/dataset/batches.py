"""Batches for training: shuffled, augmented, and a function of (seed, step) alone, so that any step can be
repeated after an interruption without saved generators; and the plain views of a whole split, for judging."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

import torch

from dfnas.dataset.augment import averaged, draw, drawn_view, plain_view
from dfnas.dataset.batch_targets import Labels
from dfnas.dataset.images import ImageSet
from dfnas.dataset.stored import even_parts
from dfnas.runtime.errors import InputError
from dfnas.runtime.seeds import generator
from dfnas.runtime.transfers import sent
from dfnas.settings.training import AugmentationSettings

KEPT_BYTES = 1 << 29  # of views that are asked for again and again


class Batches:
    """An endless sequence of training batches.

    Args:
        data: the images.
        batch_size: images per batch; what does not fill a batch at the end of an epoch is left out of it.
        augmentation: how views are made; None for the plain centre.
        labels: the targets.
        seed: the run's seed.
        name: sets this sequence apart from others of the run.
        downscale: side of the squares over which views are averaged for the network. Crops, flips and the labels are
            those of the full size.
        images_per_epoch: what counts as an epoch for `per_epoch`; 0 is all images. The order does not depend on it.
        share: which rows of every batch are made: those of this process, where several have a batch between them.

    Attributes:
        per_epoch: steps of an epoch.

    Raises:
        InputError: fewer images than a batch, an epoch of fewer, images that `downscale` does not divide, or what
            the augmentation cannot be done to.
    """

    def __init__(
        self,
        data: ImageSet,
        batch_size: int,
        augmentation: AugmentationSettings | None,
        labels: Labels,
        seed: int,
        name: str,
        downscale: int = 1,
        images_per_epoch: int = 0,
        share: slice = slice(None),
    ):
        if len(data) < batch_size:
            raise InputError(f"batch_size = {batch_size} is more than the {len(data)} images there are; lower it")
        if 0 < images_per_epoch < batch_size:
            raise InputError(
                f"batch_size = {batch_size} is more than the {images_per_epoch} images of an epoch; lower it"
            )
        check_downscale(data, downscale)
        _check_augmentation(data, augmentation)
        self.data, self.batch_size, self.augmentation, self.labels = data, batch_size, augmentation, labels
        self.seed, self.name, self.downscale, self.share = seed, name, downscale, share
        self.per_pass = len(data) // batch_size  # steps until every image was seen
        self.per_epoch = images_per_epoch // batch_size or self.per_pass
        own = range(batch_size)[share]
        self._parts = [
            slice(first + own.start, first + own.stop) for first in range(0, self.per_pass * batch_size, batch_size)
        ]
        self._pass, self._order, self._images = -1, torch.empty(0), data.stream([])
        first = torch.rand(len(data), generator=generator(seed, name, "mirrored")) < 0.5
        self._mirrored_first = sent(first, data.device)  # in the first pass, where flips alternate

    def __getitem__(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Views (B, C, S, S) float32, normalised, and target distributions (B, K) of a step."""
        indices, views = self.full_views(step)
        return averaged(views, self.downscale), self.labels(indices, views)

    def full_views(self, step: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Indices (B,) int64 and views (B, C, H, W) of the images of a step, at full size and without targets."""
        chosen = self._chosen(step)
        own, images = chosen[self.share], self._images[step % self.per_pass]
        if self.augmentation is None:
            return own, plain_view(self.data, images)
        # For the whole batch: an image's view does not depend on which process makes it.
        draws = draw(len(chosen), self.data, self.augmentation, generator(self.seed, self.name, "views", step))
        if self.augmentation.flip == "alternating":
            odd = bool(step // self.per_pass % 2)
            draws = draws._replace(mirrored=self._mirrored_first[chosen] ^ odd)
        return own, drawn_view(self.data, images, self.augmentation, draws.of(self.share))

    def views(self, step: int) -> torch.Tensor:
        """The views of a step alone: no teacher is asked for targets that nobody needs."""
        return averaged(self.full_views(step)[1], self.downscale)

    def _chosen(self, step: int) -> torch.Tensor:
        """Indices (B,) of the images of a step, whose pass is begun."""
        number, place = divmod(step, self.per_pass)
        if number != self._pass:
            order = torch.randperm(len(self.data), generator=generator(self.seed, self.name, "order", number))
            self._pass, self._order = number, sent(order, self.data.device)
            self._images = self.data.stored.stream(self._parts, order)
        return self._order[place * self.batch_size : (place + 1) * self.batch_size]


class KeptViews(ABC):
    """Batches of views that are asked for again and again: in memory after the first time, as far as they are small.

    What is kept goes to every network in turn, which must leave its input alone.
    """

    def __init__(self, count: int):
        self.count = count
        self._kept: dict[int, torch.Tensor] = {}
        self._bytes = 0

    @abstractmethod
    def _made(self, index: int) -> torch.Tensor:
        """The views (B, C, H, W) of a batch."""

    def __iter__(self) -> Iterator[torch.Tensor]:
        for index in range(self.count):
            views = self._kept.get(index)
            if views is None:
                views = self._made(index)
                if self._bytes + views.nbytes <= KEPT_BYTES:
                    self._kept[index] = views
                    self._bytes += views.nbytes
            yield views


class PlainViews(KeptViews):
    """The plain views of all images once, in order, in as few batches as hold at most `batch_size` of them, all of one
    size but for one image: where BatchNorm takes a batch's own statistics, a few left over would have bad ones."""

    def __init__(self, data: ImageSet, batch_size: int, downscale: int = 1):
        check_downscale(data, downscale)
        self.data, self.downscale = data, downscale
        self.parts = data.stream(even_parts(len(data), batch_size))
        super().__init__(len(self.parts))

    def _made(self, index: int) -> torch.Tensor:
        return averaged(plain_view(self.data, self.parts[index]), self.downscale)


class FirstViews(KeptViews):
    """The views of the first steps of a sequence of batches."""

    def __init__(self, batches: Batches, count: int):
        super().__init__(count)
        self.batches = batches

    def _made(self, index: int) -> torch.Tensor:
        return self.batches.views(index)


def check_downscale(data: ImageSet, downscale: int) -> None:
    """Raises InputError unless the images can be averaged over squares of that side."""
    if any(side % downscale for side in data.size):
        height, width = data.size
        raise InputError(f"downscale = {downscale} must divide the images' height and width, {height} and {width}")


def _check_augmentation(data: ImageSet, augmentation: AugmentationSettings | None) -> None:
    """Raises InputError where images are too small to be mirrored at their edge, or have no colours to change."""
    if augmentation is None:
        return
    least = min(data.sides)
    if augmentation.padding == "reflect" and augmentation.pad >= least:
        raise InputError(
            f"augmentation.pad = {augmentation.pad} with padding reflect must be below the images' side, {least}"
        )
    if augmentation.jitter.changes and data.channels not in (1, 3):
        raise InputError(f"augmentation.jitter is of images of 1 or 3 channels, not {data.channels}; leave it out")
