"""Long loops: memory and open files stay what they are. The same for minutes: benchmarks/soak.py."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from stage_calls import ROOT

STEPS = 100
GROWTH_MB = 10
"""A leak of one batch of activations in every step would be far more."""


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="memory and files are read from /proc")
def test_no_loop_grows_with_its_steps(say):
    command = [sys.executable, ROOT / "benchmarks" / "soak.py", "--steps", str(STEPS)]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=600, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 0, done.stderr[-3000:]
    grown = re.findall(r"^(\w+): ([+-][\d.]+) MB and ([+-]\d+) open files in (\d+) steps", done.stdout, re.MULTILINE)
    assert [name for name, *_ in grown] == ["synthesis", "darts", "proxyless", "spos"]
    for name, mb, files, steps in grown:
        say(f"{name}: {mb} MB and {files} open files in {steps} steps")
        assert float(mb) < GROWTH_MB, done.stdout
        assert int(files) <= 0, done.stdout
