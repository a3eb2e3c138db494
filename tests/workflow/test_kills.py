"""Jobs, and the whole workflow, killed without a word at random moments: the table is that of an undisturbed run.

`DFNAS_KILLS` says how often, `DFNAS_KILLS_SEED` chooses other moments. Few kills, as by default, are kept to what the
table is made of, with half of the algorithms: the whole workflow takes three times as long and has stages that no kill
would come to.
"""

import math
import os
import random
from collections import Counter

import pytest
from dealing import Deck
from killing import Kill, Run
from running import copy_sources, overlay

pytestmark = pytest.mark.slow

KILLS = int(os.environ.get("DFNAS_KILLS", "8"))
SEED = int(os.environ.get("DFNAS_KILLS_SEED", "0"))
FEW = 20
TABLE = "results/table1.csv"
SMALLEST = {
    "comparison": {"seeds": [0], "search_data": ["synthetic"]},
    "synthesis": {"shards": 1},
    "shard_original": {"shards": 1},
    "invert_teacher": {"stages": [{"downscale": 2, "steps": 10}, {"downscale": 1, "steps": 10}]},
}
FOR_FEW = {"comparison": {"algorithms": ["darts", "spos"]}}


@pytest.mark.timeout(5400)
def test_a_workflow_killed_at_any_moment_ends_with_the_same_table(tmp_path, say):
    target, configuration = "all", (overlay(tmp_path / "smallest.yaml", SMALLEST),)
    if KILLS <= FEW:
        target, configuration = TABLE, (*configuration, overlay(tmp_path / "for_few.yaml", FOR_FEW))
    keywords = {"source": copy_sources(tmp_path / "source"), "configuration": configuration}
    undisturbed = Run(tmp_path / "undisturbed", target, **keywords)
    undisturbed.complete()
    expected = (tmp_path / "undisturbed" / TABLE).read_bytes()
    deck = Deck(undisturbed.courses, random.Random(SEED))
    cards = deck.cards(KILLS)
    at_once = math.ceil(KILLS / math.ceil(KILLS / len(deck)))
    kills, runs = [], 0
    while cards:
        run = Run(tmp_path / f"run-{runs}", target, **keywords)
        run.complete(deck, cards[:at_once])
        assert (tmp_path / f"run-{runs}" / TABLE).read_bytes() == expected, f"{run.kills} in run-{runs}"
        assert run.courses.keys() <= deck.jobs
        steps = {job: (course.checkpoints, undisturbed.courses[job].checkpoints) for job, course in run.courses.items()}
        assert not {job: both for job, both in steps.items() if both[0] != both[1]}, "a step was done again"
        kills += run.kills
        cards = run.missed + cards[at_once:]
        runs += 1
    assert len(kills) == KILLS
    whole, went_on = [kill for kill in kills if kill.whole], [kill for kill in kills if kill.saved]
    if KILLS >= 8:
        assert len(whole) >= 1
        assert len(went_on) >= 2
    promptly, beside = sum(kill.in_loop for kill in kills), sum(kill.beside for kill in kills)
    say(f"kills in {runs} runs of {len(deck.stages)} stages, every table the undisturbed run's: {_by_stage(kills)}")
    say(f"kills of everything, Snakemake and {beside} jobs beside the one meant: {_by_stage(whole)}")
    say(f"kills with a checkpoint, {promptly} right after it, from which the job went on: {_by_stage(went_on)}")


def _by_stage(kills: list[Kill]) -> str:
    counts = Counter(kill.stage for kill in kills)
    return f"{len(kills)} in {len(counts)} stages: {', '.join(f'{stage} {n}' for stage, n in sorted(counts.items()))}"
