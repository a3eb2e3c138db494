"""A call as a reader sees it: what is drawn again and again on a terminal, and what `dfnas status` prints once."""

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dfnas.live.snapshot import Failure, Snapshot, State, Work
from dfnas.live.words import about, clock, counted, rate

STYLES = {State.FINISHED: "green", State.FAILED: "red", State.INTERRUPTED: "yellow", State.KILLED: "red"}
MOST_ROWS = 12
"""Running jobs that are shown, where nothing says how many lines there are."""
MOST_RULES = 6
"""Rules to come that are named."""
ROWS_BESIDE = 9
"""Lines of a view beside its running jobs."""
NEXT = {
    State.FAILED: "mend what failed, then call it again: what is done stays",
    State.INTERRUPTED: "call it again to go on from there",
    State.KILLED: "snakemake --unlock, then call it again to go on from there",
}


def view(snapshot: Snapshot, rows: int = MOST_ROWS) -> RenderableType:
    """All of a call: its state, its running jobs, rules done, the images so far.

    Args:
        rows: running jobs that there is room for.
    """
    parts: list[RenderableType] = [headline(snapshot)]
    if snapshot.call.total:
        parts.append(_bar(len(snapshot.call.done), snapshot.call.total))
    if snapshot.work:
        parts.append(_jobs(snapshot.work, rows))
    parts += [_failure(failure) for failure in snapshot.failures]
    parts += [Text(line) for line in _rules(snapshot)]
    parts += [Text(line) for line in images(snapshot)]
    if advice := NEXT.get(snapshot.state):
        parts.append(Text(f"next: {advice}"))
    return Group(*parts)


def headline(snapshot: Snapshot) -> Text:
    """State, jobs, time and remaining time on a line."""
    call = snapshot.call
    text = Text(snapshot.state.value, style=STYLES.get(snapshot.state, "bold"))
    text.append(f": {len(call.done)} of {counted(call.total, 'job')}", style="default")
    text.append(f" in {clock(snapshot.elapsed_s)}", style="default")
    if snapshot.failures:
        text.append(f", {len(snapshot.failures)} failed", style="red")
    if not snapshot.state.is_over:
        text.append(f", {remaining(snapshot)}", style="default")
    return text


def remaining(snapshot: Snapshot) -> str:
    """What is known of the time that is left."""
    if snapshot.forecast is None:
        return "nothing left"
    seconds, unknown = snapshot.forecast
    jobs = sum(unknown.values())
    if not unknown:
        return f"about {about(seconds)} left"
    if seconds < 1:
        return "time left not known yet"
    return f"more than {about(seconds)} left ({counted(jobs, 'job')} not timed yet)"


def images(snapshot: Snapshot) -> Iterator[str]:
    """A line for each synthetic data set: the share that the teacher recognises, by generation."""
    for one in snapshot.agreements:
        shares = " → ".join(f"{100 * share:.1f} %" for share in one.shares)
        first = f", from generation {one.first} on" if one.first else ""
        yield f"images {one.source}: the teacher agrees on {shares}{first}"
        if one.doubt:
            yield f"  {one.doubt}"


def steps(work: Work, short: bool = False) -> str:
    """How far a running job is, in words."""
    if work.steps is None:
        return "at work" if work.started else "waits"
    done, total = work.steps.done, work.steps.total
    return f"{done}/{total}" if short else f"{done} of {total} steps"


def _bar(done: int, total: int) -> Table:
    """On a line of its own."""
    line = Table.grid(expand=True)
    line.add_row(ProgressBar(total=total, completed=done, complete_style="green"))
    return line


def _jobs(work: Iterable[Work], rows: int) -> Table:
    table = Table.grid(padding=(0, 2), expand=True)
    table.add_column(no_wrap=True, overflow="ellipsis")
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1, style="dim")
    for _ in range(3):
        table.add_column(no_wrap=True, justify="right")
    jobs = sorted(work, key=lambda job: (not job.started, -job.age_s))
    shown = jobs if len(jobs) <= rows else jobs[: max(1, rows - 1)]
    for job in shown:
        speed = rate(job.steps.per_second) if job.steps and job.steps.per_second else ""
        left = job.steps.left_now_s if job.steps else None
        time = f"for {clock(job.age_s)}" if left is None else f"{clock(left)} left"
        table.add_row(job.rule, job.title, steps(job, short=True), speed, time)
    if len(shown) < len(jobs):
        table.add_row(f"and {len(jobs) - len(shown)} more", "", "", "", "")
    return table


def _rules(snapshot: Snapshot) -> Iterator[str]:
    """Rules that are done, and those that are to come, each with its jobs."""
    call = snapshot.call
    done, waiting = call.done_by_rule(), call.left_by_rule() if snapshot.state.is_over else call.waiting_by_rule()
    whole = [rule for rule, count in call.planned.items() if done[rule] == count]
    begun = {job.rule for job in call.jobs.values()}
    if order := sorted(waiting, key=lambda rule: rule not in begun):
        rest = sum(waiting[rule] for rule in order[MOST_RULES:])
        more = f", and {rest} more job{'s' * (rest > 1)}" if rest else ""
        yield f"to come: {', '.join(f'{rule}×{waiting[rule]}' for rule in order[:MOST_RULES])}{more}"
    if whole and not snapshot.state.is_over:
        yield f"done: {', '.join(whole)}"


def _failure(failure: Failure) -> Text:
    text = Text(f"failed: {failure.rule}", style="red")
    text.append(f" {failure.title}" if failure.title else "", style="default")
    for line in failure.said:
        text.append(f"\n  {line}", style="default")
    text.append(f"\n  log: {failure.log}", style="dim")
    return text
