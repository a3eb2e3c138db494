"""The cell space of DARTS (Liu et al. 2019): two kinds of cell, normal and reduction, repeated up the network.

A choice is an edge: `normal/3-0` leads from state 0 to node 3 of every normal cell. States 0 and 1 are the
outputs of the two cells before; nodes are numbered from 2 on. An architecture names one operation for every edge
and keeps exactly two edges into each node: all others are `none`.
"""

import random
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import nn

from dfnas.runtime.errors import InputError
from dfnas.runtime.transfers import sent
from dfnas.spaces import sizes
from dfnas.spaces.cell_operations import DARTS_OPERATIONS, darts_operation, darts_options
from dfnas.spaces.costs import CostTable
from dfnas.spaces.darts_cells import CellNetwork, EdgeBuilder, edge_name
from dfnas.spaces.layout import CellGraph, Cells, Edge
from dfnas.spaces.partial_channels import share_of, slot_on_share
from dfnas.spaces.slot import Slot
from dfnas.spaces.space import Architecture, Node, Space, Task

KINDS = ("normal", "reduce")
OPERATIONS = DARTS_OPERATIONS[1:]
"""What a kept edge may be: everything but `none`."""
KEPT_EDGES = 2
"""Into each node of an architecture."""


class CellSpace(Space):
    """The space of DARTS, with the published networks as defaults (CIFAR; for ImageNet 48 channels, 14 cells and
    the stem `imagenet`).

    Args:
        task: what the networks have to fit.
        channels: of the first cell of the final network; each reduction doubles them.
        cells: of the final network. Those at 1/3 and 2/3 are reduction cells (`cells // 3`, `2 * cells // 3`).
        nodes: states that a cell computes.
        search_channels: `channels` of the supernet.
        search_cells: `cells` of the supernet.
        search_partial_channels: K: the supernet's options see one channel in K, the rest passes them by (PC-DARTS:
            4). 1 gives them all. Has to divide `search_channels`.
        auxiliary: whether the final network has a second classifier at 2/3 for training.
        stem: `cifar` keeps the side of the image, `imagenet` divides it by 8.

    Raises:
        InputError: a size that cannot be.
    """

    def __init__(
        self,
        task: Task,
        *,
        channels: int = 36,
        cells: int = 20,
        nodes: int = 4,
        search_channels: int = 16,
        search_cells: int = 8,
        search_partial_channels: int = 1,
        auxiliary: bool = False,
        stem: str = "cifar",
    ):
        self.task = task
        self.stem = sizes.one_of("stem", stem, ("cifar", "imagenet"))
        least_channels = 2 if stem == "imagenet" else 1  # that stem starts with half of them
        self.channels = sizes.whole("channels", channels, least_channels)
        self.cells = sizes.whole("cells", cells)
        self.nodes = sizes.whole("nodes", nodes)
        self.search_channels = sizes.whole("search_channels", search_channels, least_channels)
        self.search_cells = sizes.whole("search_cells", search_cells)
        self.search_share = share_of("search_channels", self.search_channels, search_partial_channels)
        self.auxiliary = sizes.one_of("auxiliary", auxiliary, (True, False))
        self.choices = {edge: DARTS_OPERATIONS for _, edges in self.nodes_with_edges() for edge in edges}

    def nodes_with_edges(self) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Each node, as `normal/3`, with the choices of the edges that may enter it, in the order of states."""
        for kind in KINDS:
            for node in range(2, self.nodes + 2):
                yield f"{kind}/{node}", tuple(edge_name(kind, node, state) for state in range(node))

    def topology(self) -> dict[str, Node]:
        return {node: Node(edges, KEPT_EDGES) for node, edges in self.nodes_with_edges()}

    def kinds(self) -> dict[str, tuple[str, ...]]:
        return {kind: tuple(choice for choice in self.choices if choice.startswith(f"{kind}/")) for kind in KINDS}

    def skips(self, choice: str) -> tuple[str, ...]:
        """Those of the normal cells, which the literature counts. In a reduction cell a skip connection from one of
        the cell's inputs halves the side by convolutions."""
        return ("skip_connect",) if choice.startswith("normal/") else ()

    def supernet(self) -> nn.Module:
        def slot(choice: str, channels: int, stride: int) -> Slot:
            def options(channels: int) -> dict[str, nn.Module]:
                return darts_options(channels, stride, affine=False)

            return slot_on_share(choice, options, channels, self.search_share, stride)

        return self._network(self.search_channels, self.search_cells, affine=False, edge=slot)

    def slotted_network(self) -> nn.Module:
        """The final network with all edges and operations; `network` keeps two edges a node of them."""

        def slot(choice: str, channels: int, stride: int) -> Slot:
            return Slot(
                choice, {name: darts_operation(name, channels, stride, affine=True) for name in DARTS_OPERATIONS}
            )

        return self._network(self.channels, self.cells, affine=True, auxiliary=self.auxiliary, edge=slot)

    def network(self, architecture: Architecture) -> nn.Module:
        """See `Space.network`. The result has the attribute `drop_path`; with an auxiliary head it gives (logits,
        auxiliary logits) in training mode; see `CellNetwork`."""
        self.check(architecture)

        def edge(choice: str, channels: int, stride: int) -> nn.Module | None:
            operation = architecture[choice]
            return None if operation == "none" else darts_operation(operation, channels, stride, affine=True)

        return self._network(self.channels, self.cells, affine=True, auxiliary=self.auxiliary, edge=edge)

    def deployed(self, network: nn.Module) -> nn.Module:
        """Without the auxiliary head."""
        if isinstance(network, CellNetwork):  # a subclass may build others
            network.auxiliary_head = None
        return network

    def check(self, architecture: Architecture) -> None:
        super().check(architecture)
        for node, edges in self.nodes_with_edges():
            kept = _kept(architecture, edges)
            if len(kept) != KEPT_EDGES:
                raise InputError(
                    f"node {node} of the architecture keeps {len(kept)} edges ({', '.join(kept) or 'none'}); "
                    "expected exactly two, with 'none' on the others"
                )

    def discretise(self, strengths: Mapping[str, torch.Tensor]) -> dict[str, str]:
        """The genotype rule of DARTS: into each node the two edges whose strongest operation other than `none` is
        strongest, on each of them that operation. Ties go to the first.

        Args:
            strengths: for each edge a tensor (O,). They are compared *between* edges, so give the softmax over
                each edge's options, or its logarithm, and not logits, which have an arbitrary offset per edge.
        """
        architecture = dict.fromkeys(self.choices, "none")
        for _, edges in self.nodes_with_edges():
            best = {edge: max(zip(strengths[edge].tolist()[1:], OPERATIONS, strict=True), key=_first) for edge in edges}
            for edge in sorted(edges, key=lambda edge: -best[edge][0])[:KEPT_EDGES]:
                architecture[edge] = best[edge][1]
        return architecture

    def sample(self, rng: random.Random) -> dict[str, str]:
        architecture = dict.fromkeys(self.choices, "none")
        for _, edges in self.nodes_with_edges():
            for edge in rng.sample(edges, KEPT_EDGES):
                architecture[edge] = rng.choice(OPERATIONS)
        return architecture

    def fair_sample(self, rng: random.Random) -> list[dict[str, str]]:
        """Architectures in which every operation is once on each edge, as far as the edge is kept: which two of a
        node's are, is drawn uniformly for each."""
        orders = {edge: rng.sample(OPERATIONS, len(OPERATIONS)) for edge in self.choices}
        found = []
        for place in range(len(OPERATIONS)):
            architecture = dict.fromkeys(self.choices, "none")
            for _, edges in self.nodes_with_edges():
                architecture |= {edge: orders[edge][place] for edge in rng.sample(edges, KEPT_EDGES)}
            found.append(architecture)
        return found

    def mutate(self, architecture: Architecture, probability: float, rng: random.Random) -> dict[str, str]:
        """A copy in which each kept edge is drawn anew with the given probability: the state that it comes from
        (any but that of the node's other edge) and its operation."""
        child = dict(architecture)
        for _, edges in self.nodes_with_edges():
            for edge in _kept(architecture, edges):
                if rng.random() < probability:
                    child[edge] = "none"
                    child[rng.choice([e for e in edges if child[e] == "none"])] = rng.choice(OPERATIONS)
        return child

    def neighbour(self, architecture: Architecture, rng: random.Random) -> dict[str, str]:
        """A copy with one mutation of Real et al. 2019 (section 3.2): of a kept edge of a cell, all drawn uniformly,
        either the operation changes, or the state that it comes from, with its operation. Two edges of a node do not
        come from one state, so a node of two states has the first kind alone."""
        kind = rng.choice(KINDS)
        nodes = [edges for node, edges in self.nodes_with_edges() if node.startswith(f"{kind}/")]
        hidden_state = rng.random() < 0.5 and len(nodes) > 1
        edges = rng.choice(nodes[1:] if hidden_state else nodes)
        edge = rng.choice(_kept(architecture, edges))
        operation = architecture[edge]
        if not hidden_state:
            return {**architecture, edge: rng.choice([other for other in OPERATIONS if other != operation])}
        free = [other for other in edges if architecture[other] == "none"]
        return {**architecture, edge: "none", rng.choice(free): operation}

    def cross(self, one: Architecture, other: Architecture, rng: random.Random) -> dict[str, str]:
        """A child that takes each node, both edges with their operations, from one of two parents."""
        child: dict[str, str] = {}
        for _, edges in self.nodes_with_edges():
            parent = rng.choice((one, other))
            child |= {edge: parent[edge] for edge in edges}
        return child

    def layout(self) -> Cells:
        names = ("cₖ₋₂", "cₖ₋₁", *map(str, range(2, self.nodes + 2)), "cₖ")
        cells: dict[str, list[Edge]] = {kind: [] for kind in KINDS}
        for node, edges in self.nodes_with_edges():
            kind, _, number = node.partition("/")
            cells[kind] += [Edge(edge, names[state], names[int(number)]) for state, edge in enumerate(edges)]
        titles = zip(("normal cell", "reduction cell"), cells.values(), strict=True)
        return Cells(
            tuple(CellGraph(title, names, tuple(edges), names[2:-1]) for title, edges in titles), absent="none"
        )

    def expected_cost(self, table: CostTable, probabilities: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Mean cost of an architecture of this space: options are drawn by their probabilities, edge by edge, and drawn
        again for a node of which not exactly two edges are kept. The plain sum over all edges would count networks that
        cannot be built: at uniform probabilities, and four nodes, half as many edges again.

        With k the probability that an edge is kept, two edges (a, b) are a node's with a probability proportional to
        k_a k_b Π_{c ≠ a, b} (1 - k_c), which is to say to the product of their odds.
        """
        total: torch.Tensor | float = table.fixed
        for _, edges in self.nodes_with_edges():
            p = torch.stack([probabilities[edge] for edge in edges])  # (E, O), `none` first
            by_edge = torch.tensor([table.options[edge] for edge in edges], dtype=torch.float64)
            costs = sent(by_edge.to(p.dtype), p.device)
            least = torch.finfo(p.dtype).tiny
            kept = p[:, 1:].sum(1).clamp_min(least)
            odds = kept.log() - p[:, 0].clamp_min(least).log()
            pairs = torch.combinations(torch.arange(len(edges), device=p.device))  # (P, 2)
            shares = odds[pairs].sum(1).softmax(0)
            inclusion = p.new_zeros(len(edges)).index_add(0, pairs.flatten(), shares.repeat_interleave(2))
            if_kept = (p[:, 1:] * costs[:, 1:]).sum(1) / kept
            total = total + (inclusion * if_kept + (1 - inclusion) * costs[:, 0]).sum()
        assert isinstance(total, torch.Tensor), "a cell has nodes"
        return total

    def _network(
        self, channels: int, cells: int, *, affine: bool, edge: EdgeBuilder, auxiliary: bool = False
    ) -> CellNetwork:
        return CellNetwork(
            self.task,
            channels=channels,
            cells=cells,
            nodes=self.nodes,
            stem=self.stem,
            affine=affine,
            auxiliary=auxiliary,
            edge=edge,
        )


def _kept(architecture: Architecture, edges: Sequence[str]) -> list[str]:
    return [edge for edge in edges if architecture[edge] != "none"]


def _first(pair: tuple[float, str]) -> float:
    return pair[0]
