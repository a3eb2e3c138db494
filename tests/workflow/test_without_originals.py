"""A classifier of the user's and not one original image: what is made by default, and what table and card say."""

import json
import re

import pytest
import torch
from running import overlay, recipes, snakemake

from dfnas.artifacts.table1 import Table1Row
from dfnas.cifar_resnet import cifar_resnet
from dfnas.live.outcome import outcome
from dfnas.runtime.seeds import reseed

ARGUMENTS = {"depth": 8, "widths": [4, 8, 16], "channels": 1, "classes": 10}


@pytest.fixture
def configuration(tmp_path):
    """One search and one training, of a network that nobody has trained, but whose BatchNorms have seen images."""
    reseed(0, "weights")
    network = cifar_resnet(**ARGUMENTS)
    network(torch.rand(16, 1, 16, 16))
    torch.save({"state_dict": network.state_dict()}, tmp_path / "checkpoint.pt")
    comparison = {"algorithms": ["spos"], "search_data": ["synthetic"], "retrain_data": ["synthetic"], "seeds": [0]}
    teacher = {"weights": str(tmp_path / "checkpoint.pt"), "arguments": ARGUMENTS}
    said = {"teacher": teacher, "comparison": comparison, "shard_original": {"source": "none"}}
    return (overlay(tmp_path / "none.yaml", said),)


def test_all_is_what_can_be_made_without_them(configuration, tmp_path):
    files = recipes(tmp_path / "run", configuration=configuration)
    assert {"results/table1.csv", "results/table1.md", "results/deploy/spos/README.md"} <= set(files)
    assert not {made.rule for made in files.values()} & {"shard_original", "compare_data", "draw_comparison"}
    assert not [path for made in files.values() for path in made.inputs if "original" in path]
    evaluated = [made for made in files.values() if made.rule == "evaluate"]
    assert all("--held-out results/dataset/synthetic.h5 " in made.command for made in evaluated)
    assert not any(" --dataset " in made.command for made in evaluated)


def test_with_them_networks_are_tested_as_ever(tmp_path):
    files = recipes(tmp_path / "run", "results/evaluate/teacher/metrics.json")
    made = files["results/evaluate/teacher/metrics.json"]
    assert " --teacher results/teacher/teacher.pt --dataset results/dataset/original.h5 --held-out " in made.command
    assert {"results/dataset/original.h5", "results/dataset/original/shard-0.h5"} <= set(made.inputs)


@pytest.mark.slow
def test_table_and_card_say_what_is_known_and_what_is_not(configuration, tmp_path):
    folder = tmp_path / "run"
    targets = ("table", "deploy", "results/report/run.rst")
    done = snakemake(folder, "--cores", "2", *targets, configuration=configuration)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    results = folder / "results"
    teacher, found = Table1Row.read(results / "table1.csv")
    assert (teacher.algorithm, teacher.teacher_agreement_mean, teacher.top1_error_mean) == ("teacher", 100, None)
    assert found.top1_error_mean is found.top1_error_std is found.top5_error_mean is found.ece_mean is None
    figures = json.loads((results / "evaluate/spos/synthetic/synthetic/seed-0/metrics.json").read_text())
    assert found.teacher_agreement_mean == pytest.approx(100 * figures["teacher_agreement"], abs=1e-3)
    assert (figures["top1_error"], figures["class_accuracy"], figures["test_images"]) == (None, [], 0)
    # What it says of held-out images, beside what the teacher does.
    lines = (results / "evaluate/spos/synthetic/synthetic/seed-0/predictions.csv").read_text().splitlines()[1:]
    same = [target == predicted for _, target, predicted, _ in (line.split(",") for line in lines)]
    assert sum(same) / len(same) == pytest.approx(figures["teacher_agreement"])
    assert re.search(
        r"^\| spos \| shufflenet \| synthetic \| synthetic \| 1 \| – \| – \| – \|", _text(results, "table1.md"), re.M
    )
    assert "no original images to test by" in _text(results, "table1.md")
    card = _text(results, "deploy/spos/README.md")
    assert "not known: there are no original images" in card
    assert "of synthetic images that were held out" in card
    story = _text(results, "report/run.rst")
    assert "The only row is spos, searched on synthetic images and trained on synthetic ones" in story
    assert "On real images expect less, how much less is not known" in story
    assert "## Verdict\n\nThis is spos, searched on synthetic images" in card
    assert "original ones" not in story
    printed = list(outcome(results, []))
    assert "as teacher, %" in printed[1]
    assert any(line.startswith("The only row is spos") for line in printed)


def _text(results, name: str) -> str:
    return (results / name).read_text()
