"""Describe a run for the front page of its report: what came of it, in words, a table and pictures; then the teacher,
the synthetic images and what was compared."""

import argparse
import sys
from pathlib import Path

from dfnas.artifacts.identity import TEACHER
from dfnas.artifacts.lookup import LookupRow
from dfnas.artifacts.metrics import read_metrics
from dfnas.artifacts.provenance import Provenance
from dfnas.artifacts.quality import QualityReport
from dfnas.artifacts.significance import SignificanceRow
from dfnas.artifacts.table1 import Table1Row
from dfnas.artifacts.teacher import teacher_provenance, teacher_spec
from dfnas.runtime.files import write_bytes
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.stages.options import section
from dfnas.tables import front, run
from dfnas.tables.verdict import best_row, verdicts

STAGE = Stage("describe_run", __doc__, None)
STAGE.argument("--comparison", type=section, required=True, metavar="JSON", help="data and seeds compared")
STAGE.argument("--searches", nargs="+", required=True, metavar="NAME", help="algorithm/data of every row")
STAGE.argument("--teacher", type=Path, required=True, metavar="FILE", help="the teacher")
STAGE.argument("--sources", nargs="*", default=[], metavar="NAME", help="synthetic data sets")
STAGE.argument(
    "--quality",
    type=Path,
    nargs="*",
    default=[],
    metavar="FILE",
    help="reports on their last generations, in that order",
)
STAGE.argument("--table", type=Path, metavar="FILE", help="Table 1, CSV, if there is one")
STAGE.argument("--metrics", type=Path, nargs="*", default=[], metavar="FILE", help="figures of its networks")
STAGE.argument("--drawn", type=Path, nargs="*", default=[], metavar="FILE", help="pictures of all searches")
STAGE.argument("--images", type=Path, nargs="*", default=[], metavar="FILE", help="pictures of the data sets, in order")
STAGE.argument("--significance", type=Path, metavar="FILE", help="comparisons of data, CSV, if there are any")
STAGE.argument("--lookups", type=Path, metavar="FILE", help="true accuracies, CSV, if they were looked up")
STAGE.output("--out", required=True, help="the description, reStructuredText")


def describe_run(job: Job[None]) -> None:
    options = job.options
    rows = Table1Row.read(options.table) if options.table else []
    teacher = _teacher(options.teacher)
    parts = _result(options, rows, teacher.classes)
    parts += [
        front.section("The run"),
        run.teacher_story(teacher, next((row.texts() for row in rows if row.algorithm == TEACHER), None)),
        run.data_story(_synthetic_data(options), teacher.classes),
        run.comparison_story(
            options.comparison,
            options.searches,
            not rows or any(row.top1_error_mean is not None for row in rows),
        ),
    ]
    if options.significance:
        parts.append(run.significance_story(row.texts() for row in SignificanceRow.read(options.significance)))
    if options.lookups:
        parts.append(run.lookup_story([row.texts() for row in LookupRow.read(options.lookups)]))
    write_bytes(options.out, "".join(parts).encode())


def _result(options: argparse.Namespace, rows: list[Table1Row], classes: int) -> list[str]:
    """The verdict, the table, the picture of the best architecture and those of the images."""
    parts = []
    students = [row for row in rows if row.algorithm != TEACHER]
    if students:
        held_out = min((one.held_out_images for one in map(read_metrics, options.metrics)), default=None)
        parts.append(front.section("Verdict", *front.paragraphs(verdicts(rows, classes, held_out)), front.table(rows)))
        best = best_row(students)
        place = (Path(best.architecture).parent / "search.png").as_posix()
        if found := next((path for path in options.drawn if path.as_posix().endswith(place)), None):
            says = "The architecture of the best row" if len(students) > 1 else "The architecture"
            parts.append(front.section("Architecture", front.picture(found, f"{says}: {place}")))
    shown = [
        front.picture(path, f"{name}: a row for each class, a block of columns for each generation")
        for name, path in zip(options.sources, options.images, strict=False)
    ]
    return [*parts, *([front.section("Synthetic images", *shown)] if shown else [])]


def _teacher(path: Path) -> run.TeacherFacts:
    spec, provenance = teacher_spec(path), teacher_provenance(path)
    return run.TeacherFacts(spec.builder, (spec.channels, *spec.size), spec.classes, _checkpoint(provenance))


def _checkpoint(provenance: Provenance) -> str | None:
    """The file's name, or what its library calls the weights; none for a stand-in."""
    weights = provenance.settings.get("weights") if provenance.stage == "import_teacher" else None
    return Path(weights).name if weights else None


def _synthetic_data(options: argparse.Namespace) -> list[run.SyntheticData]:
    reports = zip(options.sources, map(QualityReport.read, options.quality), strict=True)
    return [
        run.SyntheticData(name, one.generation + 1, one.images, one.teacher_agreement, one.verifier_agreement)
        for name, one in reports
    ]


if __name__ == "__main__":
    sys.exit(STAGE.main(describe_run))
