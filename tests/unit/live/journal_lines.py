"""Lines of journals, at times from the beginning of their call on."""

BEGUN = 1_000_000.0
"""When calls begin, in seconds since 1970."""


def begun(at: float, job: int, rule: str, log: str = "", **wildcards: str) -> dict:
    """A job begins."""
    return {"kind": "begun", "at": at, "job": job, "rule": rule, "log": log, "wildcards": wildcards}


def done(at: float, job: int, failed: bool = False) -> dict:
    """It ends."""
    return {"kind": "failed" if failed else "done", "at": at, "job": job}
