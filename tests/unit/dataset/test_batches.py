"""Batches are a function of seed and step."""

import pytest
import torch

from dfnas.dataset import batches as module
from dfnas.dataset.augment import averaged, plain_view
from dfnas.dataset.batch_targets import StoredLabels
from dfnas.dataset.batches import Batches, FirstViews, PlainViews
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


def batches(size=5, augmentation=None, seed=0, name="train", downscale=1, images_per_epoch=0) -> Batches:
    data = numbered()
    return Batches(data, size, augmentation, StoredLabels(data), seed, name, downscale, images_per_epoch)


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


@pytest.mark.parametrize(("images", "steps"), [(0, 4), (5, 1), (14, 2), (100, 20)])
def test_an_epoch_can_be_shorter_or_longer_than_a_pass_which_it_does_not_disturb(images, steps):
    plain, sequence = batches(), batches(images_per_epoch=images)
    assert sequence.per_epoch == steps
    for step in range(2 * plain.per_epoch):
        assert numbers(sequence[step][0]) == numbers(plain[step][0])


def test_an_epoch_of_less_than_a_batch_is_an_error():
    with pytest.raises(InputError, match="batch_size = 5 is more than the 4 images of an epoch"):
        batches(images_per_epoch=4)


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
    sequence = Batches(same, 5, AugmentationSettings(pad=2), StoredLabels(same), 0, "train")
    views = {sequence[step][0].numpy().tobytes() for step in range(3 * sequence.per_epoch)}
    assert len(views) == 3 * sequence.per_epoch


def test_labels_are_asked_for_with_the_indices_and_the_full_views_of_the_batch():
    asked = []

    def labels(indices, views):
        asked.append((indices.tolist(), views))
        return indices.float()[:, None]

    sequence = Batches(numbered(), 5, AugmentationSettings(pad=1), labels, 0, "train", 2)
    views, targets = sequence[2]
    ((indices, full),) = asked
    assert targets[:, 0].tolist() == indices == numbers(full)
    assert (full.shape, views.shape) == ((5, 1, 4, 4), (5, 1, 2, 2))
    assert torch.equal(views, averaged(full, 2))
    assert torch.equal(sequence.views(2), views)
    assert len(asked) == 1


def test_a_batch_larger_than_the_data_is_an_error():
    with pytest.raises(InputError, match=f"batch_size = 24 is more than the {COUNT} images"):
        batches(COUNT + 1)


@pytest.mark.parametrize("make", [lambda: batches(downscale=3), lambda: PlainViews(numbered(), 5, 3)])
def test_a_square_that_does_not_divide_the_image_is_an_error(make):
    with pytest.raises(InputError, match="downscale = 3 must divide the images' height and width, 4 and 4"):
        make()


@pytest.mark.parametrize("size", [1, 4, 100])
@pytest.mark.parametrize("downscale", [1, 2])
def test_plain_views_show_every_image_once_in_order(size, downscale):
    shown = list(PlainViews(numbered(), size, downscale))
    assert [number for views in shown for number in numbers(views)] == list(range(COUNT))
    assert {views.shape[1:] for views in shown} == {(1, 4 // downscale, 4 // downscale)}
    sizes = [len(views) for views in shown]
    assert max(sizes) <= size
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("kept", [0, 3 * 4 * 4 * 4 * 4, 1 << 20], ids=["none", "three batches", "all"])
def test_what_is_asked_for_again_is_made_once_as_far_as_it_is_small(monkeypatch, kept):
    made = []
    monkeypatch.setattr(module, "KEPT_BYTES", kept)
    monkeypatch.setattr(module, "plain_view", lambda *given: made.append(1) or plain_view(*given))
    views = PlainViews(numbered(), 4)
    first = [batch.clone() for batch in views]
    assert len(made) == 6
    assert all(torch.equal(a, b) for a, b in zip(first, views, strict=True))
    assert len(made) == 6 + {0: 6, 768: 3, 1 << 20: 0}[kept]


def test_the_first_views_are_those_of_the_first_steps():
    sequence = batches(augmentation=AugmentationSettings(pad=1))
    views = FirstViews(sequence, 7)
    for _ in range(2):
        assert all(torch.equal(a, sequence[step][0]) for step, a in enumerate(views))
    assert len(list(views)) == 7


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("flip", [True, "alternating"])
def test_shares_of_a_batch_are_its_rows(count, flip):
    """However many processes have it between them, an image's view and target are the same."""
    data, settings = numbered(), AugmentationSettings(pad=1, cutout=2, flip=flip)

    def sequence(share: slice = slice(None)) -> Batches:
        return Batches(data, 6, settings, StoredLabels(data), 0, "train", share=share)

    whole, own = sequence(), 6 // count
    parts = [sequence(slice(rank * own, (rank + 1) * own)) for rank in range(count)]
    for step in (0, 4, 3):
        for column in (0, 1):
            assert torch.equal(whole[step][column], torch.cat([part[step][column] for part in parts]))


def test_alternating_flips_mirror_every_image_in_every_other_pass_and_half_of_them_in_the_first():
    images = torch.arange(4, dtype=torch.uint8).expand(64, 1, 2, 4)  # dark left, bright right
    labels = torch.eye(64)
    data = ImageSet(images, labels, torch.arange(64), (2, 4), (0.0,), (1.0,))
    sequence = Batches(data, 16, AugmentationSettings(pad=0, flip="alternating"), StoredLabels(data), 3, "train")
    passes = []
    for number in range(4):
        mirrored = {}
        for step in range(4 * number, 4 * number + 4):
            views, targets = sequence[step]
            mirrored |= dict(zip(targets.argmax(1).tolist(), (views[:, 0, 0, 0] > 0).tolist(), strict=True))
        passes.append([mirrored[image] for image in range(64)])
    assert passes[0] == passes[2]
    assert passes[1] == passes[3] == [not value for value in passes[0]]
    assert 20 < sum(passes[0]) < 44


def test_images_too_small_to_be_mirrored_at_their_edge_are_refused():
    batches(augmentation=AugmentationSettings(pad=3, padding="reflect"))
    with pytest.raises(
        InputError, match=r"augmentation.pad = 4 with padding reflect must be below the images' side, 4"
    ):
        batches(augmentation=AugmentationSettings(pad=4, padding="reflect"))
