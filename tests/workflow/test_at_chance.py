"""A classifier from which no image can be made: the run stops at the first generation, and says why in one line."""

import pytest
import torch
from running import overlay, snakemake

from dfnas.artifacts.calibration import Calibration
from dfnas.cifar_resnet import cifar_resnet
from dfnas.runtime.seeds import reseed

ARGUMENTS = {"depth": 8, "widths": [4, 8, 16], "channels": 1, "classes": 10}
SYNTHESIS = {"images": 200, "generations": 2, "shards": 1}
NEXT = "results/synthesis/synthetic/generation-1/shard-0.h5"


@pytest.mark.slow
def test_images_at_chance_stop_the_run_unless_it_is_told_to_go_on(tmp_path):
    reseed(0, "weights")
    network = cifar_resnet(**ARGUMENTS)
    network(torch.rand(16, 1, 16, 16))  # BatchNorms that have seen no image are refused
    state = network.state_dict()
    state["linear.bias"][3] = 100.0  # it sees class 3 everywhere
    torch.save({"state_dict": state}, tmp_path / "checkpoint.pt")
    teacher = {"weights": str(tmp_path / "checkpoint.pt"), "arguments": ARGUMENTS}
    said = {
        "calibrate_labels": {"at_chance": "stop"},
        "teacher": teacher,
        "synthesis": SYNTHESIS,
        "shard_original": {"source": "none"},
    }
    said["calibrate_labels"] = {"at_chance": "stop"}
    said["comparison"] = {"search_data": ["synthetic"], "retrain_data": ["synthetic"]}
    folder, first = tmp_path / "run", overlay(tmp_path / "first.yaml", said)
    done = snakemake(folder, "--cores", "2", NEXT, configuration=(first,))
    assert done.returncode != 0
    log = (folder / "results/logs/calibrate_labels/synthetic/generation-0.log").read_text()
    assert log.splitlines()[-1].startswith("calibrate_labels: error: generation 0: the teacher sees the class")
    assert "Traceback" not in log
    assert not (folder / NEXT).exists()
    more = overlay(tmp_path / "more.yaml", {"calibrate_labels": {"at_chance": "go_on"}})
    done = snakemake(folder, "--cores", "2", NEXT, configuration=(first, more))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    assert Calibration.read(folder / "results/labels/synthetic/generation-0.json").agreement == 0.1
