"""What jobs wait for where only one of them would miss it: a plan for everything that can be asked for."""

from pathlib import Path

import pytest
from running import Made, overlay, recipes

from dfnas.settings.algorithms import NAMES


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, Made]:
    folder = tmp_path_factory.mktemp("planned")
    asked = {"comparison": {"algorithms": list(NAMES)}, "search_darts": {"budget": {"max_latency_ms": 1.0}}}
    return recipes(folder / "run", configuration=(overlay(folder / "asked.yaml", asked),))


def test_a_search_waits_until_its_space_is_checked(files):
    searches = {name: made for name, made in files.items() if name.endswith("architecture.json")}
    assert {Path(name).parts[2] for name in searches} == set(NAMES)
    for name, made in searches.items():
        assert f"results/spaces/{Path(name).parts[2]}.json" in made.inputs


def test_a_search_has_the_latencies_of_its_space_where_it_asks_for_them_and_only_there(files):
    tables = {name for name in files if name.startswith("results/latency_tables/")}
    assert len(tables) == 1
    for name, made in files.items():
        if name.endswith(("architecture.json", "supernet.pt")):
            asks = name.startswith("results/search/darts/")
            assert tables.issubset(made.inputs) == asks
            assert (f"--latency {next(iter(tables))}" in made.command) == asks


def test_images_of_a_generation_aim_at_the_labels_of_the_one_before(files):
    for generation, before in ((0, None), (1, "results/labels/synthetic/generation-0.h5")):
        made = files[f"results/synthesis/synthetic/generation-{generation}/shard-1.h5"]
        assert [name for name in made.inputs if "/labels/" in name] == ([before] if before else [])
        assert (f"--labels {before} " in made.command) == bool(before)


def supernets(files: dict[str, Made]) -> dict[str, Made]:
    return {name: made for name, made in files.items() if name.startswith("results/supernet/")}


def test_a_supernet_does_not_wait_for_a_check_of_the_budget(files):
    """Or another budget, which is checked anew, would train it anew."""
    assert len(supernets(files)) == 3 * 4 * 2  # algorithms, data and seeds, files
    for made in supernets(files).values():
        assert not any(name.startswith("results/spaces/") for name in made.inputs)


def test_a_supernet_knows_no_budget_no_judge_and_no_evolution(files, tmp_path):
    """Its jobs stay what they are, and are the same for all budgets."""
    limits = {"max_macs_m": 3.0, "max_params_m": 7.0}
    changes = {f"search_{name}": {"budget": limits} for name in ("darts", "proxyless", "spos")}
    changes["search_spos"] |= {"judge_by": "loss", "evolution": {"parents": 3}}
    changes["comparison"] = {"algorithms": list(NAMES), "budgets": [{}, limits]}
    changed = recipes(tmp_path / "run", configuration=(overlay(tmp_path / "changed.yaml", changes),))
    assert supernets(changed) == supernets(files) != {}
    searches = {name for name in files if name.endswith("architecture.json") and "/spos/" in name}
    assert all(files[name] != changed[name] for name in searches)


def test_a_supernet_has_latencies_where_its_training_asks_for_them(tmp_path):
    cost = {"search_proxyless": {"cost": {"measure": "latency", "reference": 5.0}}}
    found = recipes(tmp_path / "run", configuration=(overlay(tmp_path / "cost.yaml", cost),))
    (table,) = (name for name in found if name.startswith("results/latency_tables/"))
    for name, made in supernets(found).items():
        assert (table in made.inputs) == (f"--latency {table}" in made.command) == ("/proxyless/" in name)


def within(folder: Path, budgets: list[dict], **changes) -> dict[str, Made]:
    """What searches find under budgets, by algorithm, as planned on synthetic images."""
    data = {name: "none" if name == "random" else "synthetic" for name in NAMES}
    targets = {name: f"results/search/{name}/{data[name]}/seed-1/budgets.csv" for name in NAMES}
    asked = {"comparison": {"algorithms": list(NAMES), "budgets": budgets}, **changes}
    planned = recipes(folder / "run", *targets.values(), configuration=(overlay(folder / "within.yaml", asked),))
    return {name: planned[target] for name, target in targets.items()}


def test_under_budgets_a_search_stands_on_what_it_stands_on_and_on_nothing_else(tmp_path):
    found = within(tmp_path, [{}, {"max_macs_m": 2.5}])
    for name, made in found.items():
        assert made.rule == "within_budgets"
        assert made.command.startswith(f"python -m dfnas.stages.within_budgets {name} ")
        assert '"max_macs_m": 2.5' in made.command
        supernet = f"results/supernet/{name}/synthetic/seed-1/supernet.pt"
        assert (supernet in made.inputs) == ("--supernet " in made.command) == (name in ("darts", "proxyless", "spos"))
        looks = name in ("spos", "evolution")
        assert ("results/dataset/synthetic.h5" in made.inputs) == ("--dataset " in made.command) == looks
        assert ("results/synthesis/synthetic/generation-1/shard-1.h5" in made.inputs) == looks
        assert (" --channels 1 --size 8 --classes 10 " in made.command) == (not looks)
        assert f"results/spaces/{name}.json" in made.inputs
        assert not any("latency" in each for each in made.inputs)


def test_under_budgets_of_milliseconds_a_search_has_the_latencies_of_its_space(tmp_path):
    found = within(tmp_path, [{"max_latency_ms": 4.0}])
    tables = {name: [each for each in made.inputs if "/latency_tables/" in each] for name, made in found.items()}
    assert all(len(each) == 1 for each in tables.values())
    assert all(f"--latency {each[0]} " in found[name].command for name, each in tables.items())
    assert tables["darts"] == tables["random"] != tables["spos"]


def test_under_budgets_candidates_are_labelled_by_the_teacher_where_the_search_says_so(tmp_path):
    section = {"labels": "teacher", "temperature": 3.0}
    found = within(tmp_path, [{}], search_evolution=section, search_spos=section)
    for name, made in found.items():
        assert ("results/teacher/teacher.pt" in made.inputs) == ("--teacher " in made.command) == (name == "evolution")
