"""The package without the workflow: the script of docs/library.md, and what it needs beside the stages' functions."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from dfnas.artifacts.teacher import save_teacher
from dfnas.cifar_resnet import cifar_resnet
from dfnas.classifiers.description import TeacherSpec
from dfnas.dataset.in_memory import image_sets
from dfnas.dataset.split import held_out
from dfnas.runtime.errors import InputError
from dfnas.runtime.finishing import finished

ROOT = Path(__file__).parents[2]
RESNET = {"depth": 8, "widths": [4, 8, 16], "channels": 1, "classes": 10}
SPEC = TeacherSpec(arguments=RESNET, classes=10, channels=1, size=(8, 8), mean=(0.3,), std=(0.35,))


class Counting:
    """Five steps; the third decides that the fourth is the last."""

    def __init__(self):
        self.steps, self.done = 5, []

    def step(self, index):
        self.done.append(index)
        if index == 2:
            self.steps = 4
        return None


def test_work_is_finished_in_order_and_may_end_early():
    assert finished(Counting()).done == [0, 1, 2, 3]


def some_images(each=10):
    classes = torch.arange(10).repeat(each)
    images = torch.randint(0, 256, (len(classes), 1, 10, 10), dtype=torch.uint8)
    return images, torch.full((len(classes), 10), 0.1), classes


def test_images_in_memory_are_split_as_those_of_a_data_set():
    images, labels, classes = some_images()
    train, validation = image_sets(images, labels, classes, SPEC, validation_fraction=0.2, seed=3)
    held = held_out(classes.numpy(), 0.2, 3, "validation")
    assert torch.equal(validation.images, images[torch.from_numpy(np.flatnonzero(held))])
    assert torch.equal(train.images, images[torch.from_numpy(np.flatnonzero(~held))])
    assert validation.targets.bincount().tolist() == [2] * 10
    assert (train.size, train.mean, train.classes, train.channels) == ((8, 8), (0.3,), 10, 1)


def test_a_class_without_images_is_one_line():
    images, labels, classes = some_images()
    with pytest.raises(InputError, match="the images has no image of class 9"):
        image_sets(images[classes < 9], labels[classes < 9], classes[classes < 9], SPEC)


@pytest.fixture
def script():
    specification = importlib.util.spec_from_file_location("library_example", ROOT / "examples" / "library.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def test_the_script_finds_and_builds_a_network(script, tmp_path, capsys):
    configuration = yaml.safe_load((ROOT / "config.yaml").read_text())
    reduced = yaml.safe_load((ROOT / "tests" / "assets" / "reduced.yaml").read_text())
    sections = {name: configuration[name] | reduced[name] for name in ("invert_teacher", "search_spos")}
    sections["search_spos"]["space"]["name"] = "shufflenet"
    sections["invert_teacher"]["batch_size"] = 40
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(sections))
    torch.manual_seed(0)
    save_teacher(tmp_path / "teacher.pt", SPEC, cifar_resnet(**RESNET).state_dict(), {"stage": "import_teacher"})

    found, network = script.architecture_without_data(tmp_path / "teacher.pt", tmp_path / "config.yaml")
    assert set(found) == {"stage1/block1", "stage1/block2"}
    assert network.eval()(torch.zeros(3, 1, 8, 8)).shape == (3, 10)
    assert math.isfinite(sum(weights.sum().item() for weights in network.parameters()))
    assert capsys.readouterr().out.startswith("40 images; ")
    assert script.architecture_without_data(tmp_path / "teacher.pt", tmp_path / "config.yaml")[0] == found


def test_the_page_shows_the_script_as_it_is():
    script = (ROOT / "examples" / "library.py").read_text()
    page = (ROOT / "docs" / "library.md").read_text()
    shown = page.split('```python title="examples/library.py"\n')[1].split("```")[0]
    assert shown.strip() == script[script.index("def architecture_without_data") : script.index("if __name__")].strip()


def test_a_network_becomes_a_teacher_as_the_page_says():
    page = (ROOT / "docs" / "library.md").read_text()
    snippet = page.split("```python\n")[1].split("```")[0]
    names = {"network": cifar_resnet(depth=8)}
    exec(snippet, names)
    assert names["teacher"](torch.rand(2, 3, 32, 32)).shape == (2, 10)
    assert not any(weights.requires_grad for weights in names["teacher"].parameters())
