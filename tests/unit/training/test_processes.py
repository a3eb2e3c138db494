"""Two processes that share every batch, connected over gloo, against one process that has it alone."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import distributed, nn

from dfnas.classifiers.description import TeacherSpec
from dfnas.classifiers.teacher import Teacher
from dfnas.dataset.batch_targets import TeacherLabels
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import load_archive, save_archive
from dfnas.runtime.processes import ALONE, Processes, join, with_common_statistics
from dfnas.settings.invert_teacher import InvertTeacherSettings, ResolutionStage
from dfnas.settings.training import (
    AugmentationSettings,
    AveragingSettings,
    FreshSettings,
    RetrainSettings,
    TrainingSettings,
)
from dfnas.synthesis.fresh_images import WithFreshImages
from dfnas.training.training import Training

pytestmark = pytest.mark.slow

COUNT, STOP = 2, 4
REFRESHED = 14  # the second epoch ends with step 5 and the first images with step 10
RECIPE = {
    "epochs": 3,
    "batch_size": 8,
    "lr": 0.1,
    "clip_norm": 0.5,
    "augmentation": AugmentationSettings(pad=1, cutout=2, flip="alternating"),
    "averaging": AveragingSettings(kind="ema", decay=0.8),
}


def network(norm: bool) -> nn.Module:
    torch.manual_seed(3)
    layers = [nn.Conv2d(1, 6, 3, 2), *([nn.BatchNorm2d(6), nn.Dropout(0.2)] if norm else []), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3))


def trained(processes: Processes, data: tuple, norm: bool, path: Path | None = None, start: int = 0) -> dict:
    """What a training ends with. With a path it leaves its state there on the way, or from `start` on begins with
    it."""
    training = Training(network(norm), *data, TrainingSettings(**RECIPE), 0, processes=processes)
    if start:
        training.load_state_dict(load_archive(path))
    rows = []
    for step in range(start, training.steps):
        if step == STOP and not start and path and processes.leads:
            save_archive(path, training.state_dict())
        rows.append(training.step(step))
    states = {"network": training.network.state_dict(), "result": training.result.state_dict()}
    return {**states, "rows": [row for row in rows if row]}


def refreshed(processes: Processes, data: tuple, path: Path | None = None, start: int = 0) -> dict:
    """The same of a training that makes images in between, against the network as it is then."""
    spec = TeacherSpec(builder="net", classes=3, channels=1, size=(8, 8), mean=(0.5,), std=(0.25,))
    teacher, train = Teacher(spec, network(True)), replace(data[0], stored=data[0].images.clone())
    settings = RetrainSettings(**RECIPE | {"epochs": 5, "labels": "teacher"})
    labels = TeacherLabels(teacher, train)
    training = Training(network(True), train, data[1], settings, 0, processes=processes, labels=labels)
    inversion = InvertTeacherSettings(
        batch_size=6, canvas_margin=2, stages=(ResolutionStage(steps=5),), warmup_steps=1, compile="never"
    )
    run = WithFreshImages(training, teacher, inversion, FreshSettings(every_epochs=2, competition_weight=10.0))
    if start:
        run.load_state_dict(load_archive(path))
    for step in range(start, run.steps):
        if step == REFRESHED and not start and path and processes.leads:
            save_archive(path, run.state_dict())
        run.step(step)
    return {"images": train.images, "network": training.network.state_dict()}


def work(rank: int, data: tuple, folder: Path) -> None:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=COUNT)
    processes = Processes(rank, COUNT)
    plain = trained(processes, data, norm=False)
    whole = trained(processes, data, True, folder / "state.pt")
    resumed = trained(processes, data, True, folder / "state.pt", STOP)
    fresh = refreshed(processes, data, folder / "fresh.pt")
    distributed.barrier()  # until the first has left its state
    again = refreshed(processes, data, folder / "fresh.pt", REFRESHED)
    names = processes.said_by_each(f"GPU-{rank}" * (1 + rank))
    found = {"names": names, "plain": plain, "whole": whole, "resumed": resumed, "fresh": fresh, "again": again}
    torch.save(found, folder / f"rank-{rank}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def data(make_images) -> tuple:
    return make_images(28), make_images(12, seed=1)


@pytest.fixture(scope="module")
def together(data, tmp_path_factory, side_by_side) -> list[dict]:
    """What each of the processes ends with: without norms, with them, and with them resumed."""
    folder = tmp_path_factory.mktemp("together")
    return side_by_side(work, COUNT, data, folder, 120)


def test_each_says_a_word_to_all(together):
    assert [each["names"] for each in together] == [["GPU-0", "GPU-1GPU-1"]] * COUNT
    assert ALONE.said_by_each("GPU-0") == ["GPU-0"]


def test_both_end_with_the_weights_of_one_process_with_the_whole_batches(together, data):
    first, second = (each["plain"] for each in together)
    alone = trained(ALONE, data, norm=False)
    for part in ("network", "result"):
        for name, value in first[part].items():
            assert torch.equal(value, second[part][name]), name
            torch.testing.assert_close(value, alone[part][name], atol=1e-6, rtol=1e-5)
    assert second["rows"] == []  # the first speaks for both
    assert [row["epoch"] for row in first["rows"]] == [1, 2, 3]
    for ours, theirs in zip(first["rows"], alone["rows"], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-5)


def test_with_statistics_of_their_own_the_weights_still_agree(together):
    first, second = (each["whole"]["network"] for each in together)
    for name, _ in network(norm=True).named_parameters():
        assert torch.equal(first[name], second[name]), name
    assert not torch.equal(first["1.running_mean"], second["1.running_mean"])


def test_a_resumed_run_is_bit_identical(together):
    whole, resumed = together[0]["whole"], together[0]["resumed"]
    for part in ("network", "result"):
        for name, value in whole[part].items():
            assert torch.equal(value, resumed[part][name]), name
    assert resumed["rows"] == whole["rows"][1:]


def test_all_make_the_same_images_also_against_a_network_whose_statistics_differ(together, data):
    first, second = (each["fresh"] for each in together)
    assert torch.equal(first["images"], second["images"])
    assert not torch.equal(first["images"], data[0].images)
    assert not torch.equal(first["network"]["1.running_mean"], second["network"]["1.running_mean"])
    for each in together:
        assert torch.equal(each["again"]["images"], first["images"])
    for name, value in first["network"].items():
        assert torch.equal(value, together[0]["again"]["network"][name]), name


def test_a_batch_is_shared_equally_or_not_at_all():
    assert [Processes(rank, 3).share(12) for rank in range(3)] == [slice(0, 4), slice(4, 8), slice(8, 12)]
    with pytest.raises(InputError, match="batch_size = 64 must be a multiple of the 3 processes that share it"):
        Processes(0, 3).share(64)


def test_one_gpu_is_not_enough_for_two():
    with ExitStack() as held, pytest.raises(InputError, match=r"device = cuda:1 is one GPU, for 2 processes"):
        join(Processes(1, 2), "cuda:1", 1, held)


def test_common_statistics_keep_the_weights_names_and_need_gpus():
    net = network(norm=True)
    assert with_common_statistics(net, ALONE, torch.device("cpu")) is net
    with pytest.raises(InputError, match="sync_batch_norm = true needs GPUs"):
        with_common_statistics(net, Processes(0, 2), torch.device("cpu"))
    names = list(net.state_dict())
    common = with_common_statistics(net, Processes(0, 2), torch.device("cuda"))
    assert isinstance(common[1], nn.SyncBatchNorm)
    assert list(common.state_dict()) == names
