"""How often the paired bootstrap sees a difference between groups of networks of which none is better.

    python benchmarks/false_alarms.py --trials 1000

Each trial makes up test images of unequal hardness (normal, in logits, standard deviation 2) and two groups of
networks whose seeds differ in skill by a standard deviation of some tenths of a logit (`spread`); the groups do not
differ. A test at 5 % may be wrong in 5 % of the trials.
"""

import argparse

import numpy as np

from dfnas.measure.bootstrap import LEVEL, paired_difference

SEEDS, SPREADS = (1, 2, 3, 5, 10), (0.0, 0.2, 0.5)


def errors(rng: np.random.Generator, hardness: np.ndarray, seeds: int, spread: float) -> np.ndarray:
    """Errors (R, N) of the networks of a group on images (N,)."""
    skill = rng.normal(5, spread, (seeds, 1))
    return rng.random((seeds, len(hardness))) < 1 / (1 + np.exp(skill - hardness))


def false_alarms(seeds: int, spread: float, images: int, trials: int, draws: int) -> float:
    """Share of the trials in which a difference is seen."""
    rng, seen = np.random.default_rng(0), 0
    for trial in range(trials):
        hardness = rng.normal(0, 2, images)
        one, other = (errors(rng, hardness, seeds, spread) for _ in range(2))
        seen += paired_difference(one, other, draws, trial).significant
    return seen / trials


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=450, help="test images of a trial")
    parser.add_argument("--trials", type=int, default=1000, help="made-up comparisons for each figure")
    parser.add_argument("--draws", type=int, default=1000, help="of the bootstrap")
    options = parser.parse_args()
    print(f"false alarms at {LEVEL:.0%}, {options.images} images, {options.trials} trials, {options.draws} draws")
    print("seeds" + "".join(f"  spread {spread:.1f}" for spread in SPREADS))
    for seeds in SEEDS:
        shares = [false_alarms(seeds, spread, options.images, options.trials, options.draws) for spread in SPREADS]
        print(f"{seeds:5}" + "".join(f"  {share:10.3f}" for share in shares), flush=True)


if __name__ == "__main__":
    main()
