"""Settings of `search_proxyless` (Cai, Zhu and Han 2019; sections 3 and 4 and the code published with it)."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from dfnas.settings.base import Count, CountOrZero, Decay, Fraction, Integer, NonNegative, Number, Positive, Settings
from dfnas.settings.ranks import DerivedSettings
from dfnas.settings.search import ImagesSettings


class CostTermSettings(Settings):
    """How the expected cost E enters the loss of the architecture parameters."""

    form: Literal["mul#log", "add#linear", "none"] = "mul#log"
    """`mul#log`: alpha · (CE - H) · (log E / log R)^beta, of the cross-entropy CE to labels of entropy H, which is 0 of
    classes; `add#linear`: CE + beta · (E - R) / R."""
    measure: Literal["macs", "latency"] = "macs"
    """What E is: multiply-accumulates per image, or milliseconds by the table that is measured on this machine."""
    reference: Positive = 300.0
    """R, in millions of multiply-accumulates or in milliseconds (published for a phone: 80)."""
    alpha: Positive = 0.2
    """Factor of `mul#log`."""
    beta: Number = 0.3
    """Exponent of `mul#log`, weight of `add#linear` (published: 0.1 there)."""

    @property
    def needs_latency(self) -> bool:
        """Whether E is in milliseconds."""
        return self.form != "none" and self.measure == "latency"

    @property
    def reference_in_table(self) -> float:
        """R in the unit of the cost table: multiply-accumulates, or milliseconds."""
        return self.reference * 1e6 if self.measure == "macs" else self.reference


class ProxylessSupernetSettings(ImagesSettings):
    """What of section `search_proxyless` trains the supernet and the strengths of its options."""

    warmup_epochs: CountOrZero = 40
    """Epochs of training uniformly sampled paths before the search proper."""
    warmup_lr: Positive = 0.05
    """Peak learning rate of the warm-up, which has a cosine of its own."""
    epochs: Annotated[Integer, Field(ge=2)] = 120
    """Epochs of alternating weight and architecture steps; the first has none of the latter."""
    lr: Positive = 0.025
    """Peak learning rate of the weights; falls by a cosine, step by step."""
    momentum: Fraction = 0.9
    """Nesterov momentum of the weights."""
    weight_decay: NonNegative = 4e-5
    """L2 penalty on the weights."""
    label_smoothing: Fraction = 0.1
    """Share of the target spread evenly over all classes, for the weights' loss."""
    arch_every: Count = 5
    """Weight steps between two architecture steps; none is taken in the first epoch after the warm-up."""
    gates: Literal["two", "all"] = "two"
    """Whose gates give an architecture step its gradient: of two options drawn for each choice, as published
    (release: `two`), or of all (release: `full_v2`, its default), each of which is then run, one after the other."""
    arch_lr: Positive = 1e-3
    """Learning rate of Adam on the architecture parameters."""
    arch_betas: tuple[Decay, Decay] = (0.0, 0.999)
    """Decay rates of Adam's moments."""
    arch_weight_decay: NonNegative = 0.0
    """L2 penalty on the architecture parameters."""
    cost: CostTermSettings = CostTermSettings()
    """The cost term."""

    @property
    def needs_latency(self) -> bool:
        return self.cost.needs_latency


class SearchProxylessSettings(ProxylessSupernetSettings, DerivedSettings):
    """Section `search_proxyless`."""

    supernet_type: ClassVar[type[ImagesSettings] | None] = ProxylessSupernetSettings

    @model_validator(mode="after")
    def _one_wish(self) -> "SearchProxylessSettings":
        if self.ranks is not None and self.cost.form != "none":
            raise ValueError(
                f"ranks and cost.form = {self.cost.form} exclude each other: of ranked architectures the dearer is the "
                "better; say cost.form = none and what one may cost as a budget, or ranks = null"
            )
        return self

    @property
    def needs_latency(self) -> bool:
        return self.cost.needs_latency or self.budget.max_latency_ms > 0
