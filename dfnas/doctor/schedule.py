"""How long a plan takes on a machine: its jobs laid on cores, memory and GPUs, in the order of their dependencies."""

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dfnas.doctor.workflow import PlannedJob


@dataclass(frozen=True)
class Capacity:
    """What jobs share."""

    cores: int
    memory_mb: int
    gpus: int = 0


@dataclass(frozen=True)
class Course:
    """How a plan went."""

    seconds: float
    """From the first job's start to the last one's end."""
    chain_s: float
    """Of the longest chain of jobs that wait for each other: no machine is quicker."""
    beside: int
    """Jobs at a time, at most."""


def schedule(jobs: Sequence[PlannedJob], seconds: Sequence[float], capacity: Capacity) -> Course:
    """Runs a plan on paper. Of the jobs that are ready, the one with the longest chain behind it begins first.

    A job that asks for more of something than there is takes all of it, as Snakemake has it with cores.
    """
    before, after = _edges(jobs)
    chains = _chains(after, seconds)
    free = {"cores": capacity.cores, "memory": capacity.memory_mb, "gpus": capacity.gpus}
    waiting = [len(earlier) for earlier in before]
    ready = sorted((place for place, count in enumerate(waiting) if not count), key=lambda p: -chains[p])
    running: list[tuple[float, int]] = []
    now, most = 0.0, 0
    while ready or running:
        for place in list(ready):
            needs = _needs(jobs[place], capacity)
            if all(free[what] >= count for what, count in needs.items()):
                ready.remove(place)
                _take(free, needs, -1)
                heapq.heappush(running, (now + seconds[place], place))
        most = max(most, len(running))
        now, place = heapq.heappop(running)
        _take(free, _needs(jobs[place], capacity), 1)
        for later in after[place]:
            waiting[later] -= 1
            if not waiting[later]:
                ready.append(later)
        ready.sort(key=lambda p: -chains[p])
    return Course(now, max(chains, default=0.0), most)


def _needs(job: PlannedJob, capacity: Capacity) -> Mapping[str, int]:
    gpus = max(1, job.gpu) if job.computes and capacity.gpus else 0
    return {
        "cores": min(job.threads, capacity.cores),
        "memory": min(job.mem_mb, capacity.memory_mb),
        "gpus": min(gpus, capacity.gpus),
    }


def _take(free: dict[str, int], needs: Mapping[str, int], sign: int) -> None:
    for what, count in needs.items():
        free[what] += sign * count


def _edges(jobs: Sequence[PlannedJob]) -> tuple[list[set[int]], list[set[int]]]:
    """For each job those that it waits for, and those that wait for it."""
    makers = {path: place for place, job in enumerate(jobs) for path in job.outputs}
    before = [{makers[path] for path in job.inputs if path in makers} for job in jobs]
    after: list[set[int]] = [set() for _ in jobs]
    for place, earlier in enumerate(before):
        for one in earlier:
            after[one].add(place)
    return before, after


def _chains(after: Sequence[set[int]], seconds: Sequence[float]) -> list[float]:
    """Seconds of the longest chain that begins with each job."""
    chains: dict[int, float] = {}
    for root in range(len(after)):
        stack = [root]
        while stack:
            place = stack[-1]
            open_ = [later for later in after[place] if later not in chains]
            if open_:
                stack.extend(open_)
                continue
            stack.pop()
            chains[place] = seconds[place] + max((chains[later] for later in after[place]), default=0.0)
    return [chains[place] for place in range(len(after))]
