"""Networks to deploy: which is chosen, what its card says and does, and what is refused before anything is written."""

import re
import shutil

import numpy as np
import pytest
import torch
from made_artifacts import teacher_metrics
from stage_calls import run

from dfnas.dataset.writing import read_shard
from dfnas.deploy.network import read
from dfnas.runtime.files import digest, load_archive, read_csv, read_json, save_archive, write_json


def trained(chain, name: str, seed: int, validation_error: float, **arguments):
    """A copy of the chain's network with another result."""
    archive = load_archive(chain.folder / "model.pt")
    archive["provenance"]["arguments"] |= {"seed": seed, **arguments}
    archive["provenance"]["validation_error"] = validation_error
    save_archive(chain.folder / name, archive)
    return chain.folder / name


def exported(chain, *networks) -> dict:
    """What is said of the network that is chosen of some."""
    options = chain.export()[4:]
    datasets = [chain.folder / "synthetic.h5"] * len(networks)
    assert run("export", "--networks", *networks, "--datasets", *datasets, *options) == 0
    file = chain.folder / "model.safetensors"
    return read(file.read_bytes(), str(file))[1]["provenance"]


def test_the_lowest_validation_error_is_exported_and_of_equals_the_lowest_seed(chain):
    worse = trained(chain, "worse.pt", 0, 0.5)
    later = trained(chain, "later.pt", 3, 0.25)
    better = trained(chain, "better.pt", 2, 0.25)
    other = trained(chain, "other.pt", 2, 0.25, search_data="synthetic")
    assert exported(chain, worse, later, other, better)["arguments"]["seed"] == 2
    assert exported(chain, better, other)["arguments"]["search_data"] == "none"
    assert exported(chain, other, better)["arguments"]["search_data"] == "synthetic"


def test_of_the_data_sets_that_of_the_chosen_network_is_read(chain):
    networks = [trained(chain, "worse.pt", 0, 0.5), trained(chain, "better.pt", 1, 0.25)]
    datasets = [chain.folder / "nowhere.h5", chain.folder / "synthetic.h5"]
    assert run("export", "--networks", *networks, "--datasets", *datasets, *chain.export()[4:]) == 0


def test_exported_files_are_the_same_bytes_again(chain):
    names = ("model.safetensors", "model.onnx", "model.pt2", "README.md")
    before = [digest(chain.folder / name) for name in names]
    for name in names:
        (chain.folder / name).unlink()
    assert run("export", *chain.export()) == 0
    assert run("model_card", *chain.model_card()) == 0
    assert [digest(chain.folder / name) for name in names] == before


def test_every_example_of_the_card_runs_in_its_folder_and_they_agree(chain, monkeypatch):
    card = (chain.folder / "README.md").read_text()
    examples = re.findall(r"```python\n(.*?)```", card, flags=re.DOTALL)
    with_dfnas, with_torch, with_onnx = examples
    assert len(with_dfnas.splitlines()) == 3
    monkeypatch.chdir(chain.folder)
    images = torch.from_numpy(read_shard(chain.folder / "original-0.h5")[0][:5]) / 255
    logits = []
    for example, given in ((with_dfnas, images), (with_torch, images), (with_onnx, images.numpy())):
        namespace = {"images": given}
        exec(example, namespace)
        logits.append(np.asarray(namespace["logits"]))
    assert logits[0].shape == (5, 10)
    for other in logits[1:]:
        np.testing.assert_allclose(other, logits[0], atol=1e-5)


def test_the_card_says_what_the_network_is_and_where_it_came_from(chain):
    card = (chain.folder / "README.md").read_text()
    figures = read_json(chain.folder / "metrics.json")
    for said in (
        "images (B, 1, 8, 8), float32, pixels in [0, 1]",
        "| searched on | no images |",
        "| trained on | `synthetic`: images made from the teacher alone, none original |",
        f"`dfnas.cifar_resnet:cifar_resnet`, SHA-256 `{digest(chain.folder / 'teacher.pt')}`",
        f"{100 * figures['top1_error']:.3f} % of {figures['test_images']} original test images",
        f"| parameters | {figures['parameters']:,} |",
        f"| multiply-accumulates of an image | {figures['macs']:,} |",
        '"epochs": 2',
        *(digest(chain.folder / f"model.{kind}") for kind in ("safetensors", "onnx", "pt2")),
    ):
        assert said in card, said


def test_the_card_has_time_and_memory_of_its_network_at_every_batch_size(chain):
    card = (chain.folder / "README.md").read_text()
    (header,) = re.findall(r"^\| on \|.*$", card, re.MULTILINE)
    rows = read_csv(chain.folder / "latency.csv")
    assert [(row["algorithm"], row["batch_size"]) for row in rows] == [
        *(("teacher", "1"), ("random", "1"), ("teacher", "3"), ("random", "3"))
    ]
    for row in rows:
        iqr = float(row["quartile_3_ms"]) - float(row["quartile_1_ms"])
        figures = [row["batch_size"], *(f"{float(x):.3f}" for x in (row["latency_ms"], iqr, row["peak_mb"]))]
        assert (f"1 thread | {' | '.join(figures)} |" in card) == (row["algorithm"] == "random")
    assert header.count("|") == 6
    assert float(rows[3]["peak_mb"]) == pytest.approx(3 * float(rows[1]["peak_mb"]), abs=2e-4)


def test_the_card_has_the_spread_over_the_seeds_of_its_row_alone(chain):
    figures = read_json(chain.folder / "metrics.json")
    others = []
    for seed, error, data in ((1, 0.5, "none"), (2, 0.3, "none"), (0, 0.9, "synthetic")):
        path = chain.folder / f"metrics-{seed}.json"
        write_json(path, figures | {"seed": seed, "top1_error": error, "search_data": data})
        others.append(path)
    figures["top1_error"] = 0.4
    write_json(chain.folder / "metrics.json", figures)
    options = chain.model_card()
    place = options.index("--metrics") + 2
    assert run("model_card", *options[:place], *others[:2], *options[place:]) == 0
    assert "| top-1 error of all its seeds (0, 1, 2) | 40.000 ± 10.000 % |" in (chain.folder / "README.md").read_text()
    assert "the lowest of 3, hence" in (chain.folder / "README.md").read_text()


def test_the_card_says_what_the_network_is_worth(chain):
    teacher_metrics(top1_error=0.05, classes=10).write(chain.folder / "teacher.json")
    options = chain.model_card()
    place = options.index("--metrics") + 2
    assert run("model_card", *options[:place], chain.folder / "teacher.json", *options[place:]) == 0
    card, figures = (chain.folder / "README.md").read_text(), read_json(chain.folder / "metrics.json")
    right = 100 * (1 - figures["top1_error"])
    assert "## Verdict\n\nThis is random, drawn without images and trained on synthetic ones: it is " in card
    assert f"right in {right:.2f} % of the original test images (the teacher in 95.00 %, guessing in 10 %)" in card
    assert "It was chosen by few images: " in card
    assert f"% of {figures['held_out_images']} held-out images |" in card


def test_a_file_that_would_not_agree_is_not_written(chain, fails, monkeypatch):
    monkeypatch.setattr("dfnas.stages.export.TOLERANCE", -1.0)
    line = fails("export", chain.export(), chain.folder / "model.safetensors", chain.folder / "model.pt")
    assert "would give other logits" in line
    assert "nothing was written" in line


def test_logits_that_are_not_numbers(chain, fails):
    archive = load_archive(chain.folder / "model.pt")
    name = next(name for name, value in archive["state"].items() if value.is_floating_point())
    archive["state"][name].fill_(float("nan"))
    save_archive(chain.folder / "model.pt", archive)
    fails("export", chain.export(), "they differ by nan", "nothing was written")


def test_networks_that_are_none(chain, fails):
    network = chain.folder / "model.pt"
    shutil.copy(chain.folder / "teacher.pt", network)
    fails("export", chain.export(), network, "is not a 'dfnas network 1' file")
    network.write_bytes(network.read_bytes()[:-100])
    fails("export", chain.export(), network, "cannot be loaded")
    network.unlink()
    fails("export", chain.export(), "no file", network)


def test_images_of_another_task(chain, fails):
    options = chain.export()
    dataset = chain.folder / "synthetic.h5"
    archive = load_archive(chain.folder / "model.pt")
    archive["architecture"]["task"]["channels"] = 3
    weight = archive["state"]["0.weight"]
    archive["state"]["0.weight"] = weight.expand(-1, 3, -1, -1).clone()
    save_archive(chain.folder / "model.pt", archive)
    fails("export", options, dataset, "1 channels", "channels=3", "the data set that it was trained on")
    dataset.write_bytes(dataset.read_bytes()[:-100])
    fails("export", options, dataset, "is damaged")


@pytest.mark.parametrize(
    "name", ["model.safetensors", "metrics.json", "latency.csv", "teacher.pt", "model.onnx", "model.pt2"]
)
def test_a_card_of_what_is_not_there(chain, fails, name):
    (chain.folder / name).unlink()
    fails("model_card", chain.model_card(), "no file", chain.folder / name)


def test_a_card_of_a_damaged_network(chain, fails):
    file = chain.folder / "model.safetensors"
    content = bytearray(file.read_bytes())
    content[-50] ^= 1
    file.write_bytes(content)
    fails("model_card", chain.model_card(), file, "is damaged")


def test_a_card_without_the_figures_of_its_network(chain, fails):
    path = chain.folder / "metrics.json"
    write_json(path, read_json(path) | {"seed": 7})
    fails("model_card", chain.model_card(), "none of the 1 files of figures", "random, none, synthetic, 0")
    write_json(path, {})
    fails("model_card", chain.model_card(), path, "has no 'algorithm'")
