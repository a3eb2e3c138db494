"""What a trial counts, with steps that take a second each."""

import time

import pytest
import torch

from dfnas.doctor.bench import Bench
from dfnas.doctor.originals import data_sizes
from dfnas.doctor.trials.training import retrain

EPOCHS, EVERY, BATCHES = 10, 3, 2
STEPS = (5, 7)


class InSteps(Bench):
    """Does every step once and takes it for a second; looks at images take nothing."""

    def step_seconds(self, steps_of, batch_size):
        steps_of(4)(0)
        return 1.0

    def image_seconds(self, look, views):
        return 0.0


@pytest.fixture
def seconds_of(make_config):
    """Seconds of a retraining on synthetic images that several processes cannot share, by its settings `fresh`."""
    stages = [{"downscale": 2, "steps": STEPS[0]}, {"downscale": 1, "steps": STEPS[1]}]

    def measure(**fresh) -> float:
        config = make_config(
            teacher={"arguments": {"depth": 8, "widths": [4, 8, 16], "channels": 1, "classes": 10}},
            comparison={"retrain_data": ["synthetic"]},
            synthesis={"images": 100, "shards": 1},
            invert_teacher={"stages": stages, "warmup_steps": 1, "compile": "never"},
            retrain={"epochs": EPOCHS, "batch_size": 4},
            retrain_synthetic={"labels": "teacher", "fresh": fresh},
        )
        bench = InSteps(config, data_sizes(config, None), torch.device("cpu"), time.time())
        (trained,) = (cost for cost in retrain(bench, ["random/synthetic"]) if cost.rule == "retrain")
        return trained.undivided

    return measure


@pytest.mark.parametrize("weight", [0.0, 10.0])
def test_images_made_during_a_training_are_steps_of_an_inversion(seconds_of, weight):
    fresh = {"every_epochs": EVERY, "batches": BATCHES, "competition_weight": weight}
    rounds = 3  # after epochs 3, 6 and 9
    assert seconds_of() == seconds_of(every_epochs=EPOCHS) == 0
    assert seconds_of(**fresh) == rounds * BATCHES * sum(STEPS)
