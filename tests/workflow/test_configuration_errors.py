"""What is wrong with a configuration is said before anything is planned: one line with key, value and remedy."""

import numpy as np
import pytest
from plans import Plan, made
from real_images import check_task
from running import complaint, nested, overlay, snakemake

from dfnas.runtime.errors import InputError

# On the task of the reduced configuration.
NETWORK = {"classes": 10, "channels": 1, "size": 8, "mean": [0.3], "std": [0.35]}

# key of the overlay, its value, what the line must name
BROKEN = {
    "unknown key": ("epochz", 3, ["unknown key", "epochz"]),
    "unknown nested key": (
        "search_spos.evolution.popullation",
        3,
        ["unknown key", "search_spos.evolution.popullation"],
    ),
    "wrong type": ("synthesis.generations", "three", ["synthesis.generations", "'three'", "integer"]),
    "negative": ("retrain.lr", -0.1, ["retrain.lr", "-0.1", "greater than 0"]),
    "not finite": ("retrain.lr", float("inf"), ["retrain.lr", "inf"]),
    "a section that is none": ("retrain", 3, ["retrain", "3", "object"]),
    "no algorithm": ("comparison.algorithms", [], ["comparison.algorithms", "at least 1"]),
    "no seed": ("comparison.seeds", [], ["comparison.seeds", "at least 1"]),
    "repeated seeds": ("comparison.seeds", [0, 1, 0], ["seeds", "0, 1, 0", "repeats"]),
    "unknown algorithm": (
        "comparison.algorithms",
        ["genetic"],
        ["comparison.algorithms", "'genetic'", "expected darts, proxyless, "],
    ),
    "more shards than batches": ("synthesis.shards", 3, ["synthesis.shards", "3", "must not exceed", "2"]),
    "images that fill no batch": ("synthesis.images", 41, ["synthesis.images", "41", "multiple", "20"]),
    "warm-up beyond the end": ("invert_teacher.warmup_steps", 3, ["warmup_steps", "3", "below"]),
    "unset variable": ("teacher.weights", "$DFNAS_NO_SUCH/t.pt", ["teacher.weights", "$DFNAS_NO_SUCH", "not set"]),
    "unset variable of a verifier": (
        "verifier",
        {**NETWORK, "weights": "$DFNAS_NO_SUCH/v.pt"},
        ["verifier.weights", "$DFNAS_NO_SUCH", "not set"],
    ),
    "a verifier without weights": ("verifier", NETWORK, ["verifier.weights", "missing", "checkpoint"]),
    "a competitor of other classes": (
        "competitor",
        {**NETWORK, "weights": "c.pt", "classes": 7},
        ["competitor.classes (7)", "teacher (10)"],
    ),
    "a verifier that nothing builds": (
        "verifier",
        {**NETWORK, "weights": "v.pt", "builder": "resnet"},
        ["verifier.builder", "'resnet'", "torchvision:"],
    ),
    "a judging student that nothing builds": ("judge_images.builder", "resnet", ["judge_images.builder", "'resnet'"]),
    "unset variable of a source": ("shard_original.path", "$DFNAS_NO_SUCH", ["shard_original.path", "not set"]),
    "a builder that names nothing": ("teacher.builder", "resnet", ["teacher.builder", "'resnet'", "torchvision:"]),
    "a classifier of which too little is known": (
        "teacher",
        {"builder": "torchvision:resnet18", "weights": "mine.pt"},
        ["torchvision:resnet18", "mine.pt", "set teacher.classes", "teacher.mean"],
    ),
    "weights that are not published": (
        "teacher",
        {"builder": "torchvision:resnet18", "weights": "published:V9"},
        ["published:V9", "resnet18", "IMAGENET1K_V1"],
    ),
    "a size that is none": ("teacher.size", [8, 8, 8], ["teacher.size", "[8, 8, 8]", "[height, width]"]),
    "a space that names nothing": ("search_spos.space.name", "shuffle", ["search_spos.space.name", "shufflenet"]),
    "a file that is not there": ("teacher.builder", "no_such.py:net", ["teacher.builder", "no file no_such.py"]),
    "channels that disagree": ("shard_original", {"mean": [0, 0], "std": [1, 1]}, ["shard_original.mean", "2", "1"]),
    "originals of another size": (
        "shard_original.size",
        16,
        ["shard_original (digits)", "size 16 x 16, expected 8 x 8"],
    ),
    "several faults": (
        "retrain",
        {"lr": -0.1, "epochs": 0, "epoch": 3},
        ["retrain.lr = -0.1", "retrain.epochs = 0", "unknown key 'retrain.epoch'"],
    ),
    "originals of other classes": (
        "teacher",
        {"classes": 7, "arguments": {"classes": 7}},
        ["shard_original (digits)", "classes 10, expected 7 as teacher.classes", "source to none"],
    ),
    "a mean of levels": ("teacher.mean", [123.675], ["teacher.mean.0 = 123.675", "from 0 to 1", "by 255"]),
    "a single class": ("teacher.classes", 1, ["teacher.classes = 1", "2 or more"]),
    "a section that is empty": ("retrain", None, ["retrain", "indent its keys below it"]),
    "a flag for a word": ("invert_teacher.compile", False, ["invert_teacher.compile", "'never'", "off", "in quotes"]),
    "a number for a text": ("results_dir", 2024, ["results_dir = 2024", "write it in quotes"]),
    "a home of nobody": ("results_dir", "~nobody-of-that-name/x", ["results_dir", "no such user"]),
    "unset variable of the results": ("results_dir", "$DFNAS_NO_SUCH/x", ["results_dir", "DFNAS_NO_SUCH", "not set"]),
    "unset variable of a space": (
        "search_spos.space.name",
        "$DFNAS_NO_SUCH/own.py:Space",
        ["search_spos.space.name", "DFNAS_NO_SUCH", "not set"],
    ),
    "unknown device": ("device", "tpu", ["device", "'tpu'"]),
    "resources of no rule": ("resources.bake", {"threads": 1}, ["resources", "bake"]),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_configuration_is_one_line(case, tmp_path):
    key, value, named = BROKEN[case]
    broken = overlay(tmp_path / "broken.yaml", nested(key, value))
    done = snakemake(tmp_path / "run", "--dry-run", configuration=(broken,))
    assert done.returncode != 0
    lines = complaint(done)
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("configuration: error: ")
    missing = [part for part in named if part not in lines[0]]
    assert not missing, lines[0]
    assert not (tmp_path / "run" / "results").exists()


def test_the_classes_of_a_folder_and_of_an_archive_are_counted(tmp_path):
    for name in "abc":
        (tmp_path / "images" / "train" / name).mkdir(parents=True)
    targets = {"y_train": np.arange(4), "y_test": np.arange(2)}
    np.savez(tmp_path / "images.npz", **targets)
    for source, path, count in (("folder", "images", 3), ("npz", "images.npz", 4)):
        said = {"source": source, "path": str(tmp_path / path), "size": 16, "mean": [0.3], "std": [0.35]}
        config = made({"shard_original": said}).config
        with pytest.raises(InputError, match=rf"its images have classes {count}, expected 10"):
            check_task(config)
        check_task(made({"shard_original": said | {"path": str(tmp_path / "nowhere")}}).config)


def test_two_images_of_every_class_are_needed():
    said = {"synthesis": {"generations": 1, "images": 10, "shards": 1}, "invert_teacher": {"batch_size": 10}}
    with pytest.raises(InputError) as caught:
        made(said)
    for part in ("synthesis.generations (1)", "synthesis.images (10)", "teacher.classes (10)", "dfnas try"):
        assert part in str(caught.value)
    assert made(said | {"synthesis": said["synthesis"] | {"generations": 2}})


def test_a_file_of_the_user_that_is_not_python_is_one_line(tmp_path):
    own = tmp_path / "own.py"
    own.write_text("def build(:")
    broken = overlay(tmp_path / "broken.yaml", nested("search_spos.space.name", f"{own}:Space"))
    done = snakemake(tmp_path / "run", "--dry-run", configuration=(broken,))
    assert done.returncode != 0
    (line,) = complaint(done)
    for part in ("search_spos.space.name", str(own), "invalid syntax", "line 1"):
        assert part in line


def test_a_judgement_needs_original_images_that_the_teacher_takes(tmp_path):
    teacher = {"weights": "t.pt", "channels": 3, "mean": [0, 0, 0], "std": [1, 1, 1]}
    broken = overlay(tmp_path / "broken.yaml", {"teacher": teacher, "comparison": {"judge_images": True}})
    done = snakemake(tmp_path / "run", "--dry-run", configuration=(broken,))
    assert done.returncode != 0
    (line,) = complaint(done)
    for part in ("comparison.judge_images", "original test images", "1 channels", "expected 3"):
        assert part in line


def test_a_judgement_needs_a_section_of_original_images():
    """The digits of the embedded default are no test images for a checkpoint of the user."""
    laid_over = {"teacher": {"weights": "mine.pt"}, "comparison": {"judge_images": True}}
    with pytest.raises(InputError, match=r"no section shard_original beside teacher\.weights"):
        made(laid_over)
    assert made(laid_over | {"shard_original": {"seed": 1}}).judgements()


def test_a_module_of_the_user_that_is_not_python_is_one_line(tmp_path, monkeypatch):
    """Before anything is planned. One that it imports says so when a job imports it, if it ever does."""
    monkeypatch.chdir(tmp_path)
    broken = "first = 1\ndef build(:\n"
    sources = {"broken_space": broken, "broken_part": broken, "sound_space": "def lazily():\n    import broken_part\n"}
    for name, source in sources.items():
        (tmp_path / f"{name}.py").write_text(source)

    def plan_on(space: str) -> Plan:
        return made({"search_spos": {"space": {"name": f"{space}:Space"}}})

    assert plan_on("sound_space").code("search_spos")(None)
    with pytest.raises(InputError, match=r"broken_space\.py:2: not Python: invalid syntax"):
        plan_on("broken_space")
