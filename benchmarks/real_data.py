"""The files that presets, benchmarks and some tests look for under DFNAS_DATA, made from their public sources.

    python benchmarks/real_data.py cifar10 /folder/of/data      # downloads the official archive, 170 MB
    python benchmarks/real_data.py teachers /folder/of/data     # two checkpoints, 4.6 MB
    python benchmarks/real_data.py nasbench201 /folder/of/data  # needs `pip install nats_bench` and its data, see below

The table of NAS-Bench-201 comes from NATS-Bench's topology space (Dong et al. 2021), whose archive
`NATS-tss-v1_0-3ffb9-simple` has to lie unpacked in `$TORCH_HOME` (https://github.com/D-X-Y/NATS-Bench).
docs/real-data.md says which figures of ours were measured on what.
"""

import argparse
import csv
import hashlib
import sys
from pathlib import Path

import numpy as np
import torch
from torchvision.datasets import CIFAR10

CHECKPOINTS = "https://github.com/akamaster/pytorch_resnet_cifar10/raw/master/pretrained_models/"
TEACHERS = {
    "resnet20-12fca82f.th": "12fca82f0bebc4135bf1f32f6e3710e61d5108578464b84fd6d7f5c1b04036c8",
    "resnet56-4bfd9763.th": "4bfd97631478d6b638d2764fd2baff3edb1d7d82252d54439343b6596b9b5367",
}
CELLS = 15_625
COLUMNS = {"CIFAR10": "cifar10", "CIFAR100": "cifar100", "ImageNet": "ImageNet16-120"}


def cifar10(folder: Path, tests: int) -> Path:
    """cifar10/cifar10.npz: `x_train`, `y_train`, `x_test`, `y_test`; images (N, 32, 32, 3) uint8 in the official order.

    Args:
        folder: of the data; the official archive is kept in `cifar10/`, and read from there if it is there.
        tests: how many test images, the first ones.
    """
    out = folder / "cifar10" / "cifar10.npz"
    parts = {name: CIFAR10(str(out.parent), train=name == "train", download=True) for name in ("train", "test")}
    arrays = {}
    for name, part in parts.items():
        most = tests if name == "test" else len(part.targets)
        arrays |= {f"x_{name}": part.data[:most], f"y_{name}": np.array(part.targets[:most], dtype=np.uint8)}
    np.savez_compressed(out, **arrays)
    return out


def teachers(folder: Path) -> Path:
    """teachers/*.th: a ResNet-20 and a ResNet-56 of CIFAR-10 (Idelbayev 2018), compared with the bytes that we used."""
    out = folder / "teachers"
    out.mkdir(parents=True, exist_ok=True)
    for name, digest in TEACHERS.items():
        if not (out / name).exists():
            torch.hub.download_url_to_file(CHECKPOINTS + name, str(out / name), hash_prefix=digest, progress=False)
        found = hashlib.sha256((out / name).read_bytes()).hexdigest()
        if found != digest:
            sys.exit(f"{out / name}: its SHA-256 is {found}, expected {digest}; delete it and call again")
    return out


def nasbench201(folder: Path) -> Path:
    """nas-bench-201/nats_bench.csv: of every cell the test accuracy after 200 epochs, a mean over its seeds, and its
    isomorphism class."""
    try:
        from nats_bench import create
    except ImportError:
        sys.exit("nats_bench is not installed: pip install nats_bench; its data: https://github.com/D-X-Y/NATS-Bench")
    table = create(None, "tss", fast_mode=True, verbose=False)
    out = folder / "nas-bench-201" / "nats_bench.csv"
    out.parent.mkdir(parents=True, exist_ok=True)
    with out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(
            [*(f"{column}TestAccuracy200Epochs" for column in COLUMNS), "ArchitectureString", "UniqueString"]
        )
        for index in range(CELLS):
            of = [table.get_more_info(index, data, hp="200", is_random=False) for data in COLUMNS.values()]
            writer.writerow([*(each["test-accuracy"] for each in of), table.arch(index), table.get_unique_str(index)])
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", choices=("cifar10", "teachers", "nasbench201"))
    parser.add_argument("folder", type=Path, help="what DFNAS_DATA names")
    parser.add_argument("--test-images", type=int, default=10_000, help="of CIFAR-10, the first (our figures: 1017)")
    options = parser.parse_args()
    if options.what == "cifar10":
        out = cifar10(options.folder, options.test_images)
    else:
        out = {"teachers": teachers, "nasbench201": nasbench201}[options.what](options.folder)
    print(out)


if __name__ == "__main__":
    main()
