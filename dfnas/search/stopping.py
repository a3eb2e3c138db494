"""Ending a search by gradient before it collapses: by the number of skip connections, or by the curvature.

DARTS+ (Liang et al. 2019, criterion 1) stops as soon as a normal cell has two skip connections. RobustDARTS (Zela et
al. 2020, section 4.3) looks at λ, the dominant eigenvalue of the Hessian of the validation loss with respect to α: with
λ̄(i) its mean over the k epochs around i, the search stops if λ̄(i - k) / λ̄(i) < 0.75, and the architecture is that
of epoch i - k, before the rise. (The release, automl/RobustDARTS, stops at λ̄(i) / λ̄(i - 4) > 1.3 and never
returns to an epoch before the tenth.)
"""

from dataclasses import asdict, dataclass
from typing import Any

import torch

from dfnas.search.collapse import count_skips
from dfnas.settings.search_darts import StopSettings
from dfnas.spaces.space import Architecture, Space

Strengths = dict[str, torch.Tensor]


@dataclass(frozen=True)
class Stop:
    """The end of a search: after how many epochs, for what reason, and the epoch, counted from 1, whose strengths
    of options are the result."""

    after: int
    reason: str
    epoch: int
    strengths: Strengths


def too_many_skips(space: Space, architecture: Architecture, settings: StopSettings) -> bool:
    """Whether a kind of cell has as many skip connections as end the search."""
    counts = count_skips(space, architecture).values()
    if settings.skip_share:
        return any(skips.share >= settings.skip_share for skips in counts)
    return any(skips.taken >= settings.skips for skips in counts)


class EarlyStopping:
    """Watches a search at the end of every epoch.

    Attributes:
        stop: None as long as the search goes on.
    """

    def __init__(self, space: Space, settings: StopSettings):
        self.space, self.settings = space, settings
        self.stop: Stop | None = None
        self.eigenvalues: list[float] = []
        self.recent: list[Strengths] = []  # of the last epochs, as far back as the search may return to

    def observe(self, epoch: int, strengths: Strengths, eigenvalue: float | None = None) -> None:
        """Judges the state after an epoch.

        Args:
            epoch: from 1.
            strengths: (O,) of every choice, on the CPU.
            eigenvalue: λ, where the settings ask for it.
        """
        if self.settings.by == "skips" and too_many_skips(self.space, self.space.discretise(strengths), self.settings):
            self.stop = Stop(epoch, "skips", epoch, strengths)
        elif self.settings.by == "eigenvalue":
            assert eigenvalue is not None, "the settings ask for it"
            window, self.eigenvalues = self.settings.window, [*self.eigenvalues, eigenvalue]
            self.recent = [*self.recent, strengths][-(window + window // 2 + 1) :]
            # The latest epoch that has as many eigenvalues after it as the mean around it needs.
            latest = len(self.eigenvalues) - 1 - window // 2
            earlier, returned = latest - window, epoch - window // 2 - window
            if earlier >= 0 and returned >= self.settings.first_epoch and self._risen(earlier, latest):
                self.stop = Stop(epoch, "eigenvalue", returned, self.recent[0])

    def _risen(self, earlier: int, latest: int) -> bool:
        return self._smoothed(earlier) < self.settings.ratio * self._smoothed(latest)

    def _smoothed(self, place: int) -> float:
        """λ̄ around a place in the list of eigenvalues; of fewer values where that has only begun."""
        half = self.settings.window // 2
        values = self.eigenvalues[max(place - half, 0) : place + half + 1]
        return sum(values) / len(values)

    def state_dict(self) -> dict[str, Any]:
        return {
            "stop": None if self.stop is None else asdict(self.stop),
            "eigenvalues": self.eigenvalues,
            "recent": self.recent,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.stop = None if state["stop"] is None else Stop(**state["stop"])
        self.eigenvalues, self.recent = list(state["eigenvalues"]), list(state["recent"])
