"""Whether a zip archive, in which torch keeps tensors and programs, is whole: torch itself reads past flipped bits."""

import zipfile
from pathlib import Path

from dfnas.runtime.errors import InputError, reason

FOLDER = 0x10
"""The attribute of a folder, which no checksum covers. torch reads a file that has it as zeros."""


def check_archive(path: Path, mend: str) -> None:
    """Tests all checksums of a zip archive. A file that is none passes: torch has older formats.

    Args:
        mend: what to do about a file that does not pass.

    Raises:
        InputError: a member is damaged, or claims to be larger than the file.
    """
    size = path.stat().st_size
    claimed, damaged = 0, None
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                members = archive.infolist()
                claimed = sum(member.file_size for member in members)
                folders = [member.filename for member in members if member.external_attr & FOLDER]
                damaged = next(iter(folders), None) or (archive.testzip() if claimed <= size else None)
    except Exception as error:  # whatever the broken bytes lead it to
        raise InputError(f"{path} is damaged: {reason(error)}; {mend}") from error
    if claimed > size:
        raise InputError(f"{path} claims to hold {claimed} bytes in a file of {size}; {mend}")
    if damaged:
        raise InputError(f"{path} is damaged: bad checksum or entry of {damaged}; {mend}")
