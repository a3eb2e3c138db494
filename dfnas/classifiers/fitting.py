"""Weights under the names that a network itself has for them: without what wrappers and training modules put before.

A prefix is taken off where all weights of the network are there with it, so that nothing is guessed.
"""

import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache

import torch

from dfnas.classifiers.state_dicts import is_average
from dfnas.runtime.errors import InputError

COUNTERS = ("num_batches_tracked", "total_ops", "total_params", "n_averaged")
"""Last parts of names that are no weights: of BatchNorms, of a profiler (thop), of an average."""
WRAPPERS = ("module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""What wrappers of a network, or of a part of it, are called in names."""
DENSENET = re.compile(r"(denselayer\d+\.(?:norm|conv))\.([12]\.)")
"""Names of torchvision's published DenseNets, from before names could have no dots."""


def under_own_names(
    state: Mapping[str, torch.Tensor], expected: Iterable[str], where: str, what: str, section: str = "teacher"
) -> dict[str, torch.Tensor]:
    """The weights by the network's names for them, counters left out where the network has none.

    Says on standard error what it took off and left out.

    Args:
        expected: the network's names.
        where: the weights came from.
        what: the network is, for the complaints.

    Raises:
        InputError: weights are missing, or there are others.
    """
    names = set(expected)
    needed = {name for name in names if not _counts(name)}
    variants = (dict(state), _without_wrappers(state, names), _renamed(state))
    for variant in variants:
        found = _prefixes(variant, needed)
        fitting = [prefix for prefix, count in found.items() if count == len(needed)]
        if fitting:
            prefix = "" if "" in fitting else _chosen(variant, needed, fitting, where, section)
            break
    else:
        fitting = []
        variant = max(variants, key=lambda variant: max(_prefixes(variant, needed).values(), default=0))
        found = _prefixes(variant, needed)
        prefix = min(found, key=lambda prefix: (-found[prefix], len(prefix)), default="")
    again = tuple(other for other in fitting if other != prefix)
    below = {name.removeprefix(prefix): value for name, value in variant.items() if name.startswith(prefix)}
    below = {name: value for name, value in below.items() if name in names or not _counts(name)}
    if again and not prefix:
        below = {name: value for name, value in below.items() if not name.startswith(again)}
    missing, unknown = sorted(needed - below.keys()), sorted(below.keys() - names)
    if missing or unknown:
        raise InputError(f"{where} does not fit {what}: {_misfit(missing, unknown, prefix, section)}")
    if again:
        tell(taking(where, prefix and f"named {prefix}…", [other[:-1] for other in again], section))
    outside = [n for n in variant if not n.startswith((prefix, *again)) and not _counts(n)]
    if outside:
        tell(f"{where}: leaves out {len(outside)} that the network has not, such as {outside[0]}")
    return below


def _counts(name: str) -> bool:
    return name.rpartition(".")[2] in COUNTERS


def _prefixes(state: Mapping[str, torch.Tensor], needed: set[str]) -> Counter[str]:
    """How many of the network's names there are with each prefix."""
    found: Counter[str] = Counter()
    for name in state:
        parts = name.split(".")
        for place in range(len(parts)):
            if ".".join(parts[place:]) in needed:
                found["".join(f"{part}." for part in parts[:place])] += 1
    return found


def _chosen(state: Mapping[str, torch.Tensor], needed: set[str], prefixes: list[str], where: str, section: str) -> str:
    """The prefix to take off, of those with which all weights are there."""
    first = min(prefixes, key=len)
    if all(torch.equal(state[prefix + name], state[first + name]) for prefix in prefixes for name in needed):
        return first
    plain = [prefix for prefix in prefixes if not is_average(prefix, prefixes)]
    if len(plain) != 1:
        listed = ", ".join(prefix[:-1] for prefix in prefixes)
        raise InputError(
            f"{where} has the network's weights several times: {listed}; set {section}.weights_key to the one to take"
        )
    return plain[0]


@cache
def tell(line: str) -> None:
    """Says something on standard error: once, however often a network is built."""
    print(line, file=sys.stderr, flush=True)


def taking(where: str, taken: str, others: list[str], section: str) -> str:
    """One line on which weights are taken, and how to take others."""
    return (
        f"{where}: takes the weights {taken or 'at its top level'}; set {section}.weights_key for {' or '.join(others)}"
    )


def _without_wrappers(state: Mapping[str, torch.Tensor], names: set[str]) -> dict[str, torch.Tensor]:
    own = {part for name in names for part in name.split(".")}
    wrappers = set(WRAPPERS) - own
    kept = {".".join(part for part in name.split(".") if part not in wrappers): value for name, value in state.items()}
    return kept if len(kept) == len(state) else {}  # two would have the same name


def _renamed(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {DENSENET.sub(r"\1\2", name): value for name, value in state.items()}


def _misfit(missing: list[str], unknown: list[str], prefix: str, section: str) -> str:
    """What does not fit, and what to do about it."""
    parts = [f"no '{missing[0]}' ({len(missing)} missing)"] if missing else []
    parts += [f"an unknown '{unknown[0]}' ({len(unknown)} unknown)"] if unknown else []
    story = f"it has {' and '.join(parts)}" + (f", below '{prefix}'" if prefix else "")
    if missing:
        return f"{story}; take the {section}.builder and arguments that it was trained with"
    first = unknown[0].partition(".")[0]
    return (
        f"{story}; take the {section}.builder and arguments that it was trained with, or, where the network works "
        f'without, leave them out: torch.save({{k: v for k, v in weights.items() if not k.startswith("{first}")}}, "g")'
    )
