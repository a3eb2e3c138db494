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
    state = max(variants, key=lambda variant: max(_prefixes(variant, needed).values(), default=0))
    found = _prefixes(state, needed)
    fitting = [prefix for prefix, count in found.items() if count == len(needed)]
    if fitting:
        prefix = "" if "" in fitting else _chosen(state, needed, fitting, where, section)
    else:
        prefix = min(found, key=lambda prefix: (-found[prefix], len(prefix)), default="")
    others = tuple(other for other in fitting if other != prefix)
    below = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    below = {name: value for name, value in below.items() if name in names or not _counts(name)}
    if others and not prefix:
        below = {name: value for name, value in below.items() if not name.startswith(others)}
    missing, unknown = sorted(needed - below.keys()), sorted(below.keys() - names)
    if missing or unknown:
        raise InputError(f"{where} does not fit {what}: {_misfit(names, missing, unknown, prefix, section)}")
    different = [other[:-1] for other in others if not _same(state, needed, [prefix, other])]
    if different:
        tell(taking(where, prefix and f"named {prefix}…", different, section))
    outside = [name for name in state if not name.startswith((prefix, *others)) and not _counts(name)]
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
    if _same(state, needed, prefixes):
        return first
    plain = [prefix for prefix in prefixes if not is_average(prefix, prefixes)]
    if len(plain) != 1:
        listed = ", ".join(prefix[:-1] for prefix in prefixes)
        raise InputError(
            f"{where} has the network's weights several times: {listed}; set {section}.weights_key to the one to take"
        )
    return plain[0]


def _same(state: Mapping[str, torch.Tensor], needed: set[str], prefixes: list[str]) -> bool:
    """Whether the weights under several prefixes are equal."""
    first, *others = prefixes
    return all(torch.equal(state[other + name], state[first + name]) for other in others for name in needed)


@cache
def tell(line: str) -> None:
    """Says something on standard error: once, however often a network is built."""
    print(line, file=sys.stderr, flush=True)


def taking(where: str, taken: str, others: list[str], section: str) -> str:
    """One line on which weights are taken, and how to take others."""
    ways = " or ".join(others)
    return f"{where}: takes the weights {taken or 'at its top level'}; for others set {section}.weights_key to {ways}"


def _without_wrappers(state: Mapping[str, torch.Tensor], names: set[str]) -> dict[str, torch.Tensor]:
    own = {part for name in names for part in name.split(".")}
    wrappers = set(WRAPPERS) - own
    kept = {".".join(part for part in name.split(".") if part not in wrappers): value for name, value in state.items()}
    return kept if len(kept) == len(state) else {}  # two would have the same name


def _renamed(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {DENSENET.sub(r"\1\2", name): value for name, value in state.items()}


def _misfit(names: set[str], missing: list[str], unknown: list[str], prefix: str, section: str) -> str:
    """What does not fit, and what to do about it."""
    parts = [f"no '{missing[0]}' ({len(missing)} missing)"] if missing else []
    parts += [f"an unknown '{unknown[0]}' ({len(unknown)} unknown)"] if unknown else []
    story = f"it has {' and '.join(parts)}" + (f", below '{prefix}'" if prefix else "")
    if not unknown and all(name.endswith((".running_mean", ".running_var")) for name in missing):
        return f"{story}; BatchNorm's statistics are no parameters: save network.state_dict(), or take other weights"
    story = f"{story}; take the {section}.builder and arguments that it was trained with"
    beside = {name.partition(".")[0] for name in unknown}
    if missing or beside & {name.partition(".")[0] for name in names}:
        return story
    left_out = ", ".join(f'"{prefix}{part}."' for part in sorted(beside))
    return (
        f"{story}, or, where the network works without, leave them out of the file's dictionary of weights: "
        f'torch.save({{k: v for k, v in weights.items() if not k.startswith(({left_out},))}}, "weights.pt")'
    )
