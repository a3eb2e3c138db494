"""Training a network from fresh weights, in steps that can be interrupted."""

from typing import Any

import torch
from torch import nn

from dfnas.dataset.batches import Batches
from dfnas.dataset.images import ImageSet
from dfnas.measure.accuracy import error_rate, predict
from dfnas.runtime.resumable import Row
from dfnas.runtime.schedule import learning_rate, set_learning_rate
from dfnas.runtime.seeds import reseed
from dfnas.settings.training import TrainingSettings
from dfnas.training.losses import check_finite, soft_cross_entropy
from dfnas.training.optimizers import clip_gradients, sgd


class Training:
    """A `Resumable` run of stochastic gradient descent.

    Args:
        network: maps (B, C, S, S) to logits (B, K), or in training mode to (logits, auxiliary logits). Where it
            has a `drop_path` attribute, that is set to its share of the final probability in every epoch.
        train: images to learn from, with their soft labels as targets (one-hot for original data).
        validation: images on which the error is followed.
        auxiliary_weight: weight of the auxiliary head's loss.
        drop_path: probability of dropping a path at the end (Liu et al. 2019: rising linearly).
    """

    def __init__(
        self,
        network: nn.Module,
        train: ImageSet,
        validation: ImageSet,
        settings: TrainingSettings,
        seed: int,
        auxiliary_weight: float = 0.0,
        drop_path: float = 0.0,
    ):
        self.network = network.to(memory_format=torch.channels_last).train()
        self.validation, self.settings, self.seed = validation, settings, seed
        self.auxiliary_weight, self.drop_path = auxiliary_weight, drop_path
        self.batches = Batches(train, settings.batch_size, settings.augmentation, True, seed, "train")
        self.steps = settings.epochs * self.batches.per_epoch
        self.optimizer = sgd(
            network,
            settings.lr,
            settings.momentum,
            settings.weight_decay,
            settings.nesterov,
            settings.decay_norms_and_biases,
        )
        self.loss_sum = torch.zeros((), device=train.images.device)

    def step(self, index: int) -> Row | None:
        settings, per_epoch = self.settings, self.batches.per_epoch
        reseed(self.seed, "step", index)
        epoch, last = index // per_epoch, (index + 1) % per_epoch == 0
        lr = learning_rate(index, self.steps, settings.lr, settings.schedule, settings.warmup_epochs * per_epoch)
        set_learning_rate(self.optimizer, lr)
        if hasattr(self.network, "drop_path"):
            self.network.drop_path = self.drop_path * epoch / settings.epochs

        views, targets = self.batches[index]
        loss = self._loss(self.network(views), targets)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        clip_gradients(self.network.parameters(), settings.clip_norm)
        self.optimizer.step()
        self.loss_sum += loss.detach()
        return self._report(epoch, lr) if last else None

    def _loss(self, outputs: torch.Tensor | tuple[torch.Tensor, torch.Tensor], targets: torch.Tensor) -> torch.Tensor:
        smoothing = self.settings.label_smoothing
        if not isinstance(outputs, tuple):
            return soft_cross_entropy(outputs, targets, smoothing=smoothing)
        loss, auxiliary = (soft_cross_entropy(logits, targets, smoothing=smoothing) for logits in outputs)
        return loss + self.auxiliary_weight * auxiliary

    def _report(self, epoch: int, lr: float) -> Row:
        train_loss = self.loss_sum.item() / self.batches.per_epoch
        self.loss_sum.zero_()
        check_finite(train_loss)
        error = error_rate(predict(self.network, self.validation, 256), self.validation.targets)
        return {"epoch": epoch + 1, "lr": lr, "train_loss": train_loss, "validation_error": error}

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
