"""Objects by name."""

import math

import pytest

from dfnas.runtime.errors import InputError
from dfnas.runtime.objects import load_object

USERS = """
from dataclasses import dataclass

@dataclass
class Width:
    value: int = 4

double = lambda x: 2 * x
"""


def test_a_module_and_a_file_give_their_objects(tmp_path):
    path = tmp_path / "users_own.py"
    path.write_text(USERS)
    assert load_object("math:sqrt") is math.sqrt
    assert load_object(f"{path}:Width")().value == 4
    assert load_object(f"{path}:double")(3) == 6


@pytest.mark.parametrize(
    ("reference", "story"),
    [
        ("math", "of the form module:name"),
        (":sqrt", "of the form module:name"),
        ("math:", "of the form module:name"),
        ("math:a b", "of the form module:name"),
        ("math:squareroot", "nothing called squareroot"),
        ("no_such_module:x", "no module no_such_module"),
        ("no_such_folder/space.py:x", "no file no_such_folder/space.py"),
    ],
)
def test_what_cannot_be_found_is_one_line_with_the_name(reference, story):
    with pytest.raises(InputError, match=story) as caught:
        load_object(reference)
    assert reference in str(caught.value)
    assert "\n" not in str(caught.value)
