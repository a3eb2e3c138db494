"""The space of NAS-Bench-201, or NATS-Bench topology (Dong and Yang 2020; D-X-Y/AutoDL-Projects): one cell of four
nodes, all connected, repeated in three stages with residual blocks of stride 2 between them.

A choice is an edge: `3-1` leads from node 1 to node 3 of every cell; node 0 is the cell's input. In the
benchmark's notation an architecture is `|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`: for each node, between bars, the
operation on the edge from each earlier node.

Shapes: B batch, C channels, H W space, K classes. A cell keeps (B, C, H, W).
"""

from collections.abc import Callable

import torch
from torch import nn

from dfnas.spaces import sizes
from dfnas.spaces.cell_operations import Zero, relu_conv_bn
from dfnas.spaces.depthwise import AveragePool3x3
from dfnas.spaces.layout import CellGraph, Cells, Edge
from dfnas.spaces.partial_channels import share_of, slot_on_share
from dfnas.spaces.slot import Slot, announce
from dfnas.spaces.space import Architecture, Node, Space, Task

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
NODES = 4
STAGES = 3

EdgeBuilder = Callable[[str, int], nn.Module]
"""(choice, channels) to what is on that edge."""


class NASBench201Space(Space):
    """The topology space of the benchmark, 5⁶ = 15,625 cells, with its networks as defaults.

    Args:
        task: what the networks have to fit.
        channels: of the first stage; each further stage doubles them.
        cells_per_stage: in each of the three stages.
        search_channels: `channels` of the supernet; those of the final network if left out, as in the benchmark's
            searches.
        search_cells_per_stage: `cells_per_stage` of the supernet, likewise.
        search_affine: whether the BatchNorms on the supernet's edges have weights. The benchmark's searches run
            without; the bias that their convolutions get instead, the normalisation cancels, and is left out.
        search_partial_channels: K: the supernet's options see one channel in K, the rest passes them by (PC-DARTS:
            4). 1 gives them all. Has to divide `search_channels`.

    Raises:
        InputError: a size that cannot be.
    """

    def __init__(
        self,
        task: Task,
        *,
        channels: int = 16,
        cells_per_stage: int = 5,
        search_channels: int | None = None,
        search_cells_per_stage: int | None = None,
        search_affine: bool = False,
        search_partial_channels: int = 1,
    ):
        self.task = task
        self.channels = sizes.whole("channels", channels)
        self.cells_per_stage = sizes.whole("cells_per_stage", cells_per_stage)
        self.search_channels = sizes.whole("search_channels", channels if search_channels is None else search_channels)
        self.search_cells_per_stage = sizes.whole(
            "search_cells_per_stage", cells_per_stage if search_cells_per_stage is None else search_cells_per_stage
        )
        self.search_affine = sizes.one_of("search_affine", search_affine, (True, False))
        self.search_share = share_of("search_channels", self.search_channels, search_partial_channels)
        self.choices = {f"{node}-{state}": OPERATIONS for node in range(1, NODES) for state in range(node)}

    def topology(self) -> dict[str, Node]:
        entering = {str(node): tuple(f"{node}-{state}" for state in range(node)) for node in range(1, NODES)}
        return {node: Node(edges) for node, edges in entering.items()}

    def supernet(self) -> nn.Module:
        def slot(choice: str, channels: int) -> Slot:
            return slot_on_share(choice, self._search_options, channels, self.search_share)

        return self._network(self.search_channels, self.search_cells_per_stage, slot)

    def slotted_network(self) -> nn.Module:
        def slot(choice: str, channels: int) -> Slot:
            return Slot(choice, {name: _operation(name, channels, affine=True) for name in OPERATIONS})

        return self._network(self.channels, self.cells_per_stage, slot)

    def _search_options(self, channels: int) -> dict[str, nn.Module]:
        return {name: _operation(name, channels, self.search_affine) for name in OPERATIONS}

    def network(self, architecture: Architecture) -> nn.Module:
        self.check(architecture)
        return self._network(
            self.channels,
            self.cells_per_stage,
            lambda choice, channels: _operation(architecture[choice], channels, affine=True),
        )

    def layout(self) -> Cells:
        edges = (Edge(choice, choice[2], choice[0]) for choice in self.choices)
        return Cells((CellGraph("cell", tuple(map(str, range(NODES))), tuple(edges)),), absent="none")

    def to_string(self, architecture: Architecture) -> str:
        """The architecture in the benchmark's notation. Raises InputError if it is not of this space."""
        self.check(architecture)
        nodes = (
            "|".join(f"{architecture[f'{node}-{state}']}~{state}" for state in range(node)) for node in range(1, NODES)
        )
        return "+".join(f"|{node}|" for node in nodes)

    def from_string(self, text: str) -> dict[str, str]:
        """The inverse of `to_string`. Raises InputError where the text is no architecture of this space."""
        architecture = {}
        for node, part in enumerate(text.split("+"), 1):
            for edge in part.strip("|").split("|"):
                operation, _, state = edge.rpartition("~")
                architecture[f"{node}-{state}"] = operation
        self.check(architecture)
        return architecture

    def learns_nothing(self, architecture: Architecture) -> bool:
        """Whether no convolution lies on any way from the cell's input to its output.
        Where DARTS ends on this space (Dong and Yang 2020, table 5: all skip connections, 54.30 % on CIFAR-10).
        Raises InputError if it is not of this space."""
        self.check(architecture)
        ways: list[list[tuple[str, ...]]] = [[()]]  # to each node, the operations on every way from the input
        for node in range(1, NODES):
            ends = [(architecture[f"{node}-{state}"], state) for state in range(node)]
            ways.append([(*way, operation) for operation, state in ends if operation != "none" for way in ways[state]])
        return not any(operation.startswith("nor_conv") for way in ways[-1] for operation in way)

    def _network(self, channels: int, cells_per_stage: int, edge: EdgeBuilder) -> nn.Sequential:
        layers = [nn.Conv2d(self.task.channels, channels, 3, 1, 1, bias=False), nn.BatchNorm2d(channels)]
        for stage in range(STAGES):
            if stage > 0:
                layers.append(ResidualReduction(channels, 2 * channels))
                channels *= 2
            layers += [Cell(channels, edge) for _ in range(cells_per_stage)]
        return nn.Sequential(
            *layers,
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Linear(channels, self.task.classes),
        )


class Cell(nn.Module):
    """(B, C, H, W) to the same: each node is the sum of its edges from all earlier nodes; the last is the output."""

    def __init__(self, channels: int, edge: EdgeBuilder):
        super().__init__()
        self.edges = nn.ModuleDict(
            {f"{node}-{state}": edge(f"{node}-{state}", channels) for node in range(1, NODES) for state in range(node)}
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        states = [x]
        for node in range(1, NODES):
            announce((self.edges[f"{later}-{node - 1}"] for later in range(node, NODES)), states[-1])
            terms = [self.edges[f"{node}-{state}"](states[state]) for state in range(node)]
            states.append(sum(terms[1:], start=terms[0]))
        return states[-1]


class ResidualReduction(nn.Module):
    """(B, C, H, W) to (B, C′, ⌈H/2⌉, ⌈W/2⌉): the block between stages, a basic block of ResNet."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.body = nn.Sequential(
            relu_conv_bn(inputs, outputs, 3, 2, affine=True),
            relu_conv_bn(outputs, outputs, 3, 1, affine=True),
        )
        # Rounding the side up, as the convolution does, matters for odd sides only.
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, ceil_mode=True), nn.Conv2d(inputs, outputs, 1, bias=False))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.shortcut(x) + self.body(x)


def _operation(name: str, channels: int, affine: bool) -> nn.Module:
    match name:
        case "none":
            return Zero(1)
        case "skip_connect":
            return nn.Identity()
        case "nor_conv_1x1" | "nor_conv_3x3":
            return relu_conv_bn(channels, channels, int(name[-1]), 1, affine)
        case "avg_pool_3x3":
            return AveragePool3x3(1)
    raise AssertionError(name)
