"""One run of a stage: what it reads and makes, what determines its result, and where it keeps its progress."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch

from dfnas import __version__
from dfnas.artifacts.receipt import Folder, Receipt, write_receipt
from dfnas.runtime.cache import CacheEntry, cache_folder
from dfnas.runtime.checkpoint import Checkpoint
from dfnas.runtime.code_digest import code_digest
from dfnas.runtime.errors import InputError, system_story
from dfnas.runtime.files import digest
from dfnas.runtime.processes import ALONE, Processes
from dfnas.settings.base import Settings

S = TypeVar("S", bound=Settings | None, covariant=True)
"""The type of a stage's section of the configuration."""


class Recalled(Exception):  # noqa: N818 -- no error
    """The outputs came from the cache: nothing is left to do."""


@dataclass(frozen=True)
class Job(Generic[S]):
    """One run of a stage, of its `module`: its paths and small arguments (`options`), its section of the configuration
    (`settings`), and where it computes (`device`).

    Attributes:
        inputs: the files that its options name to be read.
        outputs: the files that its options name to be made.
        digests: of files that were read, as they were when the job first looked at them.
        references: code that the settings name, as far as the stage has said so.
    """

    stage: str
    module: str
    options: argparse.Namespace
    settings: S
    device: torch.device
    processes: Processes = ALONE
    inputs: tuple[Path, ...] = ()
    outputs: tuple[Path, ...] = ()
    digests: dict[Path, str] = field(default_factory=dict)
    references: dict[str, None] = field(default_factory=dict)

    @property
    def state_dir(self) -> Path:
        """Where checkpoints, locks and compiled code of this run are kept."""
        return state_folder(self.options)

    @property
    def folder(self) -> Folder:
        """The folder of results that the job works in."""
        return Folder.of(self.options.out, self.state_dir)

    @contextmanager
    def once(self, **more: Any) -> Iterator[Checkpoint]:
        """Runs the long work of a job, its body, once. Where another workflow has done it, the stage ends here with the
        outputs out of the cache; where this job has begun it before, the checkpoint has its progress. When the body
        ends, the outputs are in place: the cache gets a copy, and the checkpoint is removed.

        Files read and code named so far determine the result, see `reads`.

        Args:
            more: what else determines it.

        Raises:
            Recalled: the cache had the outputs. `Stage.main` heeds it.
        """
        entry = self._recalled(more)
        checkpoint = Checkpoint(self.state_dir, {"output": str(self.options.out), **self.provenance(), **more})
        yield checkpoint
        if self.processes.leads:
            entry.keep()
            checkpoint.clear()

    def recall(self, **more: Any) -> None:
        """Ends the stage where the cache has what `once` would make. Raises Recalled."""
        self._recalled(more)

    def _recalled(self, more: Mapping[str, Any]) -> CacheEntry:
        # Several processes would have to agree on what they find: they look for nothing.
        folder = cache_folder() if self.processes.count == 1 else None
        entry = CacheEntry(folder, {**self.provenance(), **more}, self.outputs)
        if entry.recall():
            raise Recalled
        return entry

    def provenance(self, *made: Path) -> dict[str, Any]:
        """What determines the result: stage, versions, code, arguments apart from the places of outputs, settings, and
        digests of the files that were read. Files have their names in the folder of results.

        Args:
            made: outputs that later ones are made of.
        """
        inputs = [path for path in self.digests if path not in self.outputs]
        return self._provenance([*inputs, *made], self.references)

    def _provenance(self, inputs: Iterable[Path], references: Iterable[str]) -> dict[str, Any]:
        machine, references = ("device", "state_dir"), list(references)
        together = {"processes": self.processes.count} if self.processes.count > 1 else {}
        return {
            "stage": self.stage,
            "dfnas": __version__,
            "torch": str(torch.__version__),
            "code": code_digest(self.module, *references),
            **({"references": references} if references else {}),
            "device": self.device.type,
            **together,
            "arguments": {
                name: self._plain(value)
                for name, value in vars(self.options).items()
                if name not in machine and not {*_files(value)} & {*self.outputs}
            },
            "settings": self.settings.plain() if self.settings is not None else {},
            "inputs": {self.folder.name(path): self._digest(path) for path in inputs},
        }

    def reads(self, *paths: Path, code: Iterable[str] = ()) -> None:
        """Notes files that the job reads, as they are now, and code that the settings name, see `code_digest`."""
        self.references.update(dict.fromkeys(code))
        for path in paths:
            self._digest(path)

    def leave_receipt(self) -> None:
        """Writes down what was made of what, once the outputs are in place. Where that cannot be written it is told,
        and what was made is not lost for it."""
        made = [path for path in self.outputs if path.is_file()]
        try:
            write_receipt(self.folder, self.options.out, made, self.provenance())
        except OSError as error:
            print(f"{self.stage}: warning: no receipt: {system_story(error, made[0])}", file=sys.stderr, flush=True)

    def is_made(self) -> bool:
        """Whether the outputs are in place, to the byte as a job has left them that was this one to the last input,
        line of code and setting."""
        try:
            receipt = Receipt.read(self.folder.receipt(self.options.out))
            made = {self.folder.name(path): digest(path) for path in self.outputs}
            read = map(self.folder.path, receipt.provenance.inputs)
            own = self._provenance(read, receipt.provenance.references)
        except InputError:  # no receipt, or a file is gone
            return False
        same = json.loads(json.dumps(own)) == receipt.provenance.plain()
        return same and made == {name: said.sha256 for name, said in receipt.outputs.items()}

    def _plain(self, argument: Any) -> Any:
        """An argument as plain values, with files by their names."""
        if isinstance(argument, list):
            return [self._plain(each) for each in argument]
        return self.folder.name(argument) if isinstance(argument, Path) else argument

    def _digest(self, path: Path) -> str:
        if path not in self.digests:
            self.digests[path] = digest(path)
        return self.digests[path]


def _files(argument: Any) -> list[Path]:
    """The files that an argument names."""
    return [each for each in (argument if isinstance(argument, list) else [argument]) if isinstance(each, Path)]


def state_folder(options: argparse.Namespace) -> Path:
    """Where a job with those options keeps checkpoints and locks."""
    return options.state_dir or options.out.parent / ".dfnas"
