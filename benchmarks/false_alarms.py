"""How often the paired bootstrap sees a difference between groups of networks of which none is better, and how often
one that is there.

    python benchmarks/false_alarms.py --trials 1000 | tee benchmarks/results/false_alarms.txt

Each trial makes up test images of unequal hardness (normal, in logits, standard deviation 2) and two groups of networks
whose seeds differ in skill (mean 5) by a standard deviation of some tenths of a logit (`spread`). Where the groups do
not differ, a test at 5 % may be wrong in 5 % of the trials, with a standard error of 0.7 % for 1,000 of them. In `own`
each group also has a hardness of its own for every image (standard deviation 1), which is none on average. For the
power one group has less skill, by so many logits; the errors that this comes to stand in the heading.
"""

import argparse

import numpy as np

from dfnas.measure.bootstrap import LEVEL, paired_difference

IMAGES = (450, 1000, 10_000)
SEEDS = ((1, 1), (2, 2), (3, 3), (5, 5), (10, 10), (2, 3), (2, 10), (3, 10))
SPREADS = (0.0, 0.2, 0.5, 1.0)
UNEQUAL = ((1.0, 0.1), (0.1, 1.0))
"""Spreads of the two groups."""
SHIFTS = (0.5, 1.0, 2.0)
SKILL = 5.0


def errors(rng: np.random.Generator, hardness: np.ndarray, seeds: int, spread: float, skill: float) -> np.ndarray:
    """Errors (R, N) of the networks of a group on images (N,)."""
    skills = rng.normal(skill, spread, (seeds, 1))
    return rng.random((seeds, len(hardness))) < 1 / (1 + np.exp(skills - hardness))


def seen(
    options: argparse.Namespace,
    images: int,
    seeds: tuple[int, int],
    spreads: tuple[float, float],
    shift: float = 0.0,
    own: float = 0.0,
) -> float:
    """Share of the trials in which a difference is seen.

    Args:
        shift: the skill that the first group lacks.
        own: standard deviation of the hardness that an image has for a group alone.
    """
    rng, count = np.random.default_rng(0), 0
    for trial in range(options.trials):
        hardness = rng.normal(0, 2, images)
        sides = [
            errors(rng, hardness + (rng.normal(0, own, images) if own else 0), *of)
            for of in zip(seeds, spreads, (SKILL - shift, SKILL), strict=True)
        ]
        count += paired_difference(*sides, options.draws, trial).significant
    return count / options.trials


def mean_error(shift: float) -> float:
    """The share of errors at a skill that is less by `shift`."""
    hardness = np.random.default_rng(0).normal(0, 2, 1_000_000)
    return float((1 / (1 + np.exp(SKILL - shift - hardness))).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, nargs="+", default=IMAGES, help="test images of a trial")
    parser.add_argument("--trials", type=int, default=1000, help="made-up comparisons for each figure")
    parser.add_argument("--draws", type=int, default=1000, help="of the bootstrap")
    options = parser.parse_args()
    names = [f"spread {spread:.1f}" for spread in SPREADS] + [f"{one:.1f}, {other:.1f}" for one, other in UNEQUAL]
    shifts = "".join(f"  {100 * mean_error(shift):9.1f}%" for shift in SHIFTS)
    for images in options.images:
        print(f"false alarms at {LEVEL:.0%}, {images} images, {options.trials} trials, {options.draws} draws")
        print("  seeds" + "".join(f"  {name:>10}" for name in (*names, "own")))
        for seeds in SEEDS:
            shares = [seen(options, images, seeds, (spread, spread)) for spread in SPREADS]
            shares += [seen(options, images, seeds, spreads) for spreads in UNEQUAL]
            shares.append(seen(options, images, seeds, (0.2, 0.2), own=1.0))
            print(f"{seeds[0]:3},{seeds[1]:3}" + "".join(f"  {share:10.3f}" for share in shares), flush=True)
        print(f"power, {images} images, spread 0.2, errors of {100 * mean_error(0):.1f}% against")
        print("  seeds" + shifts)
        for seeds in SEEDS:
            shares = [seen(options, images, seeds, (0.2, 0.2), shift) for shift in SHIFTS]
            print(f"{seeds[0]:3},{seeds[1]:3}" + "".join(f"  {share:10.3f}" for share in shares), flush=True)


if __name__ == "__main__":
    main()
