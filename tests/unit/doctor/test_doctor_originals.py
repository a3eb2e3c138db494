"""The original images: found, counted, and of the teacher's task."""

import numpy as np
import pytest
from PIL import Image

from dfnas.doctor.originals import check_originals, data_sizes, find_originals, synthetic_size

RGB = {"mean": [0.5] * 3, "std": [0.5] * 3}
TEACHER = {"weights": "teacher.pt", "channels": 3, "size": 8, "classes": 4, **RGB}
INVERSION = {"canvas_margin": 2}


@pytest.fixture
def config_of(make_config, tmp_path):
    """A configuration of a source at a path, for a teacher of four classes."""

    def config(source: str, **more):
        section = {"source": source, "path": str(tmp_path / "images"), "size": 8, "validation_fraction": 0.25, **RGB}
        return make_config(teacher=TEACHER, shard_original=section | more, synthesis={"images": 400})

    return config


def write_npz(path, classes: int = 4) -> None:
    rng = np.random.default_rng(0)
    parts = {}
    for name, count in (("train", 40), ("test", 12)):
        parts[f"x_{name}"] = rng.integers(0, 256, (count, 8, 8, 3), dtype=np.uint8)
        parts[f"y_{name}"] = np.arange(count) % classes
    with open(path, "wb") as file:
        np.savez(file, **parts)


def test_digits_come_with_their_package(make_config):
    findings, size = check_originals(make_config())
    assert [f.level for f in findings] == ["ok"]
    assert (size.train + size.validation, size.test, size.classes) == (1347, 450, 10)


def test_an_archive_is_counted(config_of, tmp_path):
    write_npz(tmp_path / "images")
    config = config_of("npz")
    assert find_originals(config).level == "ok"
    findings, size = check_originals(config)
    assert findings[0].story == "40 training and 12 test images, 3 x 8 x 8"
    assert (size.train, size.validation, size.test) == (32, 8, 12)
    _, size = check_originals(config_of("npz", limit=20))
    assert (size.train, size.validation) == (16, 4)


def test_an_archive_that_is_missing_broken_or_of_another_task(config_of, tmp_path):
    config = config_of("npz")
    for check in (find_originals(config), check_originals(config)[0][0]):
        assert (check.level, "no file" in check.story) == ("failure", True)
    (tmp_path / "images").write_text("no archive")
    assert find_originals(config).level == "failure"
    assert check_originals(config)[0][0].level == "failure"
    write_npz(tmp_path / "images", classes=3)
    (finding,) = check_originals(config)[0]
    assert (finding.level, "classes 3, but teacher.classes is 4" in finding.story) == ("failure", True)


def test_a_folder_of_pictures(config_of, tmp_path):
    config = config_of("folder")
    assert find_originals(config).level == "failure"
    assert check_originals(config)[0][0].level == "failure"
    for part, count in (("train", 3), ("test", 2)):
        for label in "abcd":
            place = tmp_path / "images" / part / label
            place.mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (10, 10)).save(place / f"{number}.png")
    findings, size = check_originals(config)
    assert (findings[0].level, size.train + size.validation, size.test) == ("ok", 12, 8)
    (tmp_path / "images" / "train" / "b" / "0.png").write_text("no picture")
    assert check_originals(config)[0][0].level == "failure"


def test_what_is_not_downloaded_yet_is_a_warning(config_of):
    config = config_of("cifar10")
    findings, size = check_originals(config)
    assert (findings[0].level, find_originals(config).level) == ("warning", "warning")
    assert (size.train + size.validation, size.test) == (50_000, 10_000)


def test_synthetic_data_are_as_large_as_the_configuration_says(make_config):
    config = make_config(sources={"noise": {"synthesis": {"generations": 1}}})
    size = synthetic_size(config, "synthetic")
    assert (size.images, size.validation, size.stored, size.size) == (1200, 120, (18, 18), (16, 16))
    assert data_sizes(config, None)["noise"].images == 400


def test_folders_whose_names_are_not_the_teachers(make_config, tmp_path):
    for part in ("train", "test"):
        for label in ("1", "2", "10"):
            place = tmp_path / part / label
            place.mkdir(parents=True)
            for number in range(2):
                Image.new("RGB", (8, 8)).save(place / f"{number}.png")
    section = {"source": "folder", "path": str(tmp_path), "size": 8, "validation_fraction": 0.5, **RGB}

    def level(names):
        teacher = TEACHER | {"classes": 3, "class_names": names}
        return [f.level for f in check_originals(make_config(teacher=teacher, shard_original=section))[0]]

    assert level(["1", "10", "2"]) == ["ok"], "in the teacher's order, whatever it is"
    assert level([]) == ["warning"], "which order is the teacher's, nothing says"
    assert level(["cat", "dog", "eel"]) == ["warning"]
    assert level(["1", "2", "3"]) == ["warning"], "the third may be another name of the same"
    assert level(["2", "1", "3"]) == ["failure"]


def test_images_for_which_there_is_no_memory(config_of, tmp_path, monkeypatch):
    write_npz(tmp_path / "images")

    def denied(*_, **__):
        raise MemoryError

    monkeypatch.setattr("dfnas.dataset.originals._resized", denied)
    (finding,) = check_originals(config_of("npz"))[0]
    assert finding.level == "failure"
    assert "the original images (npz) need" in finding.story
