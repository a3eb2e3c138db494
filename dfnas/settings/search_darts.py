"""Settings of `search_darts` (Liu, Simonyan and Yang 2019; section 3.1 and the code published with it)."""

from typing import Literal

from dfnas.settings.base import Count, Decay, Fraction, NonNegative, Positive
from dfnas.settings.search import SearchSettings


class SearchDartsSettings(SearchSettings):
    """Section `search_darts`."""

    order: Literal[1, 2] = 2
    """1 takes the weights as they are for the architecture's gradient, 2 looks one step of theirs ahead."""
    epochs: Count = 50
    """Passes over the half of the training images that trains the weights."""
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
