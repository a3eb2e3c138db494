"""From a plan and a few steps to hours: reading the plan, laying it on a machine, judging what was tried."""

from dataclasses import replace

import pytest

from dfnas.doctor.estimate import duration, estimate, judge_times
from dfnas.doctor.examination import check_choosing, check_held, check_searched
from dfnas.doctor.originals import data_sizes
from dfnas.doctor.schedule import Capacity, schedule
from dfnas.doctor.trial import JobCost
from dfnas.doctor.trials import Tried, judge_trials, key_of, orders
from dfnas.doctor.workflow import PlannedJob, complaint, read_jobs

DRY_RUN = """
[Thu Nov 26 12:03:13 2026]
rule invert_teacher:
    input: r/teacher/teacher.pt, r/labels/synthetic/generation-0.h5
    output: r/synthesis/synthetic/generation-1/shard-0.h5, r/synthesis/synthetic/generation-1/shard-0.csv
    log: r/logs/invert_teacher/synthetic/generation-1/shard-0.log
    jobid: 21
    reason: Missing output files: r/x
    wildcards: source=synthetic, generation=1, shard=0
    threads: 2
    resources: tmpdir=/tmp, runtime=30, gpu=1, mem_mb=1000, mem=1 GB, mem_mib=954
Shell command: python -m dfnas.stages.invert_teacher --device auto 2> r/logs/x.log

[Thu Nov 26 12:03:13 2026]
rule check_spaces:
    output: r/spaces/darts.json
    jobid: 8
    resources: tmpdir=/tmp, runtime=30, mem_mb=1000
Shell command: python -m dfnas.stages.check_spaces --device cpu

[Thu Nov 26 12:03:14 2026]
rule all:
    input: r/table1.csv
    jobid: 0
    resources: tmpdir=/tmp
"""
SPACE = {"name": "nasbench201", "options": {"channels": 4, "cells_per_stage": 1}}
MISSING = """Building DAG of jobs...
MissingInputException in rule import_teacher in file "workflow/rules/teacher.smk", line 32:
Missing input files for rule import_teacher:
    output: results/teacher/teacher.pt
    affected files:
        /no where/weights.th
        /nowhere/other.th
"""


def test_a_dry_run_is_read():
    first, second = read_jobs(DRY_RUN)
    assert (first.rule, first.threads, first.mem_mb, first.runtime, first.gpu) == ("invert_teacher", 2, 1000, 30, 1)
    assert first.wildcards == {"source": "synthetic", "generation": "1", "shard": "0"}
    assert first.inputs[1] == "r/labels/synthetic/generation-0.h5"
    assert len(first.outputs) == 2
    assert (first.computes, second.computes) == (True, False)
    assert second == PlannedJob("check_spaces", (), ("r/spaces/darts.json",), {}, 1, 1000, 30, 0, second.command)


def test_what_a_dry_run_misses_is_one_line():
    told = complaint(MISSING)
    assert told == "rule import_teacher needs files that nothing makes: /no where/weights.th, /nowhere/other.th"
    assert complaint("Using profile x\nBuilding DAG of jobs...\nWorkflowError:\nNo rule\n") == "WorkflowError: No rule"


def test_jobs_wait_for_each_other_and_share_the_cores(chain):
    seconds = [10.0, 4.0, 4.0, 4.0, 1.0]
    assert schedule(chain, seconds, Capacity(1, 8000)).seconds == 10 + 12 + 1
    assert schedule(chain, seconds, Capacity(2, 8000)).seconds == 10 + 8 + 1
    course = schedule(chain, seconds, Capacity(3, 8000))
    assert (course.seconds, course.chain_s, course.beside) == (15, 15, 3)


def test_memory_and_gpus_bound_the_jobs_at_a_time(chain):
    seconds = [10.0, 4.0, 4.0, 4.0, 1.0]
    assert schedule(chain, seconds, Capacity(3, 1000)).seconds == 23
    assert schedule(chain, seconds, Capacity(3, 8000, gpus=2)).seconds == 19
    assert schedule([], [], Capacity(1, 1)).seconds == 0


def test_the_longest_chain_goes_first():
    long = [PlannedJob("a", (), ("1",)), PlannedJob("b", ("1",), ("2",))]
    short = [PlannedJob("c", (), (name,)) for name in "xy"]
    assert schedule([*short, *long], [5.0, 5.0, 5.0, 5.0], Capacity(2, 1)).seconds == 10


def test_the_longest_chain_goes_first_of_what_one_job_lets_begin():
    first = PlannedJob("a", (), ("0",))
    long = [PlannedJob("b", ("0",), ("1",)), PlannedJob("c", ("1",), ("2",))]
    short = [PlannedJob("d", ("0",), (name,)) for name in "xy"]
    assert schedule([first, *short, *long], [1.0, 5.0, 5.0, 5.0, 5.0], Capacity(2, 1)).seconds == 11


def test_jobs_are_told_apart_by_what_their_cost_depends_on(make_config):
    config = make_config(comparison={"algorithms": ["spos", "random", "mine.py:Own"]}, search_own={"space": SPACE})
    run = PlannedJob("evaluate", wildcards={"run": "spos/synthetic/original/seed-0"})
    assert key_of(run, config) == "spos/original"
    of_teacher = PlannedJob("evaluate", wildcards={"run": "teacher"})
    assert key_of(of_teacher, config) != key_of(run, config)
    training = {"algorithm": "spos", "search_data": "noise", "retrain_data": "original", "seed": "1"}
    retrain, again = (PlannedJob("retrain", wildcards=training | {"seed": seed}) for seed in "12")
    own = PlannedJob("search_own", wildcards={"search_data": "original"})
    jobs = [PlannedJob("search_random", wildcards={"seed": "0"}), retrain, again, run, of_teacher, own]
    wanted = {name: list(found.values()) for name, found in orders([*jobs, PlannedJob("table1")], config).items()}
    assert wanted == {"search_own": [own], "retrain": [retrain], "evaluate": [run, of_teacher]}


def tried(**parts) -> Tried:
    cost = JobCost("original", setup_s=3.0, seconds=80.0, undivided=20.0, bytes=2e6)
    return Tried("search_spos", (cost,), **{"started_s": 2.0, "memory_mb": 900} | parts)


def test_steps_and_jobs_make_hours(chain, make_config, make_machine):
    config = make_config()
    found = estimate(chain, [tried()], data_sizes(config, None), config, make_machine(), 0)
    rows = {row.rule: row for row in found.rows}
    assert rows["search_spos"].seconds == 103
    assert rows["search_spos"].memory_mb == 900
    assert rows["table1"].seconds == pytest.approx(2.2)
    assert rows["search_spos"].bytes == pytest.approx(3 * (1e6 * 3.5 + 30_000))
    assert found.course.seconds == pytest.approx(2.2 + 103 + 2.2)
    assert found.core_hours == pytest.approx((2.2 + 309 + 2.2) / 3600)


def test_several_processes_share_what_they_can(chain, make_config, make_machine, gpu):
    config = make_config(resources={"supernet_spos": {"gpu": 4}})
    jobs = [*chain, PlannedJob("supernet_spos", (), ("supernet.pt",), {"search_data": "original"}, mem_mb=1000)]
    both = [tried(), replace(tried(), rule="supernet_spos")]
    found = estimate(jobs, both, data_sizes(config, None), config, make_machine(gpus=(gpu,) * 4), 4)
    seconds = {row.rule: row.seconds for row in found.rows}
    assert (seconds["supernet_spos"], seconds["search_spos"]) == (3 + 80 / 4 + 20, 103)  # evolution is one process


def test_a_stage_that_was_not_tried_leaves_no_time(chain, make_config, make_machine):
    config = make_config()
    failed = Tried("search_spos", error="killed by signal 9", killed=True)
    found = estimate(chain, [failed], data_sizes(config, None), config, make_machine(), 0)
    assert found.course is None
    assert found.core_hours is None


def test_without_trials_images_still_take_their_room(make_config, make_machine):
    config = make_config()
    shards = [PlannedJob("invert_teacher", wildcards={"source": "synthetic"}) for _ in range(6)]
    found = estimate(shards, [], data_sizes(config, None), config, make_machine(), 0)
    assert found.bytes == pytest.approx(1200 * 18 * 18 + 6 * 30_000)
    assert found.course is None


def test_a_job_longer_than_what_it_reserves(chain, make_config, make_machine):
    config = make_config(resources={"default": {"threads": 1, "mem_mb": 1000, "runtime": 1}})
    found = estimate(chain, [tried()], data_sizes(config, None), config, make_machine(), 0)
    (finding,) = judge_times(found, config)
    assert (finding.level, finding.subject) == ("warning", "search_spos")
    assert "raise resources.search_spos.runtime" in finding.story


@pytest.mark.parametrize(
    ("one", "level"),
    [
        (tried(), "ok"),
        (tried(memory_mb=1600), "warning"),
        (tried(memory_mb=20_000), "failure"),
        (Tried("search_spos", error="killed by signal 9", killed=True), "failure"),
        (Tried("search_spos", error="loss is not finite"), "failure"),
    ],
)
def test_what_trials_say_of_memory(make_config, make_machine, one, level):
    (finding,) = judge_trials([one], make_config(), make_machine())
    assert finding.level == level


def test_data_that_memory_does_not_hold(make_config, make_machine):
    config = make_config(synthesis={"images": 40_000_000})
    jobs = [PlannedJob("search_spos", wildcards={"search_data": "synthetic"})]
    (finding,) = check_held(data_sizes(config, None), jobs, make_machine())
    assert (finding.level, "lower synthesis.images" in finding.story) == ("warning", True)
    assert check_held(data_sizes(config, None), [], make_machine()) == []


def test_few_images_to_choose_by_are_noticed(make_config):
    sizes = data_sizes(make_config(synthesis={"images": 200}), None)
    jobs = [PlannedJob("retrain", wildcards={"retrain_data": "synthetic"})]
    (finding,) = check_choosing(sizes, jobs)
    assert finding.level == "warning"
    assert finding.story.startswith("60 held-out images of 10 classes are few to choose by: an error on them is uncert")
    assert "up to 13 points" in finding.story
    assert list(check_choosing(sizes, [])) == []
    assert list(check_choosing(data_sizes(make_config(), None), jobs)) == []


@pytest.mark.slow
def test_spaces_that_can_be_made_and_one_that_cannot(make_config):
    assert {finding.level for finding in check_searched(make_config())} == {"ok"}
    beyond = make_config(search_spos={"budget": {"max_macs_m": 0.01}})
    found = {finding.subject: finding for finding in check_searched(beyond)}
    assert found["search_spos"].level == "failure"
    assert "the cheapest architecture" in found["search_spos"].story
    absurd = make_config(search_darts={"space": {"name": "darts", "options": {"cells": -3}}})
    assert next(check_searched(absurd)).level == "failure"


def test_times_in_words():
    said = [duration(seconds) for seconds in (3.21, 45, 600, 7200, 864_000)]
    assert said == ["3.2 s", "45 s", "10 min", "2.0 h", "10.0 days"]
