"""Steps of one kind take alike: they look at as many batches, and at the held-out images as often. And a few of each
can be done without those before them."""

from collections import defaultdict

import pytest

from dfnas.dataset.batches import Batches, KeptViews
from dfnas.doctor import trial
from dfnas.doctor.trial import Ended, Trial
from dfnas.search.spos import SposSearch

BY_PERTURBATION = {"by": "perturbation", "tune_epochs": 0.5}
SEARCHES = {
    "darts, α after a while": ("make_darts", "nasbench201", {"arch_warmup_epochs": 1}),
    "darts, stopped": ("make_darts", "nasbench201", {"arch_lr": 0.1, "stop": {"by": "skips", "skips": 1}}),
    "darts, selected": ("make_darts", "darts", {"epochs": 1, "selection": BY_PERTURBATION}),
    "proxyless": ("make_proxyless", "mbconv", {"warmup_epochs": 1}),
    "spos, trained": ("make_supernet", "shufflenet", {}),
    "spos, searched": ("make_spos", "shufflenet", {}),
    "evolution": ("make_evolution", "nasbench201", {"cycles": 5}),
    "random": ("make_random", "nasbench201", {}),
}


@pytest.fixture(params=SEARCHES)
def search(request, spaces):
    maker, space, settings = SEARCHES[request.param]
    return request.getfixturevalue(maker)(spaces[space], **settings)


def kind_of(search, index: int) -> str:
    """As a trial takes it: steps of which nothing is said take alike."""
    return search.kind(index) if hasattr(search, "kind") else "step"


def test_steps_of_a_kind_do_as_much(search, monkeypatch):
    seen, views_of, all_views = [], Batches.full_views, KeptViews.__iter__
    monkeypatch.setattr(Batches, "full_views", lambda self, step: (seen.append("batch"), views_of(self, step))[1])
    monkeypatch.setattr(KeptViews, "__iter__", lambda self: (seen.append("held out"), all_views(self))[1])
    for views in vars(search).values():  # those that are kept count as seen
        list(views) if isinstance(views, KeptViews) else None
    if isinstance(search, SposSearch):  # and so do those that its judge keeps
        list(search.scores.recalibration)
    done = defaultdict(set)
    for index in range(search.steps):
        seen.clear()
        search.step(index)
        done[kind_of(search, index)].add((seen.count("batch"), seen.count("held out")))
    assert (len(done) > 1) == hasattr(search, "kind")
    assert {kind: len(amounts) for kind, amounts in done.items()} == dict.fromkeys(done, 1)


def test_a_trial_comes_to_every_kind(search, monkeypatch):
    def seconds(work, index, device):
        work.step(index)
        return 10.0

    monkeypatch.setattr(trial, "_seconds", seconds)
    kinds, steps, tried = {kind_of(search, index) for index in range(search.steps)}, search.steps, Trial()
    with pytest.raises(Ended):
        tried.of(search)
    assert set(tried.kinds) == kinds
    assert sum(kind.steps for kind in tried.kinds.values()) == steps
    assert {len(kind.times) for kind in tried.kinds.values()} == {1}
    assert tried.state_bytes > 0 or not hasattr(search, "network")
