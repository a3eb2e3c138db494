"""Damaged, incomplete or mismatched data: found by the first stage that reads it, before anything is written."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from stage_calls import TEACHER, flip_in_array, run

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.dataset.writing import read_labels, read_shard, read_synthetic_shard, write_labels, write_shard
from dfnas.runtime.files import read_json, write_json


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def empty(path: Path) -> None:
    path.write_bytes(b"")


DAMAGES = {
    "images": lambda path: flip_in_array(path, "images"),
    "targets": lambda path: flip_in_array(path, "targets"),
    "truncated": truncate,
    "empty": empty,
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("stage", ["calibrate_labels", "assess_images", "shard_dataset", "draw_images"])
def test_a_damaged_shard(chain, fails, stage, damage):
    shard = chain.folder / "shard.h5"
    DAMAGES[damage](shard)
    fails(stage, getattr(chain, stage)(), shard, "is damaged", "delete it to rebuild it: rm")


@pytest.mark.parametrize("array", ["soft_labels", "targets"])
@pytest.mark.parametrize("stage", ["assess_images", "shard_dataset"])
def test_damaged_labels(chain, fails, stage, array):
    flip_in_array(chain.folder / "labels.h5", array)
    fails(stage, getattr(chain, stage)(), chain.folder / "labels.h5", "is damaged")


@pytest.mark.parametrize("array", ["soft_labels", "targets", "split"])
def test_a_damaged_data_set(chain, fails, array):
    flip_in_array(chain.folder / "synthetic.h5", array)
    fails("retrain", chain.retrain(), chain.folder / "synthetic.h5", "is damaged")


def test_a_shard_damaged_after_the_data_set_was_made(chain, fails):
    """The data set is a view of the shards: a reader of the one notices damage in the other."""
    flip_in_array(chain.folder / "shard.h5", "images")
    fails("retrain", chain.retrain(), chain.folder, ".h5", "damaged", "delete it to rebuild it: rm")


def test_a_shard_lost_after_the_data_set_was_made(chain, fails):
    (chain.folder / "shard.h5").unlink()
    fails("retrain", chain.retrain(), "synthetic.h5", "shard.h5", "missing", "run the workflow again")


def test_a_file_of_another_kind(chain, fails):
    options = chain.calibrate_labels()
    other = shutil.copy(chain.folder / "labels.h5", chain.folder / "other.h5")
    options[options.index("--shards") + 1] = other
    fails("calibrate_labels", options, other, "not a dfnas shard")


def test_a_shard_of_another_generation(chain, fails):
    options = chain.calibrate_labels()
    options[options.index("--generation") + 1] = "1"
    fails("calibrate_labels", options, chain.folder / "shard.h5", "generation 0, expected 1")


def test_labels_of_other_images(chain, fails):
    labels, targets, attributes = read_labels(chain.folder / "labels.h5")
    write_labels(chain.folder / "labels.h5", labels, targets[::-1].copy(), attributes)
    fails("shard_dataset", chain.shard_dataset(), "not of the same images")
    fails("assess_images", chain.assess_images(), chain.folder / "labels.h5", "is not of the images")
    write_labels(chain.folder / "labels.h5", labels[:-1], targets[:-1], attributes)
    fails("assess_images", chain.assess_images(), chain.folder / "labels.h5", "is not of the images")
    more = np.concatenate([labels, labels]), np.concatenate([targets, targets])
    write_labels(chain.folder / "labels.h5", *more, attributes)
    fails("assess_images", chain.assess_images(), f"has {len(more[0])} labels, but the shards have {len(labels)}")


def test_images_that_aimed_at_other_classes_than_their_labels_have(chain, fails):
    shard = chain.folder / "shard.h5"
    aims = read_synthetic_shard(shard)[2]
    write_shard(shard, *read_shard(shard), np.pad(aims, ((0, 0), (0, 2))))
    fails("assess_images", chain.assess_images(), chain.folder / "labels.h5", shard, "10 classes", "aim at 12")


def test_a_shard_that_is_not_synthetic(chain, fails):
    shard = chain.folder / "shard.h5"
    write_shard(shard, *read_shard(shard))
    fails("assess_images", chain.assess_images(), shard, "no array 'aims'")
    fails("calibrate_labels", chain.calibrate_labels(), shard, "no array 'aims'")


def test_reports_compare_the_labels_with_what_the_images_aimed_at(chain):
    """Whatever that was: pairs of classes, or the labels of the generation before."""
    shard = chain.folder / "shard.h5"
    write_shard(shard, *read_shard(shard), read_labels(chain.folder / "labels.h5")[0])
    assert run("assess_images", *chain.assess_images()) == 0
    report = json.loads((chain.folder / "quality.json").read_text())
    assert report["targets"] == report["labels"]
    assert run("calibrate_labels", *chain.calibrate_labels()) == 0
    report = json.loads((chain.folder / "labels.json").read_text())
    assert report["label_shift"] == 0
    assert report["entropy_before_nats"] == report["entropy_after_nats"] > 0


def test_a_later_shard_aims_at_its_own_labels_of_the_generation_before_and_says_so(chain):
    """The second batch of 20: the second 20 labels."""
    place = {"--generation": "1", "--first-batch": "1", "--batches": "1", "--out": chain.folder / "later.h5"}
    options = [str(part) for part in chain.invert_teacher()]
    for option, value in place.items():
        options[options.index(option) + 1] = value
    assert run("invert_teacher", *options, "--labels", chain.folder / "labels.h5") == 0
    _, classes, aims, attributes = read_synthetic_shard(chain.folder / "later.h5")
    labels, targets, _ = read_labels(chain.folder / "labels.h5")
    np.testing.assert_array_equal(aims, labels[20:])
    np.testing.assert_array_equal(classes, targets[20:])
    assert set(attributes["provenance"]["inputs"]) == {"teacher.pt", "labels.h5"}


def verifier(chain, **changed) -> Path:
    """A second network, imported."""
    spec = {**TEACHER, **changed}
    spec["arguments"] = {**TEACHER["arguments"], "classes": spec["classes"]}
    torch.manual_seed(1)
    torch.save(cifar_resnet(**spec["arguments"]).state_dict(), chain.folder / "weights.pt")
    assert run("import_teacher", *chain.import_teacher(chain.folder / "weights.pt", **spec)) == 0
    return chain.folder / "imported.pt"


def test_a_verifier_judges_the_images_whatever_the_batches(chain):
    reports = []
    for batch_size in ("1", "7", "256"):
        options = [*chain.assess_images(), "--verifier", verifier(chain), "--batch-size", batch_size]
        assert run("assess_images", *options) == 0
        reports.append(json.loads((chain.folder / "quality.json").read_text()))
    assert 0 <= reports[0]["verifier_agreement"] <= 1
    for report in reports[1:]:
        assert report["verifier_agreement"] == reports[0]["verifier_agreement"]
        assert report["diversity"]["vendi_score"] == pytest.approx(reports[0]["diversity"]["vendi_score"], rel=1e-4)
        found, expected = ([r["batch_norm"][name] for name in ("mean", "variance")] for r in (report, reports[0]))
        assert found == pytest.approx(expected, rel=1e-4)


def test_a_verifier_of_another_task(chain, fails, capsys):
    options = [*chain.assess_images(), "--verifier", verifier(chain, classes=7)]
    capsys.readouterr()
    fails("assess_images", options, chain.folder / "imported.pt", "verifier.classes is 7", "10")


def test_a_competitor_takes_part_where_it_has_a_weight_and_only_there(chain, fails, capsys):
    competitor = ["--competitor", verifier(chain)]
    capsys.readouterr()
    shard = chain.folder / "shard.h5"
    alone = read_shard(shard)[0]
    line = "--competitor must be given where competition_weight is above 0, and only there"
    fails("invert_teacher", [*chain.invert_teacher(), "--competition-weight", "5"], line)
    fails("invert_teacher", [*chain.invert_teacher(), *competitor], line)
    assert run("invert_teacher", *chain.invert_teacher(), "--competition-weight", "5", *competitor) == 0
    assert (read_shard(shard)[0] != alone).any()
    terms = np.genfromtxt(chain.folder / "shard.csv", delimiter=",", names=True)
    assert (terms["competition"] > 0).all()


def test_a_report_that_is_none(chain, fails):
    write_json(chain.folder / "quality.json", {"generation": 0})
    fails("draw_images", chain.draw_images(), chain.folder / "quality.json", "teacher_agreement")


@pytest.mark.parametrize(
    ("name", "content", "story"),
    [
        ("candidates", "architecture,top1_error,top5_error,macs_m,generation,loss\n3x3|2x2,0.1,0.1,1.0,1,\n", "'2x2'"),
        ("candidates", "architecture\n3x3|3x3\n", "no column 'top1_error'"),
        ("strengths", {"stage1/block1": {"3x3": 1.0}}, "stage1/block"),
        ("strengths", "[]", "expected a JSON object"),
        ("history", None, "no file"),
    ],
)
def test_a_record_of_a_search_that_is_none(chain, fails, name, content, story):
    record = chain.folder / name
    if isinstance(content, dict):
        write_json(record, content)
    elif content is not None:
        record.write_text(content)
    fails("draw_search", chain.draw_search(**{name: record}), record, story)


@pytest.mark.parametrize("content", ["epoch,lr\n1,0.1\n", "epoch,train_loss,validation_error,lr\n"])
def test_a_course_of_a_training_that_is_none(chain, fails, content):
    (chain.folder / "other.csv").write_text(content)
    fails("draw_training", chain.draw_training("other.csv"), "other.csv", "train_loss, validation_error, lr")


def test_a_class_without_synthetic_images(chain, fails):
    images, targets, attributes = read_shard(chain.folder / "shard.h5")
    kept = targets != 3
    write_shard(chain.folder / "shard.h5", images[kept], targets[kept], attributes)
    labels, targets, attributes = read_labels(chain.folder / "labels.h5")
    write_labels(chain.folder / "labels.h5", labels[kept], targets[kept], attributes)
    fails("shard_dataset", chain.shard_dataset(), "no image of class 3", "1 of 10")


@pytest.fixture
def npz(chain):
    """An original data set of the user: 4 training and 2 test images of each class named."""

    def make(classes) -> list:
        path = chain.folder / "own.npz"
        train, test = np.repeat(classes, 4), np.repeat(classes, 2)
        images = {
            f"x_{part}": np.zeros((len(of), 8, 8, 1), np.uint8) for part, of in (("train", train), ("test", test))
        }
        np.savez(path, **images, y_train=train, y_test=test)
        source = ["--source", "npz", "--path", path, "--size", "8", "--mean", "[0.3]", "--std", "[0.35]"]
        return ["--out", chain.folder / "own.h5", *source]

    return make


def test_a_class_without_original_images(chain, npz, fails):
    options = [*npz([0, 1, 2, 4]), "--shard-files", chain.folder / "own-0.h5"]
    fails("shard_original", options, "shard_original.source", "no image of class 3")


def test_more_shards_than_original_images(chain, npz, fails):
    files = [chain.folder / f"own-{shard}.h5" for shard in range(25)]
    options = [*npz([0, 1, 2, 3]), "--shards", "25", "--shard-files", *files]
    fails("shard_original", options, "shard_original.shards = 25", "more shards than images (24)")


def test_original_data_that_is_not_there(chain, npz, fails):
    options = [*npz([0, 1]), "--shard-files", chain.folder / "own-0.h5"]
    (chain.folder / "own.npz").unlink()
    fails("shard_original", options, chain.folder / "own.npz")
    (chain.folder / "own.npz").write_bytes(b"not numpy")
    fails("shard_original", options, chain.folder / "own.npz")


def test_a_class_too_small_to_split(chain, npz, fails):
    options = [*npz([0, 1, 2]), "--shard-files", chain.folder / "own-0.h5"]
    with np.load(chain.folder / "own.npz") as archive:
        parts = dict(archive)
    parts["x_train"], parts["y_train"] = parts["x_train"][3:], parts["y_train"][3:]
    np.savez(chain.folder / "own.npz", **parts)
    fails("shard_original", options, "class 0 has 1 image")


@pytest.fixture
def architecture(chain):
    """Changes the architecture file."""
    path = chain.folder / "architecture.json"

    def edit(change) -> None:
        document = read_json(path)
        change(document)
        write_json(path, document)

    return edit


EDITS = {
    "unknown option": (lambda d: d["space"]["options"].update(depth=3), ["no option 'depth'", "depths"]),
    "unknown choice": (lambda d: d["choices"].update({"stage9/block9": "3x3"}), ["stage9/block9"]),
    "missing choice": (lambda d: d["choices"].popitem(), ["stage1/block2"]),
    "unknown value": (lambda d: d["choices"].update({"stage1/block1": "9x9"}), ["9x9", "3x3"]),
    "other format": (lambda d: d.update(format=2), ["format 2", "expected 1"]),
    "unknown space": (lambda d: d["space"].update(name="shuffle"), ["unknown space 'shuffle'", "shufflenet"]),
    "missing part": (lambda d: d.pop("choices"), ["'choices'"]),
    "other task": (lambda d: d["task"].update(classes=7), ["classes=7", "classes=10"]),
    "no task": (lambda d: d["task"].pop("size"), ["size"]),
    "a list of choices": (lambda d: d.update(choices=[1]), ["choices must be objects"]),
}


@pytest.mark.parametrize("case", EDITS)
def test_an_architecture_that_is_none(chain, architecture, fails, case):
    change, named = EDITS[case]
    architecture(change)
    fails("retrain", chain.retrain(), chain.folder / "architecture.json", *named)


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[1]", b""])
def test_an_architecture_that_is_not_json(chain, fails, content):
    (chain.folder / "architecture.json").write_bytes(content)
    fails("retrain", chain.retrain(), chain.folder / "architecture.json")


def test_settings_that_cannot_be(chain, fails):
    fails("retrain", [*chain.retrain(), "--lr", "-1"], "retrain.lr", "-1", "greater than 0")
    fails(
        "invert_teacher", [*chain.invert_teacher(), "--region", "spiral"], "invert_teacher.region", "'spiral'", "'roll'"
    )


def test_a_training_by_a_teacher_that_is_not_given_or_is_none(chain, fails):
    by_teacher = [*chain.retrain(), "--labels", "teacher"]
    fails("retrain", by_teacher, "labels = teacher needs --teacher FILE")
    other = shutil.copy(chain.folder / "model.pt", chain.folder / "other.pt")
    fails("retrain", [*by_teacher, "--teacher", other], "is not a 'dfnas teacher 1' file")


def test_repairing_the_input_repairs_the_stage(chain, made):
    shard = chain.folder / "shard.h5"
    sound = shard.read_bytes()
    flip_in_array(shard, "images")
    assert run("calibrate_labels", *chain.calibrate_labels()) == 1
    shard.write_bytes(sound)
    assert run("calibrate_labels", *chain.calibrate_labels()) == 0
    for ours, theirs in zip(
        read_labels(chain.folder / "labels.h5")[:2], read_labels(made / "labels.h5")[:2], strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
