"""Random numbers that depend on what they are for, not on when or where they are drawn.

Every use derives its own seed from the user's seed and a path of names ("augment", step). Nothing has to be
saved to continue an interrupted run exactly, and no stream depends on how work is spread over jobs.
"""

import hashlib
import random

import torch


def derive(seed: int, *path: str | int) -> int:
    """A 63-bit seed for one purpose, e.g. `derive(0, "inversion", generation, batch)`."""
    digest = hashlib.sha256(repr((int(seed), *path)).encode()).digest()
    return int.from_bytes(digest[:8], "little") >> 1


def generator(seed: int, *path: str | int) -> torch.Generator:
    """A CPU generator for one purpose. Draw on the CPU and move: devices do not share random streams."""
    return torch.Generator().manual_seed(derive(seed, *path))


def python_random(seed: int, *path: str | int) -> random.Random:
    """A `random.Random` for one purpose."""
    return random.Random(derive(seed, *path))


def reseed(seed: int, *path: str | int) -> None:
    """Reseeds torch's global generators, which layers such as dropout and weight initialisation draw from: those of the
    CPU and, once something lives there, of GPUs. (`torch.manual_seed` records the call stack for a GPU that was never
    used, which takes a millisecond of every step.)"""
    derived = derive(seed, *path)
    torch.default_generator.manual_seed(derived)
    if torch.cuda.is_initialized():
        torch.cuda.manual_seed_all(derived)
