"""Training a network from fresh weights, in steps that can be interrupted."""

from typing import Any, Protocol, runtime_checkable

from torch import nn

from dfnas.dataset.batch_targets import Labels, StoredLabels
from dfnas.dataset.batches import Batches, PlainViews
from dfnas.dataset.images import ImageSet
from dfnas.dataset.mixing import MixedBatches
from dfnas.measure.accuracy import error_rate, logits_of
from dfnas.runtime.processes import ALONE, Processes
from dfnas.runtime.resumable import Row
from dfnas.runtime.seeds import reseed
from dfnas.settings.training import TrainingSettings
from dfnas.training.averaging import Average
from dfnas.training.descent import Descent


@runtime_checkable
class _DropsPaths(Protocol):
    """A network that drops paths while it learns, with this probability."""

    drop_path: float


class Training:
    """A `Resumable` run of stochastic gradient descent.

    Args:
        network: maps (B, C, S, S) to logits (B, K), or in training mode to (logits, auxiliary logits). Where it
            has a `drop_path` attribute, that is set to its share of the final probability in every epoch.
        train: images to learn from.
        validation: images on which the error is followed.
        auxiliary_weight: weight of the auxiliary head's loss.
        drop_path: probability of dropping a path at the end (Liu et al. 2019: rising linearly).
        processes: those that have every batch between them.
        labels: the targets; without any, the soft labels of `train` (one-hot for original data).
        temperature: T of the loss, which `labels` are at. The loss is multiplied by T², so that its gradient, and with
            it the learning rate that fits, hardly depend on T (Hinton, Vinyals and Dean 2015, section 2).

    Attributes:
        network: the one that learns.

    Raises:
        InputError: batches that the images do not fill, or that the processes cannot share.
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
        processes: Processes = ALONE,
        labels: Labels | None = None,
        temperature: float = 1.0,
    ):
        self.validation, self.settings, self.seed, self.processes = validation, settings, seed, processes
        self.drop_path = drop_path
        self.validation_views = PlainViews(validation, 256)
        labels = labels or StoredLabels(train)
        size, share = settings.batch_size, processes.share(settings.batch_size)
        self.batches = Batches(train, size, settings.augmentation, labels, seed, "train", share=share)
        per_epoch = self.batches.per_epoch
        self.steps = settings.epochs * per_epoch
        mixed = settings.mixup or settings.cutmix
        self.descent = Descent(
            network,
            MixedBatches(self.batches, settings.mixup, settings.cutmix, seed) if mixed else self.batches,
            settings,
            self.steps,
            settings.warmup_epochs * per_epoch,
            auxiliary_weight,
            temperature,
            processes,
            temperature**2,
        )
        self.network = self.descent.network
        averaged = settings.averaging.kind != "none"
        self.average = Average(self.network, settings.averaging, self.steps) if averaged else None

    @property
    def result(self) -> nn.Module:
        """The network to judge and to keep: with `averaging.kind = ema` the average of the one that learns."""
        return self.average.network if self.average and self.settings.averaging.kind == "ema" else self.network

    def step(self, index: int) -> Row | None:
        per_epoch = self.batches.per_epoch
        # What a layer draws is for the images of its own share.
        reseed(self.seed, "step", index, *[self.processes.rank] * (self.processes.count > 1))
        epoch, last = index // per_epoch, (index + 1) % per_epoch == 0
        if isinstance(self.network, _DropsPaths):
            self.network.drop_path = self.drop_path * epoch / self.settings.epochs
        lr = self.descent.step(index)
        if self.average:
            self.average.update(index + 1)
        return self._report(epoch, lr) if last else None

    def kind(self, index: int) -> str:
        """See `Resumable`."""
        return "step" if (index + 1) % self.batches.per_epoch else "end of an epoch"

    def _report(self, epoch: int, lr: float) -> Row:
        train_loss = self.descent.mean_loss(self.batches.per_epoch)
        if not self.processes.leads:
            return {}
        error = error_rate(logits_of(self.result, self.validation_views), self.validation.likely)
        return {"epoch": epoch + 1, "lr": lr, "train_loss": train_loss, "validation_error": error}

    def state_dict(self) -> dict[str, Any]:
        average = {"average": self.average.state_dict()} if self.average else {}
        return self.descent.state_dict() | average

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.descent.load_state_dict(state)
        if self.average:
            self.average.load_state_dict(state["average"])
