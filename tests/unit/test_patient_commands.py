"""The commands of profiles/slurm/patient, with SLURM's commands made by hand."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PATIENT = Path(__file__).parents[2] / "profiles" / "slurm" / "patient"
QUESTION = ("-X", "--parsable2", "--format=JobIdRaw,State", "--endtime", "now", "--name", "run-1")


@pytest.fixture
def commands(tmp_path) -> Callable[..., subprocess.CompletedProcess]:
    """Calls a command as a shell would find it, with others made of a line of shell each, and no SLURM beside them."""
    (tmp_path / "tools").mkdir()
    shutil.copytree(PATIENT, tmp_path / "another" / "patient")
    for tool in ("dirname", "date", "cat", "grep"):
        (tmp_path / "tools" / tool).symlink_to(shutil.which(tool))

    def call(name: str, *arguments: str, said: str = "", **scripts: str) -> subprocess.CompletedProcess:
        for other, script in scripts.items():
            (tmp_path / other).write_text(f"#!/bin/sh\necho {other} >> {tmp_path}/called\n{script}\n")
            (tmp_path / other).chmod(0o755)
        # By two ways, and those of another checkout: none of them is taken for SLURM's.
        path = [PATIENT, f"{PATIENT}/../patient/", tmp_path / "another" / "patient", tmp_path, tmp_path / "tools"]
        environment = {"PATH": os.pathsep.join(map(str, path)), "HOME": str(tmp_path), "DFNAS_PATIENCE_S": "3"}
        line = [name, *arguments]
        return subprocess.run(
            line, executable=PATIENT / name, env=environment, input=said, capture_output=True, text=True, timeout=60
        )

    return call


@pytest.mark.parametrize("name", ["sbatch", "srun"])
def test_the_controller_is_waited_for(commands, tmp_path, name):
    away = f"[ $(grep -c scontrol {tmp_path}/called) -gt 2 ] || {{ cat; exit 1; }}"
    done = commands(name, "-J", "a b", said="script", scontrol=away, sleep="", **{name: 'echo "$2"; cat; exit 3'})
    assert (done.returncode, done.stdout, done.stderr) == (3, "a b\nscript", "")
    assert (tmp_path / "called").read_text().split() == ["scontrol", "sleep"] * 2 + ["scontrol", name]


def test_it_is_not_waited_for_longer_than_that(commands):
    begun = time.monotonic()
    done = commands("sbatch", scontrol="exit 1", sleep="", sbatch="echo refused >&2; exit 1")
    assert (done.returncode, done.stderr) == (1, "refused\n")
    assert time.monotonic() - begun > 2


def test_where_nobody_can_say_whether_it_is_away_nobody_waits(commands, tmp_path):
    done = commands("srun", "hostname", srun='echo "$1"')
    assert (done.returncode, done.stdout) == (0, "hostname\n")
    assert (tmp_path / "called").read_text().split() == ["srun"]


@pytest.mark.parametrize("name", ["sbatch", "srun", "sacct"])
def test_where_there_is_no_slurm_it_says_so_at_once(commands, tmp_path, name):
    done = commands(name, scontrol="exit 1", sleep="")
    assert done.returncode
    assert f"no other {name} on the PATH" in done.stderr
    assert not (tmp_path / "called").exists()


def test_sacct_answers_where_there_is_accounting(commands, tmp_path):
    done = commands("sacct", *QUESTION, sacct="echo '7|RUNNING'", squeue="exit 1")
    assert (done.returncode, done.stdout) == (0, "7|RUNNING\n")
    assert (tmp_path / "called").read_text().split() == ["sacct"]


@pytest.mark.parametrize("sacct", [{}, {"sacct": "echo Slurm accounting storage is disabled >&2; exit 1"}])
def test_squeue_answers_where_there_is_none(commands, sacct):
    done = commands("sacct", *QUESTION, squeue='printf "%s\\n" "$@"', **sacct)
    assert done.returncode == 0
    assert done.stdout.split() == ["--format=%i|%T", "--states=all", "--noheader", "--name", "run-1"]


def test_while_the_controller_is_away_nobody_answers(commands):
    done = commands("sacct", *QUESTION, sacct="exit 1", squeue="exit 1")
    assert (done.returncode, done.stdout) == (1, "")


def test_other_questions_are_left_to_slurms_own(commands, tmp_path):
    done = commands("sacct", "-j", "7", "--format=Reason", sacct="echo Invalid user id >&2; exit 3", squeue="")
    assert (done.returncode, done.stdout, done.stderr) == (3, "", "Invalid user id\n")
    assert (tmp_path / "called").read_text().split() == ["sacct"]
