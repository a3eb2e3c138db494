"""Every algorithm on every space: it runs, gives an architecture of the space, and resumes bit for bit."""

import random

import pytest
import torch

from dfnas.runtime.files import load_archive, save_archive
from dfnas.search.alphas import Alphas
from dfnas.search.budget import Budget
from dfnas.search.uniform import random_architecture
from dfnas.settings.search import BudgetSettings
from dfnas.settings.search_darts import SearchDartsSettings

ALGORITHMS = {
    "darts, first order": ("make_darts", {"order": 1, "epochs": 2, "train": 32}, 2),
    "darts, second order": ("make_darts", {"order": 2, "epochs": 2, "train": 32}, 3),
    "proxyless": ("make_proxyless", {"warmup_epochs": 0, "epochs": 2, "arch_every": 1, "train": 16}, 3),
    "spos, stopped in training": ("make_spos", {"steps": 3}, 2),
    "spos, stopped in evolution": ("make_spos", {"steps": 2}, 6),
}


def leaves(value) -> list:
    """Tensors, numbers and texts of a state; tensors as lists of their numbers."""
    if isinstance(value, dict):
        value = [*value, *value.values()]
    if isinstance(value, list | tuple):
        return [leaf for one in value for leaf in leaves(one)]
    return [value.tolist() if isinstance(value, torch.Tensor) else value]


def finish(search, start, end=None):
    return [row for index in range(start, search.steps if end is None else end) if (row := search.step(index))]


@pytest.mark.parametrize("name", ["darts", "mbconv", "shufflenet", "nasbench201"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_search_gives_an_architecture_and_resumes_bit_for_bit(request, spaces, tmp_path, algorithm, name):
    maker, settings, stop = ALGORITHMS[algorithm]
    make, space = request.getfixturevalue(maker), spaces[name]
    whole = make(space, **settings)
    rows = finish(whole, 0)

    first = make(space, **settings)
    before = finish(first, 0, stop)
    save_archive(tmp_path / "state.pt", first.state_dict())
    second = make(space, seed=0, **settings)
    with torch.no_grad():
        for parameter in second.network.parameters():
            parameter.zero_()
    second.load_state_dict(load_archive(tmp_path / "state.pt"))
    torch.manual_seed(99)
    assert before + finish(second, stop) == rows

    assert leaves(whole.state_dict()) == leaves(second.state_dict())
    architecture = whole.architecture()
    assert second.architecture() == architecture
    space.check(architecture)
    strengths = whole.strengths()
    assert all(abs(p.sum() - 1) < 1e-5 for p in strengths.values())
    assert space.discretise(strengths) == architecture


@pytest.mark.parametrize("algorithm", ["make_darts", "make_proxyless", "make_spos"])
def test_a_search_is_a_function_of_its_seed(request, spaces, algorithm):
    make = request.getfixturevalue(algorithm)
    losses = []
    for seed in (0, 0, 1):
        torch.manual_seed(7 + len(losses))
        losses.append(finish(make(spaces["nasbench201"], seed=seed), 0, 6)[0]["train_loss"])
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


def test_alphas_start_near_zero_and_their_entropy_is_that_of_uniform_options(spaces):
    alphas = Alphas(
        spaces["nasbench201"], SearchDartsSettings(space={"name": "x"}), torch.Generator(), torch.device("cpu")
    )
    values = torch.cat(alphas.leaves())
    assert 5e-4 < values.std() < 2e-3
    assert alphas.entropy() == pytest.approx(torch.tensor(5.0).log().item(), rel=1e-4)
    with torch.no_grad():
        for alpha in alphas.leaves():
            alpha.copy_(torch.tensor([50.0, 0, 0, 0, 0]))
    assert alphas.entropy() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", ["darts", "mbconv", "shufflenet", "nasbench201"])
def test_the_random_baseline_keeps_its_limit_and_is_a_function_of_its_seed(spaces, name):
    space = spaces[name]
    nothing = Budget(space, BudgetSettings())
    free = [random_architecture(nothing, seed) for seed in range(12)]
    assert free == [random_architecture(nothing, seed) for seed in range(12)]
    limit = sorted(map(space.macs, free))[4] / 1e6
    budget = Budget(space, BudgetSettings(max_macs_m=limit))
    limited = [random_architecture(budget, seed) for seed in range(12)]
    assert all(space.macs(architecture) / 1e6 <= limit for architecture in limited)
    assert [a for a in free if space.macs(a) / 1e6 <= limit] == [
        b for a, b in zip(free, limited, strict=True) if space.macs(a) / 1e6 <= limit
    ]


@pytest.mark.parametrize("name", ["darts", "mbconv", "shufflenet", "nasbench201"])
@pytest.mark.parametrize("maker", ["make_darts", "make_proxyless", "make_spos"])
def test_every_search_keeps_its_budget(request, spaces, maker, name):
    make, space = request.getfixturevalue(maker), spaces[name]
    drawn = [space.sample(random.Random(seed)) for seed in range(40)]
    macs, weights = (sorted(map(cost, drawn))[10] / 1e6 for cost in (space.macs, space.parameters_table().of))
    search = make(space, budget={"max_macs_m": macs, "max_params_m": 1.02 * weights})
    finish(search, 0, None if maker == "make_spos" else 4)
    found = search.architecture()
    space.check(found)
    assert space.macs(found) / 1e6 <= macs
    assert space.parameters_table().of(found) / 1e6 <= 1.02 * weights
