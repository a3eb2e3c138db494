"""What a search's judged candidates say: which of them nothing else dominates, and how much a generation varies."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence

from dfnas.spaces.candidate import Candidate


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """The places of the points (cost, error) that no other point dominates, by rising cost. A point dominates another
    if it is nowhere above it and somewhere below."""
    front: list[int] = []
    for place in sorted(range(len(points)), key=lambda i: points[i]):
        if not front or points[place][1] < points[front[-1]][1] or points[place] == points[front[-1]]:
            front.append(place)
    return front


def generations(candidates: Sequence[Candidate]) -> dict[int, list[Candidate]]:
    """The candidates by the generation that they were judged in."""
    found: dict[int, list[Candidate]] = {}
    for candidate in candidates:
        found.setdefault(candidate.generation, []).append(candidate)
    return found


def shares(candidates: Sequence[Candidate], choices: Mapping[str, tuple[str, ...]]) -> dict[str, dict[str, float]]:
    """For each choice the share of the candidates that have each option."""
    counts = {choice: Counter(candidate.architecture[choice] for candidate in candidates) for choice in choices}
    return {c: {option: counts[c][option] / len(candidates) for option in options} for c, options in choices.items()}


def mean_entropy(distributions: Mapping[str, Mapping[str, float]]) -> float:
    """Mean over the choices of the entropy of the distribution over their options, in nats."""
    entropies = [-sum(p * math.log(p) for p in options.values() if p > 0) for options in distributions.values()]
    return sum(entropies) / len(entropies)


def largest_entropy(choices: Mapping[str, tuple[str, ...]]) -> float:
    """`mean_entropy` where all options are equally likely."""
    return sum(math.log(len(options)) for options in choices.values()) / len(choices)
