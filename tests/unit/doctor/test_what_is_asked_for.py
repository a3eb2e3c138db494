"""What is asked for by name, without original images, and beside other programs."""

import pytest

from dfnas.doctor.estimate import estimate, job_seconds
from dfnas.doctor.examination import HINDERING
from dfnas.doctor.originals import check_originals, data_sizes, find_originals
from dfnas.doctor.page import _sum
from dfnas.doctor.stand_ins import StandIns
from dfnas.doctor.trial import JobCost
from dfnas.doctor.trials import Tried
from dfnas.doctor.workflow import complaint, read_jobs
from dfnas.runtime.errors import InputError
from dfnas.targets import TARGETS, check_targets

OWN = {"weights": "x.pt", "channels": 3, "size": 12, "mean": [0.5] * 3, "std": [0.5] * 3, "classes": 5}
NONE = {"source": "none"}
SYNTHETIC = {
    "search_data": ["synthetic"],
    "retrain_data": ["synthetic"],
    "seeds": [0],
    "algorithms": ["spos", "random"],
}


@pytest.fixture
def without(make_config):
    return make_config(teacher=OWN, shard_original=NONE, comparison=SYNTHETIC)


def test_a_target_is_a_name_or_a_file():
    check_targets(["images", "deploy", "report", "shard_dataset", "results/table1.csv", "table1.csv"])
    with pytest.raises(InputError, match=r"no target .deploi.; expected one of all, images, .*, report"):
        check_targets(["images", "deploi"])


def test_targets_are_no_jobs_of_a_plan():
    rules = (*TARGETS, "shard_dataset")
    text = "".join(f"rule {rule}:\n    output: {rule}.out\n    jobid: 0\nShell command: python\n\n" for rule in rules)
    assert [job.rule for job in read_jobs(text)] == ["shard_dataset"]


def test_no_original_images_are_no_fault_and_sizes_are_the_teachers(without):
    (finding,), size = check_originals(without)
    assert (finding.level, find_originals(without).level, size) == ("ok", "ok", None)
    sizes = data_sizes(without, None)
    assert (sizes["original"].size, sizes["original"].channels, sizes["original"].classes) == ((12, 12), 3, 5)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"comparison": SYNTHETIC | {"search_data": ["original"]}}, "comparison.search_data = original needs original"),
        ({"comparison": SYNTHETIC | {"retrain_data": ["original"]}}, "comparison.retrain_data = original needs"),
        ({"comparison": SYNTHETIC | {"judge_images": True}}, "comparison.judge_images = true needs original images"),
        ({"teacher": OWN | {"weights": None}}, "teacher.weights is missing, and shard_original.source is none"),
    ],
)
def test_what_needs_original_images_is_refused_where_there_are_none(make_config, changes, told):
    with pytest.raises(InputError) as caught:
        make_config(**{"teacher": OWN, "shard_original": NONE, "comparison": SYNTHETIC} | changes)
    assert told in str(caught.value)


def test_a_plan_that_needs_them_says_so():
    text = (
        "Building DAG of jobs...\nMissingInputException in rule evaluate in file x, line 1:\n"
        "Missing input files for rule evaluate:\n    output: a\n    affected files:\n        r/dataset/original.h5\n"
    )
    assert complaint(text) == "rule evaluate needs original images, and there are none; describe them in shard_original"


def test_other_programs_take_their_share_of_the_time(chain, make_config, make_machine):
    tried = [
        Tried("pretrain_teacher", (JobCost("", 1.0, 9.0),)),
        Tried("search_spos", (JobCost("original", 1.0, 9.0),), 2.0),
    ]
    idle, crowded = (
        estimate(chain, tried, {}, make_config(), make_machine(cores=2, load=load), 0) for load in (0.0, 6.0)
    )
    assert (idle.crowding, crowded.crowding) == (1.0, 4.0)
    assert idle.course == crowded.course
    assert not any("Beside what runs here now" in line for line in _sum(idle))
    assert any("asks for 6.0 cores" in line for line in _sum(crowded))
    assert crowded.plain()["crowding"] == 4.0


def test_more_work_takes_longer_and_starts_as_long(chain, make_config):
    tried = [
        Tried("search_spos", (JobCost("original", 1.0, 9.0),), 2.0),
        Tried("pretrain_teacher", (JobCost("", 7.0),), 2.0),
    ]
    growth = {"search_spos": 3.0, "pretrain_teacher": 2.0}
    found = job_seconds(chain, tried, make_config(), 0, growth)
    assert found[1:4] == [28.0] * 3
    assert found[0] == 2.0 + 2 * 5.0, "a stage without steps: all but the start"


def test_a_data_set_of_whole_pieces_has_a_stand_in(make_config, tmp_path):
    config = make_config(teacher=OWN, shard_original=NONE, comparison=SYNTHETIC, synthesis={"images": 500})
    sizes = data_sizes(config, None)
    size = sizes["synthetic"]
    whole = size.__class__(512, 512, 0, size.channels, size.stored, size.size, size.classes)
    StandIns(config, sizes | {"synthetic": whole}, tmp_path).make("dataset/synthetic.h5", "retrain")
    assert (tmp_path / "dataset/synthetic.h5").is_file()


def test_what_hinders_every_trial_is_few():
    assert {"teacher", "device"} <= HINDERING
    assert not {"disk", "memory", "original data (npz)"} & HINDERING
