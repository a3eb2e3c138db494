"""A call of Snakemake beside another one: what is said before its own LockException, and when --unlock is refused."""

import os
import subprocess
import sys

from running import ROOT, snakemake

CALL = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from dfnas.doctor.calls import announce
announce(Path(sys.argv[1]), unlocks=False)
print("announced", flush=True)
sys.stdin.read()
"""
TARGET = "results/spaces/random.json"


def test_beside_a_living_call_and_after_it_was_killed(tmp_path):
    locks = tmp_path / ".snakemake" / "locks"
    locks.mkdir(parents=True)
    (locks / "0.output.lock").write_text(f"{TARGET}\n")
    line = [sys.executable, "-c", CALL, str(tmp_path)]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as call:
        assert call.stdout.readline() == "announced\n"
        beside = snakemake(tmp_path, "--cores", "1", TARGET)
        unlocked = snakemake(tmp_path, "--unlock")
        call.kill()
    assert beside.returncode != 0
    assert "dfnas: another call of Snakemake works or plans in " in beside.stderr
    assert "LockException" in beside.stderr
    assert "Traceback" not in beside.stderr
    assert unlocked.returncode != 0
    assert "dfnas: error: another call of Snakemake works or plans in " in unlocked.stderr
    assert os.listdir(locks)
    after = snakemake(tmp_path, "--cores", "1", TARGET)
    assert after.returncode != 0
    assert "it was killed; snakemake --unlock, then the same call again" in after.stderr
    assert snakemake(tmp_path, "--unlock").returncode == 0
    assert snakemake(tmp_path, "--cores", "1", TARGET).returncode == 0
