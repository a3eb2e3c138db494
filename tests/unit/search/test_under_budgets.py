"""One search under several budgets: it finds what a search of its own finds under each, and judges no path twice."""

import dataclasses
import random
from collections import Counter

import pytest
from stepping import DERIVED, finish, leaves, trained

from dfnas.runtime.files import load_archive, save_archive
from dfnas.search.budget import Budget
from dfnas.search.path_scores import PathScores
from dfnas.search.spos import SposSearch, SposSupernet
from dfnas.search.under_budgets import UnderBudgets
from dfnas.settings.search import BudgetSettings
from dfnas.spaces.candidate import to_text

pytestmark = pytest.mark.slow

RANKS = {"proxies": ("synflow", "naswot"), "batch_size": 2}
BREEDING = {"generations": 2, "population": 3, "parents": 2, "crossover": 1, "mutation": 1}
ALGORITHMS = {
    "darts": ("make_darts", {"order": 1, "epochs": 1, "arch_lr": 0.1}, True),
    "proxyless": ("make_proxyless", {"epochs": 2, "arch_every": 1, "train": 16}, True),
    "spos": ("make_supernet", {"steps": 2}, True),
    "spos, judged by the loss": ("make_supernet", {"steps": 2, "judge_by": "loss"}, True),
    "proxyless, ranked": (
        "make_proxyless",
        {"epochs": 2, "arch_every": 1, "train": 16, "ranks": RANKS, "evolution": BREEDING},
        True,
    ),
    "spos, ranked": ("make_supernet", {"steps": 2, "judge_by": "loss", "ranks": RANKS}, True),
    "evolution": ("make_evolution", {"cycles": 4}, False),
    "random": ("make_random", {"seed": 1, "draws": 4}, False),
}
SPACE = "shufflenet"


@pytest.fixture(params=ALGORITHMS)
def start(request, spaces):
    """start(n): a search under the n-th of three budgets: the first is none, and the second below what is found
    without; on one trained supernet where the algorithm has one."""
    maker, settings, on_supernet = ALGORITHMS[request.param]
    space = spaces[SPACE]
    made = request.getfixturevalue(maker)(space, **settings)
    if on_supernet:
        finish(made, 0)
    budgets = [Budget(space, BudgetSettings())]

    def begun(number: int):
        if type(made) in DERIVED:
            return DERIVED[type(made)](budgets[number], made.settings, trained(made), 0)
        context = dataclasses.replace(made.context, budget=budgets[number])
        if isinstance(made, SposSupernet):
            return SposSearch(context, made.settings, trained(made))
        return type(made)(context, made.settings)

    free = begun(0)
    finish(free, 0)
    drawn = {space.macs(space.sample(random.Random(seed))) / 1e6 for seed in range(60)}
    below = sorted(macs for macs in drawn if macs < space.macs(free.architecture()) / 1e6)
    budgets += [Budget(space, BudgetSettings(max_macs_m=limit)) for limit in (below[-1], below[len(below) // 3])]
    return begun


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """The paths that a supernet is asked about, as texts."""
    found, logits = [], PathScores.logits

    def noted(self, architecture, *judges):
        found.append(to_text(self.space, architecture))
        return logits(self, architecture, *judges)

    monkeypatch.setattr(PathScores, "logits", noted)
    return found


def test_under_each_budget_it_finds_what_a_search_of_its_own_finds(start, asked, spaces):
    apart = []
    for number in range(3):
        apart.append(start(number))
        finish(apart[-1], 0)
    alone = Counter(asked)
    asked.clear()
    together = UnderBudgets(start, 3)
    assert together.steps == 3 * max(1, apart[0].steps)
    assert finish(together, 0) == []
    assert together.found == [search.architecture() for search in apart]
    macs = [spaces[SPACE].macs(found) for found in together.found]
    assert macs[0] > max(macs[1:]), "a budget that changes nothing proves nothing"
    if isinstance(apart[0], SposSearch):
        assert max(alone.values()) > 1, "apart they judge some path again"
        assert set(asked) == set(alone)
    assert len(asked) == len(set(asked))


def test_interrupted_anywhere_it_ends_as_if_it_had_not_been(start, asked, tmp_path):
    """Within a search, between two, and with what the first has judged known to those that follow."""
    whole, states = UnderBudgets(start, 3), []
    while len(states) < whole.steps:
        whole.step(len(states))
        states.append((tmp_path / f"{len(states)}.pt", len(asked)))
        save_archive(states[-1][0], whole.state_dict())
    end, all_asked = leaves(whole.state_dict()), list(asked)
    for done, (state, before) in enumerate(states, 1):
        resumed = UnderBudgets(start, 3)
        resumed.load_state_dict(load_archive(state))
        asked.clear()
        finish(resumed, done)
        assert resumed.found == whole.found, done
        assert leaves(resumed.state_dict()) == end, done
        assert asked == all_asked[before:], done


class Early:
    """A search of five steps that ends after step `number`."""

    def __init__(self, number: int):
        self.number, self.steps, self.done = number, 5, 0

    def step(self, index: int) -> None:
        assert index == self.done
        self.done += 1
        if index == self.number:
            self.steps = self.done

    def architecture(self) -> dict[str, str]:
        return {"ended": f"{self.number} after {self.done}"}

    def state_dict(self):
        return {"steps": self.steps, "done": self.done}

    def load_state_dict(self, state):
        self.steps, self.done = state["steps"], state["done"]


def test_a_search_that_ends_early_hands_over_to_the_next():
    whole, states = UnderBudgets(Early, 3), []
    assert whole.steps == 15
    while len(states) < whole.steps:
        whole.step(len(states))
        states.append((whole.steps, whole.state_dict()))
    assert [steps for steps, _ in states] == [11, 11, 8, 8, 8, 6]
    assert whole.found == [{"ended": "0 after 1"}, {"ended": "1 after 2"}, {"ended": "2 after 3"}]
    for done, (steps, state) in enumerate(states, 1):
        resumed = UnderBudgets(Early, 3)
        resumed.load_state_dict(state)
        assert resumed.steps == steps
        finish(resumed, done)
        assert resumed.found == whole.found
        assert resumed.state_dict() == whole.state_dict()
