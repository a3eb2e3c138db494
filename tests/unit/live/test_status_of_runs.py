"""`dfnas status`: what it says of a run and its exit status; and what `dfnas run` calls."""

import fcntl
import importlib.util
import os
import re
import signal
from pathlib import Path

import pytest
from journal_lines import begun, done
from made_artifacts import network_metrics, teacher_metrics

from dfnas.artifacts.table1 import Table1Row
from dfnas.commands import run as front
from dfnas.commands.main import main
from dfnas.live.outcome import outcome
from dfnas.runtime.errors import InputError
from dfnas.tables.rows import row_of
from dfnas.targets import REPORT, TARGETS

PLAN = {"kind": "plan", "at": 0, "jobs": {"retrain": 2}}
ONE = (begun(1, 1, "retrain", seed="0"), done(9, 1))
ENDED = {"kind": "ended", "at": 20, "succeeded": False}
ROOT = Path(__file__).resolve().parents[3]


def status(results: Path, capsys) -> tuple[int, str]:
    found = main(["status", str(results)])
    return found, capsys.readouterr().out


@pytest.mark.parametrize(
    ("events", "number", "state"),
    [
        ([PLAN, *ONE, ENDED | {"succeeded": True}], 0, "finished: 1 of 2 jobs in 0:20"),
        ([PLAN, *ONE, ENDED], 1, "failed: 1 of 2 jobs in 0:20"),
        ([PLAN, *ONE, {"kind": "asked to end", "at": 15}, ENDED], 1, "interrupted: 1 of 2 jobs in 0:20"),
        ([PLAN, *ONE], 1, "killed: 1 of 2 jobs in 0:09"),
        ([], 1, "killed: 0 of 0 jobs in 0:00"),
    ],
)
def test_a_call_that_is_over(results, journal, capsys, events, number, state):
    journal(*events)
    found, out = status(results, capsys)
    assert (found, out.splitlines()[1]) == (number, state)
    assert re.match(r"begun \d{4}-\d\d-\d\d \d\d:\d\d on here: snakemake table$", out.splitlines()[0])


def test_a_call_that_is_alive_is_running(results, journal, capsys):
    with open(journal(PLAN, *ONE)) as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        found, out = status(results, capsys)
    assert found == 3
    assert out.splitlines()[1].startswith("running: 1 of 2 jobs in ")


def test_a_call_that_is_alive_counts_before_a_later_one_that_is_over(results, journal, capsys):
    with open(journal(PLAN, name="1")) as held:
        journal(PLAN, ENDED, name="2")
        fcntl.flock(held, fcntl.LOCK_EX)
        assert status(results, capsys)[0] == 3


def test_without_locks_it_says_that_it_cannot_tell(results, journal, capsys, monkeypatch):
    def refuse(*_):
        raise OSError(38, "no locks")

    journal(PLAN)
    monkeypatch.setattr(fcntl, "flock", refuse)
    found, out = status(results, capsys)
    assert found == 3
    assert out.splitlines()[1].startswith("running, or killed: its folder has no locks that would tell")


@pytest.mark.parametrize(
    ("make", "name", "story"),
    [
        ([], "none", "no folder none"),
        (["empty"], "empty", "nothing has run there yet"),
        (["project/results"], "project", "did you mean project/results?"),
        (["odd/.dfnas/calls"], "odd", "has no journal of a call"),
    ],
)
def test_a_bad_folder_is_one_line(tmp_path, monkeypatch, capsys, make, name, story):
    monkeypatch.chdir(tmp_path)
    for folder in make:
        (tmp_path / folder).mkdir(parents=True)
    assert main(["status", name]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("dfnas status: error: ")
    assert story in line
    assert captured.out == ""


def test_a_finished_run_shows_its_table_and_what_to_look_at(results, journal, capsys):
    journal(PLAN, ENDED | {"succeeded": True})
    line = Table1Row(
        algorithm="spos",
        space="shufflenet",
        search_data="synthetic",
        retrain_data="original",
        seeds=3,
        top1_error_mean=2.5194,
        top1_error_std=0.714,
        top5_error_mean=0,
        ece_mean=0,
        teacher_agreement_mean=0,
        params_m=0.009,
        macs_m=0.24,
        architecture="a.json",
    )
    Table1Row.write(results / "table1.csv", [row_of([teacher_metrics(top1_error=0.01)]), line])
    teacher = teacher_metrics(top1_error=0.01, classes=10)
    student = network_metrics(
        classes=10,
        algorithm="spos",
        space="shufflenet",
        search_data="synthetic",
        retrain_data="original",
        held_out_images=40,
    )
    for name, one in {"teacher": teacher, "spos/synthetic/original/seed-0": student}.items():
        (results / "evaluate" / name).mkdir(parents=True)
        one.write(results / "evaluate" / name / "metrics.json")
    for number in range(3):
        (results / "deploy" / f"a{number}").mkdir(parents=True)
        (results / "deploy" / f"a{number}" / "README.md").touch()
    _, out = status(results, capsys)
    assert re.search(r"^spos +shufflenet +synthetic +original +2.519 ± 0.714 +0.009 +0.24$", out, re.MULTILINE)
    assert (
        "The only row is spos, searched on synthetic images and trained on original ones: it is right in 97.48 %" in out
    )
    assert "40 held-out images of 10 classes are few to choose by" in out
    assert f"look at {results}/deploy/a0/README.md and 2 more: the best network" in out
    assert "dfnas run images makes" in out
    assert "dfnas run images --configfile 'my own.yaml' makes" in "\n".join(
        outcome(results, ["snakemake", "table", "--configfile", "my own.yaml", "--cores", "2"])
    )
    assert "dfnas run deploy" not in out


HERE = ["--snakefile", str(ROOT / "Snakefile")]


@pytest.mark.parametrize(
    ("given", "called"),
    [
        ([], ["--cores", "all"]),
        (["deploy"], ["deploy", "--cores", "all"]),
        (["deploy", "table", "-c4"], ["deploy", "table", "-c4"]),
        (["--configfile", "a.yaml", "b.yaml"], ["--cores", "all", "--configfile", "a.yaml", "b.yaml"]),
        (["results/x/table1.csv", "--cores=2", "-n"], ["results/x/table1.csv", "--cores=2", "-n"]),
        (["retrain", "--workflow-profile", "slurm"], ["retrain", "--workflow-profile", "slurm"]),
        (["report", "--report", "a.html"], ["--cores", "all", "--report", "a.html"]),
    ],
)
def test_what_is_called_is_what_was_said(given, called, monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    assert front.commands(ROOT, given) == [["snakemake", *called]]
    monkeypatch.chdir(tmp_path)
    (line,) = front.commands(ROOT, given)
    place = line.index("--snakefile")
    assert line[place : place + 2] == HERE
    assert line[:place] + line[place + 2 :] == ["snakemake", *called]


def test_the_report_goes_into_the_folder_of_results(monkeypatch, tmp_path):
    monkeypatch.chdir(ROOT)
    (tmp_path / "mine.yaml").write_text("results_dir: results/mine\n")
    given = ["report", "--configfile", str(tmp_path / "mine.yaml"), "--cores", "2"]
    run, report = front.commands(ROOT, given)
    assert run == ["snakemake", *given[1:]]
    assert report == [*run, "--report", "results/mine/report.html"]
    assert front.commands(ROOT, [*given, "-n"]) == [[*run, "-n"]], "a plan has nothing to report"


@pytest.mark.parametrize(("program", "status"), [("exit 3", 3), ("kill -TERM $$", 128 + 15)])
def test_no_report_follows_a_run_that_failed(program, status, monkeypatch):
    monkeypatch.setattr(signal, "signal", lambda *_: None)  # of the tests' own process
    assert front._status_of(["/bin/sh", "-c", program], os.environ) == status


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["deploy", "--configfile", "nowhere.yaml"], "--configfile nowhere.yaml: no such file"),
        (
            ["--configfile", "mine.yaml", "deploy"],
            "'deploy' after --configfile is taken for a file",
        ),
        (["--configfile", "broken.yaml"], "broken.yaml, line "),
        (["--configfile", "mine.yaml", "wrong.yaml"], "comparison.spedes"),
    ],
)
def test_files_of_configuration_are_looked_at_before_snakemake_is(given, told, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "execve", lambda *line: pytest.fail("Snakemake was called"))
    for name, text in (("mine", "device: cpu"), ("broken", "a: ["), ("wrong", "comparison: {spedes: [0]}")):
        Path(f"{name}.yaml").write_text(f"{text}\n")
    assert main(["run", *given]) == 2
    err = capsys.readouterr().err
    assert err.startswith("dfnas run: error: ")
    assert told in err
    assert len(err.splitlines()) == 1


def test_a_word_that_means_nothing_is_refused_with_those_that_do():
    with pytest.raises(InputError, match=f"no target 'deplyo'; expected one of {', '.join([*TARGETS, REPORT])}"):
        front.commands(ROOT, ["deplyo"])


def test_what_is_not_installed_is_one_line(monkeypatch, capsys):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "rich" else real(name))
    for arguments in (["run"], ["status", "results"]):
        assert main(arguments) == 2
        assert "the package rich is not installed; make installs it" in capsys.readouterr().err


def test_every_target_is_explained(capsys):
    with pytest.raises(SystemExit):
        main(["run", "--help"])
    out = capsys.readouterr().out
    assert all(re.search(rf"^  {name} +\S", out, re.MULTILINE) for name in (*TARGETS, REPORT))
