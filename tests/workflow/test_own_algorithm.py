"""An algorithm of the user's: the one of docs/extending.md, as it stands there, in the real workflow."""

import json
import re
from pathlib import Path

import pytest
import yaml
from calling import call
from running import ROOT, overlay, recipes, snakemake

from dfnas.runtime.errors import InputError
from dfnas.runtime.files import read_csv, read_json
from dfnas.search.algorithm import resolve
from dfnas.settings.algorithms import NAMES, short_name
from dfnas.settings.search import SearchSettings
from dfnas.stages.search import SearchStage

PAGE = (ROOT / "docs" / "extending.md").read_text(encoding="utf-8")
NAME = "telling_apart"


def example(folder: Path) -> Path:
    """Writes the page's file and section into a folder; the section laid over the reduced configuration."""
    folder.mkdir(parents=True, exist_ok=True)
    (code,) = re.findall(r"```python\n(# mine\.py\n.*?)```", PAGE, flags=re.DOTALL)
    (section,) = re.findall(r"```yaml\n(comparison:\n  algorithms.*?)```", PAGE, flags=re.DOTALL)
    (folder / "mine.py").write_text(code)
    return overlay(folder / "mine.yaml", yaml.safe_load(section))


def test_it_searches_in_the_workflow_as_any_other(tmp_path):
    configuration = (example(tmp_path / "run"),)
    place = f"results/search/{NAME}/original/seed-0"
    done = snakemake(tmp_path / "run", "--cores", "2", f"{place}/search.png", configuration=configuration)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = tmp_path / "run" / place
    history = read_csv(folder / "history.csv")
    scores = [float(row["score"]) for row in history]
    assert len(scores) == 20
    assert [float(row["best_score"]) for row in history] == [max(scores[: i + 1]) for i in range(20)]
    found = read_json(folder / "architecture.json")
    assert found["provenance"]["stage"] == f"search_{NAME}"
    assert found["provenance"]["references"][0] == "mine.py:TellingApart"
    assert found["provenance"]["settings"]["draws"] == 20
    assert (folder / "search.png").is_file()
    assert not (tmp_path / "run" / "results" / "supernet").exists()
    # Nothing is to be done again, until the file is edited: then its searches are, and nothing before them.
    rerun = snakemake(tmp_path / "run", "-n", f"{place}/search.png", configuration=configuration)
    assert "Nothing to be done" in rerun.stdout + rerun.stderr
    path = tmp_path / "run" / "mine.py"
    path.write_text(path.read_text().replace("index + 1", "1 + index"))
    rerun = snakemake(tmp_path / "run", "-n", f"{place}/search.png", configuration=configuration)
    assert set(re.findall(r"^rule (\w+):", rerun.stdout, re.MULTILINE)) == {
        "check_spaces",
        f"search_{NAME}",
        "draw_search",
    }


def test_it_has_its_rows_in_the_tables_and_its_budget_and_resources(tmp_path):
    resources = {"resources": {f"search_{NAME}": {"mem_mb": 777}}, "device": "auto"}
    limits = {f"search_{NAME}": {"budget": {"max_latency_ms": 3.0}}}
    configuration = (example(tmp_path / "run"), overlay(tmp_path / "more.yaml", resources | limits))
    files = recipes(tmp_path / "run", configuration=configuration)
    compared = {name for name in files["results/table1.csv"].inputs if name.startswith(f"results/evaluate/{NAME}/")}
    assert len(compared) == 2 * 2  # data and seeds
    made = files[f"results/search/{NAME}/synthetic/seed-1/architecture.json"]
    assert "-m dfnas.stages.search mine.py:TellingApart --search-data synthetic " in made.command
    assert "--dataset results/dataset/synthetic.h5" in made.command
    assert any(name.startswith("results/latency_tables/") for name in made.inputs)
    assert files[f"results/spaces/{NAME}.json"].rule == "check_spaces"


def check(folder: Path, said: dict, algorithm: str = "mine.py:TellingApart") -> int:
    searches = json.dumps({f"search_{NAME}": {"algorithm": algorithm, "section": said}})
    task = ["--channels", "1", "--size", "8", "--classes", "10"]
    return call("check_spaces", "--searches", searches, *task, "--out", folder / "spaces.json")


def test_its_section_is_read_by_its_own_form_before_anything_else_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    example(tmp_path)
    space = {"name": "nasbench201", "options": {"channels": 4, "cells_per_stage": 1}}
    assert check(tmp_path, {"space": space, "draws": 3}) == 0
    for said, story in [
        ({"space": space, "draw": 3}, f"unknown key 'search_{NAME}.draw'; expected one of "),
        ({"space": space, "draws": 0}, f"search_{NAME}.draws = 0: input should be greater than or equal to 1"),
    ]:
        assert check(tmp_path, said) == 1
        assert story in capsys.readouterr().err


FORMS = {
    "no class": ("def TellingApart(context, settings): pass", "is no class"),
    "no steps": ("class TellingApart: remedy = ''", "has no step, state_dict, load_state_dict, architecture"),
    "no settings": (
        "class TellingApart:\n    remedy = ''\n"
        "    step = state_dict = load_state_dict = architecture = strengths = candidates = report = None",
        "has no settings_type; expected a subclass of",
    ),
    "settings without data": (
        "from dfnas.settings.search import SearchSettings\n"
        "class Form(SearchSettings):\n    on_data = property(lambda self: False)\n"
        "class TellingApart:\n    remedy, settings_type = '', Form\n"
        "    step = state_dict = load_state_dict = architecture = strengths = candidates = report = None",
        "has no without_data(budget, seed), and on_data of its settings can be False",
    ),
    "nothing of that name": ("", "has nothing called TellingApart"),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_class_that_is_no_search_is_one_line(form, tmp_path, monkeypatch, capsys):
    code, story = FORMS[form]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(code)
    assert check(tmp_path, {"space": {"name": "darts"}}) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert story in lines[0]


@pytest.mark.parametrize(
    ("algorithm", "name"),
    [("spos", "spos"), ("mine.py:TellingApart", NAME), ("a/b.py:GDAS", "gdas"), ("my.module:Best2Of", "best2_of")],
)
def test_an_algorithm_is_called_after_its_class(algorithm, name):
    assert short_name(algorithm) == name


@pytest.mark.parametrize("algorithm", ["mine", "mine.py:Spos", "mine.py:Teacher", "mine.py:", ":x"])
def test_what_names_no_algorithm_of_its_own_is_refused(algorithm):
    with pytest.raises(InputError):
        short_name(algorithm)


def test_every_algorithm_of_ours_is_a_search():
    for name in NAMES:
        assert issubclass(resolve(name).settings_type, SearchSettings)
        assert SearchStage(name).name == f"search_{name}"
