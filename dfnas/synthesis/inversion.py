"""Model inversion: images out of a frozen teacher, by gradient descent on noise.

For a batch x on a canvas as large as the teacher's input or larger, Adam minimises (paper section 3; release,
Image_Synthesis/train.py:93-190)

    CE(f(r(x)), p) + λ_feature Σ_l w_l (‖mean_l - μ_l‖ + ‖var_l - σ²_l‖) + λ_tv TV(r(x)) + λ_l2 mean_b ‖r(x)_b‖

where r cuts another region out of the canvas in every step. The canvas lives in the teacher's normalised space and
is clipped to valid pixels after every step.

Shapes: B batch, C channels, S side of the teacher's input, S' side of the canvas, K classes.
"""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional as F

from dfnas.runtime.errors import InputError
from dfnas.runtime.schedule import learning_rate, set_learning_rate
from dfnas.runtime.seeds import generator
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.synthesis.regions import RegionOperator
from dfnas.synthesis.regularizers import FeatureStatistics, image_norm, total_variation
from dfnas.teacher import Teacher

TERMS = ("cross_entropy", "feature", "total_variation", "image_norm")


def to_uint8(pixels: torch.Tensor) -> torch.Tensor:
    """Pixels in [0, 1] as the nearest of the 256 levels that a data set holds."""
    return (pixels * 255).round().clamp(0, 255).to(torch.uint8)


class Inversion:
    """The inversion of one batch: all of its state, one step at a time.

    The result depends on (settings, teacher, targets, generation, batch) alone: noise and regions have random
    streams of their own, and a run continued from `state_dict()` gives the bits that an uninterrupted one gives.

    Args:
        teacher: decides the device. Its network's weights are laid out channels-last from now on.
        targets: (B, K), rows that sum to 1: one-hot in generation 0, soft later.
        generation: the generation of label calibration, from 0.
        batch: the index of the batch within the generation.

    Raises:
        InputError: the teacher has no BatchNorm although the feature term has a weight, or does not take images of
            the size of a resolution stage.
    """

    def __init__(
        self, teacher: Teacher, targets: torch.Tensor, settings: InvertTeacherSettings, generation: int, batch: int
    ):
        spec = teacher.spec
        assert targets.shape[1:] == (spec.classes,), targets.shape
        self.settings = settings
        self.step = 0
        self.total_steps = sum(stage.steps for stage in settings.stages)
        self._teacher = teacher.to(memory_format=torch.channels_last)
        self._device = teacher.mean.device
        self._targets = targets.to(self._device, torch.float32)
        self._path = (settings.seed, "inversion", generation, batch)
        self._lowest, self._highest = (0 - teacher.mean) / teacher.std, (1 - teacher.mean) / teacher.std
        self._features = FeatureStatistics(
            teacher.batch_norms(),
            settings.feature_weight,
            settings.feature_first_multiplier,
            settings.feature_scale == "relative",
        )
        reach = {"random_crop": settings.canvas_margin, "roll": settings.roll_reach, "none": 0}[settings.region]
        self._regions = [
            RegionOperator(spec.size, settings.region, settings.flip, reach, stage.downscale)
            for stage in settings.stages
        ]
        self._check_sizes()
        sides = [settings.canvas_side(side) for side in spec.size]
        noise = torch.randn(len(targets), spec.channels, *sides, generator=generator(*self._path, "noise"))
        self._canvas = noise.to(self._device).requires_grad_()  # (B, C, S', S'), normalised
        self._optimizer = self._new_optimizer()
        self._history = torch.full((self.total_steps, len(TERMS)), math.nan, device=self._device)

    @property
    def finished(self) -> bool:
        return self.step == self.total_steps

    def advance(self, steps: int) -> None:
        """Does the next `steps` steps, or as many as are left. Nothing waits for the device."""
        end = min(self.step + steps, self.total_steps)
        with self._features:
            while self.step < end:
                self._advance_one()

    def run(self, checkpoint: Callable[["Inversion"], None] | None = None, every: int = 500) -> torch.Tensor:
        """Does all that is left, calling `checkpoint` after every `every` steps, and returns `images()`."""
        while not self.finished:
            self.advance(every - self.step % every)
            if checkpoint is not None and not self.finished:
                checkpoint(self)
        return self.images()

    def images(self) -> torch.Tensor:
        """The canvas as pixels in [0, 1], (B, C, S', S') float32.

        Raises:
            InputError: the optimisation has diverged.
        """
        teacher = self._teacher
        pixels = self._canvas.detach() * teacher.std + teacher.mean
        if not pixels.isfinite().all():
            raise InputError(
                f"the inversion of batch {self._path[-1]}, generation {self._path[-2]} diverged to values that are "
                "not finite; lower invert_teacher.lr or feature_weight, or set precision to float32"
            )
        return pixels.clamp(0, 1)

    def history(self) -> torch.Tensor:
        """The loss terms of every step done, unweighted: (steps, 4) on the CPU, columns as in TERMS."""
        return self._history[: self.step].cpu()

    def state_dict(self) -> dict[str, Any]:
        """All that changes, as it is now; saves with `torch.save` and loads with `weights_only`."""
        adam = self._optimizer.state_dict()["state"].get(0, {})  # nothing before the first step
        return {
            "step": self.step,
            "canvas": self._canvas.detach().clone(),
            "adam": {name: value.clone() for name, value in adam.items()},
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
        self._history[: self.step] = state["history"]

    def _new_optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.Adam([self._canvas], lr=self.settings.lr, betas=self.settings.betas, fused=True)

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
        rate = learning_rate(step, settings.stages[index].steps, settings.lr, warmup=settings.warmup_steps)
        set_learning_rate(self._optimizer, rate)
        region = self._regions[index].draw(generator(*self._path, "region", self.step))
        seen = self._regions[index].apply(self._canvas, region)  # (B, C, S / downscale, S / downscale)
        terms = self._loss_terms(seen.contiguous(memory_format=torch.channels_last))
        weights = (1.0, settings.feature_weight, settings.tv_weight, settings.l2_weight)
        loss = sum(weight * term for weight, term in zip(weights, terms, strict=True) if weight)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        with torch.no_grad():
            self._canvas.clamp_(self._lowest, self._highest)  # all of it: momentum moves the rest of the canvas too
            self._history[self.step] = torch.stack(terms)
        self.step += 1

    def _loss_terms(self, seen: torch.Tensor) -> list[torch.Tensor]:
        """The four terms in the order of TERMS, unweighted scalars on the device."""
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self.settings.precision == "bfloat16"):
            logits = self._teacher.network(seen)
        features = self._features.loss() if self.settings.feature_weight else torch.zeros((), device=self._device)
        return [F.cross_entropy(logits.float(), self._targets), features, total_variation(seen), image_norm(seen)]

    @torch.no_grad()
    def _check_sizes(self) -> None:
        spec = self._teacher.spec
        for stage, regions in zip(self.settings.stages, self._regions, strict=True):
            try:
                probe = torch.zeros(1, spec.channels, *regions.seen, device=self._device)
                self._teacher.network(probe)
            except RuntimeError as error:
                raise InputError(
                    f"invert_teacher.stages: with downscale {stage.downscale} the teacher sees images of "
                    f"{' x '.join(map(str, regions.seen))} pixels, which it does not take "
                    f"({str(error).splitlines()[0]}); use downscale 1 only"
                ) from error


def invert(
    teacher: Teacher, targets: torch.Tensor, settings: InvertTeacherSettings, generation: int, batch: int
) -> torch.Tensor:
    """Images that the teacher sees as `targets`: see `Inversion`, run from start to end.

    Returns:
        (B, C, S', S') float32 pixels in [0, 1] on the teacher's device.
    """
    return Inversion(teacher, targets, settings, generation, batch).run()
