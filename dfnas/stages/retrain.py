"""Train a found architecture from fresh weights, on one device or, started by torchrun, on several of a host."""

import sys
from pathlib import Path

from dfnas.artifacts.architecture import read_architecture
from dfnas.artifacts.history import write_history
from dfnas.artifacts.network import save_network
from dfnas.artifacts.timing import write_timing
from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.batch_targets import labels_of
from dfnas.dataset.images import load_split
from dfnas.runtime.energy import EnergyMeter
from dfnas.runtime.errors import InputError
from dfnas.runtime.objects import load_object
from dfnas.runtime.processes import with_common_statistics
from dfnas.runtime.resumable import Resumable, run
from dfnas.runtime.seeds import reseed
from dfnas.settings.invert_teacher import InvertTeacherSettings
from dfnas.settings.training import FRESH_IMAGES, RetrainSettings
from dfnas.spaces.names import reference
from dfnas.spaces.space import Task
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.stages.options import add_teacher, parsed, seed, with_labels
from dfnas.training.training import Training

STAGE = Stage("retrain", __doc__, RetrainSettings, together=True)
STAGE.argument("--architecture", type=Path, required=True, metavar="FILE", help="the architecture, JSON")
STAGE.argument("--dataset", type=Path, required=True, metavar="FILE", help="the data set to train on")
add_teacher(STAGE)
STAGE.argument("--inversion", metavar="JSON", help="how the data set's images were made, where fresh ones are made")
STAGE.argument("--algorithm", required=True, metavar="NAME", help="what found the architecture, for the tables")
STAGE.argument("--search-data", required=True, metavar="NAME", help="the data it was found on, for the tables")
STAGE.argument("--retrain-data", required=True, metavar="NAME", help="the name of --dataset, for the tables")
STAGE.argument("--seed", type=seed, required=True, metavar="N", help="seed of the run")
STAGE.output("--out", required=True, help="the trained network")
STAGE.output("--history", required=True, help="loss and error by epoch, CSV")
STAGE.output("--timing", required=True, help="seconds of the training, JSON")


def retrain(job: Job[RetrainSettings]) -> None:
    options, settings = job.options, job.settings
    document, space = read_architecture(options.architecture)
    train, validation = (load_split(options.dataset, split, job.device) for split in ("train", "validation"))
    task = Task(train.channels, train.size, train.classes)
    if space.task != task:
        raise InputError(f"{options.architecture} is for {space.task}, but {options.dataset} is {task}")
    reseed(options.seed, "weights")
    network = space.network(document["choices"]).to(job.device)
    if settings.sync_batch_norm:
        network = with_common_statistics(network, job.processes, job.device)
    job.reads(code=[reference(document["space"]["name"])])
    (train, validation), teacher = with_labels(job, settings, train, validation)
    if settings.fresh.every_epochs:
        job.reads(code=[FRESH_IMAGES])
    architecture_file = job.folder.name(options.architecture)
    with job.once(architecture_file=architecture_file) as checkpoint:
        training = Training(
            network,
            train,
            validation,
            settings,
            options.seed,
            settings.auxiliary_weight,
            settings.drop_path,
            job.processes,
            labels_of(train, settings, teacher),
            settings.temperature,
        )
        name = f"{options.algorithm} found on {options.search_data}, seed {options.seed}"
        meter = EnergyMeter.of(job.device, job.processes)
        work: Resumable = training
        if settings.fresh.every_epochs:
            work = _with_fresh_images(job, training, teacher)
        history, cost = run(work, checkpoint, f"training {name}", meter, job.processes.leads)
        if not job.processes.leads:
            return
        write_history(options.history, history)
        run_key = {name: vars(options)[name] for name in ("algorithm", "search_data", "retrain_data", "seed")}
        write_timing(options.timing, "retrain", run_key, cost, job.device, job.provenance())
        provenance = job.provenance() | {"architecture_file": architecture_file}
        provenance["validation_error"] = history[-1]["validation_error"]
        save_network(options.out, document, training.result, {"mean": train.mean, "std": train.std}, provenance)


def _with_fresh_images(job: Job[RetrainSettings], training: Training, teacher: Teacher | None) -> Resumable:
    """The training, with new images in between. Raises InputError where nothing says how they are made."""
    if job.options.inversion is None:
        raise InputError("fresh.every_epochs needs --inversion JSON, a section invert_teacher, to make images by")
    values = parsed(job.options.inversion, "--inversion")
    inversion = InvertTeacherSettings.parse(values, "--inversion")
    return load_object(FRESH_IMAGES)(training, teacher, inversion, job.settings.fresh)


if __name__ == "__main__":
    sys.exit(STAGE.main(retrain))
