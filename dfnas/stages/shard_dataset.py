"""Make a synthetic data set: all images of all generations with the teacher's calibrated labels.

The images stay in the shards of the inversion; the data set is an HDF5 virtual dataset over them, with labels and a
split that is stratified by target class.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dfnas.dataset.format import SPLITS
from dfnas.dataset.split import check_classes, held_out
from dfnas.dataset.writing import Records, read_labels, read_shard, write_dataset
from dfnas.measure.choice import few_to_choose_by
from dfnas.runtime.errors import InputError
from dfnas.settings.dataset import ShardDatasetSettings
from dfnas.stages.command import Stage
from dfnas.stages.job import Job

STAGE = Stage("shard_dataset", __doc__, ShardDatasetSettings)
STAGE.argument("--source", default="synthetic", metavar="NAME", help="the data set's name (default: synthetic)")
STAGE.argument(
    "--shards", type=Path, nargs="+", required=True, metavar="FILE", help="shards of all generations, in order"
)
STAGE.argument("--labels", type=Path, nargs="+", required=True, metavar="FILE", help="labels of each generation")
STAGE.output("--out", required=True, help="the data set")


def shard_dataset(job: Job[ShardDatasetSettings]) -> None:
    options, settings = job.options, job.settings
    _check_once(options.shards)
    _check_once(options.labels)
    soft_labels, labelled, generations = [], [], []
    for path in options.labels:
        labels, classes, attributes = read_labels(path)
        soft_labels.append(labels)
        labelled.append(classes)
        generations.append(np.full(len(labels), attributes["generation"], dtype=np.int32))
    targets = np.concatenate(labelled)
    made_for = []
    first: Mapping[str, Any] = {}
    for path in options.shards:  # every byte is read once here, so that damage is found now and not in a search
        _, classes, first = read_shard(path)
        made_for.append(classes)
    if not np.array_equal(np.concatenate(made_for), targets):
        raise InputError(f"the shards and the labels of {options.out} are not of the same images in the same order")
    check_classes(targets, len(first["class_names"]), f"the data set '{options.source}'")
    validation = held_out(targets, settings.validation_fraction, settings.seed, "validation")
    split = np.where(validation, SPLITS.index("validation"), SPLITS.index("train")).astype(np.uint8)
    attributes = {name: first[name] for name in ("size", "mean", "std", "class_names")}
    attributes |= {"source": options.source, "provenance": job.provenance()}
    records = Records(np.concatenate(soft_labels), targets, np.concatenate(generations), split)
    write_dataset(options.out, options.shards, records, attributes)
    print(f"{len(targets)} images of {len(options.labels)} generations, {validation.sum()} held out", file=sys.stderr)
    if few := few_to_choose_by(int(validation.sum()), len(first["class_names"])):
        more = "raise synthesis.images, synthesis.generations or shard_dataset.validation_fraction"
        print(f"{job.stage}: warning: {few}; {more}", file=sys.stderr, flush=True)


def _check_once(paths: list[Path]) -> None:
    """Raises InputError where a file is named twice: an image would be trained on and held out."""
    seen: set[Path] = set()
    for path in paths:
        if path.resolve() in seen:
            raise InputError(f"{path} is named twice; expected every file once, in order")
        seen.add(path.resolve())


if __name__ == "__main__":
    sys.exit(STAGE.main(shard_dataset))
