"""Settings of what a network learns from its images."""

from typing import Literal

from pydantic import model_validator

from dfnas.settings.base import Settings, Temperature


class LabelSettings(Settings):
    """Where the targets of a batch come from, and how soft they are."""

    labels: Literal["soft", "hard", "once", "teacher"] = "soft"
    """Targets: `soft`, the data set's soft labels (for original data these are the classes themselves); `hard`,
    the most likely class of these alone; `once`, what the teacher says of each stored image, held-out ones included:
    the same as `soft` on synthetic data, and the teacher's opinion of original ones; `teacher`, what it says of each
    view, asked in every step (SPOS release, on synthetic data)."""
    temperature: Temperature = 1.0
    """Temperature T on both sides of the cross-entropy (SPOS release: 3); that of a retraining is multiplied by T²
    (Hinton et al. 2015). Labels that are classes, `hard` ones and those of original data, are the same at every
    temperature; the network's side has it all the same."""
    teacher_statistics: Literal["stored", "batch"] = "stored"
    """What the teacher's BatchNorms normalise by where `labels` are its: `stored`, the statistics of its training;
    `batch`, those of each batch of views, or of a process's share of it, which are not distributed as what it was
    trained on (Heo et al. 2019, table 8; Raikwar and Mishra 2022, on noise). That takes a teacher with BatchNorm, and
    more than one image."""

    @property
    def asks_teacher(self) -> bool:
        """Whether the teacher is asked for labels that are not stored."""
        return self.labels in ("once", "teacher")

    @model_validator(mode="after")
    def _statistics_are_of_views(self) -> "LabelSettings":
        if self.teacher_statistics == "batch" and self.labels != "teacher":
            raise ValueError(
                f"teacher_statistics = batch needs labels = teacher, not {self.labels}: no other labels are given to "
                "batches of views; take teacher_statistics = stored"
            )
        return self
