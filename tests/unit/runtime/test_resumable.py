"""Interrupted anywhere, continued to the same result."""

import pytest
import torch

from dfnas.runtime import checkpoint as checkpoint_module
from dfnas.runtime.checkpoint import Checkpoint
from dfnas.runtime.errors import InputError
from dfnas.runtime.resumable import run

STEPS = 7


class Walk:
    """State after step i: a function of the state before and of i. Reports every third step."""

    steps = STEPS

    def __init__(self, dies_at: int = STEPS):
        self.position, self.dies_at, self.taken = torch.zeros(2), dies_at, []

    def step(self, index):
        if index == self.dies_at:
            raise KeyboardInterrupt
        self.taken.append(index)
        self.position = 0.7 * self.position + torch.tensor([index, -1.0])
        return {"step": index, "x": self.position[0].item()} if index % 3 == 2 else None

    def state_dict(self):
        return {"position": self.position}

    def load_state_dict(self, state):
        self.position = state["position"]


@pytest.fixture
def make(tmp_path):
    return lambda **identity: Checkpoint(tmp_path / "state", {"seed": 0, **identity})


@pytest.mark.parametrize("interval", [0.0, 1e9], ids=["saved after every step", "never saved"])
@pytest.mark.parametrize("dies_at", range(STEPS))
def test_a_run_interrupted_at_any_step_ends_as_an_uninterrupted_one(make, monkeypatch, dies_at, interval):
    monkeypatch.setattr(checkpoint_module, "INTERVAL_S", interval)
    whole = Walk()
    expected = run(whole, make(of="whole"), "walk")
    with pytest.raises(KeyboardInterrupt):
        run(Walk(dies_at), make(), "walk")
    work = Walk()
    outcome = run(work, make(), "walk")
    assert torch.equal(work.position, whole.position)
    assert outcome.history == expected.history
    assert work.taken == list(range(0 if interval else dies_at, STEPS))


class Unmeasured(Walk):
    steps = None

    def __init__(self):
        super().__init__()


def test_work_that_does_not_say_how_long_it_is_is_told_with_its_place(make):
    with pytest.raises(
        InputError, match=r"^Unmeasured has no number of steps; .* self\.steps = … \(.*test_resumable.*\)$"
    ):
        run(Unmeasured(), make(), "walk")


class ShortWalk(Walk):
    """Ends after the fourth step, which it learns in the third."""

    ended = False

    @property
    def steps(self):
        return 4 if self.ended else STEPS

    def step(self, index):
        self.ended = self.ended or index == 2
        return super().step(index)

    def state_dict(self):
        return super().state_dict() | {"ended": self.ended}

    def load_state_dict(self, state):
        super().load_state_dict(state)
        self.ended = state["ended"]


@pytest.mark.parametrize("dies_at", range(4))
def test_work_that_ends_early_does_not_take_the_steps_after_its_end(make, monkeypatch, dies_at):
    monkeypatch.setattr(checkpoint_module, "INTERVAL_S", 0.0)
    whole = ShortWalk()
    expected = run(whole, make(of="whole"), "walk")
    assert whole.taken == list(range(4))
    with pytest.raises(KeyboardInterrupt):
        run(ShortWalk(dies_at), make(), "walk")
    work = ShortWalk()
    assert run(work, make(), "walk").history == expected.history
    assert work.taken == list(range(dies_at, 4))
    assert torch.equal(work.position, whole.position)


def test_seconds_include_those_before_the_interruption(make):
    state = {"done": STEPS, "history": [{"step": 2}], "seconds": 100.0, "joules": {}, "work": Walk().state_dict()}
    make().save(state)
    outcome = run(Walk(), make(), "walk")
    assert outcome.cost.seconds >= 100
    assert outcome.history == [{"step": 2}]


def test_a_checkpoint_belongs_to_one_identity(make):
    make().save({"a": torch.ones(2)})
    assert torch.equal(make().load()["a"], torch.ones(2))
    for other in ({"seed": 1}, {"lr": 0.1}):
        assert make(**other).load() is None


def test_identities_do_not_depend_on_the_order_of_their_keys(tmp_path):
    one, other = (Checkpoint(tmp_path, identity) for identity in ({"a": 1, "b": 2}, {"b": 2, "a": 1}))
    assert one.path == other.path


@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_a_damaged_checkpoint_counts_as_none(make, content):
    checkpoint = make()
    checkpoint.save({"a": torch.ones(2)})
    whole = checkpoint.path.read_bytes()
    checkpoint.path.write_bytes(whole[: len(whole) // 2] if content is None else content)
    assert checkpoint.load() is None


def test_parts_outlive_the_process_and_a_state_counts_on_those_that_there_were(make):
    first = make()
    first.add_part(torch.ones(2))
    first.save({"a": 1})
    first.add_part(torch.zeros(2))  # the process dies before it saves a state that knows of it
    again = make()
    assert again.load() == {"a": 1}
    assert torch.equal(again.part(0), torch.ones(2))
    again.add_part(torch.full((2,), 7.0))
    assert torch.equal(again.part(1), torch.full((2,), 7.0))
    again.save({"a": 2})
    assert make().load() == {"a": 2}


@pytest.mark.parametrize("loss", ["missing", "damaged"])
def test_a_state_with_a_lost_part_counts_as_none(make, loss: str):
    checkpoint = make()
    checkpoint.add_part(torch.ones(2))
    checkpoint.save({"a": 1})
    (part,) = checkpoint.path.parent.glob("*.0.pt")
    if loss == "missing":
        part.unlink()
    else:
        part.write_bytes(part.read_bytes()[:-30])
    assert make().load() is None


def test_a_cleared_checkpoint_is_gone(make):
    checkpoint = make()
    checkpoint.clear()
    checkpoint.add_part(torch.ones(2))
    checkpoint.save({"a": 1})
    checkpoint.clear()
    assert checkpoint.load() is None
    assert not list(checkpoint.path.parent.iterdir())


def test_saving_is_due_after_the_interval_and_not_before(make, monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(checkpoint_module.time, "monotonic", lambda: clock[0])
    checkpoint = make()
    clock[0] += 29.9
    assert not checkpoint.due()
    clock[0] += 0.1
    assert checkpoint.due()
    checkpoint.save({})
    assert not checkpoint.due()
