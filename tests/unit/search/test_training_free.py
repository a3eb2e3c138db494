"""Search without training: the best of different draws by ranks of their scores, on images and on noise."""

import math

import numpy as np
import pytest
import torch
from stepping import finish

from dfnas.measure.rank_aggregation import AGGREGATES
from dfnas.proxies.inputs import noise_batches
from dfnas.runtime.errors import InputError
from dfnas.search.budget import Budget
from dfnas.search.training_free import TrainingFreeSearch, best_of, scorer_of
from dfnas.search.uniform import different_architectures
from dfnas.settings.search import BudgetSettings, SpaceSettings
from dfnas.settings.search_training_free import SearchTrainingFreeSettings
from dfnas.settings.training import AugmentationSettings
from dfnas.spaces.candidate import to_text
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task

SIZES = {"channels": 4, "cells_per_stage": 1}
SPACE = make("nasbench201", Task(1, 8, 3), SIZES)
LIMIT = SPACE.macs(dict.fromkeys(SPACE.choices, "nor_conv_1x1")) / 1e6


def settings(**changes) -> SearchTrainingFreeSettings:
    said = {"space": SpaceSettings(name="nasbench201", options=SIZES), "batch_size": 8, "draws": 5}
    said |= {"augmentation": AugmentationSettings(pad=1), "images": "data"}
    return SearchTrainingFreeSettings(**said | changes)


@pytest.fixture
def searched(context):
    def make_search(budget=None, seed: int = 0, **changes) -> TrainingFreeSearch:
        return TrainingFreeSearch(context(SPACE, seed=seed, budget=budget), settings(**changes))

    return make_search


def test_candidates_differ_and_keep_the_budget_and_the_best_is_taken(searched):
    search = searched({"max_macs_m": LIMIT}, score="az_nas_synflow")
    rows = finish(search, 0)
    assert [row["candidate"] for row in rows] == [1, 2, 3, 4, 5]
    candidates = search.candidates()
    assert len({to_text(SPACE, one.architecture) for one in candidates}) == 5
    assert all(one.macs_m <= LIMIT for one in candidates)
    assert {one.top1_error for one in candidates} == {None}
    best = max(candidates, key=lambda one: one.proxy_score)
    assert search.architecture() == best.architecture
    # Σ log(rank / N) over the five terms.
    ranks = np.array([np.argsort(np.argsort([one[t] for one in search.scores])) for t in AGGREGATES["az_nas_synflow"]])
    if len(np.unique([one["macs_m"] for one in search.scores])) == 5:
        expected = np.log((ranks + 1) / 5).sum(0)
        assert [one.proxy_score for one in candidates] == pytest.approx(list(expected))
    assert search.report()["scored"] == 5


@pytest.mark.parametrize("score", ["macs_m", "params_m", "synflow", "zico"])
def test_a_single_score_decides_alone_and_nothing_else_is_computed(searched, score):
    search = searched(score=score)
    finish(search, 0)
    assert set(search.scores[0]) == {"macs_m", "params_m", score}
    values = [one[score] for one in search.scores]
    assert search.architecture() == search.drawn[values.index(max(values))]


def test_an_interrupted_search_goes_on_to_the_same_scores(searched):
    whole, begun, resumed = searched(), searched(), searched()
    finish(whole, 0)
    finish(begun, 0, 2)
    resumed.load_state_dict(begun.state_dict())
    finish(resumed, 2)
    assert resumed.scores == whole.scores
    assert resumed.architecture() == whole.architecture()


def test_rows_hold_what_is_finite():
    """A network whose blocks only pass their input on has a trainability of -inf, which no curve can show."""
    space = SPACE
    search = TrainingFreeSearch.__new__(TrainingFreeSearch)
    search.scorer = scorer_of(space, settings(), noise_batches(space.task, 8, 0, torch.device("cpu")), 0)
    search.drawn, search.scores = [dict.fromkeys(space.choices, "none") | {"3-0": "skip_connect"}], []
    row = search.step(0)
    assert search.scores[0]["trainability"] == -math.inf
    assert "trainability" not in row
    assert "expressivity" in row


def test_on_noise_it_looks_at_no_data_and_is_a_function_of_the_seed():
    budget = Budget(SPACE, BudgetSettings(max_macs_m=LIMIT))
    said = settings(images="noise", network_options={"channels": 2})
    assert not said.on_data
    found = TrainingFreeSearch.without_data(budget, 0, said)
    assert found == TrainingFreeSearch.without_data(budget, 0, said)
    drawn = different_architectures(budget, 0, 5)
    scorer = scorer_of(SPACE, said, noise_batches(SPACE.task, 8, 0, torch.device("cpu")), 0)
    assert found == drawn[best_of([scorer.of(one) for one in drawn], "az_nas")]


def test_noise_of_a_size_that_downscale_does_not_divide_is_one_line():
    with pytest.raises(InputError, match="downscale = 3 must divide"):
        TrainingFreeSearch.without_data(Budget(SPACE, BudgetSettings()), 0, settings(images="noise", downscale=3))


def test_the_first_candidates_do_not_depend_on_how_many_follow_and_end_where_a_budget_is_exhausted():
    budget = Budget(SPACE, BudgetSettings())
    assert different_architectures(budget, 0, 9)[:4] == different_architectures(budget, 0, 4)
    assert different_architectures(budget, 1, 4) != different_architectures(budget, 0, 4)
    cheapest = SPACE.macs(dict.fromkeys(SPACE.choices, "none")) / 1e6
    one = Budget(make("nasbench201", Task(1, 8, 3), SIZES), BudgetSettings(max_macs_m=cheapest + 1e-9))
    # Cells without a convolution: 3⁶ = 729 of 15,625.
    found = different_architectures(one, 0, 800)
    assert 700 < len(found) <= 729
    assert all(not any("conv" in option for option in architecture.values()) for architecture in found)
