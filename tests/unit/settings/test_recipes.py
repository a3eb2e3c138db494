"""Published ways to train, by name."""

import pytest

from dfnas.runtime.errors import InputError
from dfnas.settings.recipes import RECIPES
from dfnas.settings.training import RetrainSettings


def test_darts_is_what_the_section_means_without_a_recipe_with_the_published_cutout():
    """Liu et al. 2019: the fields' own defaults are theirs."""
    recipe = RetrainSettings.parse({"recipe": "darts_cifar"}).plain()
    assert recipe == RetrainSettings.parse({"augmentation": {"cutout": 16}}).plain() | {"recipe": "darts_cifar"}


def test_the_figures_of_cifar10_airbench_follow_from_its_decoupled_ones():
    """legacy/airbench94.py: lr and decay as its optimiser gets them, for a loss that is a sum over the batch."""
    batch, momentum = 1024, 0.85
    kilostep_scale = 1024 * (1 + 1 / (1 - momentum))
    lr, decay = 11.5 / kilostep_scale, 0.0153 * batch / kilostep_scale
    quick = RetrainSettings.parse({"recipe": "quick"})
    assert quick.peak_lr == pytest.approx(lr * batch)  # of the mean
    assert quick.weight_decay * quick.peak_lr == pytest.approx(decay)  # what a step takes off a weight
    assert quick.momentum == momentum


@pytest.mark.parametrize("batch", [64, 2000])
def test_quick_is_scaled_to_the_batch_as_there(batch):
    quick = RetrainSettings.parse({"recipe": "quick", "batch_size": batch})
    assert quick.peak_lr == pytest.approx(1.5 * batch / 1024)
    assert quick.lr == 1.5


@pytest.mark.parametrize("name", RECIPES)
def test_what_is_said_beside_a_recipe_wins_key_by_key(name):
    plain = RetrainSettings.parse({"recipe": name}).plain()
    changed = RetrainSettings.parse({"recipe": name, "lr": 0.7, "augmentation": {"flip": False}}).plain()
    assert changed == plain | {"lr": 0.7, "augmentation": plain["augmentation"] | {"flip": False}}
    assert RetrainSettings.parse(plain).plain() == plain


@pytest.mark.parametrize("name", ["airbench", 3, ["quick"], {"name": "quick"}])
def test_an_unknown_recipe_is_refused_with_those_there_are(name):
    with pytest.raises(InputError, match=r"retrain.recipe.*(darts_cifar.*mobile_imagenet.*quick|string)"):
        RetrainSettings.parse({"recipe": name}, "retrain")


@pytest.mark.parametrize(("given", "meant"), [("random", True), ("true", True), ("alternating", "alternating")])
def test_flips_by_name(given, meant):
    assert RetrainSettings.parse({"augmentation": {"flip": given}}).augmentation.flip == meant


def test_a_one_cycle_has_no_other_warm_up():
    with pytest.raises(InputError, match=r"warmup_epochs \(2.0\) must be 0 with schedule one_cycle"):
        RetrainSettings.parse({"recipe": "quick", "warmup_epochs": 2})
