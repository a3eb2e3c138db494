"""A space of the user's own that does not keep what `Space` promises: one line each, with the place in their file."""

import errno
import importlib
import json
import re

import pytest
from calling import call

from dfnas.runtime.errors import InputError
from dfnas.runtime.files import read_json
from dfnas.runtime.limits import denied
from dfnas.runtime.users_code import blamed
from dfnas.spaces.registry import make
from dfnas.spaces.space import Task
from dfnas.stages.check_spaces import STAGE, check_spaces

TASK = Task(3, 8, 5)

SPACE = """
import random
import numpy
import torch
from torch import nn
from dfnas.spaces.slot import Slot
from dfnas.spaces.space import Space

NAMES = ("thin", "same")

class Failing(nn.Sequential):
    def forward(self, x):
        return self.nothing

class WithAuxiliary(nn.Sequential):
    def forward(self, x):
        return (super().forward(x), None) if self.training else super().forward(x)

def options(width):
    thin = nn.Sequential(nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width))
    return {"thin": thin, "same": nn.Identity()}

class Own(Space):
    def __init__(self, task, *, width: int = 4):
        self.task, self.width = task, width
        self.choices = {"first": NAMES, "second": NAMES}

    def assembled(self, middle):
        stem = nn.Conv2d(self.task.channels, self.width, 3)
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(self.width, self.task.classes)]
        return nn.Sequential(stem, *middle, *head)

    def supernet(self):
        return self.assembled([Slot(choice, options(self.width)) for choice in self.choices])

    def network(self, architecture):
        self.check(architecture)
        return self.assembled([options(self.width)[architecture[choice]] for choice in self.choices])
"""


def line_of(text: str) -> int:
    return SPACE[: SPACE.index(text)].count("\n") + 1


@pytest.fixture
def checked(tmp_path, capsys, monkeypatch):
    """checked(old, new, …): exit status and error of the stage for the space with some of its text replaced."""
    monkeypatch.chdir(tmp_path)

    def check(*replacements: tuple[str, str], name="own.py:Own", downscale=1, **options) -> tuple[int, str]:
        text = SPACE
        for old, new in replacements:
            assert old in text
            text = text.replace(old, new)
        (tmp_path / "own.py").write_text(text)
        searches = json.dumps({"search_spos": {"space": {"name": name, "options": options}, "downscale": downscale}})
        task = ["--channels", "3", "--size", "8", "--classes", "5", "--device", "cpu"]
        status = STAGE.main(check_spaces, ["--searches", searches, *task, "--out", str(tmp_path / "space.json")])
        return status, capsys.readouterr().err

    return check


@pytest.mark.slow
def test_a_space_that_keeps_it_is_described_without_a_budget_beside_it(checked, tmp_path):
    assert checked(width=8) == (0, "")
    said = read_json(tmp_path / "space.json")["search_spos"]
    assert (said["choices"], said["options"]) == (2, 4)
    weights = [3 * 8 * 9 + 8 + 8 * 5 + 5 + more for more in (0, 2 * (64 + 16))]
    assert said["params_m"] == [count / 1e6 for count in weights]


CONSTRUCTOR, SUPERNET, NETWORK = map(line_of, ("def __init__", "def supernet", "def network"))
ASSEMBLED = "nn.Linear(self.width, self.task.classes)"
CHOICES = 'self.choices = {"first": NAMES, "second": NAMES}'
SLOTS = "[Slot(choice, options(self.width)) for choice in self.choices]"
CHOSEN = "return self.assembled([options(self.width)[architecture[choice]] for choice in self.choices])"
WRONG_TABLE = """

    def parameters_table(self):
        from dfnas.spaces.costs import CostTable
        return CostTable(self.choices, 7, {})"""

FAULTS = {
    "no task among its arguments": (
        ("self, task, *, width: int = 4", "self, width: int = 4"),
        f"its constructor takes no task (own.py:{CONSTRUCTOR}); expected def __init__(self, task, *, ...)",
    ),
    "a first argument that is a size": (
        ("self, task, *, width: int = 4", "self, width: int"),
        f"its constructor takes no task (own.py:{CONSTRUCTOR})",
    ),
    "no attribute task": (
        ("self.task, self.width = task, width", "self.width = width"),
        f"it has no attribute task; its constructor has to say self.task = task (own.py:{CONSTRUCTOR})",
    ),
    "no attribute choices": ((CHOICES, "pass"), "it has no attribute choices; expected a dictionary"),
    "a choice without options": ((CHOICES, 'self.choices = {"first": ()}'), "the choice 'first' has the options ()"),
    "options as one text": ((CHOICES, 'self.choices = {"first": "ab"}'), "the choice 'first' has the options 'ab'"),
    "options as a set": ((CHOICES, 'self.choices = {"first": {"a"}}'), "expected a tuple of one or more names"),
    "an option named twice": ((CHOICES, 'self.choices = {"first": ("a", "a")}'), "a, a; expected each once"),
    "a choice that is a number": ((CHOICES, "self.choices = {1: NAMES}"), "the choice 1 has a name that cannot be"),
    "an option with a bar": ((CHOICES, 'self.choices = {"a": ("b|c",)}'), "an option 'b|c'; expected a text on one"),
    "a size that a layer refuses": (
        ("nn.Conv2d(width, width, 1, bias=False)", "nn.Conv2d(width, width, 1, groups=3, bias=False)"),
        f"supernet(): ValueError: in_channels must be divisible by groups (own.py:{line_of('    thin =')})",
    ),
    "layers that do not follow each other": (
        (ASSEMBLED, "nn.Linear(self.width + 1, self.task.classes)"),
        "supernet(): RuntimeError: in its layer '5' (Linear): ",
        f"(own.py:{SUPERNET})",
    ),
    "a forward that fails": (
        ("return nn.Sequential(stem", "return Failing(stem"),
        "supernet(): AttributeError: 'Failing' object has no attribute 'nothing' ",
        f"(own.py:{line_of('return self.nothing')})",
    ),
    "another number of classes": (
        (ASSEMBLED, "nn.Linear(self.width, 7)"),
        f"supernet(): the network maps (2, 3, 8, 8) to (2, 7); expected logits (2, 5) (own.py:{SUPERNET})",
    ),
    "a slot for no choice": (
        (SLOTS, '[Slot("third", options(self.width))]'),
        f"supernet(): it has a slot for 'third', which is no choice of the space (own.py:{SUPERNET})",
    ),
    "one slot named twice and none for the other": (
        (SLOTS, '[Slot("first", options(self.width)) for choice in self.choices]'),
        f"supernet(): it has no slot for the choice 'second' (1 such) (own.py:{SUPERNET})",
    ),
    "options in another order": (
        ('{"thin": thin, "same": nn.Identity()}', '{"same": nn.Identity(), "thin": thin}'),
        "supernet(): its slot for 'first' has the options same, thin; expected those of the choice, in their order",
    ),
    "options of several shapes": (
        ('"same": nn.Identity()', '"same": nn.MaxPool2d(2)'),
        "the option 'same' of 'first' maps (2, 4, 6, 6) to (2, 4, 3, 3), and 'thin' to (2, 4, 6, 6); expected one",
    ),
    "an option for other channels": (
        ('"same": nn.Identity()', '"same": nn.Conv2d(width + 1, width, 1)'),
        "the option 'same' of 'first' does not take (2, 4, 6, 6): ",
    ),
    "a supernet that gives more than logits in training": (
        (f"return self.assembled({SLOTS})", f"return WithAuxiliary(*self.assembled({SLOTS}))"),
        "supernet(): the network returns a tuple; expected logits, a tensor (2, 5)",
    ),
    "networks whose layers do not follow each other": (
        (CHOSEN, CHOSEN.replace("return self", "return nn.Sequential(nn.Conv2d(4, 4, 1), *self") + ")"),
        "network(): RuntimeError: in its layer '0' (Conv2d): ",
        f"(own.py:{NETWORK})",
    ),
    "a table of costs that is not of the networks": (
        (CHOSEN, CHOSEN + WRONG_TABLE),
        "network(): first=thin,second=thin has ",
        " weights, and by parameters_table() 7; ",
    ),
    "one text for several architectures": (
        (
            CHOSEN,
            CHOSEN
            + "\n\n    def to_string(self, architecture):\n        return ','.join(sorted(architecture.values()))",
        ),
        "to_string(): 'same,thin' means two architectures, with ",
        "expected a text of each, which says what every choice is",
    ),
    "a text that is none": (
        (CHOSEN, CHOSEN + "\n\n    def to_string(self, architecture):\n        return tuple(architecture.values())"),
        "to_string(): it returns a tuple; expected a text",
    ),
    "networks wider than the supernet": (
        (CHOSEN, "self.width += 1; " + CHOSEN.replace("return ", "made = ") + "; self.width -= 1; return made"),
        "network(): first=thin,second=thin has ",
        "by macs_table() ",
        f"slotted_network() (own.py:{NETWORK})",
    ),
    "networks with slots": ((CHOSEN, "return self.supernet()"), "network(): it still has a slot for 'first'"),
    "networks that are none": ((CHOSEN, "return 3"), "network(): it returns a int; expected a torch module"),
    "weights by another generator": (
        (
            CHOSEN,
            CHOSEN.replace("return ", "made = ") + "; nn.init.constant_(made[0].bias, random.random()); return made",
        ),
        "network(): '0.bias' begins as something else each time",
    ),
    "choices by chance": (
        (CHOICES, 'self.choices = {"first": NAMES, "second": NAMES, f"third{random.random()}": NAMES}'),
        "its choices are others when it is made again in the same process: third",
    ),
    "an abstract method left out": (
        ("def network", "def netwrok"),
        "cannot be made: TypeError: Can't instantiate abstract class Own",
        f"(own.py:{CONSTRUCTOR})",
    ),
    "an error while it is imported": (
        ("NAMES = (", "NAMES = 1 / 0, ("),
        "cannot be imported: ZeroDivisionError: division",
    ),
    "no Python": (
        ("import numpy", "import numpy as"),
        f"not Python: invalid syntax (own.py:{line_of('import numpy')})",
    ),
    "a package that is not there": (
        ("import numpy", "import numpie"),
        f"cannot be imported: ModuleNotFoundError: No module named 'numpie' (own.py:{line_of('import numpy')})",
    ),
    "an exit": (("import numpy", "raise SystemExit(0)"), f"it calls sys.exit(0) (own.py:{line_of('import numpy')})"),
}


@pytest.mark.parametrize(("replacement", "stories"), [(f[0], f[1:]) for f in FAULTS.values()], ids=FAULTS)
def test_what_it_breaks_is_one_line_with_the_place(replacement, stories, checked):
    status, error = checked(replacement)
    assert status == 1
    assert error.startswith("check_spaces: error: ")
    assert error.count("\n") == 1
    for story in stories:
        assert story in error
    assert re.search(r"\(own\.py:\d+\)", error)


def test_a_supernet_sees_images_as_the_search_does(checked):
    """6 x 6 after the stem at the full size, 2 x 2 where the search averages: what does not fit these is told."""
    stem = (
        "stem = nn.Conv2d(self.task.channels, self.width, 3)",
        "stem = nn.Conv2d(self.task.channels, self.width, 5)",
    )
    status, error = checked(stem, downscale=2)
    assert status == 1
    assert (
        "search_spos: the space 'own.py:Own': supernet() on images averaged by downscale = 2: RuntimeError: " in error
    )
    assert "in its layer '0' (Conv2d): " in error
    assert error.endswith(f"(own.py:{SUPERNET})\n")


RATES = "rates = [x.item() for x in torch.linspace(0, 0.1, 2)]; "


@pytest.mark.slow
@pytest.mark.parametrize(
    "replacement",
    [
        (CHOSEN, RATES + CHOSEN),
        ("return self.assembled([Slot", RATES + "return self.assembled([Slot"),
    ],
    ids=["network()", "supernet()"],
)
def test_code_that_reads_values_is_asked_where_there_are_some(replacement, checked):
    assert checked(replacement) == (0, "")


@pytest.mark.parametrize(
    ("error", "story"),
    [
        ("raise SystemExit(3)", f"supernet(): it calls sys.exit(3) (own.py:{SUPERNET + 1})\n"),
        ("1 / 0", f"supernet(): ZeroDivisionError: division by zero (own.py:{SUPERNET + 1})\n"),
    ],
)
def test_an_error_names_its_place_once(error, story, checked):
    old = "return self.assembled([Slot"
    assert checked((old, f"{error}; {old}"))[1].endswith(story)


def test_what_the_machine_lacks_stays_behind_a_complaint():
    """`denied` looks for it there."""
    with pytest.raises(InputError) as caught, blamed("outer"), blamed("inner"):
        raise OSError(errno.EMFILE, "Too many open files")
    assert denied(caught.value) is not None


@pytest.mark.slow
def test_an_order_that_comes_from_a_set_is_seen(checked):
    """Texts have other hashes in every process: what a supernet learnt would be read as if it were of other choices."""
    status, error = checked((CHOICES, 'self.choices = {name: NAMES for name in set("abcdefgh")}'))
    assert status == 1
    assert "its choices are others in another process: " in error
    assert f"take no sets, chance or clocks to make them (own.py:{CONSTRUCTOR})" in error


def test_a_module_is_looked_for_where_the_workflow_was_called(checked, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    status, error = checked(name="nowhere.spaces:Own")
    assert status == 1
    assert (
        f"'nowhere.spaces:Own' cannot be imported: no module nowhere; it is neither installed nor in {tmp_path}"
        in error
    )
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").touch()
    status, error = checked(name="mine.spaces:Own")
    assert "no module mine.spaces; it is" in error
    (tmp_path / "mine" / "spaces.py").write_text("import mine.blocks\n")
    (tmp_path / "mine" / "blocks.py").write_text("\nwidth = 1 / 0\n")
    importlib.invalidate_caches()  # both files are of the moment in which the folder was looked into
    status, error = checked(name="mine.spaces:Own")
    assert "'mine.spaces:Own' cannot be imported: ZeroDivisionError: division by zero (mine/blocks.py:2)" in error


def test_an_error_that_only_another_stage_meets_names_the_line_too(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drawn.py").write_text(SPACE + "\n    def sample(self, rng):\n        return rng.nothing()\n")
    space = json.dumps({"name": "drawn.py:Own", "options": {}})
    task = ["--channels", "3", "--size", "8", "--classes", "5", "--device", "cpu", "--seed", "0"]
    out = ["--out", str(tmp_path / "architecture.json")]
    assert call("search_random", "--space", space, *task, *out) == 1
    assert capsys.readouterr().err == (
        "search_random: error: code of yours, named in the configuration, failed: AttributeError: 'Random' object has "
        f"no attribute 'nothing' (drawn.py:{SPACE.count(chr(10)) + 3})\n"
    )


@pytest.mark.parametrize(
    ("hint", "given", "story"),
    [
        ("width: int = 4", "8", "width is '8'; expected a whole number"),
        ("width: int = 4", 8.0, "width is 8.0; expected a whole number"),
        ("width: int = 4", True, "width is True; expected a whole number"),
        ("width: int = 4", [8], "width is [8]; expected a whole number"),
        ("width: float = 0.5", "0.5", "width is '0.5'; expected a number"),
        ("width: bool = False", 1, "width is 1; expected true or false"),
        ("width: str = 'a'", 1, "width is 1; expected a text"),
        ("width: tuple[int, ...] = (1,)", [1, "2"], "width is [1, '2']; expected a list of whole numbers"),
        ("width: int | None = None", 1.5, "width is 1.5; expected a whole number or null"),
        ("width: Literal['a', 'b'] = 'a'", "c", "width is 'c'; expected one of a, b"),
        ("width=4", "8", "width is '8'; expected a number, as its default 4 is; a type hint can say otherwise"),
        ("width=(1, 2)", ["a"], "width is ['a']; expected a list of numbers, as its default (1, 2) is"),
        ("width=False", "no", "width is 'no'; expected true or false, as its default False is"),
    ],
)
def test_options_are_held_against_hints_and_defaults(hint, given, story, tmp_path):
    with pytest.raises(InputError) as caught:
        make(written(tmp_path, hint), TASK, {"width": given})
    assert f"cannot be made: {story}" in str(caught.value)


@pytest.mark.parametrize(
    ("hint", "given", "taken"),
    [
        ("width: int = 4", 8, 8),
        ("width: float = 0.5", 1, 1.0),
        ("width: 'int' = 4", 8, 8),
        ("width: tuple[int, ...] = (1,)", [1, 2], (1, 2)),
        ("width: tuple[int, str] = (1, 'a')", [2, "b"], (2, "b")),
        ("width: list[int] = None", [1, 2], [1, 2]),
        ("width: int = None", None, None),
        ("width: Unknown = 4", 8, 8),
        ("width=(1,)", [1, 2], (1, 2)),
        ("width=(1, 2)", [1.5], (1.5,)),
        ("width=1", 0.5, 0.5),
        ("width=1", 2, 2),
        ("width=None", "anything", "anything"),
        ("width", [1, "two"], [1, "two"]),
    ],
)
def test_options_arrive_in_the_type_that_is_expected(hint, given, taken, tmp_path):
    made = make(written(tmp_path, hint), TASK, {"width": given})
    assert made.width == taken
    assert type(made.width) is type(taken)


def test_what_a_constructor_hands_on_is_held_against_the_one_before_it(tmp_path):
    name = written(tmp_path, "width: int = 4")
    with open(name.split(":")[0], "a") as file:
        file.write("class Wider(Own):\n    def __init__(self, task, **more):\n        super().__init__(task, **more)\n")
    with pytest.raises(InputError, match="width is '8'; expected a whole number"):
        make(name.replace(":Own", ":Wider"), TASK, {"width": "8"})


def written(folder, hint: str) -> str:
    """A space with one option, which it keeps."""
    (folder / "hinted.py").write_text(
        "from __future__ import annotations\nfrom typing import Literal\nfrom dfnas.spaces.space import Space\n"
        f"class Own(Space):\n    def __init__(self, task, *, {hint}):\n        self.task, self.width = task, width\n"
        "        self.choices = {'a': ('b',)}\n    supernet = network = None\n"
    )
    return f"{folder}/hinted.py:Own"
