"""Batches are a function of seed and step."""

import pytest
import torch

from dfnas.dataset.batches import Batches, plain_batches
from dfnas.dataset.images import ImageSet
from dfnas.runtime.errors import InputError
from dfnas.settings.training import AugmentationSettings

COUNT = 23


def numbered() -> ImageSet:
    """Image i is grey level i everywhere; its most likely class is i mod 3."""
    images = torch.arange(COUNT, dtype=torch.uint8).view(-1, 1, 1, 1).expand(COUNT, 1, 4, 4)
    targets = torch.arange(COUNT) % 3
    labels = 0.4 * torch.nn.functional.one_hot(targets, 3).float() + 0.2
    return ImageSet(images, labels, targets, (4, 4), (0.0,), (1 / 255,))


def batches(size=5, augmentation=None, soft=True, seed=0, name="train") -> Batches:
    return Batches(numbered(), size, augmentation, soft, seed, name)


def numbers(views: torch.Tensor) -> list[int]:
    return views.amax((1, 2, 3)).round().int().tolist()


@pytest.mark.parametrize("size", [1, 5, COUNT])
def test_an_epoch_shows_no_image_twice_and_leaves_less_than_a_batch(size):
    sequence = batches(size)
    assert sequence.per_epoch == COUNT // size
    epochs = []
    for epoch in range(3):
        steps = range(epoch * sequence.per_epoch, (epoch + 1) * sequence.per_epoch)
        shown = [number for step in steps for number in numbers(sequence[step][0])]
        assert len(set(shown)) == len(shown) == COUNT - COUNT % size
        epochs.append(shown)
    assert len({tuple(epoch) for epoch in epochs}) == 3


def test_any_step_can_be_had_again_in_any_order():
    settings = AugmentationSettings(pad=1)
    sequence = batches(augmentation=settings)
    first = [sequence[step] for step in range(10)]
    for step in (7, 0, 9, 3, 3):
        for again in (sequence[step], batches(augmentation=settings)[step]):
            assert all(torch.equal(a, b) for a, b in zip(again, first[step], strict=True))


@pytest.mark.parametrize("other", [{"seed": 1}, {"name": "alphas"}])
def test_seeds_and_names_set_sequences_apart(other):
    assert numbers(batches()[0][0]) != numbers(batches(**other)[0][0])


def test_views_are_drawn_anew_in_every_step():
    data = numbered()
    same = ImageSet(
        data.images[:1].expand(COUNT, -1, -1, -1) + 100, data.soft_labels, data.targets, (4, 4), (0.0,), (1.0,)
    )
    sequence = Batches(same, 5, AugmentationSettings(pad=2), True, 0, "train")
    views = {sequence[step][0].numpy().tobytes() for step in range(3 * sequence.per_epoch)}
    assert len(views) == 3 * sequence.per_epoch


def test_labels_belong_to_their_images_soft_or_as_the_most_likely_class():
    for soft, peak, rest in ((True, 0.6, 0.2), (False, 1.0, 0.0)):
        views, labels = batches(soft=soft)[2]
        classes = torch.tensor(numbers(views)) % 3
        expected = torch.full((5, 3), rest)
        expected[torch.arange(5), classes] = peak
        torch.testing.assert_close(labels, expected)


def test_a_batch_larger_than_the_data_is_an_error():
    with pytest.raises(InputError, match=f"batch_size = 24 is more than the {COUNT} images"):
        batches(COUNT + 1)


@pytest.mark.parametrize("size", [1, 4, 100])
def test_plain_batches_show_every_image_once_in_order(size):
    shown = [
        (number, index)
        for views, chosen in plain_batches(numbered(), size)
        for number, index in zip(numbers(views), chosen.tolist(), strict=True)
    ]
    assert shown == [(i, i) for i in range(COUNT)]
