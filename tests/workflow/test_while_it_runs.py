"""`dfnas run` with a terminal and without, and `dfnas status` meanwhile, when it was ended or killed, and after."""

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from running import REDUCED, command, copy_sources, overlay

from dfnas.live.journal import journals

pytestmark = pytest.mark.slow

FOR_EVER = 10**6
"""Steps of an inversion that the tests end."""
LOOK_S = 0.2
"""Between two looks at a terminal that says nothing."""
STAGE = "python -m dfnas.stages"
"""How commands begin, which no terminal needs to see."""


class Project:
    """A folder in which `dfnas` is called, on a copy of these sources."""

    def __init__(self, source: Path, folder: Path):
        self.source, self.folder, self.results = source, folder, folder / "results"

    def line(self, *arguments: str | Path) -> dict:
        """`dfnas` with these arguments, as `subprocess` takes it."""
        environment = command(self.folder, real=True)["env"]
        places = [str(self.source), os.environ.get("PYTHONPATH", "")]
        environment |= {"PYTHONPATH": os.pathsep.join(places), "TERM": "xterm-256color", "COLUMNS": "100"}
        return {"args": [sys.executable, "-m", "dfnas", *map(str, arguments)], "env": environment, "cwd": self.folder}

    def run(self, *arguments: str | Path, steps: int | None = None, **keywords) -> subprocess.Popen:
        """Begins a run whose inversion has so many steps; by default as many as the reduced one's."""
        files = [self.source / REDUCED]
        if steps is not None:
            stages = [{"downscale": 1, "steps": steps}]
            files.append(overlay(self.folder / f"{steps}.yaml", {"invert_teacher": {"stages": stages}}))
        return subprocess.Popen(**self.line("run", *arguments, "--cores", "2", "--configfile", *files), **keywords)

    def status(self) -> tuple[int, str]:
        """What `dfnas status` returns and says."""
        done = subprocess.run(**self.line("status", "results"), capture_output=True, text=True, timeout=600)
        assert done.stderr == ""
        return done.returncode, done.stdout

    def wait_for(self, words: str, process: subprocess.Popen) -> str:
        """Asks for the status until it has these words of a run at work."""
        while True:
            number, said = self.status()
            if number == 3 and re.search(words, said):
                return said
            assert process.poll() is None, said

    def last_kinds(self) -> list[str]:
        """What the journal of the last call tells."""
        return [json.loads(line)["kind"] for line in journals(self.results)[-1].read_text().splitlines()]


@pytest.fixture
def project(once, tmp_path) -> Project:
    """With all images made, by a run without a terminal."""

    def make(folder: Path) -> None:
        made = Project(copy_sources(folder / "source"), folder / "run")
        made.folder.mkdir()
        with open(folder / "said.txt", "w") as said:
            assert made.run("images", stdout=said, stderr=said).wait(800) == 0, (folder / "said.txt").read_text()

    folder = once("images", make)
    shutil.copytree(folder / "run", tmp_path / "run")
    return Project(folder / "source", tmp_path / "run")


def test_on_a_terminal_a_view_is_drawn_and_ctrl_c_comes_once(project):
    """Of a terminal of its own, as a login has it."""
    ours, theirs = os.openpty()
    process = project.run("images", steps=FOR_EVER, preexec_fn=lambda: os.login_tty(theirs))
    os.close(theirs)
    said = b""

    def hear() -> None:
        nonlocal said
        while select.select([ours], [], [], LOOK_S)[0]:
            try:
                said += os.read(ours, 65536)
            except OSError:  # its end, on Linux
                return

    while f"/{FOR_EVER}".encode() not in said:
        assert process.poll() is None, said.decode()
        hear()
    seen = project.wait_for(
        rf"invert_teacher +synthetic, generation 0, shard \d +\d+/{FOR_EVER} +\S+/s +\S+ left", process
    )
    assert seen.splitlines()[1].startswith("running: ")
    hear()
    os.write(ours, b"\x03")
    while process.poll() is None:
        hear()
    hear()
    assert process.returncode == 1
    text = said.decode()
    assert text.startswith("$ snakemake images ")
    assert STAGE not in text
    asked = project.last_kinds().count("asked to end")
    assert text.count("ends as it was asked to") == asked <= 1
    number, after = project.status()
    # On a busy machine the jobs, which have Ctrl-C too, may end first: Snakemake then sees failures and no request.
    assert (number, after.splitlines()[1].split(":")[0]) == (1, "interrupted" if asked else "failed")
    assert ("failed" in text) != bool(asked)
    os.close(ours)


def test_without_a_terminal_there_are_lines_and_a_killed_run_goes_on(project):
    killed = project.run(
        "images", steps=FOR_EVER, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    project.wait_for(f"/{FOR_EVER}", killed)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait()
    number, said = project.status()
    assert (number, said.splitlines()[1].split(":")[0]) == (1, "killed")
    assert "snakemake --unlock" in said

    unlocked = subprocess.run(**project.line("run", "--unlock", "--cores", "1"), capture_output=True, text=True)
    assert unlocked.returncode == 0, unlocked.stderr
    done = project.run("images", steps=2, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    out, err = done.communicate(timeout=2400)
    assert done.returncode == 0, err
    assert out.startswith("$ snakemake images ")
    assert (
        len(re.findall(r"^\d\d:\d\d:\d\d done    invert_teacher synthetic, generation \d, shard \d in ", err, re.M))
        == 4
    )
    assert STAGE not in out + err
    assert "\x1b" not in out + err
    assert re.search(r"^finished: (\d+) of \1 jobs in ", err, re.M)
    log = max((project.folder / ".snakemake" / "log").iterdir(), key=lambda path: path.stat().st_mtime)
    assert f"{STAGE}.invert_teacher" in log.read_text()
    number, said = project.status()
    assert (number, said.splitlines()[1].split(":")[0]) == (0, "finished")
    assert re.search(r"^images synthetic: the teacher agrees on \S+ % → \S+ %$", said, re.M)


def test_a_job_that_fails_is_shown_with_the_end_of_its_log(project):
    """Here for want of labels that somebody has damaged."""
    labels = project.results / "labels" / "synthetic" / "generation-0.h5"
    labels.write_bytes(labels.read_bytes()[:-100])
    done = project.run("images", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    _, err = done.communicate(timeout=2400)
    assert done.returncode == 1
    assert re.search(r"^\d\d:\d\d:\d\d failed  invert_teacher synthetic, generation 1, shard \d, log: \S+$", err, re.M)
    assert "invert_teacher: error: results/labels/synthetic/generation-0.h5" in err
    assert STAGE not in err
    number, said = project.status()
    assert (number, said.splitlines()[1].split(":")[0]) == (1, "failed")
    assert re.search(r"^failed: invert_teacher synthetic, generation 1, shard \d$", said, re.M)
    assert "generation-0.h5" in said


def test_a_run_by_hand_says_what_it_always_said_and_leaves_a_journal(project):
    picture = "results/pictures/synthetic/images.png"
    (project.folder / picture).unlink()
    line = command(project.folder, "--cores", "1", picture, source=project.source)
    done = subprocess.run(**line, capture_output=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    assert f"Shell command: {STAGE}.draw_images" in done.stderr
    assert "1 of 1 steps (100%) done" in done.stderr
    assert project.last_kinds() == ["call", "cores", "plan", "begun", "done", "ended"]
    number, said = project.status()
    assert number == 0
    assert re.search(r"^finished: 1 of 1 job in ", said, re.M)
    assert re.search(rf"^look at {picture}: ", said, re.M)


def test_nothing_to_do_shows_what_there_is(project):
    before = journals(project.results)
    line = project.line("run", "images", "--configfile", project.source / REDUCED)
    done = subprocess.run(**line, capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    assert "Nothing to be done" in done.stderr
    assert "look at results/pictures/synthetic/images.png: " in done.stderr
    assert journals(project.results) == before
