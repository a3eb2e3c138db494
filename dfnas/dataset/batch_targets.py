"""The targets of a batch: stored soft labels, classes, or what a teacher says of the very views that are trained on.

Targets are at the temperature T of the loss already: softmax(z / T) of the logits z behind them, see
`dfnas.training.losses.soft_cross_entropy`.

Shapes: B batch, C channels, H W of a view, K classes.
"""

from typing import Protocol

import torch
from torch.nn import functional as F

from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.images import ImageSet
from dfnas.runtime.errors import InputError
from dfnas.settings.descent import DescentSettings, Precision
from dfnas.settings.labelling import LabelSettings


class Labels(Protocol):
    """Target distributions (B, K) of a batch, by indices (B,) int64 and views (B, C, H, W) float32, normalised, at full
    size."""

    of_views: bool
    """Whether they are those of the views, and not of the stored images."""

    def __call__(self, indices: torch.Tensor, views: torch.Tensor) -> torch.Tensor: ...


class StoredLabels:
    """The soft labels of a data set: the teacher's, asked once on each stored image; one-hot for original data."""

    of_views = False

    def __init__(self, data: ImageSet, temperature: float = 1.0):
        self.targets = softened(data.soft_labels, temperature)

    def __call__(self, indices: torch.Tensor, views: torch.Tensor) -> torch.Tensor:
        return self.targets[indices]


class ClassLabels(StoredLabels):
    """The most likely class of each soft label, as one-hot rows: for synthetic images what the teacher sees in them,
    which need not be the class that they were made for."""

    def __init__(self, data: ImageSet):
        self.targets = F.one_hot(data.likely, data.classes).float()


class TeacherLabels:
    """softmax(z / T) with the teacher's logits z of each view (liuzechun/Data-Free-NAS, NAS/Supernet, with T = 3).

    Args:
        data: where the views come from. Where its normalisation is not the teacher's, views are brought over to that.
        batch_statistics: whether its BatchNorms take the statistics of each batch of views, and not the stored ones. Of
            several processes each asks about its own share of a batch.
        precision: what the teacher computes in, float32 or bfloat16 by autocast; labels are float32.

    Raises:
        InputError: the images are not of the teacher's task; statistics of a batch, and a teacher that cannot
            give them; when it is asked, a single view to take them of.
    """

    of_views = True

    def __init__(
        self,
        teacher: Teacher,
        data: ImageSet,
        temperature: float = 1.0,
        batch_statistics: bool = False,
        precision: Precision = "float32",
    ):
        spec = teacher.spec
        for name in ("channels", "size", "classes"):
            ours, theirs = getattr(data, name), getattr(spec, name)
            if ours != theirs:
                raise InputError(
                    f"labels = teacher: the data set has {name} {ours}, but the teacher {theirs}; take a data set of "
                    "the teacher's task, or labels = soft"
                )
        self.network = teacher.on_batch_statistics() if batch_statistics else teacher.network
        self.temperature, self.batch_statistics, self.precision = temperature, batch_statistics, precision
        self.scale: torch.Tensor | None = None
        self.shift: torch.Tensor | None = None
        if (data.mean, data.std) != (tuple(spec.mean), tuple(spec.std)):
            mean, std = (torch.tensor(v, device=data.device).view(1, -1, 1, 1) for v in (data.mean, data.std))
            # ((x · std + mean) - teacher's mean) / teacher's std, for views x.
            self.scale, self.shift = std / teacher.std, (mean - teacher.mean) / teacher.std

    def __call__(self, indices: torch.Tensor, views: torch.Tensor) -> torch.Tensor:
        if self.batch_statistics and len(views) == 1:
            raise InputError(
                "teacher_statistics = batch: one image has no statistics; give batch_size at least two for each process"
            )
        with torch.inference_mode():
            if self.scale is not None and self.shift is not None:
                views = torch.addcmul(self.shift, views, self.scale)
            with torch.autocast(views.device.type, torch.bfloat16, enabled=self.precision == "bfloat16"):
                logits = self.network(views)
            logits = logits.float()
        # Outside of inference mode, since a loss keeps its targets for its gradient.
        return (logits / self.temperature).softmax(1)


def labels_of(data: ImageSet, settings: LabelSettings, teacher: Teacher | None = None) -> Labels:
    """The targets that the settings ask for, of views in the precision of the training that they are for.

    Args:
        teacher: needed where the labels are its.

    Raises:
        InputError: the images, or the statistics asked for, do not go with the teacher.
    """
    if settings.labels == "hard":
        return ClassLabels(data)
    if settings.labels in ("soft", "once"):  # the latter are in the data already, see `relabelled`
        return StoredLabels(data, settings.temperature)
    assert teacher is not None, "labels = teacher was given none"
    precision = settings.precision if isinstance(settings, DescentSettings) else "float32"
    return TeacherLabels(teacher, data, settings.temperature, settings.teacher_statistics == "batch", precision)


def softened(targets: torch.Tensor, temperature: float) -> torch.Tensor:
    """Distributions (B, K) raised to the power 1 / T and normalised; one-hot rows stay as they are. With targets
    softmax(z) that is softmax(z / T)."""
    return targets if temperature == 1.0 else F.normalize(targets.pow(1.0 / temperature), p=1, dim=1)
