"""`dfnas doctor` as a user calls it: in a process, on the reduced configuration."""

import json
import os
import re
import subprocess
from pathlib import Path

import preloaded
import pytest
from running import REDUCED, ROOT, overlay, plan
from tables import made_up_table

from dfnas.rules import rules_with

pytestmark = pytest.mark.slow
TEACHER = {
    "arguments": {"depth": 8, "widths": [4, 8, 16], "channels": 1, "classes": 10},
    "classes": 10,
    "channels": 1,
    "size": 8,
    "mean": [0.3],
    "std": [0.35],
}


def doctor(directory: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    directory.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    line = [preloaded.commands() / "python", "-m", "dfnas", "doctor", *map(str, arguments)]
    return subprocess.run(line, cwd=directory, env=environment, capture_output=True, text=True, timeout=2400)


def failures(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    found = json.loads(done.stdout)["findings"]
    return {finding["subject"]: finding["story"] for finding in found if finding["level"] == "failure"}


def with_an_own_algorithm(folder: Path) -> Path:
    """A file with a search of the user's in a folder, and a configuration that names it."""
    folder.mkdir(parents=True)
    code = ["from dfnas.search.uniform import RandomSearch", "class Mine(RandomSearch):", "    'Draws.'", ""]
    (folder / "mine.py").write_text("\n".join(code))
    space = {"name": "nasbench201", "options": {"channels": 4, "cells_per_stage": 1}}
    algorithms = ["darts", "proxyless", "spos", "random", "mine.py:Mine"]
    section = {"space": space, "draws": 3, "steps": 2, "batch_size": 16}
    return overlay(folder / "mine.yaml", {"comparison": {"algorithms": algorithms}, "search_mine": section})


def test_the_reduced_configuration_can_run_and_has_a_time(tmp_path):
    own = with_an_own_algorithm(tmp_path / "here")
    done = doctor(tmp_path / "here", "--json", "--configfile", ROOT / REDUCED, own)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert done.stderr == ""
    found = json.loads(done.stdout)
    assert found["healthy"]
    with_an_own_algorithm(tmp_path / "there")
    assert found["jobs"] == plan(tmp_path / "there", configuration=(own,))
    estimate = found["estimate"]
    rows = {row["rule"]: row for row in estimate["rows"]}
    assert set(rows) == set(found["jobs"])
    assert all(0.1 < row["seconds"] < 300 for row in rows.values())
    tried = {name for name, rule in rules_with(["mine.py:Mine"]).items() if rule.trial} & set(rows)
    tried -= {"search_random", "search_proxyless"}
    assert len(tried) == 13, "of all but of a single draw, and of what strengths mean"
    for rule in tried:
        assert rows[rule]["memory_mb"] > 100, rule
    cores = estimate["capacity"]["cores"]
    together = sum(row["seconds"] * row["jobs"] for row in rows.values())
    assert together / cores <= estimate["course"]["seconds"] <= together
    assert estimate["course"]["chain_s"] <= estimate["course"]["seconds"]
    assert not (tmp_path / "here" / "results").exists()


def test_searches_under_budgets_are_tried_for_every_algorithm(tmp_path):
    """On stand-ins of supernets and of milliseconds; a draw that looks at nothing has no steps to try."""
    made_up_table(tmp_path / "here" / "table.csv")
    asked = {"budgets": [{"max_macs_m": 60.0}, {"max_latency_ms": 2.0}], "seeds": [0], "search_data": ["synthetic"]}
    more = overlay(tmp_path / "more.yaml", {"comparison": asked})
    done = doctor(tmp_path / "here", "--json", "--configfile", ROOT / "tests/assets/lookup.yaml", more)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    found = json.loads(done.stdout)
    rows = {row["rule"]: row for row in found["estimate"]["rows"]}
    assert found["jobs"]["within_budgets"] == 4  # three algorithms, and random draws
    assert rows["within_budgets"]["memory_mb"] > 100
    assert 0.1 < rows["within_budgets"]["seconds"] < 300


def test_without_trials_it_says_what_it_sees(tmp_path):
    done = doctor(tmp_path, "--quick", "--gpus", "4", "--configfile", ROOT / REDUCED)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "on 4 GPUs has to be tried on one" in done.stdout
    assert "It can run here: " in done.stdout


def test_what_cannot_run_is_named_with_its_remedy(tmp_path):
    settings = {
        "teacher": {"weights": str(tmp_path / "weights.pt")},
        "search_spos": {"budget": {"max_macs_m": 1e-6}},
        "shard_original": {"source": "npz", "path": str(tmp_path / "images.npz")},
        "device": "cuda:99",
    }
    wrong = overlay(tmp_path / "wrong.yaml", settings)
    done = doctor(tmp_path / "here", "--json", "--configfile", ROOT / REDUCED, wrong)
    assert done.returncode == 1, done.stderr
    found = failures(done)
    assert set(found) >= {"teacher", "search_spos", "original data (npz)", "device", "plan"}
    assert found["teacher"] == f"no file {tmp_path}/weights.pt"
    assert re.search(f"needs files that nothing makes: {tmp_path}/(weights.pt|images.npz)", found["plan"])
    assert "Traceback" not in done.stdout + done.stderr


def test_what_a_builder_prints_is_no_part_of_the_answer(tmp_path):
    code = tmp_path / "mine.py"
    code.write_text(
        "from dfnas.classifiers.cifar_resnet import cifar_resnet\n"
        "def build(**arguments):\n    print('hello')\n    return cifar_resnet(**arguments)\n"
        "def broken(**arguments):\n    raise RuntimeError('one\\ntwo')\n"
    )
    for name, status in (("build", 0), ("broken", 1)):
        mine = overlay(tmp_path / f"{name}.yaml", {"teacher": {"builder": f"{code}:{name}", **TEACHER}})
        done = doctor(tmp_path, "--quick", "--json", "--configfile", ROOT / REDUCED, mine)
        assert done.returncode == status, done.stdout + done.stderr
        assert ("teacher" in failures(done)) == bool(status)
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("synthesis: {images: 7}", "synthesis.images (7) must be a multiple of"),
        ("a: [", "mine.yaml, line 1: expected the node content"),
        ("teacher: {weights: $NO_SUCH_VARIABLE/a.pt}", "the environment variable NO_SUCH_VARIABLE in it is not set"),
        (None, "no file "),
    ],
)
def test_a_configuration_that_means_nothing_is_no_question(tmp_path, text, told):
    path = tmp_path / "mine.yaml"
    if text is not None:
        path.write_text(text)
    done = doctor(tmp_path, "--configfile", path)
    assert (done.returncode, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("dfnas doctor: error: ")
    assert told in line
