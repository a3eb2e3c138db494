"""Teachers as `import_teacher` makes them, for the tests."""

import torch
from torch import nn

from dfnas.classifiers.assembly import assemble
from dfnas.classifiers.metadata import complete
from dfnas.classifiers.teacher import Teacher
from dfnas.classifiers.weights import read_weights
from dfnas.settings.teacher import TeacherSettings


def imported(**section) -> Teacher:
    """The teacher of a section of the configuration, as `import_teacher` makes it."""
    settings = TeacherSettings.parse(section, "teacher")
    state = read_weights(settings)
    return assemble(complete(settings), state, str(settings.weights))


def same_logits(teacher: Teacher, network: nn.Module, count: int = 3) -> None:
    """The teacher's network gives what another gives, to the bit."""
    images = torch.rand(count, teacher.spec.channels, *teacher.spec.size)
    with torch.no_grad():
        torch.testing.assert_close(teacher.network(images), network.eval()(images), rtol=0, atol=0)
