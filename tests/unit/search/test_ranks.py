"""Candidates ranked by several scores, and searches that take them."""

import math
import random

import pytest
import torch
from stepping import DERIVED, finish, trained

from dfnas.proxies.inputs import noise_of
from dfnas.proxies.scoring import Scorer
from dfnas.runtime.errors import InputError
from dfnas.search.proxyless import ProxylessSearch
from dfnas.search.ranks import by_ranks, by_score, further_scores, ranked
from dfnas.settings.ranks import BreedingSettings, RanksSettings
from dfnas.settings.search import SpaceSettings
from dfnas.spaces.candidate import Candidate, Score, to_text

BREEDING = {"generations": 4, "population": 6, "parents": 3, "crossover": 2, "mutation": 2}
RANKS = {"proxies": ("synflow",), "batch_size": 2}


def candidate(name: str, loss: float, macs_m: float, **further: float) -> Candidate:
    return Candidate.of({"choice": name}, Score(0.5, 0.1, loss, further), macs_m)


def test_the_ranks_of_all_scores_decide_together():
    """By hand: a is best by its loss alone, b is second by all."""
    candidates = [
        candidate("a", 0.1, 1, synflow=1),
        candidate("b", 0.2, 3, synflow=9),
        candidate("c", 0.3, 3, synflow=5),
    ]
    expected = [1 * (1 / 3) * (1 / 3), (2 / 3) * (2.5 / 3) * 1, (1 / 3) * (2.5 / 3) * (2 / 3)]
    assert ranked(candidates) == pytest.approx([math.log(product) for product in expected])
    assert by_score(candidates) == [(0.1,), (0.2,), (0.3,)]
    assert min(range(3), key=by_ranks(candidates).__getitem__) == 1


def test_errors_are_ranked_by_top_1_and_then_top_5():
    errors = [(0.2, 0.3), (0.2, 0.1), (0.1, 0.9)]
    candidates = [Candidate.of({}, Score(*error, None, {"synflow": 1.0}), 1.0) for error in errors]
    share = 2 / 3  # of all that tie
    assert ranked(candidates) == pytest.approx([math.log(own / 3 * share * share) for own in (1, 2, 3)])


@pytest.mark.parametrize("worst", [-math.inf, math.inf])
def test_what_is_infinite_has_a_rank(worst):
    found = ranked([candidate("a", 0.1, 1, trainability=worst), candidate("b", 0.1, 1, trainability=0)])
    assert all(map(math.isfinite, found))


def test_the_scores_are_those_of_the_untrained_networks(spaces, make_spos):
    space = spaces["shufflenet"]
    search = make_spos(space, steps=2, ranks=RANKS)
    finish(search, 0)
    for judged in search.candidates():
        noise = noise_of(space.task, 2, 1, 0, search.context.device)
        assert judged.further == Scorer(space, space, ["synflow"], noise, 0).proxies_of(judged.architecture)
    best = max(search.candidates(), key=lambda candidate: candidate.proxy_score)
    assert search.architecture() == best.architecture
    assert [c.proxy_score for c in search.candidates()] == ranked(search.candidates())


def test_without_ranks_a_derivation_takes_the_strongest_and_with_them_begins_at_it(spaces, make_proxyless):
    supernet = make_proxyless(spaces["shufflenet"], epochs=2, arch_every=1, train=16)
    finish(supernet, 0)
    budget, told = supernet.context.budget, trained(supernet)
    published = ProxylessSearch(budget, supernet.settings, told, 0)
    assert published.steps == 0
    assert published.candidates() == []
    ranks, evolution = RanksSettings(**RANKS), BreedingSettings(**BREEDING)
    settings = supernet.settings.model_copy(update={"ranks": ranks, "evolution": evolution})
    search = ProxylessSearch(budget, settings, told, 0)
    rows = finish(search, 0)
    assert [row["step"] for row in rows] == [1, 2, 3, 4]
    assert search.steps == 24
    judged = search.candidates()
    assert judged[0].architecture == published.architecture()
    assert judged[0].strength == max(one.strength for one in judged)
    assert search.report()["judged"] == len(judged)
    assert search.architecture() == max(judged, key=lambda one: one.proxy_score).architecture


def test_the_strength_is_the_sum_of_the_logarithms(spaces, make_darts):
    """Edges that a node leaves out by rule do not count."""
    supernet = make_darts(spaces["darts"], order=1, epochs=1)
    finish(supernet, 0)
    search = DERIVED[type(supernet)](supernet.context.budget, supernet.settings, trained(supernet), 0)
    space = supernet.context.space
    architecture, strengths = search.architecture(), supernet.strengths()
    kept = {choice: option for choice, option in architecture.items() if option != "none"}
    logs = [math.log(strengths[choice][space.choices[choice].index(option)]) for choice, option in kept.items()]
    assert search.strength(architecture) == pytest.approx(sum(logs))


def test_what_is_bred_keeps_the_budget(spaces, make_proxyless):
    space = spaces["shufflenet"]
    costs = sorted(space.macs(one) / 1e6 for one in (space.sample(random.Random(s)) for s in range(40)))
    limit = costs[10]
    supernet = make_proxyless(
        space, epochs=2, arch_every=1, train=16, budget={"max_macs_m": limit}, ranks=RANKS, evolution=BREEDING
    )
    finish(supernet, 0)
    search = ProxylessSearch(supernet.context.budget, supernet.settings, trained(supernet), 0)
    finish(search, 0)
    assert all(one.macs_m <= limit for one in search.candidates())
    texts = [to_text(space, one.architecture) for one in search.candidates()]
    assert len(set(texts)) == len(texts)


def test_noise_that_cannot_be_so_small_is_refused(spaces, make_spos):
    with pytest.raises(InputError, match="downscale = 3 must divide"):
        make_spos(spaces["shufflenet"], steps=1, ranks=RANKS | {"downscale": 3})


def test_sizes_that_cannot_be_are_refused(spaces):
    ranks, space = RanksSettings(**RANKS | {"network_options": {"cells_per_stage": 0}}), spaces["nasbench201"]
    with pytest.raises(InputError, match="cells_per_stage"):
        further_scores(ranks, SpaceSettings(name="nasbench201"), space, 0, torch.device("cpu"))


def test_a_strength_only_vetoes():
    """Of two in the upper half of the strengths neither is better for it."""
    strengths = (-0.1, -0.2, -0.3, -0.4)
    strong = [Candidate.of({}, Score(None, None, None, {"synflow": 1.0}, one), 1.0) for one in strengths]
    found = ranked(strong)
    assert found[0] == found[1] == found[2] > found[3]
