"""The scripts for a GPU that is lent for a short time: what runs there first has run on the CPU."""

import csv
import importlib.util
import sys
from importlib import util
from pathlib import Path

import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def script(monkeypatch):
    """A script of benchmarks/ as a module."""
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    known = set(sys.modules)

    def load(name: str):
        specification = importlib.util.spec_from_file_location(name, BENCHMARKS / f"{name}.py")
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        return module

    yield load
    for name in set(sys.modules) - known:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCHMARKS)):
            del sys.modules[name]


@pytest.fixture
def called(script, monkeypatch, tmp_path):
    """Calls the first quarter of an hour at its small sizes on the CPU, and gives the lines of its file."""
    deterministic = torch.are_deterministic_algorithms_enabled()
    filled = torch.utils.deterministic.fill_uninitialized_memory

    def call(*more: str) -> list[dict[str, str]]:
        out = tmp_path / "quarter.csv"
        monkeypatch.setattr(sys, "argv", ["quarter", "--device", "cpu", "--small", "--out", str(out), *more])
        script("gpu_first_quarter_hour").main()
        with out.open(newline="") as file:
            return list(csv.DictReader(file))

    yield call
    torch.use_deterministic_algorithms(deterministic)
    torch.utils.deterministic.fill_uninitialized_memory = filled


def of(lines: list[dict[str, str]], figure: str) -> list[str]:
    return [line["value"] for line in lines if line["figure"] == figure]


@pytest.mark.slow
def test_all_but_the_compiler_runs_on_the_cpu(called):
    lines = called("--parts", "1235", "--seconds", "10000")
    assert [line for line in lines if line["figure"] in ("failed", "skipped", "cut short")] == []
    assert of(lines, "difference") == ["0"] * 3
    assert of(lines, "twice") == of(lines, "resumed") == ["True"] * 5
    assert len(of(lines, "TF32")) == 2
    assert len(of(lines, "busy")) == 5


@pytest.mark.slow
def test_a_student_learns_in_the_time_that_is_left(called):
    lines = called("--parts", "6", "--seconds", "20")
    assert "failed" not in [line["figure"] for line in lines]
    assert "teacher" in next(line["what"] for line in lines if line["figure"] == "test")


@pytest.mark.slow
def test_the_inversion_is_timed_without_and_with_the_compiler(script):
    module = script("inversion_gpu")
    for mode in ("float32", "bfloat16 compiled, graphs"):
        figures = module.measured("resnet8_16px", mode, 2, torch.device("cpu"), 1, limit=False)
        assert figures["step_s"] > 0
        assert "limit_s" not in figures


def test_what_does_not_fit_is_skipped_and_the_file_says_so(called):
    lines = called("--seconds", "0")
    assert {line["part"][0] for line in lines} == set("0123456")
    assert all(line["figure"] == "skipped" and "0 s are left" in line["note"] for line in lines[1:])


def test_time_ends_what_is_being_measured(script, tmp_path, capsys):
    module = script("gpu_first_quarter_hour")
    table = module.Table(tmp_path / "table.csv", 0.2)

    def endless():
        yield "first", 1.0, "s"
        while True:
            pass

    table.measure(module.Measurement("1 right", "endless", 0, endless))
    assert [line.split(",")[3] for line in (tmp_path / "table.csv").read_text().splitlines()[1:]] == [
        "first",
        "cut short",
    ]


def test_busy_time_is_that_of_a_union(script):
    covered = script("gpu_first_quarter_hour").covered
    assert covered([(4.0, 6.0), (0.0, 2.0), (1.0, 3.0), (1.5, 1.75)]) == 5.0
    assert covered([]) == 0


@pytest.mark.parametrize("name", ["gpu_first_quarter_hour", "inversion_gpu", "gpu_student", "quick"])
def test_a_missing_package_is_one_line(script, monkeypatch, name):
    find = util.find_spec
    monkeypatch.setattr(util, "find_spec", lambda package: None if package == "pydantic" else find(package))
    monkeypatch.delitem(sys.modules, "needed", raising=False)
    with pytest.raises(SystemExit, match=r"^this Python has no pydantic: python -m pip install pydantic; .*PYTHONPATH"):
        script(name)
