"""The most memory that a process has had is its own, and not that of whoever started it."""

import subprocess
import sys

from dfnas.runtime.limits import held_mb


def test_what_the_starting_process_held_does_not_count():
    ballast = bytearray(300 * 10**6)
    code = "from dfnas.runtime.limits import held_mb; print(held_mb())"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert held_mb() >= len(ballast) // 10**6
    assert int(said) < 100
