"""From a checkpoint to a configuration that the workflow accepts, by every form of teacher; and the page about it."""

import re
import shlex
import subprocess

import pytest
import torch
import yaml
from PIL import Image
from running import ROOT, command, plan

from dfnas.commands.main import main
from dfnas.runtime.seeds import reseed

PAGE = ROOT / "docs" / "first-hour.md"
NETWORK = """
from dfnas.classifiers.cifar_resnet import cifar_resnet

def build(classes=10, channels=3):
    return cifar_resnet(depth=8, widths=(4, 8, 16), classes=classes, channels=channels)

def resnet8(**arguments):
    return build(**arguments)
"""
PLAIN = ("--size", "32", "--normalisation", "imagenet")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with a checkpoint of four classes, whose BatchNorms have seen images, and its code."""
    monkeypatch.chdir(tmp_path)
    for name in ("net.py", "hubconf.py"):
        (tmp_path / name).write_text(NETWORK)
    space: dict = {}
    exec(NETWORK, space)
    reseed(0, "weights")
    network = space["build"](classes=4)
    network(torch.rand(16, 3, 32, 32))
    torch.save({"state_dict": network.state_dict()}, "checkpoint.pt")
    torch.jit.trace(network.eval(), torch.zeros(2, 3, 32, 32)).save("network.pt")
    return tmp_path


def of_library(name: str, file: str, **arguments) -> None:
    """Random weights in place of those that torchvision publishes, under their name."""
    from torchvision import models

    reseed(0, "weights")
    network = models.get_model(name, weights=None, **arguments)
    network(torch.rand(2, 3, 32, 32))  # BatchNorms that have seen no image are refused
    torch.save(network.state_dict(), file)


FORMS = {
    "file": ("--builder", "net.py:build", "--weights", "checkpoint.pt", *PLAIN),
    "module": (
        *("--builder", "dfnas.cifar_resnet:cifar_resnet", "--weights", "checkpoint.pt", *PLAIN),
        *("--arguments", '{"depth": 8, "widths": [4, 8, 16]}'),
    ),
    "hub": ("--builder", "hub:.:resnet8", "--weights", "checkpoint.pt", "--arguments", '{"classes": 4}', *PLAIN),
    "torchscript": ("--weights", "network.pt", *PLAIN),
    "torchvision": ("--builder", "torchvision:shufflenet_v2_x0_5", "--weights", "own.pt", *PLAIN),
    "named by torchvision": (
        "--builder",
        "torchvision:shufflenet_v2_x0_5",
        "--weights",
        "shufflenetv2_x0.5-f707e7126e.pth",
    ),
}
CLASSES = dict.fromkeys(FORMS, 4) | {"torchvision": 7, "named by torchvision": 1000}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_teacher_comes_to_a_configuration_that_is_planned(here, form, capsys):
    of_library("shufflenet_v2_x0_5", "own.pt", num_classes=7)
    if form == "named by torchvision":
        of_library("shufflenet_v2_x0_5", FORMS[form][-1])
    before = {path.name for path in here.iterdir()}
    assert main(["init", "mine", "--quick", "--device", "cpu", *FORMS[form]]) == 0, capsys.readouterr().err
    assert {path.name for path in here.iterdir()} - before - {"__pycache__"} == {"mine"}
    said = yaml.safe_load((here / "mine/config.yaml").read_text())
    assert said["teacher"]["classes"] == CLASSES[form]
    assert said["teacher"]["size"] == (224 if form == "named by torchvision" else 32)
    assert said["shard_original"] == {"source": "none"}
    assert said["results_dir"] == "mine/results"
    jobs = plan(here, base=here / "mine/config.yaml")
    assert {"import_teacher", "invert_teacher", "supernet_spos", "search_spos", "retrain", "export"} <= set(jobs)
    assert not {"pretrain_teacher", "shard_original"} & set(jobs)
    free = plan(here, base=here / "mine/config.yaml", configuration=(ROOT / "workflow/presets/data-free.yaml",))
    assert free["export"] == 1
    assert free["invert_teacher"] == 2 * jobs["invert_teacher"], "a second data set, from leaves"


@pytest.mark.parametrize("sides", [("24x32",), ("24", "32")])
def test_a_folder_with_a_blank_and_images_that_are_not_square(here, capsys, sides):
    assert main(["init", "my project", "--quick", "--device", "cpu", *FORMS["file"], "--size", *sides]) == 0
    told = capsys.readouterr().out
    line = next(line for line in told.splitlines() if line.startswith("next: ")).partition("   (")[0]
    assert shlex.split(line.removeprefix("next: ")) == ["dfnas", "try", "my project/config.yaml"]
    assert yaml.safe_load((here / "my project/config.yaml").read_text())["teacher"]["size"] == [24, 32]
    readme = (here / "my project/README.md").read_text()
    calls = [shlex.split(line) for line in readme.splitlines() if line.startswith("    dfnas ")]
    assert [words[-1] for words in calls] == ["my project/config.yaml"] * 3
    assert plan(here, base=here / "my project/config.yaml")["export"] == 1


def test_original_images_bring_the_table_back(here):
    for part in ("train", "test"):
        for name in "abcd":
            (here / "images" / part / name).mkdir(parents=True)
            Image.new("RGB", (32, 32)).save(here / "images" / part / name / "1.png")
    assert main(["init", "mine", "--quick", "--originals", "images", *FORMS["file"]]) == 0
    jobs = plan(here, base=here / "mine/config.yaml")
    assert {"shard_original", "evaluate", "table1", "model_card"} <= set(jobs)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--weights", "none.pt", "--builder", "net.py:build"), "no file none.pt"),
        (("--weights", "checkpoint.pt"), "say --builder"),
        (("--weights", "checkpoint.pt", "--builder", "net.py:build"), "say --size"),
        (("--weights", "checkpoint.pt", "--builder", "net.py:build", "--size", "32"), "say --normalisation"),
        ((*FORMS["file"], "--mean", "0.5"), "say one or the other"),
        ((*FORMS["file"], "--hours", "0"), "--hours 0: expected more than 0"),
        ((*FORMS["file"], "--size", "large"), "--size large: expected 32, 224, or height and width: 24x32"),
        ((*FORMS["file"], "--size", "0x32"), "--size 0x32: expected 32, 224, or"),
        ((*FORMS["file"], "--originals", "nowhere"), "--originals nowhere: nothing is there"),
        (
            ("--weights", "checkpoint.pt", "--builder", "torchvision:resnet18", *PLAIN),
            "does not fit torchvision:resnet18",
        ),
    ],
)
def test_what_init_cannot_use_is_one_line(here, capsys, arguments, told):
    assert main(["init", "mine", "--quick", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    lines = [line for line in said.err.splitlines() if line.startswith("dfnas init: error: ")]
    assert len(lines) == 1
    assert told in lines[0]
    assert "Traceback" not in said.err
    assert not (here / "mine").exists()


def test_a_project_is_not_written_over(here, capsys):
    (here / "mine").mkdir()
    (here / "mine/config.yaml").write_text("mine: 1\n")
    assert main(["init", "mine", "--quick", *FORMS["file"]]) == 2
    assert "mine/config.yaml is there already" in capsys.readouterr().err
    assert (here / "mine/config.yaml").read_text() == "mine: 1\n"


TINY = {
    "calibrate_labels": {"at_chance": "go_on"},  # of a classifier with random weights
    "search_spos": {"steps": 4, "ranks": None, "evolution": {"generations": 1, "recalibration_batches": 1}},
    "retrain": {"epochs": 2},
    "measure_latency": {"batch_sizes": [1], "repeats": 2, "seconds": 0.1},
}


def commands_of_the_page() -> list[list[str]]:
    lines = re.findall(r"^    (dfnas .*)$", PAGE.read_text(), re.MULTILINE)
    return [shlex.split(line) for line in lines]


@pytest.mark.slow
@pytest.mark.timeout(2700)  # five commands, of which two time every stage: a quarter of an hour on a busy machine
def test_the_commands_of_the_page_lead_from_a_checkpoint_to_a_student(here):
    """At a tiny budget: the fewest images and steps, and what is made of them means nothing."""
    (here / "tiny.yaml").write_text(yaml.safe_dump(TINY))
    Image.new("RGB", (40, 50), "red").save(here / "photo.png")
    environment = command(here, real=True)["env"] | {"PYTHONPATH": str(ROOT)}
    names = [words[:2] for words in commands_of_the_page()]
    assert [" ".join(words) for words in names] == [
        *("dfnas init", "dfnas try", "dfnas try", "dfnas doctor", "dfnas run")
    ]
    for words in commands_of_the_page():
        line = ["python", "-m", *words]
        if words[1] == "init":
            line += ["--hours", "0.01", "--device", "cpu"]
        if words[1] == "try":
            line += ["--minutes", "0.1"]
        if words[1] == "run":
            line += ["tiny.yaml"]
        done = subprocess.run(line, cwd=here, env=environment, capture_output=True, text=True, timeout=2400)
        # A classifier with random weights sees little in what was made in a second.
        assert done.returncode in ((0, 1) if words[1] == "try" else (0,)), (
            f"{words}\n{done.stdout}{done.stderr[-3000:]}"
        )
        if words[1] == "try":
            assert "of 16 images what they were made for" in done.stdout
            assert (here / "my-project/try.txt").read_text().strip() in done.stdout
            assert Image.open(here / "my-project/try.png").width > 400
    assert "as configured" in (here / "my-project/try.txt").read_text()
    assert (here / "my-project/results/deploy/spos/model.onnx").stat().st_size > 10_000
