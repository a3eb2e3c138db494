"""What a search algorithm is: those of dfnas by name, and any other as `module:name` or `file.py:name`."""

from typing import Any, ClassVar, Protocol

import torch

from dfnas.runtime.errors import InputError
from dfnas.runtime.objects import load_object
from dfnas.runtime.resumable import Resumable
from dfnas.search.budget import Budget
from dfnas.search.context import SearchContext
from dfnas.search.supernet import Supernet, Trained
from dfnas.settings.algorithms import EXPECTED, NAMES, reference
from dfnas.settings.search import SearchSettings
from dfnas.spaces.candidate import Candidate


class Search(Resumable, Protocol):
    """A search, as `Resumable` steps. What follows is asked when all of them are done.

    A class of dfnas whose supernet is trained apart names what trains it as `supernet_class`, and takes the trained one
    (`dfnas.search.supernet.Trained`) as a third argument; a `Derivation` of it looks at no images, takes the budget in
    place of the context, and the seed as a fourth. One whose batches several processes can share says so by
    `shares_batches = True`, for `torchrun`; the workflow starts several for those of dfnas alone, since it loads no
    class. One that can do without images has a static method `without_data(budget, seed, settings)`: it gives the
    architecture where `on_data` of its settings is False. One whose scores of architectures do not depend on the budget
    keeps them as `scores_by_path`, by the text of `dfnas.spaces.candidate.to_text`: searches on one supernet then share
    them.
    """

    settings_type: ClassVar[type[SearchSettings]]
    """The form of its section of the configuration: a subclass of `SearchSettings`."""

    def __init__(self, context: SearchContext | Budget, settings: Any, *further: Trained | int): ...

    @property
    def remedy(self) -> str:
        """What a user can do whose search has collapsed."""

    def architecture(self) -> dict[str, str]:
        """The option of every choice."""

    def strengths(self) -> dict[str, torch.Tensor]:
        """How strong every option is, (O,) per choice."""

    def candidates(self) -> list[Candidate]:
        """What it has judged, in that order."""

    def report(self) -> dict[str, bool | float | int | str]:
        """How it went, `collapse.judged` of the architecture included."""


ASKED = ("remedy", "step", "state_dict", "load_state_dict", "architecture", "strengths", "candidates", "report")


def resolve(algorithm: str) -> type[Search]:
    """The class of an algorithm.

    Args:
        algorithm: a key of NAMES, `module:name` or `file.py:name`.

    Raises:
        InputError: there is no such algorithm, or it is no class of a search.
    """
    if algorithm not in NAMES and ":" not in algorithm:
        raise InputError(f"unknown algorithm '{algorithm}'; expected {EXPECTED}")
    found = load_object(reference(algorithm))
    if not isinstance(found, type):
        raise InputError(f"'{algorithm}' is no class; expected a search as docs/extending.md describes it")
    if missing := [name for name in ASKED if not hasattr(found, name)]:
        raise InputError(f"'{algorithm}' has no {', '.join(missing)}; a search needs it (docs/extending.md)")
    settings = getattr(found, "settings_type", None)
    if not (isinstance(settings, type) and issubclass(settings, SearchSettings)):
        raise InputError(
            f"'{algorithm}' has no settings_type; expected a subclass of dfnas.settings.search:SearchSettings"
        )
    if getattr(settings, "on_data", None) is not SearchSettings.on_data and not hasattr(found, "without_data"):
        raise InputError(
            f"'{algorithm}' has no without_data(budget, seed), and on_data of its settings can be False; leave out "
            "on_data, or add what gives an architecture then"
        )
    return found


def supernet_of(algorithm: type[Search]) -> type[Supernet] | None:
    """What trains the supernet that an algorithm searches on; None where it needs none, or trains its own."""
    found: type[Supernet] | None = getattr(algorithm, "supernet_class", None)
    return found
