"""Judging by original images: what the report says, and data or students that do not fit."""

import csv
import json

import pytest
import torch
from stage_calls import TEACHER, run

from dfnas.artifacts.teacher import load_teacher
from dfnas.dataset.images import load_split
from dfnas.measure.accuracy import error_rate, predict
from dfnas.runtime.files import load_archive


def test_the_report_of_a_judgement(chain):
    assert run("judge_images", *chain.judge_images()) == 0
    report = json.loads((chain.folder / "judgement.json").read_text())
    distance = report["frechet_distance"]
    assert distance["features"] == 8
    assert [entry["generation"] for entry in distance["generations"]] == [0]
    assert distance["overall"] == pytest.approx(distance["generations"][0]["distance"])
    assert distance["overall"] > 0
    assert 0 <= report["student"]["test_accuracy"] <= report["student"]["test_top5_accuracy"] <= 1
    assert report["test_images"] == 359


def test_distances_do_not_depend_on_batches(chain):
    found = []
    for batch_size in ("7", "256"):
        assert run("judge_images", *chain.judge_images(), "--features-batch-size", batch_size, "--epochs", "1") == 0
        found.append(json.loads((chain.folder / "judgement.json").read_text())["frechet_distance"]["overall"])
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_the_student_learns_from_synthetic_images_alone(chain):
    """Other original images of the same task change the judgement of the student, but not the student."""
    histories = []
    for seed in ("0", "1"):
        options = [*chain.shard_original(), "--seed", seed]
        assert run("shard_original", *options) == 0
        assert run("judge_images", *chain.judge_images()) == 0
        histories.append((chain.folder / "student.csv").read_text())
    assert histories[0] == histories[1]


AVERAGING = ["--averaging", '{"kind": "ema", "decay": 0.99}']


def test_the_student_is_judged_by_its_average_where_it_has_one(chain):
    found = []
    for options in ([], AVERAGING):
        assert run("judge_images", *chain.judge_images(), *options) == 0
        found.append(json.loads((chain.folder / "judgement.json").read_text())["student"])
    assert found[0]["test_accuracy"] != found[1]["test_accuracy"]


def test_the_stand_in_is_its_average_where_it_has_one(chain):
    """The error that the history ends with is that of the network that is kept."""
    assert run("pretrain_teacher", *chain.pretrain_teacher(), *AVERAGING) == 0
    with open(chain.folder / "teacher.csv", newline="") as file:
        *_, last = csv.DictReader(file)
    network = load_teacher(chain.folder / "teacher.pt", torch.device("cpu")).network
    held_out = load_split(chain.folder / "original.h5", "validation", torch.device("cpu"))
    error = error_rate(predict(network, held_out, 64), held_out.targets)
    assert error == pytest.approx(float(last["validation_error"]), abs=1e-6)
    plain = load_archive(chain.folder / "teacher.pt")
    assert run("pretrain_teacher", *chain.pretrain_teacher()) == 0
    kept = load_archive(chain.folder / "teacher.pt")
    assert plain.keys() == kept.keys()
    assert not torch.equal(*(next(iter(archive["state"].values())) for archive in (plain, kept)))


@pytest.mark.usefixtures("larger_originals")
def test_original_images_of_another_size(chain, fails):
    fails("judge_images", chain.judge_images(), chain.folder / "original.h5", "size (8, 8)", "(10, 10)")


STUDENTS = {
    "of other classes": (["--arguments", json.dumps(TEACHER["arguments"] | {"classes": 7})], ["(2, 7)", "(2, 10)"]),
    "of other channels": (
        ["--arguments", json.dumps(TEACHER["arguments"] | {"channels": 3})],
        ["does not take images"],
    ),
    "that its builder refuses": (["--arguments", json.dumps({"depth": 9})], ["judge_images.builder", "depth = 9"]),
    "that nothing builds": (["--builder", "dfnas.cifar_resnet:nothing"], ["nothing called nothing"]),
}


@pytest.mark.parametrize("student", STUDENTS)
def test_a_student(chain, fails, student):
    options, named = STUDENTS[student]
    fails("judge_images", [*chain.judge_images(), *options], *named)


@pytest.mark.parametrize("name", ["original", "synthetic"])
def test_a_damaged_data_set(chain, fails, name):
    path = chain.folder / f"{name}.h5"
    path.write_bytes(path.read_bytes()[:-100])
    fails("judge_images", chain.judge_images(), path, "is damaged")
