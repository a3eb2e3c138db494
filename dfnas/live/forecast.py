"""How long a call will still take, by what its jobs and those of earlier calls took.

Jobs of rules that have never run here count for nothing, and are named: the forecast is then a lower bound. A job that
tells its steps counts by these. Of what a job waits for nothing is known, so that jobs count as if they could run in
any order, as many at a time as there is room for.
"""

import statistics
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from dfnas.live.call import Call


class Forecast(NamedTuple):
    """Of a call that is at work."""

    seconds: float
    unknown: Mapping[str, int]
    """Jobs by rule that are not counted in it."""


def seconds_by_rule(calls: Iterable[Call]) -> dict[str, float]:
    """What a job of each rule takes: the mean over the last call that did any.

    Args:
        calls: the last one last.
    """
    found: dict[str, float] = {}
    for call in calls:
        found |= {rule: statistics.fmean(seconds) for rule, seconds in call.seconds_by_rule().items()}
    return found


def forecast(call: Call, known: Mapping[str, float], left: Iterable[tuple[str, float, float | None]]) -> Forecast:
    """The seconds from now to the end of a call.

    Args:
        known: seconds of a job by rule.
        left: rule and age of each running job, and the seconds that its own steps say, if they do.
    """
    running: list[float] = []
    unknown: dict[str, int] = {}
    for rule, age, said in left:
        if said is not None:
            running.append(said)
        elif rule in known:
            running.append(max(0.0, known[rule] - age))
        else:
            unknown[rule] = unknown.get(rule, 0) + 1
    waiting = call.waiting_by_rule()
    unknown |= {rule: unknown.get(rule, 0) + count for rule, count in waiting.items() if rule not in known}
    work = sum(running) + sum(known[rule] * count for rule, count in waiting.items() if rule in known)
    room = max(1, min(call.cores or 1, len(running) + sum(waiting.values())))
    return Forecast(max(work / room, *running, 0.0), unknown)
