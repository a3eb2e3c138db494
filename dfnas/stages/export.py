"""Write the best network that an algorithm has found as files to deploy: safetensors, ONNX and torch.export.

Best is the lowest error on validation images. Every file takes pixels in [0, 1], is read again,
and has to give the logits of the trained network on images of the data set that it was trained on.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from dfnas.artifacts.network import load_network, training_of
from dfnas.dataset.augment import center
from dfnas.dataset.format import opened
from dfnas.dataset.images import image_batches
from dfnas.deploy.network import DeployedNetwork, from_bytes, to_bytes
from dfnas.deploy.programs import Run, deviation, from_onnx, from_pt2, logits_of, to_onnx, to_pt2, trace
from dfnas.measure.choice import best_of
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import write_bytes
from dfnas.settings.base import as_size
from dfnas.spaces.architecture import space_of
from dfnas.spaces.names import reference
from dfnas.spaces.space import Task
from dfnas.stages.command import Stage
from dfnas.stages.job import Job

STAGE = Stage("export", __doc__, None)
STAGE.argument(
    "--networks", type=Path, nargs="+", required=True, metavar="FILE", help="trained networks to choose from"
)
STAGE.argument("--datasets", type=Path, nargs="+", required=True, metavar="FILE", help="what each was trained on")
STAGE.output("--out", required=True, help="weights and description, safetensors")
STAGE.output("--onnx", required=True, help="the ONNX model")
STAGE.output("--program", required=True, help="the program of torch.export, pt2")

BATCHES = (1, 7)
"""Images in each of the batches that the files are checked on."""
TOLERANCE = 1e-4
"""Largest difference of a logit, as a share of the largest logit: hundreds of times what float32 rounds, and far below
what changes a class."""
CPU = torch.device("cpu")


def export(job: Job[None]) -> None:
    options = job.options
    path, dataset = _chosen(options.networks, options.datasets)
    network, architecture, normalisation, provenance, _ = load_network(path, CPU)
    space = space_of(architecture, str(path))
    class_names, images = _images(dataset, space.task)
    batches = images.split(BATCHES)
    # Before what only training uses is taken out of it.
    expected = logits_of(DeployedNetwork(network, **normalisation, class_names=class_names), batches)
    job.reads(code=[reference(architecture["space"]["name"])])
    weights = to_bytes(space.deployed(network), architecture, normalisation, class_names, provenance)
    deployed = from_bytes(weights)
    program = trace(deployed, (space.task.channels, *space.task.size))
    pt2, onnx = to_pt2(program, provenance), to_onnx(program, provenance)
    readers: dict[Path, Run] = {options.out: deployed, options.program: from_pt2(pt2), options.onnx: from_onnx(onnx)}
    for file, run in readers.items():
        _check(file, deviation(logits_of(run, batches), expected), path)
    for file, content in ((options.onnx, onnx), (options.program, pt2), (options.out, weights)):
        write_bytes(file, content)
    count = len(options.networks)
    which = f"best of {count} networks" if count > 1 else "only network"
    print(f"{path} is the {which}", file=sys.stderr)


def _chosen(networks: Sequence[Path], datasets: Sequence[Path]) -> tuple[Path, Path]:
    """The best network, and what it was trained on."""
    trainings = [training_of(network) for network in networks]
    best = trainings.index(best_of(trainings))
    return networks[best], datasets[best]


def _images(dataset: Path, task: Task) -> tuple[list[str], torch.Tensor]:
    """Class names of a data set, and its first images as a network is given them, (B, C, H, W) float32 in [0, 1]."""
    with opened(dataset, "dataset") as (_, attributes):
        class_names, size = attributes["class_names"], as_size(attributes["size"])
    images, _ = next(image_batches(dataset, sum(BATCHES)))
    if Task(images.shape[1], size, len(class_names)) != task:
        raise InputError(
            f"{dataset} has {len(class_names)} classes of images of {images.shape[1]} channels and {size}, but the "
            f"network is for {task}; give the data set that it was trained on"
        )
    return class_names, center(images, size).float() / 255


def _check(file: Path, deviation: float, trained: Path) -> None:
    """Raises InputError where a file's logits are not those of the trained network."""
    if not deviation <= TOLERANCE:  # NaN too
        raise InputError(
            f"{file} would give other logits than {trained}: they differ by {deviation:.3g} of the largest one, "
            f"expected at most {TOLERANCE:g}; nothing was written"
        )
    print(f"{file.name}: logits differ by {deviation:.1e} of the largest one", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(STAGE.main(export))
