"""Targets of the inversion and their recursive calibration.

Generation 0 aims at one-hot targets over balanced classes. The teacher's soft labels of the images that came out
are the targets of the next generation (paper section 3, "recursive label calibration").

Shapes: N images, B batch, C channels, H W of the teacher's input, K classes.
"""

import torch
from torch.nn import functional as F

from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.augment import center
from dfnas.measure.agreement import nearer_to_chance
from dfnas.measure.binomial import at_most
from dfnas.measure.soft_labels import entropy
from dfnas.runtime.seeds import generator
from dfnas.runtime.transfers import sent
from dfnas.settings.invert_teacher import InvertTeacherSettings

NEAR = 0.1
"""Of the way from chance to all images: an agreement that is below it is near chance."""
UNLIKELY = 0.01
"""Probability of so low an agreement, were the true one not near chance, below which it is taken for that."""


def balanced_classes(batch_size: int, batch: int, classes: int, seed: int, generation: int = 0) -> torch.Tensor:
    """The target class of each image of a batch: (B,) int64 in [0, K).

    Batches take up the classes in turn where the one before left off, so that over any number of batches the
    counts of two classes differ by one at most; within the batch the order is random.
    """
    turn = (batch * batch_size + torch.arange(batch_size)) % classes
    return turn[torch.randperm(batch_size, generator=generator(seed, "classes", generation, batch))]


def first_targets(settings: InvertTeacherSettings, batch: int, classes: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Target classes (B,) int64 and target distributions (B, K) float32 of a batch of generation 0.

    `balanced`: see `balanced_classes`. `one_class`: batch b aims at class b mod K alone. `pairs`: balanced target
    classes, each with a second class that is uniform over the others and a share uniform over `pair_share`.
    """
    size = settings.batch_size
    if settings.targets == "one_class":
        own = torch.full((size,), batch % classes)
    else:
        own = balanced_classes(size, batch, classes, settings.seed)
    targets = one_hot(own, classes)
    if settings.targets == "pairs":
        rng = generator(settings.seed, "pairs", batch)
        other = (own + torch.randint(1, classes, (size,), generator=rng)) % classes
        least, largest = settings.pair_share
        share = least + (largest - least) * torch.rand(size, 1, generator=rng)
        targets = share * targets + (1 - share) * one_hot(other, classes)
    return own, targets


def one_hot(classes: torch.Tensor, count: int) -> torch.Tensor:
    """(B,) class indices as targets (B, K) float32, K = `count`."""
    return F.one_hot(classes, count).float()


def seen_by(teacher: Teacher, images: torch.Tensor) -> torch.Tensor:
    """What a network sees of stored images (B, C, H', W') uint8: their centre, (B, C, H, W) float32 in [0, 1], on
    its device."""
    pixels = sent(center(images, teacher.spec.size), teacher.mean.device).float() / 255  # bytes, made numbers there
    return pixels.contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def soft_labels(
    teacher: Teacher, images: torch.Tensor, batch_size: int = 256, temperature: float = 1.0
) -> torch.Tensor:
    """What the teacher sees in images: softmax of its logits over a temperature, 1 in the publication.

    Asked on exactly what is saved: on the quantised image, of which the teacher sees the centre. (The release asks
    on a random, mirrored crop of the image before the last step.)

    Args:
        images: (N, C, H', W') uint8, of which the teacher sees the central H x W.
        batch_size: images in one forward pass.

    Returns:
        (N, K) float32 on the device of `images`; rows sum to 1.
    """
    rows = []
    for part in images.split(batch_size):
        logits = teacher(seen_by(teacher, part))
        rows.append((logits.float() / temperature).softmax(1).to(images.device))
    return torch.cat(rows)


def calibration_report(targets: torch.Tensor, labels: torch.Tensor, classes: torch.Tensor) -> dict[str, float]:
    """How far the teacher's view of the new images is from what they were made for.

    Args:
        targets: (N, K), what the images were optimised towards.
        labels: (N, K), what the teacher sees in them: the next targets.
        classes: (N,), the target classes of generation 0.

    Returns:
        agreement: share of images whose most probable label is their target class;
        entropy_before_nats, entropy_after_nats: mean entropy of targets and of labels;
        label_shift: mean total-variation distance of label and target, 0 to 1.
    """
    targets, labels = targets.double(), labels.double()
    return {
        "agreement": (labels.argmax(1) == classes).double().mean().item(),
        "entropy_before_nats": entropy(targets).mean().item(),
        "entropy_after_nats": entropy(labels).mean().item(),
        "label_shift": (0.5 * (labels - targets).abs().sum(1)).mean().item(),
    }


def doubt(agreement: float, classes: int) -> str | None:
    """What to look at where the teacher does not see what images were optimised for: where its agreement is nearer to
    chance than to all of them. None where it does.

    Args:
        agreement: share of images, see `calibration_report`.
        classes: K.
    """
    if not nearer_to_chance(agreement, classes):
        return None
    return (
        f"the teacher sees the class that an image was made for in {agreement:.1%} of them only (by chance "
        f"{1 / classes:.1%}): its mean, std and size may not be those of its training, or the steps of invert_teacher "
        "too few or its lr too low"
    )


def near_chance(agreement: float, images: int, classes: int) -> bool:
    """Whether so many images are enough to say that the teacher sees hardly more in them than chance would: the exact
    upper bound of the agreement (binomial, one-sided, 99 %) is less than a tenth of the way from chance to all.

    Few images are never enough: of 10 classes 40 say so where the teacher agrees with none of them.

    Args:
        agreement: share of images, see `calibration_report`.
        classes: K.
    """
    chance = 1 / classes
    return at_most(round(agreement * images), images, chance + NEAR * (1 - chance)) < UNLIKELY
