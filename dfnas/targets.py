"""How the workflow is called: what may be wanted of it, by name, and the files of configuration. Which files a name
stands for follows from the configuration: the Snakefile makes a rule of each."""

from collections.abc import Iterable, Mapping, Sequence

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


def configuration_files(arguments: Sequence[str]) -> list[str]:
    """The files behind `--configfile` in a call of Snakemake."""
    if "--configfile" not in arguments:
        return []
    after = list(arguments[arguments.index("--configfile") + 1 :])
    return after[: next((place for place, word in enumerate(after) if word.startswith("-")), len(after))]
