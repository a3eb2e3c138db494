"""Names of search spaces, apart from their code: what only needs a name need not load torch."""

import re

NAMES = {
    "darts": "dfnas.spaces.darts:CellSpace",
    "mbconv": "dfnas.spaces.mbconv:MBConvSpace",
    "nasbench201": "dfnas.spaces.nasbench201:NASBench201Space",
    "shufflenet": "dfnas.spaces.shufflenet:ShuffleNetSpace",
}
"""Short names, each with what it stands for; a module is imported when its space is asked for."""

NOTATIONS = {"nasbench201": (r"\|[^|+]+~0\|(\+\|.+\|)+", "|op~0|+|op~0|op~1|+|op~0|op~1|op~2|")}
"""How those spaces write their architectures that have a notation of their own: a pattern, and words."""
NOTATION = (r"[^=,]+=[^=,]+(,[^=,]+=[^=,]+)*", "choice=option,choice=option,…")
"""How the others do, see `Space.to_string`."""


def reference(name: str) -> str:
    """A space's name in its long form, `module:name` or `file.py:name`."""
    return NAMES.get(name, name)


def is_written(name: str, text: str) -> bool:
    """Whether a text looks like an architecture of one of NAMES: whether it is one, the space's `from_string` says."""
    return re.fullmatch(NOTATIONS.get(name, NOTATION)[0], text) is not None
