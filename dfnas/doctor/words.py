"""The command line of a planned job, changed for a trial: other places, fewer images."""

import itertools
import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

FEW = 4
"""Files of an option of which a trial takes a few."""
LEAST, MOST = 4, 16
"""Images of a batch that was too slow as a whole, and how many times fewer they are at most."""


def words_of(command: str) -> list[str]:
    """The stage's module and its arguments, of what a shell would be given."""
    words = shlex.split(command)
    end = words.index("2>") if "2>" in words else len(words)
    return words[words.index("-m") + 1 : end]


def placed(words: Sequence[str], results: str, folder: Path) -> list[str]:
    """With other files in place of those in the folder of results."""
    return [f"{folder}/{word[len(results) + 1 :]}" if word.startswith(f"{results}/") else word for word in words]


def a_few(words: Sequence[str], option: str | None) -> tuple[list[str], float]:
    """With FEW files of an option, and how many times more there were."""
    words = list(words)
    if option is None:
        return words, 1.0
    first = words.index(f"--{option}") + 1
    end = next((place for place in range(first, len(words)) if words[place].startswith("--")), len(words))
    kept = words[first:end][:FEW]
    return [*words[:first], *kept, *words[end:]], (end - first) / len(kept)


def without_milliseconds(words: Sequence[str]) -> list[str]:
    """Without a limit on them, which a table that nobody has measured would not keep."""
    return _altered(words, lambda key, value: 0.0 if key == "max_latency_ms" else value)


def fewer(words: Sequence[str]) -> tuple[list[str], int]:
    """With batches so many times smaller, and how many: everything that they take is then so many times less."""
    sizes: list[int] = []
    _altered(words, lambda key, value: sizes.append(value) if _is_batch(key, value) else value)
    ratio = max(2, min(MOST, min(sizes, default=LEAST * MOST) // LEAST))
    return _altered(words, lambda key, value: max(1, value // ratio) if _is_batch(key, value) else value), ratio


def _is_batch(key: str, value: Any) -> bool:
    named = key.endswith("batch_size") or key == "images_per_epoch"
    return named and isinstance(value, int) and value > 0


def _altered(words: Sequence[str], change: Callable[[str, Any], Any]) -> list[str]:
    """With settings, those inside of others too, as `change` has them by their key."""

    def walk(key: str, value: Any) -> Any:
        if isinstance(value, dict):
            return {name: walk(name, one) for name, one in value.items()}
        if isinstance(value, list):
            return [walk(key, one) for one in value]
        return change(key, value)

    altered = list(words)
    for place, (option, text) in enumerate(itertools.pairwise(words), 1):
        if option.startswith("--") and (text.startswith(("{", "[{")) or text.lstrip("-").replace(".", "", 1).isdigit()):
            before = json.loads(text)
            after = walk(option[2:].replace("-", "_"), before)
            altered[place] = text if after == before else json.dumps(after)
    return altered
