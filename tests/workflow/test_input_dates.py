"""Files of the user that are dated in the future: said while planning, for after a job Snakemake speaks of clocks."""

import errno
import os
import sys
import time
from pathlib import Path

import pytest
import yaml
from running import ROOT, complaint, overlay, snakemake
from snakemake.utils import update_config

from dfnas.runtime.errors import InputError

sys.path.insert(0, str(ROOT / "workflow"))
import dates
from files import Files

NETWORK = {"builder": "dfnas.cifar_resnet:cifar_resnet", "classes": 10, "channels": 1, "size": 16}
NETWORK |= {"mean": [0.3], "std": [0.35]}
DAY = 24 * 3600
# The section whose file it is, and what it says beside that.
SECTIONS = {
    "teacher.weights": NETWORK,
    "verifier.weights": NETWORK,
    "competitor.weights": NETWORK,
    "shard_original.path": {"source": "npz"},
    "lookup.table": {
        "column": "accuracy",
        "further_columns": [],
        "architecture_column": "cell",
        "class_column": None,
    },
}


def planned(values: dict) -> None:
    """What the workflow does first with a configuration that is laid over the embedded one."""
    from configuration import load

    base = yaml.safe_load((ROOT / "config.yaml").read_text())
    if "lookup" in values:
        update_config(base, yaml.safe_load((ROOT / "workflow" / "presets" / "nasbench201.yaml").read_text()))
    update_config(base, values)
    dates.check_dates(Files(load(base, values)).given_files())


@pytest.fixture
def given(tmp_path, monkeypatch):
    """given(ahead_s): a file whose date is as far ahead of the clock."""
    monkeypatch.setenv("DFNAS_DATA", str(tmp_path / "elsewhere"))  # which a preset names

    def made(ahead_s: float):
        path = tmp_path / "given.csv"
        path.write_text("cell,accuracy\n")
        os.utime(path, (time.time() + ahead_s,) * 2)
        return path

    return made


def naming(key: str, path) -> dict:
    section, name = key.split(".")
    return {section: SECTIONS[key] | {name: str(path)}}


@pytest.mark.parametrize("key", SECTIONS)
def test_a_file_of_a_day_to_come_is_refused(key, given):
    path = given(2 * DAY)
    with pytest.raises(InputError, match=rf"{key}: {path} is dated \d{{4}}-.*, and now it is .*: touch {path}, or"):
        planned(naming(key, path))


@pytest.mark.parametrize("key", SECTIONS)
@pytest.mark.parametrize("ahead_s", [-2 * DAY, 0, 5, 30])
def test_a_clock_that_is_seconds_fast_refuses_nothing(key, ahead_s, given):
    planned(naming(key, given(ahead_s)))


def test_jobs_wait_for_the_seconds(given, monkeypatch, capsys):
    waited: list[float] = []
    monkeypatch.setattr(dates.time, "sleep", waited.append)
    dates.wait_for_dates({"teacher.weights": [str(given(-5))], "lookup.table": [], "shard_original.path": ["none.npz"]})
    assert not waited
    dates.wait_for_dates({"lookup.table": ["none.csv"], "teacher.weights": [str(given(30))]})
    assert waited == [pytest.approx(30, abs=5)]
    assert "is dated 30 s from now, which is waited for" in capsys.readouterr().err
    dates.wait_for_dates({})


def test_a_file_that_is_not_there_is_snakemakes_to_miss(tmp_path):
    planned(naming("teacher.weights", tmp_path / "none.pt"))


def test_a_folder_that_may_not_be_entered_is_snakemakes_to_miss(tmp_path, monkeypatch):
    def refused(path, **_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "stat", refused)
    dates.check_dates({"teacher.weights": ["closed/t.pt"]})


def test_of_a_link_both_dates_count(given, tmp_path):
    path, link = given(0), tmp_path / "link.pt"
    link.symlink_to(path)
    planned(naming("teacher.weights", link))
    os.utime(link, (time.time() + DAY,) * 2, follow_symlinks=False)
    with pytest.raises(InputError, match=f"touch -h {link}"):
        planned(naming("teacher.weights", link))
    os.utime(link, follow_symlinks=False)
    given(DAY)
    with pytest.raises(InputError, match=f": touch {link}"):
        planned(naming("teacher.weights", link))


def test_it_is_one_line_and_nothing_is_run(given, tmp_path):
    path = given(2 * DAY)
    broken = overlay(tmp_path / "broken.yaml", naming("teacher.weights", path))
    done = snakemake(tmp_path / "run", "--cores", "1", "results/teacher/teacher.pt", configuration=(broken,))
    assert done.returncode != 0
    (line,) = complaint(done)
    assert line.startswith(f"configuration: error: teacher.weights: {path} is dated ")
    assert not (tmp_path / "run" / "results").exists()


def test_the_process_of_a_job_asks_no_clock(given, tmp_path):
    """That of its node may lag behind the one of the call."""
    ahead = overlay(tmp_path / "ahead.yaml", naming("teacher.weights", given(2 * DAY)))
    for mode, refused in (("default", True), ("remote", False)):
        done = snakemake(tmp_path / "run", "--dry-run", "--mode", mode, configuration=(ahead,))
        assert ("is dated" in done.stderr) is refused, done.stderr
        assert (done.returncode != 0) is refused, done.stderr
