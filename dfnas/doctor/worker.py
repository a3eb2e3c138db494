"""One trial in a process of its own, so that what it does to the machine is known: its time from the start of the
interpreter on, its memory, and how it died if it did.

Reads an order as JSON from standard input, and writes what it found to standard output.
"""

import json
import resource
import sys
from contextlib import ExitStack, redirect_stdout
from typing import Any

import torch

from dfnas.doctor.bench import Bench
from dfnas.doctor.originals import DataSize
from dfnas.doctor.trials.by_rule import TRIALS
from dfnas.runtime.device import prepare
from dfnas.runtime.ending import last_words
from dfnas.settings.config import Config


def main() -> int:
    order = json.load(sys.stdin)
    try:
        with redirect_stdout(sys.stderr):  # what a user's builder prints is no part of the answer
            found = _found(order)
    except Exception as error:
        story = last_words(error)
        if story is None:
            raise
        found = {"error": story}
    json.dump(found, sys.stdout)
    return 0


def _found(order: dict[str, Any]) -> dict[str, Any]:
    with ExitStack() as held:
        device = prepare(order["device"], order["threads"], held)
        sizes = {name: _size(values) for name, values in order["sizes"].items()}
        bench = Bench(Config.parse(order["config"]), sizes, device, order["begun"], order["threads"])
        started_s = bench.since_start()
        costs = TRIALS[order["trial"]](bench, order["keys"])
        gpu_mb = torch.cuda.max_memory_allocated(device) // 10**6 if device.type == "cuda" else 0
    return {
        "costs": [cost.plain() for cost in costs],
        "started_s": started_s,
        "setup_s": bench.setup_s or started_s,
        "memory_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1000 if sys.platform == "linux" else 10**6),
        "gpu_memory_mb": gpu_mb,
        "notes": list(dict.fromkeys(bench.notes)),
    }


def _size(values: dict[str, Any]) -> DataSize:
    return DataSize(**values | {name: tuple(values[name]) for name in ("stored", "size")})


if __name__ == "__main__":
    sys.exit(main())
