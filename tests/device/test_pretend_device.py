"""What dfnas does on a device, seen on one that is none: devices are not mixed, the host waits and sends only where it
must, results are near those of the CPU, and a GPU has a deterministic kernel for every operation.

Blind to: kernels, memory and streams of a real GPU, CUDA graphs, several processes, and calls of torch.cuda.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch

pytestmark = pytest.mark.slow
try:
    from torch.utils.backend_registration import _setup_privateuseone_for_python_backend  # noqa: F401
except ImportError:
    pytest.skip("this torch has no interface for devices that are written in Python", allow_module_level=True)

HERE = Path(__file__).parent


class Most(NamedTuple):
    """What one step may take."""

    operations: int
    """Without views. Most are launches of a kernel."""
    waits: int = 0
    """Of the host, for the device."""
    uploads: int = 0
    """Of those that are waited for."""
    difference: float = 1e-4
    """Between the results of the device and of the CPU: of tensors the root mean square."""


LIMITS = {
    "views": Most(24),
    "views, reflected, alternating, cutout": Most(51),
    "views, any size, jitter": Most(238),
    "inversion": Most(235),
    "inversion, own regions, kl, momentum": Most(303),
    "inversion, bfloat16": Most(269),
    "inversion, rival, leaves": Most(359, difference=2e-02),
    "inversion, crops of any size": Most(270),
    "inversion, rolled": Most(237),
    "training": Most(386),
    "training, bfloat16": Most(463, difference=1e-03),
    "training, mixed, averaged": Most(392),
    "training, the teacher's labels": Most(416),
    "training, streamed": Most(386),
    "fresh images": Most(493, 1),
    "darts": Most(4698),
    "darts, first order, published size": Most(7585),
    "darts, second order, edges": Most(5515),
    "darts, eigenvalue": Most(8842, 9, difference=1e-03),  # by finite differences, of sums in another order
    "darts, perturbation": Most(4348, 32),
    "darts on nasbench201": Most(2278),
    "darts on a user's space": Most(1379),
    "darts, ranked": Most(590, 8, 244),
    "proxyless, weights": Most(223, 1),
    "proxyless, weights and α": Most(571, 3),
    "proxyless, all gates, on darts": Most(1863, 2),
    "spos": Most(229),
    "spos, strict, the teacher's labels": Most(742),
    "spos, candidate": Most(449, 2),
    "spos, candidate, ranked, by loss": Most(981, 15, 290),
    "evolution": Most(343, 0, 122),
    "training-free": Most(267, 7, 115),
    "evaluation": Most(42),
    "labels": Most(42, 1),
    "quality": Most(341, 35, 1),
    "spos, streamed": Most(229),
    "evaluation, streamed": Most(42),
}

NOT_DETERMINISTIC = {
    *("adaptive_avg_pool2d_backward", "_adaptive_avg_pool2d_backward", "adaptive_max_pool2d_backward"),
    *("fractional_max_pool2d_backward", "max_unpool2d", "grid_sampler_2d_backward", "nll_loss_forward"),
    *(f"upsample_{kind}_backward" for kind in ("linear1d", "bilinear2d", "bicubic2d", "trilinear3d")),
    *(f"_upsample_{kind}_aa_backward" for kind in ("bilinear2d", "bicubic2d")),
    *(f"reflection_pad{rank}d_backward" for rank in (1, 2, 3)),
    *("nll_loss2d_forward", "_ctc_loss_backward", "_embedding_bag_backward", "put_", "put", "histc", "bincount"),
    *("median", "kthvalue", "scatter_reduce", "scatter_reduce_", "resize_"),
    *("avg_pool3d_backward", "max_pool3d_with_indices_backward", "fractional_max_pool3d_backward", "max_unpool3d"),
}
"""Operations without a deterministic form on a GPU, by torch's documentation of `use_deterministic_algorithms`."""
HARMLESS = {
    "bincount": "not deterministic with weights, which ours has none of",
    "nll_loss_forward": "of classes (N,), which one block adds up; the loss of whole pictures is meant",
}


def watch(out: Path, *arguments: str) -> dict[str, Any]:
    """What `watch.py` has seen, in a process of its own: a device is registered for all of a process."""
    environment = os.environ | {"PYTHONPATH": str(HERE.parents[1])}
    subprocess.run([sys.executable, HERE / "watch.py", out, *arguments], env=environment, check=True)
    return json.loads(out.read_text())


@pytest.fixture(scope="module")
def seen(tmp_path_factory) -> dict[str, Any]:
    if torch.backends.cpu.get_cpu_capability() == "AVX2":
        pytest.skip("torch's kernels for AVX2, by which this device computes, write past memory: see EveryOther")
    return watch(tmp_path_factory.mktemp("device") / "seen.json")


def test_every_loop_has_its_limits(seen):
    assert list(seen) == list(LIMITS)


@pytest.mark.parametrize("name", LIMITS)
def test_a_step(seen, name, say):
    loop, most = seen[name], LIMITS[name]
    assert loop["error"] is None, loop["trace"]
    assert loop["difference"] <= most.difference
    counts = loop["operations"], sum(loop["waits"].values()), sum(loop["uploads"].values())
    say(f"{name}: {counts[0]} operations, {counts[1]} waits, {counts[2]} uploads")
    assert all(count <= limit for count, limit in zip(counts, most, strict=False)), (counts, loop)


def met(seen) -> dict[str, list[str]]:
    """The loops of each operation."""
    loops: dict[str, list[str]] = {}
    for name, loop in seen.items():
        for operation in loop["met"]:
            loops.setdefault(operation, []).append(name)
    return loops


def has_kernel(operation: str) -> bool:
    return torch._C._dispatch_has_computed_kernel_for_dispatch_key(operation, "CUDA")


@pytest.mark.skipif(not has_kernel("aten::add.Tensor"), reason="a torch that was built without kernels for GPUs")
def test_a_gpu_has_a_kernel_for_every_operation(seen):
    assert not has_kernel("aten::mkldnn_linear"), "that one is of the CPU alone"
    assert {operation: names for operation, names in met(seen).items() if not has_kernel(operation)} == {}


def test_every_operation_has_a_deterministic_form(seen):
    names = {operation.removeprefix("aten::").split(".")[0]: loops for operation, loops in met(seen).items()}
    assert {name: loops for name, loops in names.items() if name in NOT_DETERMINISTIC - set(HARMLESS)} == {}


@pytest.mark.parametrize(
    ("bug", "sees"),
    [
        ("tensor", lambda loop: (loop["error"] or "").startswith("MixedDevicesError")),
        ("index", lambda loop: loop["uploads"] != {}),
        ("item", lambda loop: any("_local_scalar_dense" in wait for wait in loop["waits"])),
    ],
)
def test_a_planted_bug_is_seen(tmp_path, bug, sees):
    (loop,) = watch(tmp_path / "seen.json", "training", "--plant", bug).values()
    assert sees(loop), loop
