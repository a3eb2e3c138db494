"""Stochastic gradient descent from fresh weights, a step at a time: what every training of a single network shares."""

from typing import Any

import torch
from torch import nn

from dfnas.dataset.batches import Batches
from dfnas.dataset.mixing import MixedBatches
from dfnas.measure.soft_labels import entropy
from dfnas.runtime.placement import count_on_host
from dfnas.runtime.processes import ALONE, Processes
from dfnas.settings.descent import DescentSettings
from dfnas.training.losses import check_finite, smoothed, soft_cross_entropy
from dfnas.training.optimizers import clip_gradients, sgd
from dfnas.training.schedule import learning_rate, one_cycle, set_learning_rate


class Descent:
    """The steps, and the state that they change.

    Args:
        network: maps (B, C, S, S) to logits (B, K), or in training mode to (logits, auxiliary logits).
        steps: after which the learning rate would be zero.
        warmup: steps of its warm-up.
        auxiliary_weight: weight of the auxiliary head's loss.
        temperature: of the loss; the targets of the batches are at it.
        processes: those that have every batch between them. The gradient is that of the whole batch in each.
        factor: what the loss is multiplied by. Where it is not 1, the losses that are reported are without the entropy
            of the targets, which at a high temperature is nearly all of a loss and says nothing.
    """

    def __init__(
        self,
        network: nn.Module,
        batches: Batches | MixedBatches,
        settings: DescentSettings,
        steps: int,
        warmup: float = 0.0,
        auxiliary_weight: float = 0.0,
        temperature: float = 1.0,
        processes: Processes = ALONE,
        factor: float = 1.0,
    ):
        self.network = network.to(memory_format=torch.channels_last).train()
        if processes.count == 1:  # several hand each other what BatchNorms hold from device to device
            count_on_host(self.network)
        self.batches, self.settings, self.steps, self.warmup = batches, settings, steps, warmup
        self.auxiliary_weight, self.temperature, self.factor = auxiliary_weight, temperature, factor
        self.processes, self.replica = processes, processes.replicated(self.network)
        self.optimizer = sgd(
            network,
            settings.peak_lr,
            settings.momentum,
            settings.weight_decay,
            settings.nesterov,
            settings.decay_norms_and_biases,
        )
        self.loss_sum = torch.zeros((), device=batches.data.device)

    def step(self, index: int) -> float:
        """Does step `index`, on the batch of that number, and returns its learning rate."""
        settings = self.settings
        lr = self._learning_rate(index)
        set_learning_rate(self.optimizer, lr)
        views, targets = self.batches[index]
        with torch.autocast(views.device.type, torch.bfloat16, enabled=settings.precision == "bfloat16"):
            outputs = self.replica(views)
        loss = self.factor * self._loss(outputs, targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        clip_gradients(self.network.parameters(), settings.clip_norm)
        self.optimizer.step()
        self.loss_sum += self.processes.mean(self._reported(loss.detach(), outputs, targets))
        return lr

    def _learning_rate(self, index: int) -> float:
        settings, cycle = self.settings, self.settings.one_cycle
        if settings.schedule == "one_cycle":
            return one_cycle(index, self.steps, settings.peak_lr, cycle.peak, cycle.start, cycle.end)
        return learning_rate(index, self.steps, settings.peak_lr, settings.schedule, self.warmup)

    def mean_loss(self, steps: int) -> float:
        """The mean loss of the steps since the last call. Raises InputError if training has diverged."""
        mean = self.loss_sum.item() / steps
        self.loss_sum.zero_()
        check_finite(mean)
        return mean

    def _loss(self, outputs: torch.Tensor | tuple[torch.Tensor, torch.Tensor], targets: torch.Tensor) -> torch.Tensor:
        temperature, smoothing = self.temperature, self.settings.label_smoothing
        if not isinstance(outputs, tuple):
            return soft_cross_entropy(outputs.float(), targets, temperature, smoothing)
        loss, auxiliary = (soft_cross_entropy(logits.float(), targets, temperature, smoothing) for logits in outputs)
        return loss + self.auxiliary_weight * auxiliary

    def _reported(self, loss: torch.Tensor, outputs: torch.Tensor | tuple, targets: torch.Tensor) -> torch.Tensor:
        if self.factor == 1.0:
            return loss
        heads = 1 + self.auxiliary_weight * isinstance(outputs, tuple)
        return loss - self.factor * heads * entropy(smoothed(targets, self.settings.label_smoothing)).mean()

    def state_dict(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "loss_sum": self.loss_sum,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.loss_sum.copy_(state["loss_sum"])
