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
    with pytest.raises(InputError, match="environment variable PLACE in it is not set"):
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


def npz_of(tmp_path, **changes):
    np.savez(tmp_path / "data.npz", **(arrays() | changes))
    return {"source": "npz", "path": str(tmp_path / "data.npz"), "size": 6}


def write_folders(place, classes, parts=("train", "test"), count=2):
    """Pictures whose grey level is the place of their class in the list, times ten."""
    image = pytest.importorskip("PIL.Image")
    for part in parts:
        for level, label in enumerate(classes):
            (place / part / label).mkdir(parents=True, exist_ok=True)
            for i in range(count):
                image.new("RGB", (6, 6), (10 * level,) * 3).save(place / part / label / f"{i}.png")


def levels(found) -> list[int]:
    """Of the training images: which folder each class has come from."""
    return [
        int(found.images[(found.classes == label) & ~found.test].max()) // 10
        for label in range(found.classes.max() + 1)
    ]


TWELVE = [str(label) for label in range(12)]


def test_numbered_folders_are_classes_in_the_order_of_their_numbers(tmp_path):
    write_folders(tmp_path, TWELVE)
    found = load_originals(settings(source="folder", path=str(tmp_path), size=6))
    assert found.class_names == tuple(TWELVE)
    assert levels(found) == list(range(12))
    assert "natural order (0, 1, 2, ...)" in found.remarks[0]
    assert "ImageFolder has them as 0, 1, 10" in found.remarks[0]


@pytest.mark.parametrize(
    ("folders", "wanted", "expected"),
    [
        (TWELVE, sorted(TWELVE), [int(name) for name in sorted(TWELVE)]),
        (["cat", "dog", "eel"], ["eel", "cat", "dog"], [2, 0, 1]),
        (["great_white-shark", "cat"], ["Cat", "great white shark"], [1, 0]),
        (["a\u0308al", "cat"], ["cat", "\u00e4al"], [1, 0]),  # as macOS writes it
        (["cat", "tabby_cat"], ["tabby cat", "cat"], [1, 0]),
    ],
    ids=["as torchvision sorts them", "another order", "another spelling", "accents in two characters", "inclusion"],
)
def test_folders_are_numbered_by_the_class_names_of_the_teacher(tmp_path, folders, wanted, expected):
    write_folders(tmp_path, folders)
    found = load_originals(settings(source="folder", path=str(tmp_path), size=6, class_names=wanted))
    assert levels(found) == expected
    assert found.class_names == tuple(wanted)
    assert found.remarks == ()


def test_names_of_another_vocabulary_leave_the_order_and_say_so(tmp_path):
    write_folders(tmp_path, ["n01440764", "n01443537"])
    found = load_originals(settings(source="folder", path=str(tmp_path), size=6, class_names=["tench", "goldfish"]))
    assert (levels(found), found.class_names) == ([0, 1], ("n01440764", "n01443537"))
    assert "n01440764, n01443537, ...) are not named as in class_names (tench, goldfish" in found.remarks[0]


def test_class_names_that_match_in_part_are_an_error(tmp_path):
    write_folders(tmp_path, ["cat", "dog", "eel"])
    with pytest.raises(InputError, match="cannot be matched, with 'dog', 'hound' only in one of them"):
        load_originals(settings(source="folder", path=str(tmp_path), size=6, class_names=["hound", "cat", "eel"]))
    with pytest.raises(InputError, match="3 classes, but class_names has 2 names"):
        load_originals(settings(source="folder", path=str(tmp_path), size=6, class_names=["a", "b"]))


def test_numbers_of_an_archive_take_the_names_that_are_given(tmp_path):
    found = load_originals(settings(**npz_of(tmp_path), class_names=["cat", "dog"]))
    assert (found.class_names, found.classes[:2].tolist()) == (("cat", "dog"), [0, 1])


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.uint64])
def test_classes_may_be_integers_of_any_type(tmp_path, dtype):
    given = npz_of(tmp_path, y_train=np.array([0, 1, 2, 1], dtype), y_test=np.array([2, 0], dtype))
    found = load_originals(settings(**given))
    assert found.classes.tolist() == [0, 1, 2, 1, 2, 0]
    assert found.class_names == ("0", "1", "2")


@pytest.mark.parametrize("source", ["folder", "npz"])
def test_a_single_class_is_an_error(tmp_path, source):
    if source == "folder":
        write_folders(tmp_path, ["cat"])
        given = {"source": "folder", "path": str(tmp_path), "size": 6}
    else:
        given = npz_of(tmp_path, y_train=np.zeros(4, int), y_test=np.zeros(2, int))
    with pytest.raises(InputError, match=r"has the classes .*, expected 2 or more"):
        load_originals(settings(**given))


def test_what_systems_leave_behind_is_no_class_and_no_picture(tmp_path):
    write_folders(tmp_path, ["cat", "dog"])
    for part in ("train", "test"):
        for litter in (".ipynb_checkpoints", "__MACOSX", "@eaDir"):
            (tmp_path / part / litter).mkdir()
            (tmp_path / part / litter / "0.png").write_bytes(b"")
        (tmp_path / part / ".DS_Store").write_bytes(b"")
        (tmp_path / part / "cat" / "Thumbs.db").write_bytes(b"")
        (tmp_path / part / "cat" / "._0.png").write_bytes(b"no picture")
        (tmp_path / part / "cat" / ".ipynb_checkpoints").mkdir()
        (tmp_path / part / "cat" / ".ipynb_checkpoints" / "0-checkpoint.png").write_bytes(b"no picture")
    found = load_originals(settings(source="folder", path=str(tmp_path), size=6))
    assert (found.class_names, len(found.images), found.remarks) == (("cat", "dog"), 8, ())


def test_files_that_are_no_pictures_by_name_are_left_out_and_counted(tmp_path):
    write_folders(tmp_path, ["cat", "dog"])
    for name in ("0.heic", "1.HEIC", "labels.csv"):
        (tmp_path / "train" / "cat" / name).write_bytes(b"")
    found = load_originals(settings(source="folder", path=str(tmp_path), size=6))
    assert "3 files are left out, being no pictures by their names (2 of .heic, 1 of .csv)" in found.remarks[0]


def test_a_class_folder_without_a_picture_is_an_error(tmp_path):
    write_folders(tmp_path, ["cat", "dog"])
    (tmp_path / "test" / "dog" / "0.png").unlink()
    (tmp_path / "test" / "dog" / "1.png").unlink()
    with pytest.raises(InputError, match="test/dog has no picture"):
        load_originals(settings(source="folder", path=str(tmp_path), size=6))


BROKEN = {
    "empty": (lambda whole: b"", "is no picture"),
    "text": (lambda whole: b"<!DOCTYPE html>", "is no picture"),
    "truncated": (lambda whole: whole[: len(whole) // 2], "truncated"),
    "PostScript, for which PIL would start a program": (lambda whole: b"%!PS-Adobe-3.0 EPSF-3.0\n", "is no picture"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_an_error_that_names_it(tmp_path, case):
    write_folders(tmp_path, ["cat", "dog"])
    path, (broken, story) = tmp_path / "train" / "dog" / "1.png", BROKEN[case]
    noise = np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    pytest.importorskip("PIL.Image").fromarray(noise).save(path)
    path.write_bytes(broken(path.read_bytes()))
    with pytest.raises(InputError, match=f"train/dog/1.png.*{story}.*mend it, or take it out") as caught:
        load_originals(settings(source="folder", path=str(tmp_path), size=6))
    assert "\n" not in str(caught.value)


def test_broken_files_are_counted(tmp_path):
    write_folders(tmp_path, ["cat", "dog"])
    for name in ("train/cat/0.png", "train/dog/0.png", "test/dog/1.png"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(InputError, match=r"train/cat/0.png: is no picture.*\(3 of 8 files like that, .*dog/0.png"):
        load_originals(settings(source="folder", path=str(tmp_path), size=6))


def test_a_picture_that_would_fill_the_memory_is_an_error_that_names_it(tmp_path, monkeypatch):
    image = pytest.importorskip("PIL.Image")
    write_folders(tmp_path, ["cat", "dog"])
    image.new("1", (300, 300)).save(tmp_path / "train" / "dog" / "1.png")
    monkeypatch.setattr(image, "MAX_IMAGE_PIXELS", 10_000)
    with pytest.raises(InputError, match=r"dog/1.png: is too large: Image size \(90000 pixels\)"):
        load_originals(settings(source="folder", path=str(tmp_path), size=6))


def test_a_picture_so_narrow_that_it_would_fill_the_memory_is_an_error(tmp_path):
    write_folders(tmp_path, ["cat", "dog"])
    pytest.importorskip("PIL.Image").new("1", (1, 30_000)).save(tmp_path / "train" / "dog" / "1.png")
    with pytest.raises(InputError, match=r"dog/1.png: is 1 x 30000 pixels, too narrow to be scaled"):
        load_originals(settings(source="folder", path=str(tmp_path), size=64))


@pytest.mark.parametrize("error", [MemoryError(), OSError(24, "Too many open files")])
def test_a_sound_picture_is_not_blamed_for_the_machine(tmp_path, monkeypatch, error):
    write_folders(tmp_path, ["cat", "dog"])

    def denied(*_, **__):
        raise error

    monkeypatch.setattr("dfnas.dataset.folders.read_picture", denied)
    with pytest.raises(type(error)):
        load_originals(settings(source="folder", path=str(tmp_path), size=6))
