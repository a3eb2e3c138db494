"""What a user may want of the workflow, by name. Which files these are follows from the configuration: the Snakefile
makes a rule of each."""

from collections.abc import Iterable, Mapping

from dfnas.rules import RULES
from dfnas.runtime.errors import InputError

TARGETS: Mapping[str, str] = {
    "all": "everything: table, cards, pictures, and what the report shows",
    "images": "the synthetic data sets, with pictures and reports on their quality",
    "search": "the architectures that the searches find",
    "deploy": "the best network of every algorithm as files, with its card",
    "table": "Table 1 and what stands beside it",
}
"""Targets of the Snakefile; `all` is its default."""
REPORT = "report"
"""One more of `dfnas run`: everything, then one page to look at it."""


def check_targets(targets: Iterable[str]) -> None:
    """Raises InputError where a word is neither the name of a target or of a rule, nor a file's."""
    for target in targets:
        if target not in (*TARGETS, REPORT, *RULES) and not {"/", "."} & set(target):
            raise InputError(f"no target '{target}'; expected one of {', '.join([*TARGETS, REPORT])}, or a file")
