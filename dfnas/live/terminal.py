"""Shows a call while it runs: one view that is drawn again on a terminal, plain lines elsewhere."""

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console, RenderableType
from rich.live import Live
from rich.text import Text

from dfnas.live.call import AT_ONCE_S, Call, JobSeen
from dfnas.live.events import Event
from dfnas.live.journal import Journal
from dfnas.live.lines import meanwhile, told
from dfnas.live.outcome import outcome
from dfnas.live.snapshot import SAID, State, Watch
from dfnas.live.steps import last_lines
from dfnas.live.view import ROWS_BESIDE, headline, view
from dfnas.runtime.errors import InputError

DRAWN_PER_S = 4
LOOK_S = 1.0
"""Between two looks at the files."""
LINES_S = 60.0
"""Between two reports of what is at work, where lines are printed."""


class Terminal:
    """Shows the call of this process.

    Args:
        console: to show it on.
        journal: gives the journal of the call, once there is one.
    """

    def __init__(self, console: Console, journal: Callable[[], Journal | None]):
        self.console, self._journal = console, journal
        self.draws = console.is_terminal and not console.is_dumb_terminal
        self._call = Call()
        self._watch: Watch | None = None
        self._live: Live | None = None
        self._seen: tuple[float, RenderableType] = (0.0, Text(""))
        self._ended = threading.Event()
        self._reporter = threading.Thread(target=self._report, daemon=True)

    def hear(self, event: Event) -> None:
        """Shows what has happened. To be called for every event, in order."""
        self._call.add(event)
        if event.kind == "plan":
            self._begin()
        line = told(self._call, event)
        if line and (not self.draws or event.kind == "asked to end"):
            self.say(line)
        if event.kind == "failed" and (job := self._call.jobs.get(event.job)) in self._call.failed:
            if self.draws:  # Ctrl-C may end a job before Snakemake says that it was asked to end
                timer = threading.Timer(AT_ONCE_S, self._tell_of, [job])
                timer.daemon = True
                timer.start()
            else:
                self._tell_of(job)

    def _tell_of(self, job: JobSeen) -> None:
        """Shows a failure above the view. At the end of the call the view itself has all of them."""
        if job not in self._call.failed or self._ended.is_set():
            return
        if self.draws:
            self.say(Text(f"failed: {job.rule} {job.title}", style="red"))
        for said in last_lines(Path(job.log), SAID):
            self.say(f"  {said}")
        if self.draws:
            self.say(Text(f"  log: {job.log}", style="dim"))

    def say(self, what: str | Text) -> None:
        """Prints something above the view."""
        self.console.print(Text(what) if isinstance(what, str) else what, soft_wrap=True)

    @property
    def is_busy(self) -> bool:
        """Whether jobs are under way."""
        return self._call.total > 0 and not self._ended.is_set()

    def end(self) -> None:
        """Takes the view away, and says what has become of the call."""
        if self._ended.is_set():
            return
        self._ended.set()
        if self._live is not None:
            self._live.stop()
        watch, journal = self._watched(), self._journal()
        if watch is None or journal is None:
            return
        journal.close()  # which Snakemake would do next
        snapshot = watch.look(time.time())
        self.console.print(headline(snapshot) if not snapshot.failures else view(snapshot))
        if snapshot.state is State.FINISHED:
            self.show_outcome()

    def show_outcome(self) -> None:
        """Prints what the run has come to."""
        if journal := self._journal():
            for line in outcome(journal.results, sys.argv[1:]):
                self.say(line)

    def _begin(self) -> None:
        if self.draws and self._live is None:
            self._live = Live(
                get_renderable=self._drawn, console=self.console, refresh_per_second=DRAWN_PER_S, transient=True
            )
            self._live.start()
        elif not self.draws and not self._reporter.is_alive():
            self._reporter.start()

    def _drawn(self) -> RenderableType:
        now = time.time()
        at, seen = self._seen
        if now - at >= LOOK_S:
            try:
                watch = self._watched()
                rows = max(1, self.console.height - ROWS_BESIDE)
                seen = Text("begins") if watch is None else view(watch.look(now), rows)
            except InputError as error:
                seen = Text(str(error))
            self._seen = now, seen
        return seen

    def _report(self) -> None:
        while not self._ended.wait(LINES_S):
            watch = self._watched()
            if watch is not None:
                for line in meanwhile(watch.look(time.time())):
                    self.say(line)

    def _watched(self) -> Watch | None:
        journal = self._journal()
        if self._watch is None and journal is not None and journal.path is not None:
            self._watch = Watch(journal.results, journal.path)
        return self._watch
