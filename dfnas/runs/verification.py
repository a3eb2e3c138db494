"""Whether the files of a run belong together: every digest that a job left is compared with the file that is there.

A job's receipt (`dfnas.artifacts.receipt`) has the digests of its outputs and of its inputs. So a file that is as its
job left it, made from files that are as they were then, is one with them; whatever else there is, is told. A digest is
of every byte, and so tells more than the checksums inside a file: those say whether a file that is not as its job left
it is damaged or another one.
"""

import os
import shlex
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from dfnas.artifacts.formats import provenance_of
from dfnas.artifacts.receipt import RECEIPTS, Receipt
from dfnas.runs.folder import RECORD, RunFolder
from dfnas.runs.origins import record_of, section_of, sections_of
from dfnas.runs.sheets import flattened
from dfnas.runtime.errors import InputError, reason
from dfnas.runtime.files import digest
from dfnas.runtime.paths import normalised

NO_ARTIFACTS = (RECEIPTS, "logs", "benchmarks", ".dfnas", ".snakemake", RECORD, "report.html")
"""What lies in a folder of results beside what its jobs made."""
STATED = {"dfnas": "dfnas", "torch": "torch", "device": "device"}
"""What a receipt says of the machine, in which artifacts of one run may differ without being at odds."""
DIGITS = 12
"""Of a digest that are shown."""


class Finding(NamedTuple):
    """Something that does not belong together, or a note."""

    file: str
    """By its place in the folder of results."""
    kind: str
    """`missing`, `changed`, `damaged`, `stale`, `unrecorded`, `mixed`, `receipt`, `vanished`; `note` where nothing is
    wrong."""
    what: str
    advice: str
    """What to do; empty for a note."""

    def line(self) -> str:
        """As a line of text."""
        story = f"{self.file}: {self.what}; {self.advice}" if self.advice else f"note: {self.file}: {self.what}"
        return " ".join(story.split())


class Verification(NamedTuple):
    """What was found in a run."""

    findings: list[Finding]
    notes: list[Finding]
    files: int
    receipts: int
    bytes: int
    """Read."""
    seconds: float

    def plain(self) -> dict[str, Any]:
        """As plain values."""
        listed = {name: [one._asdict() for one in getattr(self, name)] for name in ("findings", "notes")}
        counts = {name: getattr(self, name) for name in ("files", "receipts", "bytes")}
        return {"whole": not self.findings, **listed, **counts, "seconds": round(self.seconds, 3)}


def verify(run: RunFolder) -> Verification:
    """Compares every digest that the jobs of a run recorded with the files that are there.

    Raises:
        InputError: the run's record is damaged.
        OSError: a file cannot be read.
    """
    began = time.perf_counter()
    found = _Run(run)
    findings = [*found.outputs(), *found.inputs(), *found.mixtures(), *found.strangers()]
    findings = [*found.bad_receipts, *findings, *map(_vanished, sorted(found.vanished))]
    counts = (len(found.files), len(found.receipts), found.bytes, time.perf_counter() - began)
    return Verification(findings, list(found.notes()), *counts)


def _as_snakemake_knows(results_dir: str | None, path: Path) -> str:
    """The folder of a run, which lies at `path`, as targets of Snakemake name it."""
    try:
        return normalised(results_dir or str(path))
    except InputError:  # it was made with variables that are not set here
        return str(path)


class _Run:
    """A run with its receipts and the digests of its files as they are now."""

    def __init__(self, run: RunFolder):
        self.path = run.path
        configuration = record_of(run).configuration
        self.known_as = _as_snakemake_knows(configuration.get("results_dir"), run.path)
        self.configured = {
            f"{section}.{key}": value for section, values in sections_of(configuration) for key, value in values.items()
        }
        self.files = dict(_artifacts(run.path))
        self.bad_receipts: list[Finding] = []
        self.vanished: set[str] = set()
        """Files that were there and then no more, since a job is at work."""
        self.receipts = dict(self._receipts(run))
        self.claims: dict[str, list[tuple[str, Receipt]]] = {}
        for receipt in self.receipts.values():
            for name, said in receipt.outputs.items():
                self.claims.setdefault(name, []).append((said.sha256, receipt))
        named = {name for receipt in self.receipts.values() for name in receipt.provenance.inputs}
        places = {name: self._place(name) for name in (*self.files, *named)}
        there = [path for path in dict.fromkeys(places.values()) if path.is_file()]
        with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing leaves the interpreter to others
            read = dict(zip(there, pool.map(_read, there), strict=True))
        self.bytes = sum(size for _, size in filter(None, read.values()))
        self.now = {name: (read.get(path) or (None,))[0] for name, path in places.items()}
        self.vanished |= {name for name, path in places.items() if path in read and read[path] is None}
        self.vanished |= {name for name, path in self.files.items() if _is_gone(path)}
        self.wrong = set(self.vanished)

    def outputs(self) -> Iterator[Finding]:
        """Files that are not as their jobs left them."""
        made_from = Counter(name for receipt in self.receipts.values() for name in receipt.provenance.inputs)
        for name, claims in sorted(self.claims.items()):
            now = self.now.get(name)
            if name in self.vanished or now in [sha256 for sha256, _ in claims]:
                continue
            self.wrong.add(name)
            others = f" ({made_from[name]} jobs have read it as it was)" if made_from[name] else ""
            if now is None:
                yield Finding(name, "missing", f"is missing, its job made it{others}", self._rebuild(name))
                continue
            sha256, receipt = claims[-1]
            told = f"its job left {sha256[:DIGITS]}…, this is {now[:DIGITS]}…{others}"
            damage, _ = _told(self._place(name))
            if damage and _is_gone(self._place(name)):
                self.vanished.add(name)
            elif damage:
                yield Finding(name, "damaged", f"is damaged ({damage}); {told}", self._rebuild(name))
            else:
                stage = receipt.provenance.stage
                yield Finding(name, "changed", f"has changed since {stage} made it: {told}", self._rebuild(name))

    def inputs(self) -> Iterator[Finding]:
        """Artifacts that were made from other files than there are now. What follows from a file that is itself not as
        its job left it is told with that file."""
        for name, receipt in self.receipts.items():
            for read, sha256 in receipt.provenance.inputs.items():
                now = self.now.get(read)
                if now == sha256 or read in self.wrong or (now is None and self._is_outside(read)):
                    continue
                if now is None:
                    what, advice = f"was made from {read}, which is missing", self._rebuild(read)
                else:
                    what = f"was made from another {read} ({sha256[:DIGITS]}…) than is there ({now[:DIGITS]}…)"
                    advice = self._rebuild(name)
                yield Finding(name, "stale", what, advice)

    def strangers(self) -> Iterator[Finding]:
        """Files that no job has left a receipt of."""
        for name, path in sorted(self.files.items()):
            if name in self.claims or name in self.vanished:
                continue
            made_again = f"if a rule makes it, {self._rebuild(name)}; else delete it"
            if path.name.startswith(".") and path.suffix == ".tmp":
                what = "is half written, by a job that is at work or was killed"
                advice = f"if no job runs, rm {shlex.quote(str(path))}"
            else:
                damage, stage = _told(path)
                if damage and _is_gone(path):
                    self.vanished.add(name)
                    continue
                says = f" (it says that {stage} made it)" if stage else ""
                what = f"is known to no job: there is no receipt of it{says}"
                if damage:
                    what = f"is damaged ({damage}), and no job has left a receipt of it"
                advice = made_again
            yield Finding(name, "unrecorded", what, advice)

    def mixtures(self) -> Iterator[Finding]:
        """Artifacts of one section that were made with different settings, or by different code of one stage."""
        settings: dict[str, dict[str, Any]] = {}
        codes: dict[str, dict[str, Any]] = {}
        for name, receipt in self.receipts.items():
            said = receipt.provenance
            section = section_of(said.stage, PurePosixPath(name).parts)
            for key, value in flattened(said.settings).items():
                settings.setdefault(f"{section}.{key}" if key else section, {})[name] = value
            codes.setdefault(" with ".join([said.stage, *said.references]), {})[name] = said.code
        for key, values in settings.items():
            for name, value, usual in _odd_ones(values, self.configured.get(key)):
                what = f"was made with {key} = {value!r}, others with {usual!r}"
                yield Finding(name, "mixed", what, self._rebuild(name))
        for stage, values in codes.items():
            for name, _, _ in _odd_ones(values, None):
                what = f"was made by another version of the code of {stage} than others"
                yield Finding(name, "mixed", what, self._rebuild(name))

    def notes(self) -> Iterator[Finding]:
        """What is good to know: versions and devices that differ, and files from outside that are no longer there."""
        for key, title in STATED.items():
            counts = Counter(getattr(receipt.provenance, key) for receipt in self.receipts.values())
            if len(counts) > 1:
                listed = ", ".join(f"{value} ({count} jobs)" for value, count in counts.most_common())
                yield Finding(RECEIPTS, "note", f"made with more than one {title}: {listed}", "")
        for name, receipt in self.receipts.items():
            for read in receipt.provenance.inputs:
                if self._is_outside(read) and self.now[read] is None:
                    what = f"was made from {read}, which is not there to be compared"
                    yield Finding(name, "note", what, "")

    def _receipts(self, run: RunFolder) -> Iterator[tuple[str, Receipt]]:
        """The receipts, by the file that each is named after."""
        for path in run.files(f"{RECEIPTS}/**/*.json"):
            try:
                yield path.relative_to(run.path / RECEIPTS).as_posix().removesuffix(".json"), Receipt.read(path)
            except (InputError, FileNotFoundError) as error:
                name = path.relative_to(run.path).as_posix()
                if _is_gone(path):
                    self.vanished.add(name)
                    continue
                made = name.removeprefix(f"{RECEIPTS}/").removesuffix(".json")
                self.bad_receipts.append(Finding(name, "receipt", reason(error), self._rebuild(made)))

    def _place(self, name: str) -> Path:
        return self.path / name  # an absolute name stays what it is

    @staticmethod
    def _is_outside(name: str) -> bool:
        return name.startswith("../") or os.path.isabs(name)

    def _rebuild(self, name: str) -> str:
        return f"snakemake --cores 1 --force {shlex.quote(f'{self.known_as}/{name}')}"


def _artifacts(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file that a job may have made, by its place."""
    for where, folders, names in os.walk(folder):
        here = Path(where)
        if here == folder:
            folders[:] = [name for name in folders if name not in NO_ARTIFACTS]
            names = [name for name in names if name not in NO_ARTIFACTS]
        yield from (((here / name).relative_to(folder).as_posix(), here / name) for name in names)


def _read(path: Path) -> tuple[str, int] | None:
    """Digest and size of a file; None if it is no longer there. Raises OSError if it cannot be read."""
    try:
        return digest(path), path.stat().st_size
    except (InputError, FileNotFoundError):
        return None


def _is_gone(path: Path) -> bool:
    """Whether nothing is there any more, not even a link that leads nowhere."""
    return not os.path.lexists(path)


def _told(path: Path) -> tuple[str, str]:
    """What the checks of its format say against a file, and if it passes them which stage it says has made it; empty
    texts for neither."""
    try:
        said = provenance_of(path)
    except (InputError, FileNotFoundError) as error:
        return str(error).removeprefix(str(path)).partition(";")[0].strip(" :"), ""
    return "", said.stage if said else ""


def _vanished(name: str) -> Finding:
    return Finding(
        name, "vanished", "was there and is gone", "a job may be at work: verify again when the run is at rest"
    )


def _odd_ones(values: Mapping[str, Any], wanted: Any) -> Iterator[tuple[str, Any, Any]]:
    """Of values by name, the names whose value is not the wanted one, or if none has that not the most frequent one;
    their value, and that one."""
    texts = {name: repr(value) for name, value in values.items()}
    usual = repr(wanted) if repr(wanted) in texts.values() else Counter(texts.values()).most_common(1)[0][0]
    for name, text in texts.items():
        if text != usual:
            yield name, values[name], next(values[other] for other, same in texts.items() if same == usual)
