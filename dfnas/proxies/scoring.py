"""All training-free scores of an architecture.

A score is a function of the space, the architecture, the batches and the seed: it does not depend on what was scored
before, nor on which other scores are asked for.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from dfnas.proxies.az_nas import block_terms
from dfnas.proxies.gradients import grad_norm, zico
from dfnas.proxies.jacov import jacov
from dfnas.proxies.naswot import naswot
from dfnas.proxies.synflow import synflow
from dfnas.proxies.untrained import Batch, untrained
from dfnas.runtime.errors import InputError
from dfnas.runtime.seeds import generator
from dfnas.settings.search import SpaceSettings
from dfnas.spaces.registry import make
from dfnas.spaces.space import Architecture, Space, Task


@dataclass(frozen=True)
class Scorer:
    """Scores architectures of a space.

    Args:
        space: of the final networks, whose multiply-accumulates and weights count.
        scored: the same space in the sizes in which networks are scored.
        proxies: names of `dfnas.settings.proxies.PROXIES`.
        batches: what networks are shown, see `dfnas.proxies.inputs`.
        seed: of weights and random signs, the same for all architectures.
    """

    space: Space
    scored: Space
    proxies: Collection[str]
    batches: Sequence[Batch]
    seed: int

    def of(self, architecture: Architecture) -> dict[str, float]:
        """Multiply-accumulates and weights of an architecture in millions, `macs_m` and `params_m`, and its proxies."""
        costs = {
            "macs_m": self.space.macs(architecture) / 1e6,
            "params_m": self.space.parameters_table().of(architecture) / 1e6,
        }
        return costs | self.proxies_of(architecture)

    def proxies_of(self, architecture: Architecture) -> dict[str, float]:
        """The proxies of an architecture."""
        scores: dict[str, float] = {}
        for measure in MEASURES:
            if set(measure.gives).intersection(self.proxies):
                network = untrained(self.scored, architecture, self.seed, measure.kaiming)
                found = measure.of(self, network.to(self.batches[0][0].device))
                scores |= zip(measure.gives, found, strict=True)
        return {name: scores[name] for name in self.proxies}


@dataclass(frozen=True)
class _Measure:
    gives: tuple[str, ...]
    kaiming: bool
    """Whether weights are drawn as AZ-NAS draws them, which compared AZ-NAS, SynFlow and NASWOT so; the others were
    published with the networks' own."""
    of: Callable[[Scorer, nn.Module], tuple[float, ...]]


def _blocks(scorer: Scorer, network: nn.Module) -> tuple[float, ...]:
    rng = generator(scorer.seed, "signs")
    return block_terms(network, scorer.scored.feature_blocks(network), scorer.batches[0][0], rng)


def _synflow(scorer: Scorer, network: nn.Module) -> tuple[float, ...]:
    return (synflow(network, tuple(scorer.batches[0][0].shape[1:])),)


MEASURES = (
    _Measure(("expressivity", "progressivity", "trainability"), True, _blocks),
    _Measure(("synflow",), True, _synflow),
    _Measure(("naswot",), True, lambda scorer, network: (naswot(network, scorer.batches[0][0]),)),
    _Measure(("jacov",), False, lambda scorer, network: (jacov(network, scorer.batches[0][0]),)),
    _Measure(("zico",), False, lambda scorer, network: (zico(network, scorer.batches),)),
    _Measure(("grad_norm",), False, lambda scorer, network: (grad_norm(network, scorer.batches[0]),)),
)


def scored_space(settings: SpaceSettings, space: Space, options: Mapping[str, Any]) -> Space:
    """A space in the sizes in which its networks are scored.

    Args:
        settings: of the `space`.
        options: laid over those of the settings.

    Raises:
        InputError: sizes that cannot be, or with which the space has other choices.
    """
    if not options:
        return space
    task: Task = space.task
    scored = make(settings.name, task, {**settings.options, **options})
    if scored.choices != space.choices:
        raise InputError(
            f"network_options {dict(options)} give the space {settings.name} other choices; expected sizes that leave "
            "the choices as they are, such as channels"
        )
    return scored
