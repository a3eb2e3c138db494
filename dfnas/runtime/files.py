"""Files that are either whole or absent: atomic writing, tested reading, and digests."""

import csv
import hashlib
import io
import json
import os
import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dfnas.runtime.errors import InputError


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


def write_json(path: str | Path, value: Any) -> None:
    """Writes JSON that a person can read and diff: sorted as given, two spaces, a newline at the end."""
    write_bytes(path, (json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())


def read_json(path: str | Path, expected_keys: Iterable[str] = ()) -> dict[str, Any]:
    """Reads a JSON object.

    Raises:
        InputError: no such file, not JSON, or not an object with the expected keys.
    """
    path = existing(path)
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise InputError(f"{path} holds a {type(value).__name__}, expected a JSON object")
    for key in expected_keys:
        if key not in value:
            raise InputError(f"{path} has no '{key}'")
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
        InputError: no such file, not text, or without an expected column.
    """
    path = existing(path)
    try:
        with open(path, newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            names, rows = reader.fieldnames or (), list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not CSV: {error}; delete it to rebuild it") from error
    for column in expected_columns:
        if column not in names:
            raise InputError(f"{path} has no column '{column}'; delete it to rebuild it")
    return rows


def save_archive(path: str | Path, value: Any) -> None:
    """Saves with `torch.save`, atomically, to bytes that do not depend on the file's name."""
    import torch  # takes a second, and whoever has no tensors does without

    buffer = io.BytesIO()
    torch.save(value, buffer)
    write_bytes(path, buffer.getvalue())


def load_archive(path: str | Path) -> Any:
    """Loads tensors and plain values from a `torch.save` file, without ever running code from it.

    A zip archive's checksums are tested first: torch itself reads past most flipped bits.

    Raises:
        InputError: no such file, damaged, or with something inside that only code could rebuild.
    """
    path = existing(path)
    if zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                damaged = archive.testzip()
        except Exception as error:
            raise InputError(f"{path} is damaged: {error}; get it again, or delete it to rebuild it") from error
        if damaged:
            raise InputError(f"{path} is damaged: bad checksum of {damaged}; get it again, or delete it to rebuild it")
    import torch

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the broken bytes lead it to
        raise InputError(
            f"{path} cannot be loaded: expected a torch checkpoint of tensors and plain values only "
            f"(no code is run from it){_refused(str(error))}; get it again, or delete it to rebuild it"
        ) from error


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


def _refused(story: str) -> str:
    """What torch refused to run, if that is its complaint; its other words are no advice for a user to follow."""
    match = re.search(r"GLOBAL (\S+)", story)
    return f": it wants to run {match.group(1)}" if match else ""
