"""Whether, and how, the inversion's objective is compiled.

Compilation fuses BatchNorm, activations and statistics: on a CPU a step takes two thirds to three quarters of the time
in bfloat16 (docs/synthesis.md). It costs about half a minute for each resolution, so it has to be earned back. Compiled
code adds in another order than torch's own: the decision belongs to what determines a result, and so follows from the
settings and the teacher alone, never from a clock.
"""

import os
import shutil
import sys
import warnings
from collections.abc import Callable
from typing import Any

import torch

from dfnas.measure.complexity import count_macs
from dfnas.runtime.errors import InputError
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.teacher import Teacher

# Multiply-accumulates of a batch from which compiling pays: what a CPU thread or a GPU does in about three minutes.
MACS_PER_CPU_THREAD = 4e12
MACS_PER_GPU = 1e15


def batch_macs(teacher: Teacher, settings: InvertTeacherSettings) -> float:
    """Multiply-accumulates of the inversion of one batch: forward, and the same again backward to the input."""
    spec = teacher.spec
    image_steps = sum(stage.steps / stage.downscale**2 for stage in settings.stages) * settings.batch_size
    return 2 * count_macs(teacher.network, spec.channels, *spec.size) * image_steps


def pays(teacher: Teacher, settings: InvertTeacherSettings) -> bool:
    """Whether to compile: as the settings say, or where it earns its cost back and a compiler is there."""
    if settings.compile != "auto":
        return settings.compile == "always"
    if teacher.mean.device.type == "cpu":
        enough = MACS_PER_CPU_THREAD * torch.get_num_threads()
        able = shutil.which(os.environ.get("CXX", "g++")) is not None
    else:
        enough, able = MACS_PER_GPU, True
    return able and batch_macs(teacher, settings) >= enough


def compiled(objective: Callable[..., Any], required: bool) -> Callable[..., Any]:
    """The objective, compiled for each shape at its first call.

    Args:
        required: raise where compilation fails, instead of going on without.

    Raises:
        InputError: at a call, compilation failed and is required.
    """
    fast = torch.compile(objective, dynamic=False)
    working: list[Callable[..., Any]] = [fast]

    def call(*inputs: torch.Tensor) -> Any:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the compiler's own, of no use to our user
                return working[0](*inputs)
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            if working[0] is objective:
                raise
            reason = (str(error) or type(error).__name__).splitlines()[0]
            if required:
                raise InputError(
                    f"invert_teacher.compile = 'always', but the teacher does not compile here ({reason}); "
                    "set it to 'auto' or 'never'"
                ) from error
            print(f"the teacher does not compile here ({reason}); going on without", file=sys.stderr)
            working[0] = objective
            return objective(*inputs)

    return call
