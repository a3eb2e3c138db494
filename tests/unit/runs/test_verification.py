"""`dfnas verify` on a small run made by hand: every way in which its files may not belong together."""

import json
import os
import shutil
from pathlib import Path

import pytest

from dfnas.artifacts.picture import write_picture
from dfnas.artifacts.receipt import Folder, write_receipt
from dfnas.commands.main import main
from dfnas.pictures.figures import blank, png
from dfnas.runs import verification
from dfnas.runs.folder import RunFolder
from dfnas.runs.verification import verify
from dfnas.runtime.files import digest, read_json, save_archive, write_bytes, write_csv, write_json

FILES = {
    "teacher/teacher.pt": ("import_teacher", ["../mine.pt"]),
    "search/darts/original/seed-0/architecture.json": ("search_darts", ["teacher/teacher.pt"]),
    "search/darts/original/seed-1/architecture.json": ("search_darts", ["teacher/teacher.pt"]),
    "search/darts/original/seed-2/architecture.json": ("search_darts", ["teacher/teacher.pt"]),
    "report/comparison.png": ("draw_comparison", ["search/darts/original/seed-0/architecture.json"]),
    "table1.csv": ("table1", ["search/darts/original/seed-0/architecture.json"]),
}
TEACHER, FOUND, PICTURE, TABLE = "teacher/teacher.pt", *(list(FILES)[i] for i in (1, 4, 5))
OTHER = FOUND.replace("darts", "spos")


class Run:
    """A run of a few artifacts with their receipts."""

    def __init__(self, path: Path):
        self.path = path
        (path.parent / "mine.pt").write_bytes(b"weights")
        write_json(path / "run.json", {"configuration": {"results_dir": "results"}, "packages": {}})
        for name in FILES:
            self.make(name, name)
        for place in ("logs/table1.log", "benchmarks/table1.tsv", ".dfnas/a.lock", "report.html"):
            write_bytes(path / place, b"not an artifact")

    def make(self, name: str, content: str = "", **said) -> None:
        """Makes a file anew, with its receipt."""
        stage, inputs = FILES[name]
        read = {source: digest(self.path / source) for source in inputs}
        settings = {"epochs": 2, "space": {"name": "darts"}} if stage == "search_darts" else {}
        versions = {"dfnas": "0.1", "torch": "2.14", "code": f"c0de of {stage}", "device": "cpu"}
        provenance = {"stage": stage, **versions, "arguments": {}, "settings": settings, "inputs": read} | said
        out = self.path / name
        if out.suffix == ".pt":
            save_archive(out, {"state": content, "provenance": provenance})
        elif out.suffix == ".json":
            write_json(out, {"choices": content, "provenance": provenance})
        elif out.suffix == ".png":
            write_picture(out, png(blank(0.2, 0.2)), provenance)
        else:
            write_csv(out, ["algorithm"], [{"algorithm": content}])
        write_receipt(Folder(self.path, self.path), out, [out], provenance)

    def receipt(self, name: str) -> Path:
        return self.path / "provenance" / f"{name}.json"

    def found(self) -> list[tuple[str, str]]:
        """The kind and the file of every finding."""
        return [(one.kind, one.file) for one in verify(RunFolder(self.path)).findings]


@pytest.fixture
def made(tmp_path) -> Run:
    return Run(tmp_path / "results")


def test_a_run_that_is_whole(made, capsys):
    assert main(["verify", str(made.path)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"{made.path}: 6 files, 6 receipts, ")
    assert line.endswith(". Everything belongs together.")


def test_a_run_that_was_moved_is_still_whole(made, tmp_path):
    shutil.copytree(tmp_path, tmp_path.with_name("moved"))
    shutil.rmtree(made.path)
    assert not verify(RunFolder(tmp_path.with_name("moved") / "results")).findings


def flip(path: Path, place: int = -30) -> None:
    """Flips a bit of a file."""
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def edit(path: Path, *keys: str, value) -> None:
    """Sets a value of a JSON file."""
    document = part = read_json(path)
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    write_json(path, document)


def dangle(path: Path) -> None:
    """Puts a link that leads nowhere in the place of a file."""
    path.unlink()
    path.symlink_to("nowhere")


CASES = {
    "a table was edited": (lambda run: (run.path / TABLE).write_text("mine\n"), [("changed", TABLE)]),
    "an artifact was edited": (lambda run: edit(run.path / FOUND, "choices", value="other"), [("changed", FOUND)]),
    "an artifact is cut": (lambda run: os.truncate(run.path / FOUND, 40), [("damaged", FOUND)]),
    "a bit of an archive flipped": (lambda run: flip(run.path / TEACHER, 200), [("damaged", TEACHER)]),
    "a bit of a picture flipped": (lambda run: flip(run.path / PICTURE), [("damaged", PICTURE)]),
    "a text is none": (lambda run: (run.path / TABLE).write_bytes(b"\xff\xfe"), [("damaged", TABLE)]),
    "an artifact is gone": (lambda run: (run.path / FOUND).unlink(), [("missing", FOUND)]),
    "a link leads nowhere": (lambda run: dangle(run.path / FOUND), [("missing", FOUND)]),
    "a folder is gone": (lambda run: shutil.rmtree(run.path / "teacher"), [("missing", TEACHER)]),
    "an input was made anew": (
        lambda run: run.make(TEACHER, "other"),
        [("stale", FOUND), *(("stale", FOUND.replace("0", f"{seed}")) for seed in (1, 2))],
    ),
    "the user's weights changed": (
        lambda run: (run.path.parent / "mine.pt").write_bytes(b"other"),
        [("stale", TEACHER)],
    ),
    "an artifact of another run": (
        lambda run: shutil.copytree((run.path / FOUND).parent, (run.path / OTHER).parent),
        [("unrecorded", OTHER)],
    ),
    "two artifacts have changed places": (
        lambda run: _swap(run.path / FOUND, run.path / FOUND.replace("0", "1")),
        [("changed", FOUND), ("changed", FOUND.replace("0", "1"))],
    ),
    "a receipt is gone": (lambda run: run.receipt(TABLE).unlink(), [("unrecorded", TABLE)]),
    "a receipt is cut": (
        lambda run: os.truncate(run.receipt(TABLE), 30),
        [("receipt", f"provenance/{TABLE}.json"), ("unrecorded", TABLE)],
    ),
    "a receipt was edited": (
        lambda run: edit(run.receipt(TABLE), "provenance", "inputs", FOUND, value="0" * 64),
        [("stale", TABLE)],
    ),
    "a file of the user's": (
        lambda run: (run.path / "notes.txt").write_text("buy milk"),
        [("unrecorded", "notes.txt")],
    ),
    "half a file": (
        lambda run: (run.path / ".table1.csv.7.tmp").write_text("alg"),
        [("unrecorded", ".table1.csv.7.tmp")],
    ),
    "a seed with other settings": (
        lambda run: run.make(FOUND, settings={"epochs": 3, "space": {"name": "darts"}}),
        [("stale", PICTURE), ("stale", TABLE), ("mixed", FOUND)],
    ),
    "a seed by other code": (
        lambda run: run.make(FOUND, "other", code="other"),
        [("stale", PICTURE), ("stale", TABLE), ("mixed", FOUND)],
    ),
}


def _swap(first: Path, second: Path) -> None:
    contents = first.read_bytes(), second.read_bytes()
    second.write_bytes(contents[0])
    first.write_bytes(contents[1])


@pytest.mark.parametrize("case", CASES)
def test_what_does_not_belong_together_is_told(made, capsys, case):
    tamper, expected = CASES[case]
    tamper(made)
    assert sorted(made.found()) == sorted(expected)
    assert main(["verify", str(made.path)]) == 1
    *lines, last = capsys.readouterr().out.splitlines()
    assert len(lines) == len(expected)
    for line, (_, name) in zip(sorted(lines), sorted(expected, key=lambda one: one[1]), strict=True):
        assert line.startswith(f"{name}: ")
        assert "snakemake --cores 1 --force results/" in line or " rm " in line
    assert "Everything belongs together" not in last
    assert f"{len(expected)} finding" in last


def test_where_settings_differ_the_configuration_says_which_are_meant(made):
    new = {"epochs": 3, "space": {"name": "darts"}}
    made.make(FOUND, FOUND, settings=new)
    for name in (PICTURE, TABLE):
        made.make(name, name)
    assert made.found() == [("mixed", FOUND)]  # one of three
    configuration = {"results_dir": "results", "search_darts": new}
    write_json(made.path / "run.json", {"configuration": configuration, "packages": {}})
    assert made.found() == [("mixed", FOUND.replace("0", f"{seed}")) for seed in (1, 2)]


def test_what_follows_from_a_changed_file_is_told_with_it(made, capsys):
    flip(made.path / TEACHER, 200)
    main(["verify", str(made.path)])
    assert "(3 jobs have read it as it was)" in capsys.readouterr().out


def test_versions_and_devices_that_differ_are_notes(made, capsys):
    made.make(TABLE, torch="2.11", device="cuda")
    made.make(PICTURE, dfnas="0.2")
    assert main(["verify", str(made.path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(": ")[0] for line in lines[:-1]] == ["note"] * 3
    assert "more than one torch: 2.14 (5 jobs), 2.11 (1 jobs)" in lines[1]


def test_weights_that_are_gone_are_a_note(made, capsys):
    (made.path.parent / "mine.pt").unlink()
    assert main(["verify", str(made.path)]) == 0
    assert "note: teacher/teacher.pt: was made from ../mine.pt, which is not there" in capsys.readouterr().out


def test_what_was_named_in_full_and_is_gone_is_a_note(made, capsys):
    gone = made.path.parent / "elsewhere" / "table.csv"
    made.make(TABLE, TABLE, inputs={FOUND: digest(made.path / FOUND), str(gone): "0" * 64})
    assert main(["verify", str(made.path)]) == 0
    assert f"note: {TABLE}: was made from {gone}, which is not there" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("work", "name"),
    [
        ("digest", FOUND),
        ("digest", "stray.json"),
        ("provenance_of", FOUND),
        ("provenance_of", "stray.json"),
        ("Receipt.read", f"provenance/{FOUND}.json"),
    ],
)
def test_what_vanishes_meanwhile_is_told(made, monkeypatch, capsys, work, name):
    """A job at work removes a file just before it is read."""
    *place, function = work.split(".")
    place = getattr(verification, place[0]) if place else verification
    real = getattr(place, function)

    def removed_before(path: Path):
        if path == made.path / name:
            path.unlink()
        return real(path)

    write_json(made.path / "stray.json", {})
    if work == "provenance_of":
        (made.path / name).write_text("{}")
    monkeypatch.setattr(place, function, removed_before)
    assert main(["verify", str(made.path)]) == 1
    told = [line for line in capsys.readouterr().out.splitlines() if "was there and is gone" in line]
    assert told == [f"{name}: was there and is gone; a job may be at work: verify again when the run is at rest"]


def test_as_json(made, capsys):
    """Snakemake knows the folder by one name, however the configuration writes it."""
    write_json(made.path / "run.json", {"configuration": {"results_dir": ".//results/"}, "packages": {}})
    (made.path / TABLE).unlink()
    assert main(["verify", str(made.path), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    (finding,) = found["findings"]
    assert (finding["file"], finding["kind"]) == (TABLE, "missing")
    assert finding["advice"] == "snakemake --cores 1 --force results/table1.csv"
    assert (found["whole"], found["files"], found["receipts"]) == (False, 5, 6)
    assert found["bytes"] > 0


@pytest.mark.parametrize("prepare", [lambda path: None, lambda path: path.mkdir(), lambda path: path.write_text("")])
def test_what_cannot_be_read_is_trouble(tmp_path, capsys, prepare):
    prepare(tmp_path / "results")
    assert main(["verify", str(tmp_path / "results")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("dfnas verify: error: ")
