"""What a configuration says and YAML would lose or change without a word: one line with file and lines."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from running import ROOT, command, complaint, snakemake
from snakemake.cli import parse_config

from dfnas.runtime.errors import InputError
from dfnas.runtime.files import read_csv
from dfnas.settings.lookup import LookupSettings

sys.path.insert(0, str(ROOT / "workflow"))
from config_files import check_command_line, read_configuration_file, with_numbers
from configuration import _check_table

LOST = {
    "a key": ("retrain:\n  epochs: 3\n  lr: 0.1\n  epochs: 4\n", ["line 2 and line 4", "'retrain.epochs'", "twice"]),
    "a section": ("retrain:\n  epochs: 3\nretrain:\n  lr: 0.1\n", ["line 1 and line 3", "'retrain'", "twice"]),
    "a key in braces": ("teacher:\n  arguments: {depth: 8, depth: 20}\n", ["line 2", "'teacher.arguments.depth'"]),
    "a key in a list": ("a:\n- {b: 1}\n- b: 1\n  b: 2\n", ["line 3 and line 4", "'a.1.b'"]),
    "keys of two types": ("sources:\n  1: {}\n  '1': {}\n", ["line 2 and line 3", "'sources.1'"]),
    "keys of two notations": ("sources:\n  0x1: {}\n  1: {}\n", ["line 2 and line 3", "'sources.1'"]),
    "a key of JSON": ('{\n\t"device": "cpu",\n\t"device": "cuda"\n}\n', ["line 2 and line 3", "'device'"]),
    "a key behind a mark": ("\ufeffdevice: cpu\ndevice: cuda\n", ["line 1 and line 2", "'device'"]),
    "a key of old Mac lines": ("device: cpu\rdevice: cuda\r", ["line 1 and line 2", "'device'"]),
    "an octal number": (
        "comparison:\n  seeds: [007, 010]\n",
        ["line 2", "comparison.seeds.0", "007 is octal", "write 7"],
    ),
    "minutes and seconds": ("resources:\n  retrain:\n    runtime: 1:30\n", ["line 3", "sixties", "write 90"]),
    "a name that is false": ("sources:\n  no: {}\n", ["line 2", "'sources.no'", "quotes"]),
    "a name that is null": ("sources:\n  ~: {}\n", ["line 2", "'sources.~'", "quotes"]),
}


@pytest.mark.parametrize("case", LOST)
def test_what_would_be_lost_without_a_word_is_refused(tmp_path, case):
    text, named = LOST[case]
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8", newline="")
    with pytest.raises(InputError) as caught:
        read_configuration_file(tmp_path / "mine.yaml")
    assert "\n" not in str(caught.value)
    missing = [part for part in (str(tmp_path / "mine.yaml"), *named) if part not in str(caught.value)]
    assert not missing, str(caught.value)


READ = {
    "plain": b"retrain:\n  epochs: 3\n",
    "a byte-order mark": b"\xef\xbb\xbfretrain:\n  epochs: 3\n",
    "Windows' lines": b"retrain:\r\n  epochs: 3\r\n",
    "JSON with tabs": b'{"retrain":\n\t{"epochs": 3}}',
    "JSON with a mark": b'\xef\xbb\xbf{"retrain": {"epochs": 3}}',
    "a key over one that is merged": b"retrain:\n  <<: {epochs: 4}\n  epochs: 3\n",
    "a template": b"__use_yte__: true\nretrain:\n  ?if True:\n    epochs: 3\n  ?else:\n    epochs: 4\n",
}


@pytest.mark.parametrize("case", READ)
def test_what_is_unusual_and_plain(tmp_path, case):
    (tmp_path / "mine.yaml").write_bytes(READ[case])
    assert read_configuration_file(tmp_path / "mine.yaml")["retrain"] == {"epochs": 3}


UNREADABLE = {
    "UTF-16": ("device: cpu\n".encode("utf-16"), ["not text in UTF-8", "iconv"]),
    "Latin-1": ("results_dir: größe\n".encode("latin-1"), ["not text in UTF-8 (byte 16)"]),
    "a tab": (b"retrain:\n\tepochs: 3\n", ["line 2", "a tab"]),
    "a wrong indentation": (b"retrain:\n  epochs: 3\n   lr: 1\n", ["line 3", "indentation"]),
    "a colon in a text": (b"results_dir: C: data\n", ["line 1", "quotes"]),
    "braces left open": (b"retrain: {lr: 0.1\n", ["line 2", "expected ',' or '}'"]),
    "an anchor twice": (b"x: &a 1\ny: &a 2\n", ["line 2", "duplicate anchor 'a'"]),
    "two documents": (b"a: 1\n---\nb: 2\n", ["line 2", "second document"]),
    "nothing": (b"# nothing yet\n", ["says nothing"]),
    "a list": (b"- retrain\n", ["expected sections"]),
    "what is part of itself": (b"retrain: &a\n  augmentation: *a\n", ["line 1", "'retrain.augmentation'", "(*)"]),
    "a number without end": (b"retrain:\n  epochs: " + b"9" * 5000, ["line 2", "retrain.epochs", "5000 digits"]),
    "nested without end": (b"retrain: " + b"[" * 20_000, ["nested too deeply"]),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_no_parser_takes_is_named_with_its_line(tmp_path, case):
    content, named = UNREADABLE[case]
    (tmp_path / "mine.yaml").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_configuration_file(tmp_path / "mine.yaml")
    assert len(str(caught.value)) < 400 + len(str(tmp_path))
    missing = [part for part in (str(tmp_path / "mine.yaml"), *named) if part not in str(caught.value)]
    assert not missing, str(caught.value)


COMMANDS = {
    "a key twice": (
        ["--config", "device=cpu", "results_dir=a", "device=cuda", "-n"],
        "--config device=… is given twice",
    ),
    "the option twice": (["--config", "device=cpu", "-C", "results_dir=a"], "--config is given twice"),
    "a key twice behind a sign": (["--config=device=cpu", "device=cuda"], "--config device=… is given twice"),
    "a key within a value": (
        ["-C", "retrain={lr: 1, lr: 2}"],
        "line 1 and line 1: the key 'retrain.lr' is given twice",
    ),
}


@pytest.mark.parametrize("case", COMMANDS)
def test_a_command_line_that_says_something_twice(case):
    arguments, named = COMMANDS[case]
    with pytest.raises(InputError) as caught:
        check_command_line(["snakemake", *arguments])
    assert named in str(caught.value)


def test_numbers_within_the_command_line():
    """Snakemake leaves what is nested a text."""
    said = parse_config(
        ["search_darts={space: {name: '8', options: {channels: 8, wide: true, rates: [1e-3]}}}", "ab=010"]
    )
    expected = {
        "search_darts": {"space": {"name": "8", "options": {"channels": 8, "wide": True, "rates": [0.001]}}},
        "ab": 10,
    }
    assert json.dumps(with_numbers(said)) == json.dumps(expected)  # in which 8 is not 8.0


def test_a_command_line_that_says_everything_once():
    check_command_line(["snakemake", "--config", "n=010", "t=1:30", "retrain={epochs: 010, a: 1:30, no: 1}"])
    check_command_line(["snakemake", "--config", "device=cpu", "results_dir=a=b", "--cores", "1", "device=none"])
    check_command_line(["snakemake", "--cores", "1", "results/table1.csv"])


def test_the_workflow_itself_refuses_it(tmp_path):
    """What its own parser would have taken; in a process of its own, as a user sees it."""
    file = tmp_path / "mine.yaml"
    file.write_text("retrain:\n  epochs: 3\nretrain:\n  lr: 0.1\n")
    for arguments in ({"configuration": (file,)}, {}):
        given = [] if arguments else ["--config", "device=cpu", "device=auto"]
        done = snakemake(tmp_path / "run", "--dry-run", *given, **arguments, real=True)
        assert done.returncode == 1
        (line,) = complaint(done)
        assert line.startswith("configuration: error: ")
        assert "twice" in line


@pytest.mark.parametrize("kind", ["results_dir", "weights"])
def test_a_folder_of_the_users_home(tmp_path, kind):
    """No folder is called `~`, and none `$MINE`."""
    home = tmp_path / "home"
    home.mkdir()
    text = {"results_dir": "results_dir: ~/$MINE/found\n", "weights": "teacher: {weights: '~/${MINE}/t.pt'}\n"}[kind]
    (tmp_path / "mine.yaml").write_text(text)
    target = f"{home}/place/found/table1.csv" if kind == "results_dir" else "results/teacher/teacher.pt"
    call = command(tmp_path / "run", "--dry-run", target, configuration=(tmp_path / "mine.yaml",))
    call["env"] |= {"HOME": str(home), "MINE": "place"}
    if kind == "weights":
        (home / "place").mkdir()
        (home / "place" / "t.pt").touch()
    done = subprocess.run(**call, capture_output=True, timeout=600)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert f"{home}/place" in done.stdout
    assert not [path for path in Path(tmp_path / "run").iterdir() if path.name.startswith(("~", "$"))]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_a_table_with_a_byte_order_mark_has_its_first_column(tmp_path, encoding):
    """As spreadsheets save it."""
    table = tmp_path / "table.csv"
    table.write_text("ArchitectureString,error\r\na,1\r\n", encoding=encoding, newline="")
    lookup = LookupSettings(table=str(table), column="error", class_column=None)
    compared = SimpleNamespace(names=())
    _check_table(SimpleNamespace(lookup=lookup, comparison=compared))
    assert read_csv(table, ["ArchitectureString"]) == [{"ArchitectureString": "a", "error": "1"}]
    with pytest.raises(InputError, match=r"lookup\.class_column = 'own': .* expected one of ArchitectureString, error"):
        _check_table(SimpleNamespace(lookup=lookup.model_copy(update={"class_column": "own"}), comparison=compared))
