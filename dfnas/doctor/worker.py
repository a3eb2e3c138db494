"""Jobs of a rule that are tried in a process of their own, so that what they do to the machine is known: their time
from the start of the interpreter on, their memory, and how they died if they did.

Reads an order as JSON from standard input, and writes what it found to standard output. A job is tried by its own
command line, on stand-ins for what it reads.
"""

import json
import runpy
import sys
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from dfnas.doctor.originals import DataSize
from dfnas.doctor.stand_ins import StandIns
from dfnas.doctor.trial import SETUP_S, Ended, JobCost, Now, TooSlow, Trial, limited, now
from dfnas.doctor.words import a_few, fewer, placed, without_milliseconds
from dfnas.runtime.limits import held_mb
from dfnas.runtime.resumable import tried_by
from dfnas.settings.config import Config


def main() -> int:
    order = json.load(sys.stdin)
    with redirect_stdout(sys.stderr):  # what a user's builder prints is no part of the answer
        found = measured(order)
    json.dump(found, sys.stdout)
    return 0


def measured(order: dict[str, Any]) -> dict[str, Any]:
    """What the jobs of an order take.

    Raises:
        SystemExit: a stage has failed, and has said why; or it has not come to an end.
    """
    torch.set_num_threads(order["threads"])
    started_s = now().since(Now(0.0, order["begun"]))
    sizes = {name: _size(values) for name, values in order["sizes"].items()}
    with tempfile.TemporaryDirectory(prefix="dfnas-doctor-") as folder:
        bench = _Bench(Config.parse(order["config"]), sizes, Path(folder), order)
        costs = bench.costs(order["jobs"], started_s)
    return {"costs": costs, "started_s": started_s, "memory_mb": held_mb()}


class _Bench:
    """Where jobs of one rule are tried."""

    def __init__(self, config: Config, sizes: dict[str, DataSize], folder: Path, order: dict[str, Any]):
        self.config, self.sizes, self.folder, self.order = config, sizes, folder, order

    def costs(self, jobs: Sequence[dict[str, Any]], started_s: float) -> list[dict[str, Any]]:
        """What jobs take, as `JobCost` has it. Each will have a process of its own: what the first one here has loaded
        for all is added to the others."""
        first = self._found(jobs[0], started_s)
        loaded_s = 0.0
        if len(jobs) > 1:
            again = self._tried(self._words(jobs[0])[0], jobs[0]["inputs"], 1, begin=True)
            loaded_s = max(0.0, first.setup_s - started_s - again.setup_s)
        others = [self._found(job, started_s + loaded_s) for job in jobs[1:]]
        return [asdict(cost) for cost in (first, *others)]

    def _found(self, job: dict[str, Any], started_s: float) -> JobCost:
        words, share = self._words(job)
        found = self._tried(words, job["inputs"], 1)
        if found.slow:
            smaller, ratio = fewer(words)
            found.complete(self._tried(smaller, job["inputs"], ratio), ratio)
        return found.cost(job["key"], started_s, started_s * self.order["starts"], share)

    def _words(self, job: dict[str, Any]) -> tuple[list[str], float]:
        return a_few(without_milliseconds(job["words"]), self.order["a_few_of"])

    def _tried(self, words: Sequence[str], inputs: Sequence[str], ratio: int, begin: bool = False) -> Trial:
        """Runs the stage until its steps have been tried, or to its end if it has none.

        Args:
            ratio: how many times fewer images there are.
            begin: whether to come to the first step, and try none.
        """
        stand_ins = StandIns(self.config, self.sizes, self.folder / str(ratio), ratio)
        for path in set(inputs).intersection(words):
            stand_ins.make(path.removeprefix(f"{self.order['results']}/"), self.order["rule"])
        module, *arguments = placed(words, self.order["results"], stand_ins.folder)
        trial, before = Trial(), sys.argv
        sys.argv = [module, *arguments]
        try:
            with tried_by(trial.begin if begin else trial.of), limited(SETUP_S):
                runpy.run_module(module, run_name="__main__", alter_sys=True)
        except Ended:
            pass
        except TooSlow:
            trial.slow = True
            if ratio > 1:
                raise SystemExit("it does not come to an end, nor do a few images of it") from None
        except SystemExit as end:
            if end.code:
                raise
            trial.end()
        finally:
            sys.argv = before
        return trial


def _size(values: dict[str, Any]) -> DataSize:
    return DataSize(**values | {name: tuple(values[name]) for name in ("stored", "size")})


if __name__ == "__main__":
    sys.exit(main())
