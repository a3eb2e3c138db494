"""Every algorithm on every space: it runs, gives an architecture of the space, and resumes bit for bit."""

import dataclasses
import random

import pytest
import torch
from stepping import finish, leaves, search_on

from dfnas.dataset.batches import Batches
from dfnas.measure.complexity import count_macs
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import load_archive, save_archive
from dfnas.search.alphas import Alphas
from dfnas.search.budget import Budget
from dfnas.search.derivation import Derivation
from dfnas.search.uniform import random_architectures
from dfnas.settings.search import BudgetSettings
from dfnas.settings.search_darts import SearchDartsSettings
from dfnas.spaces.architecture import describe
from dfnas.spaces.registry import make
from dfnas.spaces.slot import set_mixer
from dfnas.spaces.space import Task

pytestmark = pytest.mark.slow

RANKS = {"proxies": ("expressivity", "progressivity", "trainability", "synflow"), "batch_size": 2}
BREEDING = {"generations": 2, "population": 3, "parents": 2, "crossover": 1, "mutation": 1}
ALGORITHMS = {
    "darts, first order": ("make_darts", {"order": 1, "epochs": 2, "train": 16}, 1),
    "darts, second order": ("make_darts", {"order": 2, "epochs": 2, "train": 32}, 3),
    "darts, stopped by skips": (
        "make_darts",
        {"order": 1, "epochs": 3, "train": 16, "arch_lr": 0.1, "stop": {"by": "skips", "skips": 1}},
        1,
    ),
    "darts, stopped by curvature": (
        "make_darts",
        {
            "order": 1,
            "epochs": 4,
            "train": 16,
            "arch_warmup_epochs": 1,
            "stop": {"by": "eigenvalue", "window": 1, "ratio": 1.0, "first_epoch": 0, "iterations": 2},
        },
        3,
    ),
    "darts, selected by perturbation": (
        "make_darts",
        {"order": 1, "epochs": 1, "train": 16, "selection": {"by": "perturbation", "tune_epochs": 1}},
        4,
    ),
    "darts, uniform, selected by perturbation": (
        "make_darts",
        {
            "order": 2,
            "epochs": 1,
            "train": 16,
            "train_architecture": False,
            "selection": {"by": "perturbation", "tune_epochs": 1},
        },
        4,
    ),
    "proxyless": ("make_proxyless", {"warmup_epochs": 0, "epochs": 2, "arch_every": 1, "train": 16}, 3),
    "spos, stopped in training": ("make_supernet", {"steps": 3}, 2),
    "spos, stopped in evolution": ("make_spos", {"steps": 2}, 4),
    "proxyless, ranked": (
        "make_proxyless",
        {"warmup_epochs": 0, "epochs": 2, "arch_every": 1, "train": 16, "ranks": RANKS, "evolution": BREEDING},
        3,
    ),
    "spos, strictly fair and ranked": ("make_spos", {"steps": 2, "sampling": "strict", "ranks": RANKS}, 4),
    "evolution, stopped in a candidate": ("make_evolution", {"cycles": 5}, 7),
    "evolution, stopped between two": ("make_evolution", {"cycles": 5}, 8),
    "random, stopped in a candidate": ("make_random", {}, 3),
}
PARTIAL = {
    "darts": {"channels": 2, "search_channels": 4, "cells": 3, "search_cells": 3, "nodes": 2},
    "nasbench201": {"channels": 4, "cells_per_stage": 1},
}
PARTIAL = {name: options | {"search_partial_channels": 2} for name, options in PARTIAL.items()}


@pytest.mark.parametrize("name", ["darts", "mbconv", "shufflenet", "nasbench201"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_search_gives_an_architecture_and_resumes_bit_for_bit(request, spaces, tmp_path, algorithm, name):
    maker, settings, stop = ALGORITHMS[algorithm]
    make, space = request.getfixturevalue(maker), spaces[name]
    whole = make(space, **settings)
    before = finish(whole, 0, stop)
    save_archive(tmp_path / "state.pt", whole.state_dict())
    rows = before + finish(whole, stop)
    second = make(space, seed=0, **settings)
    if supernet := getattr(second, "network", None):
        with torch.no_grad():
            for parameter in supernet.parameters():
                parameter.zero_()
    second.load_state_dict(load_archive(tmp_path / "state.pt"))
    torch.manual_seed(99)
    assert before + finish(second, stop) == rows

    assert leaves(whole.state_dict()) == leaves(second.state_dict())
    search, again = search_on(whole), search_on(second)
    if search is not whole:
        assert finish(search, 0) == finish(again, 0)
    assert search.report() == again.report()
    architecture = search.architecture()
    assert again.architecture() == architecture
    space.check(architecture)
    strengths = search.strengths()
    assert all(abs(p.sum() - 1) < 1e-5 for p in strengths.values())
    if not isinstance(search, Derivation) or search.settings.ranks is None:
        assert space.discretise(strengths) == architecture


@pytest.mark.parametrize("name", ["darts", "nasbench201"])
def test_partial_channels_with_weighed_edges_resume_bit_for_bit(spaces, make_darts, tmp_path, name):
    """PC-DARTS. Strengths are then those of options times those of edges, by which the cell's rule compares."""
    space = make(name, spaces[name].task, PARTIAL[name])
    settings = {"order": 2, "epochs": 3, "train": 32, "arch_warmup_epochs": 1, "edge_normalisation": True}
    whole, second = (make_darts(space, **settings) for _ in range(2))
    before = finish(whole, 0, 3)
    save_archive(tmp_path / "state.pt", whole.state_dict())
    rows = before + finish(whole, 3)
    second.load_state_dict(load_archive(tmp_path / "state.pt"))
    assert before + finish(second, 3) == rows
    assert leaves(whole.state_dict()) == leaves(second.state_dict())
    space.check(whole.architecture())
    strengths = whole.strengths()
    for node in space.topology().values():
        assert sum(strengths[edge].sum().item() for edge in node.edges) == pytest.approx(1, abs=1e-5)
    assert ["architecture_loss" in row for row in rows] == [False, True, True]


@pytest.mark.parametrize("name", ["mbconv", "shufflenet"])
def test_what_only_cells_have_is_refused_elsewhere(spaces, make_darts, name):
    with pytest.raises(InputError, match=f"the space '{name}' takes no option 'search_partial_channels'"):
        make(name, spaces[name].task, {"search_partial_channels": 2})
    with pytest.raises(InputError, match=r"edge_normalisation = true, but \w+ has no nodes"):
        make_darts(spaces[name], edge_normalisation=True)


@pytest.mark.parametrize(
    "algorithm", ["make_darts", "make_proxyless", "make_supernet", "make_evolution", "make_random"]
)
def test_a_search_is_a_function_of_its_seed(request, spaces, algorithm):
    make = request.getfixturevalue(algorithm)
    losses = []
    for seed in (0, 0, 1):
        torch.manual_seed(7 + len(losses))
        losses.append(finish(make(spaces["nasbench201"], seed=seed), 0, 6)[0]["train_loss"])
    assert losses[0] == losses[1]
    assert losses[0] != losses[2]


@pytest.mark.parametrize("labels", ["soft", "hard", "teacher"])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_search_takes_every_kind_of_label_on_averaged_images(request, spaces, algorithm, labels):
    """At half the side; the targets are those of the labels asked for, in every half and kind of step."""
    maker, settings, _ = ALGORITHMS[algorithm]
    made = request.getfixturevalue(maker)(
        spaces["nasbench201"], **settings, labels=labels, temperature=3.0, downscale=2
    )
    sequences = [value for value in vars(made).values() if isinstance(value, Batches)]
    of_alphas = algorithm.startswith(("darts", "proxyless")) and "uniform" not in algorithm
    searched = algorithm.startswith("spos") and algorithm != "spos, stopped in training"  # that trains on none
    assert len(sequences) == (2 if of_alphas else 0 if searched else 1)
    for batches in sequences:
        views, targets = batches[0]
        assert views.shape[2:] == (4, 4)
        chosen, full = batches.full_views(0)
        expected = {
            "soft": (batches.data.soft_labels[chosen].log() / 3).softmax(1),
            "hard": torch.nn.functional.one_hot(batches.data.soft_labels[chosen].argmax(1), 3).float(),
            "teacher": (made.context.teacher(full * 0.25 + 0.5) / 3).softmax(1),
        }
        torch.testing.assert_close(targets, expected[labels], rtol=1e-4, atol=1e-5)
    finish(made, 0)
    search = search_on(made)
    if search is not made:
        finish(search, 0)
    judging = made if hasattr(made, "held_out") else search
    assert all(views.shape[2:] == (4, 4) for views in judging.held_out)
    document = describe("nasbench201", {}, spaces["nasbench201"], search.architecture(), {})
    assert document["task"]["size"] == (8, 8)
    assert document["macs"] == count_macs(spaces["nasbench201"].network(search.architecture()), 1, 8, 8)


@pytest.mark.parametrize("name", ["darts", "mbconv", "shufflenet", "nasbench201"])
def test_a_supernet_is_the_same_whatever_the_size_of_the_images(make_space, name):
    views = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    logits = []
    for side in (8, 4):
        torch.manual_seed(0)
        network = make_space(name, Task(channels=1, size=side, classes=3)).supernet()
        set_mixer(network, lambda slot, x: slot.options[0](x))
        logits.append(network(views))
    assert torch.equal(*logits)


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
    free = [random_architectures(nothing, seed, 1)[0] for seed in range(12)]
    assert free == [random_architectures(nothing, seed, 3)[0] for seed in range(12)]
    limit = sorted(map(space.macs, free))[4] / 1e6
    budget = Budget(space, BudgetSettings(max_macs_m=limit))
    limited = [random_architectures(budget, seed, 1)[0] for seed in range(12)]
    assert all(space.macs(architecture) / 1e6 <= limit for architecture in limited)
    assert [a for a in free if space.macs(a) / 1e6 <= limit] == [
        b for a, b in zip(free, limited, strict=True) if space.macs(a) / 1e6 <= limit
    ]


@pytest.mark.parametrize("name", ["darts", "mbconv", "shufflenet", "nasbench201"])
@pytest.mark.parametrize("maker", ["make_darts", "make_proxyless", "make_spos", "make_evolution", "make_random"])
def test_every_search_keeps_its_budget(request, spaces, maker, name):
    make, space = request.getfixturevalue(maker), spaces[name]
    drawn = [space.sample(random.Random(seed)) for seed in range(40)]
    macs, weights = (sorted(map(cost, drawn))[10] / 1e6 for cost in (space.macs, space.parameters_table().of))
    made = make(space, budget={"max_macs_m": macs, "max_params_m": 1.02 * weights})
    finish(made, 0, 4 if maker in ("make_darts", "make_proxyless") else None)
    found = search_on(made).architecture()
    space.check(found)
    assert space.macs(found) / 1e6 <= macs
    assert space.parameters_table().of(found) / 1e6 <= 1.02 * weights


@pytest.mark.parametrize(
    "algorithm",
    [
        "darts, first order",
        "darts, uniform, selected by perturbation",
        "proxyless",
        "spos, stopped in training",
        "evolution, stopped between two",
        "random, stopped in a candidate",
    ],
)
def test_what_images_were_made_for_decides_nothing(request, spaces, algorithm):
    """Noise with a teacher's labels: it was made for classes in name only, and the teacher sees others in it. Every
    figure and every choice is by what the labels say."""
    maker, settings, _ = ALGORITHMS[algorithm]

    def found(wished):
        made = request.getfixturevalue(maker)(spaces["shufflenet"], **settings)
        train, validation = (
            dataclasses.replace(data, targets=wished(data.likely))
            for data in (made.context.train, made.context.validation)
        )
        context = dataclasses.replace(made.context, train=train, validation=validation)
        made = type(made)(context, made.settings)
        rows, search = finish(made, 0), search_on(made)
        if search is not made:
            rows += finish(search, 0)
        return rows, search.architecture(), search.candidates()

    assert found(lambda likely: likely) == found(lambda likely: (likely + 1) % 3)


@pytest.mark.parametrize(
    ("algorithm", "changes", "steps"),
    [
        ("make_darts", {}, 2),
        ("make_darts", {"train_architecture": False, "selection": {"by": "perturbation"}}, 2),
        ("make_proxyless", {}, 4),
    ],
)
def test_schedules_in_epochs_are_as_long_on_data_of_any_size(spaces, request, algorithm, changes, steps):
    """The halves of DARTS have half of an epoch's images each, and so have its weights alone."""
    make = request.getfixturevalue(algorithm)
    searches = [
        make(spaces["nasbench201"], train=train, epochs=2, batch_size=8, images_per_epoch=32, **changes)
        for train in (32, 48)
    ]
    assert [search.batches.per_epoch for search in searches] == [steps, steps]
    assert searches[0].steps == searches[1].steps
