"""Our inversion beside the published CIFAR-10 loop of DeepInversion, on one teacher, in one run, on the same cores.

The peer's own file runs from a checkout that you bring (github.com/NVlabs/DeepInversion); only its words for the
device are replaced, where there is no GPU. Both invert the ResNet-20 of DFNAS_DATA; a ResNet-56 verifies.

    python benchmarks/inversion_peer.py speed   --peer /path/to/DeepInversion --threads 2
    python benchmarks/inversion_peer.py quality --peer /path/to/DeepInversion --threads 2 --seeds 0 1 2
"""

import argparse
import collections
import os
import random
import statistics
import sys
import tempfile
import time
import types
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from dfnas.runtime.files import load_archive
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.synthesis.inversion import Inversion, to_uint8
from dfnas.synthesis.labels import balanced_classes, one_hot
from dfnas.synthesis.regions import center
from dfnas.teacher import Teacher, TeacherSpec, assemble, find_state_dict

BATCH, CLASSES = 256, 10
CHECKPOINTS = {20: "resnet20-12fca82f.th", 56: "resnet56-4bfd9763.th"}
# The preset's settings, but for the number of steps and the resolution stage, which the budget decides.
OURS = {
    "batch_size": BATCH,
    "canvas_margin": 4,
    "lr": 0.5,
    "warmup_steps": 10,
    "feature_scale": "relative",
    "feature_weight": 30.0,
    "feature_first_multiplier": 1.0,
    "tv_weight": 1e-4,
    "l2_weight": 1e-5,
}
# The peer's defaults, but for the weight of its feature term: with its 100 this teacher's images stay at chance.
PEER = {"bn_reg_scale": 1.0, "var_scale": 2.5e-5, "l2_coeff": 0.0, "competitive_scale": 0.0}


def cifar_teacher(depth: int) -> Teacher:
    """A pre-trained CIFAR-10 ResNet of the data folder."""
    path = Path(os.environ["DFNAS_DATA"]) / "teachers" / CHECKPOINTS[depth]
    spec = TeacherSpec(
        "dfnas.cifar_resnet:cifar_resnet",
        {"depth": depth},
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    )
    return assemble(spec, find_state_dict(load_archive(path), str(path)), str(path))


def peer_loop(checkout: Path) -> Callable[[nn.Module, int, int], torch.Tensor]:
    """The peer's `get_images` as (network, iterations, seed) -> images in normalised space (B, 3, 32, 32)."""
    folder = checkout / "cifar10"
    text = (folder / "deepinversion_cifar10.py").read_text()
    text = text.replace("'cuda'", "'cpu'").replace(".cuda()", "").replace("debug_output = True", "debug_output = False")
    sys.path.insert(0, str(folder))
    module = types.ModuleType("peer")
    exec(compile(text, "deepinversion_cifar10.py", "exec"), module.__dict__)

    def images(network: nn.Module, iterations: int, seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        random.seed(seed)
        inputs = torch.randn((BATCH, 3, 32, 32), requires_grad=True)
        optimizer = torch.optim.Adam([inputs], lr=0.1)
        optimizer.state = collections.defaultdict(dict)
        here = Path.cwd()
        with tempfile.TemporaryDirectory() as scratch:
            os.chdir(scratch)  # it writes pictures into folders that it expects to be there
            Path("best_images").mkdir()
            try:
                result = module.get_images(
                    network,
                    BATCH,
                    iterations,
                    net_student=network,
                    prefix="",
                    optimizer=optimizer,
                    inputs=inputs,
                    **PEER,
                )
            finally:
                os.chdir(here)
        for layer in network.modules():
            layer._forward_hooks.clear()  # it never removes its own
        return result.detach()

    return images


def our_inversion(teacher: Teacher, steps: int, seed: int, precision: str) -> Inversion:
    """Our inversion of one batch over some steps, all at full resolution."""
    settings = InvertTeacherSettings.parse({**OURS, "stages": [{"steps": steps}], "seed": seed, "precision": precision})
    targets = one_hot(balanced_classes(BATCH, 0, CLASSES, seed), CLASSES)
    return Inversion(teacher, targets, settings, generation=0, batch=0)


def speed(peer: Callable, iterations: int, rounds: int) -> None:
    """Seconds per iteration, the three in turn, and the ratios round by round."""
    trainable = cifar_teacher(20).network.requires_grad_(True)  # as the peer loads it
    teacher = cifar_teacher(20)
    runs = {p: our_inversion(teacher, (rounds + 1) * iterations + 20, 0, p) for p in ("float32", "bfloat16")}
    works = {"peer": lambda: peer(trainable, iterations, 0)}
    works |= {f"ours {p}": lambda run=run: run.advance(iterations) for p, run in runs.items()}
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + 1):
        for name, work in works.items():
            begun = time.perf_counter()
            work()
            if turn:  # the first round warms up
                seconds[name].append((time.perf_counter() - begun) / iterations)
    for name, times in seconds.items():
        ratios = [p / t for p, t in zip(seconds["peer"], times, strict=True)]
        print(
            f"{name}: {statistics.median(times):.4f} s per iteration, {statistics.median(ratios):.2f} x the peer's rate"
        )


@torch.no_grad()
def judged(pixels: torch.Tensor, classes: torch.Tensor, verifier: Teacher) -> str:
    """Agreement of the verifier with the target, and diversity of its features: mean pairwise cosine distance and
    Vendi score (Friedman and Dieng 2023)."""
    features: list[torch.Tensor] = []
    hook = verifier.network.linear.register_forward_pre_hook(lambda module, inputs: features.append(inputs[0]))
    agreement = (verifier(pixels).argmax(1) == classes).double().mean().item()
    hook.remove()
    unit = nn.functional.normalize(features[0], dim=1).double()
    kernel = unit @ unit.T
    distance = (1 - kernel).sum().item() / (len(unit) * (len(unit) - 1))
    vendi = torch.special.entr(torch.linalg.eigvalsh(kernel / len(unit)).clamp_min(0)).sum().exp().item()
    return f"agreement {agreement:.3f}, cosine distance {distance:.3f}, Vendi {vendi:.2f}"


def quality(peer: Callable, iterations: int, seeds: list[int], precision: str) -> None:
    """The peer's images after its iterations, and ours after a third and all of the same time."""
    verifier, teacher = cifar_teacher(56), cifar_teacher(20)
    trainable = cifar_teacher(20).network.requires_grad_(True)
    for seed in seeds:
        begun = time.perf_counter()
        images = peer(trainable, iterations, seed)
        budget = time.perf_counter() - begun
        classes = torch.tensor([*range(CLASSES)] * 25 + [*range(6)])
        pixels = (images * verifier.std + verifier.mean).clamp(0, 1)
        print(f"seed {seed}, peer, {iterations} iterations, {budget:.0f} s: {judged(pixels, classes, verifier)}")
        probe = our_inversion(teacher, 20, seed, precision)
        probe.advance(4)
        begun = time.perf_counter()
        probe.advance(12)
        step_s = (time.perf_counter() - begun) / 12
        for share in (1 / 3, 1):
            steps = int(budget * share / step_s)
            begun = time.perf_counter()
            run = our_inversion(teacher, steps, seed, precision)
            pixels = center(to_uint8(run.run()), (32, 32)).float() / 255
            taken = time.perf_counter() - begun
            classes = balanced_classes(BATCH, 0, CLASSES, seed)
            verdict = judged(pixels, classes, verifier)
            print(
                f"seed {seed}, ours {precision}, {steps} steps, {taken:.0f} s ({taken / budget:.2f} of it): {verdict}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figure", choices=("speed", "quality"))
    parser.add_argument("--peer", type=Path, required=True, help="checkout of DeepInversion")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--iterations", type=int, default=200, help="of the peer for quality; per round for speed")
    parser.add_argument("--rounds", type=int, default=5, help="for speed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="for quality")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32", help="of ours, for quality")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    peer = peer_loop(options.peer.resolve())
    if options.figure == "speed":
        speed(peer, options.iterations, options.rounds)
    else:
        quality(peer, options.iterations, options.seeds, options.precision)


if __name__ == "__main__":
    main()
