"""What `dfnas verify` found, as text."""

from collections import Counter
from pathlib import Path

from dfnas.runs.verification import Verification


def page(found: Verification, run: Path) -> str:
    """What was found as text: a line for each finding and note, and a line in the end."""
    lines = [one.line() for one in (*found.findings, *found.notes)]
    read = f"{found.bytes / 1e6:.1f} MB read in {found.seconds:.1f} s"
    counts = f"{run}: {_count(found.files, 'file')}, {_count(found.receipts, 'receipt')}, {read}"
    kinds = Counter(one.kind for one in found.findings)
    if kinds:
        listed = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
        counts += (
            f". {_count(len(found.findings), 'finding')}: {listed}. Commands are for the folder of the run, with its "
        )
        lines.append(f"{counts}--configfile.")
    else:
        lines.append(f"{counts}. Everything belongs together.")
    return "\n".join(lines) + "\n"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
