"""The stage `import_teacher`: what it leaves for the others, and what it says."""

import json
import warnings

import pytest
import torch
from torch import nn

from dfnas.artifacts.teacher import load_teacher
from dfnas.classifiers.assembly import assemble, build_network
from dfnas.classifiers.description import TeacherSpec
from dfnas.stages.import_teacher import STAGE, import_teacher

SMALL = {"classes": 3, "channels": 1, "size": [12, 20], "mean": [0.5], "std": [0.25]}


@pytest.fixture
def run(tmp_path, capsys):
    """run(section) to the exit status and the last line of the log."""

    def call(section: str = "teacher", **settings) -> tuple[int, str]:
        options = [f"--{name.replace('_', '-')}={json.dumps(value)}" for name, value in settings.items()]
        place = ["--section", section, "--out", str(tmp_path / "teacher.pt"), "--device", "cpu"]
        status = STAGE.main(import_teacher, [*place, *options])
        return status, capsys.readouterr().err.strip().splitlines()[-1]

    return call


@pytest.mark.parametrize("form", ["{0}/own.py:leaky", "hub:{0}:leaky"], ids=["a file", "a folder's hubconf"])
def test_the_log_says_what_was_found(run, user_code, form):
    builder, arguments = form.format(user_code), {"channels": 1, "classes": 3}
    status, line = run(builder=builder, arguments=arguments, weights="published", **SMALL)
    assert status == 0
    assert line == f"teacher {builder} from published: 2 BatchNorm2d layers, 103 parameters, input 1 x 12 x 20"
    teacher = load_teacher(user_code / "teacher.pt", torch.device("cpu"))
    assert (teacher.spec.size, teacher.spec.names()) == ((12, 20), ("0", "1", "2"))


def test_a_torchscript_file_is_imported_whole(run, tmp_path):
    network = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    ).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(network).save(tmp_path / "net.pt")
    status, line = run("verifier", builder="torchscript", weights=str(tmp_path / "net.pt"), **SMALL)
    assert status == 0
    assert line.startswith("verifier torchscript from net.pt, SHA-256 ")
    assert line.endswith(": 1 BatchNorm2d layers, 36 parameters, input 1 x 12 x 20")
    (tmp_path / "net.pt").unlink()
    teacher, images = load_teacher(tmp_path / "teacher.pt", torch.device("cpu")), torch.rand(2, 1, 12, 20)
    with torch.no_grad():
        torch.testing.assert_close(teacher(images), network((images - 0.5) / 0.25), rtol=0, atol=0)


def test_a_network_without_batch_norm_is_told(run, tmp_path):
    path = tmp_path / "plain.py"
    path.write_text("from torch import nn\ndef plain():\n    return nn.Sequential(nn.Flatten(), nn.Linear(240, 3))\n")
    status, line = run(builder=f"{path}:plain", weights="published", **SMALL)
    assert status == 0
    assert ": 0 BatchNorm2d layers, 723 parameters, input 1 x 12 x 20; without BatchNorm the inversion needs " in line
    assert line.endswith("invert_teacher.feature_weight 0")


def test_a_network_that_says_the_same_of_every_image_is_refused(run, tmp_path):
    network = nn.Sequential(nn.Flatten(), nn.Linear(240, 3))
    nn.init.zeros_(network[1].weight)
    torch.save(network.state_dict(), tmp_path / "dead.pt")
    path = tmp_path / "plain.py"
    path.write_text("from torch import nn\ndef plain():\n    return nn.Sequential(nn.Flatten(), nn.Linear(240, 3))\n")
    status, line = run("verifier", builder=f"{path}:plain", weights=str(tmp_path / "dead.pt"), **SMALL)
    assert status == 1
    assert not (tmp_path / "teacher.pt").exists()
    assert line == (
        f"import_teacher: error: {tmp_path / 'dead.pt'}: it says the same of every image: its weights are not those of "
        "a trained classifier; set verifier.weights to a checkpoint of its training"
    )


def test_complaints_name_the_section(run, user_code):
    assert "set verifier.weights" in run("verifier", builder="torchscript", **SMALL)[1]
    assert "set verifier.classes" in run("verifier", builder=f"{user_code}/own.py:trained", weights="published")[1]
    five = SMALL | {"classes": 5}
    own = {"builder": f"{user_code}/own.py:trained", "weights": "published"}
    assert "set verifier.classes or the builder's arguments" in run("verifier", **own, **five)[1]


def test_a_description_takes_one_side_for_a_square(user_code):
    spec = TeacherSpec(
        builder=f"{user_code}/own.py:leaky",
        arguments={"channels": 1, "classes": 3},
        classes=3,
        channels=1,
        size=12,
        mean=(0.5,),
        std=(0.25,),
    )
    assert spec.size == (12, 12)
    assert TeacherSpec.from_dict(json.loads(json.dumps(spec.as_dict()))) == spec
    assert assemble(spec, build_network(spec).state_dict(), "w.pt").spec is spec
