"""An examination as text: a line for each finding as it comes, then what follows from all of them."""

from dfnas.doctor.estimate import Estimate, duration
from dfnas.doctor.examination import Examination
from dfnas.doctor.findings import Finding
from dfnas.doctor.places import size

GAP = "  "
NOTICEABLE = 1.1
"""How many times as long a plan takes beside other programs, from which on that is said."""
LEVEL, SUBJECT = 7, 16
"""Characters that are left to the first words of a line; a longer subject moves its story."""


def line(finding: Finding) -> str:
    """A finding in a line."""
    return GAP.join([finding.level.ljust(LEVEL), finding.subject.ljust(SUBJECT), finding.story])


def conclusion(found: Examination) -> str:
    """The jobs with what they take, then what that means in all."""
    lines: list[str] = []
    if found.estimate is not None:
        lines += ["", *_rows(found.estimate), "", *_sum(found.estimate)]
    elif found.jobs:
        lines += ["", *_columns([["rule", "jobs"], *([rule, str(count)] for rule, count in found.jobs.items())])]
    counts = {level: sum(f.level == level for f in found.findings) for level in ("failure", "warning")}
    said = ", ".join(f"{count} {level}{'s' if count > 1 else ''}" for level, count in counts.items() if count)
    verdict = "It can run here" if found.healthy else "It cannot run here"
    return "\n".join([*lines, "", f"{verdict}: {said or 'all is well'}."]) + "\n"


def _rows(found: Estimate) -> list[str]:
    rows = [["rule", "jobs", "a job", "all", "memory, MB", "leaves"]]
    for row in sorted(found.rows, key=lambda row: -(row.seconds or 0) * row.jobs):
        times = ["not tried", ""] if row.seconds is None else [duration(row.seconds), duration(row.seconds * row.jobs)]
        memory = "" if row.memory_mb is None else str(row.memory_mb)
        rows.append([row.rule, str(row.jobs), *times, memory, size(row.bytes)])
    return _columns(rows)


def _sum(found: Estimate) -> list[str]:
    if found.course is None or found.core_hours is None:
        return ["The time of all is not known: not every stage could be tried."]
    capacity, course = found.capacity, found.course
    where = f"{capacity.cores} cores" + (f" and {capacity.gpus} GPUs" if capacity.gpus else "")
    call = f"snakemake --cores {capacity.cores} --resources mem_mb={capacity.memory_mb}"
    call += f" gpu={capacity.gpus}" if capacity.gpus else ""
    beside = []
    if found.crowding >= NOTICEABLE:
        beside = [
            f"Beside what runs here now, which asks for {found.load:.1f} cores, about "
            f"{duration(found.crowding * course.seconds)}."
        ]
    return [
        f"About {duration(course.seconds)} on {where}, up to {course.beside} jobs at a time ({call}).",
        *beside,
        f"Jobs take {duration(3600 * found.core_hours)} together; the longest chain of them "
        f"{duration(course.chain_s)}, which more of this machine would not undercut.",
    ]


def _columns(rows: list[list[str]]) -> list[str]:
    """Rows of texts, all but the last of a row padded to the widest of their column."""
    widths = [max(len(row[place]) for row in rows if place < len(row)) for place in range(max(map(len, rows)))]
    return [
        GAP.join([text.ljust(width) for text, width in zip(row[:-1], widths, strict=False)] + row[-1:]).rstrip()
        for row in rows
    ]
