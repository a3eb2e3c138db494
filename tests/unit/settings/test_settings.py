"""What settings refuse, in one line with the key, the value and what is allowed; and what they let through."""

import copy
from pathlib import Path
from typing import get_args, get_origin

import pytest
import yaml

from dfnas.rules import RULES
from dfnas.runtime.errors import InputError
from dfnas.settings.base import Settings
from dfnas.settings.comparison import ComparisonSettings
from dfnas.settings.config import Config
from dfnas.settings.dataset import CalibrateLabelsSettings, ShardDatasetSettings, ShardOriginalSettings
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.settings.training import RetrainSettings

ROOT = Path(__file__).parents[3]
DEFAULTS = yaml.safe_load((ROOT / "config.yaml").read_text())


def sections(kind: type[Settings], place: tuple = ()) -> dict[tuple, type[Settings]]:
    """Every settings class by its place in the configuration."""
    found = {place: kind}
    for name, field in kind.model_fields.items():
        inside = {tuple: (0,), dict: ("default",)}.get(get_origin(field.annotation), ())
        for one in (field.annotation, *get_args(field.annotation)):
            if isinstance(one, type) and issubclass(one, Settings):
                found |= sections(one, (*place, name, *inside))
    return found


def dotted(place: tuple) -> str:
    return ".".join(map(str, place))


SECTIONS = sections(Config)
FIELDS = [(place, name) for place, kind in SECTIONS.items() for name in kind.model_fields]
every_section = pytest.mark.parametrize("place", SECTIONS, ids=lambda place: dotted(place) or "top")


LEAST = {
    "macs_bins": {"low_m": 0.0, "high_m": 3.0, "width_m": 1.0},
    "stages": [{}],
    "budgets": [{}],
    "lookup": {"table": "table.csv"},
}
"""What sections that the embedded default leaves out must say."""


def changed(place: tuple, value) -> dict:
    """The embedded default with one value put in its place."""
    if not place:
        return value
    top = yaml.safe_load(yaml.safe_dump(DEFAULTS))
    inner = top
    for key in place[:-1]:
        if isinstance(inner, dict) and inner.get(key) is None:
            inner[key] = copy.deepcopy(LEAST.get(key, {}))
        inner = inner[key]
    inner[place[-1]] = value
    return top


def laid_over(under, over):
    """Key by key, as the workflow lays a preset over the default."""
    if not (isinstance(under, dict) and isinstance(over, dict)):
        return over
    return under | {key: laid_over(under.get(key), value) for key, value in over.items()}


def complaint(values) -> str:
    with pytest.raises(InputError) as caught:
        Config.parse(values)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@every_section
def test_an_unknown_key_is_refused_by_its_name(place):
    assert f"unknown key '{dotted((*place, 'larning_rate'))}'" in complaint(
        changed((*place, "larning_rate"), 0.1) if place else DEFAULTS | {"larning_rate": 0.1}
    )


@pytest.mark.parametrize(("place", "name"), FIELDS, ids=lambda part: dotted(part) if isinstance(part, tuple) else part)
def test_a_value_of_the_wrong_type_is_refused_with_its_key(place, name):
    """A list within a list is right nowhere."""
    story = complaint(changed((*place, name), [[["nonsense"]]]))
    assert story.startswith(dotted((*place, name)))
    assert "nonsense" in story


@pytest.mark.parametrize("section", ["verifier", "competitor"])
@pytest.mark.parametrize("name", ["mean", "std"])
def test_the_normalisation_of_a_second_network_is_of_pixels_in_0_to_1(section, name):
    story = complaint(DEFAULTS | {section: {"weights": "w.pt", name: [116.28]}})
    assert f"{section}.{name}.0 = 116.28: no " in story
    assert "divide what was measured on 0 ... 255 by 255" in story


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        pytest.param([0.0], [1.0], id="as it is"),
        pytest.param([0.5], [0.5], id="-1 to 1"),
        pytest.param([0], [1 / 255], id="0 to 255"),
        pytest.param([103.94 / 255], [1 / 255], id="Caffe"),
        pytest.param([0.5], [1 / 65535], id="16 bits"),
        pytest.param([1.0], [0.0167], id="the ends"),
    ],
)
def test_every_scale_that_networks_take_can_be_said(mean, std):
    section = Config.parse(changed(("teacher",), DEFAULTS["teacher"] | {"mean": mean, "std": std})).teacher
    assert (list(section.mean), list(section.std)) == (mean, std)


@pytest.mark.parametrize("values", [None, [], "text", 3])
def test_what_is_no_mapping_is_refused(values):
    assert complaint(values).startswith("configuration = ")


@pytest.mark.parametrize("section", [n for n, field in Config.model_fields.items() if field.is_required()])
def test_a_missing_section_is_refused_by_its_name(section):
    assert f"missing key '{section}'" in complaint({k: v for k, v in DEFAULTS.items() if k != section})


@pytest.mark.parametrize(
    ("key", "value", "allowed"),
    [
        ("device", "gpu", "auto|cpu|cuda"),
        ("synthesis.images", 0, "greater than or equal to 1"),
        ("synthesis.images", 1.5, "integer"),
        ("synthesis.shards", True, "integer"),
        ("invert_teacher.lr", 0, "greater than 0"),
        ("invert_teacher.lr", "fast", "number"),
        ("invert_teacher.lr", float("nan"), "finite"),
        ("invert_teacher.tv_weight", -1e-4, "greater than or equal to 0"),
        ("invert_teacher.betas", [0.5, 1.0], "less than 1"),
        ("invert_teacher.betas", [0.5], "missing key"),
        ("invert_teacher.region", "corner", "'random_crop', 'random_resized_crop', 'roll' or 'none'"),
        ("invert_teacher.warmup_steps", -1, "greater than or equal to 0"),
        ("search_darts.order", 3, "1 or 2"),
        ("search_darts.arch_betas", [1.0, 0.999], "less than 1"),
        ("search_darts.momentum", 1.1, "less than or equal to 1"),
        ("search_darts.labels", "crisp", "'soft', 'hard', 'once' or 'teacher'"),
        ("search_darts.stop.by", "flops", "'never', 'skips' or 'eigenvalue'"),
        ("search_darts.stop.ratio", 1.5, "less than or equal to 1"),
        ("search_darts.selection.by", "chance", "'strength' or 'perturbation'"),
        ("search_darts.selection.tune_epochs", 0, "greater than 0"),
        ("search_proxyless.epochs", 1, "greater than or equal to 2"),
        ("search_proxyless.cost.form", "mul", "'mul#log'"),
        ("search_spos.temperature", 0.0, "greater than or equal to 0.01"),
        ("shard_dataset.validation_fraction", 1.0, "less than 1"),
        ("shard_original.test_fraction", 0, "greater than 0"),
        ("comparison.algorithms", [], "at least 1"),
        ("comparison.algorithms", ["enas"], "expected darts, "),
        ("comparison.seeds", [-1], "greater than or equal to 0"),
        ("retrain.nesterov", "perhaps", "boolean"),
        ("resources.searching", {}, "'default'"),
        ("teacher.classes", 1, "expected 2 or more; of a network with one logit for two classes make two"),
        ("teacher.mean", [123.675], "no mean of pixels in [0, 1], expected a number from 0 to 1; divide what was"),
        ("teacher.mean", [-0.1], "expected a number from 0 to 1"),
        ("teacher.std", [58.395], "no standard deviation of pixels in [0, 1], expected a number above 0, at most 1"),
        ("teacher.std", [0], "1 where nothing is divided by, 1/255 for a network that takes 0 ... 255"),
        ("teacher.std", [-0.2], "expected a number above 0"),
        ("shard_original.mean", [33.3], "divide what was measured on 0 ... 255 by 255"),
        ("shard_original.std", [1e-9], "expected a number above 0, at most 1"),
    ],
)
def test_an_impossible_value_is_refused_with_what_is_allowed(key, value, allowed):
    story = complaint(changed(tuple(key.split(".")), value))
    assert key in story
    assert allowed in story


@pytest.mark.parametrize(
    ("changes", "story"),
    [
        ({"synthesis.images": 450}, r"synthesis.images (450) must be a multiple of invert_teacher.batch_size (100)"),
        ({"synthesis.images": 100, "synthesis.shards": 1, "teacher.classes": 101}, "must not be below teacher.classes"),
        ({"synthesis.shards": 5}, "synthesis.shards (5) must not exceed the batches of a generation (4"),
        ({"shard_original.mean": [0.3] * 3, "shard_original.std": [0.3] * 3}, "mean has 3 channels"),
        ({"shard_original.std": [0.3, 0.3]}, "mean has 1 values and std 2"),
        ({"shard_original.source": "npz"}, "source 'npz' needs a path"),
        ({"teacher.mean": [0.5, 0.5]}, "mean has 2 values, expected one per channel"),
        ({"teacher.std": []}, "std has 0 values, expected one per channel"),
        ({"teacher.class_names": ["zero"]}, "class_names has 1 names, expected 10"),
        ({"teacher.size": 15}, "downscale 2 must divide teacher.size 15 x 15"),
        ({"search_spos.downscale": 3}, "search_spos.downscale (3) must divide teacher.size 16 x 16"),
        ({"search_evolution.sample": 9}, "sample (9) must not exceed population (8)"),
        ({"search_evolution.cycles": 7}, "cycles (7) must not be below population (8)"),
        ({"search_random.warmup_steps": 2000}, "warmup_steps (2000) must be below steps (2000)"),
        ({"search_evolution.nesterov": True, "search_evolution.momentum": 0}, "nesterov needs a momentum above 0"),
        ({"invert_teacher.canvas_margin": 5}, "canvas_margin (5) must be a multiple of every downscale (2)"),
        (
            {"invert_teacher.stages": [{"steps": 100}], "invert_teacher.warmup_steps": 100},
            "warmup_steps (100) must be below the steps of every stage (100)",
        ),
        ({"retrain.epochs": 12, "retrain.warmup_epochs": 12}, "warmup_epochs (12.0) must be below epochs (12)"),
        ({"retrain.momentum": 0}, "nesterov needs a momentum above 0"),
        ({"search_darts.lr": 0.01, "search_darts.lr_min": 0.02}, "lr_min (0.02) must not exceed lr (0.01)"),
        ({"search_darts.arch_warmup_epochs": 4}, "arch_warmup_epochs (4) must be less than epochs (4)"),
        (
            {"search_darts.train_architecture": False, "search_darts.selection": {"by": "strength"}},
            "train_architecture = false needs selection.by = perturbation",
        ),
        (
            {"search_darts.train_architecture": False, "search_darts.arch_warmup_epochs": 1},
            "arch_warmup_epochs = 1 needs train_architecture = true",
        ),
        ({"retrain.fresh": {"every_epochs": 2}, "retrain.labels": "teacher"}, "say it in retrain_synthetic"),
        (
            {
                "sources.noise": {"invert_teacher": {"stages": []}},
                "comparison.retrain_data": ["noise"],
                "retrain_synthetic.fresh": {"every_epochs": 2},
            },
            "and these took no step: its invert_teacher.stages is empty",
        ),
        ({"retrain_synthetic.labels": "hard"}, "labels = hard needs temperature = 1, not 20"),
        ({"search_spos.teacher_statistics": "batch"}, "teacher_statistics = batch needs labels = teacher, not soft"),
        (
            {
                "comparison.retrain_data": ["synthetic"],
                "resources.retrain": {"gpu": 2},
                "retrain_synthetic.batch_size": 2,
                "retrain_synthetic.teacher_statistics": "batch",
            },
            "retrain_synthetic.teacher_statistics = batch needs a batch_size of at least 4, not 2",
        ),
        (
            {
                "comparison.retrain_data": ["original", "synthetic"],
                "resources.retrain": {"gpu": 2},
                "retrain_synthetic.batch_size": 25,
            },
            "retrain_synthetic.batch_size (25) must be a multiple of resources.retrain.gpu (2)",
        ),
        ({"search_darts.stop.by": "eigenvalue"}, "stop.by = eigenvalue cannot stop before epoch 17 of 4"),
        ({"search_darts.stop.window": 4}, "window (4) must be odd"),
        (
            {"search_darts.stop": {"by": "skips"}, "search_darts.selection": {"by": "perturbation"}},
            "stop.by = skips and selection.by = perturbation exclude each other",
        ),
        (
            {
                "search_darts.train_architecture": False,
                "search_darts.edge_normalisation": True,
                "search_darts.selection": {"by": "perturbation"},
            },
            "edge_normalisation = true needs train_architecture = true",
        ),
        ({"search_spos.evolution.crossover": 6}, "crossover + mutation (6 + 5) must not exceed population (10)"),
        ({"search_spos.macs_bins": {"low_m": 1, "high_m": 2, "width_m": 3}}, "must not exceed high_m (2.0)"),
        ({"search_spos.macs_bins": {"low_m": 0, "high_m": 1, "width_m": 0.4}}, "into whole bins"),
        ({"comparison.seeds": [1, 1]}, "seeds repeats a value: 1, 1"),
        (
            {"resources.retrain": {"gpu": 3}},
            "retrain.batch_size (64) must be a multiple of resources.retrain.gpu (3): every GPU takes an equal share",
        ),
    ],
)
def test_values_that_do_not_go_together_are_refused(changes, story):
    values = DEFAULTS
    for key, value in changes.items():
        *place, name = key.split(".")
        section = changed(tuple(key.split(".")), value)
        values = values | {place[0]: section[place[0]] if values is DEFAULTS else {**values[place[0]], name: value}}
    assert story in complaint(values)


@pytest.mark.parametrize(
    ("key", "given", "meant"),
    [
        ("invert_teacher.tv_weight", "1e-4", 1e-4),
        ("invert_teacher.betas", ["5e-1", 0.9], (0.5, 0.9)),
        ("teacher.mean", ["0.3"], (0.3,)),
        ("search_darts.lr", 1, 1.0),
        ("teacher.size", 16, (16, 16)),
        ("teacher.size", "16", (16, 16)),
        ("shard_original.size", [24, "32"], (24, 32)),
        ("search_proxyless.cost.beta", "-7e-2", -0.07),
    ],
)
def test_numbers_that_yaml_takes_for_text_are_numbers(key, given, meant):
    found = Config.parse(changed(tuple(key.split(".")), given))
    for name in key.split("."):
        found = getattr(found, name)
    assert found == meant


@pytest.mark.parametrize("size", [0, -3, 1.5, True, "wide", [], [8], [8, 0], [8, 8, 8], [8, None], {"height": 8}])
@pytest.mark.parametrize("key", ["teacher.size", "shard_original.size"])
def test_a_size_is_one_side_or_height_and_width(key, size):
    story = complaint(changed(tuple(key.split(".")), size))
    assert key in story
    assert "expected one side or [height, width], in whole pixels of 1 or more" in story


def test_a_square_is_written_as_one_side():
    config = Config.parse(changed(("shard_original", "size"), [24, 32]))
    assert config.teacher.plain()["size"] == 16
    assert config.shard_original.plain()["size"] == [24, 32]


@pytest.mark.parametrize(
    "path", [ROOT / "config.yaml", *sorted((ROOT / "workflow" / "presets").glob("*.yaml"))], ids=str
)
def test_what_the_repository_ships_is_valid_and_comes_back_from_plain_values(path):
    config = Config.parse(laid_over(DEFAULTS, yaml.safe_load(path.read_text())))
    assert Config.parse(config.plain()) == config


@every_section
def test_every_setting_is_explained(place):
    if place:
        assert all(field.description for field in SECTIONS[place].model_fields.values())


def test_training_on_synthetic_images_is_the_other_with_its_own_keys_laid_over():
    own = {"labels": "teacher", "epochs": 77, "augmentation": {"cutout": 5}}
    config = Config.parse(DEFAULTS | {"retrain_synthetic": own})
    base, found = config.retrain.plain(), config.retrain_synthetic.plain()
    augmentation = base["augmentation"] | {"cutout": 5}
    assert found == base | {"labels": "teacher", "epochs": 77, "augmentation": augmentation}
    assert not found["augmentation"]["flip"]
    without = {name: section for name, section in DEFAULTS.items() if name != "retrain_synthetic"}
    for values in (without, without | {"retrain_synthetic": None}):
        assert Config.parse(values).retrain_synthetic == config.retrain
    assert "retrain_synthetic.warmup_epochs" in complaint(DEFAULTS | {"retrain_synthetic": {"warmup_epochs": -1}})


def test_classes_that_published_weights_say_may_be_left_out_whatever_batches_aim_at():
    teacher = {"builder": "torchvision:resnet50", "weights": "published"}
    values = DEFAULTS | {"teacher": teacher, "invert_teacher": {"targets": "one_class", "batch_size": 20}}
    assert Config.parse(values).teacher.classes is None


def test_settings_cannot_be_changed():
    config = Config.parse(DEFAULTS)
    with pytest.raises(ValueError, match="frozen"):
        config.synthesis.images = 3


NO_LIMITS = {"max_mem_mb": 0, "max_runtime": 0}


def test_resources_are_those_of_the_rule_or_the_default():
    config = Config.parse(DEFAULTS | {"resources": {"default": {"threads": 2}, "retrain": {"gpu": 1}}})
    assert config.resources_of("search_darts") == {"threads": 2, "mem_mb": 2000, "runtime": 60, "gpu": 0} | NO_LIMITS
    assert config.resources_of("retrain")["gpu"] == 1
    assert all(config.resources_of(rule) for rule in RULES)


def test_several_gpus_need_a_device_that_can_be_several():
    two = {"resources": {"retrain": {"gpu": 2}}}
    assert "device = cuda:1 is one GPU, and resources.retrain.gpu is 2" in complaint(
        DEFAULTS | two | {"device": "cuda:1"}
    )
    retrain = {"retrain": DEFAULTS["retrain"] | {"sync_batch_norm": True}}
    assert "sync_batch_norm needs GPUs, and device is cpu" in complaint(DEFAULTS | two | retrain | {"device": "cpu"})
    Config.parse(DEFAULTS | two | retrain | {"device": "cuda"})


def test_searches_share_their_batches_equally():
    three = {"resources": {"supernet_spos": {"gpu": 3}}}
    told = complaint(DEFAULTS | three)
    assert "search_spos.batch_size (64) must be a multiple of resources.supernet_spos.gpu (3)" in told
    evolves_alone = DEFAULTS | {"resources": {"search_spos": {"gpu": 3}}}
    assert "resources.search_spos.gpu = 3: expected 0 or 1" in complaint(evolves_alone)
    Config.parse(DEFAULTS | three | {"comparison": DEFAULTS["comparison"] | {"algorithms": ["darts"]}})
    two = {"resources": {"supernet_darts": {"gpu": 2}}}
    told = complaint(DEFAULTS | two | {"device": "cuda:1"})
    assert "device = cuda:1 is one GPU, and resources.supernet_darts.gpu is 2" in told


OWN = {
    "comparison": DEFAULTS["comparison"] | {"algorithms": ["mine.py:TellingApart"]},
    "search_telling_apart": {"space": {"name": "darts"}},
}


@pytest.mark.parametrize("rule", ["search_telling_apart", "evaluate", "default"])
def test_what_works_on_one_gpu_reserves_no_more(rule):
    for gpus in (0, 1):
        Config.parse(DEFAULTS | OWN | {"resources": {rule: {"gpu": gpus}}})
    told = complaint(DEFAULTS | OWN | {"resources": {rule: {"gpu": 4}}})
    assert f"resources.{rule}.gpu = 4: expected 0 or 1; several GPUs share a job of " in told


def test_the_section_of_an_algorithm_that_nothing_names_is_told_with_what_to_do():
    told = complaint(DEFAULTS | OWN | {"comparison": DEFAULTS["comparison"]})
    assert told.startswith("unknown key 'search_telling_apart'; expected one of ")
    assert told.endswith("; name the class of an algorithm of yours in comparison.algorithms")


@pytest.mark.parametrize(
    ("section", "names", "expected"),
    [
        ({"source": "folder", "path": "x"}, list("abcdefghij"), tuple("abcdefghij")),
        ({"source": "cifar10", "path": "x"}, list("abcdefghij"), tuple("abcdefghij")),
        ({"source": "folder", "path": "x", "class_names": list("jihgfedcba")}, list("abcdefghij"), tuple("jihgfedcba")),
        ({"source": "folder", "path": "x", "class_names": []}, list("abcdefghij"), ()),
        ({"source": "folder", "path": "x"}, [], None),
        ({"source": "digits"}, list("abcdefghij"), None),
    ],
)
def test_original_classes_have_the_names_of_the_teacher_where_a_source_names_its_own(section, names, expected):
    values = changed(("teacher", "class_names"), names)
    values["shard_original"] |= section
    assert Config.parse(values).originals().class_names == expected


@pytest.mark.parametrize("temperature", [1e-300, 1e300, 0])
def test_a_temperature_leaves_numbers_that_tell_classes_apart(temperature):
    """Logits over 1e-300 are infinite, and the teacher would be blamed; over 1e300 all classes are the same."""
    for kind, key in (
        (CalibrateLabelsSettings, "temperature"),
        (InvertTeacherSettings, "competition_temperature"),
        (RetrainSettings, "temperature"),
    ):
        with pytest.raises(InputError, match=rf"{key} = .*: input should be"):
            kind.parse({key: temperature})


def test_a_key_with_a_line_break_is_told_on_one_line():
    with pytest.raises(InputError) as caught:
        RetrainSettings.parse({"l\nr": 1}, "retrain")
    assert str(caught.value).startswith(r"unknown key 'retrain.'l\nr''; expected one of")


@pytest.mark.parametrize("size", [10**9, [8, 40_000]])
def test_a_size_that_no_image_has_is_refused(size):
    with pytest.raises(InputError, match="32768 at most"):
        ShardOriginalSettings.parse({"size": size})


@pytest.mark.parametrize("seed", [2**63, -(2**63), 2**64 + 1])
def test_a_seed_that_no_artifact_can_hold_is_refused_before_anything_is_trained(seed):
    for kind in (ShardOriginalSettings, ShardDatasetSettings, InvertTeacherSettings):
        with pytest.raises(InputError, match=f"seed = {seed}: input should be"):
            kind.parse({"seed": seed})
    with pytest.raises(InputError, match=r"seeds\.0 = .*: input should be"):
        ComparisonSettings.parse({"seeds": [seed]})
    assert ComparisonSettings.parse({"seeds": [2**63 - 1]}).seeds == (2**63 - 1,)
    assert InvertTeacherSettings.parse({"seed": -5}).seed == -5
