"""JSON files against their models, and what is said of what does not fit."""

from pathlib import Path
from typing import Any, Literal

import pytest

from dfnas.artifacts.document import Document, Number, Part, Whole
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import write_json


class Inner(Part):
    c: Number


class Sample(Document):
    """Of every kind of value that our files have."""

    text: str
    flag: bool
    count: Whole
    figure: Number
    unknown: Number | None
    figures: list[Number]
    inner: Inner | None
    by_name: dict[str, Inner]
    run: dict[str, str | Whole]
    empty: Literal[""]
    anything: Any
    absent: str = "not there"


SOUND = {
    "text": "é",
    "flag": True,
    "count": 3,
    "figure": 1,
    "unknown": None,
    "figures": [1, 2.5],
    "inner": {"c": 0.5},
    "by_name": {"b": {"c": 1}},
    "run": {"name": "a", "seed": 0},
    "empty": "",
    "anything": [None],
}
LONG = f"{'1' + 39 * '0'}…"
MISFITS = [
    ({"figure": "ha"}, "has \"ha\" for 'figure', expected a number"),
    ({"figure": True}, "has true for 'figure', expected a number"),
    ({"figure": 10**400}, f"has {LONG} for 'figure', expected a number"),
    ({"count": 1.5}, "has 1.5 for 'count', expected a whole number"),
    ({"count": False}, "has false for 'count', expected a whole number"),
    ({"count": 10**400}, f"has {LONG} for 'count', expected a whole number"),
    ({"text": None}, "has null for 'text', expected a text"),
    ({"absent": None}, "has null for 'absent', expected a text"),
    ({"flag": 1}, "has 1 for 'flag', expected true or false"),
    ({"unknown": "ha"}, "has \"ha\" for 'unknown', expected a number"),
    ({"figures": [1, "ha"]}, "has \"ha\" for 'figures.1', expected a number"),
    ({"figures": {}}, "has {} for 'figures', expected a list"),
    ({"inner": [1]}, "has [1] for 'inner', expected an object"),
    ({"inner": {}}, "has no 'inner.c'"),
    ({"by_name": {"b": {"c": []}}}, "has [] for 'by_name.b.c', expected a number"),
    ({"by_name": 0}, "has 0 for 'by_name', expected an object"),
    ({"run": {"seed": 0.5}}, "has 0.5 for 'run.seed', expected a text"),
    ({"run": {"seed": [None]}}, "has [null] for 'run.seed', expected a text"),
    ({"empty": 0}, "has empty 0, expected ''"),
]


def test_a_document_is_written_as_it_was_read(tmp_path):
    """To the byte: numbers stay what they are, and what is not there stays away."""
    for name, document in (("a", SOUND), ("b", SOUND | {"absent": "there"})):
        write_json(tmp_path / name, document)
        read = Sample.read(tmp_path / name)
        assert read.absent == ("there" if name == "b" else "not there")
        read.write(tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == (tmp_path / name).read_bytes()


@pytest.mark.parametrize(("change", "story"), MISFITS)
def test_what_does_not_fit_is_one_line(tmp_path, change, story):
    write_json(tmp_path / "a.json", SOUND | change)
    with pytest.raises(InputError) as caught:
        Sample.read(tmp_path / "a.json")
    assert str(caught.value).startswith(f"{tmp_path / 'a.json'} {story}; delete it to rebuild it: rm ")


@pytest.mark.parametrize("key", SOUND)
def test_what_is_missing_is_named(tmp_path, key):
    write_json(tmp_path / "a.json", {name: value for name, value in SOUND.items() if name != key})
    with pytest.raises(InputError, match=f"has no '{key}'; delete it"):
        Sample.read(tmp_path / "a.json")


def test_the_place_of_a_part_stands_before_its_keys():
    with pytest.raises(InputError, match=r"model\.pt has no 'provenance\.c'"):
        Inner.of({}, "model.pt", "provenance")
    with pytest.raises(InputError, match=r"model\.pt has \[\] for 'provenance', expected an object"):
        Inner.of([], "model.pt", "provenance")


def test_the_page_shows_a_module_as_it_stands():
    root = Path(__file__).parents[3]
    *_, page = (root / "docs" / "extending.md").read_text().split("\n## An artifact\n")
    assert page.split("```python\n")[1].split("```")[0] in (root / "dfnas/artifacts/calibration.py").read_text()
