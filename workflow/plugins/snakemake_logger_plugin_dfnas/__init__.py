"""`snakemake --logger dfnas`, as `dfnas run` calls it: what is under way instead of what is called.

Snakemake finds the package by its name, on the PYTHONPATH that `dfnas run` sets. Its log file in `.snakemake/log` has
all that it would else print, commands included.
"""

from logging import WARNING, LogRecord

from rich.console import Console
from rich.text import Text
from snakemake_interface_logger_plugins.base import LogHandlerBase

from dfnas.live.events import events_of
from dfnas.live.journal import current
from dfnas.live.terminal import Terminal

SHOWN = (None, "error")
"""Events of records that are shown as they are, where they matter."""
NOISE = ("Assuming unrestricted", "Building DAG", "Conda environments", "Config file", "Group jobs", "Using ", "host:")
"""How messages begin that nobody needs before a run."""
OF_A_JOB = "CalledProcessError in file"
"""What an error says of a job's command, of which the view tells the job and the end of its log."""
NOTHING = "Nothing to be done"


class LogHandler(LogHandlerBase):
    """Shows jobs on a terminal, or line by line. Of a dry run it prints what Snakemake would."""

    def __post_init__(self) -> None:
        said = self.common_settings
        console = Console(stderr=not said.stdout, highlight=False, no_color=said.nocolor or None)
        self._terminal = Terminal(console, current)

    def emit(self, record: LogRecord) -> None:
        """Shows what a record says."""
        try:
            self._show(record)
        except Exception:  # the run is worth more than its view
            self.handleError(record)

    def _show(self, record: LogRecord) -> None:
        if self.common_settings.dryrun:
            self._terminal.say(self.format(record))
            return
        events = events_of(record)
        for event in events:
            self._terminal.hear(event)
        if events or getattr(record, "event", None) not in SHOWN:
            return
        text = self.format(record)
        if OF_A_JOB in text:
            return
        if record.levelno >= WARNING:
            self._terminal.say(Text(text, style="red" if record.levelno > WARNING else "yellow"))
        elif not self._terminal.is_busy and text.strip() and not text.startswith(NOISE):
            self._terminal.say(text)
            if text.startswith(NOTHING):
                self._terminal.show_outcome()

    def close(self) -> None:
        """Takes the view away and says how it ended."""
        self._terminal.end()
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        return True

    @property
    def writes_to_file(self) -> bool:
        return False

    @property
    def has_filter(self) -> bool:
        return False

    @property
    def has_formatter(self) -> bool:
        return False

    @property
    def needs_rulegraph(self) -> bool:
        return False
