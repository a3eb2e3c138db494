"""What `evaluate` says of a small network: figures that follow from its predictions, and what they may depend on."""

import csv
import importlib
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_artifacts import said
from torch.nn import functional as F

from dfnas.artifacts.network import save_network
from dfnas.artifacts.predictions import read_predictions
from dfnas.artifacts.teacher import save_teacher
from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.description import TeacherSpec
from dfnas.dataset.augment import plain_view
from dfnas.dataset.images import ImageSet, load_split
from dfnas.dataset.writing import Records, write_dataset, write_shard
from dfnas.measure.accuracy import predict
from dfnas.measure.calibration import TEMPERATURES, calibration_error, fitted_temperature, negative_log_likelihood
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import digest, read_json
from dfnas.spaces.architecture import describe
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task

TASK = Task(channels=1, size=8, classes=3)
OPTIONS = {"stem_width": 4, "widths": [8], "depths": [1], "strides": [2], "last_width": 8}
RESNET = {"depth": 8, "widths": [4, 4, 4], "channels": 1, "classes": 3}
NORMALISATION = {"mean": [0.4], "std": [0.3]}
CPU = torch.device("cpu")


def run(*arguments) -> int:
    """The exit status of the stage."""
    module = importlib.import_module("dfnas.stages.evaluate")
    return module.STAGE.main(module.evaluate, ["--device", "cpu", *map(str, arguments)])


def data_set(path: Path, images: ImageSet) -> Path:
    """Images as a data set of one shard: in turn three for training, held out and for tests."""
    attributes = {
        "size": images.size,
        "mean": [0.5],
        "std": [0.25],
        "class_names": ["a", "b", "c"],
        "source": "stripes",
    }
    attributes["provenance"] = {}
    pixels, targets = images.images.contiguous().numpy(), images.targets.numpy()
    write_shard(path.with_suffix(".shard.h5"), pixels, targets, attributes)
    split = (np.arange(len(targets)) // 3 % 3).astype(np.uint8)
    records = Records(images.soft_labels.numpy(), targets, np.zeros(len(targets), np.int32), split)
    write_dataset(path, [path.with_suffix(".shard.h5")], records, attributes)
    return path


@pytest.fixture
def network(make_images):
    """An architecture and its network after a few steps, with more to learn."""
    space = make("shufflenet", TASK, OPTIONS)
    choices = space.sample(random.Random(0))
    torch.manual_seed(0)
    network, data = space.network(choices), replace(make_images(48, seed=5), mean=(0.4,), std=(0.3,))
    optimizer = torch.optim.SGD(network.parameters(), lr=0.05)
    for _ in range(20):
        optimizer.zero_grad()
        F.cross_entropy(network(plain_view(data, data.images)), data.soft_labels).backward()
        optimizer.step()
    return describe("shufflenet", OPTIONS, space, choices, {}), network.eval()


@pytest.fixture
def folder(tmp_path, network, make_images) -> Path:
    """A network, an untrained teacher, original images, and others that the network is said to have learnt from."""
    document, built = network
    arguments = {"algorithm": "spos", "search_data": "noise", "retrain_data": "noise", "seed": 1}
    provenance = {"arguments": arguments, "architecture_file": "search/architecture.json", "validation_error": 0.5}
    save_network(tmp_path / "model.pt", document, built, NORMALISATION, provenance)
    spec = TeacherSpec(arguments=RESNET, classes=3, channels=1, size=(8, 8), mean=(0.2,), std=(0.6,))
    torch.manual_seed(1)
    save_teacher(tmp_path / "teacher.pt", spec, cifar_resnet(**RESNET).state_dict(), said("import_teacher"))
    data_set(tmp_path / "original.h5", make_images(180, soft=False))
    data_set(tmp_path / "noise.h5", make_images(90, side=8, seed=1))
    return tmp_path


def evaluated(folder: Path, network: str = "model.pt", held_out: str = "noise.h5") -> dict:
    """The figures."""
    files = ["--network", folder / network, "--teacher", folder / "teacher.pt", "--dataset", folder / "original.h5"]
    out = ["--out", folder / "metrics.json", "--predictions", folder / "predictions.csv"]
    assert run(*files, "--held-out", folder / held_out, *out) == 0
    return read_json(folder / "metrics.json")


def logits(folder: Path, network, split: str, name: str) -> tuple[torch.Tensor, ImageSet]:
    data = load_split(folder / name, split, CPU)
    return predict(network, replace(data, mean=(0.4,), std=(0.3,)), 256), data


def test_the_figures_are_those_of_the_networks_logits(folder, network):
    figures = evaluated(folder)
    found, test = logits(folder, network[1], "test", "original.h5")
    held_out, validation = logits(folder, network[1], "validation", "noise.h5")
    temperature = fitted_temperature(held_out, validation.soft_labels)
    confidence, predicted = found.softmax(1).max(1)
    assert (figures["algorithm"], figures["retrain_data"], figures["test_images"]) == ("spos", "noise", len(test))
    assert TEMPERATURES[0] < figures["temperature"] < TEMPERATURES[1]
    assert figures["temperature"] == pytest.approx(temperature)
    assert figures["architecture"] == "search/architecture.json"
    assert figures["nll"] == pytest.approx(F.cross_entropy(found, test.targets).item(), rel=1e-5)
    assert figures["ece"] == pytest.approx(calibration_error(confidence, predicted == test.targets), abs=1e-6)
    scaled = (found / temperature).softmax(1).amax(1)
    assert figures["ece_scaled"] == pytest.approx(calibration_error(scaled, predicted == test.targets), abs=1e-6)
    assert negative_log_likelihood(held_out, validation.soft_labels, temperature) <= negative_log_likelihood(
        held_out, validation.soft_labels
    )


def test_agreement_is_with_a_teacher_that_sees_images_as_it_wants_to(folder, network):
    found, test = logits(folder, network[1], "test", "original.h5")
    torch.manual_seed(1)
    teacher = predict(cifar_resnet(**RESNET).eval(), replace(test, mean=(0.2,), std=(0.6,)), 256)
    expected = (found.argmax(1) == teacher.argmax(1)).double().mean().item()
    assert 0 < expected < 1
    assert evaluated(folder)["teacher_agreement"] == pytest.approx(expected)
    assert evaluated(folder, "teacher.pt", "original.h5")["teacher_agreement"] == 1


def test_predictions_have_a_line_for_each_test_image_from_which_the_figures_follow(folder):
    figures = evaluated(folder)
    predictions = read_predictions(folder / "predictions.csv")
    test = load_split(folder / "original.h5", "test", CPU)
    assert predictions.targets.tolist() == test.targets.tolist()
    assert predictions.wrong.mean() == pytest.approx(figures["top1_error"])
    with open(folder / "predictions.csv", newline="") as file:
        confidence = torch.tensor([float(row["confidence"]) for row in csv.DictReader(file)])
    correct = torch.from_numpy(~predictions.wrong)
    assert calibration_error(confidence, correct) == pytest.approx(figures["ece"], abs=1e-5)


def test_two_runs_leave_the_same_bytes(folder):
    left = []
    for _ in range(2):
        evaluated(folder)
        left.append([(folder / name).read_bytes() for name in ("metrics.json", "predictions.csv")])
    assert left[0] == left[1]


def test_test_images_do_not_touch_the_temperature_and_held_out_ones_touch_nothing_else(folder, make_images):
    before = evaluated(folder)
    data_set(folder / "noise.h5", make_images(90, side=8, seed=2))
    other_held_out = evaluated(folder)
    assert before.pop("provenance")["inputs"] != other_held_out["provenance"]["inputs"]
    changed = {name for name in before if before[name] != other_held_out[name]}
    assert "temperature" in changed <= {"temperature", "ece_scaled"}
    data_set(folder / "original.h5", make_images(180, soft=False, seed=3))
    assert evaluated(folder)["temperature"] == other_held_out["temperature"]


def with_provenance(folder: Path, provenance: dict) -> None:
    """Writes the teacher anew, as one that came about so."""
    spec = TeacherSpec(arguments=RESNET, classes=3, channels=1, size=(8, 8), mean=(0.2,), std=(0.6,))
    torch.manual_seed(1)
    save_teacher(folder / "teacher.pt", spec, cifar_resnet(**RESNET).state_dict(), provenance)


def test_the_temperature_of_a_teacher_that_was_trained_here_is_fitted_on_what_it_has_not_seen(folder):
    inputs = {"dataset/original.h5": digest(folder / "original.h5")}
    with_provenance(folder, said("pretrain_teacher", inputs=inputs))
    figures = evaluated(folder, "teacher.pt", "original.h5")
    assert TEMPERATURES[0] <= figures["temperature"] <= TEMPERATURES[1]
    assert 0 <= figures["ece_scaled"] <= 1


@pytest.mark.parametrize(
    "provenance",
    [
        said("import_teacher", inputs={"mine.pt": "0" * 64}),
        said("pretrain_teacher", inputs={"dataset/original.h5": "0" * 64}),  # another split of the images
    ],
)
def test_no_temperature_is_fitted_on_images_that_a_teacher_may_have_been_trained_on(folder, capsys, provenance):
    """On those it is surer and more often right than on others: a T below 1, and calibration gets worse by it."""
    with_provenance(folder, provenance)
    figures = evaluated(folder, "teacher.pt", "original.h5")
    assert (figures["temperature"], figures["ece_scaled"]) == (None, None)
    assert 0 <= figures["ece"] <= 1
    assert "teacher.pt may have been trained on all of" in capsys.readouterr().err


def test_a_teacher_that_does_not_say_what_it_was_trained_on_is_refused(folder, capsys):
    with_provenance(folder, said("pretrain_teacher", inputs=["dataset/original.h5"]))
    files = ["--network", folder / "teacher.pt", "--teacher", folder / "teacher.pt", "--held-out", folder / "noise.h5"]
    out = ["--out", folder / "metrics.json", "--predictions", folder / "predictions.csv"]
    assert run(*files, "--dataset", folder / "original.h5", *out) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "teacher.pt" in line
    assert "inputs" in line


def test_a_second_teacher_has_no_temperature_either(folder):
    """As a verifier, which is imported too."""
    spec = TeacherSpec(arguments=RESNET, classes=3, channels=1, size=(8, 8), mean=(0.2,), std=(0.6,))
    torch.manual_seed(2)
    provenance = said("import_teacher", inputs={"theirs.pt": digest(folder / "original.h5")})
    save_teacher(folder / "verifier.pt", spec, cifar_resnet(**RESNET).state_dict(), provenance)
    figures = evaluated(folder, "verifier.pt", "original.h5")
    assert (figures["temperature"], figures["ece_scaled"]) == (None, None)


HEADER = "image,target,predicted,confidence\n"


@pytest.mark.parametrize(
    ("text", "story"),
    [
        ("", "has no column 'image'"),
        ("image,target\n0,1\n", "has no column 'predicted'"),
        (HEADER, "has lines missing"),
        (HEADER + "0,1\n", "row 1: expected 4 values"),
        (HEADER + "0,cat,dog,0.5\n", "row 1: has \"cat\" for 'target', expected a whole number"),
    ],
)
def test_what_is_no_file_of_predictions_is_refused(tmp_path, text, story):
    (tmp_path / "predictions.csv").write_text(text)
    with pytest.raises(InputError, match=rf"predictions\.csv,? {story}.*; delete it to rebuild it"):
        read_predictions(tmp_path / "predictions.csv")


@pytest.mark.parametrize("line", [2, 5])
def test_a_lost_line_of_predictions_is_noticed(folder, line):
    evaluated(folder)
    lines = (folder / "predictions.csv").read_text().splitlines()
    (folder / "predictions.csv").write_text("\n".join(lines[: line - 1] + lines[line:]) + "\n")
    with pytest.raises(InputError, match="lines missing"):
        read_predictions(folder / "predictions.csv")
