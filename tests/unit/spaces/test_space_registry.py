"""Making spaces by name, and what a user is told who gets it wrong."""

import pytest

from dfnas.runtime.errors import InputError
from dfnas.spaces.architecture import space_of
from dfnas.spaces.darts import CellSpace
from dfnas.spaces.registry import NAMES, make, resolve
from dfnas.spaces.space import Task

TASK = Task(1, 16, 10)

OWN_SPACE = """
from dfnas.spaces.darts import CellSpace

class Own(CellSpace):
    def __init__(self, task, *, depth, **options):
        super().__init__(task, cells=depth, **options)

def function():
    pass
"""


@pytest.mark.parametrize("name", NAMES)
def test_every_short_name_makes_a_space_with_the_published_sizes(name):
    space = make(name, TASK, {})
    assert type(space) is resolve(name)
    assert space.choices


def test_a_space_of_the_users_own(tmp_path):
    path = tmp_path / "own_space.py"
    path.write_text(OWN_SPACE)
    space = make(f"{path}:Own", TASK, {"depth": 3, "nodes": 2})
    assert isinstance(space, CellSpace)
    assert (space.cells, space.nodes) == (3, 2)
    with pytest.raises(InputError, match="needs the option 'depth'"):
        make(f"{path}:Own", TASK, {})
    with pytest.raises(InputError, match="not a search space"):
        resolve(f"{path}:function")


def test_a_reference_to_a_module():
    assert resolve("dfnas.spaces.darts:CellSpace") is CellSpace


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("dart", {}, "unknown space 'dart'; expected one of darts, mbconv, nasbench201, shufflenet, or your own"),
        ("darts", {"layers": 8}, "takes no option 'layers'; it takes channels, cells, nodes"),
        ("darts", {"nodes": 0}, "'darts' cannot be made: nodes is 0; expected a whole number, 1 or more"),
        ("darts", {"cells": "8"}, "cells is '8'; expected a whole number"),
        ("darts", {"cells": True}, "cells is True; expected a whole number"),
        ("darts", {"stem": "mnist"}, "stem is 'mnist'; expected one of cifar, imagenet"),
        ("darts", {"stem": "imagenet", "channels": 1}, "channels is 1; expected a whole number, 2 or more"),
        ("darts", {"auxiliary": "yes"}, "auxiliary is 'yes'; expected true or false"),
        ("mbconv", {"widths": 24}, "widths is 24; expected a list of whole numbers"),
        ("mbconv", {"widths": []}, r"widths is \[\]; expected a list"),
        ("mbconv", {"depths": [1, 2]}, "depths has 2 entries; expected 6, one for each stage"),
        ("mbconv", {"strides": [3, 1, 1, 1, 1, 1]}, r"strides\[0\] is 3; expected one of 1, 2"),
        ("mbconv", {"kernels": [3, 4]}, "expected odd sizes"),
        ("mbconv", {"kernels": [3, 3]}, "expected each once"),
        ("mbconv", {"dropout": 1.0}, "dropout is 1.0; expected a number from 0 to below 1"),
        ("shufflenet", {"widths": [64, 160, 320, 641]}, "expected even numbers, each larger than the one before"),
        ("shufflenet", {"stem_width": 64}, "the first larger than stem_width, 64"),
        ("nasbench201", {"cells_per_stage": 1.5}, "cells_per_stage is 1.5; expected a whole number"),
    ],
)
def test_mistakes_are_told_in_one_line(name, options, message):
    with pytest.raises(InputError, match=message) as caught:
        make(name, TASK, options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("count", [1.0, "1", True, 0, -10, None])
@pytest.mark.parametrize("key", ["channels", "classes"])
def test_a_task_written_by_hand_is_of_whole_numbers(key, count):
    task = {"channels": 1, "size": 8, "classes": 10, key: count}
    with pytest.raises(InputError, match=rf"^by_hand\.json: task\.{key} is .*; expected a whole number, 1 or more"):
        space_of({"format": 1, "space": {"name": "darts"}, "task": task, "choices": {}}, "by_hand.json")
