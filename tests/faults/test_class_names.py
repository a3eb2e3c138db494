"""Original data whose classes are not in the teacher's order: never a figure, and one line with the remedy."""

import json

import pytest
from stage_calls import TEACHER, run

from dfnas.dataset.images import load_split
from dfnas.runtime.files import read_json

SWAPPED = ["1", "0", *map(str, range(2, 10))]


@pytest.fixture
def named(chain, capsys):
    """Original data with other names of their classes."""

    def shard(names: list[str]) -> None:
        assert run("shard_original", *chain.shard_original(), "--class-names", json.dumps(names)) == 0
        capsys.readouterr()

    return shard


@pytest.mark.parametrize("stage", ["evaluate", "judge_images", "pretrain_teacher"])
def test_classes_in_another_order_are_refused(chain, named, fails, stage):
    named(SWAPPED)
    line = fails(stage, getattr(chain, stage)(), "the same classes in another order", "teacher.class_names")
    assert "'1' is class 0 in one and class 1 in the other" in line


@pytest.mark.parametrize("stage", ["retrain", "supernet_spos"])
def test_a_teacher_labels_no_images_whose_classes_are_in_another_order(chain, named, fails, stage):
    named(SWAPPED)
    options = chain.retrain()
    if stage == "supernet_spos":
        options = ["--search-data", "original", "--seed", "0", "--space", options_of_space(chain)]
        options += ["--out", chain.folder / "supernet.pt", "--timing", chain.folder / "supernet.json"]
        options += ["--dataset", chain.folder / "original.h5"]
    else:
        options[options.index("--dataset") + 1] = chain.folder / "original.h5"
    asked = ["--labels", "teacher", "--teacher", chain.folder / "teacher.pt"]
    fails(stage, [*options, *asked], "the same classes in another order")


def options_of_space(chain) -> str:
    return json.dumps(read_json(chain.folder / "architecture.json")["space"])


def test_the_order_of_the_given_names_is_that_of_the_classes(chain, named):
    device = "cpu"
    before = load_split(chain.folder / "original.h5", "test", device)
    named(SWAPPED)
    after = load_split(chain.folder / "original.h5", "test", device)
    assert after.class_names == tuple(SWAPPED)
    for label, name in enumerate(SWAPPED):
        assert (after.images[after.targets == label] == before.images[before.targets == int(name)]).all()
        assert (after.soft_labels[after.targets == label, label] == 1).all()


def test_names_of_another_vocabulary_are_taken_in_their_order_with_a_line(chain, named, capsys):
    teacher = {**TEACHER, "class_names": list("abcdefghij")}
    options = chain.pretrain_teacher()
    options[options.index("--teacher") + 1] = json.dumps(teacher)
    assert run("pretrain_teacher", *options) == 0
    assert "warning" not in capsys.readouterr().err, "numbers are no names"
    named(list("klmnopqrst"))
    assert run("pretrain_teacher", *options) == 0
    assert "name their classes differently ('k', 'a')" in capsys.readouterr().err


def test_names_that_match_in_part_are_refused(chain, named, fails):
    options = chain.pretrain_teacher()
    options[options.index("--teacher") + 1] = json.dumps({**TEACHER, "class_names": list("abcdefghij")})
    named(list("bacdefghix"))
    fails("pretrain_teacher", options, "cannot be matched, with 'x', 'j' only in one of them", "teacher.class_names")
