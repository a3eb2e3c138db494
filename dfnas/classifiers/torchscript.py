"""A plain module out of a TorchScript file, with the same logits.

The modules inside a ScriptModule take no hooks, so that the statistics of its BatchNorm layers could not be compared.
The script is frozen to one graph of torch operations, which runs here node by node; every `aten::batch_norm` becomes
a BatchNorm module. A TorchScript file is a program of torch's own interpreter and cannot reach Python.

Shapes: B batch, C channels, H W input, K classes.
"""

import io
import operator
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from dfnas.runtime.errors import InputError, reason

REMEDY = "export it with torch.jit.trace(network.eval(), images)"
# Of nodes that are no tensor operations: constructors, and steps of traced shapes.
PYTHON: dict[str, Callable[..., Any]] = {
    "prim::ListConstruct": lambda *values: list(values),
    "prim::TupleConstruct": lambda *values: values,
    "prim::ListUnpack": tuple,
    "prim::TupleUnpack": tuple,
    "prim::NumToTensor": lambda value: torch.tensor(value, device="cpu"),
    "prim::device": lambda tensor: tensor.device,
    "prim::dtype": lambda tensor: tensor.dtype,
    "aten::append": lambda values, value: [*values, value],
    "aten::__getitem__": operator.getitem,
    "aten::len": len,
    "aten::format": lambda *values: "",  # of the errors of checks, which are left out
    "aten::Int": int,
    "aten::Float": float,
    "aten::Bool": bool,
    "aten::IntImplicit": int,
    "aten::FloatImplicit": float,
    "aten::ScalarImplicit": lambda tensor: tensor.item(),
}
UNPACKING = ("prim::ListUnpack", "prim::TupleUnpack")
IGNORED = ("prim::RaiseException", "aten::warn")
UNRESOLVED = object()
"""Stands for what depends on control flow; only conditions of checks, which are left out, may."""
REFUSED = ("aten::save", "aten::from_file")


@dataclass(frozen=True)
class Step:
    """One node: `results = call(*inputs, **named)`, all by their names in the graph."""

    call: Callable[..., Any] | str
    """An operation, or the name of a BatchNorm module."""
    inputs: tuple[str, ...]
    named: dict[str, str]
    results: tuple[str, ...]
    several: bool
    """Whether it gives a tuple of results."""
    finished: list[str] = field(default_factory=list)
    """Values that no later step needs."""


class ScriptNetwork(nn.Module):
    """The network in a TorchScript file: (B, C, H, W) to what the script returns.

    Args:
        content: bytes of the file.
        images: (B, C, H, W), an input that the script takes.
        where: names the file in complaints.

    Raises:
        InputError: not TorchScript, or a program that is more than a graph of torch operations.
    """

    def __init__(self, content: bytes, images: torch.Tensor, where: str):
        super().__init__()
        graph = _frozen_graph(content, where)
        names = [value.debugName() for value in graph.inputs()]
        if len(names) != 2:  # the module and its input
            raise InputError(f"{where} takes {len(names) - 1} inputs, expected one, the images")
        self.weights, self.norms = nn.ParameterDict(), nn.ModuleDict()
        self._keys: dict[str, str] = {}  # of `weights` and buffers, by the names in the graph
        self._input, self._output = names[1], next(graph.outputs()).debugName()
        self._constants: dict[str, Any] = {}
        self._steps: list[Step] = []
        self._where = where
        with torch.no_grad():
            values = {names[1]: images}
            self._translate(graph, values)
        if values.get(self._output) is UNRESOLVED:
            raise self._branches()
        self._note_last_uses()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        values = self._with_constants({self._input: images})
        for step in self._steps:
            self._run(step, values)
            for name in step.finished:
                del values[name]
        return values[self._output]

    def _with_constants(self, values: dict[str, Any]) -> dict[str, Any]:
        device = values[self._input].device
        for name, value in self._constants.items():
            values[name] = device if isinstance(value, torch.device) else value
        for name, key in self._keys.items():
            values[name] = self.weights[key] if key in self.weights else self.get_buffer(key)
        return values

    def _run(self, step: Step, values: dict[str, Any]) -> None:
        call = self.norms[step.call] if isinstance(step.call, str) else step.call
        result = call(*(values[name] for name in step.inputs), **{k: values[name] for k, name in step.named.items()})
        if step.several:
            values.update(zip(step.results, result, strict=True))
        elif step.results:
            values[step.results[0]] = result

    def _translate(self, block: Any, values: dict[str, Any]) -> None:
        """Steps of the nodes of a block, each run once: the rank of its input tells the kind of a BatchNorm."""
        for node in block.nodes():
            kind = node.kind()
            if kind == "prim::Constant":
                self._keep_constant(node, values)
            elif kind == "prim::If":
                self._pass_branches(node, values)
            elif kind not in IGNORED:
                step = self._norm(node, values) if kind == "aten::batch_norm" else self._step(node)
                if any(values[name] is UNRESOLVED for name in step.inputs):
                    raise self._branches()
                self._steps.append(step)
                try:
                    self._run(step, values)
                except Exception as error:  # whatever an input that does not fit leads an operation to
                    shape = " x ".join(map(str, values[self._input].shape[1:]))
                    raise InputError(
                        f"{self._where} does not take images of {shape}: {kind}: {reason(error)}; "
                        f"set the size and channels that it was made for, or {REMEDY}"
                    ) from error

    def _keep_constant(self, node: Any, values: dict[str, Any]) -> None:
        name = node.output().debugName()
        value = node.output().toIValue()
        if isinstance(value, torch.Tensor):
            key = self._keys[name] = f"{len(self._keys)}_{name.replace('.', '_')}"
            if value.is_floating_point():
                self.weights[key] = nn.Parameter(value.clone(), requires_grad=False)
            else:
                self.register_buffer(key, value.clone())
        else:
            self._constants[name] = value
        values[name] = value

    def _pass_branches(self, node: Any, values: dict[str, Any]) -> None:
        """Takes the other branch of a check that raises an error; torch's operations check their input themselves."""
        going_on = [block for block in node.blocks() if not _raises(block)]
        if len(going_on) != 1:
            if not all(_is_pure(block) for block in node.blocks()):
                raise self._branches()
            values.update({value.debugName(): UNRESOLVED for value in node.outputs()})
            return
        self._translate(going_on[0], values)
        for outer, inner in zip(node.outputs(), going_on[0].outputs(), strict=True):
            step = Step(lambda value: value, (inner.debugName(),), {}, (outer.debugName(),), False)
            self._steps.append(step)
            self._run(step, values)

    def _branches(self) -> InputError:
        return InputError(f"{self._where} has control flow that freezing does not resolve; {REMEDY}")

    def _norm(self, node: Any, values: dict[str, Any]) -> Step:
        inputs = [value.debugName() for value in node.inputs()]
        scale, shift, mean, variance, training, momentum, eps = (values[name] for name in inputs[1:8])
        if training or not isinstance(mean, torch.Tensor):
            raise InputError(f"{self._where} was saved in training mode; call eval() before the export")
        kind = nn.BatchNorm2d if values[inputs[0]].ndim == 4 else nn.BatchNorm1d
        norm = kind(len(mean), eps=eps, momentum=momentum, affine=scale is not None)
        state = {"running_mean": mean, "running_var": variance, "weight": scale, "bias": shift}
        norm.load_state_dict({k: v for k, v in state.items() if v is not None}, strict=False)
        key = str(len(self.norms))
        self.norms[key] = norm.eval()
        return Step(key, (inputs[0],), {}, (node.output().debugName(),), False)

    def _step(self, node: Any) -> Step:
        kind = node.kind()
        inputs = tuple(value.debugName() for value in node.inputs())
        results = tuple(value.debugName() for value in node.outputs())
        if kind == "aten::append":  # changes its list, as nothing here does: the list is a new one from now on
            results = inputs[:1]
        if kind in PYTHON:
            return Step(PYTHON[kind], inputs, {}, results, kind in UNPACKING)
        if kind in ("prim::GetAttr", "prim::SetAttr"):
            raise InputError(f"{self._where} changes as it runs, as if in training mode; call eval() before the export")
        library, _, name = kind.partition("::")
        if library != "aten" or kind in REFUSED or list(node.blocks()):
            raise InputError(f"{self._where} contains {kind}, which is no operation on tensors; {REMEDY}")
        schema = torch._C.parse_schema(node.schema())
        try:
            call = getattr(getattr(torch.ops.aten, name), schema.overload_name or "default")
        except (AttributeError, RuntimeError) as error:
            raise InputError(f"{self._where} contains {kind}, which this torch does not have; {REMEDY}") from error
        if len(schema.arguments) != len(inputs):
            raise InputError(f"{self._where} contains {kind}, which is no operation on tensors; {REMEDY}")
        takes = list(zip(schema.arguments, inputs, strict=True))
        placed = tuple(name for argument, name in takes if not argument.kwarg_only)
        named = {argument.name: name for argument, name in takes if argument.kwarg_only}
        return Step(call, placed, named, results, len(results) > 1)

    def _note_last_uses(self) -> None:
        """A value is let go after its last use, as a module's local variables are."""
        last = {name: step for step in self._steps for name in (*step.results, *step.inputs, *step.named.values())}
        for name, step in last.items():
            if name != self._output:
                step.finished.append(name)
        for name in [name for name, key in self._keys.items() if key in self.weights and name not in last]:
            del self.weights[self._keys.pop(name)]  # a BatchNorm has it


def named_weights(content: bytes) -> dict[str, torch.Tensor]:
    """The weights of a TorchScript file, as far as it still has any by name; none where it cannot be read."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as below
        try:
            return dict(torch.jit.load(io.BytesIO(content), map_location="cpu").state_dict())
        except RuntimeError:  # which reading the network says better
            return {}


def _frozen_graph(content: bytes, where: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, which its reader need not hear
        try:
            script = torch.jit.load(io.BytesIO(content), map_location="cpu").float().eval()
            if hasattr(script, "training"):  # not frozen yet
                script = torch.jit.freeze(script, optimize_numerics=False)  # which would fold BatchNorm away
        except Exception as error:  # torch raises whatever the bytes lead it to
            raise InputError(f"{where} cannot be loaded as a TorchScript file: {reason(error)}") from error
    return script.graph


def _is_pure(block: Any) -> bool:
    """Whether nothing that a block computes is felt outside but its results."""
    nodes = list(block.nodes())
    changing = any(node.kind() == "aten::append" or node.kind().endswith("_") for node in nodes)
    return not changing and all(_is_pure(inner) for node in nodes for inner in node.blocks())


def _raises(block: Any) -> bool:
    return any(node.kind() == "prim::RaiseException" for node in block.nodes())
