"""What a network is asked before it is believed to be a classifier as its description says.

Shapes: B batch, C channels, H W input, K classes.
"""

from collections.abc import Callable

import torch
from torch import nn

from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.guards import guarded_pass
from dfnas.classifiers.norms import never_trained
from dfnas.classifiers.soundness import check_function, check_same, probes, unchanged
from dfnas.classifiers.teacher import Teacher
from dfnas.runtime.errors import InputError
from dfnas.runtime.seeds import generator
from dfnas.runtime.users_code import told
from dfnas.settings.teacher import ONE_LOGIT

ASKED = 8
"""Images of noise, from dark to bright, that a trained classifier is asked about."""
SAME = 1e-6
"""Largest difference of answers that are the same, relative to the largest logit or to 1."""


@torch.no_grad()
def check_logits(teacher: Teacher, where: str, section: str = "teacher") -> None:
    """Raises InputError unless the teacher maps a grey batch of its own size to finite logits (B, K), K >= 2. Its
    network then has the guards that it needs, see `classifiers.guards`."""
    spec = teacher.spec
    try:
        grey = teacher.normalised(torch.full((2, spec.channels, *spec.size), 0.5))
        logits = guarded_pass(teacher.network, grey)
    except Exception as error:  # a network of the user's: whatever an input that does not fit leads it to
        raise InputError(
            f"{where}: {spec.builder} does not take images of "
            f"{' x '.join(map(str, (spec.channels, *spec.size)))}: {told(error)}"
        ) from error
    if not isinstance(logits, torch.Tensor) or not logits.is_floating_point():
        kind = f"tensor of {logits.dtype}" if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise InputError(
            f"{where}: {spec.builder} returns a {kind}, expected a tensor of logits; wrap the network in one that "
            "returns its logits alone"
        )
    if logits.ndim == 2 and logits.shape[1] == 1:
        raise InputError(f"{where}: {spec.builder} returns one logit, expected one for each class: {ONE_LOGIT}")
    if logits.ndim != 2 or logits.shape[1] != spec.classes:
        raise InputError(
            f"{where}: {spec.builder} returns logits of shape {tuple(logits.shape)}, expected (2, {spec.classes}); "
            f"set {section}.classes or the builder's arguments"
        )
    if not logits.isfinite().all():
        raise InputError(f"{where}: the teacher's logits are not finite on a grey image; the checkpoint is damaged")


@torch.no_grad()
def examine(teacher: Teacher, where: str, section: str = "teacher", again: Callable[[], Teacher] | None = None) -> None:
    """Asks a teacher that nobody has asked anything yet for all that `check_logits` asks, and whether its logits are a
    function of each image alone, see `classifiers.soundness`. Takes about twenty images' forward passes.

    Args:
        again: makes the same teacher a second time, to see what its builder draws by chance.

    Raises:
        InputError: they are not.
    """
    with unchanged(teacher.network, where):
        check_logits(teacher, where, section)
    images = teacher.normalised(probes(teacher.spec.channels, teacher.spec.size))
    logits = check_function(teacher.network, images, where)
    if again is not None:
        second = again()
        check_logits(second, where, section)
        check_same(second.network, images, logits, where)


@torch.no_grad()
def answers_to_noise(teacher: Teacher) -> torch.Tensor:
    """Logits (ASKED, K) of dark to bright noise."""
    spec = teacher.spec
    noise = torch.rand(ASKED, spec.channels, *spec.size, generator=generator(0, "answers"))
    return teacher(noise * torch.linspace(0.2, 1.0, ASKED).view(-1, 1, 1, 1)).float()


def check_trained(teacher: Teacher, where: str, section: str = "teacher") -> None:
    """Raises InputError where a teacher says the same of every image, as many networks do before their training: no
    image could be made from it."""
    logits = answers_to_noise(teacher)
    if not logits.isfinite().all():
        raise InputError(f"{where}: its logits on noise are not finite; the checkpoint is damaged")
    if (logits - logits[:1]).abs().max() <= SAME * logits.abs().max().clamp_min(1.0):
        raise InputError(
            f"{where}: it says the same of every image: its weights are not those of a trained classifier; set "
            f"{section}.weights to a checkpoint of its training"
        )


def check_norms(teacher: Teacher, where: str) -> None:
    """Raises InputError where the layers whose statistics an inversion aims at still have those that they are made
    with: images of a network before its training are of no use, however surely it sees their classes in them."""
    if never_trained(teacher.batch_norms()):
        raise InputError(
            f"{where}: its BatchNorms store what they do before any training (mean 0, variance 1), so these are not "
            "the weights of a trained classifier; name its checkpoint. If it was trained with frozen BatchNorms, set "
            "invert_teacher.feature_weight to 0"
        )


def check_trainable(network: nn.Module, spec: TeacherSpec, where: str, section: str) -> None:
    """Raises InputError unless a network with fresh weights can be trained to be a classifier as `spec` describes it.
    The network is used up: train another of the same builder, since not every network can be copied."""
    teacher = Teacher(spec, network)
    examine(teacher, where, section)
    if teacher.layout != torch.channels_last:
        raise InputError(
            f"{where}: {spec.builder} takes contiguous images alone, and a training lays them out channels-last; let "
            "it use flatten(1) or reshape instead of view"
        )
