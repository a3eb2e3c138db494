"""The inversion on a GPU: image-iterations a second and the share of the limit, for two teachers.

    python benchmarks/inversion_gpu.py --out benchmarks/results/inversion_gpu.json

ResNet-20 at 32 px and ResNet-50 at 224 px (random weights: times do not depend on them), each eager in float32 and
bfloat16, compiled, and compiled with CUDA graphs. The limit of each precision is the teacher's bare forward pass and
backward pass to the input, compiled the same way, weights frozen, channels-last. The paper's setting on ImageNet (2000
steps at half and 3000 at full resolution, batch 50) is extrapolated to GPU hours for 1000 images. Needs torch,
torchvision for ResNet-50 and what the package imports, no Snakemake. It also runs on a CPU, to be tried: --device cpu
--quick.
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import needed
import torch
import torch._inductor.config
from torch import nn

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.runtime.device import synchronize
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.synthesis.inversion import Inversion
from dfnas.synthesis.inversion_targets import first_targets
from dfnas.synthesis.objective import Objective


def resnet50() -> nn.Module:
    needed.require("torchvision")
    from torchvision.models import resnet50 as build  # the other tasks do without

    return build()


TASKS = {  # builder, classes, side, batch sizes
    "resnet20_32px": (lambda: cifar_resnet(20), 10, 32, (256, 1024, 4096)),
    "resnet50_224px": (resnet50, 1000, 224, (50, 200)),
}
TRIAL = {"resnet8_16px": (lambda: cifar_resnet(8), 10, 16, (2,))}
MODES = {  # precision, compiled, CUDA graphs
    "float32": ("float32", False, False),
    "bfloat16": ("bfloat16", False, False),
    "bfloat16 compiled": ("bfloat16", True, False),
    "bfloat16 compiled, graphs": ("bfloat16", True, True),
}


def seconds(device: torch.device, work: Callable[[], object], repeats: int) -> float:
    """Median time of one call, the device's work included; the first three calls warm up."""
    times = []
    for _ in range(repeats + 3):
        begun = time.perf_counter()
        work()
        synchronize(device)
        times.append(time.perf_counter() - begun)
    return statistics.median(times[3:])


def floor_work(teacher: Teacher, batch: int, precision: str, compile: bool) -> Callable[[], object]:
    """A bare forward pass and backward pass to the input."""
    spec, device = teacher.spec, teacher.mean.device
    x = torch.randn(batch, spec.channels, *spec.size, device=device)
    x = x.contiguous(memory_format=torch.channels_last).requires_grad_()
    network = teacher.to(memory_format=torch.channels_last).network
    forward = torch.compile(network, dynamic=False) if compile else network

    def work() -> None:
        torch.compiler.cudagraph_mark_step_begin()
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16"):
            logits = forward(x)
        torch.autograd.grad(logits.float().sum(), x)

    return work


def measured(task: str, mode: str, batch: int, device: torch.device, repeats: int, limit: bool = True) -> dict:
    """Figures of one task, mode and batch size, and the share of the limit if that is wanted."""
    build, classes, side, _ = (TASKS | TRIAL)[task]
    precision, compile, graphs = MODES[mode]
    torch.compiler.reset()
    torch._inductor.config.triton.cudagraphs = graphs
    spec = TeacherSpec(
        builder="-", classes=classes, size=(side, side), mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)
    )
    teacher = Teacher(spec, build()).to(device)
    settings = InvertTeacherSettings.parse(
        {
            "batch_size": batch,
            "stages": [{"steps": 100000}],
            "canvas_margin": side // 8,
            "precision": precision,
            "compile": "always" if compile else "never",
        }
    )
    begun = time.perf_counter()
    run = Inversion(Objective(teacher, settings), first_targets(settings, 0, classes)[1], 0, 0)  # compiles
    steps = run.steps()

    def step() -> None:
        torch.compiler.cudagraph_mark_step_begin()  # what the graph gave is used up: its memory may be written anew
        next(steps)

    step()
    synchronize(device)
    first_s = time.perf_counter() - begun
    step_s = seconds(device, step, repeats)
    steps.close()
    figures = {"task": task, "mode": mode, "batch": batch, "first_s": first_s, "step_s": step_s}
    figures["image_iterations_per_s"] = batch / step_s
    if limit:
        limit_s = seconds(device, floor_work(teacher, batch, precision, compile), repeats)
        figures |= {"limit_s": limit_s, "share_of_limit": limit_s / step_s}
    if task == "resnet50_224px":
        # Half resolution costs a quarter of a full-resolution step, to a first approximation.
        figures["gpu_hours_per_1000_images"] = (2000 / 4 + 3000) * step_s * (1000 / batch) / 3600
    if device.type == "cuda":
        figures["peak_gb"] = torch.cuda.max_memory_allocated(device) / 2**30
        torch.cuda.reset_peak_memory_stats(device)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, default=list(TASKS))
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--quick", action="store_true", help="batch 2 and one repeat: does it run at all")
    parser.add_argument("--out", type=Path, required=True, help="JSON")
    options = parser.parse_args()
    device = torch.device(options.device)
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
    report = {"device": name, "torch": str(torch.__version__), "runs": []}
    for task in options.tasks:
        for batch in (2,) if options.quick else TASKS[task][3]:
            for mode in options.modes:
                try:
                    figures = measured(task, mode, batch, device, 1 if options.quick else options.repeats)
                except Exception as error:  # one mode that fails must not cost the others' figures
                    figures = {"task": task, "mode": mode, "batch": batch, "error": str(error).splitlines()[0]}
                report["runs"].append(figures)
                print(json.dumps(figures), flush=True)
                options.out.write_text(json.dumps(report, indent=2) + "\n")


if __name__ == "__main__":
    main()
