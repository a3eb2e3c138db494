"""Budgets: what they allow, against the enumeration of small spaces with made-up costs."""

import itertools
import math
import random

import pytest
import torch
from hypothesis import assume, given, reject
from hypothesis import strategies as st

from dfnas.runtime.errors import InputError
from dfnas.search import budget as module
from dfnas.search.budget import Budget
from dfnas.settings.search import BudgetSettings
from dfnas.spaces.costs import CostTable
from dfnas.spaces.space import Space


class PricedChain(Space):
    """A chain of choices of which only the costs matter: multiply-accumulates and weights in millions."""

    def __init__(self, macs, weights=None, fixed=1.0):
        self.choices = {f"c{i}": tuple(f"o{j}" for j in range(len(costs))) for i, costs in enumerate(macs)}
        self.tables = [
            CostTable(self.choices, fixed * 1e6, {f"c{i}": tuple(1e6 * x for x in row) for i, row in enumerate(costs)})
            for costs in (macs, weights or macs)
        ]

    def supernet(self):
        raise NotImplementedError

    def network(self, architecture):
        raise NotImplementedError

    def macs_table(self):
        return self.tables[0]

    def parameters_table(self):
        return self.tables[1]

    def everything(self):
        return [dict(zip(self.choices, options, strict=True)) for options in itertools.product(*self.choices.values())]


def strengths_of(space, logits):
    return {c: torch.tensor(row, dtype=torch.float64).softmax(0) for c, row in zip(space.choices, logits, strict=True)}


def score(space, strengths, architecture) -> float:
    return sum(math.log(strengths[c][space.choices[c].index(o)]) for c, o in architecture.items())


def supported(space, strengths, cost):
    """The architectures that maximise Σ log p - λ · cost for some λ where no other does: those at the corners of the
    convex hull. λ stands between any two values at which two options of one choice are worth the same."""
    swaps = {0.0}
    for choice, costs in cost.items():
        logs = strengths[choice].log().tolist()
        for (p, a), (q, b) in itertools.combinations(zip(logs, costs, strict=True), 2):
            if a != b and (p - q) / (a - b) > 0:
                swaps.add((p - q) / (a - b))
    swaps = sorted(swaps)
    for price in [*((a + b) / 2 for a, b in itertools.pairwise(swaps)), swaps[-1] + 1]:
        yield {
            c: space.choices[c][
                max(range(len(costs)), key=lambda i, c=c, costs=costs: strengths[c][i].log().item() - price * costs[i])
            ]
            for c, costs in cost.items()
        }


numbers = st.floats(0, 4, allow_subnormal=False).map(lambda x: round(x, 3))
rows = st.lists(st.lists(numbers, min_size=3, max_size=3), min_size=3, max_size=3)


@given(macs=rows, logits=rows, share=st.floats(0, 1))
def test_a_derived_architecture_is_the_strongest_by_lagrangian_relaxation(macs, logits, share):
    space = PricedChain(macs)
    strengths, everything = strengths_of(space, logits), space.everything()
    costs = sorted(map(space.macs, everything))
    limit = (costs[0] + share * (costs[-1] - costs[0])) / 1e6
    budget = Budget(space, BudgetSettings(max_macs_m=limit))
    assume(space.macs(min(everything, key=space.macs)) / 1e6 <= limit)
    found = budget.derive(strengths)
    assert space.macs(found) / 1e6 <= limit
    reached = score(space, strengths, found)
    for other in supported(space, strengths, {c: [x / 1e6 for x in r] for c, r in space.tables[0].options.items()}):
        if space.macs(other) / 1e6 <= limit:
            assert reached >= score(space, strengths, other) - 1e-9
    for choice, options in space.choices.items():  # and no single choice can be better
        for option in options:
            changed = found | {choice: option}
            assert space.macs(changed) / 1e6 > limit or score(space, strengths, changed) <= reached + 1e-9


def test_what_is_left_of_the_budget_goes_to_the_best_change():
    """The first choice is worth its price most of all and beyond the budget; of the others only one is within it."""
    space = PricedChain([[0.0, 10.0], [0.0, 1.0], [0.0, 1.0]])
    strengths = strengths_of(space, [[0.0, 10.0], [0.0, 0.5], [0.0, 0.9]])
    found = Budget(space, BudgetSettings(max_macs_m=2.0)).derive(strengths)
    assert found == {"c0": "o0", "c1": "o0", "c2": "o1"}


@given(macs=rows, logits=rows, spare=st.floats(0, 3))
def test_what_the_space_itself_derives_stays_where_it_keeps_the_budget(macs, logits, spare):
    space = PricedChain(macs)
    strengths = strengths_of(space, logits)
    own = space.discretise(strengths)
    assert Budget(space, BudgetSettings()).derive(strengths) == own
    assert Budget(space, BudgetSettings(max_macs_m=space.macs(own) / 1e6 + spare)).derive(strengths) == own


@given(macs=rows, weights=rows, logits=rows, where=st.integers(0, 26))
def test_several_limits_are_kept_together(macs, weights, logits, where):
    space = PricedChain(macs, weights)
    inside = space.everything()[where]
    limits = [1.05 * table.of(inside) / 1e6 for table in space.tables]
    budget = Budget(space, BudgetSettings(max_macs_m=limits[0], max_params_m=limits[1]))
    try:
        budget.check()
    except InputError:
        reject()  # rare: what lies in a fold of the convex hull is out of reach of any prices
    found = budget.derive(strengths_of(space, logits))
    assert all(table.of(found) / 1e6 <= limit for table, limit in zip(space.tables, limits, strict=True))


@pytest.mark.parametrize("name", ["darts", "mbconv", "shufflenet", "nasbench201"])
@pytest.mark.parametrize("seed", range(3))
def test_every_space_derives_within_every_budget_that_can_be_kept(spaces, name, seed):
    space = spaces[name]
    rng = torch.Generator().manual_seed(seed)
    strengths = {c: (3 * torch.randn(len(o), generator=rng)).softmax(0) for c, o in space.choices.items()}
    drawn = sorted((space.sample(random.Random(i)) for i in range(300)), key=space.macs)
    for limit in {space.macs(drawn[place]) / 1e6 for place in (0, 50, 150, 299)}:
        budget = Budget(space, BudgetSettings(max_macs_m=limit))
        budget.check()
        found = budget.derive(strengths)
        space.check(found)
        assert space.macs(found) / 1e6 <= limit


def test_in_cells_the_derived_edges_are_those_that_are_worth_their_price(spaces):
    """With a limit at the cheapest cells only free operations remain, and among them the strongest."""
    space = spaces["darts"]
    strengths = {c: torch.linspace(1, 2, len(o)).softmax(0) for c, o in space.choices.items()}
    own = space.discretise(strengths)
    macs = space.macs_table()
    found = Budget(space, BudgetSettings(max_macs_m=macs.fixed / 1e6)).derive(strengths)
    assert macs.of(found) == macs.fixed < macs.of(own)
    free = {c: max(i for i, cost in enumerate(macs.options[c]) if cost == 0) for c in space.choices}
    kept = {choice: option for choice, option in found.items() if option != "none"}
    assert len(kept) == 8
    assert all(option == space.choices[choice][free[choice]] for choice, option in kept.items())


def test_no_strength_at_all_is_no_obstacle():
    space = PricedChain([[1.0, 2.0], [1.0, 2.0]])
    strengths = {c: torch.tensor([0.0, 1.0]) for c in space.choices}
    assert Budget(space, BudgetSettings(max_macs_m=3.0)).derive(strengths) == {"c0": "o0", "c1": "o0"}
    one_left = Budget(space, BudgetSettings(max_macs_m=4.0)).derive(strengths)
    assert sorted(one_left.values()) == ["o0", "o1"]


def test_a_limit_below_the_cheapest_architecture_is_an_error(toy_space):
    Budget(toy_space, BudgetSettings()).check()
    Budget(toy_space, BudgetSettings(max_macs_m=2.0)).check()
    with pytest.raises(InputError, match=r"^budget.max_macs_m = 1.9: the cheapest architecture of the space has 2"):
        Budget(toy_space, BudgetSettings(max_macs_m=1.9)).check()


def test_limits_that_exclude_each_other_are_an_error():
    space = PricedChain([[0.0, 1.0]], [[1.0, 0.0]])
    with pytest.raises(InputError, match=r"budget.max_macs_m = 1.5 and budget.max_params_m = 1.5: no architecture"):
        Budget(space, BudgetSettings(max_macs_m=1.5, max_params_m=1.5)).check()


def test_a_limit_on_milliseconds_needs_a_table_and_follows_it():
    space = PricedChain([[0.0, 1.0]] * 3)
    with pytest.raises(InputError, match=r"budget.max_latency_ms needs the measured latency table"):
        Budget(space, BudgetSettings(max_latency_ms=5.0))
    latency = CostTable(space.choices, 2.0, {"c0": (1.0, 3.0), "c1": (0.5, 0.0), "c2": (0.25, 0.75)})
    budget = Budget(space, BudgetSettings(max_latency_ms=4.0), latency)
    kept = [a for a in space.everything() if budget.keeps(a)]
    assert kept == [a for a in space.everything() if latency.of(a) <= 4.0]
    assert 0 < len(kept) < 8


def test_samples_are_uniform_among_what_keeps_the_budget(monkeypatch):
    space = PricedChain([[0.0, 1.0, 2.0]] * 3)
    budget = Budget(space, BudgetSettings(max_macs_m=3.0))
    kept = [a for a in space.everything() if budget.keeps(a)]
    rng, draws = random.Random(0), 4000
    counts = dict.fromkeys(range(len(kept)), 0)
    for _ in range(draws):
        counts[kept.index(budget.sample(rng))] += 1
    expected = draws / len(kept)
    assert sum((n - expected) ** 2 / expected for n in counts.values()) < 27.9  # chi-squared, 9 degrees, p = 0.001
    monkeypatch.setattr(module, "ATTEMPTS", 10)
    with pytest.raises(InputError, match=r"budget.max_macs_m = 1: none of 10 random architectures keeps it"):
        Budget(PricedChain([[0.0, 1.0]] * 30), BudgetSettings(max_macs_m=1.0)).sample(rng)
