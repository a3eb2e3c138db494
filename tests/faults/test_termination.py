"""A process that is asked to end, as schedulers do before they take the machine: it saves its state and goes."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from stage_calls import KILLED, ROOT, arguments_of, made_and_removed, run, start

from dfnas.runtime import interruption, resumable
from dfnas.runtime.files import load_archive
from dfnas.runtime.interruption import Interrupted, deferred, heeded

SOON_S = 300
"""What a busy machine may take for the ten seconds of a stage that is told to end, with a compiler to wait for."""


def states(folder: Path) -> list[Path]:
    """Saved states, without their parts."""
    return [path for path in (folder / ".dfnas").glob("*.pt") if path.stem.isalnum()]


def ended(process: subprocess.Popen) -> list[str]:
    """What a process that got SIGTERM said, without progress, and that it ends soon. Its step, or its training, would
    take far longer."""
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=SOON_S)
    return [line for line in said.splitlines() if ": error: " in line or "Traceback" in line]


@pytest.mark.slow
@pytest.mark.parametrize(
    "case",
    [
        "invert_teacher in its second batch",
        "retrain",
        "supernet_darts",
        "search_spos",
        "within_budgets of spos under the second",
    ],
)
def test_a_stage_that_is_asked_to_end_saves_its_last_step_and_continues_to_the_identical_result(
    chain, case, monkeypatch
):
    name, steps, outputs = KILLED[case]
    arguments = arguments_of(chain, name, case)
    whole = made_and_removed(chain, name, arguments, outputs)
    process = start(f"term={steps}", name, *arguments)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 128 + signal.SIGTERM, said
    assert (
        said.splitlines()[-1] == f"{name.split()[0]}: error: ended by SIGTERM; run the same command again to continue"
    )
    assert "Traceback" not in said
    assert not any((chain.folder / output).exists() for output in outputs)
    (state,) = states(chain.folder)
    assert load_archive(state)["state"]["done"] == steps

    begins = []
    progress = resumable.progress
    monkeypatch.setattr(resumable, "progress", lambda *given: begins.append(given[3]) or progress(*given))
    assert run(name, *arguments) == 0
    assert begins == [steps]
    assert {output: (chain.folder / output).read_bytes() for output in outputs} == whole


def test_a_step_that_takes_too_long_is_given_up(chain):
    process = start("stuck", "invert_teacher", *chain.invert_teacher())
    while "stuck" not in process.stderr.readline():
        assert process.poll() is None
    lines = ended(process)
    assert process.returncode == 143
    assert lines == ["invert_teacher: error: ended by SIGTERM; run the same command again to continue"]
    assert not states(chain.folder), "nothing half-done is saved"


@pytest.mark.slow
def test_several_processes_of_one_training_end_and_one_saves_for_all(chain):
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    options = [*chain.retrain(), "--device", "cpu"]
    options[options.index("--epochs") + 1] = "100000"
    call = [*torchrun, "-m", "dfnas.stages.retrain", *map(str, options)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "DFNAS_CHECKPOINT_S": "1"}
    with subprocess.Popen(call, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            limit = time.monotonic() + 600
            while not states(chain.folder):
                assert process.poll() is None, process.stderr.read()
                assert time.monotonic() < limit
                time.sleep(0.1)
            (state,) = states(chain.folder)
            before = load_archive(state)["state"]["done"]
            lines = ended(process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode != 0
    assert "retrain: error: ended by SIGTERM; run the same command again to continue" in lines
    assert load_archive(state)["state"]["done"] > before
    assert not (chain.folder / "model.pt.tmp").exists()


def test_outside_of_a_loop_a_signal_ends_at_once_and_in_a_loop_it_is_heard_after_the_step():
    with pytest.raises(Interrupted, match="SIGTERM") as caught, heeded():
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.status == 143
    with heeded(), deferred():
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.asked()
        with pytest.raises(Interrupted, match="SIGINT") as caught:
            interruption.end()
    assert caught.value.status == 130
    assert not interruption.asked()


def test_a_second_signal_does_not_wait():
    with heeded(), deferred():
        os.kill(os.getpid(), signal.SIGINT)
        assert interruption.asked()
        with pytest.raises(Interrupted):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_step_and_the_saving_after_it_may_take_ten_seconds():
    assert 2 * interruption.PATIENCE_S <= 10


def test_a_loop_that_does_not_come_to_its_end_is_given_up(monkeypatch):
    monkeypatch.setattr(interruption, "PATIENCE_S", 0.1)
    with heeded(), deferred():
        os.kill(os.getpid(), signal.SIGTERM)
        with pytest.raises(Interrupted):
            time.sleep(600)


def test_handlers_are_those_from_before_in_the_end():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)]
    with heeded():
        pass
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGALRM)] == before
