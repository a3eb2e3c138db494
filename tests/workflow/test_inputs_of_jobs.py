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
        if name.endswith("architecture.json"):
            asks = Path(name).parts[2] == "darts"
            assert tables.issubset(made.inputs) == asks
            assert (f"--latency {next(iter(tables))}" in made.command) == asks


def test_images_of_a_generation_aim_at_the_labels_of_the_one_before(files):
    for generation, before in ((0, None), (1, "results/labels/synthetic/generation-0.h5")):
        made = files[f"results/synthesis/synthetic/generation-{generation}/shard-1.h5"]
        assert [name for name in made.inputs if "/labels/" in name] == ([before] if before else [])
        assert (f"--labels {before} " in made.command) == bool(before)
