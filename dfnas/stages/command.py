"""What all stages share: their command line, their errors, and the state that they keep while they run.

A stage is a function of typed options. Its settings become command line options of their own, so that every
job of the workflow can be read in its log and repeated by hand.
"""

import argparse
import errno
import hashlib
import json
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from pydantic.fields import FieldInfo

from dfnas import __version__
from dfnas.runtime.cache import CacheEntry, cache_folder
from dfnas.runtime.checkpoint import Checkpoint
from dfnas.runtime.code_digest import code_digest
from dfnas.runtime.device import describe
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import digest
from dfnas.runtime.interruption import heeded
from dfnas.runtime.limits import denied
from dfnas.runtime.locks import Lock
from dfnas.runtime.processes import ALONE, Processes, join, launched
from dfnas.runtime.users_code import origin, told
from dfnas.settings.base import Settings
from dfnas.stages.receipts import Folder, read_receipt, write_receipt


@dataclass(frozen=True)
class Job:
    """One run of a stage: its paths and small arguments (`options`), its section of the configuration
    (`settings`), and where it computes (`device`).

    Attributes:
        inputs: the files that its options name to be read.
        outputs: the files that its options name to be made.
        digests: of files that were read, as they were when the job first looked at them.
        references: code that the settings name, as far as the stage has said so.
    """

    stage: str
    options: argparse.Namespace
    settings: Any
    device: torch.device
    processes: Processes = ALONE
    inputs: tuple[Path, ...] = ()
    outputs: tuple[Path, ...] = ()
    digests: dict[Path, str] = field(default_factory=dict)
    references: dict[str, None] = field(default_factory=dict)

    @property
    def state_dir(self) -> Path:
        """Where checkpoints, locks and compiled code of this run are kept."""
        return _state_dir(self.options)

    @property
    def folder(self) -> Folder:
        """The folder of results that the job works in."""
        return Folder.of(self.options.out, self.state_dir)

    def checkpoint(self, inputs: list[Path], *references: str, **more: Any) -> Checkpoint:
        """Where this job keeps its progress: a place named by all that determines its result, and `more`."""
        identity = {"output": str(self.options.out), **self.provenance(inputs, *references), **more}
        return Checkpoint(self.state_dir, identity)

    def cache_entry(self, inputs: list[Path], *references: str, **more: Any) -> CacheEntry:
        """Where the outputs of this job are kept for other workflows, if anywhere: a place named by all that
        determines them, and `more`. Several processes would have to agree on what they find: they look for nothing."""
        folder = cache_folder() if self.processes.count == 1 else None
        return CacheEntry(folder, {**self.provenance(inputs, *references), **more}, self.outputs)

    def provenance(self, inputs: list[Path], *references: str) -> dict[str, Any]:
        """What determined the result: stage, versions, code, arguments, settings, and digests of the inputs, by their
        names in the folder of results.

        Args:
            references: `module:name` of code that the settings name, see `code_digest`.
        """
        self.references.update(dict.fromkeys(references))
        machine = ("device", "state_dir")
        together = {"processes": self.processes.count} if self.processes.count > 1 else {}
        return {
            "stage": self.stage,
            "dfnas": __version__,
            "torch": str(torch.__version__),
            "code": code_digest(self.stage, *references),
            **({"references": list(dict.fromkeys(references))} if references else {}),
            "device": self.device.type,
            **together,
            "arguments": {
                name: value
                for name, value in vars(self.options).items()
                if isinstance(value, int | float | str | tuple | None) and name not in machine
            },
            "settings": self.settings.plain() if self.settings is not None else {},
            "inputs": {self.folder.name(path): self._digest(path) for path in inputs},
        }

    def reads(self, *paths: Path, code: Iterable[str] = ()) -> None:
        """Notes files that the job reads, as they are now, and code that the settings name, see `provenance`."""
        self.references.update(dict.fromkeys(code))
        for path in paths:
            self._digest(path)

    def leave_receipt(self) -> None:
        """Writes down what was made of what, once the outputs are in place. Where that cannot be written it is told,
        and what was made is not lost for it."""
        made = [path for path in self.outputs if path.is_file()]
        read = [path for path in self.digests if path not in made]
        try:
            write_receipt(self.folder, self.options.out, made, self.provenance(read, *self.references))
        except OSError as error:
            print(f"{self.stage}: warning: no receipt: {_system_story(error, made[0])}", file=sys.stderr, flush=True)

    def is_made(self) -> bool:
        """Whether the outputs are in place, to the byte as a job has left them that was this one to the last input,
        line of code and setting."""
        try:
            receipt = read_receipt(self.folder.receipt(self.options.out))
            made = {self.folder.name(path): digest(path) for path in self.outputs}
            read = map(self.folder.path, receipt.provenance["inputs"])
            own = self.provenance(list(read), *receipt.provenance.get("references", ()))
        except InputError:  # no receipt, or a file is gone
            return False
        same = json.loads(json.dumps(own)) == receipt.provenance
        return same and made == {name: said["sha256"] for name, said in receipt.outputs.items()}

    def _digest(self, path: Path) -> str:
        if path not in self.digests:
            self.digests[path] = digest(path)
        return self.digests[path]


class Stage:
    """The command `python -m dfnas.stages.<name>`.

    Args:
        name: the rule's name.
        description: the module's docstring.
        settings: the type of the rule's section; its fields become options.
        together: whether several processes, started by `torchrun`, can do the work of one.
    """

    def __init__(self, name: str, description: str, settings: type[Settings] | None, together: bool = False):
        self.name, self.settings_type, self.together = name, settings, together
        self.outputs: list[str] = []
        self.parser = argparse.ArgumentParser(
            prog=f"python -m dfnas.stages.{name}",
            description=description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        self.files = self.parser.add_argument_group("files and arguments")
        machine = self.parser.add_argument_group("machine")
        machine.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default: auto)")
        machine.add_argument(
            "--threads", type=int, default=1, help="threads of a CPU operation; the result depends on it (default: 1)"
        )
        machine.add_argument(
            "--state-dir", type=Path, help="folder for checkpoints and locks (default: .dfnas beside the output)"
        )
        if settings is not None:
            group = self.parser.add_argument_group("settings")
            for name_, field in settings.model_fields.items():
                _add_setting(group, name_, field)

    def argument(self, *names: str, **keywords: Any) -> None:
        """Adds an option for a file or a small argument, as `argparse` takes it."""
        self.files.add_argument(*names, **keywords)

    def output(self, *names: str, **keywords: Any) -> None:
        """Adds an option for a file, or several, that the stage makes."""
        self.outputs.append(self.files.add_argument(*names, type=Path, metavar="FILE", **keywords).dest)

    def main(self, work: Callable[[Job], None], argv: list[str] | None = None) -> int:
        """Parses, runs `work` under a lock on the output, and returns the exit status. What a user can mend, in code
        of theirs too, is one line on standard error and status 1; anything else is our bug and keeps its traceback."""
        options = self.parser.parse_args(argv)
        processes = launched() if self.together else ALONE
        try:
            with heeded(), ExitStack() as held:
                settings = self._settings(options)
                inputs, outputs = self._paths(options)
                _check_apart(inputs, outputs)
                waited = processes.leads and self._lock(options, held)
                device = join(processes, options.device, options.threads, held)
                if device.type == "cuda":
                    print(f"{self.name}: on {describe(device)}", file=sys.stderr, flush=True)
                job = Job(self.name, options, settings, device, processes, inputs, outputs)
                job.reads(*filter(Path.is_file, job.inputs))  # what they are before anything is made from them
                if processes.agree(waited and job.is_made()):
                    if processes.leads:
                        print(f"{self.name}: that job has made it, nothing is left to do", file=sys.stderr, flush=True)
                    return 0
                work(job)
                if processes.leads:
                    job.leave_receipt()
        except KeyboardInterrupt as end:
            story = f"{str(end) or 'interrupted'}; run the same command again to continue"
            return self._fail(story, getattr(end, "status", 130))
        except (Exception, SystemExit) as error:
            story = denied(error, self.name) or _mendable(error, options.out)
            if story is None:
                raise
            return self._fail(story)
        return 0

    def _settings(self, options: argparse.Namespace) -> Settings | None:
        if self.settings_type is None:
            return None
        names = self.settings_type.model_fields
        given = {name: vars(options).pop(f"setting_{name}") for name in names if f"setting_{name}" in options}
        return self.settings_type.parse(given, self.name)

    def _paths(self, options: argparse.Namespace) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
        """The inputs and the outputs that a command line names."""
        read = [action.dest for action in self.files._group_actions if action.type is Path]
        return tuple(
            tuple(path for name in names for path in _several(vars(options)[name]))
            for names in ([name for name in read if name not in self.outputs], self.outputs)
        )

    def _lock(self, options: argparse.Namespace, held: ExitStack) -> bool:
        """Keeps all other jobs from making the output meanwhile, and says whether one had to be waited for. The lock
        dies with its process."""
        folder = _state_dir(options)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            options.out.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(
                f"cannot write to {error.filename}: {error.strerror}; give a folder that you may write to"
            ) from error
        name = hashlib.sha256(str(options.out.resolve()).encode()).hexdigest()[:24]
        lock = Lock(folder / f"{name}.lock")
        if lock.take(held):
            return False
        print(f"{self.name}: waits for another job that makes {options.out}", file=sys.stderr, flush=True)
        lock.wait(held)
        return True

    def _fail(self, story: str, status: int = 1) -> int:
        print(f"{self.name}: error: {' '.join(story.split())}", file=sys.stderr, flush=True)
        return status


def _add_setting(group: argparse._ArgumentGroup, name: str, field: FieldInfo) -> None:
    default = field.get_default(call_default_factory=True)
    if field.is_required():
        shown = "required"
    else:
        plain = default.plain() if isinstance(default, Settings) else default
        shown = f"default: {json.dumps(plain, default=lambda value: value.plain())}"
    group.add_argument(
        f"--{name.replace('_', '-')}",
        dest=f"setting_{name}",
        type=_value,
        metavar="VALUE",
        required=field.is_required(),
        default=argparse.SUPPRESS,
        help=f"{' '.join((field.description or '').split())} ({shown})".replace("%", "%%"),
    )


def _several(value: Path | list[Path] | None) -> Iterable[Path]:
    """The files of an option, of which there may be one, several or none."""
    return value if isinstance(value, list) else [value] if value is not None else []


def _check_apart(inputs: Iterable[Path], outputs: Iterable[Path]) -> None:
    """Raises InputError where a file is to be made over one that is read, or two outputs are one file."""
    taken = {path.resolve() for path in inputs}
    for path in outputs:
        if path.resolve() in taken:
            raise InputError(f"{path} is named as an output, and as another output or an input; name another file")
        taken.add(path.resolve())


def _value(text: str) -> Any:
    """The value of a setting: JSON where it is JSON, else the text itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _state_dir(options: argparse.Namespace) -> Path:
    return options.state_dir or options.out.parent / ".dfnas"


def _mendable(error: BaseException, out: Path) -> str | None:
    """What a user can mend, in code of theirs too, or None for a bug of ours."""
    if isinstance(error, InputError):
        return str(error)
    if isinstance(error, OSError):
        return _system_story(error, out)
    return f"code of yours, named in the configuration, failed: {told(error)}" if origin(error) else None


def _system_story(error: OSError, out: Path) -> str:
    """What the system refused, and where: a write that fails half-way does not say for which file."""
    where = error.filename2 or error.filename or f"while making {out}"
    story = f"{where}: {error.strerror or error}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{story}; free some space and run again, what was finished is kept"
    return story
