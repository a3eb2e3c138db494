"""Jobs, and the whole workflow, killed without a word at random moments: the table is that of an undisturbed run.

`DFNAS_KILLS` says how often; by default it is few times, since every kill costs a start. `DFNAS_KILLS_SEED` chooses
other moments.
"""

import os
import random
from collections import Counter
from pathlib import Path

import pytest
from killing import TABLE, Kill, killed
from running import copy_sources, overlay, snakemake

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("DFNAS_KILLS", "8"))
SEED = int(os.environ.get("DFNAS_KILLS_SEED", "0"))
SMALLEST = {
    "comparison": {"seeds": [0]},
    "synthesis": {"shards": 1},
    "shard_original": {"shards": 1},
    "invert_teacher": {"stages": [{"downscale": 2, "steps": 10}, {"downscale": 1, "steps": 10}]},
    "measure_latency": {"repeats": 2},
}


def finished_in_spite_of(directory: Path, most: int, rng: random.Random, **keywords) -> list[Kill]:
    """A run that is killed at most so many times and called again after each that took Snakemake with it."""
    directory.mkdir()
    kills: list[Kill] = []
    while True:
        met = list(killed(directory, rng, most - len(kills), **keywords))
        kills += met
        if not met or not met[-1].whole:
            return kills
        unlocked = snakemake(directory, "--unlock", **keywords)
        assert unlocked.returncode == 0, unlocked.stderr[-3000:]


@pytest.mark.timeout(3600)
def test_a_workflow_killed_at_any_moment_ends_with_the_same_table(tmp_path, say):
    source = copy_sources(tmp_path / "source")
    keywords = {"source": source, "configuration": (overlay(tmp_path / "smallest.yaml", SMALLEST),)}
    done = snakemake(tmp_path / "undisturbed", "--cores", "2", TABLE, **keywords)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
    expected = (tmp_path / "undisturbed" / TABLE).read_bytes()
    kills, runs, rng = [], 0, random.Random(SEED)
    while len(kills) < KILLS:
        directory = tmp_path / f"run-{runs}"
        kills += finished_in_spite_of(directory, KILLS - len(kills), rng, **keywords)
        runs += 1
        assert (directory / TABLE).read_bytes() == expected, directory
    stages = Counter(stage for kill in kills for stage in kill.stages)
    hit = ", ".join(f"{stage} {count}" for stage, count in stages.most_common())
    whole, resumable = (sum(getattr(kill, name) for kill in kills) for name in ("whole", "resumable"))
    say(
        f"{len(kills)} kills in {runs} runs, {whole} of them of everything with Snakemake, {resumable} with a "
        f"checkpoint to go on from; every table identical; met {hit}"
    )
    assert len(kills) == KILLS
