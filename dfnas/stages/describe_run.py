"""Describe a run in words, for the front page of its report: the teacher, the synthetic images, what was compared, and
what came of it."""

import argparse
import sys
from pathlib import Path
from typing import Any

from dfnas.runtime.files import load_archive, read_csv, read_json, write_bytes
from dfnas.stages.artifacts import teacher_spec
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
    table = read_csv(options.table) if options.table else []
    teacher_row = next((row for row in table if row["algorithm"] == "teacher"), None)
    parts = [
        run.teacher_story(_teacher(options.teacher), teacher_row),
        run.data_story(_synthetic_data(options)),
        run.comparison_story(options.comparison, options.searches),
    ]
    if table:
        parts.append(run.table_story(table))
    if options.significance:
        parts.append(run.significance_story(read_csv(options.significance)))
    if options.lookups:
        parts.append(run.lookup_story(read_csv(options.lookups)))
    write_bytes(options.out, "".join(parts).encode())


def _teacher(path: Path) -> run.TeacherFacts:
    spec, provenance = teacher_spec(path), load_archive(path)["provenance"]
    return run.TeacherFacts(spec.builder, (spec.channels, *spec.size), spec.classes, _checkpoint(provenance))


def _checkpoint(provenance: dict[str, Any]) -> str | None:
    """The file's name, or what its library calls the weights; none for a stand-in."""
    weights = provenance["settings"].get("weights") if provenance["stage"] == "import_teacher" else None
    return Path(weights).name if weights else None


def _synthetic_data(options: argparse.Namespace) -> list[run.SyntheticData]:
    kinds = {"generation": int, "images": int, "teacher_agreement": float, "verifier_agreement": float | None}
    found = []
    for name, path in zip(options.sources, options.quality, strict=True):
        report = read_json(path, kinds)
        generation, images, agreement, verified = (report[key] for key in kinds)
        found.append(run.SyntheticData(name, generation + 1, images, agreement, verified))
    return found


if __name__ == "__main__":
    sys.exit(STAGE.main(describe_run))
