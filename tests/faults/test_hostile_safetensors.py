"""safetensors files made to harm: each is one line."""

import json
import struct

import pytest
from hostile import HUGE


def pretend(content: bytes, header: dict | bytes) -> bytes:
    """A safetensors file with another header."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + content


def tensor(shape: list, begin: int, end: int) -> dict:
    return {"dtype": "F32", "shape": shape, "data_offsets": [begin, end]}


SAFETENSORS = {
    "a header of 2^63 bytes": struct.pack("<Q", 2**63) + b"{}",
    "a header that is nested without end": pretend(b"", b"[" * 100_000),
    "a tensor of 10^12 elements": pretend(bytes(8), {"w": tensor([10**6, 10**6], 0, 4 * HUGE)}),
    "tensors that overlap": pretend(bytes(12), {"a": tensor([2], 0, 8), "b": tensor([2], 4, 12)}),
    "a tensor beyond the end": pretend(bytes(4), {"a": tensor([2], 0, 8)}),
    "metadata that describe nothing": pretend(b"", {"__metadata__": {"dfnas": "[1, 2]"}}),
    "metadata that are nested without end": pretend(b"", {"__metadata__": {"dfnas": "[" * 100_000}}),
}


@pytest.mark.parametrize("case", SAFETENSORS)
def test_a_hostile_safetensors_file(chain, refused, case):
    path = chain.folder / "model.safetensors"
    path.write_bytes(SAFETENSORS[case])
    refused("model_card", chain.model_card(), path)
    refused("import_teacher", chain.import_teacher(path), path)
