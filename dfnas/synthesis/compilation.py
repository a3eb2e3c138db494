"""Whether, and how, the inversion's objective is compiled.

Compilation fuses BatchNorm, activations and statistics: on a CPU a step takes two thirds to three quarters of the time
in bfloat16 (docs/synthesis.md). It costs about half a minute for each resolution, so it has to be earned back. Compiled
code adds in another order than torch's own: the decision belongs to what determines a result. It follows from the
settings, the teacher, the threads, on a GPU the batches of the job, and whether there is a compiler, never from a
clock, and is noted in the shard.
"""

import os
import shutil
import sys
import warnings
from collections.abc import Callable
from typing import Any

import torch

from dfnas.classifiers.teacher import Teacher
from dfnas.measure.complexity import count_macs
from dfnas.runtime.errors import InputError, reason
from dfnas.settings.invert_teacher import InvertTeacherSettings

# Multiply-accumulates of a batch from which compiling pays: what a CPU thread does in about three minutes.
MACS_PER_CPU_THREAD = 4e12
# Estimates, none of them measured on a GPU.
COMPILE_SECONDS = 30.0  # of a resolution, as on a CPU
GPU_MACS_PER_SECOND = 6e12
SHARE_SAVED = 0.25  # of a step that is bound by its work, as on a CPU
LAUNCH_SECONDS = 5e-6
LAUNCHES_SAVED_PER_LAYER = 7  # of the 11 that a step of ResNet-20 has for each (426 in all): fusion leaves some


def batch_macs(teacher: Teacher, settings: InvertTeacherSettings) -> float:
    """Multiply-accumulates of the inversion of one batch: forward, and the same again backward to the input."""
    spec = teacher.spec
    image_steps = sum(stage.steps / stage.downscale**2 for stage in settings.stages) * settings.batch_size
    return 2 * count_macs(teacher.network, spec.channels, *spec.size) * image_steps


def gpu_seconds_saved(teacher: Teacher, settings: InvertTeacherSettings, batches: int) -> float:
    """What compiled code saves a GPU in a job, in seconds, without the compilation. Small images are bound by the
    launches of operations, large ones by their work: the larger of the two savings counts."""
    layers = sum(next(module.children(), None) is None for module in teacher.network.modules())
    steps = sum(stage.steps for stage in settings.stages)
    of_launches = steps * layers * LAUNCHES_SAVED_PER_LAYER * LAUNCH_SECONDS
    of_work = SHARE_SAVED * batch_macs(teacher, settings) / GPU_MACS_PER_SECOND
    return batches * max(of_launches, of_work)


def pays(teacher: Teacher, settings: InvertTeacherSettings, batches: int = 1) -> bool:
    """Whether to compile: as the settings say, or where it earns its cost back and a compiler is there.

    Args:
        batches: of the job. A CPU looks at one alone.
    """
    if settings.compile != "auto":
        return settings.compile == "always"
    if teacher.mean.device.type == "cpu":
        able = shutil.which(os.environ.get("CXX", "g++")) is not None
        earned = able and batch_macs(teacher, settings) >= MACS_PER_CPU_THREAD * torch.get_num_threads()
    else:
        resolutions = len({stage.downscale for stage in settings.stages})
        earned = gpu_seconds_saved(teacher, settings, batches) > COMPILE_SECONDS * resolutions
    return earned and not switched_off()


def switched_off() -> bool:
    """Whether torch.compile is told to leave everything as it is, as by TORCH_COMPILE_DISABLE=1 in the environment."""
    return bool(torch._dynamo.config.disable)


def with_gradient(function: Callable[..., tuple], seen: torch.Tensor, *others: Any) -> tuple:
    """What a function gives, and the gradient of its first value, a scalar, to its first argument, or None where that
    wants none. All values without a graph."""
    values = function(seen, *others)
    gradient = torch.autograd.grad(values[0], seen)[0] if seen.requires_grad else None
    return (*(value if value is None else value.detach() for value in values), gradient)


class Compiled:
    """`with_gradient` of a function that is compiled for each shape at its first call.

    Both passes belong to the call: the backward one is compiled when it first runs, and may fail where the forward one
    has worked. Where either fails the function is called as it is, then and from then on.

    Args:
        required: raise where compilation fails, instead of going on without.

    Raises:
        InputError: compilation is required and switched off.
    """

    def __init__(self, function: Callable[..., tuple], required: bool):
        if required and switched_off():
            raise InputError(
                "invert_teacher.compile = 'always', but torch.compile is switched off here; unset "
                "TORCH_COMPILE_DISABLE, or set it to 'auto' or 'never'"
            )
        self._plain, self._required = function, required
        self._fast = torch.compile(function, dynamic=False)
        self.works = True
        """Whether it is compiled code that runs; known once it was called."""

    def __call__(self, seen: torch.Tensor, *others: torch.Tensor | None) -> tuple:
        """See `with_gradient`.

        Raises:
            InputError: compilation failed and is required.
        """
        if not self.works:
            return with_gradient(self._plain, seen, *others)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the compiler's own, of no use to our user
                return with_gradient(self._fast, seen, *others)
        except (InputError, torch.OutOfMemoryError, MemoryError):
            raise
        except Exception as error:  # whatever stops a compiler; what stops the network too, the plain call raises again
            if self._required:
                raise InputError(
                    f"invert_teacher.compile = 'always', but the teacher does not compile here ({reason(error)}); "
                    "set it to 'auto' or 'never'"
                ) from error
            print(f"the teacher does not compile here ({reason(error)}); going on without", file=sys.stderr)
            self.works = False
        return with_gradient(self._plain, seen, *others)  # not above: what it raises is none of the compiler's
