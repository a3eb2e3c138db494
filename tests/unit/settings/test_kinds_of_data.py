"""Which data sets are independent syntheses of one kind, and which searches a table can judge."""

from pathlib import Path

import pytest
import yaml

from dfnas.runtime.errors import InputError
from dfnas.settings.config import Config

DEFAULTS = yaml.safe_load((Path(__file__).parents[3] / "config.yaml").read_text())
CELLS = {"name": "nasbench201", "options": {}}


def kinds(**sources: dict) -> dict[str, str]:
    return Config.parse(DEFAULTS | {"sources": sources}).kinds()


def test_data_sets_that_differ_in_seeds_alone_are_of_one_kind():
    again = {"invert_teacher": {"seed": 7}, "shard_dataset": {"seed": 9}}
    less = {"invert_teacher": {"seed": 7, "lr": 0.125}}
    noise = {"invert_teacher": {"stages": []}}
    other = {"invert_teacher": {"stages": [], "seed": 1}}
    assert kinds(again=again, third=again, less=less, noise=noise, other=other) == {
        "synthetic": "synthetic",
        "again": "synthetic",
        "third": "synthetic",
        "less": "less",
        "noise": "noise",
        "other": "noise",
    }


def test_how_much_is_made_and_how_it_is_split_is_part_of_the_kind():
    more = DEFAULTS["synthesis"]["images"] * 2
    assert kinds(more={"synthesis": {"images": more}})["more"] == "more"
    assert kinds(split={"shard_dataset": {"validation_fraction": 0.5}})["split"] == "split"


def test_the_same_variant_on_two_syntheses_is_of_one_kind():
    values = {
        "sources": {"again": {"invert_teacher": {"seed": 7}}},
        "variants": {
            "asked": {"search_spos": {"labels": "once"}},
            "short": {"images": "synthetic", "search_spos": {"steps": 3}},
            "short_again": {"images": "again", "search_spos": {"steps": 3}},
            "long_again": {"images": "again", "search_spos": {"steps": 4}},
        },
    }
    found = Config.parse(DEFAULTS | values).kinds()
    assert found["again"] == "synthetic"
    assert [found[name] for name in values["variants"]] == ["asked", "short", "short", "long_again"]


def looked_up(**changes) -> dict:
    spaces = {f"search_{name}": DEFAULTS[f"search_{name}"] | {"space": CELLS} for name in ("darts", "spos")}
    comparison = DEFAULTS["comparison"] | {"algorithms": ["darts", "spos"]}
    return DEFAULTS | spaces | {"comparison": comparison, "lookup": {"table": "table.csv"}} | changes


def test_a_table_judges_searches_of_one_space():
    Config.parse(looked_up())
    other = looked_up(search_darts=DEFAULTS["search_darts"] | {"space": {"name": "darts"}})
    with pytest.raises(InputError, match=r"search_spos\.space\.name \(nasbench201\) must be that of search_darts"):
        Config.parse(other)


def test_milliseconds_are_compared_by_the_table_of_one_space():
    sized = {"search_spos": DEFAULTS["search_spos"] | {"space": {"name": "nasbench201", "options": {"channels": 4}}}}
    Config.parse(looked_up(**sized))
    timed = {"comparison": looked_up()["comparison"] | {"budgets": [{"max_latency_ms": 2}]}}
    Config.parse(looked_up(**timed))
    with pytest.raises(InputError, match=r"search_spos\.space\.options must be those of search_darts"):
        Config.parse(looked_up(**sized, **timed))
