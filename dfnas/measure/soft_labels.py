"""What soft labels say: confidence, agreement with the classes that images were made for, and how classes mix.

Shapes: N images, B batch, K classes.
"""

from typing import Any

import torch

TOP = 5


def entropy(probabilities: torch.Tensor) -> torch.Tensor:
    """Of each row of (N, K), in nats: (N,)."""
    return torch.special.entr(probabilities).sum(1)


def top_mass(probabilities: torch.Tensor, k: int = TOP) -> torch.Tensor:
    """What the k most probable classes of each row of (N, K) have together: (N,)."""
    return probabilities.topk(min(k, probabilities.shape[1]), dim=1).values.sum(1)


class LabelStatistics:
    """Sums over soft labels, in float64, whatever their number.

    Args:
        classes: K.
    """

    def __init__(self, classes: int):
        self.counts = torch.zeros(classes, dtype=torch.int64)
        self.class_sums = torch.zeros(classes, classes, dtype=torch.float64)  # row: target class
        self._agreeing = torch.zeros(classes, dtype=torch.int64)
        self._entropy = self._top_mass = 0.0

    def add(self, labels: torch.Tensor, classes: torch.Tensor) -> None:
        """Takes in labels (B, K) of images that were made for some classes, int64 (B,)."""
        labels, size = labels.double(), len(self.counts)
        self.class_sums.index_add_(0, classes, labels)
        self.counts += classes.bincount(minlength=size)
        self._agreeing += classes[labels.argmax(1) == classes].bincount(minlength=size)
        self._entropy += entropy(labels).sum().item()
        self._top_mass += top_mass(labels).sum().item()

    def mean_by_class(self) -> torch.Tensor:
        """Mean label of the images of each class, (K, K) float64; rows of classes without images are NaN."""
        return self.class_sums / self.counts[:, None]

    def confidence(self) -> dict[str, float]:
        """Mean entropy in nats and mean mass of the five most probable classes."""
        count = self.counts.sum().item()
        return {"entropy_nats": self._entropy / count, f"top{TOP}_mass": self._top_mass / count}

    def agreement(self) -> float:
        """Share of images whose most probable label is their class."""
        return self._agreeing.sum().item() / self.counts.sum().item()

    def target_probability(self) -> float:
        """Mean label probability of the class that an image was made for."""
        return self.class_sums.trace().item() / self.counts.sum().item()

    def agreement_by_class(self) -> list[Any]:
        """`agreement` of each class; None for a class of fewer than two images, whose share says nothing of it."""
        shares = zip(self._agreeing.tolist(), self.counts.tolist(), strict=True)
        return [agreeing / count if count > 1 else None for agreeing, count in shares]

    def classes_of_one_image(self) -> int:
        """How many there are, which `agreement_by_class` leaves out."""
        return int((self.counts == 1).sum())
