"""What a search leaves of its course, to be looked at: its history, its candidates, the strengths of the options."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import torch

from dfnas.runtime.errors import InputError, rebuild
from dfnas.runtime.files import read_csv, read_json, write_csv, write_json
from dfnas.runtime.resumable import Row
from dfnas.spaces.candidate import Candidate, from_text, to_text
from dfnas.spaces.space import Space

COLUMNS = tuple(field.name for field in fields(Candidate))


def write_candidates(path: Path, space: Space, candidates: Iterable[Candidate]) -> None:
    """Writes one line for each candidate, in the order of judgement; the header alone if none was judged."""
    rows = [asdict(candidate) | {"architecture": to_text(space, candidate.architecture)} for candidate in candidates]
    write_csv(path, COLUMNS, rows)


def read_candidates(path: Path, space: Space) -> list[Candidate]:
    """Reads what `write_candidates` wrote.

    Raises:
        InputError: no such file, a column is missing or holds no number, or an architecture is not of the space.
    """
    candidates = []
    for row in read_csv(path, COLUMNS):
        try:
            errors_and_macs = [float(row[name]) for name in ("top1_error", "top5_error", "macs_m")]
            loss = float(row["loss"]) if row["loss"] else None  # empty where the search does not judge by it
            architecture, generation = from_text(space, row["architecture"]), int(row["generation"])
            candidates.append(Candidate(architecture, *errors_and_macs, generation, loss))
        except (TypeError, ValueError, InputError) as error:
            raise InputError(f"{path}, candidate {len(candidates) + 1}: {error}; {rebuild(path)}") from error
    return candidates


def write_strengths(
    path: Path, space: Space, strengths: Mapping[str, torch.Tensor], provenance: Mapping[str, Any]
) -> None:
    """Writes for each choice the strength of each option, to six significant digits, and the search's provenance.

    Args:
        strengths: (O,) for each choice, in the order of its options.
    """
    named = {choice: zip(options, strengths[choice].tolist(), strict=True) for choice, options in space.choices.items()}
    rounded = {choice: {option: float(f"{s:.6g}") for option, s in each} for choice, each in named.items()}
    write_json(path, rounded | {"provenance": dict(provenance)})


def read_strengths(path: Path, space: Space) -> dict[str, dict[str, float]]:
    """Reads what `write_strengths` wrote.

    Raises:
        InputError: no such file, or not one strength for every option of the space.
    """
    strengths = read_json(path, dict.fromkeys(space.choices, dict[str, float]))
    for choice, options in space.choices.items():
        if tuple(strengths[choice]) != tuple(options):
            expected = f"'{choice}' must have a strength for each of {', '.join(options)}"
            raise InputError(f"{path}: {expected}; {rebuild(path)}")
    return {choice: strengths[choice] for choice in space.choices}


def read_history(path: Path) -> list[Row]:
    """Reads what `write_history` wrote: numbers as such, without what a row leaves empty. Raises InputError if there
    is no such file."""
    return [{name: _number(text) for name, text in row.items() if text} for row in read_csv(path)]


def _number(text: str) -> float | str:
    try:
        return float(text)
    except ValueError:
        return text
