"""File descriptors and memory that the machine denies: right figures, or one line that says what to raise."""

import errno
import json

import numpy as np
import pytest
import torch
from hostile import alone
from stage_calls import run, start

from dfnas.dataset.format import opened
from dfnas.dataset.writing import Records, write_dataset, write_shard
from dfnas.runtime.errors import InputError
from dfnas.runtime.limits import DeniedError, denied, needing

SHARDS = 120


@pytest.fixture
def many_shards(chain, capsys) -> None:
    """Original images in more shards than the stages may open files."""
    options = chain.shard_original()
    first = options.index("--shard-files")
    files = [chain.folder / f"original-{shard}.h5" for shard in range(SHARDS)]
    options[first : options.index("--size")] = ["--shard-files", *files]
    options[options.index("--shards") + 1] = str(SHARDS)
    assert run("shard_original", *options) == 0
    capsys.readouterr()


@pytest.fixture
def short_of_files(tmp_path):
    """Runs a stage that may open so many files more."""
    return lambda name, arguments, files: alone(tmp_path / "said", name, arguments, files=files)


READERS = {"evaluate": "metrics.json", "judge_images": "judgement.json", "pretrain_teacher": None}


@pytest.mark.usefixtures("many_shards")
@pytest.mark.parametrize("stage", READERS)
def test_a_data_set_of_more_shards_than_files_may_be_open_is_read(chain, short_of_files, stage):
    arguments, written = getattr(chain, stage)(), READERS[stage]
    found = []
    for files in (64, 1000):
        status, lines = short_of_files(stage, arguments, files)
        assert status == 0, lines[-5:]
        if written:
            report = json.loads((chain.folder / written).read_text())
            found.append({name: value for name, value in report.items() if name not in ("provenance", "sha256")})
        else:
            found.append((chain.folder / "teacher.csv").read_text())
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("stage", "free"),
    [("evaluate", 1), ("evaluate", 2), ("judge_images", 1), ("retrain", 2), ("shard_dataset", 1), ("draw_images", 1)],
)
def test_a_stage_without_descriptors_says_how_to_get_them(chain, short_of_files, stage, free):
    """And not that a sound file is damaged and to be deleted."""
    status, lines = short_of_files(stage, getattr(chain, stage)(), free)
    assert (status, len(lines)) == (1, 1), lines[-5:]
    assert lines[0].startswith(f"{stage}: error: ")
    assert "ulimit -n" in lines[0]
    assert "delete it" not in lines[0]


def behind(error: Exception, *others: Exception) -> Exception:
    """The last of several exceptions, each raised from the one before."""
    for other in others:
        other.__cause__ = error
        error = other
    return error


NO_FILES = OSError(errno.EMFILE, "Too many open files", "net.pt")


@pytest.mark.parametrize(
    ("error", "named"),
    [
        (NO_FILES, ["net.pt: too many open files", "ulimit -n"]),
        (behind(NO_FILES, InputError("net.pt is damaged; delete it")), ["ulimit -n", "no file is damaged"]),
        (behind(NO_FILES, RuntimeError("torch"), InputError("net.pt is damaged; delete it")), ["ulimit -n"]),
        (OSError(errno.ENFILE, "Too many open files in system"), ["no file descriptor left for anybody"]),
        (MemoryError(), ["out of memory", "the process held", "mem_mb"]),
        (MemoryError("Unable to allocate 3.1 GiB for an array"), ["3.1 GiB"]),
        (behind(MemoryError(), InputError("a.npz cannot be read")), ["out of memory"]),
        (
            RuntimeError(
                "DefaultCPUAllocator: can't allocate memory: you tried to allocate 4000000000 bytes. Error 12"
            ),
            ["4,000 MB more were asked for"],
        ),
        (RuntimeError("unable to mmap 100 bytes from file <a>: Cannot allocate memory (12)"), ["out of memory"]),
        (OSError("Can't synchronously read data (memory allocation failed for chunk)"), ["out of memory"]),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), ["out of memory"]),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"), ["the device", "lower batch_size"]),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED"), ["the device is out of memory"]),
    ],
)
def test_what_the_machine_denied_is_told_whatever_it_has_become(error, named):
    story = denied(error, "retrain")
    assert all(part in story for part in named), story
    assert "<rule>" not in story


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no"),
        RuntimeError("shape"),
        KeyError("x"),
        OSError(errno.EACCES, "no"),
        ImportError("a.so: failed to map segment from shared object: Operation not permitted"),  # mounted noexec
    ],
)
def test_other_faults_are_none_of_the_machine(error):
    assert denied(error) is None


def test_what_was_needed_is_told_once_and_by_the_innermost():
    with (
        pytest.raises(DeniedError) as caught,
        needing("all", 10**9, "z"),
        needing("the images of a.h5", 2 * 10**9, "y"),
    ):
        raise MemoryError
    assert "the images of a.h5 need 2,000 MB at least" in str(caught.value)
    assert denied(behind(caught.value, InputError("damaged"))) == str(caught.value)


def test_other_faults_pass_where_memory_is_needed():
    with pytest.raises(KeyError), needing("all", 1, "z"):
        raise KeyError("x")


MEMORY_FAULTS = {
    "numpy": MemoryError("Unable to allocate 9.31 GiB for an array with shape (10000000000,) and data type uint8"),
    "torch": RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 99 bytes"),
}


@pytest.mark.parametrize("stage", ["shard_original", "calibrate_labels", "shard_dataset", "retrain", "evaluate"])
@pytest.mark.parametrize("fault", MEMORY_FAULTS)
def test_a_stage_without_memory_ends_on_one_line(chain, fails, monkeypatch, stage, fault):
    def denying(*_, **__):
        raise MEMORY_FAULTS[fault]

    monkeypatch.setattr("dfnas.dataset.format.h5py.Dataset.__getitem__", denying)
    monkeypatch.setattr("dfnas.dataset.format.h5py.Dataset.read_direct", denying)
    monkeypatch.setattr("dfnas.dataset.originals._resized", denying)
    line = fails(stage, getattr(chain, stage)(), "out of memory", "resources." + stage, "the process held")
    assert "delete it" not in line


def test_images_that_do_not_fit_are_named_with_their_size(chain):
    """Really: a training split of 256 MB, in a process that may have 200 MB more."""
    count, shape = 2000, (1, 400, 400)
    rows = np.arange(count) % 10
    attributes = {"size": [400, 400], "mean": [0.5], "std": [0.5], "class_names": list("0123456789")}
    pieces = (np.zeros((100, *shape), np.uint8) for _ in range(0, count, 100))
    write_shard(chain.folder / "large-0.h5", pieces, rows, attributes)
    split = (np.arange(count) // 10 % 5 == 0).astype(np.uint8)
    records = Records(np.eye(10, dtype=np.float32)[rows], rows, np.zeros(count, np.int32), split)
    write_dataset(chain.folder / "large.h5", [chain.folder / "large-0.h5"], records, attributes)
    options = chain.retrain()
    options[options.index("--dataset") + 1] = chain.folder / "large.h5"
    process = start(f"memory={200 << 20}", "retrain", *options)
    said = process.communicate()[1]
    assert process.returncode == 1, said
    assert said.startswith(
        f"retrain: error: out of memory: the train images of {chain.folder / 'large.h5'} need 256 MB"
    )
    assert said.count("\n") == 1
    assert "ulimit -v" in said


def test_the_file_behind_the_word_of_hdf5_is_named(chain, monkeypatch):
    """HDF5 has its own words for what `open` says of a file."""

    def refused(*_, **__):
        raise OSError(errno.EMFILE, "Unable to synchronously open file (errno = 24, flags = 0)")

    monkeypatch.setattr("dfnas.dataset.format.h5py.File", refused)
    with pytest.raises(OSError, match=r"Too many open files: .*shard\.h5"), opened(chain.folder / "shard.h5", "shard"):
        pass
