"""Judge the synthetic images by original test images. For evaluation only: nothing is made from the result.

Two figures: the Fréchet distance between synthetic and test images in the teacher's penultimate features, and the
accuracy on the test images of a small student that learnt from synthetic images and the teacher's soft labels alone.
"""

import sys
from dataclasses import replace
from pathlib import Path

import torch
from torch import nn

from dfnas.artifacts.history import write_history
from dfnas.artifacts.judgement import FrechetDistance, GenerationDistance, Judgement, Student
from dfnas.artifacts.teacher import load_teacher
from dfnas.classifiers.assembly import build_network
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.examination import check_trainable
from dfnas.classifiers.names import code_of
from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.class_order import check_class_names
from dfnas.dataset.images import ImageSet, image_batches, load_split
from dfnas.dataset.stored import parts_of
from dfnas.measure.accuracy import error_rate, predict
from dfnas.measure.complexity import count_parameters
from dfnas.measure.features import PenultimateFeatures, final_layer
from dfnas.measure.frechet import GaussianMoments, frechet_distance
from dfnas.runtime.errors import InputError
from dfnas.runtime.resumable import run
from dfnas.runtime.seeds import reseed
from dfnas.settings.quality import JudgeImagesSettings
from dfnas.stages.command import Stage
from dfnas.stages.job import Job
from dfnas.synthesis.inversion_targets import seen_by
from dfnas.synthesis.quality import NO_HEAD
from dfnas.training.training import Training

STAGE = Stage("judge_images", __doc__, JudgeImagesSettings)
STAGE.argument("--teacher", type=Path, required=True, metavar="FILE", help="the teacher")
STAGE.argument("--synthetic", type=Path, required=True, metavar="FILE", help="the synthetic data set")
STAGE.argument("--original", type=Path, required=True, metavar="FILE", help="the original data set")
STAGE.output("--out", required=True, help="the figures, JSON")
STAGE.output("--history", required=True, help="the student's loss and error, CSV")


def judge_images(job: Job[JudgeImagesSettings]) -> None:
    options, settings = job.options, job.settings
    teacher = load_teacher(options.teacher, job.device)
    test = load_split(options.original, "test", job.device)
    train, validation = (load_split(options.synthetic, split, job.device) for split in ("train", "validation"))
    for data, path in ((test, options.original), (train, options.synthetic)):
        _check_task(data, path, teacher.spec, options.teacher)
    student = _student(settings, teacher.spec).to(job.device)
    distances = _distances(teacher, options.synthetic, test, settings.features_batch_size)

    job.reads(code=[*teacher.spec.code(), *code_of(settings.builder)])
    with job.once() as checkpoint:
        training = Training(student, train, validation, settings, settings.seed)
        history = run(training, checkpoint, "training the student").history
        write_history(options.history, history)
        logits = predict(training.result, replace(test, mean=train.mean, std=train.std), settings.features_batch_size)
        report = Student(
            builder=settings.builder,
            parameters=count_parameters(student),
            train_images=len(train),
            validation_accuracy=1 - float(history[-1]["validation_error"]),
            test_accuracy=1 - error_rate(logits, test.targets),
            test_top5_accuracy=1 - error_rate(logits, test.targets, 5),
        )
        Judgement(test_images=len(test), frechet_distance=distances, student=report, provenance=job.provenance()).write(
            options.out
        )
    print(f"student: accuracy {report.test_accuracy:.3f} on the test images", file=sys.stderr)


def _check_task(data: ImageSet, path: Path, spec: TeacherSpec, teacher: Path) -> None:
    for name in ("channels", "size", "classes"):
        ours, theirs = getattr(spec, name), getattr(data, name)
        if ours != theirs:
            raise InputError(f"{teacher} has {name} {ours}, but {path} has {theirs}; make shard_original agree with it")
    check_class_names(data.class_names, path, spec.names(), teacher)


def _student(settings: JudgeImagesSettings, spec: TeacherSpec) -> nn.Module:
    """Fresh weights, checked on one more that is built for that.

    Raises:
        InputError: the student cannot be built, or is not for the teacher's task.
    """
    described = spec.model_copy(update={"builder": settings.builder, "arguments": settings.arguments})
    check_trainable(build_network(described, "judge_images"), described, "judge_images.builder", "judge_images")
    reseed(settings.seed, "weights")
    return build_network(described, "judge_images")


@torch.no_grad()
def _distances(teacher: Teacher, synthetic: Path, test: ImageSet, batch_size: int) -> FrechetDistance:
    """Fréchet distances to the test images, of all synthetic images and of each generation; memory does not grow
    with the images."""
    layer = final_layer(teacher, teacher.spec.classes, seen_by(teacher, test.stream([slice(1)])[0]))
    if layer is None:
        return FrechetDistance(features=None, overall=None, generations=[], reason=NO_HEAD)
    generations: dict[int, GaussianMoments] = {}
    with PenultimateFeatures(layer) as features:

        def features_of(images: torch.Tensor) -> torch.Tensor:
            teacher(seen_by(teacher, images))
            found = features.take()
            assert found is not None, "the network has a final layer"
            return found

        original = GaussianMoments(layer.weight.shape[1])
        for images in test.stream(parts_of(len(test), batch_size)):
            original.add(features_of(images))
        for images, numbers in image_batches(synthetic, batch_size):
            found = features_of(images)
            for number in numbers.unique().tolist():
                moments = generations.setdefault(number, GaussianMoments(found.shape[1]))
                moments.add(found[(numbers == number).to(found.device)])
    for moments, what in [
        (original, "original test images"),
        *((m, "images in a generation") for m in generations.values()),
    ]:
        if moments.count < 2:
            raise InputError(f"a Fréchet distance needs 2 {what} or more, and there is {moments.count}")
        if not moments.scatter.isfinite().all():
            raise InputError(f"the teacher's features of {what} are not finite; check its checkpoint")
    by_generation = [
        GenerationDistance(generation=number, distance=frechet_distance(moments, original))
        for number, moments in sorted(generations.items())
    ]
    overall = frechet_distance(GaussianMoments.merged(generations.values()), original)
    return FrechetDistance(features=len(original.mean), overall=overall, generations=by_generation, reason=None)


if __name__ == "__main__":
    sys.exit(STAGE.main(judge_images))
