"""Two jobs for one output: the second waits, and does again only what the first has not left as it would itself. Where
nobody can be made to wait, no job works."""

import errno
import fcntl
import hashlib
import os
import signal
import time
from contextlib import ExitStack
from pathlib import Path
from threading import Thread

import pytest
import torch
from stage_calls import TEACHER, flip, run, start

from dfnas.runtime import code_digest
from dfnas.runtime.files import load_archive
from dfnas.runtime.locks import Lock

WAITS = "retrain: waits for another job that makes"
MADE = "nothing is left to do"


def same_network(one: Path, other: Path) -> bool:
    """Whether the weights of two models are the same to the last bit. (Their files say where they lie.)"""
    states = [load_archive(folder / "model.pt")["state"] for folder in (one, other)]
    return states[0].keys() == states[1].keys() and all(map(torch.equal, *(state.values() for state in states)))


def test_they_take_turns(chain):
    """Also where they are not about the same: here each has a seed of its own."""
    processes = [start("exclusive", "search_random", *chain.search_random(), "--seed", seed) for seed in "01"]
    for process in processes:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    events = (chain.folder / "architecture.json.notes").read_text().split("\n")[:-1]
    assert [event.split()[0] for event in events] == ["begin", "end", "begin", "end"]
    assert events[0].split()[1] == events[1].split()[1]


def test_the_second_finds_the_work_done(chain, made):
    """The first is stopped in the midst of its work until the second waits for it."""
    (chain.folder / "model.pt").unlink()
    first = start("stop=1", "retrain", *chain.retrain())
    os.waitid(os.P_PID, first.pid, os.WSTOPPED)
    second = start("", "retrain", *chain.retrain())
    assert second.stderr.readline().startswith(WAITS)
    first.send_signal(signal.SIGCONT)
    assert first.wait(120) == 0, first.stderr.read()
    model = os.stat(chain.folder / "model.pt")
    _, said = second.communicate(timeout=120)
    assert (second.returncode, said) == (0, f"retrain: that job has made it, {MADE}\n")
    assert os.stat(chain.folder / "model.pt").st_ino == model.st_ino
    assert same_network(chain.folder, made)


@pytest.fixture
def after_waiting(capsys):
    """Runs a stage that has to wait, does something meanwhile, and returns what the stage says afterwards."""

    def wait(name: str, arguments: list, out: Path, meanwhile) -> str:
        folder = out.parent / ".dfnas"
        folder.mkdir(exist_ok=True)
        status = []
        stage = Thread(target=lambda: status.append(run(name, *arguments)))
        with ExitStack() as held:
            Lock(folder / f"{hashlib.sha256(str(out.resolve()).encode()).hexdigest()[:24]}.lock").take(held)
            stage.start()
            said, end = "", time.monotonic() + 60
            while "waits for another job" not in said:
                assert time.monotonic() < end, said
                time.sleep(0.05)
                said += capsys.readouterr().err
            meanwhile()
        stage.join(120)
        assert status == [0]
        return capsys.readouterr().err

    return wait


def test_what_is_in_place_is_left_alone(chain, after_waiting):
    before = [os.stat(chain.folder / name).st_ino for name in ("model.pt", "m.csv", "m.json")]
    assert MADE in after_waiting("retrain", chain.retrain(), chain.folder / "model.pt", lambda: None)
    assert [os.stat(chain.folder / name).st_ino for name in ("model.pt", "m.csv", "m.json")] == before


LOST = {
    "an output is gone": lambda folder: (folder / "model.pt").unlink(),
    "another output is gone": lambda folder: (folder / "m.csv").unlink(),
    "a bit of an output has flipped": lambda folder: flip(folder / "model.pt"),
    "the receipt is gone": lambda folder: (folder / "provenance" / "model.pt.json").unlink(),
    "the receipt is damaged": lambda folder: (folder / "provenance" / "model.pt.json").write_text('{"format": 1}'),
}


@pytest.mark.parametrize("case", LOST)
def test_what_is_not_in_place_is_made_again(chain, made, after_waiting, case):
    said = after_waiting("retrain", chain.retrain(), chain.folder / "model.pt", lambda: LOST[case](chain.folder))
    assert MADE not in said
    assert same_network(chain.folder, made)


def test_other_settings_make_something_else(chain, made, after_waiting):
    said = after_waiting("retrain", [*chain.retrain(), "--lr", "0.2"], chain.folder / "model.pt", lambda: None)
    assert MADE not in said
    assert not same_network(chain.folder, made)


def test_another_input_makes_something_else(chain, made, after_waiting):
    """The architecture is drawn anew meanwhile."""

    def draw() -> None:
        assert run("search_random", *chain.search_random(), "--seed", "3") == 0

    said = after_waiting("retrain", chain.retrain(), chain.folder / "model.pt", draw)
    assert MADE not in said
    assert not same_network(chain.folder, made)


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EACCES])
def test_a_file_system_without_locks(chain, fails, monkeypatch, number):
    """Not even a job that is alone works there: it cannot know that."""

    def refused(file, operation):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refused)
    arguments = [*chain.search_random(), "--seed", "3"]
    fails("search_random", arguments, chain.folder / ".dfnas", "without locks", os.strerror(number), "-o flock")


OWN = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.linear = torch.nn.BatchNorm1d(64), torch.nn.Linear(64, 10)

    def forward(self, x):
        return self.linear(self.norm(x.flatten(1)))
"""


def test_the_users_code_counts(chain, after_waiting):
    """A teacher by the user's file, which is edited meanwhile."""
    code, weights, out = (chain.folder / name for name in ("own.py", "own.pt", "imported.pt"))
    code.write_text(OWN)
    state = {"norm": torch.nn.BatchNorm1d(64), "linear": torch.nn.Linear(64, 10)}
    torch.save(torch.nn.ModuleDict(state).state_dict(), weights)
    options = chain.import_teacher(weights, **{**TEACHER, "builder": f"{code}:Net", "arguments": {}})
    assert run("import_teacher", *options) == 0
    assert MADE in after_waiting("import_teacher", options, out, lambda: None)
    code_digest._meaning.cache_clear()  # as in a process of its own
    edited = OWN.replace("self.norm(x.flatten(1))", "self.norm(x.flatten(1) * 2)")
    assert MADE not in after_waiting("import_teacher", options, out, lambda: code.write_text(edited))
