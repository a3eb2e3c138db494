"""A running mean of a network's weights while it learns, BatchNorm's statistics included."""

import copy
from typing import Any

import torch
from torch import nn

from dfnas.settings.training import AveragingSettings


class Average:
    """The mean so far.

    `ema` is an exponential moving average (Polyak and Juditsky 1992; with the early decay of TensorFlow's
    ExponentialMovingAverage). `lookahead` are the slow weights of Zhang et al. 2019, algorithm 1, from which the
    network goes on after every update; with `rise` its decay grows as in cifar10-airbench (legacy/airbench94.py,
    `alpha_schedule`), and after the last step the network is the average.

    Args:
        network: whose weights are averaged; it learns on beside the average.
        steps: of the whole training.
    """

    def __init__(self, network: nn.Module, settings: AveragingSettings, steps: int):
        assert settings.kind != "none"
        self.settings, self.steps = settings, steps
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        states = network.state_dict(keep_vars=True), self.network.state_dict(keep_vars=True)
        pairs = [(live.detach(), mean) for live, mean in zip(*(s.values() for s in states), strict=True)]
        self._live, self._mean = zip(*(pair for pair in pairs if pair[0].is_floating_point()), strict=True)
        self._counts = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update(self, done: int) -> None:
        """Takes the weights in after `done` steps, where an update is due."""
        due, last = done % self.settings.every == 0, done == self.steps
        if due:
            torch._foreach_lerp_(self._mean, self._live, 1 - self.decay(done))
            for live, mean in self._counts:
                mean.copy_(live)
        if self.settings.kind == "lookahead" and (due or last):
            torch._foreach_copy_(self._live, self._mean)

    def decay(self, done: int) -> float:
        """What an update after `done` steps keeps of the average."""
        settings = self.settings
        if settings.kind == "lookahead":
            return settings.decay * (done / self.steps) ** settings.rise
        updates = done // settings.every
        return min(settings.decay, (1 + updates) / (10 + updates))

    def state_dict(self) -> dict[str, Any]:
        return self.network.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state)
