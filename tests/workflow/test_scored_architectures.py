"""Scores without training in the real workflow: of random architectures, and as a search."""

from pathlib import Path

import pytest
from running import ancestors, overlay, recipes, snakemake
from tables import made_up_table

from dfnas.artifacts.proxy_scores import ProxyScores
from dfnas.runtime.files import read_csv, read_json

BASE = Path("tests", "assets", "lookup.yaml")
ON_DATA = {"comparison": {"algorithms": ["training_free"]}, "search_training_free": {"images": "data"}}


@pytest.fixture
def run(tmp_path) -> Path:
    return made_up_table(tmp_path / "run" / "table.csv").parent


def test_scores_on_noise_need_nothing_and_no_search_reads_any(run):
    proxies = ["none", "original", "synthetic", "noise"]
    asked = overlay(run.parent / "proxies.yaml", {"comparison": {"proxies": proxies}})
    files = recipes(run, base=BASE, configuration=(asked,))
    scores = {name: made for name, made in files.items() if made.rule == "score_architectures"}
    assert set(scores) == {f"results/proxies/{data}/seed-{seed}.csv" for data in proxies for seed in (0, 1)}
    assert scores["results/proxies/none/seed-0.csv"].inputs == ("results/spaces/training_free.json",)
    assert "results/dataset/synthetic.h5" in scores["results/proxies/synthetic/seed-0.csv"].inputs
    searches = [name for name, made in files.items() if made.rule.startswith("search_")]
    assert searches
    assert not any(ancestors(files, name) & set(scores) for name in searches)


def test_it_is_a_row_without_data_or_one_for_each(run, tmp_path):
    alone = (overlay(tmp_path / "alone.yaml", {"comparison": {"algorithms": ["training_free"]}}),)
    files = recipes(run, base=BASE, configuration=alone)
    found = sorted(name for name in files if name.endswith("architecture.json"))
    assert found == [f"results/search/training_free/none/seed-{seed}/architecture.json" for seed in (0, 1)]
    assert not any("dataset" in name for name in ancestors(files, found[0]))
    files = recipes(run, base=BASE, configuration=(overlay(tmp_path / "data.yaml", ON_DATA),))
    made = files["results/search/training_free/noise/seed-1/candidates.csv"]
    assert "results/dataset/noise.h5" in made.inputs
    assert "--supernet" not in made.command


@pytest.mark.slow
def test_scores_and_search_run_as_planned(run, tmp_path):
    configuration = (overlay(tmp_path / "data.yaml", ON_DATA),)
    place = "results/search/training_free/original/seed-0"
    scores = [f"results/proxies/{data}/seed-0.csv" for data in ("none", "original")]
    done = snakemake(run, "--cores", "1", *scores, f"{place}/search.png", base=BASE, configuration=configuration)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert [len(ProxyScores.read(run / path)) for path in scores] == [3, 3]
    candidates, found = read_csv(run / place / "candidates.csv"), read_json(run / place / "architecture.json")
    best = max(candidates, key=lambda line: float(line["proxy_score"]))
    assert best["architecture"] == "|".join(found["choices"].values())
    assert found["search"]["scored"] == len(candidates) == 2
    assert len(read_csv(run / place / "history.csv")) == 2
    again = snakemake(run, "-n", *scores, base=BASE, configuration=configuration)
    assert "Nothing to be done" in again.stdout + again.stderr


@pytest.mark.slow
def test_the_search_on_noise_runs_without_an_image(run, tmp_path):
    target = "results/search/training_free/none/seed-0/search.png"
    alone = (overlay(tmp_path / "alone.yaml", {"comparison": {"algorithms": ["training_free"]}}),)
    done = snakemake(run, "--cores", "1", target, base=BASE, configuration=alone)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-3000:]
    assert not (run / "results" / "dataset").exists()
