"""What all stages share: their command line, and how they end.

A stage is a function of typed options. Its settings become command line options of their own, so that every
job of the workflow can be read in its log and repeated by hand.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any, Generic, overload

from pydantic.fields import FieldInfo

from dfnas.runtime.device import describe, has_bfloat16
from dfnas.runtime.ending import last_words
from dfnas.runtime.errors import InputError
from dfnas.runtime.interruption import heeded
from dfnas.runtime.locks import Lock
from dfnas.runtime.processes import ALONE, join, launched
from dfnas.settings.base import Settings
from dfnas.stages.job import Job, Recalled, S, state_folder

EMULATED = (
    "precision is bfloat16, for which this device has no instructions: that took eleven times as long as float32 on a "
    "CPU where it was measured"
)


class Stage(Generic[S]):
    """The command `python -m dfnas.stages.<name>`.

    Args:
        name: the rule's name.
        description: the module's docstring.
        settings: the type of the rule's section; its fields become options.
        together: whether several processes, started by `torchrun`, can do the work of one.
        module: of `dfnas.stages`, where it is not called after the rule.
        code: `module:name` of what it runs beside that module.
    """

    @overload
    def __init__(self: "Stage[None]", name: str, description: str, settings: None): ...

    @overload
    def __init__(
        self,
        name: str,
        description: str,
        settings: type[S],
        together: bool = False,
        module: str = "",
        code: tuple[str, ...] = (),
    ): ...

    def __init__(
        self,
        name: str,
        description: str,
        settings: type[Any] | None,
        together: bool = False,
        module: str = "",
        code: tuple[str, ...] = (),
    ):
        self.name, self.settings_type, self.together = name, settings, together
        self.module, self.code = module or name, code
        self.outputs: list[str] = []
        self.parser = argparse.ArgumentParser(
            prog=f"python -m dfnas.stages.{self.module}",
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

    def main(self, work: Callable[[Job[S]], None], argv: list[str] | None = None) -> int:
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
                emulated = getattr(settings, "precision", None) == "bfloat16" and has_bfloat16(device) is False
                if emulated and processes.leads:
                    print(f"{self.name}: {EMULATED}", file=sys.stderr, flush=True)
                job = Job(self.name, self.module, options, settings, device, processes, inputs, outputs)
                job.reads(
                    *filter(Path.is_file, job.inputs), code=self.code
                )  # what they are before anything is made from them
                if processes.agree(waited and job.is_made()):
                    if processes.leads:
                        print(f"{self.name}: that job has made it, nothing is left to do", file=sys.stderr, flush=True)
                    return 0
                with suppress(Recalled):
                    work(job)
                if processes.leads:
                    job.leave_receipt()
        except KeyboardInterrupt as end:
            story = f"{str(end) or 'interrupted'}; run the same command again to continue"
            return self._fail(story, getattr(end, "status", 130))
        except (Exception, SystemExit) as error:
            mendable = last_words(error, self.name, options.out)
            if mendable is None:
                raise
            return self._fail(mendable)
        return 0

    def _settings(self, options: argparse.Namespace) -> Any:
        if self.settings_type is None:
            return None
        names = self.settings_type.model_fields
        given = {name: vars(options).pop(f"setting_{name}") for name in names if f"setting_{name}" in options}
        return self.settings_type.parse(given, self.name)

    def _paths(self, options: argparse.Namespace) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
        """The inputs and the outputs that a command line names."""
        read = [action.dest for action in self.files._group_actions if action.type is Path]
        inputs = [path for name in read if name not in self.outputs for path in _several(vars(options)[name])]
        outputs = [path for name in self.outputs for path in _several(vars(options)[name])]
        return tuple(inputs), tuple(outputs)

    def _lock(self, options: argparse.Namespace, held: ExitStack) -> bool:
        """Keeps all other jobs from making the output meanwhile, and says whether one had to be waited for. The lock
        dies with its process."""
        folder = state_folder(options)
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


def main_of(stage_of: Callable[[str], Any], module: str, about: str | None, argv: list[str]) -> int:
    """Runs the stage of the algorithm that the first argument names. Returns the exit status.

    Args:
        stage_of: makes the stage, whose `work` is done, by the algorithm's name; may raise InputError.
        module: of `dfnas.stages`, for complaints before there is a stage.
        about: its docstring.
    """
    if not argv or argv[0].startswith("-"):
        print(about)
        return 0 if argv else 2
    try:
        stage = stage_of(argv[0])
    except InputError as error:
        print(f"{module}: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    status: int = stage.main(stage.work, argv[1:])
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
