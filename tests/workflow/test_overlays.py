"""A file laid over the embedded default inherits nothing of ours for a builder or a space of its own."""

import json
import shlex
import subprocess
import sys
from types import SimpleNamespace
from typing import NamedTuple

import pytest
import yaml
from plans import Plan, made
from running import ROOT, overlay, recipes

from dfnas.runtime.errors import InputError

TEACHER = {
    "weights": "mine.pt",
    "builder": "torchvision:resnet50",
    "arguments": {"num_classes": 37},
    "classes": 37,
    "channels": 3,
    "size": 224,
    "mean": [0.5, 0.5, 0.5],
    "std": [0.25, 0.25, 0.25],
}
SPACE = {"name": "nasbench201", "options": {"channels": 4, "cells_per_stage": 1}}


def laid(layers: list[dict]) -> dict:
    """Several files as one."""
    from configuration import laid_over_each_other

    return laid_over_each_other(layers)


def options(laid_over: dict, rule: str) -> dict:
    """A rule's options by name."""
    words = shlex.split(made(laid_over).options(rule)(SimpleNamespace(retrain_data="original")))
    return dict(zip(words[::2], words[1::2], strict=True))


def test_a_builder_gets_its_own_arguments_only():
    assert json.loads(options({"teacher": TEACHER}, "import_teacher")["--arguments"]) == {"num_classes": 37}


def test_a_builder_gets_nothing_of_our_section():
    teacher = {"builder": "torchvision:resnet50", "weights": "published"}
    found = options({"teacher": teacher, "synthesis": {"images": 1000}}, "import_teacher")
    assert found["--size"] == "224"
    assert json.loads(found["--mean"]) == [0.485, 0.456, 0.406]
    assert json.loads(found["--arguments"]) == {}
    assert len(json.loads(found["--class-names"])) == 1000


def test_the_code_of_a_supernet_includes_the_teachers_where_that_is_asked():
    """A builder in a file of the user's: an edit of it is an edit of the labels."""
    builder = {"builder": f"{ROOT}/dfnas/cifar_resnet.py:cifar_resnet", "weights": "mine.pt"}
    plans = [
        made({"teacher": TEACHER | teacher, "search_spos": {"labels": labels}})
        for teacher in ({}, builder)
        for labels in ("soft", "teacher")
    ]
    spos, darts = ([plan.code(f"supernet_{name}")(None) for plan in plans] for name in ("spos", "darts"))
    assert spos[0] == spos[2]
    assert spos[1] != spos[3]
    assert len(set(darts)) == 1
    assert len({plan.code("search_spos")(None) for plan in plans}) == 1, "it asks no teacher"


def test_the_code_of_a_training_includes_the_inversion_where_it_makes_images():
    teacher, fresh = {"labels": "teacher"}, {"labels": "teacher", "fresh": {"every_epochs": 2}}
    plans = [made({"retrain_synthetic": section}) for section in (teacher, fresh)]
    synthetic, original = (
        [plan.code("retrain")(SimpleNamespace(retrain_data=data)) for plan in plans]
        for data in ("synthetic", "original")
    )
    assert synthetic[0] != synthetic[1]
    assert original[0] == original[1]


def test_what_is_published_is_no_file_of_the_plan():
    assert made({}).weights["teacher"] == []
    assert made({"teacher": {"weights": "published"}}).weights["teacher"] == []
    assert made({"teacher": {"weights": "mine.pt"}}).weights["teacher"] == ["mine.pt"]
    assert made({"teacher": TEACHER | {"size": [224, 160]}}).task() == "--channels 3 --size '[224, 160]' --classes 37"


def test_the_default_is_planned_without_loading_torch():
    code = f"""
import sys, yaml
sys.path[:0] = [{str(ROOT)!r}, {str(ROOT / "workflow")!r}]
from plan import Plan
Plan(yaml.safe_load(open({str(ROOT / "config.yaml")!r})), {{}})
assert not {{"torch", "torchvision", "timm"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_milliseconds_need_a_reference_in_milliseconds():
    """Ours is in millions of multiply-accumulates."""
    with pytest.raises(InputError, match=r"search_proxyless\.cost\.reference is missing beside it: 1 is in millions"):
        made({"search_proxyless": {"cost": {"measure": "latency"}}})
    assert made({"search_proxyless": {"cost": {"measure": "latency", "reference": 5.0}}}).latency_table(
        "search_proxyless"
    )


def test_a_space_gets_its_own_options_only():
    found = options({"search_spos": {"space": SPACE}}, "search_spos")
    assert json.loads(found["--space"]) == SPACE


def test_a_space_keeps_no_limit_of_another():
    """A limit means something in the space that it was chosen for."""
    limited = {"search_spos": {"budget": {"max_params_m": 0.5}}}
    assert json.loads(options(limited, "search_spos")["--budget"])["max_params_m"] == 0.5
    for layers in ([limited, {"search_spos": {"space": SPACE}}], [{"search_spos": {"space": SPACE}}]):
        assert not json.loads(options(laid(layers), "search_spos")["--budget"])["max_params_m"]
    kept = options({"search_spos": {"space": SPACE, **limited["search_spos"]}}, "search_spos")
    assert json.loads(kept["--budget"])["max_params_m"] == 0.5


@pytest.mark.parametrize("rule", ["search_darts", "search_proxyless", "search_spos"])
def test_sizes_alone_are_laid_over_ours(rule: str):
    ours = json.loads(options({}, rule)["--space"])
    name = next(iter(ours["options"]))
    theirs = json.loads(options({rule: {"space": {"options": {name: 6}}}}, rule)["--space"])
    assert theirs == {"name": ours["name"], "options": {**ours["options"], name: 6}}


def test_a_network_beside_the_teacher_has_parameters_of_its_own():
    """What Snakemake compares of one role does not change with the section of the other."""

    class Wildcards(NamedTuple):
        role: str

    def parameters(role: str, **competitor) -> tuple[str, str]:
        values = yaml.safe_load((ROOT / "config.yaml").read_text())
        own = {"weights": "own.pt", **{name: values["teacher"][name] for name in ("channels", "size", "mean", "std")}}
        plan = Plan(values | {"verifier": own, "competitor": own | competitor}, {})
        return plan.options("import_network")(Wildcards(role)), plan.code("import_network")(Wildcards(role))

    other = {"builder": "torchvision:resnet18", "arguments": {"num_classes": 10}}
    assert parameters("verifier") == parameters("verifier", **other)
    assert parameters("competitor")[0] != parameters("competitor", **other)[0]
    assert parameters("competitor")[1] != parameters("competitor", **other)[1]


@pytest.mark.parametrize("preset", ["cifar10", "imagenet"])
def test_a_recipe_inherits_nothing_of_a_presets_training_either(preset, monkeypatch):
    for variable in ("DFNAS_DATA", "IMAGENET"):
        monkeypatch.setenv(variable, "/data")
    file = yaml.safe_load((ROOT / "workflow" / "presets" / f"{preset}.yaml").read_text())
    assert file["retrain"]
    recipe = {"retrain": {"recipe": "quick", "epochs": 40}}
    over = options(laid([file, recipe]), "retrain")
    assert over == options(recipe, "retrain")
    more = options(laid([file, recipe, {"retrain": {"lr": 0.5}}]), "retrain")
    assert more == over | {"--lr": "0.5"}


def test_what_a_later_file_names_of_its_own_replaces_that_of_an_earlier_one():
    spaces = [{"search_spos": {"steps": 7, "space": SPACE}}, {"search_spos": {"space": {"name": "mbconv"}}}]
    assert laid(spaces) == {"search_spos": {"steps": 7, "space": {"name": "mbconv"}}}
    assert laid([*spaces, {"search_spos": {"space": {"options": {"depths": [1]}}}}])["search_spos"]["space"] == {
        "name": "mbconv",
        "options": {"depths": [1]},
    }
    builder = {"builder": "torchvision:resnet18", "weights": "published"}
    assert laid([{"teacher": TEACHER}, {"teacher": builder}]) == {"teacher": builder}
    assert laid([{"teacher": TEACHER}, {"teacher": {"weights": "other.pt"}}]) == {
        "teacher": TEACHER | {"weights": "other.pt"}
    }
    judges = [
        {"judge_images": {"builder": "a:b", "arguments": {"depth": 1}, "lr": 0.5}},
        {"judge_images": {"builder": "c:d"}},
    ]
    assert laid(judges) == {"judge_images": {"builder": "c:d", "lr": 0.5}}


def test_the_files_of_a_call_are_laid_over_each_other_one_by_one(tmp_path):
    first = overlay(tmp_path / "first.yaml", {"retrain": {"weight_decay": 0.25, "recipe": None}})
    second = overlay(tmp_path / "second.yaml", {"retrain": {"recipe": "darts_cifar"}})
    target = "results/retrain/darts/original/original/seed-0/model.pt"

    def command(*files) -> str:
        return recipes(tmp_path / "run", target, configuration=files)[target].command

    assert "--weight-decay 0.25" in command(first)
    assert "--weight-decay 0.0003" in command(first, second)
    assert "--weight-decay 0.25" in command(second, first)


def test_a_recipe_inherits_nothing_of_our_training():
    found = options({"retrain": {"recipe": "quick", "epochs": 40}}, "retrain")
    assert (found["--epochs"], found["--batch-size"], found["--momentum"]) == ("40", "1024", "0.85")
    assert json.loads(found["--augmentation"])["flip"] == "alternating"
    assert options({"retrain": {"epochs": 40}}, "retrain")["--batch-size"] == "64"
    assert options({"retrain": {"recipe": None, "epochs": 40}}, "retrain")["--batch-size"] == "64"


def test_a_trained_classifier_does_not_inherit_our_digits():
    plan = made({"teacher": TEACHER})
    assert not plan.config.has_originals
    assert (plan.config.comparison.search_data, plan.config.comparison.retrain_data) == (("synthetic",), ("synthetic",))
    assert "results/table1.csv" in plan.tables(), "with the agreement with the teacher in place of errors"
    assert plan.cards() == [f"results/deploy/{name}/README.md" for name in plan.config.comparison.names]
    with_some = made({"teacher": TEACHER, "shard_original": {"source": "digits"}})
    assert with_some.config.comparison.search_data == ("original", "synthetic")
    stand_in = {"builder": "dfnas.cifar_resnet:cifar_resnet", "arguments": {"depth": 8, "channels": 1}, "size": 16}
    of_digits = {"classes": 10, "channels": 1, "mean": [0.3], "std": [0.35]}
    assert made({"teacher": stand_in | of_digits}).config.has_originals, "to train it on"
    with pytest.raises(InputError, match=r"comparison\.retrain_data = original needs original images"):
        made({"teacher": TEACHER, "comparison": {"retrain_data": ["original"]}})
