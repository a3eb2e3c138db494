"""What a search algorithm is: those of dfnas by name, and any other as `module:name` or `file.py:name`."""

from typing import Any, ClassVar, Protocol

import torch

from dfnas.runtime.errors import InputError
from dfnas.runtime.objects import load_object
from dfnas.runtime.resumable import Resumable
from dfnas.search.context import SearchContext
from dfnas.settings.algorithms import EXPECTED, NAMES, reference
from dfnas.settings.search import SearchSettings
from dfnas.spaces.candidate import Candidate


class Search(Resumable, Protocol):
    """A search, as `Resumable` steps. What follows is asked when all of them are done.

    A class with a supernet has it as `network`. One whose batches several processes can share says so by
    `shares_batches = True`. One that can do without images has a static method `without_data(budget, seed, settings)`:
    it gives the architecture where `on_data` of its settings is False.
    """

    settings_type: ClassVar[type[SearchSettings]]
    """The form of its section of the configuration: a subclass of `SearchSettings`."""

    def __init__(self, context: SearchContext, settings: Any): ...

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
    return found
