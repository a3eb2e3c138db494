"""The CIFAR-10 preset on a real pre-trained ResNet-20, its synthesis stages at tiny size."""

import json
import os
from pathlib import Path

import pytest
from running import ROOT, overlay, plan, snakemake

PRESET = ROOT / "workflow" / "presets" / "cifar10.yaml"
DATA = os.environ.get("DFNAS_DATA")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not DATA, reason="needs the real teacher: set DFNAS_DATA to the folder of the data"),
]

# Two batches in a generation, so that shards matter; enough steps for the teacher to see what it should.
TINY = {
    "results_dir": "results",
    "teacher": {"size": 32, "arguments": {"widths": [16, 32, 64]}},  # the real one's, over the reduced stand-in's
    "synthesis": {"generations": 2, "images": 40, "shards": 2},
    "invert_teacher": {
        "batch_size": 20,
        "canvas_margin": 4,
        "warmup_steps": 2,
        "stages": [{"downscale": 2, "steps": 5}, {"downscale": 1, "steps": 40}],
    },
}


def test_synthesis_of_the_preset_on_the_real_teacher(tmp_path):
    configuration = (PRESET, overlay(tmp_path / "tiny.yaml", TINY))
    run = tmp_path / "run"
    done = snakemake(run, "--cores", "2", "results/dataset/synthetic.h5", configuration=configuration)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    reports = [json.loads(Path(run, f"results/labels/synthetic/generation-{g}.json").read_text()) for g in (0, 1)]
    assert [report["images"] for report in reports] == [40, 40]
    # Chance is 0.1; 45 steps at this batch size are far from the preset's 300, and still no matter of luck.
    assert all(report["agreement"] > 0.5 for report in reports), reports


def test_preset_needs_no_stand_in(tmp_path):
    jobs = plan(tmp_path / "run", configuration=(PRESET, overlay(tmp_path / "tiny.yaml", TINY)))
    assert "pretrain_teacher" not in jobs
    assert jobs["import_teacher"] == 1
