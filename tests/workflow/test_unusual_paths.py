"""Names of files and folders that are unusual, and what a run leaves where."""

import subprocess
from pathlib import Path

import pytest
import torch
from plans import made
from running import command, complaint, overlay

from dfnas.classifiers.cifar_resnet import cifar_resnet
from dfnas.runtime.errors import InputError

UNUSUAL = 'it\'s "my" $(touch pwned); results & `touch pwned` größe 数 *?[a] #1 %s ~ !'
REFUSED = {
    "a leading dash": "-rf",
    "a line break": "re\nsults",
    "a tab": "re\tsults",
    "an escape": "re\x1b[31msults",
    "nothing but null": "\0",
    "braces": "re{seed}sults",
}


@pytest.mark.parametrize("key", ["results_dir", "teacher.weights", "shard_original.path"])
@pytest.mark.parametrize("case", REFUSED)
def test_a_path_that_cannot_be_is_refused_in_one_line(case, key):
    section, _, name = key.partition(".")
    laid_over = {section: {name: REFUSED[case]} if name else REFUSED[case]}
    if section == "shard_original":
        laid_over[section] |= {"source": "npz", "mean": [0.3], "std": [0.35]}
    with pytest.raises(InputError, match=key) as caught:
        made(laid_over)
    assert "must not begin with '-'" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("path", ["./results", "results/", "results//", ".//./results"])
def test_one_folder_has_one_name(path):
    """Snakemake compares names and not places: the target results/table1.csv would be another file."""
    assert made({"results_dir": path}).results == "results"
    assert made({"teacher": {"weights": f"{path}/own.pt"}}).weights["teacher"] == ["results/own.pt"]


def test_a_leading_dash_may_be_written_behind_a_dot():
    assert made({"results_dir": "./-rf"}).results == "./-rf"
    assert made({"results_dir": ".//~x"}).results == "./~x", "which a second expansion leaves as it is"


@pytest.mark.parametrize("place", ["file", "file/results", "link"])
def test_a_file_where_results_are_to_go(tmp_path, place):
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    with pytest.raises(InputError, match=r"results_dir = .*/(file|link) is there and no folder"):
        made({"results_dir": str(tmp_path / place)})


def test_results_among_everything_else():
    with pytest.raises(InputError, match=r"results_dir = '\./': expected a folder of its own"):
        made({"results_dir": "./"})


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.slow
def test_unusual_names_work_and_nothing_is_written_outside_of_the_results(tmp_path):
    """One run with unusual names for all: configuration file, checkpoint and results; home and the folder for temporary
    files are empty before."""
    run, home, temporary, given = (tmp_path / name for name in ("run", "home", "temporary", "giv en's"))
    for folder in (run, home, temporary, given):
        folder.mkdir()
    weights = given / f"{UNUSUAL.replace('$', '')}.pt"
    torch.save(cifar_resnet(depth=8, widths=[4, 8, 16], channels=1, classes=10).state_dict(), weights)
    results = UNUSUAL
    file = overlay(
        given / '-my "own" conf\'s größe.yaml', {"results_dir": results, "teacher": {"weights": str(weights)}}
    )
    before = files_in(given)
    targets = [f"{results}/teacher/teacher.pt", f"{results}/search/random/none/seed-0/architecture.json"]
    call = command(run, "--cores", "1", *targets, configuration=(file,), real=True)
    call["env"] |= {"HOME": str(home), "TMPDIR": str(temporary), "XDG_CACHE_HOME": str(home / ".cache")}
    done = subprocess.run(**call, capture_output=True, timeout=1200)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    for target in targets:
        assert (run / target).is_file()
    assert {path.split("/")[0] for path in files_in(run)} <= {results, ".snakemake"}
    assert files_in(given) == before
    assert not files_in(temporary)
    allowed = (".cache/snakemake/", ".cache/matplotlib/", ".config/matplotlib/")  # of these libraries
    assert not [path for path in files_in(home) if not path.startswith(allowed)]


HOSTILE_YAML = {
    "code": "retrain: !!python/object/apply:os.mkdir [{trace}]\n",
    "a name of Python's": "retrain: !!python/name:os.system\n",
    "an unknown tag": "retrain: !mine 3\n",
    "nested without end": "retrain: " + "[" * 20_000 + "\n",
    "a document that is none": "retrain: {lr: 0.1\n",
    "a bomb of references": "a: &a0 [x, x]\n"
    + "".join(f"b{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}, *a{i - 1}, *a{i - 1}, *a{i - 1}]\n" for i in range(1, 14))
    + "retrain: *a13\n",
}


@pytest.mark.slow
@pytest.mark.parametrize("case", HOSTILE_YAML)
def test_a_hostile_configuration_runs_no_code_and_ends_soon(tmp_path, case):
    trace, file = tmp_path / "trace", tmp_path / "hostile.yaml"
    file.write_text(HOSTILE_YAML[case].replace("{trace}", str(trace)))
    call = command(tmp_path / "run", "--dry-run", configuration=(file,))
    done = subprocess.run(**call, capture_output=True, timeout=100)
    assert done.returncode != 0
    assert not trace.exists()
    assert not (tmp_path / "run" / "results").exists()
    assert sum(map(len, complaint(done))) < 3000
