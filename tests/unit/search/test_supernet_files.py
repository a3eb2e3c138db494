"""The archive of a trained supernet: what is read is what was written, and what does not fit is one line."""

import json

import pytest
import torch
from stepping import finish, leaves

from dfnas.artifacts.supernet import load_supernet, save_supernet
from dfnas.runtime.errors import InputError
from dfnas.runtime.files import load_archive, save_archive

CPU = torch.device("cpu")


def saved(path, supernet, rows) -> None:
    save_supernet(path, supernet.network, supernet.strengths(), supernet.report(), rows, {"stage": "supernet"})


@pytest.mark.parametrize("maker", ["make_darts", "make_proxyless", "make_supernet"])
def test_a_supernet_is_read_as_it_was_written(request, spaces, tmp_path, maker):
    space = spaces["nasbench201"]
    supernet = request.getfixturevalue(maker)(space)
    rows = finish(supernet, 0)
    assert rows
    saved(tmp_path / "supernet.pt", supernet, rows)
    found = load_supernet(tmp_path / "supernet.pt", space, CPU)
    assert leaves(found.network.state_dict()) == leaves(supernet.network.state_dict())
    assert leaves(found.strengths) == leaves(supernet.strengths())
    assert (found.report, found.history) == (supernet.report(), rows)
    assert bool(found.strengths) == (maker != "make_supernet")


def test_rows_that_a_checkpoint_has_kept_leave_the_same_bytes(spaces, make_darts, tmp_path):
    supernet = make_darts(spaces["nasbench201"])
    rows = finish(supernet, 0)
    saved(tmp_path / "whole.pt", supernet, rows)
    save_archive(tmp_path / "state.pt", {"history": rows[:1]})
    saved(tmp_path / "resumed.pt", supernet, [*load_archive(tmp_path / "state.pt")["history"], *rows[1:]])
    assert (tmp_path / "resumed.pt").read_bytes() == (tmp_path / "whole.pt").read_bytes()


@pytest.fixture
def archive(spaces, make_darts, tmp_path) -> dict:
    """One of DARTS on cells, as plain values, to be spoilt."""
    saved(tmp_path / "supernet.pt", make_darts(spaces["nasbench201"]), [])
    return load_archive(tmp_path / "supernet.pt")


@pytest.mark.parametrize("other", ["darts", "mbconv"])
def test_a_supernet_of_another_space_is_refused(archive, spaces, tmp_path, other):
    with pytest.raises(InputError, match=r"is not a supernet of the space that is searched; .*rm ") as caught:
        load_supernet(tmp_path / "supernet.pt", spaces[other], CPU)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("missing", ["state", "strengths", "report", "history"])
def test_a_part_that_is_missing_is_a_line(archive, spaces, tmp_path, missing):
    save_archive(tmp_path / "supernet.pt", {name: value for name, value in archive.items() if name != missing})
    with pytest.raises(InputError, match="is not a supernet of the space"):
        load_supernet(tmp_path / "supernet.pt", spaces["nasbench201"], CPU)


def test_a_history_that_is_no_json_is_a_line(archive, spaces, tmp_path):
    save_archive(tmp_path / "supernet.pt", archive | {"history": "[{"})
    with pytest.raises(InputError, match="is not a supernet of the space"):
        load_supernet(tmp_path / "supernet.pt", spaces["nasbench201"], CPU)


def test_strengths_of_other_options_are_a_line(archive, spaces, tmp_path):
    choice = next(iter(spaces["nasbench201"].choices))
    strengths = archive["strengths"] | {choice: archive["strengths"][choice][:-1]}
    save_archive(tmp_path / "supernet.pt", archive | {"strengths": strengths})
    with pytest.raises(InputError, match=r"has strengths of other options than the space that is searched; .*rm "):
        load_supernet(tmp_path / "supernet.pt", spaces["nasbench201"], CPU)
    del strengths[choice]
    save_archive(tmp_path / "supernet.pt", archive | {"strengths": strengths})
    with pytest.raises(InputError, match="is not a supernet of the space"):
        load_supernet(tmp_path / "supernet.pt", spaces["nasbench201"], CPU)


def test_a_report_is_of_plain_values(archive):
    assert json.loads(archive["report"])["stopped"] == "end"
