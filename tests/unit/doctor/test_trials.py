"""What a trial counts and times, with steps whose seconds are known, and the words of a job that is tried."""

import time
from pathlib import Path

import pytest
import torch

from dfnas.doctor import trial
from dfnas.doctor.trial import Ended, TooSlow, Trial, limited
from dfnas.doctor.words import a_few, fewer, placed, without_milliseconds, words_of

PERIOD = 50


class Epochs:
    """Steps of a second; at the end of an epoch they take ten."""

    steps, alone = 200, ("end",)

    def __init__(self):
        self.done = []

    def kind(self, index):
        return "step" if (index + 1) % PERIOD else "end"

    def step(self, index):
        self.done.append(index)

    def state_dict(self):
        return {"weights": [torch.zeros(3)], "place": 1}


@pytest.fixture
def tried(monkeypatch):
    """A trial of work whose steps take what a function of their number says."""

    def measure(work, seconds_of) -> Trial:
        monkeypatch.setattr(trial, "_seconds", lambda work, index, device: (work.step(index), seconds_of(index))[1])
        found = Trial()
        with pytest.raises(Ended):
            found.of(work)
        return found

    return measure


def test_steps_are_counted_by_kind_and_a_few_of_each_are_done(tried):
    work = Epochs()
    found = tried(work, lambda index: 1.0 if (index + 1) % PERIOD else 10.0)
    assert work.done == [0, 1, 2, 49]  # slow ones once
    cost = found.cost("key", 2.0, 2.2, 1)
    assert (cost.seconds, cost.undivided, cost.bytes) == (196 * 1.0, 4 * 10.0, 12)
    assert 2.0 <= cost.setup_s < 3.0


def test_the_first_of_a_kind_warms_up(tried):
    found = tried(Epochs(), lambda index: 3.0 if index == 0 else 0.5)
    assert found.kinds["step"].seconds == 0.5


def test_quick_steps_are_done_often(tried):
    work = Epochs()
    tried(work, lambda index: 0.001)
    assert work.done == [*range(trial.MOST), 49, 99, 149, 199]


def test_without_a_word_all_steps_are_alike(tried):
    work = type("Silent", (), {name: vars(Epochs)[name] for name in ("__init__", "steps", "step", "state_dict")})()
    assert tried(work, lambda index: 2.0).cost("", 0.0, 0.0, 1).seconds == 400


def test_of_many_files_a_few_count_for_all():
    found = Trial()
    found.setup_s = 3.0
    assert found.cost("", 2.0, 2.5, 4.0).setup_s == 2.5 + 4 * (5.0 - 2.5)


class Endless(Epochs):
    """Its epochs have no end."""

    def step(self, index):
        if self.kind(index) == "end":
            while True:
                time.process_time()


def test_what_is_too_slow_is_taken_from_fewer_images(tried, monkeypatch):
    found = Trial()
    monkeypatch.setattr(trial, "STEP_S", 0.05)
    with pytest.raises(TooSlow):
        found.of(Endless())
    smaller = tried(Epochs(), lambda index: 7.0)
    of_steps = found.kinds["step"].seconds
    found.complete(smaller, 16)
    assert found.kinds["end"].seconds == 16 * 7
    assert found.kinds["step"].seconds == of_steps
    nothing = Trial()
    nothing.complete(smaller, 16)
    assert nothing.setup_s == 16 * smaller.setup_s
    assert nothing.kinds["step"].seconds == 16 * 7


def test_a_limit_ends_with_its_block():
    with limited(0.05):
        pass
    begun = time.process_time()
    while time.process_time() < begun + 0.1:
        pass


COMMAND = (
    "torchrun --standalone --nproc-per-node 2 -m dfnas.stages.search 'my algorithm.py:A' --dataset r/dataset/o.h5"
    ' --batch-size 64 --budget \'{"max_latency_ms": 3.0, "max_macs_m": 5.0}\' --lr 0.1 --images-per-epoch 0'
    ' --evolution \'{"recalibration_batch_size": 128, "population": 9}\' --networks a b c d e f --out r/x.json 2> r/log'
)


def test_a_command_becomes_words_in_another_place():
    words = words_of(COMMAND)
    assert words[:4] == ["dfnas.stages.search", "my algorithm.py:A", "--dataset", "r/dataset/o.h5"]
    assert words[-2:] == ["--out", "r/x.json"]
    assert placed(words, "r", Path("/t"))[3] == "/t/dataset/o.h5"


def test_settings_are_changed_wherever_they_stand():
    words = words_of(COMMAND)
    assert '{"max_latency_ms": 0.0, "max_macs_m": 5.0}' in without_milliseconds(words)
    several = ["--budgets", '[{"max_latency_ms": 2.0}, {"max_macs_m": 5.0}]']
    assert without_milliseconds(several) == ["--budgets", '[{"max_latency_ms": 0.0}, {"max_macs_m": 5.0}]']
    smaller, ratio = fewer(words)
    assert ratio == 16
    changed = {new for new, old in zip(smaller, words, strict=True) if new != old}
    assert changed == {"4", '{"recalibration_batch_size": 8, "population": 9}'}
    some, share = a_few(words, "networks")
    assert (some[some.index("--networks") :][1:6], share) == (["a", "b", "c", "d", "--out"], 1.5)
    assert a_few(words, None) == (words, 1.0)
