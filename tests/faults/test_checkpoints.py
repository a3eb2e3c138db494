"""Teachers that cannot be used: each is refused in one line that says why, and none runs code."""

import pickle
import struct
import zipfile
from pathlib import Path

import pytest
import torch
from hostile import Hostile
from stage_calls import TEACHER, run

from dfnas.classifiers.cifar_resnet import cifar_resnet


@pytest.fixture
def weights(chain) -> Path:
    """A sound checkpoint of the user."""
    torch.manual_seed(0)
    path = chain.folder / "user.pt"
    torch.save({"state_dict": cifar_resnet(**TEACHER["arguments"]).state_dict()}, path)
    return path


def changed(path: Path, key: str, value: float) -> None:
    state = torch.load(path, weights_only=True)
    state["state_dict"][key].view(-1)[0] = value
    torch.save(state, path)


def test_a_sound_checkpoint_is_taken(chain, weights):
    assert run("import_teacher", *chain.import_teacher(weights)) == 0
    assert (chain.folder / "imported.pt").is_file()


def test_a_missing_checkpoint(chain, fails):
    path = chain.folder / "nowhere.pt"
    fails("import_teacher", chain.import_teacher(path), f"no file {path}")


@pytest.mark.parametrize(
    ("kept", "story"), [(0.0, "is empty"), (0.5, "a torch checkpoint"), (0.999, "a torch checkpoint")]
)
def test_a_truncated_checkpoint(chain, weights, fails, kept, story):
    content = weights.read_bytes()
    weights.write_bytes(content[: int(len(content) * kept)])
    fails("import_teacher", chain.import_teacher(weights), weights, story, "get it again")


@pytest.mark.parametrize("record", ["data/0", "data/5", "data.pkl"])
def test_a_flipped_bit(chain, weights, fails, record):
    """torch itself reads most of these without a word."""
    with zipfile.ZipFile(weights) as archive:
        info = next(info for info in archive.infolist() if info.filename.endswith(f"/{record}"))
    content = bytearray(weights.read_bytes())
    lengths = struct.unpack_from("<HH", content, info.header_offset + 26)  # of the name and the padding before the data
    content[info.header_offset + 30 + sum(lengths) + info.file_size // 2] ^= 4
    weights.write_bytes(content)
    fails("import_teacher", chain.import_teacher(weights), weights, "is damaged", "get it again")


def hostile_files(folder: Path, trace: Path) -> dict[str, Path]:
    """Checkpoints with code in them, in every form that torch reads."""
    content = {"state_dict": {"weight": torch.zeros(2)}, "extra": Hostile(trace)}
    files = {form: folder / f"{form}.pt" for form in ("zip", "legacy", "pickle")}
    torch.save(content, files["zip"])
    torch.save(content, files["legacy"], _use_new_zipfile_serialization=False)
    files["pickle"].write_bytes(pickle.dumps(content["extra"], protocol=2))
    return files


@pytest.mark.parametrize("form", ["zip", "legacy", "pickle"])
def test_code_in_a_checkpoint_is_not_run(chain, fails, tmp_path, form):
    trace = tmp_path / "trace"
    path = hostile_files(chain.folder, trace)[form]
    named = ["a bare pickle"] if form == "pickle" else ["no code is run from it", "mkdir"]
    fails("import_teacher", chain.import_teacher(path), path, *named)
    assert not trace.exists()
    if form != "pickle":
        torch.load(path, weights_only=False)
        assert trace.exists(), "the file is dangerous indeed"


def test_another_number_of_classes(chain, weights, fails):
    seven = {"arguments": {**TEACHER["arguments"], "classes": 7}, "classes": 7}
    line = fails(
        "import_teacher", chain.import_teacher(weights, **seven), weights, "'linear.weight'", "(10, 8)", "(7, 8)"
    )
    assert "number of classes" in line
    fails("import_teacher", chain.import_teacher(weights, classes=7), weights, "teacher.classes", "(2, 10)", "(2, 7)")


def test_weights_of_another_network(chain, weights, fails):
    deeper = {"arguments": {**TEACHER["arguments"], "depth": 14}}
    fails("import_teacher", chain.import_teacher(weights, **deeper), weights, "does not fit", "missing")


def test_a_builder_that_does_not_exist(chain, weights, fails):
    fails("import_teacher", chain.import_teacher(weights, builder="dfnas.cifar_resnet:none"), "nothing called none")
    fails("import_teacher", chain.import_teacher(weights, builder="torchvision:resnet19"), "resnet19")
    fails("import_teacher", chain.import_teacher(weights, builder="no_such_package:net"), "no module no_such_package")


def test_a_file_without_weights(chain, weights, fails):
    torch.save([1, 2, 3], weights)
    fails("import_teacher", chain.import_teacher(weights), weights, "holds no weights", "state_dict")


def test_weights_that_are_not_finite(chain, weights, fails):
    changed(weights, "linear.weight", float("nan"))
    fails("import_teacher", chain.import_teacher(weights), weights, "'linear.weight'", "not finite")


def test_logits_that_are_not_finite(chain, weights, fails):
    """Finite weights whose sum overflows."""
    state = torch.load(weights, weights_only=True)
    state["state_dict"]["linear.bias"][0] = 3e38
    state["state_dict"]["linear.weight"][0] = 3e38
    torch.save(state, weights)
    fails("import_teacher", chain.import_teacher(weights), weights, "logits are not finite")


def test_images_of_a_network_that_was_never_trained(chain, weights, fails, capsys):
    """Unless they do not aim at what its BatchNorms store."""
    assert run("import_teacher", *chain.import_teacher(weights)) == 0
    capsys.readouterr()
    arguments = ["--teacher", chain.folder / "imported.pt", *chain.invert_teacher()[2:]]
    fails("invert_teacher", arguments, "imported.pt", "before any training", "feature_weight to 0")
    assert run("invert_teacher", *arguments, "--feature-weight", "0") == 0


@pytest.mark.parametrize(("flags", "warned"), [("avx2", True), ("avx2 avx512_bf16", False)])
def test_a_precision_that_the_cpu_has_no_instructions_for_is_told(chain, capsys, tmp_path, monkeypatch, flags, warned):
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(f"model name : a CPU\nflags : fpu {flags}\n")
    monkeypatch.setattr("dfnas.runtime.device.CPUINFO", cpuinfo)
    assert run("invert_teacher", *chain.invert_teacher(), "--device", "cpu", "--precision", "bfloat16") == 0
    assert ("precision is bfloat16, for which this device has no instructions" in capsys.readouterr().err) is warned


FRAGILE = '''
import torch

class Fragile(torch.nn.Module):
    """Not finite on pixels that are whole numbers of 0 to 255: on images from a file, and not on noise."""

    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(64, 10)

    def forward(self, x):
        x = x.flatten(1)
        levels = (x * 0.35 + 0.3) * 255
        return self.linear(x) / ((levels - levels.round()).abs().amax(1, keepdim=True) > 1e-2)

class Plain(Fragile):
    """Without BatchNorm."""

    def forward(self, x):
        return self.linear(torch.nn.functional.adaptive_avg_pool2d(x, 8).flatten(1))
'''


@pytest.fixture
def own_teacher(chain):
    """Makes the chain's teacher one of the user's own, from a file."""

    def make(name: str) -> None:
        path = chain.folder / "teachers.py"
        path.write_text(FRAGILE)
        torch.save({"linear.weight": torch.eye(10, 64), "linear.bias": torch.zeros(10)}, chain.folder / "own.pt")
        options = chain.import_teacher(chain.folder / "own.pt", builder=f"{path}:{name}", arguments={})
        options[1] = chain.folder / "teacher.pt"
        assert run("import_teacher", *options) == 0

    return make


def test_logits_that_are_not_finite_on_the_images(chain, own_teacher, fails, capsys):
    own_teacher("Fragile")
    capsys.readouterr()
    fails("calibrate_labels", chain.calibrate_labels(), "not finite", chain.folder / "teacher.pt")


def test_a_teacher_without_batchnorm(chain, own_teacher, fails, capsys):
    own_teacher("Plain")
    capsys.readouterr()
    fails("invert_teacher", chain.invert_teacher(), "no BatchNorm", "feature_weight")
    assert run("invert_teacher", *chain.invert_teacher(), "--feature-weight", "0") == 0


def test_a_network_where_a_teacher_is_expected(chain, fails):
    options = chain.invert_teacher()
    options[1] = chain.folder / "model.pt"
    fails("invert_teacher", options, chain.folder / "model.pt", "teacher")
