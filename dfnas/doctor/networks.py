"""Whether the classifiers that a configuration names load and make sense: the teacher, and those beside it."""

from pathlib import Path

import torch

from dfnas.classifiers.assembly import assemble, build_network
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.examination import answers_to_noise, check_norms, examine
from dfnas.classifiers.metadata import complete, torchvision_entry
from dfnas.classifiers.names import TORCHSCRIPT, parse_builder
from dfnas.classifiers.norms import never_trained, stored_norms
from dfnas.classifiers.teacher import Teacher
from dfnas.classifiers.weights import read_weights
from dfnas.doctor.findings import Finding, failure, ok, warning
from dfnas.measure.complexity import count_parameters
from dfnas.runtime.errors import InputError
from dfnas.settings.config import Config
from dfnas.settings.sources import training_section
from dfnas.settings.teacher import TeacherSettings, is_published


def check_networks(config: Config, sources: list[str]) -> list[Finding]:
    """Loads every configured classifier and asks it about noise.

    Args:
        sources: the synthetic data sets that are made.
    """
    findings = _check_teacher(config, sources)
    for role, section in config.networks().items():
        findings += _loaded(section, role)[0]
    return findings


def _check_teacher(config: Config, sources: list[str]) -> list[Finding]:
    section = config.teacher
    if section.weights is None:
        findings, teacher = _fresh(section, "to be trained by pretrain_teacher on the original images")
    else:
        findings, teacher = _loaded(section, "teacher", bool(_aiming(config, sources)))
    if teacher is not None:
        findings += _judge_norms(config, sources, teacher)
    return findings


def _loaded(section: TeacherSettings, role: str, aimed_at: bool = False) -> tuple[list[Finding], Teacher | None]:
    """A network with its weights, looked at.

    Args:
        aimed_at: whether images are to have the statistics of its BatchNorms.
    """
    if is_published(section.weights) and not _is_cached(section):
        story = f"{section.weights} is not known to be here: what is not will be downloaded, which needs a network"
        findings, network = _fresh(section, story, role)
        return [warning(role, story), *(f for f in findings if f.level == "failure")], network
    try:
        state = read_weights(section, role)
        spec = complete(section, role)
        where = str(section.file() or section.weights)
        teacher = assemble(spec, state, where, role, True)
        if aimed_at:
            check_norms(teacher, where)
    except InputError as error:
        return [failure(role, str(error))], None
    return [judge_answers(teacher, role)], teacher


def _fresh(section: TeacherSettings, story: str, role: str = "teacher") -> tuple[list[Finding], Teacher | None]:
    """The network as its builder gives it, for a look at its form."""
    if section.builder == TORCHSCRIPT:
        return [failure(role, f"builder torchscript is a trained network; set {role}.weights to its file")], None
    try:
        spec = complete(section, role)
        teacher = Teacher(spec, build_network(spec, role))
        examine(teacher, f"{role}.builder", role)
    except InputError as error:
        return [failure(role, str(error))], None
    return [ok(role, f"{described(teacher)}; {story}")], teacher


def judge_answers(teacher: Teacher, role: str = "teacher") -> Finding:
    """What a teacher that `check_trained` lets pass looks like, and whether it looks untrained all the same."""
    if answers_to_noise(teacher).std(1).max() < 1e-3:
        return warning(role, f"{described(teacher)}; its logits hardly differ from class to class: is it trained?")
    if never_trained(stored_norms(teacher.network)):
        return warning(
            role,
            f"{described(teacher)}; its BatchNorms have statistics as before any training (mean 0, variance 1): is it "
            "trained?",
        )
    return ok(role, described(teacher))


def _judge_norms(config: Config, sources: list[str], teacher: Teacher) -> list[Finding]:
    """What the configuration asks of BatchNorms that the teacher does not have."""
    findings = []
    if _aiming(config, sources) and not teacher.batch_norms():
        story = (
            "it has no BatchNorm2d, and the inversion matches their statistics: set invert_teacher.feature_weight to "
            "0, or take another network"
        )
        findings.append(failure("teacher", story))
    wanted = config.comparison
    sections = [*map(training_section, wanted.retrain_data), *(f"search_{name}" for name in wanted.names)]
    by_batch = [name for name in sections if getattr(config, name).teacher_statistics == "batch"]
    if by_batch and not stored_norms(teacher.network):
        story = f"it has no BatchNorm with stored statistics: set {by_batch[0]}.teacher_statistics to stored"
        findings.append(failure("teacher", story))
    return findings


def _aiming(config: Config, sources: list[str]) -> list[str]:
    """The data sets whose images are to have the statistics of the teacher's BatchNorms."""
    return [name for name in sources if config.synthetic_data()[name].invert_teacher.feature_weight]


def described(teacher: Teacher) -> str:
    """A network in a few words."""
    sides = " x ".join(map(str, (teacher.spec.channels, *teacher.spec.size)))
    parts = [
        teacher.spec.builder,
        f"{count_parameters(teacher.network):,} parameters",
        f"{len(teacher.batch_norms())} BatchNorm2d",
        f"input {sides}",
        f"{teacher.spec.classes} classes",
    ]
    return ", ".join(parts)


def form_of(section: TeacherSettings, role: str) -> tuple[TeacherSpec, dict[str, torch.Tensor]]:
    """What a network is, and weights for it: fresh ones, or its own where its file is its code. Raises InputError."""
    spec = complete(section, role)
    if section.builder == TORCHSCRIPT:
        return spec, read_weights(section, role)
    return spec, build_network(spec, role).state_dict()


def _is_cached(section: TeacherSettings) -> bool:
    """Whether published weights lie where torchvision keeps them; of other libraries nobody can tell."""
    builder = parse_builder(section.builder)
    if builder.kind != "torchvision":
        return False
    try:
        entry = torchvision_entry(builder.name, section.weights)
    except InputError:
        return True  # which reading them says better
    return entry is not None and (Path(torch.hub.get_dir()) / "checkpoints" / Path(entry.url).name).is_file()
