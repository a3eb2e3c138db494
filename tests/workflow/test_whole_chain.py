"""The reduced configuration from nothing to Table 1: what comes out, and that it comes out the same again."""

import csv
import json

import pytest
import torch
from running import overlay, plan, snakemake

from dfnas.artifacts.formats import provenance_of
from dfnas.commands.main import main as compare
from dfnas.dataset.images import load_split
from dfnas.spaces.architecture import build

pytestmark = pytest.mark.slow

COLUMNS = [
    "algorithm",
    "space",
    "search_data",
    "retrain_data",
    "seeds",
    "top1_error_mean",
    "top1_error_std",
    "top5_error_mean",
    "ece_mean",
    "ece_scaled_mean",
    "teacher_agreement_mean",
    "params_m",
    "macs_m",
    "architecture",
]
ALGORITHMS, DATA, SEEDS = ("darts", "proxyless", "spos"), ("original", "synthetic"), (0, 1)
SEARCHES = [(algorithm, data) for algorithm in ALGORITHMS for data in DATA]


def artifacts() -> list[str]:
    """Every file that the design names."""
    files = ["teacher/teacher.pt", "teacher/history.csv", "dataset/original.h5", "dataset/synthetic.h5"]
    files += [f"dataset/original/shard-{shard}.h5" for shard in range(2)]
    files += [f"synthesis/synthetic/generation-{g}/shard-{shard}.h5" for g in range(2) for shard in range(2)]
    files += [f"labels/synthetic/generation-{g}.{kind}" for g in range(2) for kind in ("h5", "json")]
    files += [f"quality/synthetic/generation-{g}.{kind}" for g in range(2) for kind in ("json", "png")]
    for algorithm, data in SEARCHES:
        for seed in SEEDS:
            place = f"search/{algorithm}/{data}/seed-{seed}"
            files += [f"{place}/{name}" for name in ("architecture.json", "history.csv", "timing.json")]
            files += [f"{place}/{name}" for name in ("candidates.csv", "strengths.json", "search.png")]
            files += [f"supernet/{algorithm}/{data}/seed-{seed}/{name}" for name in ("supernet.pt", "timing.json")]
    for name in ("architecture.json", "search.png"):
        files += [f"search/random/none/seed-{seed}/{name}" for seed in SEEDS]
    for algorithm, data in [*SEARCHES, ("random", "none")]:
        for seed in SEEDS:
            run = f"{algorithm}/{data}/original/seed-{seed}"
            files += [f"retrain/{run}/{name}" for name in ("model.pt", "history.csv", "timing.json")]
            files += [f"evaluate/{run}/{name}" for name in ("metrics.json", "predictions.csv")]
    for algorithm in (*ALGORITHMS, "random"):
        files.append(f"retrain/{algorithm}/curves.png")
        names = ("model.safetensors", "model.onnx", "model.pt2", "README.md")
        files += [f"deploy/{algorithm}/{name}" for name in names]
    files += [
        "evaluate/teacher/metrics.json",
        "evaluate/teacher/predictions.csv",
        "latency.csv",
        "run.json",
        "table1.csv",
        "table1_times.csv",
        "per_class.csv",
        "table1.md",
        "table1.tex",
        "significance.csv",
        "significance.md",
        "pictures/synthetic/images.png",
        "pictures/synthetic/generations.png",
        "pictures/labels.png",
        "report/comparison.png",
        "report/provenance.html",
        "report/run.rst",
        "report/significance.html",
        "report/table1.html",
        "report/table1_times.html",
    ]
    return files


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def test_every_artifact_is_there(finished):
    assert [name for name in artifacts() if not (finished.results / name).is_file()] == []
    left = {path.name for path in finished.results.rglob("*.tmp")} | {
        p.name for p in finished.results.rglob("*.pt.tmp")
    }
    assert not left
    assert not list((finished.results / ".dfnas").glob("*.pt")), "checkpoints of finished work are removed"


def test_every_job_leaves_a_log_and_a_benchmark(finished):
    logs = {path.relative_to(finished.results / "logs").with_suffix("") for path in finished.results.rglob("*.log")}
    folder = finished.results / "benchmarks"
    assert logs == {path.relative_to(folder).with_suffix("") for path in folder.rglob("*.tsv")}
    assert len(logs) == 105


def test_table_1_has_its_columns_and_rows(finished):
    table = rows(finished.results / "table1.csv")
    assert list(table[0]) == COLUMNS
    assert [(row["algorithm"], row["search_data"]) for row in table] == [
        ("teacher", ""),
        *SEARCHES,
        ("random", "none"),
    ]
    assert table[0]["teacher_agreement_mean"] == "100.000"
    spaces = {"darts": "darts", "proxyless": "mbconv", "spos": "shufflenet", "random": "darts"}
    for row in table[1:]:
        assert row["space"] == spaces[row["algorithm"]]
        assert (row["retrain_data"], row["seeds"]) == ("original", "2")
        assert 0 <= float(row["top5_error_mean"]) <= float(row["top1_error_mean"]) <= 100
        assert float(row["top1_error_std"]) >= 0
        assert all(0 <= float(row[f"{name}_mean"]) <= 100 for name in ("ece", "ece_scaled", "teacher_agreement"))
        assert 0 < float(row["params_m"]) < 1
        assert 0 < float(row["macs_m"]) < 10
        document = json.loads((finished.results / row["architecture"]).read_text())
        build(document)
    times = rows(finished.results / "table1_times.csv")
    assert [row["algorithm"] for row in times] == [row["algorithm"] for row in table]
    for name in ("latency_ms", "cpu_batch_1_ms", "cpu_batch_64_ms", "cpu_batch_1_peak_mb", "cpu_batch_64_peak_mb"):
        assert all(float(row[name]) > 0 for row in times)
    assert all(row["search_device"] for row in times if row["algorithm"] in ALGORITHMS)
    by_class = rows(finished.results / "per_class.csv")
    assert len(by_class) == 10 * len(table)


def test_the_data_sets_can_be_read(finished):
    for name, count in (("synthetic", 80), ("original", 200)):
        path = finished.results / "dataset" / f"{name}.h5"
        parts = [load_split(path, split, torch.device("cpu")) for split in ("train", "validation")]
        assert sum(map(len, parts)) == count


def test_a_second_call_has_nothing_to_do(finished):
    assert plan(finished.directory, source=finished.source) == {}


def test_results_may_lie_in_a_folder_with_a_space_in_its_name(finished, tmp_path):
    place = tmp_path / "my results"
    elsewhere = overlay(tmp_path / "elsewhere.yaml", {"results_dir": str(place)})
    target = f"{place}/teacher/teacher.pt"
    done = snakemake(tmp_path / "run", "--cores", "2", target, source=finished.source, configuration=(elsewhere,))
    assert done.returncode == 0, done.stderr[-3000:]
    assert (place / "dataset" / "original" / "shard-1.h5").is_file()
    assert not (tmp_path / "run" / "results").exists()
    same = "teacher/history.csv"
    assert (place / same).read_bytes() == (finished.results / same).read_bytes()


def test_a_table_may_have_networks_trained_on_original_and_on_synthetic_images(finished, tmp_path):
    run = finished.copy(tmp_path / "run")
    comparison = {"algorithms": ["random"], "retrain_data": ["original", "synthetic"]}
    both = overlay(tmp_path / "both.yaml", {"comparison": comparison})
    target = "results/table1.csv"
    done = snakemake(run, "--cores", "2", target, source=finished.source, configuration=(both,))
    assert done.returncode == 0, done.stderr[-3000:]
    table = rows(run / target)
    assert [row["retrain_data"] for row in table] == ["", "original", "synthetic"]
    assert table[1] == next(row for row in rows(finished.directory / target) if row["algorithm"] == "random")
    trained = "results/retrain/random/none/{}/seed-0/model.pt"
    labels = [provenance_of(run / trained.format(data)).settings["labels"] for data in DATA]
    assert labels == ["soft", "teacher"]


def test_the_table_does_not_depend_on_the_number_of_cores(finished, tmp_path):
    """A run of its own on one core, whose processes hash otherwise: all but measured times are the same bytes."""
    run = tmp_path / "again"
    done = snakemake(run, "--cores", "1", source=finished.source, server="again")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    varying = ("timing.json", "latency.csv", "table1_times.csv", "table1_times.html", "README.md")
    different = [
        name
        for name in artifacts()
        if not name.endswith(varying)
        and (run / "results" / name).read_bytes() != (finished.results / name).read_bytes()
    ]
    assert different == []
    assert compare(["compare", str(run / "results"), str(finished.results)]) == 0
