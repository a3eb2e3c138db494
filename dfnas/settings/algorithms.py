"""Names of search algorithms, apart from their code: what only needs a name need not load torch."""

import re

from dfnas.runtime.errors import InputError
from dfnas.runtime.objects import split_reference

NAMES = {
    "darts": "dfnas.search.darts:DartsSearch",
    "proxyless": "dfnas.search.proxyless:ProxylessSearch",
    "spos": "dfnas.search.spos:SposSearch",
    "random": "dfnas.search.uniform:RandomSearch",
    "evolution": "dfnas.search.regularized_evolution:EvolutionSearch",
    "training_free": "dfnas.search.training_free:TrainingFreeSearch",
}
"""Short names, each with the class that it stands for; a module is imported when its algorithm is asked for."""
EXPECTED = f"{', '.join(NAMES)}, or your own as module:name or file.py:name"


def reference(algorithm: str) -> str:
    """An algorithm in its long form, `module:name` or `file.py:name`."""
    return NAMES.get(algorithm, algorithm)


def short_name(algorithm: str) -> str:
    """What an algorithm is called in tables, folders and the name of its section `search_<name>`: its short name, or
    that of its class in lower case, `telling_apart` for `mine.py:TellingApart`.

    Raises:
        InputError: it has neither form, or its class has the name of an algorithm of dfnas, or of the
            teacher, which has rows of its own.
    """
    if algorithm in NAMES:
        return algorithm
    if ":" not in algorithm:
        raise InputError(f"no such algorithm; expected {EXPECTED}")
    _, name = split_reference(algorithm)
    short = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.rpartition(".")[2]).lower()
    if short in (*NAMES, "teacher"):
        raise InputError(f"the tables have rows of dfnas's own called '{short}'; give your class another name")
    return short
