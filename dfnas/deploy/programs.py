"""A network as a program that runs without dfnas: an ONNX graph, and a program of `torch.export`.

Both are traced once, with a batch of any size, and hold no trace of where and from which lines they were made: the
same network gives the same bytes with the same versions of torch and onnxscript.

Shapes: B batch, C channels, H W input, K classes.
"""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch.export import Dim, ExportedProgram

from dfnas.deploy.network import KEY, DeployedNetwork
from dfnas.runtime.errors import InputError, reason
from dfnas.runtime.packages import required

INPUT, OUTPUT = "images", "logits"
OPSET = 18
"""Of ONNX: the oldest that torch writes without conversion, known to all runtimes since 2023."""
SOURCES = ("stack_trace", "nn_module_stack", "source_fn_stack", "torch_fn")
"""What tracing notes of each operation: files, lines and modules of this machine."""

Run = Callable[[torch.Tensor], torch.Tensor]
"""Images (B, C, H, W) to logits (B, K)."""


def trace(network: DeployedNetwork, shape: tuple[int, ...]) -> ExportedProgram:
    """The program of a network on the CPU, for batches of any size.

    Args:
        shape: (C, H, W) of an image.

    Raises:
        InputError: a network of the user's whose control flow cannot be traced.
    """
    batch = torch.zeros(2, *shape)  # of a batch of one torch takes the size for fixed
    try:
        program = torch.export.export(network, (batch,), dynamic_shapes=({0: Dim("batch")},))
    except Exception as error:  # whatever the network's own code leads to
        raise InputError(f"the network cannot be exported by torch.export: {reason(error)}") from error
    for node in program.graph.nodes:
        for name in SOURCES:
            node.meta.pop(name, None)
    return program


def to_pt2(program: ExportedProgram, provenance: Mapping[str, Any] | None = None) -> bytes:
    """The file that `torch.export.load` reads.

    Args:
        provenance: kept in it as JSON, in the extra file `dfnas`.
    """
    content = io.BytesIO()
    torch.export.save(program, content, extra_files={KEY: json.dumps(provenance)} if provenance else None)
    return content.getvalue()


def to_onnx(program: ExportedProgram, provenance: Mapping[str, Any] | None = None) -> bytes:
    """The ONNX model, with `images` (B, C, H, W) in and `logits` (B, K) out.

    Args:
        provenance: kept in it as JSON, under the key `dfnas` of its metadata.

    Raises:
        InputError: the packages for it are missing, or the network has an operation that ONNX does not know.
    """
    required("onnxscript", "deploy", "an ONNX model")
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass

    try:
        model = torch.onnx.export(
            program,
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: "batch"},),
            opset_version=OPSET,
            verbose=False,
        )
    except Exception as error:  # an operation that is not known ends in many ways
        raise InputError(f"the network cannot be exported to ONNX: {reason(error)}") from error
    assert model is not None, "the exporter by dynamo gives a model"
    ClearMetadataAndDocStringPass()(model.model)
    if provenance:
        model.model.metadata_props[KEY] = json.dumps(provenance)
    return model.model_proto.SerializeToString()


def from_pt2(content: bytes) -> Run:
    """What `to_pt2` wrote, loaded."""
    return torch.export.load(io.BytesIO(content)).module()


def from_onnx(content: bytes) -> Run:
    """What `to_onnx` wrote, in ONNX Runtime on the CPU. Raises InputError if that is not installed."""
    runtime = required("onnxruntime", "deploy", "running an ONNX model")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    return lambda images: torch.from_numpy(session.run([OUTPUT], {INPUT: images.numpy()})[0])


@torch.no_grad()
def logits_of(run: Run, batches: Sequence[torch.Tensor]) -> torch.Tensor:
    """Logits (N, K) of N images in batches."""
    return torch.cat([run(batch) for batch in batches])


def deviation(logits: torch.Tensor, expected: torch.Tensor) -> float:
    """Largest difference of a logit, (N, K), as a share of the largest expected one; NaN where one is not a number."""
    scale = expected.abs().max().clamp_min(torch.finfo(expected.dtype).tiny)
    return ((logits - expected).abs().max() / scale).item()
