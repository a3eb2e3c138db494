"""Pictures of labels and of trained networks: the same look of the same thing everywhere, and the figures behind it."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dfnas.pictures.comparison import COSTS, Network, comparison_png, draw_against_cost, draw_by_algorithm
from dfnas.pictures.figures import blank
from dfnas.pictures.label_plots import CURVES, Labels, draw_curves, draw_matrix, labels_png
from dfnas.pictures.palette import DATA, FURTHER_DATA, data_colours, shapes

names = st.lists(st.sampled_from(["original", "synthetic", "none", "noise", "other", "third"]), unique=True)


@given(names)
def test_data_have_colours_of_their_own_and_the_known_ones_always_the_same(data):
    colours = data_colours(data)
    assert list(colours) == data
    assert len(set(colours.values())) == len(data)
    assert all(colours[name] == colour for name, colour in DATA.items() if name in colours)


def test_no_colour_stands_for_two_kinds_of_data():
    assert not set(DATA.values()) & set(FURTHER_DATA)


def test_known_algorithms_have_one_shape_and_others_a_shape_in_turn():
    assert shapes(["spos", "darts"]) == {"spos": "^", "darts": "o"}
    assert len(set(shapes(range(9)).values())) == 9


TEACHER = Network("teacher", "", "", 5.0, 10.0, 0.3)


def networks(algorithm: str, data: str, *figures: tuple[float, float], retrain_data="original") -> tuple[Network, ...]:
    """Networks with errors and million MACs; a tenth as many million parameters."""
    return tuple(Network(algorithm, data, retrain_data, error, macs, macs / 10) for error, macs in figures)


CHEAP = networks("spos", "original", (30, 1), (40, 3))
GOOD = networks("darts", "synthetic", (10, 4), (20, 4))
DOMINATED = networks("random", "none", (50, 8), (50, 8))
ROWS = [CHEAP, GOOD, DOMINATED]


def panel(cost=COSTS[0][-1]):
    axes = blank(5, 4).add_subplot()
    colours, forms = data_colours(["original", "synthetic", "none"]), shapes(["spos", "darts", "random"])
    draw_against_cost(axes, ROWS, TEACHER, cost, colours, forms)
    return axes


@pytest.mark.parametrize(("cost", "scale"), [(COSTS[0][-1], 1), (COSTS[1][-1], 0.1)], ids=["MACs", "parameters"])
def test_the_front_joins_the_means_that_nothing_dominates(cost, scale):
    front = panel(cost).lines[-1]
    np.testing.assert_allclose(front.get_xdata(), [2 * scale, 4 * scale])
    np.testing.assert_allclose(front.get_ydata(), [35, 15])


def test_every_seed_is_a_point_and_the_teacher_is_there():
    seeds = [
        collection.get_offsets().tolist() for collection in panel().collections if len(collection.get_paths()) == 1
    ]
    points = [point for offsets in seeds for point in offsets]
    for row in ROWS:
        assert all([network.macs_m, network.error] in points for network in row)
    assert [TEACHER.macs_m, TEACHER.error] in points


def test_bars_are_the_standard_deviation_over_the_seeds():
    axes = blank(5, 4).add_subplot()
    draw_by_algorithm(axes, [GOOD], data_colours(["synthetic"]), shapes(["darts"]))
    ((_, _, (bars,)),) = axes.containers
    ((_, low), (_, high)) = bars.get_segments()[0]
    assert (low, high) == pytest.approx((15 - 50**0.5, 15 + 50**0.5))
    assert [label.get_text() for label in axes.get_xticklabels()] == ["darts"]


def test_every_retrain_data_has_panels_of_its_own():
    one = Image.open(BytesIO(comparison_png([*CHEAP, *GOOD], TEACHER)))
    both = [*CHEAP, *networks("spos", "original", (30, 1), retrain_data="synthetic")]
    two = Image.open(BytesIO(comparison_png(both, TEACHER)))
    assert two.height > 1.5 * one.height
    assert one.width == two.width


def labels(generation: int, classes: int = 3) -> Labels:
    by_class = np.full((classes, classes), 0.1) + np.eye(classes) * (1 - 0.1 * classes)
    return Labels(generation, 0.9 - generation / 10, 0.5, 0.25, 0.75, 0.125, by_class)


def test_curves_are_the_figures_of_the_generations():
    figure = blank(15, 4)
    draw_curves(figure, {"synthetic": [labels(0), labels(1)], "noise": [labels(0)]})
    drawn = [[line.get_ydata().tolist() for line in axes.lines] for axes in figure.axes]
    assert [title for title, *_ in CURVES] == [axes.get_title(loc="left") for axes in figure.axes]
    assert drawn == [
        [[0.9, 0.8], [0.9]],
        [[0.5, 0.5], [0.25, 0.25], [0.5], [0.25]],
        [[75, 75], [75]],
        [[0.125, 0.125], [0.125]],
    ]
    assert figure.axes[0].lines[0].get_color() == DATA["synthetic"] != figure.axes[0].lines[1].get_color()


def test_a_matrix_shows_what_each_class_is_seen_as():
    axes = blank(4, 4).add_subplot()
    by_class = np.array([[0.75, 0.25], [np.nan, np.nan]])
    image = draw_matrix(axes, labels(0)._replace(by_class=by_class), ["cat", "dog"])
    np.testing.assert_array_equal(image.get_array().filled(np.nan), by_class)
    assert [text.get_text() for text in axes.get_yticklabels()] == ["cat", "dog"]


@pytest.mark.parametrize(("generations", "classes"), [(1, 2), (3, 10), (9, 100)])
def test_any_number_of_generations_and_classes_fits(generations, classes):
    sources = {"synthetic": [labels(number, classes) for number in range(generations)], "noise": [labels(0, classes)]}
    picture = Image.open(BytesIO(labels_png(sources, [f"class {label}" for label in range(classes)])))
    assert picture.size == (1500, 1090)
