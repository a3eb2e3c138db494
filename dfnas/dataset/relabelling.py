"""Images with the labels that a teacher has for them as they are stored, asked once: what synthetic images carry from
their calibration, for any others."""

from dataclasses import replace

import torch

from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.batch_targets import TeacherLabels
from dfnas.dataset.batches import plain_view
from dfnas.dataset.images import ImageSet
from dfnas.dataset.stored import parts_of

BATCH = 256


def relabelled(data: ImageSet, teacher: Teacher) -> ImageSet:
    """The images with softmax(z) of the teacher's logits z on their plain views as `soft_labels`.

    Raises:
        InputError: the images are not of the teacher's task.
    """
    ask = TeacherLabels(teacher, data)
    nothing = torch.empty(0, dtype=torch.int64, device=data.device)
    parts = data.stream(parts_of(len(data), BATCH))
    labels = torch.cat([ask(nothing, plain_view(data, part)) for part in parts])
    return replace(data, soft_labels=labels)
