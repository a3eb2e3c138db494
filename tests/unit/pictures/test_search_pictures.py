"""Pictures of searches: which panels there are, what they show, and the candidates behind them."""

import math
import random
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dfnas.artifacts.architecture import FoundArchitecture
from dfnas.pictures.candidates import generations, largest_entropy, mean_entropy, pareto_front, shares
from dfnas.pictures.figures import blank
from dfnas.pictures.scatter import draw_candidates
from dfnas.pictures.search import search_png, with_entropy
from dfnas.pictures.search_curves import draw_panel, panels
from dfnas.pictures.strengths import draw_strengths
from dfnas.spaces.candidate import Candidate

coarse = st.tuples(st.integers(0, 6).map(float), st.integers(0, 6).map(float))  # ties on purpose


@given(st.lists(coarse, max_size=25))
def test_the_pareto_front_is_what_nothing_dominates(points):
    def dominated(i):
        (cost, error), others = points[i], points[:i] + points[i + 1 :]
        return any(c <= cost and e <= error and (c, e) != (cost, error) for c, e in others)

    front = pareto_front(points)
    assert sorted(front) == [i for i in range(len(points)) if not dominated(i)]
    assert [points[i] for i in front] == sorted(points[i] for i in front)


def test_the_entropy_of_candidates_is_that_of_their_options():
    choices = {"one": ("a", "b"), "two": ("a", "b", "c", "d")}
    judged = [Candidate({"one": one, "two": "c"}, 0.5, 0.1, 1.0) for one in "abab"]
    found = shares(judged, choices)
    assert found == {"one": {"a": 0.5, "b": 0.5}, "two": {"a": 0, "b": 0, "c": 1, "d": 0}}
    assert mean_entropy(found) == pytest.approx(math.log(2) / 2)
    assert largest_entropy(choices) == pytest.approx((math.log(2) + math.log(4)) / 2)
    uniform = {choice: dict.fromkeys(options, 1 / len(options)) for choice, options in choices.items()}
    assert mean_entropy(uniform) == pytest.approx(largest_entropy(choices))


DARTS = [
    {"epoch": float(i), "train_loss": 1.0 / i, "architecture_loss": 1.1, "validation_error": 0.5, "entropy": 2.0}
    for i in (1, 2, 3)
]
PROXYLESS = [
    {
        "epoch": 1.0,
        "phase": "warmup",
        "train_loss": 2.0,
        "validation_error": 0.9,
        "entropy": 1.8,
        "expected_macs_m": 3.0,
    },
    *({"epoch": i, "phase": "search", "train_loss": 1.0, "architecture_loss": 0.4, "entropy": 1.5} for i in (2.0, 3.0)),
]
SPOS = [
    {"phase": "supernet", "step": 10.0, "train_loss": 2.0},
    {"phase": "supernet", "step": 20.0, "train_loss": 1.5},
    {
        "phase": "evolution",
        "step": 1.0,
        "judged": 4.0,
        "best_top1_error": 0.4,
        "best_macs_m": 1.0,
        "mean_top1_error": 0.5,
    },
    {"phase": "evolution", "step": 2.0, "judged": 4.0, "best_top1_error": 0.4, "best_macs_m": 1.0},
]

PERTURBATION = [
    *({"epoch": i, "train_loss": 1.0, "skip_share": 0.2, "trained_images": 90 * i} for i in (1.0, 2.0)),
    {"decision": 1.0, "decided": "1-0: none", "skip_share": 0.25, "trained_images": 180.0},
    {"decision": 2.0, "decided": "2-0: none", "train_loss": 0.9, "skip_share": 0.5, "trained_images": 200.0},
]
FROM_SCRATCH = [
    {"candidate": i, "train_loss": 2.0, "judged": i, "top1_error": 0.5, "best_top1_error": 0.4, "best_macs_m": 1.0}
    for i in (1.0, 2.0)
]


@pytest.mark.parametrize(
    ("history", "titles"),
    [
        ([], []),
        (DARTS, ["Loss", "Error on held-out images", "Entropy over the options"]),
        (PROXYLESS, ["Loss", "Error on held-out images", "Entropy over the options", "Multiply-accumulates"]),
        (SPOS, ["Loss", "Error on held-out images", "Multiply-accumulates"]),
        (PERTURBATION, ["Loss", "Skip connections"]),
        (FROM_SCRATCH, ["Loss", "Error on held-out images", "Multiply-accumulates"]),
        ([{"epoch": 1.0, "largest_eigenvalue": 0.3, "kind": "text"}], ["Largest eigenvalue"]),
    ],
)
def test_there_is_a_panel_for_all_that_a_history_has(history, titles):
    assert [panel.title for panel in panels(history, 1.0)] == titles


def drawn(history, title):
    axes = blank(4, 3).add_subplot()
    draw_panel(axes, next(panel for panel in panels(history, 1.9) if panel.title == title), history)
    return axes


def test_a_panel_shows_the_columns_in_its_unit_over_their_own_rows():
    errors = drawn(SPOS, "Error on held-out images")
    lines = {line.get_label(): [list(map(float, values)) for values in line.get_data()] for line in errors.lines}
    assert lines == {"mean of the generation": [[1], [50]], "best so far": [[1, 2], [40, 40]]}
    assert errors.get_xlabel() == "generation"
    assert drawn(SPOS, "Loss").get_xlabel() == "step of the supernet's training"
    assert drawn(DARTS, "Loss").get_xlabel() == "epoch"
    assert drawn(FROM_SCRATCH, "Loss").get_xlabel() == "candidate"


def test_where_another_count_begins_the_axis_goes_on():
    """Decisions by perturbation follow the epochs of the training and have no epoch of their own."""
    axes = drawn(PERTURBATION, "Skip connections")
    assert [list(map(float, values)) for values in axes.lines[0].get_data()] == [[1, 2, 3, 4], [20, 20, 25, 50]]
    assert [text.get_text() for text in axes.texts] == ["search", "selection"]
    assert axes.get_xlabel() == "epoch, then decision"


def test_phases_are_named_where_there_are_several():
    axes = drawn(PROXYLESS, "Loss")
    assert [text.get_text() for text in axes.texts] == ["warm-up", "search"]
    assert len(axes.patches) == 1
    assert axes.patches[0].get_x() + axes.patches[0].get_width() == pytest.approx(1.5)
    assert not drawn(DARTS, "Loss").texts
    assert not drawn(SPOS, "Loss").texts


def test_the_entropy_has_its_bound_beside_it():
    axes = drawn(DARTS, "Entropy over the options")
    assert {line.get_label() for line in axes.lines} == {"entropy", "all options alike"}
    assert axes.lines[-1].get_ydata()[0] == 1.9


@pytest.fixture
def judged(spaces):
    space, rng, found = spaces["shufflenet"], random.Random(0), {}
    while len(found) < 12:
        found.setdefault(tuple(space.sample(rng).items()), rng.random())
    return [
        Candidate(dict(architecture), error, error / 2, space.macs(dict(architecture)) / 1e6, 1 + i // 6)
        for i, (architecture, error) in enumerate(found.items())
    ]


def test_generations_have_the_entropy_of_their_candidates(spaces, judged):
    space = spaces["shufflenet"]
    rows = with_entropy(SPOS, judged, space)
    assert ["entropy" in row for row in rows] == [False, False, True, True]
    assert rows[2]["entropy"] == mean_entropy(shares(judged[:6], space.choices)) <= largest_entropy(space.choices)
    assert {number: len(members) for number, members in generations(judged).items()} == {1: 6, 2: 6}


def test_the_scatter_has_every_candidate_the_front_and_the_chosen_one(judged):
    axes = blank(5, 4).add_subplot()
    chosen = min(judged, key=lambda candidate: candidate.score.key)
    draw_candidates(axes, judged[::-1], chosen.architecture)
    points, star = axes.collections
    assert sorted(points.get_offsets().tolist()) == sorted([c.macs_m, 100 * (1 - c.top1_error)] for c in judged)
    assert star.get_offsets().tolist() == [[chosen.macs_m, 100 * (1 - chosen.top1_error)]]
    front = pareto_front([(c.macs_m, c.top1_error) for c in judged])
    assert list(axes.lines[0].get_xdata()) == [judged[i].macs_m for i in front]
    assert axes.lines[0].get_ydata()[-1] == star.get_offsets()[0, 1]


def test_the_map_of_strengths_has_a_place_for_every_option_and_a_dot_for_the_chosen(spaces):
    space = spaces["mbconv"]
    strengths = {choice: dict.fromkeys(options, 0.25) for choice, options in space.choices.items()}
    architecture, axes = space.sample(random.Random(1)), blank(4, 4).add_subplot()
    draw_strengths(axes, strengths, architecture, "Strengths", "probability")
    values = axes.images[0].get_array()
    assert values.shape == (3, 3)
    assert int(values.mask.sum()) == sum("zero" not in options for options in space.choices.values())
    columns = [label.get_text() for label in axes.get_xticklabels()]
    dots = axes.collections[0].get_offsets()
    assert [row for _, row in dots] == list(range(len(architecture)))
    assert [columns[int(column)].replace(" ", "_").replace("×", "x") for column, _ in dots] == list(
        architecture.values()
    )


def found(space, name, **more) -> FoundArchitecture:
    choices = space.sample(random.Random(3))
    return FoundArchitecture(space={"name": name}, choices=choices, macs=12345, parameters=678, **more)


PARTS = {
    "nothing else": lambda space: {},
    "strengths": lambda space: {
        "history": DARTS,
        "strengths": {c: dict.fromkeys(options, 1 / len(options)) for c, options in space.choices.items()},
    },
    "candidates": lambda space: {
        "history": SPOS,
        "candidates": [Candidate(space.sample(random.Random(i)), 0.1 * i, 0.0, 1.0 + i, 1 + i // 2) for i in range(4)],
    },
}


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize(
    ("name", "kind"),
    [("darts", "strengths"), ("darts", "nothing else"), ("mbconv", "candidates"), ("nasbench201", "nothing else")],
)
def test_there_is_a_picture_of_whatever_there_is(spaces, name, kind):
    said = found(spaces[name], name, search={"collapsed": False, "stopped": None, "share": 0.123456})
    picture = Image.open(BytesIO(search_png("darts, seed 0", said, spaces[name], **PARTS[kind](spaces[name]))))
    assert picture.format == "PNG"
    assert picture.width >= 1500


def test_a_picture_is_the_same_bytes_again(spaces):
    space = spaces["nasbench201"]
    one, again = (search_png("spos", found(space, "nasbench201"), space, **PARTS["candidates"](space)) for _ in "ab")
    assert one == again
