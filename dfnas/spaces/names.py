"""Names of search spaces, apart from their code: what only needs a name need not load torch."""

NAMES = {
    "darts": "dfnas.spaces.darts:CellSpace",
    "mbconv": "dfnas.spaces.mbconv:MBConvSpace",
    "nasbench201": "dfnas.spaces.nasbench201:NASBench201Space",
    "shufflenet": "dfnas.spaces.shufflenet:ShuffleNetSpace",
}
"""Short names, each with what it stands for; a module is imported when its space is asked for."""


def reference(name: str) -> str:
    """A space's name in its long form, `module:name` or `file.py:name`."""
    return NAMES.get(name, name)
