"""What happens in a call of Snakemake, as lines of JSON: what a journal holds, and what Snakemake's log records become.

Snakemake marks its records with a name in the attribute `event`, as its interface for logger plugins has it. They are
read by these names, so that the package need not import Snakemake.
"""

import logging
from typing import Any, Literal

from pydantic import Field

from dfnas.artifacts.document import Number, Part, Whole

Kind = Literal["call", "plan", "cores", "begun", "done", "failed", "asked to end", "ended"]
INTERRUPTION = ("Terminating processes on user request", "Will exit after finishing currently running jobs")
"""How Snakemake says that it was asked to end."""


class Event(Part):
    """A line of a journal. Which fields it has depends on its kind."""

    at: Number
    """Seconds since 1970."""
    kind: Kind
    command: tuple[str, ...] = ()
    """Of a call."""
    host: str = ""
    """Of a call."""
    log: str = ""
    """Of a call, Snakemake's own; of a job, its stage's."""
    jobs: dict[str, Whole] = Field(default_factory=dict)
    """Of a plan: how many of each rule, targets included."""
    cores: Whole = 0
    """How many jobs can run at a time, if each takes one."""
    job: Whole = 0
    """Its number within the call."""
    rule: str = ""
    wildcards: dict[str, str] = Field(default_factory=dict)
    succeeded: bool = False
    """Of an end."""

    def line(self) -> str:
        """The event as it is written, with a line break."""
        return f"{self.model_dump_json(exclude_unset=True)}\n"


def events_of(record: logging.LogRecord) -> list[Event]:
    """What a log record of Snakemake's says of jobs; nothing for most."""
    said, at = vars(record), record.created
    match str(said.get("event") or ""):
        case "run_info":
            jobs = {name: count for name, count in said["stats"].items() if name != "total"}
            return [Event(at=at, kind="plan", jobs=jobs)]
        case "resources_info":
            room = said.get("cores") or said.get("nodes")
            return [Event(at=at, kind="cores", cores=room)] if isinstance(room, int) else []
        case "job_info":
            return [_begun(at, said)]
        case "job_finished":
            return [Event(at=at, kind="done", job=said["job_id"])]
        case "job_error":
            return [Event(at=at, kind="failed", job=said["jobid"])]
        case "":
            asked = str(record.msg).startswith(INTERRUPTION)
            return [Event(at=at, kind="asked to end")] if asked else []
    return []


def _begun(at: float, said: dict[str, Any]) -> Event:
    wildcards = {name: str(value) for name, value in said["wildcards"].items()}
    log = str(next(iter(said["log"]), ""))
    return Event(at=at, kind="begun", job=said["jobid"], rule=said["rule_name"], wildcards=wildcards, log=log)
