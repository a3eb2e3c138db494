"""A preset's sizes for another classifier, machine and budget; the presets are the only list of sizes."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from dfnas.project.budget import LARGEST, effort_for, fewest_images
from dfnas.project.rewriting import flow, rewritten, values
from dfnas.project.sizes import halvings, nearest, resolutions, scaled

ROOT = Path(__file__).resolve().parents[3]
OF_ORIGINALS = {"pretrain_teacher", "judge_images", "shard_original"}
"""Sections that nothing reads without original images."""
OF_THE_USER = {"results_dir", "device", "teacher", "sources"}


@pytest.mark.parametrize(
    ("size", "side"), [((28, 28), 32), ((32, 32), 32), ((64, 64), 32), ((96, 96), 224), ((299, 299), 224)]
)
def test_the_nearest_preset_is_taken(size, side):
    assert nearest(ROOT, size).side == side


def leaves(said, path=()):
    if isinstance(said, dict) and said:
        for name, value in said.items():
            if name != "options":  # of a space: replaced as a whole, since the preset names the space
                yield from leaves(value, (*path, name))
    else:
        yield path


@pytest.mark.parametrize("side", [32, 224])
def test_nothing_is_inherited_from_the_digits_unsaid(side):
    default = yaml.safe_load((ROOT / "config.yaml").read_text())
    own = set(leaves(yaml.safe_load(nearest(ROOT, (side, side)).text)))
    for section in set(default) - OF_ORIGINALS - OF_THE_USER:
        missing = {path for path in leaves({section: default[section]}) if path not in own}
        # Lists and `ranks: {}` count as values; a source of original images is none here.
        assert not missing, missing


@pytest.mark.parametrize("side", [16, 32, 48, 64, 112, 224, 448])
def test_what_depends_on_the_side_scales_with_it(side):
    preset = nearest(ROOT, (side, side))
    said = values(rewritten(preset.text, scaled(preset, (side, side), False)))
    assert said["invert_teacher"]["canvas_margin"] == pytest.approx(side / 7.5, rel=0.1, abs=2)
    assert said["invert_teacher"]["flip"] is False
    for name, section in said.items():
        if isinstance(section, dict) and "augmentation" in section:
            assert section["augmentation"] == {"pad": pytest.approx(side / 8, abs=1), "flip": False}, name
    options = said["search_spos"]["space"]["options"]
    last = side / options["stem_stride"]
    for stride in options["strides"]:
        last /= stride
    assert 3 <= last <= 14, "pixels of the last layer"


def test_comments_and_order_stay(tmp_path):
    text = "# head\na: 1 # one\nb:\n  - {c: 1}\n  - {c: 2}\n# of d\nd: {e: 2}\n"
    assert rewritten(text, {("b",): [{"c": 3}], ("d", "e"): 4, ("d", "f"): "x"}) == (
        "# head\na: 1 # one\nb:\n  [{c: 3}]\n# of d\nd: {f: x, e: 4}\n"
    )


@given(st.dictionaries(st.sampled_from(["a", "b", "c"]), st.one_of(st.integers(), st.booleans(), st.text(max_size=8))))
def test_any_value_is_read_as_it_was_written(section):
    assert values(f"x: {flow(section)}\n") == {"x": section}


@given(st.lists(st.sampled_from([1, 2]), min_size=1, max_size=6), st.integers(-4, 4))
def test_an_image_is_halved_as_often_as_layers_allow(strides, more):
    found = halvings(strides, more)
    assert sum(s == 2 for s in found) == min(len(strides), max(0, sum(s == 2 for s in strides) + more))


def test_steps_of_a_resolution_that_is_not_taken_go_to_the_full_one():
    stages = [{"downscale": 2, "steps": 40}, {"downscale": 1, "steps": 80}]
    assert resolutions(stages, [1]) == [{"downscale": 1, "steps": 120}]
    assert resolutions(stages, [2, 1]) == stages


@given(st.integers(2, 2000), st.integers(1, 4), st.integers(1, 256), st.integers(1, 8))
def test_the_fewest_images_are_two_of_each_class_in_whole_batches(classes, generations, batch, shards):
    found = fewest_images(classes, generations, batch, shards)
    assert found % (batch * shards) == 0, "no shard has more to do than another"
    assert found >= max(classes, batch * shards)
    assert found * generations >= 2 * classes


class Linear:
    """Ten seconds, and ninety more for each effort."""

    def seconds(self, effort, steps=1.0):
        return 10 + 90 * effort * steps


def test_as_much_is_made_as_fits_into_the_hours():
    effort = effort_for(Linear(), 1.0, 0.1)
    assert Linear().seconds(effort) == pytest.approx(0.85 * 3600, rel=1e-3)
    assert effort_for(Linear(), 1e-3, 0.1) == 0.1
    assert effort_for(Linear(), 1e6, 0.1) == pytest.approx(LARGEST, rel=1e-3)
