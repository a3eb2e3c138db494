"""Early stopping: the criteria of DARTS+ and RobustDARTS on histories made by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dfnas.runtime.files import load_archive, save_archive
from dfnas.search.stopping import EarlyStopping
from dfnas.settings.search_darts import StopSettings
from dfnas.spaces.darts import CellSpace
from dfnas.spaces.space import Task

SPACE = CellSpace(Task(3, 32, 10))


def strengths_with(skips: int) -> dict[str, torch.Tensor]:
    """Of an architecture whose normal cell has so many skip connections, in a cell of convolutions."""
    edges = [edge for name, node in SPACE.topology().items() if "normal" in name for edge in node.edges[:2]]
    chosen = dict.fromkeys(edges, "sep_conv_3x3") | dict.fromkeys(edges[:skips], "skip_connect")
    return {
        choice: torch.tensor([float(chosen.get(choice) == option) for option in options])
        for choice, options in SPACE.choices.items()
    }


def watched(settings: dict, eigenvalues=(), skips=()) -> EarlyStopping:
    """The rule after a history of epochs, which it ends where it stops."""
    stopping = EarlyStopping(SPACE, StopSettings(**settings))
    histories = list(skips) or [0] * len(eigenvalues)
    for epoch, count in enumerate(histories, 1):
        if stopping.stop is None:
            eigenvalue = eigenvalues[epoch - 1] if eigenvalues else None
            stopping.observe(epoch, strengths_with(count) | {"epoch": torch.tensor(epoch)}, eigenvalue)
    return stopping


@pytest.fixture(autouse=True)
def ignore_the_mark(monkeypatch):
    """Histories mark every epoch's strengths with its number."""
    discretise = CellSpace.discretise
    monkeypatch.setattr(
        CellSpace, "discretise", lambda self, s: discretise(self, {c: v for c, v in s.items() if c != "epoch"})
    )


def test_two_skip_connections_end_the_search_as_published():
    stop = watched({"by": "skips"}, skips=[0, 1, 1, 2, 5]).stop
    assert (stop.after, stop.epoch, stop.reason) == (4, 4, "skips")
    assert stop.strengths["epoch"] == 4
    assert watched({"by": "skips"}, skips=[0, 1, 1]).stop is None


@pytest.mark.parametrize(("share", "after"), [(0.25, 2), (0.3, 3), (0.5, 4), (1.0, None)])
def test_a_share_takes_the_place_of_the_number(share, after):
    stop = watched({"by": "skips", "skip_share": share}, skips=[1, 2, 3, 6, 7]).stop
    assert after == (stop and stop.after)


def test_skips_do_not_stop_a_search_that_was_not_asked_to():
    assert watched({}, skips=[8, 8]).stop is None


def test_a_rise_of_the_eigenvalue_brings_back_the_epoch_a_window_before():
    """Means over 3 of 1, …, 1, 1, 1, 4, 4, 4: around the epochs 1-6 1, then 2, 3, 4. That of epoch 7, 2, is the first
    whose predecessor by 3 is less than 0.75 of it; it is known after epoch 8."""
    settings = {"by": "eigenvalue", "window": 3, "first_epoch": 1}
    stopping = watched(settings, eigenvalues=[1.0] * 7 + [4.0] * 5)
    assert (stopping.stop.after, stopping.stop.epoch, stopping.stop.reason) == (8, 4, "eigenvalue")
    assert stopping.stop.strengths["epoch"] == 4


def test_no_epoch_before_the_first_is_brought_back():
    rising = [1.2**i for i in range(40)]
    stop = watched({"by": "eigenvalue"}, eigenvalues=rising).stop
    assert (stop.epoch, stop.after) == (10, 17)  # 10 + 5 for the later mean + 2 for the epochs around it
    assert StopSettings().earliest(arch_warmup_epochs=0) == 17
    assert StopSettings().earliest(arch_warmup_epochs=15) == 23
    assert watched({"by": "eigenvalue", "first_epoch": 50}, eigenvalues=rising).stop is None


@pytest.mark.parametrize(("growth", "stops"), [(0.745, True), (0.755, False)])
def test_the_ratio_is_the_published_one(growth, stops):
    """λ grows by a constant factor, so that the ratio of two means a window apart is a power of it."""
    eigenvalues = [growth ** (-epoch / 5) for epoch in range(40)]
    assert (watched({"by": "eigenvalue"}, eigenvalues=eigenvalues).stop is not None) is stops


def release(eigenvalues, window, ratio, first_epoch):
    """(stop epoch, epoch brought back) by the definition: λ̄(i - k) / λ̄(i) < ratio, the mean centred on i."""

    def mean(epoch):
        values = [v for e, v in enumerate(eigenvalues, 1) if abs(e - epoch) <= window // 2]
        return sum(values) / len(values)

    for i in range(window + 1, len(eigenvalues) - window // 2 + 1):
        if i - window >= first_epoch and mean(i - window) / mean(i) < ratio:
            return i + window // 2, i - window
    return None


@given(
    eigenvalues=st.lists(st.floats(0.05, 2), min_size=1, max_size=30),
    window=st.sampled_from([1, 3, 5]),
    first_epoch=st.integers(1, 12),
)
def test_every_history_is_judged_by_the_definition(eigenvalues, window, first_epoch):
    settings = {"by": "eigenvalue", "window": window, "first_epoch": first_epoch}
    stopping = EarlyStopping(SPACE, StopSettings(**settings))
    found = None
    for epoch, eigenvalue in enumerate(eigenvalues, 1):
        again = EarlyStopping(SPACE, StopSettings(**settings))  # as after an interruption
        again.load_state_dict(stopping.state_dict())
        again.observe(epoch, {"epoch": torch.tensor(epoch)}, eigenvalue)
        if again.stop is not None:
            assert again.stop.strengths["epoch"] == again.stop.epoch
            found = again.stop.after, again.stop.epoch
            break
        stopping = again
    assert found == release(eigenvalues, window, 0.75, first_epoch)


def test_a_ratio_of_zero_only_watches():
    stopping = watched({"by": "eigenvalue", "ratio": 0.0, "first_epoch": 0}, eigenvalues=[2.0**i for i in range(20)])
    assert stopping.stop is None
    assert len(stopping.eigenvalues) == 20


def test_epochs_are_counted_from_the_search_s_beginning_though_alpha_learns_later():
    stopping = EarlyStopping(SPACE, StopSettings(by="eigenvalue", window=1, first_epoch=0))
    for epoch, eigenvalue in [(6, 1.0), (7, 1.0), (8, 2.0)]:
        stopping.observe(epoch, {"epoch": torch.tensor(epoch)}, eigenvalue)
    assert (stopping.stop.after, stopping.stop.epoch) == (8, 7)
    assert stopping.stop.strengths["epoch"] == 7


@pytest.mark.parametrize("rule", [{"by": "skips", "skips": 1}, {"by": "eigenvalue", "window": 1, "ratio": 1.0}])
def test_a_search_that_was_stopped_is_still_stopped_after_an_interruption(spaces, make_darts, tmp_path, rule):
    """Whatever moves its α afterwards: the architecture is that of the epoch which the rule names."""
    settings = {"order": 1, "epochs": 40, "arch_lr": 0.3, "train": 16, "stop": {**rule, "first_epoch": 0}}
    search, index = make_darts(spaces["nasbench201"], **settings), 0
    strengths = []
    while index < search.steps:
        search.step(index)
        index += 1
        strengths.append(search.alphas.strengths())
    assert index < 40, "one batch an epoch: the rule stops this search"
    stop = search.stopping.stop
    assert search.report()["epoch"] == stop.epoch <= stop.after == index
    save_archive(tmp_path / "state.pt", search.state_dict())
    again = make_darts(spaces["nasbench201"], **settings)
    again.load_state_dict(load_archive(tmp_path / "state.pt"))
    assert again.steps == index
    assert again.report() == search.report()
    for choice, expected in strengths[stop.epoch - 1].items():
        assert torch.equal(again.strengths()[choice], expected)
