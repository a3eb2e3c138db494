"""What a search is not given, or is given that does not fit: one line before any training."""

import json

import pytest
import torch
from stage_calls import SPACE, TEACHER, run

from dfnas.classifiers.cifar_resnet import cifar_resnet

LEFT = ("history", "candidates", "strengths", "timing")


@pytest.fixture
def evolution(chain) -> list:
    """The arguments of a small search that leaves `found.*`."""
    files = [part for name in LEFT for part in (f"--{name}", chain.folder / f"found.{name}")]
    data = ["--dataset", chain.folder / "synthetic.h5", "--search-data", "synthetic", "--seed", "0", "--space", SPACE]
    size = ["--cycles", "1", "--population", "1", "--sample", "1", "--steps", "1", "--batch-size", "8"]
    return ["--out", chain.folder / "found.json", *files, *data, *size]


def test_the_teachers_labels_need_the_teacher(chain, fails, evolution):
    fails("search_evolution", [*evolution, "--labels", "teacher"], "labels = teacher needs --teacher FILE")
    no_teacher = ["--labels", "teacher", "--teacher", chain.folder / "architecture.json"]
    fails("search_evolution", [*evolution, *no_teacher], chain.folder / "architecture.json")


def test_a_teacher_of_another_task(chain, fails, evolution, tmp_path, capsys):
    weights = tmp_path / "other.pt"
    arguments = TEACHER["arguments"] | {"classes": 7}
    torch.save(cifar_resnet(**arguments).state_dict(), weights)
    assert run("import_teacher", *chain.import_teacher(weights, arguments=arguments, classes=7)) == 0
    capsys.readouterr()
    options = ["--labels", "teacher", "--teacher", chain.folder / "imported.pt"]
    fails("search_evolution", [*evolution, *options], "the data set has classes 10, but the teacher 7", "labels = soft")


def test_a_square_that_does_not_divide_the_images(fails, evolution):
    fails(
        "search_evolution", [*evolution, "--downscale", "3"], "downscale = 3 must divide the images' height and width"
    )


def test_several_random_candidates_need_data_and_a_single_one_a_task(chain, fails):
    fails("search_random", [*chain.search_random(), "--draws", "2"], "a search on data needs --dataset, --search-data")
    alone = ["--seed", "0", "--space", SPACE, "--out", chain.folder / "architecture.json"]
    fails("search_random", alone, "a search without data needs --channels, --size, --classes")


def test_a_budget_that_nothing_keeps(chain, fails, evolution):
    budget = json.dumps({"max_macs_m": 1e-6})
    fails("search_evolution", [*evolution, "--budget", budget], "budget.max_macs_m = 1e-06: the cheapest architecture")
