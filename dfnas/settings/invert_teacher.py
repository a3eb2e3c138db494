"""Settings of `invert_teacher`: how images are made (paper section 3; release, Image_Synthesis)."""

from typing import Literal

from pydantic import model_validator

from dfnas.settings.base import (
    Count,
    CountOrZero,
    Decay,
    Flag,
    FractionPair,
    NonNegative,
    Positive,
    PositivePair,
    Seed,
    Settings,
    Temperature,
)


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
    """Resolution stages, run in this order (release: half, then full resolution). Without any, the images are what
    an inversion starts from: the baseline of what a search learns from the teacher's labels alone."""
    start: Literal["noise", "leaves"] = "noise"
    """What the images are before the first step: Gaussian noise (the publications), or dead leaves, shapes drawn by
    chance on each other, of which more is left the lower `lr` is."""
    targets: Literal["balanced", "one_class", "pairs"] = "balanced"
    """What the first generation aims at: every class equally often in each batch, one class per batch in turn, or
    each image at two classes, of which the first is its target class."""
    pair_share: FractionPair = (0.6, 0.9)
    """Least and largest probability of the target class under `pairs`, above 0.5; the other class has the rest."""
    canvas_margin: CountOrZero = 32
    """Pixels by which the canvas is larger than the teacher's input (256 - 224 in the paper). Only crops reach a
    margin: with the other regions the canvas has the size of the input."""
    region: Literal["random_crop", "random_resized_crop", "roll", "none"] = "random_crop"
    """What a step sees of the canvas: a random region (the paper), one of random size as well (SRe2L), the whole
    rolled at random (DeepInversion), or the whole, always."""
    region_per: Literal["batch", "image"] = "batch"
    """One region for all images of a step (the publications), or one for each."""
    crop_area: FractionPair = (0.25, 1.0)
    """Smallest and largest share of the canvas that `random_resized_crop` takes."""
    crop_aspect: PositivePair = (0.75, 1.3333)
    """Smallest and largest ratio of width to height of `random_resized_crop`, relative to the input's."""
    roll_reach: CountOrZero = 30
    """Largest shift of `roll` in each direction, in pixels (DeepInversion: 30 at 224 pixels, 2 at 32)."""
    flip: Flag = True
    """Mirror half of the regions left to right. Off where mirror images change class (digits)."""
    lr: Positive = 0.25
    """Peak learning rate of Adam, in units of the normalised pixel."""
    betas: tuple[Decay, Decay] = (0.5, 0.9)
    """Decay rates of Adam's moments."""
    lr_schedule: Literal["cosine", "constant"] = "cosine"
    """What follows the warm-up: a cosine to zero (release), or the peak to the end (DeepInversion on CIFAR-10)."""
    warmup_steps: CountOrZero = 100
    """Steps of linear warm-up at the start of each stage."""
    clip: Flag = True
    """Clip the canvas to valid pixels after every step (release), or at the end only (DeepInversion on CIFAR-10)."""
    feature_weight: NonNegative = 0.01
    """Weight of the BatchNorm statistics. Where 0, teachers without BatchNorm are accepted."""
    feature_scale: Literal["sum", "relative"] = "sum"
    """`sum` over the layers (the publication), whose right weight depends on the teacher, or `relative` to each
    layer's own scale and averaged over them, where 30 suits the teachers that were tried."""
    feature_distance: Literal["norm", "squared", "kl"] = "norm"
    """Distance of a layer's means and variances from the remembered ones: L2 norms (the publication), their squares,
    or the Kullback-Leibler divergence of normal distributions."""
    feature_momentum: Decay = 0.0
    """Momentum of a running average of the batch's statistics over the steps, so that small batches match as large
    ones do; 0 compares each step's alone (the publication)."""
    feature_first_multiplier: Positive = 10.0
    """Factor on the first BatchNorm layer's term."""
    tv_weight: NonNegative = 1e-4
    """Weight of the total variation."""
    l2_weight: NonNegative = 1e-5
    """Weight of the mean L2 norm of an image."""
    competition_weight: NonNegative = 0.0
    """Weight of the agreement with a second network, section `competitor`: the images become such as the teacher
    knows and the competitor does not (Adaptive DeepInversion)."""
    competition_temperature: Temperature = 3.0
    """What the logits of both are divided by before they are compared."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the teacher's forward and backward pass."""
    compile: Literal["auto", "always", "never"] = "auto"
    """Compile the teacher and the loss: about half a minute a resolution, then a quarter less time a step. `auto`
    does where a batch, on a GPU a job, is long enough to earn it back."""
    seed: Seed = 0
    """Seed of all noise, regions and target orders of the synthesis."""

    @model_validator(mode="after")
    def _stages_fit(self) -> "InvertTeacherSettings":
        for name in ("pair_share", "crop_area", "crop_aspect"):
            lowest, highest = getattr(self, name)
            if not 0 < lowest <= highest:
                raise ValueError(f"{name} must be two numbers above 0 in rising order, not {lowest} and {highest}")
        if self.pair_share[0] <= 0.5:
            raise ValueError(f"pair_share must be above 0.5, for the target class to lead, not {self.pair_share[0]}")
        if self.crop_area[0] < 0.01:
            raise ValueError(f"crop_area must not be below 0.01 of the canvas, not {self.crop_area[0]}")
        for stage in self.stages:
            if self.warmup_steps >= stage.steps:
                raise ValueError(
                    f"warmup_steps ({self.warmup_steps}) must be below the steps of every stage ({stage.steps})"
                )
            if self.margin % stage.downscale:
                raise ValueError(
                    f"canvas_margin ({self.canvas_margin}) must be a multiple of every downscale ({stage.downscale})"
                )
        return self

    def canvas_sides(self, size: tuple[int, int]) -> tuple[int, int]:
        """Height and width in pixels of the images that are made for a teacher with inputs of `size`."""
        return size[0] + self.margin, size[1] + self.margin

    @property
    def margin(self) -> int:
        """Pixels by which the canvas is larger than the input, for this kind of region."""
        return self.canvas_margin if self.region in ("random_crop", "random_resized_crop") else 0
