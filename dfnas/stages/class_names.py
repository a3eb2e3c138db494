"""Whether the classes of two files are the same in the same order, wherever original data meet what a teacher says."""

import sys
from collections.abc import Sequence
from pathlib import Path

from dfnas.dataset.class_order import check_same_order, numbers


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
