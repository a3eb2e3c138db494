"""The ranking of random architectures by a trained supernet: the same scores as the search's own."""

import dataclasses

import pytest
import torch
from notations import of_cell

from dfnas.search.path_scores import PathScores
from dfnas.search.ranking import Ranking
from dfnas.search.ranks import ranked
from dfnas.spaces.candidate import Candidate


@pytest.fixture
def trained(spaces, make_spos):
    return make_spos(spaces["nasbench201"])


def ranking_of(search, original, seed: int = 0) -> Ranking:
    """As the stage makes it: a supernet from its saved weights."""
    context, settings = search.context, search.settings
    network = context.space.supernet()
    network.load_state_dict(search.supernet.network.state_dict())
    network = network.to(memory_format=torch.channels_last)
    scores = PathScores(context.space, network, context.train, settings, context.seed)
    return Ranking(scores, context.validation, original, settings, 6, seed, search.scorer)


def test_a_score_is_that_of_the_search(trained, make_images):
    rows = [ranking_of(trained, make_images(15, seed=3)).step(index) for index in range(6)]
    assert len({row["architecture"] for row in rows}) == 6
    for row in rows:
        assert row["held_out_accuracy"] == 1 - trained.score(of_cell(row["architecture"]))[0]


def test_the_likelihood_is_that_of_the_labels_at_the_searchs_temperature(trained, make_images):
    by_loss = trained.settings.model_copy(update={"judge_by": "loss", "temperature": 3.0})
    trained.settings = by_loss
    row = ranking_of(trained, make_images(15, seed=3)).step(0)
    loss = trained.score(of_cell(row["architecture"])).loss
    assert row["held_out_likelihood"] == -loss < 0


@pytest.mark.parametrize("judge_by", ["error", "loss"])
def test_what_the_ranks_come_to_is_what_the_search_makes_of_the_same_architectures(
    spaces, make_spos, make_images, judge_by
):
    ranks = {"proxies": ("expressivity", "progressivity", "trainability", "synflow"), "batch_size": 4}
    search = make_spos(spaces["nasbench201"], judge_by=judge_by, ranks=ranks)
    ranking = ranking_of(search, make_images(15, seed=3))
    rows = ranking.with_ranks([ranking.step(index) for index in range(6)])
    cells = [of_cell(row["architecture"]) for row in rows]
    candidates = [Candidate.of(cell, search.score(cell), spaces["nasbench201"].macs(cell) / 1e6) for cell in cells]
    if judge_by == "error":  # a ranking knows nothing of top-5 errors, which three classes make none of
        assert all(candidate.top5_error == 0 for candidate in candidates)
    assert [row["with_ranks"] for row in rows] == ranked(candidates)
    assert all("further" not in row for row in rows)


def test_without_ranks_there_is_none(trained, make_images):
    ranking = ranking_of(trained, make_images(15, seed=3))
    (row,) = ranking.with_ranks([ranking.step(0)])
    assert set(row) == {"architecture", "held_out_accuracy", "held_out_likelihood", "original_accuracy"}


def test_the_original_images_are_asked_in_their_own_right(trained, make_images):
    same = ranking_of(trained, trained.context.validation).step(0)
    assert same["original_accuracy"] == same["held_out_accuracy"]
    other = [ranking_of(trained, make_images(15, side=8, seed=9)).step(index) for index in range(6)]
    assert any(row["original_accuracy"] != row["held_out_accuracy"] for row in other)


def test_a_row_depends_on_its_index_and_not_on_the_rows_before(trained, make_images):
    """So that an interrupted ranking goes on to the same rows, from no saved state."""
    original = make_images(15, seed=3)
    whole = ranking_of(trained, original)
    rows = [whole.step(index) for index in range(6)]
    later = ranking_of(trained, original)
    later.load_state_dict(whole.state_dict())
    assert later.step(4) == rows[4]
    assert later.step(2) == rows[2]


def test_all_supernets_are_asked_about_the_same_architectures(trained, make_images):
    original = make_images(15, seed=3)

    def drawn(seed: int) -> list[str]:
        return [ranking_of(trained, original, seed).step(index)["architecture"] for index in range(3)]

    assert drawn(0) == drawn(0) != drawn(1)


def test_held_out_images_are_judged_by_their_labels_and_not_by_what_they_were_made_for(trained, make_images):
    original, validation = make_images(15, seed=3), trained.context.validation
    rows = []
    for wished in (validation.likely, (validation.likely + 1) % 3):
        context = dataclasses.replace(trained.context, validation=dataclasses.replace(validation, targets=wished))
        trained.context = context
        rows.append(ranking_of(trained, original).step(0))
    assert rows[0] == rows[1]
