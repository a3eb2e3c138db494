"""Images have the same bits in the same order wherever they lie, and no more of them are in memory than are wanted."""

import weakref
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dfnas.dataset import loading
from dfnas.dataset.batch_targets import StoredLabels
from dfnas.dataset.batches import Batches, PlainViews
from dfnas.dataset.images import ImageSet, load_split
from dfnas.dataset.in_memory import image_sets
from dfnas.dataset.stored import AHEAD, OnHost, StoredImages, even_parts, parts_of
from dfnas.dataset.writing import Records, write_dataset, write_shard
from dfnas.runtime.errors import InputError
from dfnas.settings.training import AugmentationSettings

CPU = torch.device("cpu")
COUNT, CHANNELS, SIDE, SHARD = 30, 3, 6, 7
PIXELS = np.random.default_rng(0).integers(0, 256, (COUNT, CHANNELS, SIDE, SIDE), dtype=np.uint8)
ATTRIBUTES = {"size": [4, 4], "mean": [0.5] * 3, "std": [0.25] * 3, "class_names": ["one", "other"]}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A data set of a few shards, every third image held out."""
    folder = tmp_path_factory.mktemp("stored")
    targets, shards = np.arange(COUNT) % 2, []
    for first in range(0, COUNT, SHARD):
        shards.append(folder / f"{first}.h5")
        write_shard(shards[-1], PIXELS[first : first + SHARD], targets[first : first + SHARD], ATTRIBUTES)
    split = (np.arange(COUNT) % 3 == 2).astype(np.uint8)
    records = Records(np.eye(2, dtype=np.float32)[targets], targets, np.zeros(COUNT, np.int32), split)
    write_dataset(folder / "set.h5", shards, records, ATTRIBUTES)
    return folder / "set.h5"


@pytest.fixture(scope="module")
def everywhere(file) -> dict[str, ImageSet]:
    """The training images on the device, which is the CPU, as if on another than the batches, and in the shards."""
    resident = load_split(file, "train", CPU)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(loading.VARIABLE, "0")
        in_file = load_split(file, "train", CPU)
    on_host = replace(resident, stored=StoredImages(OnHost(resident.images), CPU))
    return {"device": resident, "host": on_host, "file": in_file}


AUGMENTED = AugmentationSettings(pad=1, cutout=2)


@settings(max_examples=40, deadline=None)
@given(
    data=st.data(),
    size=st.integers(1, 20),
    seed=st.integers(0, 5),
    steps=st.lists(st.integers(0, 60), min_size=1, max_size=8),
    in_turn=st.integers(0, 8),
)
def test_batches_are_the_same_from_everywhere(everywhere, data, size, seed, steps, in_turn):
    """At any steps: in turn, and wherever a run goes on."""
    own = data.draw(st.slices(size).filter(lambda part: part.step in (None, 1) and range(size)[part]))
    chosen = torch.randperm(20, generator=torch.Generator().manual_seed(seed))[: max(size, 11)]
    for part in (None, chosen):
        sets = [each if part is None else each.subset(part) for each in everywhere.values()]
        drawn = [Batches(each, size, AUGMENTED, StoredLabels(each), seed, "train", share=own) for each in sets]
        for step in [*steps, *range(steps[-1], steps[-1] + in_turn)]:
            (views, targets), *others = [each[step] for each in drawn]
            assert all(torch.equal(views, other) for other, _ in others)
            assert all(torch.equal(targets, other) for _, other in others)
            assert all(views.stride() == other.stride() for other, _ in others)


@pytest.mark.parametrize("size", [1, 3, 7, 20, 50])
def test_plain_views_are_the_same_from_everywhere(everywhere, size):
    first, *others = [list(PlainViews(each, size)) for each in everywhere.values()]
    for other in others:
        assert [views.tolist() for views in other] == [views.tolist() for views in first]


def test_images_of_the_file_are_those_that_were_written(everywhere):
    chosen = np.flatnonzero(np.arange(COUNT) % 3 != 2)
    for data in everywhere.values():
        assert data.stored.shape == (len(chosen), CHANNELS, SIDE, SIDE)
        assert np.array_equal(data.images, PIXELS[chosen])
        assert np.array_equal(data.subset(torch.tensor([4, 4, 1])).images, PIXELS[chosen[[4, 4, 1]]])
        assert np.array_equal(data.subset(torch.arange(5, 12)).subset(torch.tensor([2])).images, PIXELS[chosen[[7]]])


@pytest.mark.parametrize("where", ["device", "host", "file"])
def test_new_images_are_seen_though_old_ones_were_fetched(file, monkeypatch, where):
    monkeypatch.setenv(loading.VARIABLE, "0" if where == "file" else "1")
    data = load_split(file, "train", CPU)
    if where == "host":
        data = replace(data, stored=StoredImages(OnHost(data.images), CPU))
    parts = data.stream(parts_of(len(data), 4))
    first, before = parts[0].clone(), parts[2].clone()
    one = torch.ones(1, CHANNELS, SIDE, SIDE, dtype=torch.uint8)
    nines, sevens = 9 * one, (7 * one).repeat(2, 1, 1, 1)
    data.stored.put(torch.tensor([0]), nines)
    assert (parts[0][0] == 9).all()
    data.subset(torch.arange(8, 12)).stored.put(torch.tensor([0, 3]), sevens)
    assert torch.equal(parts[0][1:], first[1:])
    assert (parts[2][[0, 3]] == 7).all()
    assert torch.equal(parts[2][1:3], before[1:3])


def test_a_part_of_the_images_is_the_same_memory():
    pixels = torch.from_numpy(PIXELS).contiguous(memory_format=torch.channels_last)
    data = ImageSet(pixels, torch.eye(2)[torch.arange(COUNT) % 2], torch.arange(COUNT) % 2, (4, 4), (0.5,), (0.25,))
    halves = [data.subset(half) for half in torch.randperm(COUNT).tensor_split(2)]
    assert {half.stored.resident.data_ptr() for half in halves} == {pixels.data_ptr()}


def test_images_are_loaded_into_the_memory_that_they_are_kept_in(file, monkeypatch):
    """Nothing of their size is made beside it: neither here nor by what takes them over."""
    made, empty = [], torch.empty

    def noted(*shape, **more):
        made.append(empty(*shape, **more))
        return made[-1]

    monkeypatch.setattr(torch, "empty", noted)
    for method in ("contiguous", "clone", "to"):
        plain = getattr(torch.Tensor, method)

        def watched(self, *arguments, plain=plain, **more):
            found = plain(self, *arguments, **more)
            assert self.dtype != torch.uint8 or found.data_ptr() == self.data_ptr()
            return found

        monkeypatch.setattr(torch.Tensor, method, watched)
    data = load_split(file, "train", CPU)
    assert [tensor.nbytes for tensor in made] == [20 * CHANNELS * SIDE * SIDE]
    assert data.stored.resident.data_ptr() == made[0].data_ptr()


@pytest.mark.parametrize("times", [1, 10])
def test_as_many_batches_are_in_memory_however_many_images_there_are(everywhere, monkeypatch, times):
    data, size, alive, most = everywhere["file"], 4, weakref.WeakSet(), 0
    data = data.subset(torch.arange(20).repeat(times))
    plain = StoredImages.fetched

    def watched(self, places):
        batch = plain(self, places)
        assert batch.shape == (size, CHANNELS, SIDE, SIDE)
        alive.add(batch)
        return batch

    monkeypatch.setattr(StoredImages, "fetched", watched)
    batches = Batches(data, size, None, StoredLabels(data), 0, "train")
    for step in range(2 * batches.per_pass):
        batches[step]
        most = max(most, len(alive))
    assert 1 <= most <= AHEAD + 2  # and the one that the thread has not let go of yet


def test_images_go_to_the_device_then_to_the_host_then_nowhere(monkeypatch):
    gpu = torch.device("cuda:1")
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (100, 1000))
    monkeypatch.setattr(loading, "memory_mb", lambda: (2, 1))
    sizes = {50: gpu, 51: CPU, 500_000: CPU, 500_001: None}
    assert {size: loading.place_of(size, gpu)[0] for size in sizes} == sizes
    assert [loading.place_of(size, CPU)[0] for size in (500_000, 500_001)] == [CPU, None]
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    assert loading.place_of(250_001, gpu)[0] is None
    monkeypatch.setenv(loading.VARIABLE, "0.8")
    assert loading.place_of(80, gpu)[0] == gpu


def test_the_log_says_where_images_lie(file, monkeypatch, capsys):
    load_split(file, "train", CPU)
    assert capsys.readouterr().err == ""
    monkeypatch.setenv(loading.VARIABLE, "0")
    load_split(file, "train", CPU)
    said = capsys.readouterr().err
    assert "set.h5: the train images, 0 MB, stay in the file and are read batch by batch" in said
    assert "DFNAS_IMAGES_SHARE = 0" in said


@pytest.mark.parametrize("said", ["half", "-0.1", "1.5", "nan"])
def test_a_share_that_is_none_is_one_line(monkeypatch, said):
    monkeypatch.setenv(loading.VARIABLE, said)
    with pytest.raises(InputError, match=f"DFNAS_IMAGES_SHARE is '{said}'; expected a number from 0 to 1"):
        loading.share()


def test_a_shard_that_is_damaged_is_found_by_whoever_asks_for_its_images(file, tmp_path, monkeypatch):
    monkeypatch.setenv(loading.VARIABLE, "0")
    for each in file.parent.glob("*.h5"):
        (tmp_path / each.name).write_bytes(each.read_bytes())
    data = load_split(tmp_path / "set.h5", "train", CPU)
    content = bytearray((tmp_path / "14.h5").read_bytes())
    content[-1] ^= 1
    (tmp_path / "14.h5").write_bytes(content)
    parts = data.stream(parts_of(len(data), 5))
    assert parts[0].shape[0] == 5
    with pytest.raises(InputError, match=r"14\.h5 is damaged"):
        list(parts)


@given(count=st.integers(1, 60), size=st.integers(1, 70))
def test_even_parts_are_those_of_torch(count, size):
    found = [torch.arange(count)[part].tolist() for part in even_parts(count, size)]
    assert found == [part.tolist() for part in torch.arange(count).tensor_split(max(1, -(-count // size)))]


def test_images_from_tensors_are_split_without_copies():
    from dfnas.classifiers.description import TeacherSpec

    spec = TeacherSpec(builder="-", classes=2, size=(4, 4), mean=(0.5,) * 3, std=(0.25,) * 3)
    pixels, classes = torch.from_numpy(PIXELS).contiguous(memory_format=torch.channels_last), torch.arange(COUNT) % 2
    parts = image_sets(pixels, torch.eye(2)[classes], classes, spec)
    assert {part.stored.resident.data_ptr() for part in parts} == {pixels.data_ptr()}
