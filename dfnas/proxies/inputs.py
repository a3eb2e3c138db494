"""What untrained networks are shown: batches of Gaussian noise of the task's size, or of images with their soft labels.

Shapes: B batch, C channels, H W space, K classes.
"""

import torch
from torch.nn import functional as F

from dfnas.dataset.batch_targets import StoredLabels
from dfnas.dataset.batches import Batches
from dfnas.dataset.images import ImageSet
from dfnas.proxies.gradients import ZICO_BATCHES
from dfnas.proxies.untrained import Batch
from dfnas.runtime.errors import InputError
from dfnas.runtime.seeds import generator
from dfnas.spaces.space import Task


def noise_batches(task: Task, batch_size: int, seed: int, device: torch.device) -> list[Batch]:
    """As many batches of unit Gaussian noise as a score takes at most, with classes drawn uniformly."""
    made = []
    for index in range(ZICO_BATCHES):
        rng = generator(seed, "scored noise", index)
        images = torch.randn(batch_size, task.channels, *task.size, generator=rng)
        classes = torch.randint(task.classes, (batch_size,), generator=rng)
        made.append(_placed(images, F.one_hot(classes, task.classes).float(), device))
    return made


def noise_of(task: Task, batch_size: int, downscale: int, seed: int, device: torch.device) -> list[Batch]:
    """Noise of the size that a task's images have when they are averaged over squares of side `downscale`.

    Raises:
        InputError: it does not divide the images' sides.
    """
    if any(side % downscale for side in task.size):
        raise InputError(f"downscale = {downscale} must divide the images' sides, {task.size}")
    height, width = (side // downscale for side in task.size)
    return noise_batches(Task(task.channels, (height, width), task.classes), batch_size, seed, device)


def image_batches(data: ImageSet, batch_size: int, seed: int) -> list[Batch]:
    """As many batches of plain views of images, drawn without repeats, with their soft labels.

    Raises:
        InputError: fewer images than a batch.
    """
    batches = Batches(data, batch_size, None, StoredLabels(data), seed, "scored images")
    return [_placed(*batches[index], data.device) for index in range(ZICO_BATCHES)]


def _placed(images: torch.Tensor, targets: torch.Tensor, device: torch.device) -> Batch:
    return images.to(device).contiguous(memory_format=torch.channels_last), targets.to(device)
