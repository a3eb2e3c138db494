"""Original data: what the sources hold, and what is said of those that do not."""

import numpy as np
import pytest

from dfnas.dataset.folders import covering
from dfnas.dataset.originals import load_originals
from dfnas.runtime.errors import InputError
from dfnas.settings.dataset import ShardOriginalSettings

GREY = {"mean": [0.3], "std": [0.3]}


def settings(**values) -> ShardOriginalSettings:
    return ShardOriginalSettings.parse(values)


def arrays(train=4, test=2, side=6) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "x_train": rng.integers(0, 256, (train, side, side, 3), dtype=np.uint8),
        "y_train": np.arange(train) % 2,
        "x_test": rng.integers(0, 256, (test, side, side, 3), dtype=np.uint8),
        "y_test": np.arange(test) % 2,
    }


def test_digits_are_1797_images_of_ten_classes():
    pytest.importorskip("sklearn")
    digits = load_originals(settings(source="digits", size=8, test_fraction=0.25, **GREY))
    assert digits.images.shape == (1797, 1, 8, 8)
    assert digits.images.dtype == np.uint8
    assert np.bincount(digits.classes).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert np.unique(digits.images).tolist() == [round(level * 255 / 16) for level in range(17)]
    assert digits.class_names == tuple("0123456789")
    for label in range(10):
        here = digits.classes == label
        assert digits.test[here].sum() == round(0.25 * here.sum())


def test_images_are_resized_with_their_mean_kept():
    pytest.importorskip("sklearn")
    small, large = (load_originals(settings(source="digits", size=size, **GREY)).images for size in (8, 16))
    assert large.shape == (1797, 1, 16, 16)
    assert np.abs(large.mean((1, 2, 3)) - small.mean((1, 2, 3))).max() < 1


@pytest.mark.parametrize("column", [False, True], ids=["(N,)", "(N, 1)"])
def test_npz_keeps_training_and_test_apart_and_puts_channels_first(tmp_path, column):
    parts = arrays()
    if column:
        parts["y_train"] = parts["y_train"][:, None].astype(np.uint8)
    np.savez(tmp_path / "data.npz", **parts)
    found = load_originals(settings(source="npz", path=str(tmp_path / "data.npz"), size=6))
    assert found.images.shape == (6, 3, 6, 6)
    assert np.array_equal(found.images[4, 1], parts["x_test"][0, :, :, 1])
    assert found.classes.tolist() == [0, 1, 0, 1, 0, 1]
    assert found.test.tolist() == [False] * 4 + [True] * 2


def test_environment_variables_in_the_path_are_expanded_or_missed(tmp_path, monkeypatch):
    np.savez(tmp_path / "data.npz", **arrays())
    monkeypatch.setenv("PLACE", str(tmp_path))
    assert len(load_originals(settings(source="npz", path="$PLACE/data.npz", size=6)).images) == 6
    monkeypatch.delenv("PLACE")
    with pytest.raises(InputError, match="environment variable in it is not set"):
        load_originals(settings(source="npz", path="$PLACE/data.npz"))


@pytest.mark.parametrize(
    ("changes", "story"),
    [
        ({"y_test": None}, "y_test"),
        ({"x_train": np.zeros((4, 6, 6, 3), np.float32)}, "x_train is float32"),
        ({"x_test": np.zeros((2, 6, 6), np.uint8)}, r"x_test is uint8 \(2, 6, 6\)"),
        ({"x_test": np.zeros((2, 5, 5, 3), np.uint8)}, "x_test"),
        ({"y_train": np.array([0, 1, 0]), "y_test": np.array([1, 0, 1])}, r"y_train is int64 \(3,\)"),
        ({"y_train": np.eye(4)[:, :2]}, "y_train is float64"),
        ({"y_train": np.array([0, 1, -1, 0])}, "y_train"),
        ({"y_train": np.array([0, 1, None, 0], dtype=object)}, "cannot be read"),
    ],
)
def test_npz_with_the_wrong_contents_is_one_line_about_them(tmp_path, changes, story):
    parts = {name: values for name, values in (arrays() | changes).items() if values is not None}
    np.savez(tmp_path / "data.npz", **parts)
    with pytest.raises(InputError, match=story) as caught:
        load_originals(settings(source="npz", path=str(tmp_path / "data.npz")))
    assert "data.npz" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 truncated"])
def test_what_is_no_npz_is_an_error(tmp_path, content):
    (tmp_path / "data.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"data\.npz cannot be read"):
        load_originals(settings(source="npz", path=str(tmp_path / "data.npz")))


@pytest.mark.parametrize("source", ["npz", "folder"])
def test_an_absent_source_is_an_error(tmp_path, source):
    with pytest.raises(InputError, match="absent"):
        load_originals(settings(source=source, path=str(tmp_path / "absent")))


@pytest.mark.parametrize("size", [(6, 10), (24, 32)])
def test_images_are_resized_to_any_height_and_width(tmp_path, size):
    np.savez(tmp_path / "data.npz", **arrays())
    found = load_originals(settings(source="npz", path=str(tmp_path / "data.npz"), size=size))
    assert found.images.shape[1:] == (3, *size)


@pytest.mark.parametrize(("size", "expected"), [((4, 4), (4, 6)), ((4, 10), (6, 10)), ((16, 6), (16, 24))])
def test_a_picture_is_scaled_until_it_just_covers_the_size(size, expected):
    image = pytest.importorskip("PIL.Image")
    width, height = covering(image.new("RGB", (12, 8)), size).size
    assert (height, width) == expected


def test_channels_must_be_those_of_the_normalisation(tmp_path):
    np.savez(tmp_path / "data.npz", **arrays())
    with pytest.raises(InputError, match="3 channels, but mean has 1"):
        load_originals(settings(source="npz", path=str(tmp_path / "data.npz"), **GREY))


def test_folders_of_images_are_classes(tmp_path):
    image = pytest.importorskip("PIL.Image")
    for part, count in (("train", 2), ("test", 1)):
        for level, label in ((20, "cat"), (200, "dog")):
            (tmp_path / part / label).mkdir(parents=True)
            for i in range(count):
                image.new("RGB", (12, 8), (level, level, 0)).save(tmp_path / part / label / f"{i}.png")
    found = load_originals(settings(source="folder", path=str(tmp_path), size=4))
    assert found.images.shape == (6, 3, 4, 4)
    assert found.images[:, 0, 0, 0].tolist() == [20, 20, 200, 200, 20, 200]
    assert found.classes.tolist() == [0, 0, 1, 1, 0, 1]
    assert found.test.tolist() == [False] * 4 + [True] * 2
    assert found.class_names == ("cat", "dog")
    wide = load_originals(settings(source="folder", path=str(tmp_path), size=(4, 10)))
    assert wide.images.shape == (6, 3, 4, 10)
    (tmp_path / "test" / "dog").rename(tmp_path / "test" / "wolf")
    with pytest.raises(InputError, match="do not have the same class folders"):
        load_originals(settings(source="folder", path=str(tmp_path), size=4))
