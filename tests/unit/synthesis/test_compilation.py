"""When the objective is compiled, and what follows where that fails, with backends that stand for a compiler. (What
compiled code computes: tests/workflow/test_compiled_inversion.py.)"""

import functools
import shutil
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch._dynamo.backends.common import aot_autograd

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.runtime.errors import InputError
from dfnas.settings.invert_teacher import InvertTeacherSettings, ResolutionStage
from dfnas.synthesis.compilation import batch_macs, gpu_seconds_saved, pays
from dfnas.synthesis.inversion import Inversion
from dfnas.synthesis.inversion_targets import first_targets
from dfnas.synthesis.objective import Objective

pytestmark = pytest.mark.slow


def settings_of(**changes) -> InvertTeacherSettings:
    sizes = {"batch_size": 6, "canvas_margin": 2, "warmup_steps": 1, "lr": 0.1}
    return InvertTeacherSettings(**{**sizes, "stages": (ResolutionStage(steps=5),), **changes})


def small_teacher() -> Teacher:
    spec = TeacherSpec(builder="-", size=(8, 8), mean=(0.5,) * 3, std=(0.25,) * 3)
    return Teacher(spec, cifar_resnet(8, (4, 6, 8)))


def test_work_is_counted_forward_and_backward_over_all_stages():
    stages = (ResolutionStage(downscale=2, steps=40), ResolutionStage(downscale=1, steps=10))
    spec = TeacherSpec(builder="-", mean=(0.5,) * 3, std=(0.25,) * 3)
    teacher = Teacher(spec, cifar_resnet(20))
    # 40.55 M MACs an image: the published figure of the architecture (akamaster/pytorch_resnet_cifar10).
    expected = 2 * 40.55e6 * 6 * (40 / 4 + 10)
    assert batch_macs(teacher, settings_of(stages=stages)) == pytest.approx(expected, rel=0.01)


def test_auto_compiles_long_runs_only_and_the_setting_overrules(monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    teacher = small_teacher()
    assert not pays(teacher, settings_of())
    assert pays(teacher, settings_of(compile="always"))
    steps = int(4e12 * torch.get_num_threads() / (batch_macs(teacher, settings_of()) / 5))
    assert not pays(teacher, settings_of(stages=(ResolutionStage(steps=int(0.9 * steps)),)))
    long = settings_of(stages=(ResolutionStage(steps=int(1.1 * steps)),))
    assert pays(teacher, long)
    assert not pays(teacher, long.model_copy(update={"compile": "never"}))
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert not pays(teacher, long)


def on_a_gpu(teacher: Teacher) -> Teacher:
    """What is asked about its device says that it is none of the CPU's."""
    teacher.mean = teacher.mean.to("meta")
    return teacher


def test_on_a_gpu_a_job_of_small_images_earns_its_compilation_by_its_steps():
    spec = TeacherSpec(builder="-", mean=(0.5,) * 3, std=(0.25,) * 3)
    teacher = on_a_gpu(Teacher(spec, cifar_resnet(20)))
    two = settings_of(stages=(ResolutionStage(downscale=2, steps=2000), ResolutionStage(steps=2000)))
    assert 3 < gpu_seconds_saved(teacher, two, 1) < 10  # 4,000 steps of 426 launches, of 5 µs, take 8.5 s
    assert gpu_seconds_saved(teacher, two, 7) == pytest.approx(7 * gpu_seconds_saved(teacher, two, 1))
    assert not pays(teacher, two, 2)
    assert pays(teacher, two, 50)
    enough = next(batches for batches in range(1, 50) if pays(teacher, two, batches))
    one = settings_of(
        stages=(ResolutionStage(steps=2000), ResolutionStage(steps=2000))
    )  # one resolution, compiled once
    assert pays(teacher, one, enough // 2 + 1)
    assert not pays(teacher, two, enough // 2 + 1)
    assert not pays(teacher, two.model_copy(update={"compile": "never"}), 50)
    with torch._dynamo.config.patch(disable=True):
        assert not pays(teacher, two, 50)


def test_on_a_gpu_large_batches_earn_it_by_their_work():
    spec = TeacherSpec(builder="-", mean=(0.5,) * 3, std=(0.25,) * 3)
    teacher = on_a_gpu(Teacher(spec, cifar_resnet(20)))
    small, large = (settings_of(batch_size=size, stages=(ResolutionStage(steps=2000),)) for size in (6, 20_000))
    assert batch_macs(teacher, large) > 1e15
    assert pays(teacher, large)
    assert not pays(teacher, small)


COMPILE = torch.compile
STAGES = (ResolutionStage(downscale=2, steps=3), ResolutionStage(steps=3))


@pytest.fixture
def compiled_by(monkeypatch) -> Callable[..., None]:
    """compiled_by(forward, backward): these stand for the compiler of each pass; nothing is too short to compile."""
    torch.compiler.reset()
    monkeypatch.setattr("dfnas.synthesis.compilation.MACS_PER_CPU_THREAD", 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")

    def install(forward: Callable = as_it_is, backward: Callable = as_it_is, **more) -> None:
        backend = aot_autograd(fw_compiler=forward, bw_compiler=backward)
        monkeypatch.setattr(torch, "compile", functools.partial(COMPILE, backend=backend, **more))

    yield install
    torch.compiler.reset()


def as_it_is(graph, inputs):
    return graph


def failing(error: Exception, after: int = 0) -> Callable:
    """A compiler that fails at all graphs but the first few."""
    count = 0

    def compiler(graph, inputs):
        nonlocal count
        count += 1
        if count > after:
            raise error
        return graph

    return compiler


def inversion_of(compile: str, **changes) -> Inversion:
    """Of a network with little to trace."""
    torch.manual_seed(0)
    settings = settings_of(compile=compile, stages=STAGES, **changes)
    layers = (nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    teacher = Teacher(
        TeacherSpec(builder="-", classes=3, channels=1, size=(8, 8), mean=(0.5,), std=(0.25,)),
        nn.Sequential(*layers, nn.Linear(4, 3)),
    )
    return Inversion(Objective(teacher, settings), first_targets(settings, 0, 3)[1], 0, 0)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"feature_momentum": 0.5},
        {"feature_scale": "relative", "feature_distance": "kl"},
        {"precision": "bfloat16", "region_per": "image"},
    ],
    ids=lambda changes: "-".join(changes) or "default",
)
def test_the_objective_is_one_graph(compiled_by, changes):
    """With `fullgraph` a break of the graph is an error, which `always` would pass on."""
    graphs = []
    compiled_by(lambda graph, inputs: graphs.append(graph) or graph, fullgraph=True)
    inversion = inversion_of("always", **changes)
    assert len(graphs) == len(STAGES) * (2 if "feature_momentum" in changes else 1)
    inversion.run()
    assert inversion._objective.compiled
    assert len(graphs) == len(STAGES) * (2 if "feature_momentum" in changes else 1), "nothing is compiled on the way"


@pytest.mark.parametrize(
    ("forward", "backward"),
    [
        (failing(RuntimeError("no forward pass")), as_it_is),
        (as_it_is, failing(RuntimeError("no backward pass"))),
        (as_it_is, failing(OSError(28, "No space left on device"))),  # the compiler's own files
        (failing(RuntimeError("no second resolution"), after=1), as_it_is),
        (as_it_is, failing(AssertionError("no second resolution"), after=1)),
    ],
    ids=["forward", "backward", "disk", "later forward", "later backward"],
)
def test_where_either_pass_does_not_compile_all_steps_are_those_of_uncompiled_code(
    compiled_by, capsys, forward, backward
):
    compiled_by(forward, backward)
    inversion = inversion_of("auto", feature_momentum=0.5)
    assert not inversion._objective.compiled, "it is known before the first step"
    assert capsys.readouterr().err.count("does not compile here") == 1
    images = inversion.run()
    plain = inversion_of("never", feature_momentum=0.5)
    assert torch.equal(images, plain.run())
    assert torch.equal(inversion.history(), plain.history())


def test_a_backward_pass_that_does_not_compile_is_an_error_where_compilation_is_demanded(compiled_by):
    compiled_by(backward=failing(RuntimeError("no backward pass")))
    with pytest.raises(InputError, match=r"compile = 'always'.*does not compile here"):
        inversion_of("always")


def test_a_pass_that_did_not_come_to_its_end_leaves_no_statistics(compiled_by):
    """The plain pass that takes its place would else measure every layer twice."""
    objective = inversion_of("never")._objective
    seen, targets = torch.rand(6, 1, 8, 8, generator=torch.Generator().manual_seed(0)), torch.full((6, 3), 1 / 3)
    with objective:
        expected = objective(seen, targets).terms
        objective.teacher.network(seen)  # without a loss
        assert torch.equal(objective(seen, targets).terms, expected)


def test_where_torch_does_not_compile_at_all_nothing_is_called_compiled(monkeypatch):
    """As with TORCH_COMPILE_DISABLE=1, which leaves `torch.compile` without effect and says nothing."""
    monkeypatch.setattr("dfnas.synthesis.compilation.MACS_PER_CPU_THREAD", 0)
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    with torch._dynamo.config.patch(disable=True):  # pytest's own way would leave the setting deleted
        assert not inversion_of("auto")._objective.compiled
        with pytest.raises(InputError, match=r"torch\.compile is switched off here; unset TORCH_COMPILE_DISABLE"):
            inversion_of("always")
