"""Files that are either whole or absent: atomic writing, tested reading, and digests."""

import csv
import hashlib
import io
import json
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dfnas.runtime.errors import InputError, reason, rebuild
from dfnas.runtime.zip_archives import check_archive

SEAL = "sha256"
"""The key of JSON artifacts under which a digest of all other keys stands."""


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Gives a temporary name beside `path`; what is written there becomes `path` only if all went well.

    The bytes are flushed to the disk before the rename, so that not even a power cut leaves half a file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: str | Path, content: bytes | memoryview) -> None:
    """Writes a file atomically."""
    with atomic(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: str | Path, value: Mapping[str, Any]) -> None:
    """Writes a JSON object that a person can read and diff: sorted as given, two spaces, a newline at the end.

    Under `sha256`, last, it has a digest of all the rest, since JSON has no checksum.
    """
    assert SEAL not in value, value
    value = {**value, SEAL: _seal(value)}
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())


def read_json(path: str | Path, by_hand: bool = False) -> dict[str, Any]:
    """Reads a JSON object that `write_json` wrote, without its digest.

    Args:
        by_hand: whether a person may have written it: without a digest, and without `provenance`, which only what
            dfnas made has.

    Raises:
        InputError: no such file, not JSON, not what was written, or not an object.
    """
    path = existing(path)
    try:
        value = json.loads(path.read_text(encoding="utf-8"), parse_constant=_no_number)
        found = value.pop(SEAL, None) if isinstance(value, dict) else None
        seal = _seal(value)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path} is not JSON: {reason(error)}; {rebuild(path)}") from error
    if not isinstance(value, dict):
        raise InputError(f"{path} holds a {type(value).__name__}, expected a JSON object; {rebuild(path)}")
    written_by_hand = by_hand and found is None and "provenance" not in value
    if found != seal and not written_by_hand:
        edited = f"if you edited it, take '{SEAL}' and 'provenance' out of it, else " if by_hand else ""
        raise InputError(f"{path} is damaged: its '{SEAL}' is not that of its content; {edited}{rebuild(path)}")
    return value


def write_csv(path: str | Path, columns: Iterable[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Writes rows as CSV with a header; the bytes depend on the values alone."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(columns), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_bytes(path, text.getvalue().encode())


def read_csv(path: str | Path, expected_columns: Iterable[str] = ()) -> list[dict[str, str]]:
    """Reads the rows of a CSV file with a header.

    Raises:
        InputError: no such file, not text, without an expected column, or with rows of another length.
    """
    path = existing(path)
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:  # a spreadsheet leaves a byte-order mark
            reader = csv.DictReader(file)
            names, rows = reader.fieldnames or (), list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not CSV: {error}; {rebuild(path)}") from error
    for column in expected_columns:
        if column not in names:
            raise InputError(f"{path} has no column '{column}'; {rebuild(path)}")
    for number, row in enumerate(rows, 1):
        if None in row or None in row.values():  # as the reader says that there are more, or fewer
            raise InputError(f"{path}, row {number}: expected {len(names)} values; {rebuild(path)}")
    return rows


def save_archive(path: str | Path, value: Any) -> None:
    """Saves with `torch.save`, atomically, to bytes that do not depend on the file's name. Tensors are saved as those
    of the CPU: any machine can load them, by a plain `torch.load` too."""
    import torch  # takes a second, and whoever has no tensors does without
    from torch.utils._pytree import tree_leaves, tree_map_only

    if any(isinstance(leaf, torch.Tensor) and leaf.device.type != "cpu" for leaf in tree_leaves(value)):
        value = tree_map_only(torch.Tensor, lambda tensor: tensor.detach().cpu(), value)
    buffer = io.BytesIO()
    torch.save(value, buffer)
    write_bytes(path, buffer.getvalue())


def load_archive(path: str | Path, mend: str = "", stand_ins: Mapping[str, type] | None = None) -> Any:
    """Loads tensors and plain values from a `torch.save` file, without ever running code from it.

    A zip archive's checksums are tested first.

    Args:
        mend: what to do about a file that cannot be used; by default what one does about an artifact of ours.
        stand_ins: what takes the place of other values, by the names that the file has for their classes; see
            `dfnas.runtime.stand_ins`.

    Raises:
        InputError: no such file, damaged, or with something inside that only code could rebuild.
    """
    import torch

    from dfnas.runtime.plain_values import check_plain

    path, mend = existing(path), mend or rebuild(path)
    check_archive(path, mend)
    names: list[Any] = [(kind, name) for name, kind in (stand_ins or {}).items()]
    try:
        with torch.serialization.safe_globals(names), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on formats, beside a complaint of ours that says more
            value = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(
            f"{path} cannot be loaded: expected a torch checkpoint of tensors and plain values only "
            f"(no code is run from it){_refused(str(error))}; {mend}"
        ) from error
    try:
        check_plain(value, path.stat().st_size)
    except ValueError as error:
        raise InputError(f"{path} {error}; {mend}") from error
    return value


def existing(path: str | Path) -> Path:
    """The path, if there is a file. Raises InputError otherwise."""
    path = Path(path)
    if not path.is_file():
        raise InputError(f"no file {path}")
    return path


def digest(path: str | Path) -> str:
    """SHA-256 of a file's bytes, as hexadecimal digits."""
    with open(existing(path), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _seal(value: Any) -> str:
    """SHA-256 of a JSON value, however it is laid out."""
    return hashlib.sha256(json.dumps(value, allow_nan=False).encode()).hexdigest()


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _refused(story: str) -> str:
    """What torch refused to run, if that is its complaint; its other words are no advice for a user to follow."""
    match = re.search(r"GLOBAL (\S+)", story)
    return f": it wants to run {match.group(1)}" if match else ""
