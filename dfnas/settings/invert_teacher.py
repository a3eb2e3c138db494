"""Settings of `invert_teacher`: how images are made from noise (paper section 3; release, Image_Synthesis)."""

from typing import Literal

from pydantic import model_validator

from dfnas.settings.base import Count, CountOrZero, Decay, Flag, Integer, NonNegative, Positive, Settings


class ResolutionStage(Settings):
    """One stage of the schedule, with an optimiser and a learning rate schedule of its own."""

    downscale: Count = 1
    """Factor by which the canvas is averaged down before the teacher sees it: 2 is half resolution."""
    steps: Count = 2000
    """Optimiser steps of this stage."""


class InvertTeacherSettings(Settings):
    batch_size: Count = 50
    """Images that are optimised together; the unit of work, since BatchNorm statistics couple them."""
    stages: tuple[ResolutionStage, ...] = (
        ResolutionStage(downscale=2, steps=2000),
        ResolutionStage(downscale=1, steps=3000),
    )
    """Resolution stages, run in this order (release: half, then full resolution)."""
    canvas_margin: CountOrZero = 32
    """Pixels by which the canvas is larger than the teacher's input (256 - 224 in the paper). Only random crops
    reach a margin: with the other regions the canvas has the size of the input."""
    region: Literal["random_crop", "roll", "none"] = "random_crop"
    """What a step sees of the canvas: a random region (the paper), the whole rolled at random (DeepInversion),
    or the whole, always."""
    roll_reach: CountOrZero = 30
    """Largest shift of `roll` in each direction, in pixels (DeepInversion: 30 at 224 pixels, 2 at 32)."""
    flip: Flag = True
    """Mirror the region left to right in half of the steps. Off where mirror images change class (digits)."""
    lr: Positive = 0.25
    """Peak learning rate of Adam, in units of the normalised pixel."""
    betas: tuple[Decay, Decay] = (0.5, 0.9)
    """Decay rates of Adam's moments."""
    warmup_steps: CountOrZero = 100
    """Steps of linear warm-up at the start of each stage; a cosine to zero follows."""
    feature_weight: NonNegative = 0.01
    """Weight of the BatchNorm statistics. Where 0, teachers without BatchNorm are accepted."""
    feature_scale: Literal["sum", "relative"] = "sum"
    """`sum` over the layers (the publication), whose right weight depends on the teacher, or `relative` to each
    layer's own scale and averaged over them, where 30 suits every teacher that was tried."""
    feature_first_multiplier: Positive = 10.0
    """Factor on the first BatchNorm layer's term."""
    tv_weight: NonNegative = 1e-4
    """Weight of the total variation."""
    l2_weight: NonNegative = 1e-5
    """Weight of the mean L2 norm of an image."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the teacher's forward and backward pass."""
    seed: Integer = 0
    """Seed of all noise, regions and target orders of the synthesis."""

    @model_validator(mode="after")
    def _stages_fit(self) -> "InvertTeacherSettings":
        if not self.stages:
            raise ValueError("at least one resolution stage is needed")
        for stage in self.stages:
            if self.warmup_steps >= stage.steps:
                raise ValueError(
                    f"warmup_steps ({self.warmup_steps}) must be below the steps of every stage ({stage.steps})"
                )
            if self.canvas_margin % stage.downscale:
                raise ValueError(
                    f"canvas_margin ({self.canvas_margin}) must be a multiple of every downscale ({stage.downscale})"
                )
        return self

    def canvas_side(self, size: int) -> int:
        """Side in pixels of the images that are made for a teacher with inputs of side `size`."""
        return size + (self.canvas_margin if self.region == "random_crop" else 0)
