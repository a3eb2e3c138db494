"""The command `dfnas`: runs the workflow, and says what can be asked of finished and unfinished runs.

Each subcommand is a module of this package, named after it, with `add_arguments(parser)` and `run(options)`, which
returns the exit status; where it has `parse(parser, argv)`, this reads its command line. What it prints on standard
output is the answer; everything else goes to standard error.
"""

import argparse
import importlib
import os
import sys

from dfnas import __version__
from dfnas.runtime.ending import last_words

COMMANDS = {
    "init": "make a project of a checkpoint: a configuration that fits it, this machine and some hours",
    "try": "make a few images with a configuration, and say in words whether it works",
    "run": "runs the workflow, and shows what is under way",
    "status": "how far a run is, from another terminal or machine",
    "compare": "what differs between two runs, in settings and in figures",
    "verify": "whether the files of a run are those that its jobs made of one another",
    "doctor": "whether this machine can run a configuration, and how long it takes",
}
"""Subcommands, each with what it says. A module is imported when its command is asked for."""
KEYWORDS = {"try": "try_out"}
"""Modules of commands that are words of Python, which no module can be called."""
TROUBLE = 2
"""Exit status where there is no answer, as `diff` and `argparse` have it."""


def main(argv: list[str] | None = None) -> int:
    """Runs a subcommand and returns its exit status. What a user can mend is one line on standard error."""
    argv = sys.argv[1:] if argv is None else argv
    command = _command(argv[:1])
    module = importlib.import_module(f"dfnas.commands.{KEYWORDS.get(command, command)}")
    parser = argparse.ArgumentParser(
        prog=f"dfnas {command}",
        description=module.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    module.add_arguments(parser)
    options = module.parse(parser, argv[1:]) if hasattr(module, "parse") else parser.parse_args(argv[1:])
    try:
        status = module.run(options)
        sys.stdout.flush()
        return status
    except BrokenPipeError:  # whoever reads has seen enough; the interpreter must not flush into it again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return TROUBLE
    except Exception as error:
        story = last_words(error)
        if story is None:
            raise
    print(f"dfnas {command}: error: {' '.join(story.split())}", file=sys.stderr)
    return TROUBLE


def _command(argv: list[str]) -> str:
    parser = argparse.ArgumentParser(
        prog="dfnas",
        description="Runs of the workflow, and what can be asked of them.",
        epilog="\n".join(
            ["commands:", *(f"  {n:12}{text}" for n, text in COMMANDS.items()), "", "dfnas COMMAND --help says more."]
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"dfnas {__version__}")
    parser.add_argument("command", choices=list(COMMANDS), metavar="COMMAND", help=f"one of {', '.join(COMMANDS)}")
    return parser.parse_args(argv).command
