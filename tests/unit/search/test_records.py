"""What a search leaves of its course is read as it was written, and what does not fit is one line."""

import math
import random

import pytest
import torch
from stepping import finish, search_on

from dfnas.artifacts.candidates import read_candidates, write_candidates
from dfnas.artifacts.history import read_history, write_history
from dfnas.artifacts.strengths import read_strengths, write_strengths
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import write_json
from dfnas.spaces.candidate import Candidate, from_text, to_text


@pytest.mark.parametrize("name", ["darts", "mbconv", "shufflenet", "nasbench201"])
def test_an_architecture_is_its_line_of_text(spaces, name):
    space = spaces[name]
    for seed in range(10):
        architecture = space.sample(random.Random(seed))
        text = to_text(space, architecture)
        assert text.count("|") == len(space.choices) - 1
        assert from_text(space, text) == architecture


@pytest.mark.parametrize(
    ("text", "story"), [("3x3", "1 options; the space has 3"), ("3x3|9x9|3x3", "unknown option '9x9'")]
)
def test_a_text_of_another_space_is_an_error(spaces, text, story):
    with pytest.raises(InputError, match=story):
        from_text(spaces["shufflenet"], text)


@pytest.mark.parametrize("by", ["error", "loss"])
def test_candidates_are_read_as_they_were_written(spaces, make_spos, tmp_path, by):
    search = make_spos(spaces["shufflenet"], steps=1, judge_by=by)
    finish(search, 0)
    write_candidates(tmp_path / "candidates.csv", spaces["shufflenet"], search.candidates())
    read = read_candidates(tmp_path / "candidates.csv", spaces["shufflenet"])
    assert read == search.candidates()
    assert [candidate.generation for candidate in read] == [1, 1, 1, 2, 2, 2]


def test_a_search_without_candidates_leaves_the_header(spaces, make_darts, tmp_path):
    search = search_on(make_darts(spaces["darts"]))
    write_candidates(tmp_path / "candidates.csv", spaces["darts"], search.candidates())
    assert (tmp_path / "candidates.csv").read_text() == "architecture,top1_error,top5_error,macs_m,generation,loss\n"
    assert read_candidates(tmp_path / "candidates.csv", spaces["darts"]) == []


@pytest.mark.parametrize(
    ("line", "story"),
    [
        ("3x3|3x3,0.5,0.1,1.0,1,", "row 2: an architecture of 2 options"),
        ("3x3|3x3|3x3,half,0.1,1.0,1,", "row 2: has \"half\" for 'top1_error', expected a number"),
        ("3x3|3x3|3x3,0.5", "row 2: expected 6 values"),
    ],
)
def test_a_bad_candidate_is_named(spaces, tmp_path, line, story):
    path, space = tmp_path / "candidates.csv", spaces["shufflenet"]
    write_candidates(path, space, [Candidate(dict.fromkeys(space.choices, "3x3"), 0.0, 0.0, 1.0)])
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(InputError, match=story):
        read_candidates(path, space)


def test_a_missing_column_is_named(spaces, tmp_path):
    (tmp_path / "candidates.csv").write_text("architecture,top1_error\n")
    with pytest.raises(InputError, match="no column 'top5_error'"):
        read_candidates(tmp_path / "candidates.csv", spaces["shufflenet"])


def test_strengths_are_read_as_they_were_written(spaces, tmp_path):
    space, path = spaces["mbconv"], tmp_path / "strengths.json"
    strengths = {choice: torch.randn(len(options)).softmax(0) for choice, options in space.choices.items()}
    write_strengths(path, space, strengths, {"stage": "search_darts"})
    read = read_strengths(path, space)
    assert {choice: tuple(each) for choice, each in read.items()} == dict(space.choices)
    for choice, each in read.items():
        assert list(each.values()) == pytest.approx(strengths[choice].tolist(), rel=1e-5)
    choice = next(iter(read))
    other = {choice: {name.replace("mbconv2", "mbconv9"): each for name, each in read[choice].items()}}
    write_json(path, read | other | {"provenance": {}})
    with pytest.raises(InputError, match="'stage1/block1' must have a strength for each of"):
        read_strengths(path, space)


def test_a_history_is_read_without_what_its_rows_leave_empty(tmp_path):
    rows = [{"phase": "supernet", "step": 3, "train_loss": 1.25}, {"phase": "evolution", "step": 1, "judged": 7}]
    write_history(tmp_path / "history.csv", rows)
    assert read_history(tmp_path / "history.csv") == rows


def test_candidates_that_were_not_trained_come_back_with_their_scores(spaces, tmp_path):
    path, space = tmp_path / "candidates.csv", spaces["shufflenet"]
    candidates = [
        Candidate(dict.fromkeys(space.choices, option), None, None, 1.0, proxy_score=score)
        for option, score in (("3x3", 0.5), ("5x5", -math.inf))
    ]
    write_candidates(path, space, candidates)
    assert read_candidates(path, space) == candidates
