"""CSV files against their models, and what is said of what does not fit."""

from typing import Annotated

import pytest
from pydantic import ConfigDict, Field

from dfnas.artifacts.lines import Line, decimals
from dfnas.runtime.errors import InputError


class Sample(Line):
    name: str
    count: int | None = None
    figure: Annotated[float | None, decimals(3)] = None
    label: Annotated[str, Field(alias="class")]


class Open(Sample):
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Annotated[float | None, decimals(1)]]


def test_lines_are_written_as_they_were_read(tmp_path):
    text = 'name,count,figure,class\n"a,b",3,0.500,x\n,,,y\n'
    (tmp_path / "a.csv").write_text(text)
    lines = Sample.read(tmp_path / "a.csv")
    assert [(line.name, line.count, line.figure, line.label) for line in lines] == [
        ("a,b", 3, 0.5, "x"),
        ("", None, None, "y"),
    ]
    Sample.write(tmp_path / "b.csv", lines)
    assert (tmp_path / "b.csv").read_text() == text


def test_columns_that_only_some_lines_have_follow_the_others(tmp_path):
    lines = [Open(name="a", label="x"), Open(name="b", label="y", gpu_ms=1.25)]
    Open.write(tmp_path / "a.csv", lines)
    assert (tmp_path / "a.csv").read_text() == "name,count,figure,class,gpu_ms\na,,,x,\nb,,,y,1.2\n"
    assert Open.read(tmp_path / "a.csv")[1].model_extra == {"gpu_ms": 1.2}


@pytest.mark.parametrize(
    ("text", "story"),
    [
        ("name,count,figure\n", " has no column 'class'"),
        ("name,count,figure,class\na,,,x\nb,,much,y\n", ", row 2: has \"much\" for 'figure', expected a number"),
        ("name,count,figure,class\na,,nan,x\n", ", row 1: has \"nan\" for 'figure', expected a number"),
        ("name,count,figure,class\na,1.5,,x\n", ", row 1: has \"1.5\" for 'count', expected a whole number"),
        ("name,count,figure,class\na,1\n", ", row 1: expected 4 values"),
    ],
)
def test_what_does_not_fit_is_one_line(tmp_path, text, story):
    (tmp_path / "a.csv").write_text(text)
    with pytest.raises(InputError) as caught:
        Sample.read(tmp_path / "a.csv")
    assert str(caught.value).startswith(f"{tmp_path / 'a.csv'}{story}; delete it to rebuild it: rm ")
