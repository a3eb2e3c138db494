"""Runs loops on the pretend device and on the CPU, and writes as JSON what was seen of each.

python tests/device/watch.py FILE [--plant BUG] [NAME ...]
"""

import argparse
import json
import sys
import traceback
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from likeness import difference
from loops import SCENARIOS, Scenario, on_cpu
from planted import PLANTED
from pretend import DEVICE, Log, pretend


def watched(scenario: Scenario) -> dict[str, Any]:
    """What was seen of a scenario, or the error that ended it."""
    log = Log()
    with TemporaryDirectory() as one, TemporaryDirectory() as other:
        expected = scenario(torch.device("cpu"), nullcontext, Path(one))
        try:
            with pretend(log):
                found = on_cpu(scenario(DEVICE, log.step, Path(other)))
        except Exception as error:
            return {"error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()}
    return {
        "error": None,
        "difference": difference(on_cpu(expected), found),
        "operations": log.operations.total(),
        "counters": log.operations["aten.add_"],
        "waits": log.waits,
        "uploads": {place: count for place, count in log.uploads.items() if count},
        "sent": log.sent,
        "met": sorted(log.met),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--plant", choices=PLANTED)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with PLANTED[options.plant]() if options.plant else nullcontext():
        seen = {name: watched(SCENARIOS[name]) for name in options.names or SCENARIOS}
    options.out.write_text(json.dumps(seen, indent=1))


if __name__ == "__main__":
    sys.exit(main())
