"""The teacher: any pre-trained image classifier, frozen.

Shapes: B batch, C channels, H W input, K classes.
"""

import copy

import torch
from torch import nn

from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.guards import layout_of
from dfnas.classifiers.norms import is_over_images, normalise_by_batch, stored_norms
from dfnas.runtime.errors import InputError, reason


class Teacher(nn.Module):
    """A frozen classifier: pixels in [0, 1], (B, C, H, W) float, to logits (B, K).

    Always in evaluation mode; its weights take no gradient, so that a backward pass costs the gradient to
    the input alone.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, spec: TeacherSpec, network: nn.Module):
        super().__init__()
        self.spec = spec
        self.network = network.eval().requires_grad_(False)
        self.register_buffer("mean", torch.tensor(spec.mean).view(1, -1, 1, 1))  # (1, C, 1, 1)
        self.register_buffer("std", torch.tensor(spec.std).view(1, -1, 1, 1))

    def train(self, mode: bool = True) -> "Teacher":
        """Stays in evaluation mode: the stored BatchNorm statistics are what the synthesis aims at."""
        return super().train(False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(self.normalised(images))

    def normalised(self, images: torch.Tensor) -> torch.Tensor:
        """Pixels in [0, 1] as the network takes them."""
        return (images - self.mean) / self.std

    @property
    def layout(self) -> torch.memory_format:
        """The memory layout that its weights may have."""
        return layout_of(self.network)

    def batch_norms(self) -> list[nn.Module]:
        """The BatchNorm layers over images that hold running statistics, frozen ones included, in the order of the
        network's modules."""
        return [norm for norm in stored_norms(self.network) if is_over_images(norm)]

    def on_batch_statistics(self) -> nn.Module:
        """The network with BatchNorms that normalise by the statistics of each batch, and all else in evaluation mode.

        Takes normalised images, of more than one a batch. The weights are those of this teacher, not copies.

        Raises:
            InputError: it has no BatchNorm with stored statistics, or is a network of the user's that cannot be copied.
        """
        if not stored_norms(self.network):
            raise InputError(
                "teacher_statistics = batch: the teacher has no BatchNorm with stored statistics; take "
                "teacher_statistics = stored"
            )
        try:
            network = copy.deepcopy(self.network, {id(weight): weight for weight in self.network.parameters()})
        except Exception as error:  # whatever a network of the user's holds
            raise InputError(
                f"teacher_statistics = batch: the teacher's network cannot be copied: {reason(error)}; take "
                "teacher_statistics = stored"
            ) from error
        for norm in stored_norms(network):
            normalise_by_batch(norm)
        return network
