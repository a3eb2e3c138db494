"""Model inversion: images out of a frozen teacher, by gradient descent on noise or another start.

For a batch x on a canvas as large as the teacher's input or larger, Adam minimises (paper section 3; release,
Image_Synthesis/train.py:93-190)

    CE(f(r(x)), p) + λ_feature F(r(x)) + λ_tv TV(r(x)) + λ_l2 mean_b ‖r(x)_b‖ + λ_competition C(r(x))

where r cuts another region out of the canvas in every step, F is the distance of the BatchNorm statistics
(`FeatureStatistics`; as published Σ_l w_l (‖mean_l - μ_l‖ + ‖var_l - σ²_l‖)), and C the agreement with a second
network. The canvas lives in the teacher's normalised space and, unless `clip` is off, is clipped to valid pixels after
every step.

Shapes: B batch, C channels, H W of the teacher's input, H' W' of the canvas, K classes.
"""

import math
from collections.abc import Generator
from itertools import islice
from typing import Any

import torch

from dfnas.runtime.errors import InputError, reason
from dfnas.runtime.seeds import generator
from dfnas.runtime.transfers import sent
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.synthesis.canvas import first_canvas
from dfnas.synthesis.objective import TERMS, Objective
from dfnas.synthesis.regions import RegionOperator
from dfnas.training.optimizers import adam
from dfnas.training.schedule import learning_rate, set_learning_rate


def to_uint8(pixels: torch.Tensor) -> torch.Tensor:
    """Pixels in [0, 1] as the nearest of the 256 levels that a data set holds."""
    return (pixels * 255).round().clamp(0, 255).to(torch.uint8)


class Inversion:
    """The inversion of one batch: all of its state, one step at a time.

    The result depends on (objective, targets, generation, batch) alone: start and regions have random
    streams of their own, and a run continued from `state_dict()` gives the bits that an uninterrupted one gives.

    Args:
        objective: what is minimised, with teacher and settings.
        targets: (B, K), rows that sum to 1: one-hot in generation 0, soft later.
        generation: the generation of label calibration, from 0.
        batch: the index of the batch within the generation.

    Raises:
        InputError: the teacher does not take images of the size of a resolution stage, or gives no gradient.
    """

    def __init__(self, objective: Objective, targets: torch.Tensor, generation: int, batch: int):
        teacher, settings = objective.teacher, objective.settings
        spec = teacher.spec
        assert targets.shape[1:] == (spec.classes,), targets.shape
        self.settings = settings
        self.step = 0
        self.total_steps = sum(stage.steps for stage in settings.stages)
        self._objective, self._teacher = objective, teacher
        self._device = teacher.mean.device
        self._targets = sent(targets, self._device).float()
        self._path = (settings.seed, "inversion", generation, batch)
        self._lowest, self._highest = (0 - teacher.mean) / teacher.std, (1 - teacher.mean) / teacher.std
        self._regions = [_regions(settings, spec.size, stage.downscale) for stage in settings.stages]
        self._check_sizes()
        sides = settings.canvas_sides(spec.size)
        self._canvas = first_canvas(settings.start, len(targets), teacher, sides, *self._path).requires_grad_()
        self._optimizer = self._new_optimizer()
        self._average: torch.Tensor | None = None  # running moments of the features
        self._history = torch.full((self.total_steps, len(TERMS)), math.nan, device=self._device)
        objective.prepare(self._view(index, step=0) for index in range(len(settings.stages)))

    @property
    def finished(self) -> bool:
        return self.step == self.total_steps

    def steps(self) -> Generator[int, None, None]:
        """Does a step each time the next one is asked for, and gives how many are done. Nothing waits for the device.

        The teacher's layers are watched from the first step to the last, or until the iterator is closed or dropped.
        """
        with self._objective:
            while self.step + 1 < self.total_steps:
                self._advance_one()
                yield self.step
            if not self.finished:
                self._advance_one()
        yield self.step

    def advance(self, steps: int) -> None:
        """Does the next `steps` steps, or as many as are left."""
        for _ in islice(self.steps(), steps):
            pass

    def skip_to(self, step: int) -> None:
        """Goes on at a step as if those since the last had been done and had changed nothing."""
        self._history[self.step : step] = 0
        self.step = step

    def run(self) -> torch.Tensor:
        """Does all that is left, and returns `images()`."""
        self.advance(self.total_steps)
        return self.images()

    def images(self) -> torch.Tensor:
        """The canvas as pixels in [0, 1], (B, C, H', W') float32.

        Raises:
            InputError: the optimisation has diverged.
        """
        teacher = self._teacher
        pixels = self._canvas.detach() * teacher.std + teacher.mean
        if not pixels.isfinite().all():
            raise self.diverged()
        return pixels.clamp(0, 1)

    def diverged(self) -> InputError:
        """The complaint about values that are not finite."""
        return InputError(
            f"the inversion of batch {self._path[-1]}, generation {self._path[-2]} diverged to values that are "
            "not finite; lower invert_teacher.lr or feature_weight, or set precision to float32"
        )

    def history(self) -> torch.Tensor:
        """The loss terms of every step done, unweighted: (steps, T) on the CPU, columns as in TERMS."""
        return self._history[: self.step].cpu()

    def state_dict(self) -> dict[str, Any]:
        """All that changes, as it is now; saves with `torch.save` and loads with `weights_only`."""
        adam = self._optimizer.state_dict()["state"].get(0, {})  # nothing before the first step
        return {
            "step": self.step,
            "canvas": self._canvas.detach().clone(),
            "adam": {name: value.clone() for name, value in adam.items()},
            "average": None if self._average is None else self._average.clone(),
            "history": self._history[: self.step].clone(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continues where `state` was taken, in an inversion made with the same arguments."""
        self.step = state["step"]
        with torch.no_grad():
            self._canvas.copy_(state["canvas"])
        self._optimizer = self._new_optimizer()
        groups = self._optimizer.state_dict()["param_groups"]
        adam = {0: dict(state["adam"])} if state["adam"] else {}
        self._optimizer.load_state_dict({"state": adam, "param_groups": groups})
        self._average = None if state["average"] is None else state["average"].to(self._device)
        self._history[: self.step] = state["history"]

    def _new_optimizer(self) -> torch.optim.Optimizer:
        return adam([self._canvas], lr=self.settings.lr, betas=self.settings.betas, fused=True)

    def _locate(self) -> tuple[int, int]:
        """The stage of the current step, and the step's number within it."""
        step = self.step
        for index, stage in enumerate(self.settings.stages):
            if step < stage.steps:
                return index, step
            step -= stage.steps
        raise AssertionError(f"step {self.step} of {self.total_steps}")

    def _advance_one(self) -> None:
        settings = self.settings
        index, step = self._locate()
        if step == 0:
            self._optimizer = self._new_optimizer()
            self._average = None  # of another resolution
        set_learning_rate(self._optimizer, self._rate(step, settings.stages[index].steps))
        seen = self._view(index, self.step)
        outcome = self._objective(seen, self._targets, self._average)
        self._average = outcome.average
        self._optimizer.zero_grad(set_to_none=True)
        seen.backward(outcome.gradient)
        self._optimizer.step()
        with torch.no_grad():
            if settings.clip:  # all of it: momentum moves the rest of the canvas too
                self._canvas.clamp_(self._lowest, self._highest)
            self._history[self.step] = outcome.terms
        self.step += 1

    def _view(self, index: int, step: int) -> torch.Tensor:
        """The regions of a step in a stage: (B, C, H, W)."""
        operator = self._regions[index]
        count = len(self._canvas) if self.settings.region_per == "image" else 1
        regions = operator.draw(generator(*self._path, "region", step), count)
        return operator.apply(self._canvas, regions).contiguous(memory_format=torch.channels_last)

    def _rate(self, step: int, steps: int) -> float:
        settings = self.settings
        if settings.lr_schedule == "constant" and step >= settings.warmup_steps:
            return settings.lr
        return learning_rate(step, steps, settings.lr, warmup=settings.warmup_steps)

    @torch.no_grad()
    def _check_sizes(self) -> None:
        spec = self._teacher.spec
        for stage, regions in zip(self.settings.stages, self._regions, strict=True):
            probe = torch.zeros(1, spec.channels, *regions.sides, device=self._device)
            for role, network in self._objective.networks().items():
                try:
                    network(probe)
                except Exception as error:  # a network of the user's: whatever a size that does not fit leads it to
                    raise InputError(
                        f"invert_teacher.stages: with downscale {stage.downscale} the {role} sees images of "
                        f"{regions.sides[0]} x {regions.sides[1]} pixels, which it does not take "
                        f"({reason(error)}); use downscale 1 only"
                    ) from error
                if not self._gives_gradient(network, probe):
                    raise InputError(
                        f"invert_teacher: the logits of the {role} have no gradient by its images, which an inversion "
                        "follows: its forward pass detaches them, or runs under no_grad; take that out, or leave "
                        "stages empty"
                    )

    @staticmethod
    def _gives_gradient(network: torch.nn.Module, probe: torch.Tensor) -> bool:
        with torch.enable_grad():
            return network(probe.clone().requires_grad_() * 1).requires_grad


def _regions(settings: InvertTeacherSettings, size: tuple[int, int], downscale: int) -> RegionOperator:
    reach = {"roll": settings.roll_reach, "none": 0}.get(settings.region, settings.canvas_margin)
    area, aspect = settings.crop_area, settings.crop_aspect
    return RegionOperator(size, settings.region, settings.flip, reach, downscale, area, aspect)
