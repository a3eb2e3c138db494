"""Images where they lie, and how they come from there in batches: on the device, where a batch is an index operation;
on the host, or in the data set's shards, from which a thread fetches batches ahead.

Wherever they lie, the same images come in the same order: a result does not depend on it.

Shapes: N images, B of a batch, C channels, P Q stored height and width.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import torch

from dfnas.runtime.transfers import sent

AHEAD = 2
"""Batches that are fetched before they are asked for."""


class Source(Protocol):
    """Images uint8 (N, C, P, Q) that lie elsewhere than on the device."""

    shape: tuple[int, ...]
    changes: int
    """How often images were put in the place of others."""

    def rows(self, places: torch.Tensor, out: torch.Tensor) -> None:
        """Copies the images at some places, int64 (B,), to a tensor (B, C, P, Q) of the host, channels last."""

    def put(self, places: torch.Tensor, images: torch.Tensor) -> None:
        """Images (B, C, P, Q) of the host take the places of others."""


class OnHost:
    """Images in the host's memory."""

    def __init__(self, images: torch.Tensor):
        self.images, self.shape, self.changes = images, tuple(images.shape), 0

    def rows(self, places: torch.Tensor, out: torch.Tensor) -> None:
        torch.index_select(_by_rows(self.images), 0, places, out=_by_rows(out))

    def put(self, places: torch.Tensor, images: torch.Tensor) -> None:
        self.images[places] = images
        self.changes += 1


class StoredImages:
    """Some images of a source, in an order of their own.

    Args:
        source: a tensor, which lies on the host or on the device, or something to read from.
        device: where batches of them are wanted.
        chosen: int64 (N,) on the CPU, which images of the source they are; None for all. None is copied.
    """

    def __init__(self, source: torch.Tensor | Source, device: torch.device, chosen: torch.Tensor | None = None):
        if isinstance(source, torch.Tensor):
            # Crops are quickest from channels last; others are copied.
            source = source.contiguous(memory_format=torch.channels_last)
        self.resident = source if isinstance(source, torch.Tensor) and source.device.type == device.type else None
        self.source: Source | None = None
        if self.resident is None:
            self.source = OnHost(source) if isinstance(source, torch.Tensor) else source
        self.device, self.chosen = device, chosen
        of = tuple(source.shape)
        self.shape = (of[0] if chosen is None else len(chosen), *of[1:])

    def __len__(self) -> int:
        return self.shape[0]

    def subset(self, places: torch.Tensor) -> "StoredImages":
        """Those at some places, int64 (M,): the same memory in another order."""
        source = self.resident if self.source is None else self.source
        assert source is not None
        return StoredImages(source, self.device, self._of_source(places.cpu()))

    def stream(self, parts: Sequence[slice], order: torch.Tensor | None = None) -> "Stream":
        """Batches of the images.

        Args:
            parts: of the order, what each batch is.
            order: int64 (N,) on the CPU; None for the images' own.
        """
        places = self.chosen if order is None else self._of_source(order)
        if self.resident is not None:
            return Resident(self.resident, parts, None if places is None else sent(places, self.device))
        return Fetched(self, parts, torch.arange(len(self)) if places is None else places)

    def at(self, places: torch.Tensor) -> torch.Tensor:
        """uint8 (B, C, P, Q) on the device, of places int64 (B,) on the CPU."""
        return self.stream([slice(None)], places)[0]

    def put(self, places: torch.Tensor, images: torch.Tensor) -> None:
        """Images (B, C, P, Q) of the CPU take the places int64 (B,) of others, wherever these are seen."""
        places = self._of_source(places)
        if self.resident is not None:
            self.resident[sent(places, self.device)] = sent(images, self.device)
        else:
            assert self.source is not None
            self.source.put(places, images)

    @property
    def changes(self) -> int:
        """How often images that do not lie on the device were put in the place of others."""
        assert self.source is not None
        return self.source.changes

    def fetched(self, places: torch.Tensor) -> torch.Tensor:
        """uint8 (B, C, P, Q) of images of the source that do not lie on the device, on the host, channels last; pinned
        where a GPU gets them, so that it need not be waited for."""
        assert self.source is not None
        (_, channels, height, width), pinned = self.shape, self.device.type == "cuda"
        out = torch.empty(len(places), height, width, channels, dtype=torch.uint8, pin_memory=pinned)
        self.source.rows(places, out.permute(0, 3, 1, 2))
        return out.permute(0, 3, 1, 2)

    def _of_source(self, places: torch.Tensor) -> torch.Tensor:
        return places if self.chosen is None else self.chosen[places]


class Stream(Protocol):
    """Batches of images, uint8 (B, C, P, Q) on the device, channels last, by number. They are quickest in turn."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> torch.Tensor: ...

    def __iter__(self) -> Iterator[torch.Tensor]: ...


class Resident:
    """Of images on the device."""

    def __init__(self, images: torch.Tensor, parts: Sequence[slice], places: torch.Tensor | None):
        self.images, self.parts, self.places = images, parts, places

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, index: int) -> torch.Tensor:
        part = self.parts[index]
        if self.places is None:
            return self.images[part]
        return _by_rows(self.images).index_select(0, self.places[part]).permute(0, 3, 1, 2)

    def __iter__(self) -> Iterator[torch.Tensor]:
        return (self[index] for index in range(len(self)))


class Fetched:
    """Of images that lie elsewhere: a thread fetches those that come next while the device is at work. Memory has AHEAD
    batches, and the one that was asked for."""

    def __init__(self, images: StoredImages, parts: Sequence[slice], places: torch.Tensor):
        self.images, self.parts, self.places = images, parts, places
        self._thread = ThreadPoolExecutor(1)
        self._coming: dict[int, Future[torch.Tensor]] = {}
        self._changes = images.changes

    def __len__(self) -> int:
        return len(self.parts)

    def __getitem__(self, index: int) -> torch.Tensor:
        if self._changes != self.images.changes:  # what was fetched may be of images that are gone
            self._coming, self._changes = {}, self.images.changes
        wanted = range(index, min(index + 1 + AHEAD, len(self)))
        self._coming = {number: self._coming.get(number) or self._fetch(number) for number in wanted}
        return sent(self._coming.pop(index).result(), self.images.device)

    def __iter__(self) -> Iterator[torch.Tensor]:
        return (self[index] for index in range(len(self)))

    def _fetch(self, number: int) -> Future[torch.Tensor]:
        return self._thread.submit(self.images.fetched, self.places[self.parts[number]])


def parts_of(count: int, size: int) -> list[slice]:
    """`count` images in parts of `size`, in order; fewer in the last."""
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]


def even_parts(count: int, size: int) -> list[slice]:
    """`count` images in as few parts as have at most `size` of them, all of one length but for one image."""
    number = max(1, -(-count // size))
    least, longer = divmod(count, number)
    ends = [(index + 1) * least + min(index + 1, longer) for index in range(number)]
    return [slice(first, last) for first, last in zip([0, *ends], ends, strict=False)]


def _by_rows(images: torch.Tensor) -> torch.Tensor:
    """Images (B, C, P, Q), channels last, as rows of memory (B, P, Q, C): runs of bytes are quicker to gather."""
    return images.permute(0, 2, 3, 1)
