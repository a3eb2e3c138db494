"""Candidates ranked by several scores together, as AZ-NAS (Lee and Ham 2024) assembles training-free ones, and searches
by evolution with them: by what the search itself says of a candidate, its multiply-accumulates, and training-free
scores, among all that were judged so far.

What a supernet says orders the good networks badly, and what is training-free knows nothing of the task: a network that
is poor by either is poor as a whole.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from dfnas.measure.rank_aggregation import BLOCK_TERMS, with_vetoes
from dfnas.proxies.inputs import noise_of
from dfnas.proxies.scoring import Scorer, scored_space
from dfnas.settings.ranks import RanksSettings
from dfnas.settings.search import SpaceSettings
from dfnas.spaces.candidate import Candidate
from dfnas.spaces.space import Space

Order = Callable[[Sequence[Candidate]], Sequence[Any]]
"""What candidates are compared by, one each and the less the better. May depend on which others there are."""


def by_score(candidates: Sequence[Candidate]) -> Sequence[tuple[float, ...]]:
    """The order by what each candidate was judged by, alone."""
    return [candidate.score.key for candidate in candidates]


def by_ranks(candidates: Sequence[Candidate]) -> Sequence[float]:
    """The order by all scores together."""
    return [-score for score in ranked(candidates)]


def ranked(candidates: Sequence[Candidate]) -> list[float]:
    """What every candidate's ranks come to, by its own score, its multiply-accumulates and its further scores, see
    `with_vetoes`; the more the better. The own score of one that no image judged, its strength, is a veto as well."""
    keys = [candidate.score.key for candidate in candidates]
    place = {key: number for number, key in enumerate(sorted(set(keys), reverse=True))}
    scores: dict[str, Sequence[float]] = {"own": [place[key] for key in keys]}
    scores["macs_m"] = [candidate.macs_m for candidate in candidates]
    for name in candidates[0].further:
        values = [candidate.further[name] for candidate in candidates]
        scores[name] = [-math.inf if math.isnan(value) else value for value in values]  # or no one would have a rank
    judged = candidates[0].top1_error is not None
    return [float(score) for score in with_vetoes(scores, BLOCK_TERMS if judged else (*BLOCK_TERMS, "own"))]


def with_ranks(candidates: Sequence[Candidate]) -> list[Candidate]:
    """The candidates with what their ranks come to."""
    return [replace(one, proxy_score=score) for one, score in zip(candidates, ranked(candidates), strict=True)]


def further_scores(settings: RanksSettings, of: SpaceSettings, space: Space, seed: int, device: torch.device) -> Scorer:
    """What gives the training-free scores of an architecture.

    Args:
        of: the settings of the `space`.
        seed: of noise and weights.

    Raises:
        InputError: sizes that cannot be, see `scored_space` and `noise_of`.
    """
    batches = noise_of(space.task, settings.batch_size, settings.downscale, seed, device)
    scored = scored_space(of, space, settings.network_options)
    return Scorer(space, scored, settings.proxies, batches, seed)
