"""Cells and networks of DARTS (Liu et al. 2019; quark0/darts, cnn/model.py and cnn/model_search.py).

A cell takes the outputs of the two cells before it (states 0 and 1) and computes `nodes` more states, each the
sum of its incoming edges; its output is those states side by side. One class serves the supernet and the final
network: they differ in what an `EdgeBuilder` puts on the edges.

Shapes: B batch, C channels of a cell's states, N nodes, H W space, K classes. A cell gives (B, N·C, H, W).
"""

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from dfnas.spaces.cell_operations import factorized_reduce, relu_conv_bn
from dfnas.spaces.slot import Slot, announce
from dfnas.spaces.space import Task

EdgeBuilder = Callable[[str, int, int], nn.Module | None]
"""(choice, channels, stride) to what is on that edge; None for an edge that is not there."""

STEM_MULTIPLIER = 3
"""Channels of the CIFAR stem in units of the first cell's."""


def edge_name(kind: str, node: int, state: int) -> str:
    """The choice of an edge: `normal/3-0` leads from state 0 to node 3 of the normal cells."""
    return f"{kind}/{node}-{state}"


def drop_paths(x: torch.Tensor, probability: float) -> torch.Tensor:
    """(B, C, H, W) with each sample zeroed with the given probability, the others scaled to keep the mean."""
    kept = torch.empty(x.shape[0], 1, 1, 1, dtype=x.dtype, device=x.device).bernoulli_(1 - probability)
    return x * kept / (1 - probability)


class Cell(nn.Module):
    """(B, C₀, H₀, W₀) and (B, C₁, H, W), the outputs of the two cells before, to (B, N·C, H′, W′).

    Args:
        before: channels of the cell before the last.
        last: channels of the last cell.
        channels: C of this cell.
        reduced_before: whether the last cell halved the side, so that the older input is still twice as large.
    """

    def __init__(
        self,
        before: int,
        last: int,
        channels: int,
        nodes: int,
        reduction: bool,
        reduced_before: bool,
        affine: bool,
        edge: EdgeBuilder,
    ):
        super().__init__()
        if reduced_before:
            self.preprocess0 = factorized_reduce(before, channels, affine)
        else:
            self.preprocess0 = relu_conv_bn(before, channels, 1, 1, affine)
        self.preprocess1 = relu_conv_bn(last, channels, 1, 1, affine)
        self.edges = nn.ModuleDict()
        self.incoming: list[list[tuple[str, int]]] = []  # for each node the keys of its edges and their states
        for node in range(2, nodes + 2):
            incoming = []
            for state in range(node):
                choice = edge_name("reduce" if reduction else "normal", node, state)
                module = edge(choice, channels, 2 if reduction and state < 2 else 1)
                if module is not None:
                    self.edges[f"{node}-{state}"] = module
                    incoming.append((f"{node}-{state}", state))
            self.incoming.append(incoming)
        self.leaving = [  # for each state the keys of its slots
            [
                key
                for edges in self.incoming
                for key, other in edges
                if other == state and isinstance(self.edges[key], Slot)
            ]
            for state in range(nodes + 2)
        ]

    def forward(self, x0: torch.Tensor, x1: torch.Tensor, drop_path: float) -> torch.Tensor:
        states = [self.preprocess0(x0), self.preprocess1(x1)]
        for leaving, state in zip(self.leaving, states, strict=False):
            announce((self.edges[key] for key in leaving), state)
        for incoming in self.incoming:
            terms = [self._through(self.edges[key], states[state], drop_path) for key, state in incoming]
            state = sum(terms[1:], start=terms[0])
            if state.requires_grad:
                state.register_hook(_dense)
            announce((self.edges[key] for key in self.leaving[len(states)]), state)
            states.append(state)
        return torch.cat(states[2:], 1)

    @staticmethod
    def _through(edge: nn.Module, x: torch.Tensor, drop_path: float) -> torch.Tensor:
        x = edge(x)
        return drop_paths(x, drop_path) if drop_path > 0 and not isinstance(edge, nn.Identity) else x


def _dense(grad: torch.Tensor) -> torch.Tensor:
    """A gradient side by side with its channels. What comes out of a concatenation's backward pass is a slice of a
    wider tensor, on which every backward pass on the edges would be several times slower."""
    return grad.contiguous(memory_format=torch.channels_last)


def quartered(x: torch.Tensor) -> torch.Tensor:
    """`F.adaptive_avg_pool2d(x, 2)` of (B, C, H, W), whose gradient a GPU would add up in no fixed order."""
    if x.device.type == "cpu":
        return F.adaptive_avg_pool2d(x, 2)
    rows, columns = ((slice(0, -(-side // 2)), slice(side // 2, side)) for side in x.shape[2:])
    means = [x[:, :, row, column].mean((2, 3)) for row in rows for column in columns]
    return torch.stack(means, 2).unflatten(2, (2, 2))


class AuxiliaryHead(nn.Module):
    """A second classifier two thirds of the way up, (B, C, H, W) to logits (B, K), whose loss helps to train."""

    def __init__(self, channels: int, classes: int, stem: str):
        super().__init__()
        self.pool_stride = 3 if stem == "cifar" else 2
        self.conv1 = nn.Conv2d(channels, 128, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(128)
        self.conv2 = nn.Conv2d(128, 768, 2, bias=False)
        # The published ImageNet network has no second BatchNorm, by an oversight that its authors kept.
        self.bn2 = nn.BatchNorm2d(768) if stem == "cifar" else nn.Identity()
        self.classifier = nn.Linear(768, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(x)
        large = min(x.shape[2:]) >= 5 + self.pool_stride  # 2 × 2 at the published sizes, from 8 × 8 and 7 × 7
        x = F.avg_pool2d(x, 5, self.pool_stride) if large else quartered(x)
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return self.classifier(x.mean((2, 3)))


class CellNetwork(nn.Module):
    """(B, C, H, W) to logits (B, K), or in training with an auxiliary head to (logits, auxiliary logits).

    Attributes:
        drop_path: probability with which an edge is dropped for a sample, in training only. The training loop
            raises it as it goes on; the supernet leaves it at 0.
    """

    def __init__(
        self,
        task: Task,
        *,
        channels: int,
        cells: int,
        nodes: int,
        stem: str,
        affine: bool,
        auxiliary: bool,
        edge: EdgeBuilder,
    ):
        super().__init__()
        self.drop_path = 0.0
        self.stem0, self.stem1, before, last = _stem(task.channels, channels, stem)
        reduced_before = stem == "imagenet"  # its second half halves the side
        self.cells = nn.ModuleList()
        self.auxiliary_after = 2 * cells // 3
        self.auxiliary_head: AuxiliaryHead | None = None
        for i in range(cells):
            reduction = i in (cells // 3, 2 * cells // 3)
            if reduction:
                channels *= 2
            self.cells.append(Cell(before, last, channels, nodes, reduction, reduced_before, affine, edge))
            reduced_before = reduction
            before, last = last, nodes * channels
            if auxiliary and i == self.auxiliary_after:
                self.auxiliary_head = AuxiliaryHead(last, task.classes, stem)
        self.classifier = nn.Linear(last, task.classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor | tuple[torch.Tensor, torch.Tensor]:
        x0 = self.stem0(x)
        x1 = self.stem1(x0)
        drop_path = self.drop_path if self.training else 0.0
        auxiliary_logits = None
        for i, cell in enumerate(self.cells):
            x0, x1 = x1, cell(x0, x1, drop_path)
            if self.training and self.auxiliary_head is not None and i == self.auxiliary_after:
                auxiliary_logits = self.auxiliary_head(x1)
        logits = self.classifier(x1.mean((2, 3)))
        return logits if auxiliary_logits is None else (logits, auxiliary_logits)


def _stem(inputs: int, channels: int, stem: str) -> tuple[nn.Module, nn.Module, int, int]:
    """The two halves of the stem and the channels that they give. The BatchNorms here always have weights."""
    if stem == "cifar":
        outputs = STEM_MULTIPLIER * channels
        conv = nn.Conv2d(inputs, outputs, 3, 1, 1, bias=False)
        return nn.Sequential(conv, nn.BatchNorm2d(outputs)), nn.Identity(), outputs, outputs
    half = channels // 2
    first = nn.Sequential(
        nn.Conv2d(inputs, half, 3, 2, 1, bias=False),
        nn.BatchNorm2d(half),
        nn.ReLU(inplace=True),
        nn.Conv2d(half, channels, 3, 2, 1, bias=False),
        nn.BatchNorm2d(channels),
    )
    return first, relu_conv_bn(channels, channels, 3, 2, affine=True), channels, channels
