"""Grids of images with any number of channels and classes, and the plots over the generations."""

from io import BytesIO

import numpy as np
import pytest
from made_artifacts import quality
from PIL import Image

from dfnas.artifacts.quality import QualityReport
from dfnas.pictures.generations import generations_png
from dfnas.pictures.grid import ImageGrid, cell, labelled


@pytest.mark.parametrize(("channels", "panels"), [(1, 1), (2, 2), (3, 1), (4, 2), (5, 3)])
def test_every_channel_is_shown(channels, panels):
    image = (np.arange(channels, dtype=np.uint8)[:, None, None] * 20 + 10).repeat(40, 1).repeat(50, 2)
    shown = cell(image, 256)
    assert shown.shape == (40, 50 * panels, 3)
    assert set(np.unique(shown)) == set(np.unique(image))


def test_small_images_are_enlarged_as_they_are_and_large_ones_shrunk():
    image = np.random.default_rng(0).integers(0, 256, (1, 8, 10), dtype=np.uint8)
    np.testing.assert_array_equal(cell(image, 256)[::4, ::4, 0], image[0])
    assert cell(np.zeros((3, 300, 150), np.uint8), 100).shape == (100, 50, 3)


def test_a_grid_holds_the_first_images_of_each_class_and_no_more():
    grid = ImageGrid(["zero", "one"], columns=2, rows=5)
    for value in range(6):
        grid.add(np.full((2, 1, 32, 32), 10 * value, np.uint8), np.array([value % 2, 1]))
    pixels = np.asarray(grid.block())
    assert pixels.shape == (2 * 34 - 2, 2 * 34 - 2, 3)
    assert pixels[[0, 0, 34, 34], [0, 34, 0, 34], 0].tolist() == [0, 20, 0, 10]
    assert sum(map(len, grid._kept.values())) == 4


def test_a_thousand_classes_and_rows_without_images_stay_bounded():
    grid = ImageGrid([f"class {label}" for label in range(1000)], columns=3, rows=20, longest_side=96)
    grid.add(np.zeros((2, 3, 224, 224), np.uint8), np.array([0, 999]))
    picture = labelled([("generation 0", grid), ("generation 1", grid)])
    assert grid.classes == [0, 999], "rows without images are left out"
    assert picture.height < 250
    assert picture.width < 800
    assert picture.height < 20 * 98 + 40


def test_classes_that_have_images_stand_in_for_chosen_ones_that_have_none():
    grid = ImageGrid([str(label) for label in range(1000)], columns=1, rows=4)
    grid.add(np.zeros((9, 1, 32, 32), np.uint8), np.arange(3, 12))
    assert grid.classes == [3, 4, 5, 6]
    other = ImageGrid(grid.names, columns=1, rows=4)
    other.add(np.zeros((2, 1, 32, 32), np.uint8), np.array([0, 4]))
    assert other.classes == [0, 4]
    assert labelled([("a", grid), ("b", other)]).height == 5 * 34 - 2 + 26


def report(generation: int, **changed) -> QualityReport:
    confidence = {"entropy_nats": 0.1 * generation, "top5_mass": 0.9}
    both = {"overall": 2.0, "within_class": 1.5}
    full = {
        "verifier_agreement": 0.8,
        "labels": confidence,
        "targets": confidence,
        "class_similarity": {"correlation": 0.5, "reason": None},
        "diversity": {
            "features": 9,
            "cosine_distance": both,
            "vendi_score": both | {"classes": 2},
            "reason": None,
        },
        "batch_norm": {"mean": 0.1, "variance": 0.2, "layers": {}},
    }
    return quality(generation=generation, **(full | changed))


ABSENT = {
    name: getattr(quality(), name) for name in ("verifier_agreement", "class_similarity", "diversity", "batch_norm")
}


@pytest.mark.parametrize(("count", "changed"), [(1, {}), (12, {}), (2, ABSENT)])
def test_plots_of_what_there_is(count, changed):
    content = generations_png([report(generation, **changed) for generation in range(count)])
    picture = Image.open(BytesIO(content))
    assert picture.format == "PNG"
    assert picture.width > picture.height > 500


def test_plots_are_the_same_bytes_again():
    assert generations_png([report(0)]) == generations_png([report(0)])
