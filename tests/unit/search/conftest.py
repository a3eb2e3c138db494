"""A search space small and smooth enough to differentiate by hand, and the searches on small data."""

import pytest
import torch
from stepping import finish, search_on
from torch import nn

from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.search.budget import Budget
from dfnas.search.context import SearchContext
from dfnas.search.darts import DartsSupernet
from dfnas.search.proxyless import ProxylessSupernet
from dfnas.search.regularized_evolution import EvolutionSearch
from dfnas.search.spos import SposSearch, SposSupernet
from dfnas.search.uniform import RandomSearch
from dfnas.settings.search import BudgetSettings, SpaceSettings
from dfnas.settings.search_darts import SearchDartsSettings
from dfnas.settings.search_evolution import SearchEvolutionSettings
from dfnas.settings.search_proxyless import CostTermSettings, SearchProxylessSettings
from dfnas.settings.search_random import SearchRandomSettings
from dfnas.settings.search_spos import EvolutionSettings, SearchSposSettings
from dfnas.settings.training import AugmentationSettings
from dfnas.spaces.cell_operations import Zero
from dfnas.spaces.costs import CostTable
from dfnas.spaces.slot import Slot
from dfnas.spaces.space import Space, Task

NAMES = ("linear", "bent", "skip", "zero")


class Residual(nn.Module):
    def __init__(self, body: nn.Module):
        super().__init__()
        self.body = body

    def forward(self, x):
        return x + self.body(x)


class ToySpace(Space):
    """Four options at each of two positions between an entry and a classifier, all smooth. `zero` leaves the
    shortcut alone, as in ProxylessNAS. MACs are made up."""

    def __init__(self, task: Task):
        self.task = task
        self.choices = {"first": NAMES, "second": NAMES}

    def supernet(self) -> nn.Module:
        def options(width: int) -> dict[str, nn.Module]:
            conv = [nn.Conv2d(width, width, 3, padding=1) for _ in range(2)]
            return dict(zip(NAMES, (conv[0], nn.Sequential(conv[1], nn.Tanh()), nn.Identity(), Zero(1)), strict=True))

        slots = [Residual(Slot(choice, options(3))) for choice in self.choices]
        head = [nn.Conv2d(self.task.channels, 3, 3, 2), nn.Tanh()], [nn.Flatten(), nn.LazyLinear(self.task.classes)]
        network = nn.Sequential(*head[0], *slots, *head[1])
        for slot in slots:
            slot.body.mixer = lambda slot, x: x
        network(torch.zeros(1, self.task.channels, *self.task.size))
        return network

    def network(self, architecture):
        raise NotImplementedError

    def macs_table(self):
        options = {"first": (4_000_000, 3_000_000, 0, 0), "second": (1_000_000, 5_000_000, 0, 0)}
        return CostTable(self.choices, 2_000_000, options)


@pytest.fixture(scope="session")
def toy_space() -> ToySpace:
    return ToySpace(Task(channels=1, size=8, classes=3))


@pytest.fixture
def context(make_images):
    """context(space, train=48, seed=0, budget={}, latency=None): small data, and a teacher of another normalisation."""
    torch.manual_seed(0)
    spec = TeacherSpec(builder="linear", classes=3, channels=1, size=(8, 8), mean=(0.4,), std=(0.3,))
    teacher = Teacher(spec, nn.Sequential(nn.Flatten(), nn.Linear(64, 3)))

    def make(space: Space, train: int = 48, seed: int = 0, budget=None, latency=None) -> SearchContext:
        limits = Budget(space, BudgetSettings(**budget or {}), latency)
        return SearchContext(space, make_images(train), make_images(18, seed=1), seed, limits, teacher, latency)

    return make


COMMON = {"space": SpaceSettings(name="toy"), "batch_size": 8, "augmentation": AugmentationSettings(pad=1)}
EVOLUTION = {"generations": 2, "population": 3, "parents": 2, "crossover": 1, "mutation": 1}
EVOLUTION |= {"recalibration_batches": 2, "recalibration_batch_size": 8}


@pytest.fixture
def make_darts(context):
    def make(space: Space, seed: int = 0, train: int = 48, budget=None, **changes) -> DartsSupernet:
        return DartsSupernet(
            context(space, train, seed, budget), SearchDartsSettings(**COMMON | {"epochs": 3} | changes)
        )

    return make


@pytest.fixture
def make_proxyless(context):
    def make(
        space: Space, seed: int = 0, train: int = 48, budget=None, latency=None, cost=None, **changes
    ) -> ProxylessSupernet:
        settings = {"epochs": 3, "warmup_epochs": 0, "arch_every": 2, "arch_lr": 0.05}
        settings["cost"] = CostTermSettings(**cost or {"form": "none"})
        settings = SearchProxylessSettings(**COMMON | settings | changes)
        return ProxylessSupernet(context(space, train, seed, budget, latency), settings)

    return make


@pytest.fixture
def make_supernet(context):
    """The training of the supernet of SPOS."""

    def make(space: Space, seed: int = 0, train: int = 48, budget=None, evolution=None, **changes) -> SposSupernet:
        settings = {"steps": 5, "lr": 0.1, "evolution": EvolutionSettings(**EVOLUTION | (evolution or {}))}
        return SposSupernet(context(space, train, seed, budget), SearchSposSettings(**COMMON | settings | changes))

    return make


@pytest.fixture
def make_spos(make_supernet):
    """The search on such a supernet, which is trained."""

    def make(space: Space, **settings) -> SposSearch:
        supernet = make_supernet(space, **settings)
        finish(supernet, 0)
        return search_on(supernet)

    return make


@pytest.fixture
def make_evolution(context):
    def make(space: Space, seed: int = 0, train: int = 48, budget=None, **changes) -> EvolutionSearch:
        settings = {"steps": 2, "cycles": 6, "population": 3, "sample": 2}
        return EvolutionSearch(
            context(space, train, seed, budget), SearchEvolutionSettings(**COMMON | settings | changes)
        )

    return make


@pytest.fixture
def make_random(context):
    def make(space: Space, seed: int = 0, train: int = 48, budget=None, **changes) -> RandomSearch:
        settings = {"steps": 2, "draws": 3}
        return RandomSearch(context(space, train, seed, budget), SearchRandomSettings(**COMMON | settings | changes))

    return make


@pytest.fixture
def in_double():
    """in_double(search): its weights and α as float64, so that exact derivatives can be compared with."""

    def convert(search):
        search.network.double()
        search.alphas.values = {
            choice: alpha.detach().double().add(torch.linspace(-0.5, 0.5, len(alpha))).requires_grad_()
            for choice, alpha in search.alphas.values.items()
        }
        for state in search.optimizer.state.values():
            state["momentum_buffer"] = state["momentum_buffer"].double()
        return search

    return convert


@pytest.fixture
def double_batch():
    def batch(pair):
        return tuple(values.double() for values in pair)

    return batch
