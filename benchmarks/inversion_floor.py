"""What an inversion step costs above its floor: a bare forward pass and a backward pass to the input.

The floor has no losses but the sum of the logits, no regularisers, no optimiser, frozen weights, and channels-last
tensors. Both are timed in turn in one run, so that other load on the machine falls on both alike.

    python benchmarks/inversion_floor.py --batch 256 --size 32 --depth 20 --threads 1
"""

import argparse
import statistics
import time
from collections.abc import Callable

import torch

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.settings.invert_teacher import InvertTeacherSettings, ResolutionStage
from dfnas.synthesis.inversion import Inversion
from dfnas.synthesis.inversion_targets import first_targets
from dfnas.synthesis.objective import Objective


def seconds(device: torch.device, work: Callable[[], None]) -> float:
    """Wall time of one call, the device's work included."""
    begun = time.perf_counter()
    work()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=256, help="images")
    parser.add_argument("--size", type=int, default=32, help="side of the teacher's input, pixels")
    parser.add_argument("--margin", type=int, default=4, help="canvas margin, pixels")
    parser.add_argument("--depth", type=int, default=20, help="layers of the CIFAR ResNet, 6n + 2")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads")
    parser.add_argument("--steps", type=int, default=20, help="timed pairs")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="of the teacher")
    parser.add_argument("--compile", choices=("never", "always"), default="never")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    device = torch.device(options.device)
    spec = TeacherSpec(size=(options.size, options.size))
    teacher = Teacher(spec, cifar_resnet(options.depth)).to(device)
    settings = InvertTeacherSettings(
        batch_size=options.batch,
        stages=(ResolutionStage(steps=options.steps + 2),),
        warmup_steps=1,
        canvas_margin=options.margin,
        precision=options.precision,
        compile=options.compile,
    )
    _, targets = first_targets(settings, 0, spec.classes)
    inversion = Inversion(Objective(teacher, settings), targets, generation=0, batch=0)
    images = torch.randn(options.batch, 3, options.size, options.size, device=device)
    images = images.contiguous(memory_format=torch.channels_last).requires_grad_()

    def floor() -> None:
        with torch.autocast(device.type, torch.bfloat16, enabled=options.precision == "bfloat16"):
            logits = teacher.network(images)
        torch.autograd.grad(logits.float().sum(), images)

    def step() -> None:
        inversion.advance(1)

    for work in (floor, step, floor, step):
        work()
    pairs = [(seconds(device, floor), seconds(device, step)) for _ in range(options.steps)]
    floor_s, step_s = (statistics.median(column) for column in zip(*pairs, strict=True))
    share = statistics.median(bare / full for bare, full in pairs)
    print(f"device {options.device}, threads {options.threads}, {options.precision}, torch {torch.__version__}")
    print(f"cifar_resnet({options.depth}), batch {options.batch}, {options.size} px, median of {options.steps} pairs")
    print(f"floor {floor_s:.4f} s, step {step_s:.4f} s, floor / step {share:.3f}")


if __name__ == "__main__":
    main()
