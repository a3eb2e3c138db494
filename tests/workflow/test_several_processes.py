"""Retraining and searches as torchrun starts them: two processes on the CPU, through the workflow."""

import json

import pytest
from running import overlay, snakemake

from dfnas.runtime.files import load_archive, read_csv

pytestmark = pytest.mark.slow
RUN = "results/retrain/random/none/original/seed-0"


def test_two_processes_train_the_network_of_one(finished, tmp_path):
    """Each with its own share of every batch and, here, its own BatchNorm statistics: close, not equal."""
    run = finished.copy(tmp_path / "run")
    settings = {"resources": {"retrain": {"gpu": 2}}, "retrain": {"averaging": {"kind": "ema"}}}
    more = overlay(tmp_path / "two.yaml", settings)
    options = ("--cores", "2", "--allowed-rules", "retrain", "--printshellcmds")
    done = snakemake(run, *options, f"{RUN}/model.pt", source=finished.source, configuration=(more,))
    log = (run / "results/logs/retrain/random/none/original/seed-0.log").read_text()
    assert done.returncode == 0, done.stderr[-3000:] + log
    assert "torchrun --standalone --nproc-per-node 2 -m dfnas.stages.retrain" in done.stderr + done.stdout
    provenance = load_archive(run / RUN / "model.pt")["provenance"]
    assert provenance["processes"] == 2
    assert len(read_csv(run / RUN / "history.csv")) == 2
    assert json.loads((run / RUN / "timing.json").read_text())["seconds"] > 0
    alone, together = (read_csv(place / RUN / "history.csv")[0] for place in (finished.directory, run))
    assert float(together["train_loss"]) == pytest.approx(float(alone["train_loss"]), rel=0.1)
    assert not list((run / "results/.dfnas").glob("*.pt"))  # no checkpoint is left


def test_two_processes_train_a_supernet_as_one_job_and_one_searches_on_it(finished, tmp_path):
    run = finished.copy(tmp_path / "run")
    more = overlay(tmp_path / "two.yaml", {"resources": {"supernet_spos": {"gpu": 2}}})
    place = run / "results/search/spos/synthetic/seed-0"
    options = ("--cores", "2", "--allowed-rules", "supernet_spos", "search_spos", "--printshellcmds")
    target = "results/search/spos/synthetic/seed-0/architecture.json"
    done = snakemake(run, *options, target, source=finished.source, configuration=(more,))
    log = (run / "results/logs/supernet_spos/synthetic/seed-0.log").read_text()
    assert done.returncode == 0, done.stderr[-3000:] + log
    assert "torchrun --standalone --nproc-per-node 2 -m dfnas.stages.supernet spos" in done.stderr + done.stdout
    assert "python -m dfnas.stages.search spos" in done.stderr + done.stdout
    supernet = load_archive(run / "results/supernet/spos/synthetic/seed-0/supernet.pt")
    assert supernet["provenance"]["processes"] == 2
    before = finished.directory / "results/search/spos/synthetic/seed-0"
    for name in ("history.csv", "candidates.csv"):
        assert len(read_csv(place / name)) == len(read_csv(before / name)), name
    assert not list((run / "results/.dfnas").glob("*.pt"))
