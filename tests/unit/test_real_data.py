"""benchmarks/real_data.py makes files that dfnas reads, from what the libraries of their sources hand out."""

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from dfnas.measure.accuracy_table import AccuracyTable
from dfnas.settings.lookup import LookupSettings

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "real_data.py"
CELL = "|{}~0|+|none~0|none~1|+|none~0|none~1|none~2|"


@pytest.fixture(scope="module")
def script():
    specification = importlib.util.spec_from_file_location("real_data", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


class Api:
    """The part of NATS-Bench's interface that is asked; accuracies that tell cell, data and epochs apart."""

    def get_more_info(self, index, data, hp, is_random):
        assert is_random is False, "one seed, where the mean was meant"
        return {"test-accuracy": index + len(data) / 100 + int(hp) / 1e6}

    def arch(self, index):
        return CELL.format(("none", "skip_connect")[index])

    def get_unique_str(self, index):
        return f"class {index}"


def test_the_table_of_cells_is_one_that_lookup_reads(script, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nats_bench", SimpleNamespace(create=lambda *_, **__: Api()))
    monkeypatch.setattr(script, "CELLS", 2)
    path = script.nasbench201(tmp_path)
    table = AccuracyTable.read(LookupSettings(table=str(path)), "CIFAR100TestAccuracy200Epochs")
    assert table.standing(CELL.format("skip_connect")).accuracy == pytest.approx(1 + 0.08 + 200 / 1e6)


def test_without_the_benchmarks_package_one_line_says_what_to_install(script, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nats_bench", None)
    with pytest.raises(SystemExit, match="pip install nats_bench"):
        script.nasbench201(tmp_path)


def test_images_keep_their_order_and_as_many_test_images_as_were_asked_for(script, tmp_path, monkeypatch):
    def official(root, train, download):
        assert download
        Path(root).mkdir(parents=True, exist_ok=True)
        count = 6 if train else 4
        return SimpleNamespace(data=np.full((count, 32, 32, 3), count, np.uint8), targets=list(range(count)))

    monkeypatch.setattr(script, "CIFAR10", official)
    with np.load(script.cifar10(tmp_path, tests=3)) as arrays:
        counts = {name: len(arrays[name]) for name in arrays}
        assert counts == {"x_train": 6, "y_train": 6, "x_test": 3, "y_test": 3}
        assert arrays["y_test"].tolist() == [0, 1, 2]
        assert arrays["x_test"].dtype == np.uint8


def test_a_checkpoint_with_other_bytes_is_told(script, tmp_path):
    (tmp_path / "teachers").mkdir()
    for name in script.TEACHERS:
        (tmp_path / "teachers" / name).write_bytes(b"an error page")
    with pytest.raises(SystemExit, match=r"resnet20.*SHA-256.*delete it"):
        script.teachers(tmp_path)
