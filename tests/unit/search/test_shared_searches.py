"""Two processes that share every batch of a search, connected over gloo, against one process that has it alone.

Without BatchNorm and dropout all that differs is the order in which floats are added. With them, each normalises its
share by statistics of its own and draws masks of its own, and what is asked is that both hold the same weights and α,
and go on as they were.
"""

import math
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from stepping import finish, search_on
from torch import distributed, nn

from dfnas.dataset.images import ImageSet
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import load_archive, save_archive
from dfnas.runtime.processes import ALONE, Processes
from dfnas.search.budget import Budget
from dfnas.search.context import SearchContext
from dfnas.search.darts import DartsSupernet
from dfnas.search.proxyless import ProxylessSupernet
from dfnas.search.spos import SposSupernet
from dfnas.settings.search import BudgetSettings, SpaceSettings
from dfnas.settings.search_darts import SearchDartsSettings, SelectionSettings, StopSettings
from dfnas.settings.search_proxyless import SearchProxylessSettings
from dfnas.settings.search_spos import EvolutionSettings, SearchSposSettings
from dfnas.settings.training import AugmentationSettings
from dfnas.spaces.registry import make
from dfnas.spaces.space import Space, Task

pytestmark = pytest.mark.slow

COUNT = 2
TASK = Task(channels=1, size=8, classes=3)
CHAIN = {"stem_width": 4, "stem_stride": 1, "widths": [8], "depths": [2], "strides": [1], "last_width": 8}
SPACES = {
    "nasbench201": {"channels": 2, "cells_per_stage": 1},
    "mbconv": CHAIN | {"first_width": 4, "kernels": [3, 5], "expansions": [2]},
    "shufflenet": CHAIN,
}
COMMON = {"space": SpaceSettings(name="toy"), "batch_size": 8, "augmentation": AugmentationSettings(pad=1, cutout=2)}
EVOLUTION = EvolutionSettings(
    generations=2,
    population=3,
    parents=2,
    crossover=1,
    mutation=1,
    recalibration_batches=2,
    recalibration_batch_size=8,
)


class Case(NamedTuple):
    """A supernet's training, the step after which it is saved and resumed, and how close two processes come to one."""

    space: str
    algorithm: Any
    settings: Any
    saved_after: int
    tolerance: float


def darts(**settings: Any) -> SearchDartsSettings:
    return SearchDartsSettings(**COMMON | {"epochs": 2, "lr": 0.01, "lr_min": 0.001, "arch_lr": 0.01} | settings)


BY_PERTURBATION = SelectionSettings(by="perturbation", tune_epochs=0.5)
BY_CURVATURE = StopSettings(by="eigenvalue", window=1, ratio=1.0, first_epoch=0, iterations=2)
CASES = {
    "darts, first order": Case("nasbench201", DartsSupernet, darts(order=1), 3, 1e-5),
    # A difference of two gradients over a hundredth of a norm: summation is magnified as much.
    "darts, second order": Case("nasbench201", DartsSupernet, darts(order=2), 3, 1e-3),
    "darts, by perturbation": Case(
        "nasbench201", DartsSupernet, darts(order=1, epochs=1, selection=BY_PERTURBATION), 4, 1e-5
    ),
    "darts, by perturbation, uniform": Case(
        "nasbench201",
        DartsSupernet,
        darts(order=1, epochs=1, train_architecture=False, selection=BY_PERTURBATION),
        6,
        1e-5,
    ),
    "darts, by curvature": Case("nasbench201", DartsSupernet, darts(order=1, epochs=3, stop=BY_CURVATURE), 4, 1e-4),
    "proxyless": Case(
        "mbconv",
        ProxylessSupernet,
        SearchProxylessSettings(**COMMON | {"warmup_epochs": 1, "epochs": 2, "arch_every": 2, "lr": 0.01}),
        16,
        1e-5,
    ),
    "proxyless, by the gates of all options": Case(
        "mbconv",
        ProxylessSupernet,
        SearchProxylessSettings(
            **COMMON | {"warmup_epochs": 0, "epochs": 2, "arch_every": 2, "lr": 0.01, "gates": "all"}
        ),
        6,
        1e-5,
    ),
    "spos": Case(
        "shufflenet",
        SposSupernet,
        SearchSposSettings(
            **COMMON | {"steps": 6, "lr": 0.02, "evolution": EVOLUTION, "budget": BudgetSettings()}, judge_by="loss"
        ),
        4,
        1e-5,
    ),
}


def space_of(name: str, norms: bool) -> Space:
    space = make(name, TASK, SPACES[name])
    if norms:
        return space
    build = type(space).supernet

    def bare() -> nn.Module:
        network = build(space)
        for module in list(network.modules()):
            for child, layer in list(module.named_children()):
                if isinstance(layer, nn.BatchNorm2d | nn.Dropout):
                    setattr(module, child, nn.Identity())
        return network

    space.supernet = bare
    return space


def searched(
    case: Case, data: tuple[ImageSet, ImageSet], processes: Processes, norms: bool, path: Path, resume: bool = False
) -> dict[str, Any]:
    """What a supernet's training and the search on it end with. The former leaves its state at `path` on the way, or
    begins with it."""
    space = space_of(case.space, norms)
    context = SearchContext(space, *data, 0, Budget(space, BudgetSettings()), processes=processes)
    supernet, first, rows = case.algorithm(context, case.settings), 0, []
    if resume:
        first = case.saved_after
        supernet.load_state_dict(load_archive(path))
    index = first
    while index < supernet.steps:
        if index == case.saved_after and not resume and processes.leads:
            save_archive(path, supernet.state_dict())
        rows.append(supernet.step(index))
        index += 1
    alphas = supernet.alphas.state_dict()["values"] if hasattr(supernet, "alphas") else {}
    statistics = {name: value.clone() for name, value in supernet.network.named_buffers()}
    search = search_on(supernet)
    rows += finish(search, 0)
    return {
        "weights": {name: value.detach().clone() for name, value in supernet.network.named_parameters()},
        "alphas": {choice: alpha.clone() for choice, alpha in alphas.items()},
        "statistics": statistics,
        "architecture": search.architecture(),
        "candidates": [(c.architecture, c.loss) for c in search.candidates()],
        "rows": [row for row in rows if row],
    }


def work(rank: int, data: tuple[ImageSet, ImageSet], folder: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=COUNT)
    processes, found = Processes(rank, COUNT), {}
    for number, (name, case) in enumerate(CASES.items()):
        path = folder / f"state-{number}.pt"
        found[name] = {"plain": searched(case, data, processes, False, folder / "unused.pt")}
        found[name]["whole"] = searched(case, data, processes, True, path)
        distributed.barrier()  # until the state is there
        found[name]["resumed"] = searched(case, data, processes, True, path, resume=True)
    torch.save(found, folder / f"rank-{rank}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def data(make_images) -> tuple[ImageSet, ImageSet]:
    return make_images(48), make_images(18, seed=1)


@pytest.fixture(scope="module")
def together(data, tmp_path_factory, side_by_side) -> list[dict]:
    """What each of the processes ends with, by search."""
    folder = tmp_path_factory.mktemp("together")
    return side_by_side(work, COUNT, data, folder, 240)


def assert_equal(ours: dict[str, torch.Tensor], theirs: dict[str, torch.Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


@pytest.mark.parametrize("name", CASES)
def test_two_processes_find_what_one_finds(together, data, tmp_path, name):
    case = CASES[name]
    alone = searched(case, data, ALONE, False, tmp_path / "state.pt")
    first, second = (each[name]["plain"] for each in together)
    for part in ("weights", "alphas"):
        assert_equal(first[part], second[part])
        for key, value in first[part].items():
            torch.testing.assert_close(value, alone[part][key], atol=case.tolerance, rtol=case.tolerance)
    assert first["architecture"] == second["architecture"] == alone["architecture"]
    assert [a for a, _ in first["candidates"]] == [a for a, _ in alone["candidates"]]
    assert first["candidates"] == second["candidates"]
    assert len(first["rows"]) == len(alone["rows"])
    for ours, theirs in zip(first["rows"], alone["rows"], strict=True):
        assert ours.keys() == theirs.keys()
        for key, value in ours.items():
            wanted = theirs[key] if isinstance(value, str) else pytest.approx(theirs[key], rel=0.05, abs=1e-3)
            assert value == wanted, key


@pytest.mark.parametrize("name", CASES)
def test_with_statistics_of_their_own_both_hold_the_same_search(together, name):
    first, second = (each[name]["whole"] for each in together)
    assert_equal(first["weights"], second["weights"])
    assert_equal(first["alphas"], second["alphas"])
    assert first["architecture"] == second["architecture"]
    assert first["candidates"] == second["candidates"]
    differing = [key for key, value in first["statistics"].items() if not torch.equal(value, second["statistics"][key])]
    assert differing  # each has seen its share of the images


@pytest.mark.parametrize("name", CASES)
def test_a_resumed_search_is_bit_identical(together, name):
    whole, resumed = together[0][name]["whole"], together[0][name]["resumed"]
    for part in ("weights", "alphas", "statistics"):
        assert_equal(whole[part], resumed[part])
    assert whole["architecture"] == resumed["architecture"]
    assert whole["candidates"] == resumed["candidates"]
    missing = len(whole["rows"]) - len(resumed["rows"])
    for ours, theirs in zip(resumed["rows"], whole["rows"][missing:], strict=True):
        assert {k: v for k, v in ours.items() if not _is_nan(v)} == {k: v for k, v in theirs.items() if not _is_nan(v)}


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def test_a_batch_that_cannot_be_shared_is_refused(data):
    space = space_of("shufflenet", True)
    context = SearchContext(space, *data, 0, Budget(space, BudgetSettings()), processes=Processes(0, 3))
    with pytest.raises(InputError, match="batch_size = 8 must be a multiple of the 3 processes"):
        SposSupernet(context, CASES["spos"].settings)


def test_one_process_keeps_its_own_gradients_and_judgements():
    gradients = [torch.ones(2), torch.zeros(3)]
    averaged = ALONE.averaged(gradients)
    assert all(ours is theirs for ours, theirs in zip(averaged, gradients, strict=True))
    assert ALONE.of_leader(lambda: (0.25, 2.0), 2) == [0.25, 2.0]
    assert ALONE.own() == ()
