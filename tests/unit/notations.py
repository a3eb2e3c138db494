"""Architectures as publications write them."""

from dfnas.spaces.darts import KINDS, CellSpace
from dfnas.spaces.darts_cells import edge_name


def of_genotype(space: CellSpace, genotype: dict[str, list[tuple[str, int]]]) -> dict[str, str]:
    """Of DARTS's own notation: for `normal` and `reduce` the kept edges, (operation, state), two for each node in
    turn."""
    architecture = dict.fromkeys(space.choices, "none")
    for kind in KINDS:
        for i, (operation, state) in enumerate(genotype[kind]):
            architecture[edge_name(kind, 2 + i // 2, state)] = operation
    space.check(architecture)
    return architecture


def of_cell(text: str) -> dict[str, str]:
    """Of NAS-Bench-201's notation, `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`."""
    architecture = {}
    for node, part in enumerate(text.split("+"), 1):
        for edge in part.strip("|").split("|"):
            operation, state = edge.split("~")
            architecture[f"{node}-{state}"] = operation
    return architecture
