"""The `python` whose libraries are loaded already does what an interpreter does."""

import os
import signal
import subprocess
import sys

import preloaded
import pytest

TELLING = """
import os, sys
from shown import SHOWN
print(sys.argv, os.getcwd(), os.environ["MINE"], SHOWN, "torch" in sys.modules, __name__, sys.stdin.read())
print("told", file=sys.stderr)
sys.exit({status})
"""


def call(folder, *arguments: str, **variables: str) -> subprocess.Popen:
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    environment = {**os.environ, "PYTHONPATH": str(folder), "MINE": "ä", **variables}
    line = [preloaded.commands() / "python", *arguments]
    return subprocess.Popen(line, **pipes, env=environment, cwd=folder, text=True)


@pytest.mark.parametrize("module", [True, False])
@pytest.mark.parametrize(("status", "expected"), [("0", 0), ("3", 3), ("None", 0), ("'no'", 1), ("1 / 0", 1)])
def test_it_takes_arguments_folder_variables_and_pipes_and_ends_likewise(tmp_path, status, expected, module):
    (tmp_path / "telling.py").write_text(TELLING.format(status=status))
    arguments = ["-m", "telling"] if module else ["telling.py"]
    for shown in ("1", "2"):  # the sources as they are now
        (tmp_path / "shown.py").write_text(f"SHOWN = {shown}\n" + "#" * int(shown))
        said, complained = call(tmp_path, *arguments, "a b", "ö").communicate("given")
        script = str(tmp_path / "telling.py") if module else "telling.py"
        assert said == f"{[script, 'a b', 'ö']} {tmp_path} ä {shown} True __main__ given\n"
        assert complained.startswith("told\n")
        assert ("ZeroDivisionError" in complained) == ("/" in status)
        assert complained.endswith("no\n") == (status == "'no'")
    real = [sys.executable, *arguments]
    assert (
        subprocess.run(real, env={**os.environ, "MINE": ""}, cwd=tmp_path, input="", text=True).returncode == expected
    )
    with call(tmp_path, *arguments) as process:
        process.communicate("")
    assert process.returncode == expected


def test_who_asks_for_other_threads_gets_an_interpreter_that_has_loaded_nothing(tmp_path):
    (tmp_path / "telling.py").write_text("import sys; print('torch' in sys.modules)")
    for threads, loaded in (("1", "True\n"), ("2", "False\n")):
        assert call(tmp_path, "telling.py", OMP_NUM_THREADS=threads).communicate()[0] == loaded


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_to_the_caller_ends_what_it_called(tmp_path, number):
    (tmp_path / "waiting.py").write_text("import time; print('here', flush=True); time.sleep(3600)")
    process = call(tmp_path, "waiting.py")
    assert process.stdout.readline() == "here\n"
    process.send_signal(number)
    assert process.stdout.read() == "", "all that have it open are gone"
    assert process.wait() == -number
