"""The presets: each plans a run, and says what its publications say."""

import pytest
import torch
import yaml
from plans import made
from running import ROOT

from dfnas.measure.complexity import count_parameters
from dfnas.settings.search import SearchSettings
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task

PRESETS = sorted((ROOT / "workflow" / "presets").glob("*.yaml"))


@pytest.fixture(autouse=True)
def folders(monkeypatch):
    monkeypatch.setenv("DFNAS_DATA", "/data")
    monkeypatch.setenv("IMAGENET", "/images")


def spaces_of(plan) -> dict:
    """The space of every search, made as its job makes it."""
    teacher = plan.config.teacher
    task = Task(teacher.channels, teacher.size, teacher.classes)
    sections = {name: getattr(plan.config, name) for name in ("search_darts", "search_proxyless", "search_spos")}
    return {name: make(section.space.name, task, section.space.options) for name, section in sections.items()}


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_a_preset_is_a_valid_configuration_whose_spaces_can_be_built(preset):
    plan = made(yaml.safe_load(preset.read_text()))
    for space in spaces_of(plan).values():
        with torch.device("meta"):
            assert count_parameters(space.supernet()) > 0


@pytest.mark.parametrize("name", ["nasbench201", "nasbench201-gpu"])
def test_the_presets_of_nasbench201_compare_data_sets_of_one_size_on_the_benchmarks_networks(name):
    plan = made(yaml.safe_load((ROOT / "workflow" / "presets" / f"{name}.yaml").read_text()))
    twice = not name.endswith("gpu")
    kinds = ["synthetic", "noise"] if twice else ["synthetic", "deepinversion", "noise"]
    assert plan.used_sources() == [each for kind in kinds for each in (kind, *[f"{kind}_2"] * twice)]
    assert (
        list(dict.fromkeys(map(plan.config.kinds().get, plan.used_sources()))) == kinds
    )  # what differs by its seed is of one kind
    sizes = {settings.synthesis.images * settings.synthesis.generations for settings in plan.sources.values()}
    assert len(sizes) == 1
    searches = [section for _, section in plan.config if isinstance(section, SearchSettings)]
    assert all(section.space == searches[0].space for section in searches)  # whichever algorithm is asked for
    untrained = (plan.config.search_random, plan.config.search_training_free)
    assert {s.downscale for s in searches if s not in untrained} == {1 if name.endswith("gpu") else 4}
    assert (len(plan.lookups()), len(plan.rankings()), plan.runs()) == ((57, 18, []) if twice else (39, 12, []))
    convolutions = dict.fromkeys(("1-0", "2-0", "2-1", "3-0", "3-1", "3-2"), "nor_conv_3x3")
    for space in spaces_of(plan).values():
        # The benchmark's figure for 100 classes, without the biases that it counts and the weights of 90 classes.
        assert space.macs(convolutions) == 220_125_540 - 100 - 90 * 64


def test_the_imagenet_preset_is_the_published_setting():
    plan = made(yaml.safe_load((ROOT / "workflow" / "presets" / "imagenet.yaml").read_text()))
    teacher, inversion = plan.config.teacher, plan.config.invert_teacher
    assert (teacher.size, teacher.classes, len(teacher.class_names)) == ((224, 224), 1000, 1000)
    assert inversion.canvas_sides(teacher.size) == (256, 256)
    assert (inversion.lr, inversion.betas, inversion.feature_weight) == (0.25, (0.5, 0.9), 0.01)
    assert [(stage.downscale, stage.steps) for stage in inversion.stages] == [(2, 2000), (1, 3000)]
    with torch.device("meta"):
        sizes = {name: count_parameters(space.supernet()) for name, space in spaces_of(plan).items()}
    # The published supernets, as the releases build them.
    assert sizes["search_spos"] == 8_388_176
    assert sizes["search_proxyless"] == 16_034_168


def test_the_imagenet_preset_shows_images_as_the_releases_do():
    """torchvision's RandomResizedCrop with its defaults, mirrored, and the colours of each release."""
    plan = made(yaml.safe_load((ROOT / "workflow" / "presets" / "imagenet.yaml").read_text()))
    colours = ("brightness", "contrast", "saturation", "hue")
    expected = {
        "search_darts": (0.4, 0.4, 0.4, 0.2),  # quark0/darts, cnn/train_imagenet.py
        "search_proxyless": (0.1255, 0.0, 0.5, 0.0),  # its search: ColorJitter(brightness=32 / 255, saturation=0.5)
        "search_spos": (0.4, 0.4, 0.4, 0.0),  # SinglePathOneShot
        "search_evolution": (0.4, 0.4, 0.4, 0.2),
        "retrain": (0.4, 0.4, 0.4, 0.2),
    }
    for name, jitter in expected.items():
        augmentation = getattr(plan.config, name).augmentation
        assert (augmentation.pad, augmentation.crop_area, augmentation.flip) == (0, (0.08, 1.0), True), name
        assert augmentation.crop_aspect == pytest.approx((3 / 4, 4 / 3), abs=1e-4), name
        assert tuple(getattr(augmentation.jitter, colour) for colour in colours) == jitter, name
    assert plan.config.retrain_synthetic.augmentation == plan.config.retrain.augmentation


def test_the_cifar_preset_shows_images_as_the_releases_do():
    """Four pixels of padding and mirrors for searches, cutout of 16 pixels for the final training (quark0/darts)."""
    plan = made(yaml.safe_load((ROOT / "workflow" / "presets" / "cifar10.yaml").read_text()))
    for name in ("search_darts", "search_proxyless", "search_spos", "search_evolution", "retrain"):
        augmentation = getattr(plan.config, name).augmentation
        assert (augmentation.pad, augmentation.flip, augmentation.crop_area) == (4, True, None), name
        assert augmentation.cutout == (16 if name == "retrain" else 0), name


@pytest.mark.parametrize("name", ["cifar10", "imagenet", "nasbench201-gpu"])
def test_what_trains_or_judges_networks_has_a_gpu_and_hours(name):
    """In the presets that are for GPUs; what only reads off strengths has none."""
    config = made(yaml.safe_load((ROOT / "workflow" / "presets" / f"{name}.yaml").read_text())).config
    on_gpu = ("supernet_darts", "supernet_proxyless", "supernet_spos", "search_spos", "search_evolution")
    for rule in (*on_gpu, "within_budgets"):
        assert config.resources_of(rule)["gpu"] == 1, rule
        assert config.resources_of(rule)["runtime"] >= 1440, rule
    assert not config.resources_of("search_darts")["gpu"] + config.resources_of("search_proxyless")["gpu"]
