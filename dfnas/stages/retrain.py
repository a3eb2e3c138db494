"""Train a found architecture from fresh weights, on one device or, started by torchrun, on several of a host."""

import sys
from pathlib import Path

from dfnas.dataset.images import load_split
from dfnas.dataset.labels import labels_of
from dfnas.runtime.energy import EnergyMeter
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import read_json
from dfnas.runtime.processes import with_common_statistics
from dfnas.runtime.resumable import run
from dfnas.runtime.seeds import reseed
from dfnas.settings.training import RetrainSettings
from dfnas.spaces.architecture import space_of
from dfnas.spaces.names import reference
from dfnas.spaces.space import Task
from dfnas.stages.artifacts import save_network
from dfnas.stages.command import Job, Stage
from dfnas.stages.histories import write_history, write_timing
from dfnas.stages.labelling import add_teacher_argument, labelling_teacher
from dfnas.training.training import Training

STAGE = Stage("retrain", __doc__, RetrainSettings, together=True)
STAGE.argument("--architecture", type=Path, required=True, metavar="FILE", help="the architecture, JSON")
STAGE.argument("--dataset", type=Path, required=True, metavar="FILE", help="the data set to train on")
add_teacher_argument(STAGE)
STAGE.argument("--algorithm", required=True, metavar="NAME", help="what found the architecture, for the tables")
STAGE.argument("--search-data", required=True, metavar="NAME", help="the data it was found on, for the tables")
STAGE.argument("--retrain-data", required=True, metavar="NAME", help="the name of --dataset, for the tables")
STAGE.argument("--seed", type=int, required=True, metavar="N", help="seed of the run")
STAGE.argument("--out", type=Path, required=True, metavar="FILE", help="the trained network")
STAGE.argument("--history", type=Path, required=True, metavar="FILE", help="loss and error by epoch, CSV")
STAGE.argument("--timing", type=Path, required=True, metavar="FILE", help="seconds of the training, JSON")


def retrain(job: Job) -> None:
    options, settings = job.options, job.settings
    document = read_json(options.architecture, by_hand=True)
    space = space_of(document, str(options.architecture))
    train, validation = (load_split(options.dataset, split, job.device) for split in ("train", "validation"))
    task = Task(train.channels, train.size, train.classes)
    if space.task != task:
        raise InputError(f"{options.architecture} is for {space.task}, but {options.dataset} is {task}")
    reseed(options.seed, "weights")
    network = space.network(document["choices"]).to(job.device)
    if settings.sync_batch_norm:
        network = with_common_statistics(network, job.processes, job.device)
    inputs, code = [options.architecture, options.dataset], [reference(document["space"]["name"])]
    teacher = labelling_teacher(job)
    if teacher is not None:
        inputs, code = [*inputs, options.teacher], [*code, *teacher.spec.code()]
    checkpoint = job.checkpoint(inputs, *code)
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
    # Of several GPUs a process would read its own alone.
    meter = EnergyMeter.of(job.device) if job.processes.count == 1 else None
    history, cost = run(training, checkpoint, f"training {name}", meter, job.processes.leads)
    if not job.processes.leads:
        return
    write_history(options.history, history)
    run_key = {name: vars(options)[name] for name in ("algorithm", "search_data", "retrain_data", "seed")}
    write_timing(options.timing, "retrain", run_key, cost, job.device)
    provenance = job.provenance(inputs, *code) | {"architecture_file": str(options.architecture)}
    provenance["validation_error"] = history[-1]["validation_error"]
    save_network(options.out, document, training.result, {"mean": train.mean, "std": train.std}, provenance)
    checkpoint.clear()


if __name__ == "__main__":
    sys.exit(STAGE.main(retrain))
