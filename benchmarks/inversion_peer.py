"""Our inversion beside the published CIFAR-10 loop of DeepInversion, on one teacher, in one run, on the same cores.

The peer's own file runs from a checkout that you bring (github.com/NVlabs/DeepInversion); only its words for the
device are replaced, where there is no GPU, and a line that notes the loss. Both invert the ResNet-20 of DFNAS_DATA;
its ResNet-56 verifies.

    python benchmarks/inversion_peer.py speed   --peer /path/to/DeepInversion
    python benchmarks/inversion_peer.py curve   --peer /path/to/DeepInversion
    python benchmarks/inversion_peer.py quality --peer /path/to/DeepInversion --seeds 0 1 2

speed    seconds per iteration of both, and of the floor: the teacher's bare forward pass and backward pass to the
         input, weights frozen, channels-last, in float32; the settings are ours with all terms on.
curve    the loss of both, iteration by iteration, with the peer's settings, its noise, and the same offsets.
quality  the verifier's agreement and the diversity of the images after the peer's iterations, and after ours in a
         third and in all of the time that these took.
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
from cifar_teachers import BATCH, CLASSES, DEEPINVERSION, SIZE, cifar_teacher, inversion, judged
from torch import nn

from dfnas.dataset.augment import center
from dfnas.runtime.seeds import generator
from dfnas.synthesis.inversion import to_uint8
from dfnas.synthesis.regions import RegionOperator

PEER_OPTIONS = {"bn_reg_scale": 1.0, "var_scale": 2.5e-5, "l2_coeff": 0.0, "competitive_scale": 0.0}


class Peer:
    """The peer's `get_images`, its random numbers, and its loss at every iteration of the latest run."""

    def __init__(self, checkout: Path):
        folder = checkout / "cifar10"
        text = (folder / "deepinversion_cifar10.py").read_text()
        text = text.replace("'cuda'", "'cpu'").replace(".cuda()", "")
        text = text.replace("debug_output = True", "debug_output = False")
        text = text.replace("        # backward pass\n", "        note(loss)\n")
        assert "note(loss)" in text
        sys.path.insert(0, str(folder))
        self._module = types.ModuleType("peer")
        exec(compile(text, "deepinversion_cifar10.py", "exec"), self._module.__dict__)
        self.losses: list[torch.Tensor] = []
        self._module.note = lambda loss: self.losses.append(loss.detach())

    def use_offsets(self, offsets: list[int] | None) -> None:
        """What its random offsets are, one after the other; its own random numbers again with None."""
        draw = iter(offsets or [])
        self._module.random = random if offsets is None else types.SimpleNamespace(randint=lambda a, b: next(draw))

    def images(self, network: nn.Module, iterations: int, seed: int) -> torch.Tensor:
        """Its images in normalised space (B, 3, 32, 32), for targets 0, 1, … 9, 0, 1, …"""
        torch.manual_seed(seed)
        random.seed(seed)
        self.losses = []
        inputs = torch.zeros((BATCH, 3, 32, 32), requires_grad=True)  # it fills in the noise itself
        optimizer = torch.optim.Adam([inputs], lr=0.1)
        optimizer.state = collections.defaultdict(dict)
        here = Path.cwd()
        with tempfile.TemporaryDirectory() as scratch:
            os.chdir(scratch)  # it writes pictures into folders that it expects to be there
            Path("best_images").mkdir()
            try:
                result = self._module.get_images(
                    network,
                    BATCH,
                    iterations,
                    net_student=network,
                    prefix="",
                    optimizer=optimizer,
                    inputs=inputs,
                    **PEER_OPTIONS,
                )
            finally:
                os.chdir(here)
        for layer in network.modules():
            layer._forward_hooks.clear()  # it never removes its own
        return result.detach()


def speed(peer: Peer, iterations: int, rounds: int) -> None:
    """Seconds per iteration, all in turn, and the ratios round by round."""
    trainable = cifar_teacher(20).network.requires_grad_(True)  # as the peer loads it
    teacher = cifar_teacher(20).to(memory_format=torch.channels_last)
    x = torch.randn(BATCH, 3, *SIZE).contiguous(memory_format=torch.channels_last).requires_grad_()
    stages = [{"steps": (rounds + 1) * iterations + 20}]
    works: dict[str, Callable[[], object]] = {
        "peer": lambda: peer.images(trainable, iterations, 0),
        "floor float32": lambda: [torch.autograd.grad(teacher.network(x).sum(), x) for _ in range(iterations)],
    }
    for precision in ("float32", "bfloat16"):
        for compile in ("never", "always"):
            begun = time.perf_counter()
            run, _ = inversion(teacher, stages=stages, precision=precision, compile=compile)  # compiles
            run.advance(1)
            name = f"ours {precision}{', compiled' if compile == 'always' else ''}"
            print(f"{name}: first iteration {time.perf_counter() - begun:.1f} s", flush=True)
            works[name] = lambda run=run: run.advance(iterations)
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(rounds + 1):
        for name, work in works.items():
            begun = time.perf_counter()
            work()
            if turn:  # the first round warms up
                seconds[name].append((time.perf_counter() - begun) / iterations)
    print("| loop | seconds an iteration (median, least) | times the peer's rate | share of the floor's rate |")
    print("| --- | --: | --: | --: |")
    for name, times in seconds.items():
        rate, share = (
            statistics.median(other / own for other, own in zip(seconds[base], times, strict=True))
            for base in ("peer", "floor float32")
        )
        print(f"| {name} | {statistics.median(times):.4f}, {min(times):.4f} | {rate:.2f} | {share:.2f} |")


def curve(peer: Peer, iterations: int, seed: int) -> None:
    """Both losses with the same settings, noise and offsets."""
    teacher = cifar_teacher(20)
    run, _ = inversion(teacher, **DEEPINVERSION, stages=[{"steps": iterations}], seed=seed)
    run._targets = nn.functional.one_hot(torch.arange(BATCH) % CLASSES, CLASSES).float()
    torch.manual_seed(seed)
    run.load_state_dict({**run.state_dict(), "canvas": torch.randn(BATCH, 3, *SIZE)})  # the peer's noise
    operator = RegionOperator(SIZE, "roll", reach=2)
    regions = [operator.draw(generator(seed, "inversion", 0, 0, "region", step))[0] for step in range(iterations)]
    peer.use_offsets([shift for region in regions for shift in (-region.top, -region.left)])
    peer.images(cifar_teacher(20).network.requires_grad_(True), iterations, seed)
    peer.use_offsets(None)
    run.advance(iterations)
    weights = torch.tensor([1.0, DEEPINVERSION["feature_weight"], DEEPINVERSION["tv_weight"], 0.0, 0.0])
    theirs, ours = torch.stack(peer.losses), run.history() @ weights
    gap = (ours - theirs).abs() / theirs
    print("| iteration | peer's loss | ours | relative difference |")
    print("| --: | --: | --: | --: |")
    for step in sorted({*range(10), *range(10, iterations, 10), iterations - 1}):
        print(f"| {step} | {theirs[step]:.4f} | {ours[step]:.4f} | {gap[step]:.1e} |")
    print(f"largest relative difference: first 10 iterations {gap[:10].max():.1e}, all {gap.max():.1e}")


def quality(peer: Peer, iterations: int, seeds: list[int], precision: str) -> None:
    """The peer's images after its iterations, and ours after a third and all of the same time."""
    verifier, teacher = cifar_teacher(56), cifar_teacher(20)
    trainable = cifar_teacher(20).network.requires_grad_(True)
    print("| seed | images of | iterations | seconds | share of that time | agreement | cosine distance | Vendi |")
    print("| --: | --- | --: | --: | --: | --: | --: | --: |")
    for seed in seeds:
        begun = time.perf_counter()
        images = peer.images(trainable, iterations, seed)
        budget = time.perf_counter() - begun
        pixels = (images * verifier.std + verifier.mean).clamp(0, 1)
        _row(seed, "peer", iterations, budget, budget, judged(pixels, torch.arange(BATCH) % CLASSES, verifier))
        probe, _ = inversion(teacher, stages=[{"steps": 40}], seed=seed, precision=precision)
        probe.advance(4)
        begun = time.perf_counter()
        probe.advance(16)
        step_s = (time.perf_counter() - begun) / 16
        for share in (1 / 3, 1):
            steps = int(0.97 * budget * share / step_s)  # so that noise in the probe does not overrun the budget
            begun = time.perf_counter()
            run, classes = inversion(teacher, stages=[{"steps": steps}], seed=seed, precision=precision)
            pixels = center(to_uint8(run.run()), SIZE).float() / 255
            taken = time.perf_counter() - begun
            _row(seed, f"ours, {precision}", steps, taken, budget, judged(pixels, classes, verifier))


def _row(seed: int, name: str, iterations: int, seconds: float, budget: float, verdict: dict[str, float]) -> None:
    figures = " | ".join(f"{value:.3f}" for value in verdict.values())
    print(f"| {seed} | {name} | {iterations} | {seconds:.0f} | {seconds / budget:.2f} | {figures} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("figure", choices=("speed", "curve", "quality"))
    parser.add_argument("--peer", type=Path, required=True, help="checkout of DeepInversion")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--iterations", type=int, help="of the peer (200; for speed, per round: 8)")
    parser.add_argument("--rounds", type=int, default=7, help="for speed")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="for quality")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="bfloat16", help="of ours, for quality")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print(f"torch {torch.__version__}, {options.threads} threads, ResNet-20, batch {BATCH}, 32 px")
    peer = Peer(options.peer.resolve())
    if options.figure == "speed":
        speed(peer, options.iterations or 8, options.rounds)
    elif options.figure == "curve":
        curve(peer, options.iterations or 200, options.seeds[0])
    else:
        quality(peer, options.iterations or 200, options.seeds, options.precision)


if __name__ == "__main__":
    main()
