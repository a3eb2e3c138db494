"""What the rules make of a search's labels, and of baselines that do or do not look at data."""

import pytest
from running import overlay, plan, recipes

from dfnas.artifacts.budgets import FoundWithin
from dfnas.artifacts.formats import provenance_of
from dfnas.runtime.files import read_csv

TEACHER = "results/teacher/teacher.pt"


def test_a_search_has_the_teacher_as_an_input_where_its_labels_are_the_teachers_and_only_there(tmp_path):
    labels = overlay(tmp_path / "labels.yaml", {"search_spos": {"labels": "teacher"}})
    files = recipes(tmp_path / "run", configuration=(labels,))
    searches = {name: made for name, made in files.items() if made.rule.startswith(("supernet_", "search_"))}
    assert len(searches) == 3 * 4 * (2 + 5) + 2  # algorithms, their jobs and files; random draws
    for made in searches.values():
        asked = made.rule == "supernet_spos"
        assert (TEACHER in made.inputs) == asked
        assert (f"--teacher {TEACHER}" in made.command) == asked
    for algorithm in ("darts", "proxyless", "spos"):
        supernet = f"results/supernet/{algorithm}/original/seed-0/supernet.pt"
        assert f"--out {supernet}" in searches[supernet].command
        found = searches[f"results/search/{algorithm}/original/seed-0/architecture.json"]
        assert f"--supernet {supernet}" in found.command
        assert supernet in found.inputs
        assert ("results/dataset/original.h5" in found.inputs) == (algorithm == "spos")


def test_a_network_learns_from_synthetic_images_what_the_teacher_says_of_each_view(tmp_path):
    """From original ones it learns their classes; what is said of one kind does not change the other."""
    both = overlay(tmp_path / "both.yaml", {"comparison": {"retrain_data": ["original", "synthetic"]}})

    def trainings(*more) -> dict:
        files = recipes(tmp_path / "run", configuration=(both, *more))
        return {name: made for name, made in files.items() if made.rule == "retrain"}

    found = trainings()
    assert len(found) == 2 * 2 * 7 * 3  # retrain data, seeds, rows, files
    for name, made in found.items():
        synthetic = name.split("/")[4] == "synthetic"
        assert (TEACHER in made.inputs) == (f"--teacher {TEACHER}" in made.command) == synthetic
        assert f"--labels {'teacher' if synthetic else 'soft'} " in made.command
        assert '--augmentation \'{"pad": 1, "padding": "zeros", "crop_area": null' in made.command
    other = trainings(overlay(tmp_path / "other.yaml", {"retrain_synthetic": {"augmentation": {"cutout": 3}}}))
    assert {name.split("/")[4] for name in found if found[name] != other[name]} == {"synthetic"}
    fresh = trainings(overlay(tmp_path / "fresh.yaml", {"retrain_synthetic": {"fresh": {"every_epochs": 1}}}))
    assert {name.split("/")[4] for name in found if found[name] != fresh[name]} == {"synthetic"}
    assert all((" --inversion " in made.command) == (name.split("/")[4] == "synthetic") for name, made in fresh.items())
    batch = trainings(overlay(tmp_path / "batch.yaml", {"retrain_synthetic": {"teacher_statistics": "batch"}}))
    assert {name.split("/")[4] for name in found if found[name] != batch[name]} == {"synthetic"}
    base = overlay(tmp_path / "base.yaml", {"retrain": {"lr": 0.125, "labels": "teacher"}})
    assert all("--lr 0.125" in made.command and TEACHER in made.inputs for made in trainings(base).values())


def test_random_search_looks_at_data_once_it_has_candidates_to_compare(tmp_path):
    several = overlay(tmp_path / "several.yaml", {"search_random": {"draws": 3, "steps": 2, "batch_size": 16}})
    files = recipes(tmp_path / "run", configuration=(several,))
    random = {name: made for name, made in files.items() if made.rule == "search_random"}
    assert len(random) == 2 * 2 * 5  # data, seeds, files
    assert not any("/none/" in name for name in files)
    made = random["results/search/random/synthetic/seed-1/architecture.json"]
    assert "results/dataset/synthetic.h5" in made.inputs
    assert "--supernet" not in made.command
    table = next(made for made in files.values() if made.rule == "table1")
    assert "results/search/random/original/seed-0/timing.json" in table.inputs


def test_evolution_is_a_row_where_it_is_asked_for(tmp_path):
    assert "search_evolution" not in plan(tmp_path / "run")
    rows = overlay(tmp_path / "rows.yaml", {"comparison": {"algorithms": ["evolution"]}})
    jobs = plan(tmp_path / "run", configuration=(rows,))
    assert (jobs["search_evolution"], jobs["retrain"]) == (4, 4)
    assert not {"search_darts", "search_random"} & set(jobs)


@pytest.mark.slow
def test_searches_run_as_planned_with_and_without_a_supernet(tmp_path):
    """From the stand-in teacher to architectures: commands are put together when their jobs run, and a plan shows those
    of a loop over algorithms even where they would then be others."""
    from running import snakemake

    changes = {
        "search_evolution": {"labels": "teacher", "temperature": 3.0, "downscale": 2},
        "search_random": {"draws": 2, "steps": 2, "batch_size": 16, "labels": "hard"},
        "comparison": {"retrain_data": ["synthetic"], "budgets": [{}, {"max_macs_m": 3.0}]},
        "retrain_synthetic": {"fresh": {"every_epochs": 1, "competition_weight": 1.0}},
    }
    configuration = (overlay(tmp_path / "baselines.yaml", changes),)
    targets = [f"results/search/{name}/synthetic/seed-0/search.png" for name in ("spos", "evolution", "random")]
    trained = "results/retrain/spos/synthetic/synthetic/seed-0"
    within = [f"results/search/{name}/synthetic/seed-0/budgets.csv" for name in ("spos", "evolution", "darts")]
    wanted = [*targets, *within, f"{trained}/model.pt"]
    done = snakemake(tmp_path / "run", "--cores", "1", *wanted, configuration=configuration)
    assert done.returncode == 0, done.stderr[-3000:]
    left = {name: sorted(path.name for path in (tmp_path / "run" / name).parent.iterdir()) for name in targets}
    files = ["architecture.json", "candidates.csv", "history.csv", "search.png", "strengths.json", "timing.json"]
    searched = sorted([*files, "budgets.csv"])
    assert list(left.values()) == [searched, searched, files]
    supernets = sorted(path.name for path in (tmp_path / "run/results/supernet/spos/synthetic/seed-0").iterdir())
    assert supernets == ["supernet.pt", "timing.json"]
    for name in within:
        found = FoundWithin.read(tmp_path / "run" / name)
        assert [line.max_macs_m for line in found] == [0.0, 3.0]
        assert found[1].macs_m <= 3.0
    settings = provenance_of(tmp_path / "run" / trained / "model.pt").settings
    assert settings["fresh"] == {"every_epochs": 1, "batches": 1, "competition_weight": 1.0}
    assert len(read_csv(tmp_path / "run" / trained / "history.csv")) == settings["epochs"] > 1
