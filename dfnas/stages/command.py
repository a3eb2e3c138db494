"""What all stages share: their command line, their errors, and the state that they keep while they run.

A stage is a function of typed options. Its settings become command line options of their own, so that every
job of the workflow can be read in its log and repeated by hand.
"""

import argparse
import errno
import hashlib
import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock
from pydantic.fields import FieldInfo

from dfnas import __version__
from dfnas.runtime.checkpoint import Checkpoint
from dfnas.runtime.code_digest import code_digest
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import digest
from dfnas.runtime.interruption import heeded
from dfnas.runtime.processes import ALONE, Processes, join, launched
from dfnas.settings.base import Settings


@dataclass(frozen=True)
class Job:
    """One run of a stage: its paths and small arguments (`options`), its section of the configuration
    (`settings`), and where it computes (`device`)."""

    stage: str
    options: argparse.Namespace
    settings: Any
    device: torch.device
    processes: Processes = ALONE

    @property
    def state_dir(self) -> Path:
        """Where checkpoints, locks and compiled code of this run are kept."""
        return _state_dir(self.options)

    def checkpoint(self, inputs: list[Path], *references: str, **more: Any) -> Checkpoint:
        """Where this job keeps its progress: a place named by all that determines its result, and `more`."""
        identity = {"output": str(self.options.out), **self.provenance(inputs, *references), **more}
        return Checkpoint(self.state_dir, identity)

    def provenance(self, inputs: list[Path], *references: str) -> dict[str, Any]:
        """What determined the result: stage, versions, code, arguments, settings, and digests of the inputs.

        Args:
            references: `module:name` of code that the settings name, see `code_digest`.
        """
        machine = ("device", "state_dir")
        together = {"processes": self.processes.count} if self.processes.count > 1 else {}
        return {
            "stage": self.stage,
            "dfnas": __version__,
            "torch": str(torch.__version__),
            "code": code_digest(self.stage, *references),
            "device": self.device.type,
            **together,
            "arguments": {
                name: value
                for name, value in vars(self.options).items()
                if isinstance(value, int | float | str | tuple | None) and name not in machine
            },
            "settings": self.settings.plain() if self.settings is not None else {},
            "inputs": {str(path): digest(path) for path in inputs},
        }


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

    def main(self, work: Callable[[Job], None], argv: list[str] | None = None) -> int:
        """Parses, runs `work` under a lock on the output, and returns the exit status. What a user can mend is
        one line on standard error and status 1; anything else is our bug and keeps its traceback."""
        options = self.parser.parse_args(argv)
        processes = launched() if self.together else ALONE
        try:
            with heeded(), ExitStack() as held:
                settings = self._settings(options)
                if processes.leads:
                    held.enter_context(_lock(options))
                device = join(processes, options.device, options.threads, held)
                work(Job(self.name, options, settings, device, processes))
        except InputError as error:
            return self._fail(str(error))
        except OSError as error:
            return self._fail(_system_story(error, options.out))
        except torch.OutOfMemoryError as error:
            return self._fail(f"the device is out of memory ({str(error).splitlines()[0]}); lower batch_size")
        except KeyboardInterrupt as end:
            story = f"{str(end) or 'interrupted'}; run the same command again to continue"
            return self._fail(story, getattr(end, "status", 130))
        return 0

    def _settings(self, options: argparse.Namespace) -> Settings | None:
        if self.settings_type is None:
            return None
        names = self.settings_type.model_fields
        given = {name: vars(options).pop(f"setting_{name}") for name in names if f"setting_{name}" in options}
        return self.settings_type.parse(given, self.name)

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


def _value(text: str) -> Any:
    """The value of a setting: JSON where it is JSON, else the text itself."""
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _state_dir(options: argparse.Namespace) -> Path:
    return options.state_dir or options.out.parent / ".dfnas"


def _lock(options: argparse.Namespace) -> FileLock:
    """Held while the output is made: a second job for the same output waits. It dies with its process."""
    folder = _state_dir(options)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        options.out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot write to {error.filename}: {error.strerror}; give a folder that you may write to"
        ) from error
    name = hashlib.sha256(str(options.out.resolve()).encode()).hexdigest()[:24]
    return FileLock(folder / f"{name}.lock")


def _system_story(error: OSError, out: Path) -> str:
    """What the system refused, and where: a write that fails half-way does not say for which file."""
    where = error.filename2 or error.filename or f"while making {out}"
    story = f"{where}: {error.strerror or error}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return f"{story}; free some space and run again, what was finished is kept"
    return story
