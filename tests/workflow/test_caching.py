"""The cache between workflows: a second checkout with another folder of results takes what the first has made."""

import os
from pathlib import Path

from running import copy_sources, overlay, snakemake

from dfnas.runs.folder import RunFolder
from dfnas.runs.verification import verify

TRAINED = "retrain/random/none/original/seed-0/model.pt"
TARGETS = ("labels/synthetic/generation-1.h5", "dataset/synthetic.h5", TRAINED)
EXPENSIVE = {"pretrain_teacher": 1, "invert_teacher": 2, "calibrate_labels": 2, "retrain": 1}
"""Jobs by rule, of two generations."""


def run(source: Path, folder: Path, results: str, **values) -> Path:
    """The folder of results after a run up to the synthetic data set."""
    laid_over = overlay(folder / "overlay.yaml", {"results_dir": results, "synthesis": {"shards": 1}, **values})
    targets = [f"{results}/{name}" for name in TARGETS]
    done = snakemake(folder, "--cores", "2", *targets, source=source, configuration=(laid_over,))
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / results


def said(results: Path, rule: str) -> list[str]:
    return [path.read_text() for path in sorted((results / "logs").rglob("*.log")) if f"/{rule}" in path.as_posix()]


def taken(results: Path) -> dict[str, int]:
    """Jobs by rule that took their outputs from the cache."""
    return {rule: sum("taken from the cache" in text for text in said(results, rule)) for rule in EXPENSIVE}


def contents(results: Path) -> dict[str, bytes]:
    return {
        path.relative_to(results).as_posix(): path.read_bytes()
        for kind in ("teacher", "synthesis", "labels", "dataset", "retrain")
        for path in (results / kind).rglob("*")
        if path.is_file()
    }


def test_a_second_checkout_computes_nothing_again(tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    monkeypatch.setenv("DFNAS_CACHE", str(cache))
    first = run(copy_sources(tmp_path / "checkout-1"), tmp_path / "one", "results")
    assert taken(first) == dict.fromkeys(EXPENSIVE, 0)

    source = copy_sources(tmp_path / "checkout-2")
    second = run(source, tmp_path / "two", "elsewhere/run-7", comparison={"seeds": [0, 5]})
    assert taken(second) == EXPENSIVE
    assert not any("it/s" in text for rule in EXPENSIVE for text in said(second, rule))
    assert contents(second) == contents(first)  # nothing in them says where they were made
    for results in (first, second):
        assert not verify(RunFolder(results)).findings

    # A setting of the inversion: the teacher is not made for it, but since its entry is damaged; the images are.
    (entry,) = (path.parent for path in cache.rglob("entry.json") if '"pretrain_teacher"' in path.read_text())
    os.truncate(entry / "0.pt", 1000)
    third = run(source, tmp_path / "three", "results", invert_teacher={"tv_weight": 0.5})
    assert taken(third) == dict.fromkeys(EXPENSIVE, 0) | {"retrain": 1}  # on original images
    (story,) = said(third, "pretrain_teacher")
    assert f"cache: {entry} is damaged (" in story
    made, before = contents(third), contents(first)
    assert made["teacher/teacher.pt"] == before["teacher/teacher.pt"] == (entry / "0.pt").read_bytes()
    assert made["dataset/synthetic.h5"] != before["dataset/synthetic.h5"]
    assert not verify(RunFolder(third)).findings
