"""Settings that all searches share."""

import hashlib
import json
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

from dfnas.settings.base import Count, CountOrZero, NonNegative, Settings
from dfnas.settings.labelling import LabelSettings
from dfnas.settings.training import AugmentationSettings


class SpaceSettings(Settings):
    """Which space is searched, and its sizes."""

    name: str
    """`darts`, `mbconv`, `shufflenet`, `nasbench201`, or a user's `module:object` or `file.py:object`."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Sizes of the space, as its class explains them."""

    @property
    def digest(self) -> str:
        """A name for the files of the space. All networks of a configuration have one task."""
        return hashlib.sha256(json.dumps(self.plain(), sort_keys=True).encode()).hexdigest()[:12]


class BudgetSettings(Settings):
    """Hard limits on the architecture; 0 is none."""

    max_macs_m: NonNegative = 0.0
    """Multiply-accumulates per image, in millions."""
    max_params_m: NonNegative = 0.0
    """Weights, in millions."""
    max_latency_ms: NonNegative = 0.0
    """Milliseconds of a batch, by the table that is measured on this machine."""


class ImagesSettings(LabelSettings):
    """What whoever trains a supernet, or a candidate, is told of the space and of the images."""

    space: SpaceSettings
    """The search space."""
    downscale: Count = 1
    """Search on images averaged over squares of this side. It divides their height and width; crops, flips and the
    teacher's labels are those of the full size, and so are the MACs of what is found."""
    batch_size: Count = 64
    """Images per step."""
    images_per_epoch: CountOrZero = 0
    """Training images that count as an epoch, so that schedules in epochs are equally long on data sets of different
    sizes; 0 is all of them. Every image is still seen equally often."""
    augmentation: AugmentationSettings = AugmentationSettings()
    """What happens to a training image."""

    @property
    def needs_latency(self) -> bool:
        """Whether the space's latency table is asked for."""
        return False


class SearchSettings(ImagesSettings):
    """What every search is told, whether it looks at data or not."""

    supernet_type: ClassVar[type[ImagesSettings] | None] = None
    """The part of the section that the supernet is trained by, where it is trained apart from the search on it."""

    budget: BudgetSettings = BudgetSettings()
    """What the architecture may cost at most."""

    @property
    def asks_teacher_itself(self) -> bool:
        """Whether the search asks the teacher, and not only the training of its supernet, where views were labelled."""
        if self.supernet_type is None:
            return self.asks_teacher
        return self.looks_at_images and self.labels == "once"

    def of_supernet(self) -> ImagesSettings:
        """What the supernet is trained by: nothing else of the section trains it anew."""
        assert self.supernet_type is not None, "a search without a supernet of its own"
        return self.supernet_type(**{name: getattr(self, name) for name in self.supernet_type.model_fields})

    @property
    def needs_latency(self) -> bool:
        return self.budget.max_latency_ms > 0

    @property
    def on_data(self) -> bool:
        """Whether the search looks at images, or stands on a supernet that did."""
        return True

    @property
    def looks_at_images(self) -> bool:
        """Whether the search itself does: not where all is read off from what the supernet has learnt."""
        return self.on_data


class OwnSearchSettings(SearchSettings):
    """The section of an algorithm of the user's, as far as it is known before that is loaded: what all searches are
    told. The keys of its own are read by `check_spaces` and by the search. What it does not say, its class decides."""

    model_config = ConfigDict(extra="allow")

    @model_serializer(mode="wrap")
    def _as_said(self, whole: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in whole(self).items() if name in self.model_fields_set}


class JudgingSettings(SearchSettings):
    """What searches are told that judge candidates on held-out images."""

    judge_by: Literal["error", "loss"] = "error"
    """What makes one candidate better than another: `error`, fewer top-1, then top-5 errors, as published; `loss`, a
    lower cross-entropy to the images' labels at `temperature`, which goes on telling candidates apart where all of them
    see in nearly every synthetic image what the teacher sees."""
