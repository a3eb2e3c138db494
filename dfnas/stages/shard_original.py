"""Write the original data set in the format of the synthetic one: HDF5 shards and a virtual data set over them.

Targets are one-hot soft labels. The splits are fixed by the seed and stratified by class.
"""

import sys
from pathlib import Path

import numpy as np

from dfnas.dataset.format import SPLITS
from dfnas.dataset.originals import given_files, load_originals
from dfnas.dataset.split import check_classes, held_out, limited
from dfnas.dataset.writing import Records, write_dataset, write_shard
from dfnas.measure.choice import few_to_choose_by
from dfnas.runtime.errors import InputError
from dfnas.settings.dataset import ShardOriginalSettings
from dfnas.stages.command import Stage
from dfnas.stages.job import Job

STAGE = Stage("shard_original", __doc__, ShardOriginalSettings)
STAGE.output("--out", required=True, help="the data set")
STAGE.output("--shard-files", nargs="+", required=True, help="the shards, one name each")


def shard_original(job: Job[ShardOriginalSettings]) -> None:
    settings: ShardOriginalSettings = job.settings
    shards: list[Path] = job.options.shard_files
    if len(shards) != settings.shards:
        raise InputError(f"shard_original.shards = {settings.shards}, but {len(shards)} files are named")
    originals = load_originals(settings)
    for remark in originals.remarks:
        print(f"{job.stage}: warning: {remark}", file=sys.stderr, flush=True)
    job.reads(*given_files(settings))
    check_classes(originals.classes, len(originals.class_names), f"shard_original.source = '{settings.source}'")
    training, test = np.flatnonzero(~originals.test), np.flatnonzero(originals.test)
    training = training[limited(originals.classes[training], settings.limit, settings.seed)]
    order = np.concatenate([training, test])
    if len(order) < settings.shards:
        raise InputError(f"shard_original.shards = {settings.shards}: more shards than images ({len(order)})")

    targets = originals.classes[order]
    split = np.full(len(order), SPLITS.index("test"), dtype=np.uint8)
    validation = held_out(targets[: len(training)], settings.validation_fraction, settings.seed, "validation")
    split[: len(training)] = np.where(validation, SPLITS.index("validation"), SPLITS.index("train"))
    attributes = {
        "source": settings.source,
        "size": settings.size,
        "mean": settings.mean,
        "std": settings.std,
        "class_names": originals.class_names,
        "provenance": job.provenance(),
    }
    for shard, chosen in zip(shards, np.array_split(np.arange(len(order)), settings.shards), strict=True):
        write_shard(shard, originals.images[order[chosen]], targets[chosen], attributes)
    # With the digests of the shards the data set's own digest speaks for its pixels, which are not in it.
    attributes["provenance"] = job.provenance(*shards)
    one_hot = np.eye(len(originals.class_names), dtype=np.float32)[targets]
    generation = np.full(len(order), -1, dtype=np.int32)
    write_dataset(job.options.out, shards, Records(one_hot, targets, generation, split), attributes)
    counts = ", ".join(f"{(split == i).sum()} {name}" for i, name in enumerate(SPLITS))
    print(f"{settings.source}: {counts} images of {len(originals.class_names)} classes", file=sys.stderr)
    if few := few_to_choose_by(int(validation.sum()), len(originals.class_names)):
        print(f"{job.stage}: warning: {few}; raise shard_original.validation_fraction", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(STAGE.main(shard_original))
