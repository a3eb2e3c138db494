"""Every search interrupted all along its way, in an epoch, at its end, between phases and in an evolution:
what it ends with is to the bit what an uninterrupted one ends with."""

import pytest
from stepping import finish, leaves, search_on

from dfnas.runtime.files import load_archive, save_archive

pytestmark = pytest.mark.slow

POINTS = 8
SEARCHES = {
    "darts, first order": ("make_darts", {"order": 1, "epochs": 2, "train": 48}),
    "darts, second order": ("make_darts", {"order": 2, "epochs": 2, "train": 48}),
    "darts, selected by perturbation": (
        "make_darts",
        {"order": 1, "epochs": 1, "train": 16, "selection": {"by": "perturbation", "tune_epochs": 1}},
    ),
    "darts, α at rest": (
        "make_darts",
        {
            "order": 1,
            "epochs": 1,
            "train": 16,
            "train_architecture": False,
            "selection": {"by": "perturbation", "tune_epochs": 1},
        },
    ),
    "proxyless, from its warm-up on": (
        "make_proxyless",
        {"warmup_epochs": 1, "epochs": 2, "arch_every": 1, "train": 16},
    ),
    "proxyless, by the gates of all options": (
        "make_proxyless",
        {"warmup_epochs": 0, "epochs": 2, "arch_every": 1, "train": 16, "gates": "all"},
    ),
    "spos, its supernet": ("make_supernet", {"steps": 6}),
    "spos, its evolution": ("make_spos", {"steps": 2}),
    "spos, judged by the loss": ("make_spos", {"steps": 2, "judge_by": "loss"}),
    "evolution": ("make_evolution", {"cycles": 4}),
    "random, of several draws": ("make_random", {}),
}


def outcome(made) -> tuple:
    """What a search ends with: that on a supernet begins once it is trained."""
    search = search_on(made)
    rows = finish(search, 0) if search is not made else []
    return rows, search.architecture(), search.report()


@pytest.mark.parametrize("algorithm", SEARCHES)
def test_a_search_resumed_after_any_step_ends_as_if_it_had_not_been_interrupted(
    request, spaces, tmp_path, say, algorithm
):
    maker, settings = SEARCHES[algorithm]
    make, space = request.getfixturevalue(maker), spaces["shufflenet"]
    whole, rows, states = make(space, **settings), [], []
    while len(states) < whole.steps:
        rows += [row for row in [whole.step(len(states))] if row]
        states.append((tmp_path / f"{len(states)}.pt", len(rows)))
        save_archive(states[-1][0], whole.state_dict())
    end, found = leaves(whole.state_dict()), outcome(whole)
    points = range(1, len(states) + 1, max(1, len(states) // POINTS))
    for step in points:
        state, before = states[step - 1]
        resumed = make(space, **settings)
        resumed.load_state_dict(load_archive(state))
        assert rows[:before] + finish(resumed, step) == rows, step
        assert leaves(resumed.state_dict()) == end, step
        assert outcome(resumed) == found, step
    say(f"{algorithm}: resumed at {len(points)} of {len(states)} steps to the identical result")
    assert len(points) >= 4
