"""What `evaluate` and the tables refuse: files that do not belong together, and figures that are none."""

import json

import pytest
from stage_calls import flip_in_array, run


@pytest.mark.parametrize("name", ["original.h5", "synthetic.h5"])
def test_a_damaged_data_set(chain, fails, name):
    flip_in_array(chain.folder / name, "targets")
    fails("evaluate", chain.evaluate(), chain.folder / name, "is damaged")


def test_a_teacher_that_is_none(chain, fails):
    options = chain.evaluate()
    options[options.index("--teacher") + 1] = chain.folder / "model.pt"
    fails("evaluate", options, chain.folder / "model.pt", "is not a 'dfnas teacher 1' file")


@pytest.mark.usefixtures("larger_originals")
def test_original_images_of_another_size(chain, fails):
    fails("evaluate", chain.evaluate(), chain.folder / "synthetic.h5", "(8, 8)", "original.h5 has (10, 10)")


def test_the_teacher_is_measured_like_any_network(chain):
    options = chain.evaluate("teacher.pt")
    options[options.index("--held-out") + 1] = chain.folder / "original.h5"
    assert run("evaluate", *options) == 0
    figures = json.loads((chain.folder / "metrics.json").read_text())
    assert (figures["algorithm"], figures["teacher_agreement"]) == ("teacher", 1)
    assert figures["temperature"] > 0
