"""What `compare_data` makes of made-up networks of which the difference is known, and what it refuses."""

import csv
import importlib
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from made_artifacts import network_metrics

from dfnas.artifacts.predictions import write_predictions
from dfnas.measure.bootstrap import Difference
from dfnas.runtime.files import read_json, write_json
from dfnas.tables.significance import Comparison, sentence

IMAGES = 300
TARGETS = torch.arange(IMAGES) % 10


def run(*arguments) -> int:
    """The exit status of the stage."""
    module = importlib.import_module("dfnas.stages.compare_data")
    return module.STAGE.main(module.compare_data, ["--device", "cpu", *map(str, arguments)])


def network(folder: Path, algorithm: str, data: str, seed: int, share: float, retrain_data="original") -> Path:
    """The folder of a network that errs on a share of the images, others with every seed."""
    place = folder / algorithm / data / retrain_data / str(seed)
    wrong = torch.from_numpy(np.random.default_rng([seed, len(data)]).random(IMAGES) < share)
    place.mkdir(parents=True)
    write_predictions(place / "predictions.csv", TARGETS, (TARGETS + wrong) % 10, torch.full((IMAGES,), 0.9))
    identity = {"algorithm": algorithm, "search_data": data, "retrain_data": retrain_data, "seed": seed}
    network_metrics(**identity, top1_error=wrong.double().mean().item()).write(place / "metrics.json")
    return place


def compared(folder: Path, networks: list[Path], *more) -> int:
    files = [
        part
        for option in ("metrics.json", "predictions.csv")
        for part in (f"--{option.split('.')[0]}", *(place / option for place in networks))
    ]
    out = {"--out": "csv", "--text": "md", "--page": "html"}
    places = [part for option, kind in out.items() for part in (option, folder / f"significance.{kind}")]
    return run(*files, *places, *more)


def rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "significance.csv", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def networks(tmp_path) -> list[Path]:
    """An algorithm for which noise is bad, one for which all data are alike, and one that looked at none."""
    shares = {("darts", "original"): 0.05, ("darts", "noise"): 0.3, ("darts", "synthetic"): 0.01}
    shares |= {("spos", "original"): 0.1, ("spos", "my_set"): 0.1, ("random", "none"): 0.5}
    return [network(tmp_path, *names, seed, share) for names, share in shares.items() for seed in range(3)]


def test_each_data_set_is_compared_with_the_original_one(tmp_path, networks):
    assert compared(tmp_path, networks) == 0
    noise, synthetic, alike = rows(tmp_path)
    assert [(row["algorithm"], row["search_data"]) for row in (noise, synthetic, alike)] == [
        ("darts", "noise"),
        ("darts", "synthetic"),
        ("spos", "my_set"),
    ]
    assert [row["verdict"] for row in (noise, synthetic, alike)] == ["worse", "better", "no difference seen"]
    for row in (noise, synthetic, alike):
        assert (row["seeds"], row["original_seeds"], row["test_images"]) == ("3", "3", str(IMAGES))
        points = float(row["top1_error_mean"]) - float(row["original_top1_error_mean"])
        assert float(row["difference_points"]) == pytest.approx(points, abs=2e-3)
        assert float(row["interval_low"]) <= points <= float(row["interval_high"])
        assert (float(row["p_value"]) < 0.05) == (row["verdict"] != "no difference seen")
    text = (tmp_path / "significance.md").read_text()
    assert re.search(r"darts\*\*, .*: searching on noise images is 2\d\.\d\d points worse \[1?\d\.\d\d, ", text)
    assert re.search(
        r"searching on synthetic images is \d\.\d\d points better \[\d\.\d\d, \d\.\d\d\], significant", text
    )
    assert r"between searching on my\_set and on original images" in text
    assert text.count("with 3 seeds and 300 images") == 3
    page = (tmp_path / "significance.html").read_text()
    for line in re.findall(r"^- (.*)$", text, re.MULTILINE):  # the same verdicts
        words = re.sub(r"\*\*(.*?)\*\*", r"<b>\1</b>", line).replace(r"\_", "_")
        assert f"<li>{words}</li>" in page


def test_two_calls_leave_the_same_bytes_and_another_seed_about_the_same(tmp_path, networks):
    left = []
    for more in ([], [], ["--seed", 1]):
        assert compared(tmp_path, networks, *more) == 0
        left.append((rows(tmp_path), (tmp_path / "significance.md").read_bytes()))
    assert left[0] == left[1] != left[2]
    for ours, theirs in zip(left[0][0], left[2][0], strict=True):
        assert ours["verdict"] == theirs["verdict"]
        assert float(ours["interval_low"]) == pytest.approx(float(theirs["interval_low"]), rel=0.1, abs=0.3)


def test_data_that_networks_were_retrained_on_are_kept_apart(tmp_path):
    networks = [
        network(tmp_path, "spos", data, seed, 0.1, retrain_data)
        for data in ("original", "noise")
        for retrain_data in ("original", "synthetic")
        for seed in range(2)
    ]
    assert compared(tmp_path, networks) == 0
    assert [row["retrain_data"] for row in rows(tmp_path)] == ["original", "synthetic"]


@pytest.mark.parametrize(("found", "sample"), [(1, "1 seed"), (3, "3 and 1 seeds")])
def test_one_seed_cannot_tell(tmp_path, found, sample):
    """However far apart the errors are: no interval, no p, and it is said why."""
    networks = [network(tmp_path, "spos", "noise", seed, 0.9) for seed in range(found)]
    networks.append(network(tmp_path, "spos", "original", 0, 0.1))
    assert compared(tmp_path, networks) == 0
    (row,) = rows(tmp_path)
    assert (row["verdict"], row["interval_low"], row["interval_high"], row["p_value"]) == ("cannot tell", "", "", "")
    assert 70 < float(row["difference_points"]) < 90
    why = rf"\+[78]\d\.\d\d points, with {sample} and 300 images; what another seed would give, one seed cannot say"
    for name in ("significance.md", "significance.html"):
        words = "whether searching on noise images is as good as on original ones cannot be told: "
        assert re.search(words + why, (tmp_path / name).read_text())


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (Difference(0.003, 0.001, 0.005, 0.004), "is 0.30 points worse [0.10, 0.50], significant at 5 % (p = 0.0040)"),
        (Difference(-0.003, -0.005, -0.001, 0.004), "is 0.30 points better [0.10, 0.50], significant"),
        (Difference(-0.003, -0.008, 0.002, 0.2), "original images: -0.30 points [-0.80, 0.20] (p = 0.2000), with"),
        # Rounding takes neither an end to 0 nor p to the level.
        (Difference(0.003, 2e-6, 0.006, 0.049995), "worse [0.0002, 0.60], significant at 5 % (p = 0.0499)"),
        (Difference(0.003, 0.001, 0.005, 0.0003), "significant at 5 % (p = 0.0003)"),
        (Difference(0.003, -2e-6, 0.006, 0.0501), "original images: +0.30 points [-0.0002, 0.60] (p = 0.0501)"),
    ],
)
def test_the_verdict_in_words(difference, words):
    comparison = Comparison("spos", "synthetic", "original", (3, 2), 360, (0.103, 0.1), difference)
    assert words in sentence(comparison)
    assert sentence(comparison).endswith("with 3 and 2 seeds and 360 images")


def complaint(capsys, status: int) -> str:
    assert status == 1
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_networks_without_their_counterpart_are_nothing_to_compare(tmp_path, capsys):
    networks = [network(tmp_path, "spos", "noise", 0, 0.1), network(tmp_path, "darts", "original", 0, 0.1)]
    assert "set comparison.search_data" in complaint(capsys, compared(tmp_path, networks))


def test_predictions_of_another_network_or_of_other_images_are_refused(tmp_path, capsys):
    networks = [network(tmp_path, "spos", data, 0, 0.1) for data in ("original", "noise")]
    path = networks[1] / "predictions.csv"
    write_predictions(path, TARGETS, TARGETS, torch.full((IMAGES,), 0.9))
    assert f"{path} has other errors than {networks[1] / 'metrics.json'}" in complaint(
        capsys, compared(tmp_path, networks)
    )
    figures = read_json(networks[1] / "metrics.json") | {"top1_error": 0.0}
    write_json(networks[1] / "metrics.json", figures)
    write_predictions(path, TARGETS[1:], TARGETS[1:], torch.full((IMAGES - 1,), 0.9))
    assert "are not about the same test images" in complaint(capsys, compared(tmp_path, networks))
    path.write_text("image,target\n0,1\n")
    assert f"{path} has no column 'predicted'" in complaint(capsys, compared(tmp_path, networks))
