"""How the architectures of a space lie on a page: what is connected with what, without a word on how it is drawn.

Cells are graphs of states; a choice is an edge between two of them. A chain is a row of blocks in stages; a choice is
a block.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Edge:
    """A choice that leads from one state of a cell to a later one."""

    choice: str
    source: str
    target: str


@dataclass(frozen=True)
class CellGraph:
    """One kind of cell.

    Args:
        title: what it is called.
        states: in the order of their computation, the inputs first; every edge leads forwards.
        edges: one for each choice.
        joined: states that the last state is the concatenation of, where no edge leads to it.
    """

    title: str
    states: tuple[str, ...]
    edges: tuple[Edge, ...]
    joined: tuple[str, ...] = ()


@dataclass(frozen=True)
class Position:
    """A position of a chain.

    Args:
        name: of a fixed layer; empty where the block follows a choice.
        choice: that it follows, if any.
        channels: that come out of it, where known.
        stride: None where unknown.
    """

    name: str = ""
    choice: str | None = None
    channels: int | None = None
    stride: int | None = None


@dataclass(frozen=True)
class Stage:
    """Blocks that belong together."""

    title: str
    blocks: tuple[Position, ...]


@dataclass(frozen=True)
class Cells:
    """A layout of cells. `absent` is the option that takes an edge away, if there is one."""

    cells: tuple[CellGraph, ...]
    absent: str | None = None


@dataclass(frozen=True)
class Chain:
    """A layout of blocks, one after the other. `absent` is the option that leaves a block out, if there is one."""

    stages: tuple[Stage, ...]
    absent: str | None = None


Layout = Cells | Chain


def chain(
    blocks: Iterable[Position],
    before: Sequence[Position] = (),
    after: Sequence[Position] = (),
    absent: str | None = None,
) -> Chain:
    """The chain of blocks that follow a choice, in stages: what stands before the last `/` of a choice's name.

    Args:
        blocks: in order, each with a choice.
        before: fixed layers that lead to the first one.
        after: fixed layers that follow the last one.
    """
    stages = [Stage("stem", tuple(before))] if before else []
    for block in blocks:
        assert block.choice is not None
        title = block.choice.rpartition("/")[0]
        if len(stages) == bool(before) or stages[-1].title != title:
            stages.append(Stage(title, ()))
        stages[-1] = Stage(title, (*stages[-1].blocks, block))
    return Chain((*stages, Stage("head", tuple(after))) if after else tuple(stages), absent)
