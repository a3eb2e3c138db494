"""Several synthetic data sets beside each other: what each is made with, and that none knows of another."""

import shlex
from pathlib import Path
from typing import NamedTuple

import pytest
from plans import made
from running import ancestors, overlay, plan, recipes

from dfnas.runtime.errors import InputError

SOURCES = {
    "rolled": {
        "synthesis": {"generations": 1, "images": 200},
        "invert_teacher": {"region": "roll", "roll_reach": 2, "seed": 3},
        "calibrate_labels": {"temperature": 2.0},
    },
    "noise": {"synthesis": {"generations": 1}, "invert_teacher": {"stages": []}, "shard_dataset": {"seed": 5}},
}
DATA = ["original", "synthetic", "rolled", "noise"]


class Wildcards(NamedTuple):
    """What a job of a synthetic data set is told."""

    source: str
    generation: int = 0
    shard: int = 0


@pytest.fixture
def described(tmp_path) -> Path:
    """A configuration that describes both and searches on both."""
    return overlay(tmp_path / "sources.yaml", {"sources": SOURCES, "comparison": {"search_data": DATA}})


def options(configuration: dict, rule: str, source: str) -> dict[str, str]:
    words = shlex.split(made(configuration).options(rule)(Wildcards(source)))
    return dict(zip(words[::2], words[1::2], strict=True))


def test_a_source_is_the_base_with_its_own_keys_laid_over():
    base = options({}, "invert_teacher", "synthetic")
    found = options({"sources": SOURCES}, "invert_teacher", "rolled")
    assert found == base | {"--region": "roll", "--roll-reach": "2", "--seed": "3"}
    assert options({"sources": SOURCES}, "invert_teacher", "synthetic") == base
    assert options({"sources": SOURCES}, "invert_teacher", "noise")["--stages"] == "[]"
    assert options({"sources": SOURCES}, "shard_dataset", "noise")["--seed"] == "5"
    assert options({"sources": SOURCES}, "shard_dataset", "rolled") == options({}, "shard_dataset", "synthetic")
    changed = {"sources": SOURCES, "invert_teacher": {"lr": 0.125, "region": "none"}}
    assert options(changed, "invert_teacher", "rolled") == found | {"--lr": "0.125"}


def test_a_source_may_differ_in_nothing():
    assert made({"sources": {"again": None}}).config.sources["again"] == made({}).sources["synthetic"]


def test_work_is_cut_as_each_source_says():
    found = made({"sources": SOURCES})  # batches of 100, two shards
    assert [found.batches("synthetic", shard) for shard in (0, 1)] == [(0, 2), (2, 2)]
    many = made({"sources": {"many": {"synthesis": {"images": 700, "shards": 3}}}})
    assert [many.batches("many", shard) for shard in range(3)] == [(0, 2), (2, 2), (4, 3)]
    assert len(many.image_files("many")) == 9


def test_only_what_the_comparison_names_is_made(tmp_path, described):
    """The jobs of two generations and two shards, with those of one generation and two shards twice."""
    jobs = plan(tmp_path / "run", configuration=(described,))
    assert {rule: jobs[rule] for rule in ("invert_teacher", "calibrate_labels", "shard_dataset", "draw_images")} == {
        "invert_teacher": 8,
        "calibrate_labels": 4,
        "shard_dataset": 3,
        "draw_images": 3,
    }
    assert jobs["supernet_spos"] == jobs["search_spos"] == 8
    fewer = overlay(tmp_path / "fewer.yaml", {"comparison": {"search_data": ["noise"]}})
    jobs = plan(tmp_path / "run", configuration=(described, fewer))
    assert (jobs["invert_teacher"], jobs["shard_dataset"], jobs["search_spos"]) == (2, 1, 2)
    # Original images train the stand-in teacher, and the networks.
    none = overlay(tmp_path / "none.yaml", {"comparison": {"search_data": ["original"]}})
    assert "invert_teacher" not in plan(tmp_path / "run", configuration=(described, none))


def test_a_source_has_nothing_to_do_with_another(tmp_path, described):
    """Neither do files of one become files of another, nor does a change of one change what another is made with."""
    files = recipes(tmp_path / "run", configuration=(described,))
    names = [*SOURCES, "synthetic"]
    for source in names:
        for name in ancestors(files, f"results/search/darts/{source}/seed-0/architecture.json"):
            assert not {other for other in names if other != source} & set(Path(name).with_suffix("").parts), name
    other = {"noise": {"synthesis": {"images": 60, "shards": 3}, "invert_teacher": {"seed": 8}}}
    changed = recipes(tmp_path / "run", configuration=(described, overlay(tmp_path / "other.yaml", {"sources": other})))
    differing = {name for name in files.keys() | changed.keys() if files.get(name) != changed.get(name)}
    differing -= {"results/report/provenance.html"}  # tells of every shard there is
    assert differing
    assert {name.split("/")[1] for name in differing} <= {
        "synthesis",
        "labels",
        "quality",
        "dataset",
        "pictures",
        "supernet",
        "search",
    }
    assert all("noise" in Path(name).with_suffix("").parts for name in differing), differing


@pytest.mark.parametrize(
    ("sources", "story"),
    [
        (
            {"noise": {"invert_teacher": {"lrr": 1}}},
            "unknown key 'sources.noise.invert_teacher.lrr'; expected one of",
        ),
        ({"noise": {"synthesis": {"images": 0}}}, "sources.noise.synthesis.images = 0: input should be greater"),
        ({"noise": {"search_spos": {}}}, "unknown key 'sources.noise.search_spos'; expected one of synthesis, invert"),
        ({"noise": {"synthesis": {"images": 150}}}, "sources.noise.synthesis.images (150) must be a multiple of"),
        ({"noise": {"synthesis": {"shards": 5}}}, "sources.noise.synthesis.shards (5) must not exceed the batches"),
        (
            {"noise": {"invert_teacher": {"canvas_margin": 3}}},
            "sources.noise.invert_teacher: canvas_margin (3) must",
        ),
        (
            {"noise": {"invert_teacher": {"competition_weight": 1}}},
            "sources.noise.invert_teacher.competition_weight",
        ),
        ({"noise": 3}, "sources.noise = 3"),
        ({"noise": {"synthesis": 3}}, "sources.noise.synthesis = 3"),
        ({"original": {}}, "sources.original: the name is taken"),
        ({"synthetic": {}}, "sources.synthetic: the name is taken"),
        ({"none": {}}, "sources.none: the name is taken"),
        ({"teacher": {}}, "sources.teacher: the name is taken"),
        ({"White Noise": {}}, "^[a-z][a-z0-9_]*$"),
        ({"../noise": {}}, "^[a-z][a-z0-9_]*$"),
        ([], "sources"),
    ],
)
def test_what_a_source_says_is_checked_as_the_base_is(sources, story):
    with pytest.raises(InputError) as caught:
        made({"sources": sources})
    assert story in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", ["search_data", "retrain_data"])
def test_a_name_that_nothing_describes_is_refused(key):
    with pytest.raises(InputError, match=rf"comparison.{key} = 'noise': no such data; expected original, synthetic"):
        made({"comparison": {key: ["noise"]}})


def test_a_competitor_serves_the_source_that_asks_for_it(tmp_path):
    network = {"weights": __file__, "channels": 1, "size": 8, "mean": [0.3], "std": [0.35], "classes": 10}
    section = {"competitor": network, "comparison": {"search_data": ["adaptive", "synthetic"]}}
    section["sources"] = {"adaptive": {"invert_teacher": {"competition_weight": 2.0}}}
    files = recipes(tmp_path / "run", configuration=(overlay(tmp_path / "competitor.yaml", section),))
    for source in ("adaptive", "synthetic"):
        job = files[f"results/synthesis/{source}/generation-1/shard-0.h5"]
        assert ("results/networks/competitor.pt" in job.inputs) == (source == "adaptive")
        assert ("--competitor" in job.command) == (source == "adaptive")
