"""The ResNets for small images of He et al. 2016, section 4.2: three stages of basic blocks, 6n + 2 layers."""

import torch
from torch import nn
from torch.nn import functional as F


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut without parameters (option A: subsample, pad with zero channels)."""

    def __init__(self, inputs: int, outputs: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.stride = stride
        self.padding = (outputs - inputs) // 2

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        shortcut = x
        if self.stride != 1 or self.padding:
            shortcut = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, self.padding, self.padding))
        x = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(x)) + shortcut)


class CifarResNet(nn.Module):
    """(B, C, S, S) to logits (B, K). Module names are those of the widely shared CIFAR-10 checkpoints, which
    therefore load as they are."""

    def __init__(self, blocks: int, widths: tuple[int, int, int], channels: int, classes: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, widths[0], 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(widths[0])
        self.layer1 = self._stage(blocks, widths[0], widths[0], 1)
        self.layer2 = self._stage(blocks, widths[0], widths[1], 2)
        self.layer3 = self._stage(blocks, widths[1], widths[2], 2)
        self.linear = nn.Linear(widths[2], classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)

    @staticmethod
    def _stage(blocks: int, inputs: int, outputs: int, stride: int) -> nn.Sequential:
        first = BasicBlock(inputs, outputs, stride)
        return nn.Sequential(first, *(BasicBlock(outputs, outputs, 1) for _ in range(blocks - 1)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


def cifar_resnet(
    depth: int = 20, widths: tuple[int, int, int] = (16, 32, 64), channels: int = 3, classes: int = 10
) -> CifarResNet:
    """A CIFAR ResNet of the given depth, 6n + 2 (20, 32, 44, 56, 110 in the paper).

    Raises:
        ValueError: a depth that is not 6n + 2.
    """
    if depth < 8 or (depth - 2) % 6:
        raise ValueError(f"depth = {depth}: expected 6n + 2 with n at least 1 (8, 14, 20, 32, 56 …)")
    first, second, third = widths
    return CifarResNet((depth - 2) // 6, (first, second, third), channels, classes)
