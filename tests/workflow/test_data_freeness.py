"""Nothing that is made from synthetic images alone has seen an original one: proved on the planned files."""

import shutil

import numpy as np
import pytest
import torch
from PIL import Image
from running import ROOT, ancestors, overlay, plan, recipes, snakemake

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.runtime.seeds import reseed

ARGUMENTS = {"depth": 8, "widths": [4, 8, 16], "channels": 1, "classes": 10}
SOURCES = {
    "rolled": {"synthesis": {"generations": 1}, "invert_teacher": {"region": "roll", "roll_reach": 2}},
    "noise": {"synthesis": {"generations": 1}, "invert_teacher": {"stages": []}},
}
SYNTHETIC = ("synthetic", *SOURCES)
READS_ORIGINALS = {"shard_original", "pretrain_teacher"}


@pytest.fixture
def weights(tmp_path):
    """A user's checkpoint, and the configuration that names it."""
    reseed(0, "weights")
    network = cifar_resnet(**ARGUMENTS)
    network(torch.rand(16, 1, 16, 16))  # BatchNorms that have seen no image are refused
    torch.save({"state_dict": network.state_dict()}, tmp_path / "checkpoint.pt")
    return overlay(
        tmp_path / "weights.yaml", {"teacher": {"weights": str(tmp_path / "checkpoint.pt"), "arguments": ARGUMENTS}}
    )


@pytest.fixture
def sources(tmp_path):
    """Every kind of search data."""
    comparison = {"search_data": ["original", *SYNTHETIC]}
    return overlay(tmp_path / "sources.yaml", {"sources": SOURCES, "comparison": comparison})


def no_originals(files, target):
    """The ancestors of a file, after a check that none of them has to do with original images."""
    found = ancestors(files, target)
    for name in found:
        assert "original" not in name, f"{target} is made from {name}"
        if name in files:
            assert files[name].rule not in READS_ORIGINALS
            assert "/original" not in files[name].command
    return found


def test_with_a_checkpoint_no_synthetic_artifact_comes_from_original_data(weights, sources, tmp_path):
    files = recipes(tmp_path / "run", configuration=(weights, sources))
    assert "pretrain_teacher" not in {made.rule for made in files.values()}
    targets = [name for name in files if name.split("/")[1] in ("synthesis", "labels", "quality", "pictures")]
    assert "results/quality/synthetic/generation-1.json" in targets
    targets += [
        name for name in files if name.split("/")[1] in ("supernet", "search") and name.split("/")[3] in SYNTHETIC
    ]
    targets += [f"results/dataset/{source}.h5" for source in SYNTHETIC] + ["results/teacher/teacher.pt"]
    searches = [name for name in targets if name.endswith("architecture.json")]
    assert len(searches) == 18  # three algorithms, three synthetic data sets, two seeds
    assert {name.split("/")[2] for name in targets if name.split("/")[1] == "synthesis"} == set(SYNTHETIC)
    for target in targets:
        assert str(tmp_path / "checkpoint.pt") in no_originals(files, target)


def test_nothing_depends_on_a_judgement_by_original_images(weights, sources, tmp_path):
    """It reads original images, and is the end of its line: with it, the synthetic data are as free of them."""
    judged = overlay(tmp_path / "judged.yaml", {"comparison": {"judge_images": True}})
    files = recipes(tmp_path / "run", configuration=(weights, sources, judged))
    judgement = {
        f"results/quality/{source}/{name}" for source in SYNTHETIC for name in ("judgement.json", "student.csv")
    }
    assert {files[name].rule for name in judgement} == {"judge_images"}
    for source in SYNTHETIC:
        assert "results/dataset/original.h5" in ancestors(files, f"results/quality/{source}/judgement.json")
    data = [f"results/dataset/{source}.h5" for source in SYNTHETIC]
    for name in set(files) - judgement:
        assert not judgement & ancestors(files, name), name
        if name.split("/")[1] in ("synthesis", "labels", "quality", "pictures") or name in data:
            no_originals(files, name)
    assert files == recipes(tmp_path / "run", configuration=(weights, sources)) | {
        name: files[name] for name in judgement
    }


def test_retraining_on_synthetic_data_is_data_free_too(weights, tmp_path):
    rows = overlay(
        tmp_path / "rows.yaml", {"comparison": {"search_data": ["synthetic"], "retrain_data": ["synthetic"]}}
    )
    files = recipes(tmp_path / "run", configuration=(weights, rows))
    networks = [name for name in files if name.endswith("model.pt")]
    assert len(networks) == 8  # with the random architectures
    exported = [name for name in files if name.split("/")[1] == "deploy" and not name.endswith("README.md")]
    assert len(exported) == 12
    for network in networks + exported:
        no_originals(files, network)


def test_the_data_free_preset_reads_originals_to_evaluate_and_for_nothing_else(weights, tmp_path):
    """With a checkpoint, nothing else knows of them: neither weights, which the teacher taught, nor files to deploy."""
    configuration = (weights, ROOT / "workflow" / "presets" / "data-free.yaml")
    files = recipes(tmp_path / "run", configuration=configuration)
    judged = {name for name, made in files.items() if made.rule in ("shard_original", "evaluate")}
    assert {files[name].rule for name in files if judged & ancestors(files, name)} == {
        *("shard_original", "evaluate"),
        # Which say what `evaluate` has found, and that there were originals to find it on.
        *("table1", "typeset_table1", "model_card", "draw_comparison", "describe_run", "provenance"),
    }
    for name, made in files.items():
        assert made.rule != "retrain" or {"results/teacher/teacher.pt", str(tmp_path / "checkpoint.pt")} <= ancestors(
            files, name
        )
    target = "results/deploy/spos/model.onnx"
    alone = recipes(tmp_path / "run", target, configuration=configuration)
    made_from = no_originals(alone, target)
    assert {
        "results/search/spos/synthetic/seed-0/architecture.json",
        "results/retrain/spos/synthetic/leaves/seed-0/model.pt",
    } <= made_from
    for source, start in {"synthetic": "noise", "leaves": "leaves"}.items():
        assert f"--start {start}" in alone[f"results/synthesis/{source}/generation-0/shard-0.h5"].command
    assert not READS_ORIGINALS & {made.rule for made in alone.values()}


def test_a_temperature_is_fitted_on_the_data_that_a_network_learnt_from(weights, tmp_path):
    both = overlay(tmp_path / "both.yaml", {"comparison": {"retrain_data": ["original", "synthetic"]}})
    files = recipes(tmp_path / "run", configuration=(weights, both))
    learnt_from = {"teacher": "original", **{f"random/none/{data}/seed-0": data for data in ("original", "synthetic")}}
    for run, data in learnt_from.items():
        made = files[f"results/evaluate/{run}/metrics.json"]
        assert f"--held-out results/dataset/{data}.h5" in made.command
        assert {f"results/dataset/{data}.h5", "results/teacher/teacher.pt"} <= set(made.inputs)
        assert ("results/synthesis/synthetic/generation-1/shard-0.h5" in made.inputs) == (data == "synthetic")
        assert files[f"results/evaluate/{run}/predictions.csv"] == made


def test_test_images_choose_nothing_that_is_exported(tmp_path):
    files = recipes(tmp_path / "run")
    exported = [name for name in files if name.split("/")[1] == "deploy"]
    assert len(exported) == 16
    for name in exported:
        judged = any(files[made].rule == "evaluate" for made in ancestors(files, name) if made in files)
        assert judged == name.endswith("README.md")


def test_the_walk_finds_original_data_where_it_is(weights, tmp_path):
    """The proof would notice: searches on original data, and the stand-in teacher, do come from it."""
    files = recipes(tmp_path / "run", configuration=(weights,))
    search = "results/search/darts/original/seed-0/architecture.json"
    assert "results/dataset/original.h5" in ancestors(files, search)
    stand_in = recipes(tmp_path / "run")
    assert "results/dataset/original.h5" in ancestors(stand_in, "results/dataset/synthetic.h5")


@pytest.mark.slow
def test_a_checkpoint_alone_becomes_a_data_set(weights, tmp_path):
    """Run, not only planned: no original image is there to be read."""
    little = overlay(tmp_path / "little.yaml", {"synthesis": {"generations": 1, "shards": 1}})
    nowhere = {"shard_original": {"source": "npz", "path": str(tmp_path / "nowhere.npz")}}
    configuration = (weights, little, overlay(tmp_path / "nowhere.yaml", nowhere))
    run, target = tmp_path / "run", "results/dataset/synthetic.h5"
    done = snakemake(run, "--cores", "2", target, configuration=configuration)
    assert done.returncode == 0, done.stderr[-3000:]
    assert not (run / "results" / "dataset" / "original.h5").exists()


@pytest.mark.slow
def test_images_do_not_depend_on_the_number_of_shards(finished, tmp_path):
    """One shard instead of two: the same images, labels, figures and pictures, to the bit."""
    from dfnas.dataset.writing import read_labels, read_shard
    from dfnas.runtime.files import read_json

    run = finished.copy(tmp_path / "run")
    for made in ("synthesis", "labels", "quality", "pictures"):
        shutil.rmtree(run / "results" / made)
    one = overlay(tmp_path / "one.yaml", {"synthesis": {"shards": 1}})
    targets = ["results/pictures/synthetic/images.png", "results/labels/synthetic/generation-1.h5"]
    done = snakemake(run, "--cores", "2", *targets, source=finished.source, configuration=(one,))
    assert done.returncode == 0, done.stderr[-3000:]
    for generation in range(2):
        place = f"synthesis/synthetic/generation-{generation}"
        whole = read_shard(run / "results" / place / "shard-0.h5")
        parts = [read_shard(finished.results / place / f"shard-{shard}.h5") for shard in range(2)]
        for array in range(2):
            np.testing.assert_array_equal(whole[array], np.concatenate([part[array] for part in parts]))
        labels = f"labels/synthetic/generation-{generation}.h5"
        ours, theirs = read_labels(run / "results" / labels), read_labels(finished.results / labels)
        for array in range(2):
            np.testing.assert_array_equal(ours[array], theirs[array])
        report, other = (
            read_json(results / "quality" / "synthetic" / f"generation-{generation}.json")
            for results in (run / "results", finished.results)
        )
        assert report | {"provenance": None} == other | {"provenance": None}, "which names the shards"
    pictures = [f"quality/synthetic/generation-{generation}.png" for generation in range(2)]
    for picture in (*pictures, "pictures/synthetic/images.png", "pictures/synthetic/generations.png"):
        ours, theirs = (np.asarray(Image.open(results / picture)) for results in (run / "results", finished.results))
        np.testing.assert_array_equal(ours, theirs)


def test_a_competitor_takes_part_in_the_synthesis_where_it_has_a_weight(weights, tmp_path):
    network = {"weights": str(tmp_path / "checkpoint.pt"), "arguments": ARGUMENTS}
    section = {"competitor": {**network, "mean": [0.3], "std": [0.35]}}
    shard = "results/synthesis/synthetic/generation-1/shard-0.h5"
    for weight in (0.0, 2.0):
        changes = section | {"invert_teacher": {"competition_weight": weight}}
        files = recipes(tmp_path / "run", configuration=(weights, overlay(tmp_path / f"{weight}.yaml", changes)))
        assert ("results/networks/competitor.pt" in files[shard].inputs) == (weight > 0)
        assert ("--competitor" in files[shard].command) == (weight > 0)


def test_a_verifier_judges_and_nothing_else(weights, tmp_path):
    network = {"weights": str(tmp_path / "checkpoint.pt"), "arguments": ARGUMENTS}
    task = {"classes": 10, "channels": 1, "size": 8, "mean": [0.3], "std": [0.35]}
    judged = overlay(tmp_path / "judged.yaml", {"verifier": {**network, **task}})
    files = recipes(tmp_path / "run", configuration=(weights, judged))
    verifier = "results/networks/verifier.pt"
    assert files[verifier].rule == "import_network"
    no_originals(files, verifier)
    tell_of_it = {"results/report/provenance.html", "results/report/run.rst"}
    for name in set(files) - {"results/pictures/labels.png"}:  # the teacher's labels alone
        seen = name.split("/")[1] in ("networks", "quality", "pictures") or name in tell_of_it
        assert (verifier in ancestors(files, name)) == seen, name


def test_a_teacher_of_the_user_plans_without_the_stand_in(weights, tmp_path):
    jobs = plan(tmp_path / "run", configuration=(weights,))
    assert jobs["import_teacher"] == 1
    assert "pretrain_teacher" not in jobs
