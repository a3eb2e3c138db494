"""A teacher is a function of its image, with logits for an answer, or one line says what it depends on."""

import copy
import io
import json
import os
import random
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dfnas.classifiers.assembly import assemble, build_network
from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.examination import check_trainable, examine
from dfnas.classifiers.norms import stored_norms
from dfnas.classifiers.teacher import Teacher
from dfnas.classifiers.torchscript import ScriptNetwork
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import load_archive
from dfnas.stages import import_teacher
from dfnas.synthesis.inversion_targets import soft_labels

WHERE = "w.pt"
CLASSES, SIZE = 4, 16


class Net(nn.Module):
    """A classifier of 3 x 16 x 16 whose subclasses misbehave."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8)
        self.linear = nn.Linear(8 * 4 * 4, CLASSES)

    def features(self, x):
        return F.adaptive_avg_pool2d(self.norm(self.conv(x)).relu(), 4).flatten(1)

    def forward(self, x):
        return self.linear(self.features(x))


class Dropping(Net):
    def forward(self, x):
        return self.linear(F.dropout(self.features(x)))


class NumpyNoise(Net):
    def forward(self, x):
        return super().forward(x) * float(np.random.rand())


class PythonNoise(Net):
    def forward(self, x):
        return super().forward(x) * random.random()


class OwnNoise(Net):
    def __init__(self):
        super().__init__()
        self.rng = torch.Generator().manual_seed(0)

    def forward(self, x):
        return super().forward(x) + torch.randn(CLASSES, generator=self.rng)


class Counting(Net):
    calls = 0

    def forward(self, x):
        self.calls += 1
        return super().forward(x) / self.calls


class Buffering(Net):
    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(()))

    def forward(self, x):
        self.seen += 1
        return super().forward(x)


class Averaging(Net):
    """Drifts past torch's counter, by less than any tolerance."""

    def forward(self, x):
        self.linear.bias.data.mul_(1 - 1e-6)
        return super().forward(x)


class Switching(Net):
    def forward(self, x):
        self.linear.train()
        return super().forward(x)


class DataDependentStart(Net):
    """Glow's ActNorm: the first batch decides."""

    def __init__(self):
        super().__init__()
        self.register_buffer("is_made", torch.tensor(False))

    def forward(self, x):
        if not self.is_made:
            self.linear.bias.data.copy_(-self.linear(self.features(x)).mean(0))
            self.is_made.fill_(True)
        return super().forward(x)


class ByBatch(Net):
    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm2d(8, track_running_stats=False)


class AlwaysTraining(Net):
    def __init__(self):
        super().__init__()
        self.norm = StaysInTraining(8)


class StaysInTraining(nn.BatchNorm2d):
    def train(self, mode=True):
        return super().train(True)


class Brightest(Net):
    def forward(self, x):
        return super().forward(x / x.abs().max())


class Ranked(Net):
    def forward(self, x):
        return super().forward(x) * torch.arange(1, len(x) + 1).view(-1, 1)


class Shared(Net):
    def forward(self, x):
        return super().forward(x) / len(x)


class Squeezing(Net):
    def forward(self, x):
        return super().forward(x).squeeze()


class TwoModes(Net):
    def forward(self, x):
        return super().forward(x) * (1 if torch.is_grad_enabled() else 2)


class Strided(Net):
    def forward(self, x):
        return super().forward(x) * x.stride(1)


class Unsaved(Net):
    """A random projection that is no buffer."""

    def __init__(self):
        super().__init__()
        self.projection = torch.randn(CLASSES, CLASSES)

    def forward(self, x):
        return super().forward(x) @ self.projection


class Adding(Net):
    def forward(self, x):
        if not hasattr(self, "table"):
            self.register_buffer("table", torch.ones(CLASSES))
        return super().forward(x) * self.table


class Softmax(Net):
    def forward(self, x):
        return super().forward(x).softmax(1)


class Sigmoid(Net):
    def forward(self, x):
        return super().forward(x).sigmoid()


class HandmadeSigmoid(Net):
    def forward(self, x):
        return (1 / (1 + torch.exp(-super().forward(x)))).view(len(x), CLASSES)


class Clamped(Net):
    def forward(self, x):
        return (super().forward(x) + 0.5).clamp(0, 1)


class Labels(Net):
    def forward(self, x):
        return F.one_hot(super().forward(x).argmax(1), CLASSES)


class Listing(Net):
    def forward(self, x):
        return (super().forward(x),)


class OneLogit(Net):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(8 * 4 * 4, 1)


REFUSED = {
    Dropping: "depend on chance: it draws torch's random numbers in evaluation mode; give F.dropout",
    NumpyNoise: "depend on chance: it draws numpy's random numbers",
    PythonNoise: "depend on chance: it draws Python's random numbers",
    OwnNoise: "the same images otherwise the second time, and no seed changes that",
    Counting: "the same images otherwise the second time",
    Buffering: "changes its own 'seen' in evaluation mode",
    Averaging: "changes its own 'linear.bias' in evaluation mode",
    Switching: "changes the mode of 'linear' between training and evaluation",
    DataDependentStart: "changes its own 'linear.bias' in evaluation mode",
    ByBatch: "depends on the other images of the batch; its BatchNorm 'norm' normalises by the statistics of each",
    AlwaysTraining: "let it do so only where self.training ('norm' stays in training mode after eval())",
    Brightest: "depends on the other images of the batch; let nothing in it be computed over the batch dimension",
    Ranked: "depends on the image's place in the batch",
    Shared: "depends on the number of images in a batch",
    Squeezing: "for one image alone it returns the shape (4,), expected one row an image",
    TwoModes: "its answers are others where gradients are taken",
    Strided: "depend on the memory layout of its input",
    Unsaved: "built anew it answers otherwise",
    Adding: "its first forward pass adds 'table' to its state",
    Softmax: "returns probabilities that add up to 1, as of a softmax, expected logits",
    Sigmoid: "all that it returns lies in [0, 1], as if of a sigmoid, expected logits",
    HandmadeSigmoid: "all that it returns lies in [0, 1], as if of a sigmoid",
    Clamped: "all that it returns lies in [0, 1], as if of a sigmoid",
    Labels: "returns a tensor of torch.int64, expected a tensor of logits; wrap the network in one that returns its",
    Listing: "returns a tuple, expected a tensor of logits; wrap the network in one that returns its logits alone",
    OneLogit: "returns one logit, expected one for each class: of a network with one logit for two classes make two",
}


def spec_of(kind: type[nn.Module] | str, **values) -> TeacherSpec:
    builder = kind if isinstance(kind, str) else f"{__file__}:{kind.__name__}"
    return TeacherSpec(**{"builder": builder, "classes": CLASSES, "size": SIZE, **values})


def examined(kind: type[nn.Module], seed: int = 0) -> Teacher:
    torch.manual_seed(seed)
    spec = spec_of(kind)
    return assemble(spec, build_network(spec).state_dict(), WHERE, thoroughly=True)


def complaint(kind: type[nn.Module]) -> str:
    with pytest.raises(InputError) as caught:
        examined(kind)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(("kind", "story"), REFUSED.items(), ids=[kind.__name__ for kind in REFUSED])
def test_a_network_that_is_no_function_of_its_image_or_gives_no_logits_is_refused(kind, story):
    message = complaint(kind)
    assert message.startswith(f"{WHERE}: ")
    assert story in message


class WritingIn(Net):
    """Writes where nothing can see it but who reads its input afterwards."""

    def forward(self, x):
        x[:, 0] *= 3
        return super().forward(x)


class InPlaceFirst(Net):
    def forward(self, x):
        return super().forward(F.relu(x, inplace=True))


class PastTheCounter(Net):
    def forward(self, x):
        x.data.clamp_(max=0.6)  # of which grey shows nothing
        return super().forward(x)


class Viewing(Net):
    """LeNet's way from places to features, which takes contiguous tensors alone."""

    def features(self, x):
        x = F.adaptive_avg_pool2d(self.norm(self.conv(x)).relu(), 4)
        return x.view(x.size(0), -1)


class LayerDrop(Net):
    """Draws whether or not it uses it."""

    def forward(self, x):
        drop = random.random() < 0.5 or torch.rand(()) < 0.5 or np.random.rand() < 0.5
        return super().forward(x) * (0 if self.training and drop else 1)


class Reseeding(Net):
    def forward(self, x):
        torch.manual_seed(0)
        return super().forward(x)


class LogSoftmax(Net):
    def forward(self, x):
        return super().forward(x).log_softmax(1)


class Caching(Net):
    """Makes a table at the first pass, as rotary embeddings do, and remembers its features, as probes do."""

    def forward(self, x):
        if not hasattr(self, "table"):
            self.register_buffer("table", torch.ones(CLASSES), persistent=False)
        self.latest = self.features(x)
        return self.linear(self.latest) * self.table


class Small(Net):
    """Of two classes and hardly any differences: logits that happen to lie in [0, 1]."""

    def forward(self, x):
        return 0.01 * super().forward(x)[:, :CLASSES].relu() + 0.5


class OneOfTwo(nn.Module):
    """One logit for two classes, as two."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(3 * SIZE * SIZE, 1)

    def forward(self, x):
        z = self.linear(x.flatten(1))
        return torch.cat([torch.zeros_like(z), z], 1)


class Transposed(OneOfTwo):
    def forward(self, x):
        return super().forward(x).T.contiguous().permute(1, 0)


class Limited(OneOfTwo):
    def forward(self, x):
        return super().forward(x).clamp(-10, 10)


@pytest.mark.parametrize("kind", [OneOfTwo, Transposed, Limited])
def test_logits_that_lie_between_0_and_1_by_chance_are_taken(kind):
    """Of fresh weights, of which each second or third gives that for two probes."""
    for seed in range(20):
        torch.manual_seed(seed)
        examine(Teacher(spec_of(kind, classes=2), kind()), WHERE)


HARMLESS = [Net, WritingIn, InPlaceFirst, Viewing, LayerDrop, Reseeding, LogSoftmax, Caching, Small]


@pytest.mark.parametrize("kind", HARMLESS)
def test_what_does_no_harm_is_taken_and_answers_as_the_network_itself(kind):
    teacher = examined(kind)
    plain = build_network(spec_of(kind)).eval()
    plain.load_state_dict(teacher.network.state_dict())
    images = torch.rand(3, 3, SIZE, SIZE)
    with torch.no_grad():
        torch.testing.assert_close(teacher(images), plain(images.clone()), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [WritingIn, InPlaceFirst])
def test_a_network_that_writes_into_its_input_gets_a_copy(kind):
    teacher = examined(kind)
    seen = torch.randn(2, 3, SIZE, SIZE)
    kept = seen.clone()
    teacher.network(seen)
    assert torch.equal(seen, kept)


def test_what_is_written_past_the_counter_of_changes_is_refused():
    assert "its forward pass writes into the images, past torch's counter" in complaint(PastTheCounter)


@pytest.mark.parametrize("kind", [LayerDrop, Reseeding])
def test_random_numbers_of_others_do_not_depend_on_the_teacher(kind):
    teacher = examined(kind)
    images = torch.rand(2, 3, SIZE, SIZE)

    def drawn(ask: bool) -> tuple[float, ...]:
        torch.manual_seed(5), np.random.seed(5), random.seed(5)
        if ask:
            teacher(images)
        return torch.rand(()).item(), np.random.rand(), random.random()

    assert drawn(True) == drawn(False)


def test_the_question_itself_leaves_all_generators_as_they_were():
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    expected = torch.rand(()).item(), np.random.rand(), random.random()
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    spec = spec_of(LayerDrop)
    with torch.random.fork_rng():
        teacher = Teacher(spec, build_network(spec))
    examine(teacher, WHERE)
    assert (torch.rand(()).item(), np.random.rand(), random.random()) == expected


def test_a_network_of_contiguous_tensors_alone_labels_images_that_are_laid_out_otherwise():
    images = torch.randint(0, 256, (5, 3, SIZE, SIZE), dtype=torch.uint8)
    teacher, plain = examined(Viewing), examined(Net)
    assert (teacher.layout, plain.layout) == (torch.contiguous_format, torch.channels_last)
    teacher.to(memory_format=teacher.layout)
    torch.testing.assert_close(soft_labels(teacher, images), soft_labels(plain, images))


def test_a_file_with_a_random_start_of_its_own_is_the_same_at_every_load():
    one, other = examined(Net, seed=0), examined(Net, seed=0)
    images = torch.randint(0, 256, (5, 3, SIZE, SIZE), dtype=torch.uint8)
    assert torch.equal(soft_labels(one, images), soft_labels(other, images))


def scripted(network: nn.Module) -> Teacher:
    """A teacher out of a trace of the network as it stands."""
    held = io.BytesIO()
    images = torch.rand(2, 3, SIZE, SIZE)
    torch.jit.save(torch.jit.trace(network, images, check_trace=False), held)
    spec = spec_of("torchscript")
    teacher = Teacher(spec, ScriptNetwork(held.getvalue(), images, WHERE))
    examine(teacher, WHERE)
    return teacher


@pytest.mark.filterwarnings("ignore")
def test_scripts_are_asked_too():
    assert scripted(WritingIn().eval()).network(torch.ones(1, 3, SIZE, SIZE)).shape == (1, CLASSES)
    assert scripted(Viewing().eval()).layout == torch.contiguous_format
    for kind, story in ((Dropping, "torch's random numbers"), (Softmax, "add up to 1"), (Sigmoid, "of a sigmoid")):
        with pytest.raises(InputError, match=re.escape(story)):
            scripted(kind().eval())


def test_a_spread_that_other_sums_make_is_no_dependence():
    spec = TeacherSpec(arguments={"depth": 56}, classes=10, channels=3, size=32)
    torch.manual_seed(0)
    assemble(spec, cifar_resnet(56).state_dict(), WHERE, thoroughly=True)


@pytest.mark.parametrize("model", ["mobilenet_v2", "shufflenet_v2_x0_5", "efficientnet_b0", "googlenet"])
def test_published_networks_are_functions(model):
    arguments = {"num_classes": 10} | ({"init_weights": False} if model == "googlenet" else {})
    spec = TeacherSpec(builder=f"torchvision:{model}", arguments=arguments, classes=10, channels=3, size=64)
    torch.manual_seed(0)
    examine(Teacher(spec, build_network(spec)), WHERE)


DATA = os.environ.get("DFNAS_DATA")


class Published(nn.Module):
    """The ResNet-20 on CIFAR-10, as it is, softened, or with one of its habits changed."""

    def __init__(self, habit: str = ""):
        super().__init__()
        state = load_archive(Path(DATA) / "teachers" / "resnet20-12fca82f.th")["state_dict"]
        self.network, self.habit = cifar_resnet(20), habit
        self.network.load_state_dict({name.removeprefix("module."): value for name, value in state.items()})
        if habit == "batch":
            for norm in stored_norms(self.network):
                norm.running_mean = norm.running_var = None
        if habit == "dropout":
            self.network.linear.register_forward_pre_hook(lambda _, inputs: F.dropout(inputs[0], 0.1))

    def forward(self, x):
        return self.network(x).softmax(1) if self.habit == "softmax" else self.network(x)


@pytest.mark.skipif(not DATA, reason="DFNAS_DATA is not set: real checkpoints and CIFAR-10 are elsewhere")
@pytest.mark.parametrize(
    ("habit", "story"),
    [
        ("", None),
        ("softmax", "returns probabilities that add up to 1"),
        ("dropout", "it draws torch's random numbers in evaluation mode"),
        ("batch", "its BatchNorm 'network.bn1' normalises by the statistics of each batch"),
    ],
)
def test_a_public_checkpoint_is_a_function_and_what_is_made_of_it_is_told_apart(habit, story):
    teacher = Teacher(TeacherSpec(builder="-", mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)), Published(habit))
    if story is None:
        examine(teacher, WHERE)
    else:
        with pytest.raises(InputError, match=re.escape(story)):
            examine(teacher, WHERE)


@pytest.mark.parametrize(
    ("kind", "story"), [(Viewing, "use flatten(1) or reshape instead of view"), (Softmax, "as of a")]
)
def test_a_network_that_is_to_be_trained_is_asked_as_well(kind, story):
    spec = spec_of(kind)
    network = build_network(spec)
    with pytest.raises(InputError, match=re.escape(story)):
        check_trainable(network, spec, WHERE, "teacher")


class Normed(Net):
    """Of weights that torch.nn.utils.weight_norm puts together, and deepcopy refuses."""

    def __init__(self):
        super().__init__()
        self.linear = nn.utils.weight_norm(self.linear)


@pytest.mark.filterwarnings("ignore")
def test_a_network_that_cannot_be_copied_can_be_trained():
    with pytest.raises(RuntimeError):
        copy.deepcopy(Normed())
    check_trainable(Normed(), spec_of(Normed), WHERE, "teacher")


@pytest.mark.parametrize("section", ["teacher", "verifier"])
@pytest.mark.parametrize("kind", [Dropping, ByBatch, Softmax, OneLogit])
def test_the_import_refuses_in_one_line_and_leaves_nothing(kind, section, tmp_path, capsys):
    torch.save(kind().state_dict(), tmp_path / WHERE)
    task = {"classes": CLASSES, "channels": 3, "size": SIZE, "mean": [0.5] * 3, "std": [0.25] * 3}
    settings = task | {"builder": f"{__file__}:{kind.__name__}", "weights": str(tmp_path / WHERE)}
    options = [part for key, value in settings.items() for part in (f"--{key}", json.dumps(value))]
    out = tmp_path / "teacher.pt"
    status = import_teacher.STAGE.main(
        import_teacher.import_teacher, ["--out", str(out), "--section", section, "--device", "cpu", *options]
    )
    lines = capsys.readouterr().err.splitlines()
    assert (status, len(lines), out.exists()) == (1, 1, False)
    assert lines[0].startswith(f"import_teacher: error: {tmp_path / WHERE}: ")
    assert REFUSED[kind] in lines[0]
