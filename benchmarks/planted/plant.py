"""What the tests see: small bugs, planted one at a time, and whether a test fails.

    python benchmarks/planted/plant.py --check
    python benchmarks/planted/plant.py --beside 2 --out planted.csv
    python benchmarks/planted/plant.py digest-without-aliases seal-not-compared

`bugs.toml` has the bugs: such as people make, in every room of the package and of the workflow. Each says which text
of which file it replaces, and by which tests it is expected to be seen: of quick ones the file, of long ones the test.
The tracked files of the checkout are copied to a temporary folder, one for each worker. There a bug is planted, its
tests run until the first fails, and the file is put back. At the end all tests that have failed run once more without
any bug: a test that fails then, too, has seen nothing.

A change of the test suite loses nothing where every bug that was seen before it is seen after it. `--list` and
`--checkout` are for another version of the code, which has other texts.
"""

import argparse
import csv
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[2]
BUGS = Path(__file__).with_name("bugs.toml")
COLUMNS = ("bug", "kind", "file", "seen", "by", "seconds")
LIMIT_S = 900
"""A bug may keep its test waiting for ever."""
PYTEST = ("-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:cacheprovider")
FAILED = re.compile(r"^(?:FAILED|ERROR) (.+?)(?: - .*)?$", re.MULTILINE)
NO_TEST = (4, 5)
"""Exit statuses of pytest where it was told to run what is not there."""


class ListError(Exception):
    """The list of bugs does not fit the code."""


@dataclass(frozen=True)
class Bug:
    """One bug. `old` stands exactly once in the file."""

    name: str
    kind: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """Whether a bug was seen, and by which test; empty where by none."""

    bug: Bug
    by: str
    seconds: float

    def row(self) -> dict[str, str]:
        values = (self.bug.name, self.bug.kind, self.bug.file, "yes" if self.by else "no", self.by)
        return dict(zip(COLUMNS, (*values, f"{self.seconds:.0f}"), strict=True))


def read_bugs(path: Path = BUGS) -> list[Bug]:
    with path.open("rb") as file:
        return [Bug(**bug | {"tests": tuple(bug["tests"])}) for bug in tomllib.load(file)["bug"]]


def planted(bug: Bug, checkout: Path) -> str:
    """The bug's file with the bug in it.

    Raises:
        ListError: there is no such file, or the text to replace does not stand in it exactly once.
    """
    path = checkout / bug.file
    text = path.read_text() if path.is_file() else ""
    if (count := text.count(bug.old)) != 1:
        raise ListError(f"{bug.name}: the text to replace stands {count} times in {bug.file}, expected once")
    return text.replace(bug.old, bug.new)


def faults(bugs: Sequence[Bug], checkout: Path) -> Iterator[str]:
    """What is wrong with a list, a line each: texts, as in `planted`, tests that are not there, names that repeat."""
    names = [bug.name for bug in bugs]
    yield from (f"{name}: two bugs have this name" for name in sorted({n for n in names if names.count(n) > 1}))
    for bug in bugs:
        try:
            planted(bug, checkout)
        except ListError as error:
            yield str(error)
        if bug.old == bug.new:
            yield f"{bug.name}: changes nothing"
        tests = (test.partition("::")[0] for test in bug.tests)
        yield from (f"{bug.name}: no test file {test}" for test in tests if not (checkout / test).exists())


class Workplace:
    """A copy of a checkout's tracked files, in which one bug after the other is planted."""

    def __init__(self, checkout: Path, folder: Path):
        self.folder = folder
        tracked = subprocess.run(["git", "-C", checkout, "ls-files", "-z"], check=True, capture_output=True).stdout
        for name in filter(None, os.fsdecode(tracked).split("\0")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / name, folder / name)
        self._plantings = 0

    def look(self, bug: Bug, all_tests: bool) -> Verdict:
        """Runs the tests on the bug: those that should see it and, if wanted where none does, all."""
        path, begun = self.folder / bug.file, time.monotonic()
        text, dates = planted(bug, self.folder), path.stat()
        sound = path.read_bytes()
        path.write_text(text)
        self._plantings += 1  # a date that no version had: Python knows compiled modules by date and size
        os.utime(path, (dates.st_atime, int(dates.st_mtime) - self._plantings))
        try:
            failed = self.failing(bug.tests) or (self.failing(["tests"]) if all_tests else [])
        finally:
            path.write_bytes(sound)
            os.utime(path, ns=(dates.st_atime_ns, dates.st_mtime_ns))
        return Verdict(bug, failed[0] if failed else "", time.monotonic() - begun)

    def failing(self, tests: Iterable[str], *options: str) -> list[str]:
        """The tests that fail. Raises ListError where pytest does not know one of them."""
        environment = os.environ | {"PYTHONPATH": str(self.folder), "OMP_NUM_THREADS": "1"}
        call = subprocess.Popen(
            [sys.executable, *PYTEST, *options, *tests],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            said, _ = call.communicate(timeout=LIMIT_S)
        except subprocess.TimeoutExpired:
            os.killpg(call.pid, signal.SIGKILL)
            call.communicate()
            return [f"{' '.join(tests)} (no end in {LIMIT_S} s)"]
        if call.returncode in NO_TEST:
            raise ListError(f"pytest {' '.join(tests)}: {said.strip().splitlines()[-1]}")
        if call.returncode == 0:
            return []
        return FAILED.findall(said) or [f"pytest ended with status {call.returncode}"]


def look_at_all(
    bugs: Sequence[Bug], checkout: Path, beside: int, all_tests: bool, tell: Callable[[Verdict], None]
) -> tuple[list[Verdict], list[str]]:
    """The verdicts on some bugs, in their order, and the tests among those that saw one that fail without any bug."""
    with TemporaryDirectory(prefix="planted-") as folder, ThreadPoolExecutor(beside) as pool:
        free: SimpleQueue[Workplace] = SimpleQueue()
        for number in range(beside):
            free.put(Workplace(checkout, Path(folder) / str(number)))

        def look(bug: Bug) -> Verdict:
            place = free.get()
            try:
                verdict = place.look(bug, all_tests)
            finally:
                free.put(place)
            tell(verdict)
            return verdict

        verdicts = list(pool.map(look, bugs))
        seeing = sorted({verdict.by for verdict in verdicts if "::" in verdict.by})
        return verdicts, free.get().failing(seeing, "--maxfail", "1000") if seeing else []


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="BUG", help="those to plant; all without any")
    parser.add_argument("--list", type=Path, default=BUGS, metavar="FILE", help="the bugs")
    parser.add_argument("--checkout", type=Path, default=ROOT, metavar="DIR", help="the code and the tests")
    parser.add_argument("--beside", type=int, default=1, metavar="N", help="bugs at a time")
    parser.add_argument("--all-tests", action="store_true", help="run all where the named tests see nothing")
    parser.add_argument("--check", action="store_true", help="only say whether the list fits the code")
    parser.add_argument("--out", type=Path, metavar="FILE", help="the table, CSV")
    options = parser.parse_args()
    bugs = read_bugs(options.list)
    wrong = list(faults(bugs, options.checkout))
    wrong += [f"{name}: no such bug" for name in options.names if name not in {bug.name for bug in bugs}]
    print(*wrong, sep="\n", end="\n" * bool(wrong), file=sys.stderr)
    if wrong or options.check:
        return bool(wrong)
    chosen = [bug for bug in bugs if not options.names or bug.name in options.names]
    verdicts, always = look_at_all(
        chosen,
        options.checkout.resolve(),
        options.beside,
        options.all_tests,
        lambda verdict: print(*verdict.row().values(), sep=", ", flush=True),
    )
    if options.out:
        with options.out.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
            writer.writeheader()
            writer.writerows(verdict.row() for verdict in verdicts)
    unseen = [verdict.bug.name for verdict in verdicts if not verdict.by]
    print(f"{len(verdicts) - len(unseen)} of {len(verdicts)} bugs were seen; not seen: {', '.join(unseen) or 'none'}")
    for test in always:
        print(f"fails without any bug: {test}")
    return bool(unseen or always)


if __name__ == "__main__":
    sys.exit(main())
