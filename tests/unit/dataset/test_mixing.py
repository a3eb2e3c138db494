"""Mixed batches against the equations of mixup and CutMix."""

from dataclasses import replace
from random import Random

import pytest
import torch

from dfnas.dataset.batch_targets import StoredLabels
from dfnas.dataset.batches import Batches
from dfnas.dataset.mixing import MixedBatches, with_rectangles

SIDE, STEPS = 8, 40


@pytest.fixture
def sequences(make_images):
    def make(mixup: float, cutmix: float, seed: int = 0) -> tuple[Batches, MixedBatches]:
        pixels = torch.randint(256, (48, 1, SIDE, SIDE), generator=torch.Generator().manual_seed(1), dtype=torch.uint8)
        data = replace(make_images(48, side=SIDE), stored=pixels)
        plain = Batches(data, 12, None, StoredLabels(data), seed, "train")
        return plain, MixedBatches(plain, mixup, cutmix, seed)

    return make


def share_and_partners(plain: torch.Tensor, mixed: torch.Tensor) -> tuple[float, torch.Tensor]:
    """The λ and the order that turn the rows of one matrix into those of another, by least squares over all pairs."""
    best = None
    for partner in range(1, len(plain)):
        difference = plain[0] - plain[partner]
        own = ((mixed[0] - plain[partner]) @ difference / (difference @ difference)).item()
        error = (own * plain[0] + (1 - own) * plain[partner] - mixed[0]).abs().max().item()
        if best is None or error < best[0]:
            best = error, own, partner
    return best


def test_mixup_blends_images_and_targets_in_one_share(sequences):
    plain, mixed = sequences(mixup=1.0, cutmix=0.0)
    shares = []
    for step in range(STEPS):
        (views, targets), (blended, soft) = plain[step], mixed[step]
        error, own, partner = share_and_partners(views.flatten(1), blended.flatten(1))
        if error > 1e-4:  # the first image's partner is itself
            assert torch.allclose(blended[0], views[0], atol=1e-5)
            continue
        torch.testing.assert_close(soft[0], own * targets[0] + (1 - own) * targets[partner], atol=1e-4, rtol=1e-4)
        shares.append(own)
    assert 0.35 < sum(shares) / len(shares) < 0.65  # Beta(1, 1) is uniform
    assert max(shares) - min(shares) > 0.6


@pytest.mark.parametrize("own", [0.0, 0.3, 0.75, 1.0])
def test_a_rectangle_has_the_sides_of_the_paper_and_its_area_is_the_others_share(own):
    """Yun et al. 2019, section 3.1: sides W√(1 - λ) and H√(1 - λ), λ corrected for what lies outside."""
    views = torch.arange(4.0).view(4, 1, 1, 1).expand(4, 2, 10, 6).contiguous()
    partners = torch.tensor([1, 2, 3, 0])
    for seed in range(30):
        mixed, share = with_rectangles(views, partners, own, Random(seed))
        foreign = mixed != views
        assert share == pytest.approx(1 - foreign[0, 0].double().mean().item())
        assert foreign[:, :1].expand_as(foreign).equal(foreign)  # all channels alike
        assert foreign[:1].expand_as(foreign).equal(foreign)  # all images alike
        assert mixed[foreign].equal(views[partners][foreign])
        height, width = (foreign[0, 0].any(axis).sum().item() for axis in (1, 0))
        assert foreign[0, 0].sum() == height * width
        assert height <= 2 * (int(10 * (1 - own) ** 0.5) // 2)
        assert width <= 2 * (int(6 * (1 - own) ** 0.5) // 2)
    assert torch.equal(views, torch.arange(4.0).view(4, 1, 1, 1).expand(4, 2, 10, 6))


def test_with_both_a_batch_has_one_of_them(sequences):
    plain, both = sequences(mixup=1.0, cutmix=1.0)
    rectangles = 0
    for step in range(STEPS):
        changed = (both[step][0] != plain[step][0]).flatten(1).double().mean(1)  # of every image that has a partner, 1
        rectangles += bool(((changed > 0) & (changed < 0.9)).any())
    assert 10 < rectangles < 30


def test_targets_stay_distributions_and_a_step_is_a_function_of_the_seed(sequences):
    (_, one), (_, same), (_, other) = (sequences(0.2, 1.0, seed) for seed in (0, 0, 1))
    for step in (0, 7, 3):
        views, targets = one[step]
        torch.testing.assert_close(targets.sum(1), torch.ones(12))
        assert torch.equal(views, same[step][0])
        assert torch.equal(targets, same[step][1])
        assert not torch.equal(views, other[step][0])


class NamesWhatItSees:
    """Labels of views: what share of each is brighter than the mean."""

    of_views = True

    def __call__(self, indices: torch.Tensor, views: torch.Tensor) -> torch.Tensor:
        bright = (views > 0).float().mean((1, 2, 3))
        return torch.stack([bright, 1 - bright], 1)


@pytest.mark.parametrize(("mixup", "cutmix"), [(1.0, 0.0), (0.0, 1.0)])
def test_who_labels_views_is_asked_of_the_mixed_ones(sequences, mixup, cutmix):
    _, mixed = sequences(mixup, cutmix)
    mixed.batches.labels = labels = NamesWhatItSees()
    for step in range(5):
        views, targets = mixed[step]
        assert torch.equal(targets, labels(None, views))
