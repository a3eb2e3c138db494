"""What a latency table is worth: predicted against measured milliseconds of whole networks that it was not fitted to.

    python benchmarks/latency_table.py --space mbconv --space shufflenet

For each space, at its published size, the table is measured as the rule `measure_options` does, and in the same rounds
more random networks, which have no part in it. `correlation` is Pearson's, `rank` Spearman's, `bias` the mean of
(predicted - measured) / measured and `error` that of its absolute value.
"""

import argparse
import statistics

import torch

from dfnas.runtime.seeds import python_random
from dfnas.settings.evaluate import MeasureOptionsSettings
from dfnas.spaces.option_latency import time_options
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task

IMAGENET, CIFAR = Task(3, 224, 1000), Task(3, 32, 10)
TASKS = {"darts": CIFAR, "mbconv": IMAGENET, "shufflenet": IMAGENET, "nasbench201": CIFAR}


def ranks(values: list[float]) -> list[int]:
    ordered = sorted(values)
    return [ordered.index(value) for value in values]


def judged(name: str, options: argparse.Namespace) -> list[str]:
    space, fitted = make(name, TASKS[name], {}), MeasureOptionsSettings().networks
    drawn = [space.sample(python_random(0, "latency", i)) for i in range(fitted + options.networks)]
    found = time_options(space, drawn, torch.device(options.device), options.batch_size, options.repeats)
    in_options = [ms - found.table.fixed for ms in found.predicted_ms]
    fixed = statistics.median(m - o for m, o in zip(found.network_ms[:fitted], in_options[:fitted], strict=True))
    measured, predicted = found.network_ms[fitted:], [fixed + ms for ms in in_options[fitted:]]
    errors = [(p - m) / m for p, m in zip(predicted, measured, strict=True)]
    return [
        name,
        f"{found.distinct}",
        f"{found.spread:.1%}",
        f"{fixed:.2f}",
        f"{min(measured):.1f} to {max(measured):.1f}",
        f"{statistics.fmean(errors):+.1%}",
        f"{statistics.fmean(map(abs, errors)):.1%}",
        f"{statistics.correlation(predicted, measured):.3f}",
        f"{statistics.correlation(ranks(predicted), ranks(measured)):.3f}",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--space", action="append", choices=TASKS, help="may be repeated (default: all)")
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--networks", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print("| space | options timed | their spread | fixed, ms | networks, ms | bias | error | correlation | rank |")
    print("| --- | --: | --: | --: | --: | --: | --: | --: | --: |")
    for name in options.space or TASKS:
        print(f"| {' | '.join(judged(name, options))} |", flush=True)


if __name__ == "__main__":
    main()
