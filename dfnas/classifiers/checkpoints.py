"""Files with weights, of whatever program: torch archives with anything beside the weights, and safetensors.

No code from a checkpoint is ever run.
"""

import json
import re
import zipfile
from pathlib import Path
from typing import Any

from dfnas.runtime.errors import InputError, reason
from dfnas.runtime.files import existing, load_archive
from dfnas.runtime.packages import required
from dfnas.runtime.stand_ins import admitted, strangers

AGAIN = "get it again"
SIGNATURES = (
    (b"version https://git-lfs", "a pointer of Git LFS, not the file that it stands for: run git lfs pull"),
    (
        b"\x89HDF",
        'an HDF5 file (of Keras?), not weights of torch: save them with torch.save(network.state_dict(), "g")',
    ),
    (b"<", "a page of HTML or XML, not weights: download the file itself"),
    (b"\x1f\x8b", "compressed by gzip: unpack it"),
    (b"BZh", "compressed by bzip2: unpack it"),
    (b"\xfd7zXZ", "compressed by xz: unpack it"),
)
"""How files begin that are no checkpoints, and what to do about them."""
PICKLE, TORCH = b"\x80", (0x1950A86A20F9469CFC6C).to_bytes(10, "little")
"""How a pickle begins, and the number that torch.save begins one with."""
ANEW = 'torch.save(pickle.load(open("{}", "rb")), "weights.pt")'


def read_checkpoint(path: Path) -> Any:
    """What a file with weights holds: tensors and plain values, with stand-ins for all else
    (`dfnas.runtime.stand_ins`).

    Raises:
        InputError: no such file, damaged, of another format, or with weights that only code could rebuild.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder, expected a file of weights; {_of_a_folder(path)}")
    with open(existing(path), "rb") as file:
        start = file.read(64)
    if path.suffix == ".safetensors" or _begins_as_safetensors(start, path.stat().st_size):
        return _read_safetensors(path)
    if not start:
        raise InputError(f"{path} is empty; {AGAIN}")
    story = next((story for signature, story in SIGNATURES if start.startswith(signature)), None) or _of_parts(path)
    if start[:1] == PICKLE and TORCH not in start:
        story = f"a bare pickle, not of torch.save; where you trust it, save it anew: {ANEW.format(path)}"
    if story:
        raise InputError(f"{path} is {story}")
    kinds = strangers(path)
    while True:
        try:
            return load_archive(path, AGAIN, kinds)
        except InputError as error:
            more = admitted(error.__cause__, kinds)
            if not more:
                raise InputError(_advised(path, error)) from error
            kinds |= more


def is_torchscript(path: Path) -> bool:
    """Whether a file is a program of TorchScript."""
    return any(name.endswith("/constants.pkl") for name in _members(path))


def weights_alone(path: Path, key: str = '["state_dict"]') -> str:
    """How to save the weights of a file alone, as the end of a message.

    Args:
        key: what leads to them in the file.
    """
    command = f'torch.save(torch.load("{path}", weights_only=False){key}, "weights.pt")'
    return f"where you trust it, save its weights alone, by {command} or of another key, and set weights to that file"


def _advised(path: Path, error: InputError) -> str:
    """What to do about a file that does not load: one that is whole needs other advice than one that is damaged."""
    story, cause = str(error).removesuffix(f"; {AGAIN}"), str(error.__cause__)
    members = _members(path)
    pickled = any(name.endswith("/data.pkl") for name in members)
    if "holds a tensor that is not plain" in story:
        return f"{story}; {_made_plain(story)}"
    if "contains itself" in story:
        return f"{story}; {weights_alone(path)}"
    if "cannot be loaded" not in story:
        return str(error)
    if members and not pickled:
        return f"{path} is a zip archive, but not one of torch.save: {_of_zip(path, members)}"
    if "Only persistent_load" in cause:  # of the older format
        return f"{story}: it has a pickled module; {weights_alone(path, '.state_dict()')}"
    if pickled or "GLOBAL" in cause or "Can only" in cause:  # what torch.save wrote, and its reader does not take
        numbered = re.search(r"Unsupported operand \d+", cause)
        why = f"{story} (pickled by another protocol than torch.save's own)" if numbered else story
        return f"{why}; {weights_alone(path)}"
    return str(error)


def _made_plain(story: str) -> str:
    """What to do about tensors that are no plain arrays of numbers."""
    if "sparse" in story:
        return 'save them as torch.save({k: v.to_dense() for k, v in weights.items()}, "weights.pt")'
    if "meta" in story:
        return "they were saved without values; save the network anew, on the CPU"
    return "take the weights from before they were quantized"


def _members(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):  # none, or one that its reader says more of
        return []


def _of_zip(path: Path, names: list[str]) -> str:
    """What a zip archive without torch's pickle is, and what to do about it."""
    if all(name.endswith(".npy") for name in names):
        made = f'{{k: torch.from_numpy(v) for k, v in numpy.load("{path}").items()}}'
        return f'of NumPy; torch.save({made}, "weights.pt") makes it one'
    if any(name.endswith(("archive_format", "serialized_exported_program.json")) for name in names):
        return f'of torch.export; save torch.export.load("{path}").state_dict by torch.save'
    return "unpack it, and set weights to the file in it"


def _of_parts(path: Path) -> str | None:
    """What to do about a list of the parts that weights lie in, if the file is one."""
    if path.suffix != ".json":
        return None
    try:
        parts = set(json.loads(path.read_text(encoding="utf-8"))["weight_map"].values())
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return "JSON, not weights"
    load = "safetensors.torch.load_file" if path.name.endswith(".safetensors.index.json") else "torch.load"
    listed = f'parts = set(json.load(open("{path.name}"))["weight_map"].values())'
    joined = f'torch.save({{k: v for part in parts for k, v in {load}(part).items()}}, "weights.pt")'
    return f"a list of {len(parts)} parts that the weights lie in; join them, in its folder, by {listed}; {joined}"


def _of_a_folder(path: Path) -> str:
    if (path / ".metadata").is_file():
        return f"python -m torch.distributed.checkpoint.format_utils dcp_to_torch {path} weights.pt makes one of it"
    return "set weights to the file in it"


def _begins_as_safetensors(start: bytes, size: int) -> bool:
    """A length that the file has room for, and then the header in JSON."""
    return start[8:10] == b'{"' and int.from_bytes(start[:8], "little") <= size - 8


def _read_safetensors(path: Path) -> Any:
    safetensors = required("safetensors.torch", "timm", str(path))
    try:
        return safetensors.load_file(path)
    except Exception as error:  # what the broken bytes lead it to
        raise InputError(f"{path} is damaged or not a safetensors file: {reason(error)}; {AGAIN}") from error
