"""Pictures with their provenance inside: a text of the PNG file, which viewers leave alone and any tool can read.

PNG has chunks: length, type, content, and a CRC-32 of type and content. `iTXt` holds UTF-8 under a keyword.
"""

import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dfnas.runtime.errors import InputError
from dfnas.runtime.files import existing, write_bytes

SIGNATURE = b"\x89PNG\r\n\x1a\n"
KEYWORD = "dfnas"
HEAD = KEYWORD.encode() + b"\0\0\0\0\0"
"""Of the text's chunk: keyword, not compressed, no language, no translated keyword."""


def write_picture(path: Path, png: bytes, provenance: Mapping[str, Any]) -> None:
    """Writes a PNG picture with its provenance."""
    body, end = png[:-12], png[-12:]  # before the last chunk, IEND, which is empty
    assert end[4:8] == b"IEND", end
    content = b"iTXt" + HEAD + json.dumps(dict(provenance), ensure_ascii=False).encode()
    size, check = (number.to_bytes(4, "big") for number in (len(content) - 4, zlib.crc32(content)))
    write_bytes(path, body + size + content + check + end)


def picture_provenance(path: Path) -> dict[str, Any]:
    """What `write_picture` wrote beside the picture; nothing if there is none.

    Raises:
        InputError: no such file, no PNG, or one that does not pass its own checks.
    """
    chunks = list(_chunks(path))  # all are checked before one is believed
    told = [content for kind, content in chunks if kind == b"iTXt" and content.startswith(HEAD)]
    return json.loads(told[0][len(HEAD) :]) if told else {}


def _chunks(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of every chunk, each checked."""
    png = existing(path).read_bytes()
    if not png.startswith(SIGNATURE):
        raise InputError(f"{path} is no PNG picture")
    place, kind = len(SIGNATURE), b""
    while place < len(png):
        size = int.from_bytes(png[place : place + 4], "big")
        kind, content = png[place + 4 : place + 8], png[place + 8 : place + 8 + size]
        check = png[place + 8 + size : place + 12 + size]
        if len(check) < 4 or zlib.crc32(kind + content) != int.from_bytes(check, "big"):
            raise InputError(f"{path} is damaged: bad checksum of its chunk {kind!r}")
        yield kind, content
        place += 12 + size
    if kind != b"IEND":
        raise InputError(f"{path} is damaged: it has no end")
