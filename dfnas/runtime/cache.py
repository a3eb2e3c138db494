"""A cache of artifacts that workflows share: what one has made, another takes instead of making it again.

It is a folder that the environment variable DFNAS_CACHE names; without it there is none. Each entry is a folder of its
own, named by a digest of all that determined its files: stage, settings, arguments, code, versions, kind of device, and
the digests of the inputs. An entry is written aside and renamed, so that it is whole or absent, and is never changed.
Every byte that is taken is checked against the digests that were recorded when it was put in.
"""

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from dfnas.runtime.errors import InputError, reason
from dfnas.runtime.files import atomic, read_json, write_json
from dfnas.runtime.paths import expanded

VARIABLE = "DFNAS_CACHE"
RECORD = "entry.json"
"""Of an entry: what determined its files, and their digests."""
PIECE_BYTES = 1 << 20


def cache_folder() -> Path | None:
    """The folder that the environment names, if it does. Raises InputError for a variable in it that is not set."""
    return Path(expanded(os.environ[VARIABLE], VARIABLE)) if os.environ.get(VARIABLE) else None


class CacheEntry:
    """What the cache has, or will have, of one unit of work.

    Args:
        folder: of the cache; None for none, which has nothing and keeps nothing.
        identity: everything that determines the files, as plain values.
        files: that the work leaves, the one by which it is known to be done first.
    """

    def __init__(self, folder: Path | None, identity: Mapping[str, Any], files: Sequence[Path]):
        self.identity = json.loads(json.dumps(identity, default=str))
        key = hashlib.sha256(json.dumps(self.identity, sort_keys=True).encode()).hexdigest()
        self.path = folder and folder / key[:2] / key
        self.files = {f"{place}{path.suffix}": path for place, path in enumerate(files)}

    def recall(self) -> bool:
        """Puts the files in place, if the cache has them, and says whether it has. An entry that is damaged is told on
        standard error and thrown away: the work is then done and put in anew."""
        if self.path is None or not self.path.is_dir():
            return False
        try:
            recorded = read_json(self.path / RECORD).get("files")
            if not isinstance(recorded, dict):
                raise InputError(f"{RECORD} names no files")
            with ExitStack() as stack:  # renames in reverse order: the first file comes last
                for name, path in self.files.items():
                    place = stack.enter_context(atomic(path))
                    if self._copied(self.path / name, place) != recorded.get(name):
                        raise InputError(f"{name} is not what was put in")
        except InputError as error:
            shutil.rmtree(self.path, ignore_errors=True)
            kept = f", and {self.path} cannot be removed: delete it" if self.path.exists() else ""
            _tell(f"{self.path} is damaged ({reason(error)}); it is made anew{kept}")
            return False
        _tell(f"taken from the cache: {self.path}")
        return True

    def keep(self) -> None:
        """Puts the files in. Where that fails they are not lost, and the reason is told on standard error."""
        if self.path is None:
            return
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=self.path.parent, prefix=".new-", ignore_cleanup_errors=True) as aside:
                entry = Path(aside) / "entry"
                entry.mkdir()
                recorded = {}
                for name, path in self.files.items():
                    with atomic(entry / name) as place:
                        recorded[name] = self._copied(path, place)
                write_json(entry / RECORD, {"identity": self.identity, "files": recorded})
                os.rename(entry, self.path)
        except (OSError, InputError) as error:
            if not self.path.is_dir():  # or another job was quicker
                _tell(f"{self.path} cannot be kept: {getattr(error, 'strerror', None) or error}; nothing else is wrong")

    @staticmethod
    def _copied(source: Path, target: Path) -> str:
        """The SHA-256 of what was copied. Raises InputError where the source cannot be read."""
        total = hashlib.sha256()
        with open(target, "wb") as out:
            for piece in _pieces(source):
                total.update(piece)
                out.write(piece)
        return total.hexdigest()


def _pieces(path: Path) -> Iterator[bytes]:
    try:
        with open(path, "rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece
    except OSError as error:
        raise InputError(f"{path.name}: {error.strerror or error}") from error


def _tell(story: str) -> None:
    print(f"cache: {story}", file=sys.stderr, flush=True)
