"""The whole examination: one check after the other, and from the plan to its estimate."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from dfnas.classifiers.metadata import complete
from dfnas.doctor.device import check_cores, check_device, check_memory
from dfnas.doctor.environment import check_packages, check_python
from dfnas.doctor.estimate import Estimate, estimate, judge_times
from dfnas.doctor.findings import Finding, fails, failure, ok, warning
from dfnas.doctor.machine import Machine, this_machine
from dfnas.doctor.networks import check_networks
from dfnas.doctor.originals import DataSize, check_originals, data_sizes, find_originals
from dfnas.doctor.places import check_disk, check_state, check_writable, size
from dfnas.doctor.trials import judge_trials, try_jobs
from dfnas.doctor.workflow import PlannedJob, checkout, planned_jobs, read_configuration
from dfnas.measure.choice import few_to_choose_by
from dfnas.runtime.errors import InputError
from dfnas.runtime.paths import expanded
from dfnas.runtime.users_code import told
from dfnas.settings.config import Config
from dfnas.settings.sources import ORIGINAL
from dfnas.spaces.space import Task
from dfnas.stages.check_spaces import checked_space

HINDERING = {"python", "packages", "device", "teacher"}
"""What a failure of leaves nothing to try: no step of any stage would run. After others the times are still known."""


@dataclass(frozen=True)
class Examination:
    """What was found."""

    findings: tuple[Finding, ...]
    jobs: dict[str, int]
    """By rule; empty where there is no plan."""
    estimate: Estimate | None
    """None where nothing was tried."""

    @property
    def healthy(self) -> bool:
        """Whether the configuration can run here."""
        return not fails(self.findings)


def examine(
    paths: Sequence[Path],
    gpus: int | None = None,
    quick: bool = False,
    everything: bool = False,
    targets: Sequence[str] = (),
    tell: Callable[[Finding], None] = lambda finding: None,
    report: Callable[[str], None] = lambda line: None,
) -> Examination:
    """Looks at the machine for what a configuration needs.

    Args:
        paths: configuration files, laid over `config.yaml`.
        gpus: that a run would share; None for those that are here.
        quick: leave out what takes long: reading the original images, and trials.
        everything: take the plan as if there were no results yet.
        targets: what is to be made, by names of `dfnas.targets` or as files; none for all that a configuration asks
            for.
        tell: is given each finding as soon as it is there.
        report: is given what is under way where it takes long, see `try_jobs`.

    Raises:
        InputError: the configuration says something impossible, or there is no workflow to ask.
    """
    root, machine = checkout(), this_machine()
    config = read_configuration(root, paths)
    results = Path(expanded(config.results_dir, "results_dir"))
    findings: list[Finding] = []

    def found(more: Iterable[Finding]) -> None:
        for finding in more:
            findings.append(finding)
            tell(finding)

    with ThreadPoolExecutor(1) as beside:
        planning = beside.submit(_planned, root, paths, everything, targets)
        found([check_python(), *check_packages(root)])
        found([*check_cores(config, machine), *check_memory(config, machine), *check_device(config, machine)])
        found([check_writable(results), *check_state(results, Path.cwd())])
        jobs, complaint = planning.result()
    sources = list(dict.fromkeys(job.wildcards["source"] for job in jobs if job.rule == "invert_teacher"))
    found(check_networks(config, sources))
    of_originals, original = _originals(config, jobs, complaint, quick)
    found(of_originals)
    found(check_searched(config))
    found([failure("plan", complaint) if complaint else _described(jobs, gpus, config, machine)])
    sizes = data_sizes(config, original)
    found(check_held(sizes, jobs, machine))
    found(check_choosing(sizes, jobs))
    estimated = None
    failed = {finding.subject for finding in findings if finding.level == "failure"}
    if jobs and not quick and not failed & HINDERING:
        tried = try_jobs(config, jobs, sizes, machine, report)
        found(finding for finding in judge_trials(tried, config, machine) if finding.subject not in failed)
        estimated = estimate(jobs, tried, sizes, config, machine, _shared_gpus(gpus, config, machine))
        found(judge_times(estimated, config))
    needed = estimated.bytes if estimated else estimate(jobs, [], sizes, config, machine, 0).bytes if jobs else None
    found([check_disk(results, needed)])
    return Examination(tuple(findings), dict(Counter(job.rule for job in jobs)), estimated)


def check_searched(config: Config) -> Iterator[Finding]:
    """Whether the space of every algorithm can be made, and its budget kept."""
    teacher = complete(config.teacher)
    task = Task(teacher.channels, teacher.size, teacher.classes)
    for name in config.comparison.names:
        rule, space = f"search_{name}", config.searches()[f"search_{name}"].space.name
        try:
            said = checked_space(rule, config.checked(name)[rule], task)
        except InputError as error:
            yield failure(rule, str(error))
            continue
        except Exception as error:  # a space of the user's
            yield failure(rule, f"the space '{space}' fails: {told(error)}")
            continue
        low, high = said["macs_m"]
        story = f"space {space}, {said['choices']} choices, {low:.3g} to {high:.3g} M MACs"
        yield ok(rule, story)


def check_held(sizes: dict[str, DataSize], jobs: Sequence[PlannedJob], machine: Machine) -> list[Finding]:
    """Which data sets memory does not hold, and searches and trainings read batch by batch."""
    used = {job.wildcards.get(name) for job in jobs for name in ("search_data", "retrain_data", "source")}
    used |= {ORIGINAL} if any(job.rule == "shard_original" for job in jobs) else set()
    return [
        warning(
            f"data set {name}",
            f"its images take {size(data.bytes)}, and there are {machine.memory_mb} MB of memory: they stay in their "
            f"files and are read batch by batch, which is slower where steps are short; to have them in memory "
            f"{'set shard_original.limit' if name == ORIGINAL else 'lower synthesis.images'}",
        )
        for name, data in sizes.items()
        if name in used and data.bytes > 1e6 * machine.memory_mb / 2
    ]


def check_choosing(sizes: dict[str, DataSize], jobs: Sequence[PlannedJob]) -> Iterator[Finding]:
    """Whether data sets that are searched or trained on hold out enough images to choose by."""
    used = {job.wildcards[name] for job in jobs for name in ("search_data", "retrain_data") if name in job.wildcards}
    for name, data in sizes.items():
        if name in used and (few := few_to_choose_by(data.validation, data.classes)):
            section = "shard_original" if name == ORIGINAL else "shard_dataset"
            yield warning(f"data set {name}", f"{few}; make more images, or raise {section}.validation_fraction")


def _planned(
    root: Path, paths: Sequence[Path], everything: bool, targets: Sequence[str]
) -> tuple[list[PlannedJob], str]:
    """The plan, or why there is none."""
    try:
        return planned_jobs(root, paths, everything, targets), ""
    except InputError as error:
        return [], str(error)


def _originals(
    config: Config, jobs: Sequence[PlannedJob], complaint: str, quick: bool
) -> tuple[list[Finding], DataSize | None]:
    if complaint or any(job.rule == "shard_original" for job in jobs):
        return ([find_originals(config)], None) if quick else check_originals(config)
    read = any(path.endswith("/dataset/original.h5") for job in jobs for path in job.inputs)
    if not read:
        return [ok("original data", "not needed by what is to be done")], None
    found, original = check_originals(config)
    return [ok("original data", "in the results already")], None if fails(found) else original


def _described(jobs: Sequence[PlannedJob], gpus: int | None, config: Config, machine: Machine) -> Finding:
    if gpus and not machine.uses_gpu(config.device):
        story = f"{len(jobs)} jobs; how long they take on {gpus} GPUs has to be tried on one, and there is none here"
        return warning("plan", story)
    return ok("plan", f"{len(jobs)} jobs" if jobs else "nothing is to be done: all results are there")


def _shared_gpus(gpus: int | None, config: Config, machine: Machine) -> int:
    if not machine.uses_gpu(config.device):
        return 0
    return len(machine.gpus) if gpus is None else gpus
