"""Settings of `search_darts` (Liu, Simonyan and Yang 2019; section 3.1 and the code published with it)."""

from typing import ClassVar, Literal

from pydantic import model_validator

from dfnas.settings.base import Count, CountOrZero, Decay, Flag, Fraction, NonNegative, Positive, Settings
from dfnas.settings.ranks import DerivedSettings
from dfnas.settings.search import ImagesSettings


class StopSettings(Settings):
    """Whether the search ends before its last epoch, lest it collapse into skip connections."""

    by: Literal["never", "skips", "eigenvalue"] = "never"
    """`skips`: at a number of skip connections in a kind of cell (DARTS+, Liang et al. 2019); `eigenvalue`: when the
    dominant eigenvalue of the validation loss's Hessian with respect to the architecture parameters rises (Zela et
    al. 2020)."""
    skips: Count = 2
    """Skip connections at which the search stops."""
    skip_share: Fraction = 0.0
    """The same as a share of the choices that are kept, in place of the number; 0 leaves it to the number."""
    window: Count = 5
    """Epochs over which the eigenvalue is averaged, and that lie between the two averages compared; odd."""
    ratio: Fraction = 0.75
    """The search stops if the earlier average is less than this share of the later; 0 only records the eigenvalue."""
    first_epoch: CountOrZero = 10
    """Earliest epoch whose architecture the rising eigenvalue may bring back (release: 10)."""
    iterations: Count = 20
    """At most so many Hessian-vector products for an eigenvalue, each of two gradients."""

    def earliest(self, arch_warmup_epochs: int) -> int:
        """The first epoch, from 1, after which a rising eigenvalue can end the search."""
        return max(self.first_epoch, arch_warmup_epochs + 1) + self.window + self.window // 2

    @model_validator(mode="after")
    def _centred(self) -> "StopSettings":
        if self.window % 2 == 0:
            raise ValueError(f"window ({self.window}) must be odd: the average is taken around an epoch")
        return self


class SelectionSettings(Settings):
    """How the architecture is read off the trained supernet."""

    by: Literal["strength", "perturbation"] = "strength"
    """`strength`: the options with the largest architecture parameters, as published; `perturbation`: those that the
    supernet misses most (DARTS-PT, Wang et al. 2021)."""
    tune_epochs: Positive = 5.0
    """Epochs of further training between two decisions by perturbation; parts of an epoch are allowed."""
    lr_share: Fraction = 0.1
    """Peak learning rate of the weights in them, as a share of `lr`; falls by a cosine to `lr_min` until the last."""


class DartsSupernetSettings(ImagesSettings):
    """What of section `search_darts` trains the supernet and the strengths of its options."""

    order: Literal[1, 2] = 2
    """1 takes the weights as they are for the architecture's gradient, 2 looks one step of theirs ahead."""
    epochs: Count = 50
    """Passes over as many images as half of the training images are: over the half that trains the weights, or, where
    the architecture parameters do not learn, two of which see all images once."""
    lr: Positive = 0.025
    """Peak learning rate of the weights; falls by a cosine, epoch by epoch."""
    lr_min: NonNegative = 0.001
    """Learning rate that the cosine ends at."""
    momentum: Fraction = 0.9
    """Momentum of the weights."""
    weight_decay: NonNegative = 3e-4
    """L2 penalty on the weights."""
    clip_norm: Positive = 5.0
    """Upper bound of the norm of the weights' gradient."""
    arch_lr: Positive = 3e-4
    """Learning rate of Adam on the architecture parameters."""
    arch_betas: tuple[Decay, Decay] = (0.5, 0.999)
    """Decay rates of Adam's moments."""
    arch_weight_decay: NonNegative = 1e-3
    """L2 penalty on the architecture parameters."""
    arch_warmup_epochs: CountOrZero = 0
    """Epochs at the beginning in which only the weights learn (PC-DARTS: 15)."""
    train_architecture: Flag = True
    """Whether the architecture parameters learn at all. Without, they stay uniform, and the architecture has to be
    selected by perturbation (Wang et al. 2021: "DARTS + PT, fixed α")."""
    edge_normalisation: Flag = False
    """Whether every edge of a cell has a weight of its own beside those of its options, softmaxed over the edges into
    its node (PC-DARTS, Xu et al. 2020, section 3.3). Belongs to the spaces' option `search_partial_channels`."""
    stop: StopSettings = StopSettings()
    """Stopping early."""
    selection: SelectionSettings = SelectionSettings()
    """Reading off the architecture."""

    @model_validator(mode="after")
    def _agree(self) -> "DartsSupernetSettings":
        if self.lr_min > self.lr:
            raise ValueError(f"lr_min ({self.lr_min:g}) must not exceed lr ({self.lr:g}), or the rate would rise")
        if self.arch_warmup_epochs >= self.epochs:
            raise ValueError(
                f"arch_warmup_epochs ({self.arch_warmup_epochs}) must be less than epochs ({self.epochs}), or the "
                "architecture parameters never learn; train_architecture = false says so on purpose"
            )
        earliest = self.stop.earliest(self.arch_warmup_epochs)
        if self.stop.by == "eigenvalue" and self.stop.ratio and earliest > self.epochs:
            raise ValueError(
                f"stop.by = eigenvalue cannot stop before epoch {earliest} of {self.epochs}; lower stop.first_epoch or "
                "stop.window, or set stop.ratio = 0 to only record the eigenvalue"
            )
        by_perturbation = self.selection.by == "perturbation"
        if by_perturbation and self.stop.by != "never":
            raise ValueError(
                f"stop.by = {self.stop.by} and selection.by = perturbation exclude each other: the latter takes a "
                "supernet trained to its end; say selection.by = strength and train_architecture = true beside stop.by"
            )
        if not self.train_architecture and not by_perturbation:
            raise ValueError(
                "train_architecture = false needs selection.by = perturbation: no option is stronger; say "
                "train_architecture = true"
            )
        if not self.train_architecture and self.arch_warmup_epochs:
            raise ValueError(
                f"arch_warmup_epochs = {self.arch_warmup_epochs} needs train_architecture = true: without it the "
                "architecture parameters never learn"
            )
        if not self.train_architecture and self.edge_normalisation:
            raise ValueError("edge_normalisation = true needs train_architecture = true: its weights would not learn")
        return self


class SearchDartsSettings(DartsSupernetSettings, DerivedSettings):
    """Section `search_darts`."""

    supernet_type: ClassVar[type[ImagesSettings] | None] = DartsSupernetSettings
