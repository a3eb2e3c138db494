"""Class names: the order that they have by themselves, and whether two lists of them mean the same numbers.

A network's logits have an order and no names; folders have names and no order. Where both have names they are compared,
since the same classes in another order make a perfect network wrong nearly everywhere.

Names differ in spelling from place to place: case, `_`, `-` and spaces, and the way in which a file system writes
accents count for nothing.
"""

import re
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path

from dfnas.runtime.errors import InputError

REMEDY = "set teacher.class_names to the names that the data have, in the order of the logits"
SHOWN = 3
"""Names of a list that a message quotes."""


def natural_order(names: Iterable[str]) -> list[str]:
    """Sorted by the numbers in them and the text between: 0, 1, 2, 10 and class1, class2, class10."""
    return sorted(names, key=lambda name: (_natural(name), name))


def numbers(count: int) -> tuple[str, ...]:
    """What classes without names are called."""
    return tuple(str(label) for label in range(count))


def positions(names: Sequence[str], others: Sequence[str], where: str, elsewhere: str) -> list[int] | None:
    """The place of each of `names` among `others`.

    Names without any in common are of two vocabularies, as are mere numbers: nothing is known then. Nor is it where
    half or more are the same at the same places, and none at another: the others may be other spellings.

    Args:
        where: what has `names`, for the complaint; `elsewhere` has the others.

    Returns:
        int places, a permutation; or None where nothing is known.

    Raises:
        InputError: some classes are the same, at other places, and the rest cannot be found.
    """
    ours, theirs = list(map(_spelling, names)), list(map(_spelling, others))
    if ours == theirs:
        return list(range(len(ours)))
    if sorted(ours) == sorted(theirs) and len(set(ours)) == len(ours):
        return [theirs.index(name) for name in ours]
    common = set(ours) & set(theirs)
    if not common or numbers(len(ours)) == tuple(names) or numbers(len(theirs)) == tuple(others):
        return None
    pairs = list(zip(ours, theirs, strict=False))
    most = 2 * sum(a == b for a, b in pairs) >= len(pairs)
    if most and len(ours) == len(theirs) and all(a == b or not {a, b} & common for a, b in pairs):
        return None
    alone = [name for name, plain in zip(names, ours, strict=True) if plain not in common]
    alone += [name for name, plain in zip(others, theirs, strict=True) if plain not in common]
    detail = f"{_quoted(alone)} only in one of them" if alone else "some of them several times"
    raise InputError(
        f"{where} has the classes {_quoted(names)}, {elsewhere} has {_quoted(others)}: they cannot be matched, with "
        f"{detail}; {REMEDY}"
    )


def check_same_order(names: Sequence[str], others: Sequence[str], where: str, elsewhere: str) -> bool:
    """Whether two lists are known to name the same classes; False where they cannot be compared.

    Raises:
        InputError: the same classes in another order, or such as cannot be matched.
    """
    places = positions(names, others, where, elsewhere)
    for label, place in enumerate(places or ()):
        if label != place:
            raise InputError(
                f"{where} and {elsewhere} have the same classes in another order: '{names[label]}' is class {label} in "
                f"one and class {place} in the other; {REMEDY}"
            )
    return places is not None


def check_class_names(names: Sequence[str], path: Path, others: Sequence[str], other_path: Path) -> None:
    """Compares the names of the classes in two files. Says on standard error where they are of two vocabularies; where
    one has only numbers there is nothing to say.

    Raises:
        InputError: the same classes in another order, or such as cannot be matched.
    """
    if check_same_order(names, others, str(path), str(other_path)):
        return
    if all(tuple(each) != numbers(len(each)) for each in (names, others)):
        odd = next(label for label, pair in enumerate(zip(names, others, strict=False)) if len(set(pair)) > 1)
        print(
            f"warning: {path} and {other_path} name their classes differently ('{names[odd]}', '{others[odd]}'): "
            "they are taken to be the same ones, in the same order",
            file=sys.stderr,
            flush=True,
        )


def _natural(name: str) -> list[tuple[int, int, str]]:
    parts = re.findall(r"[0-9]+|[^0-9]+", unicodedata.normalize("NFC", name))
    return [(0, int(part), "") if part.isdigit() and part.isascii() else (1, 0, part) for part in parts]


def _spelling(name: str) -> str:
    """A name without what differs from place to place."""
    return re.sub(r"[_\-\s]+", " ", unicodedata.normalize("NFC", name)).strip().casefold()


def _quoted(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:SHOWN])
    return f"{shown} and {len(names) - SHOWN} more" if len(names) > SHOWN else shown
