"""What an artifact says of what made it, whatever its format, and whether it passes the checks of its format."""

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from dfnas.artifacts.picture import picture_provenance
from dfnas.artifacts.provenance import Provenance
from dfnas.dataset.format import KINDS, opened
from dfnas.deploy import network
from dfnas.deploy.network import KEY
from dfnas.runtime.errors import InputError, reason, rebuild
from dfnas.runtime.files import existing, load_archive, read_json
from dfnas.runtime.packages import required
from dfnas.runtime.zip_archives import check_archive


def provenance_of(path: Path) -> Provenance | None:
    """What an artifact says of what made it; None where its format has no place for that, or where it was written by
    hand.

    Raises:
        InputError: the file does not pass the checks that its format has, or says something else. Texts have no check
            but to be text.
    """
    if path.suffix in TEXTS:
        try:
            existing(path).read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"{path} is damaged: {error}") from error
    said = READERS[path.suffix](path) if path.suffix in READERS else None
    if not said:
        return None
    return Provenance.of(json.loads(json.dumps(said)), path, "provenance")  # tuples as lists, whatever the format


def _of_hdf5(path: Path) -> Any:
    for kind in KINDS:
        try:
            with opened(path, kind) as (_, attributes):
                return attributes.get("provenance")
        except InputError as error:
            story = error
    raise story


def _of_archive(path: Path) -> Any:
    archive = load_archive(path)
    return archive.get("provenance") if isinstance(archive, Mapping) else None


def _of_json(path: Path) -> Any:
    return read_json(path, by_hand=True).get("provenance")


def _of_safetensors(path: Path) -> Any:
    return network.read(existing(path).read_bytes(), str(path))[1]["provenance"]


def _of_program(path: Path) -> Any:
    check_archive(existing(path), rebuild(path))
    try:
        with zipfile.ZipFile(path) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith(f"extra/{KEY}"))
            return json.loads(archive.read(name))
    except (ValueError, RecursionError, zipfile.BadZipFile) as error:
        raise InputError(f"{path} is damaged or no program of dfnas: {reason(error)}") from error


def _of_onnx(path: Path) -> Any:
    onnx = required("onnx", "deploy", str(path))
    try:
        model = onnx.load_model_from_string(existing(path).read_bytes())
        onnx.checker.check_model(model)
        return json.loads({entry.key: entry.value for entry in model.metadata_props}[KEY])
    except Exception as error:  # whatever the broken bytes lead it to
        raise InputError(f"{path} is damaged or no ONNX model of dfnas: {reason(error)}") from error


TEXTS = (".csv", ".md", ".tex", ".html", ".rst", ".tsv", ".log")
READERS: dict[str, Callable[[Path], Any]] = {
    ".h5": _of_hdf5,
    ".pt": _of_archive,
    ".json": _of_json,
    ".png": picture_provenance,
    ".safetensors": _of_safetensors,
    ".pt2": _of_program,
    ".onnx": _of_onnx,
}
"""By the end of a file's name, what reads its provenance. All checksums of the format are tested by the way."""
