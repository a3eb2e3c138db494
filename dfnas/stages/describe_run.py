"""Describe a run in words, for the front page of its report: the teacher, the synthetic images, what was compared, and
what came of it."""

import argparse
import sys
from pathlib import Path

from dfnas.artifacts.lookup import LookupRow
from dfnas.artifacts.provenance import Provenance
from dfnas.artifacts.quality import QualityReport
from dfnas.artifacts.significance import SignificanceRow
from dfnas.artifacts.table1 import Table1Row
from dfnas.artifacts.teacher import teacher_provenance, teacher_spec
from dfnas.runtime.files import write_bytes
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.stages.options import section
from dfnas.tables import run

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
STAGE.argument("--significance", type=Path, metavar="FILE", help="comparisons of data, CSV, if there are any")
STAGE.argument("--lookups", type=Path, metavar="FILE", help="true accuracies, CSV, if they were looked up")
STAGE.output("--out", required=True, help="the description, reStructuredText")


def describe_run(job: Job[None]) -> None:
    options = job.options
    table = [row.texts() for row in Table1Row.read(options.table)] if options.table else []
    teacher_row = next((row for row in table if row["algorithm"] == "teacher"), None)
    parts = [
        run.teacher_story(_teacher(options.teacher), teacher_row),
        run.data_story(_synthetic_data(options)),
        run.comparison_story(
            options.comparison, options.searches, not table or any(r["top1_error_mean"] for r in table)
        ),
    ]
    if table:
        parts.append(run.table_story(table))
    if options.significance:
        parts.append(run.significance_story(row.texts() for row in SignificanceRow.read(options.significance)))
    if options.lookups:
        parts.append(run.lookup_story([row.texts() for row in LookupRow.read(options.lookups)]))
    write_bytes(options.out, "".join(parts).encode())


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
