"""Regularised evolution with made-up errors: who is alive, who has children, and what a score costs."""

from collections import Counter

import pytest
import torch

from dfnas.runtime.errors import InputError
from dfnas.runtime.seeds import python_random
from dfnas.search.regularized_evolution import EvolutionSearch
from dfnas.spaces.candidate import best_of, from_text, to_text


class Untrained(torch.nn.Module):
    """A network that only counts how often it was made."""

    made: Counter

    def __init__(self, name: str):
        super().__init__()
        self.scale, self.name = torch.nn.Parameter(torch.ones(3)), name
        type(self).made[name] += 1

    def forward(self, x):
        return self.scale.expand(len(x), 3)


@pytest.fixture
def search(spaces, make_evolution, monkeypatch):
    """search(**settings): an evolution whose error is the share of choices that differ from a hidden best."""

    def make(**settings) -> EvolutionSearch:
        space = spaces["nasbench201"]
        Untrained.made = Counter()
        monkeypatch.setattr(space, "network", lambda architecture: Untrained(to_text(space, architecture)))
        search = make_evolution(space, **{"steps": 1, "cycles": 60, "population": 10, "sample": 4} | settings)

        def error(*given) -> float:
            return sum(option != "nor_conv_3x3" for option in search.present.values()) / 6

        monkeypatch.setattr("dfnas.search.judging.error_rate", error)
        return search

    return make


def finished(search) -> list[dict]:
    return [row for index in range(search.steps) if (row := search.step(index))]


def test_the_first_population_is_drawn_and_every_later_candidate_is_one_mutation_from_one_alive(search):
    run = search()
    finished(run)
    names = [from_text(run.context.space, text) for text in run.proposed]
    assert len(names) == 60
    distances = []
    for number in range(10, 60):
        alive = names[number - 10 : number]
        distances.append(min(sum(one[c] != names[number][c] for c in one) for one in alive))
    assert set(distances) <= {0, 1}  # 0 where the child is another one alive
    assert distances.count(1) > 25


def test_the_oldest_dies_however_good(search):
    run = search(cycles=25)
    for index in range(run.steps):
        run.step(index)
        alive = [to_text(run.context.space, candidate.architecture) for candidate in run.population()]
        assert alive == run.proposed[-10:]
    assert run.architecture() == min(run.candidates(), key=lambda c: c.score.key).architecture


def test_the_parent_is_the_best_of_a_sample(search):
    """With replacement: of P candidates the best is in a sample of S with probability 1 - (1 - 1 / P)^S."""
    run = search()
    finished(run)
    best = min(candidate.score.key for candidate in run.population())
    ties = sum(candidate.score.key == best for candidate in run.population())
    found = sum(run.parent(python_random(0, "draw", i)).score.key == best for i in range(2000)) / 2000
    expected = 1 - (1 - ties / 10) ** 4
    assert abs(found - expected) < 5 * (expected * (1 - expected) / 2000) ** 0.5 + 1e-9


def test_nothing_is_trained_twice_and_a_known_score_enters_the_population_again(search):
    run = search(cycles=200)
    rows = finished(run)
    assert max(Untrained.made.values()) == 1
    assert len(Untrained.made) == len(run.candidates()) == rows[-1]["judged"] < len(run.proposed) == 200
    again = next(row for row in rows if "train_loss" not in row)
    known = run.judged[run.proposed[again["candidate"] - 1]]
    assert again["top1_error"] == known.top1_error
    assert rows[-1]["trained_images"] == rows[-1]["judged"] * 8
    assert rows[-1]["judged_images"] == rows[-1]["judged"] * 18


def test_evolution_finds_better_than_as_many_draws(search):
    run = search(cycles=150)
    rows = finished(run)
    best = [row["best_top1_error"] for row in rows]
    assert best == sorted(best, reverse=True)
    drawn = search(cycles=150, population=150)
    finished(drawn)
    assert best_of(run.candidates()).top1_error < best_of(drawn.candidates()).top1_error


def test_a_score_depends_on_the_architecture_alone(spaces, make_evolution):
    """Whenever it is trained: the same initial weights, batches and random numbers."""
    one, other = (make_evolution(spaces["shufflenet"], seed=0, cycles=3, sample=s) for s in (1, 2))
    finished(one)
    target = one.candidates()[2]
    other.propose = lambda number: dict(target.architecture)
    for index in range(other.settings.steps):
        other.step(index)
    assert other.candidates() == [target]


def test_training_lowers_the_error_of_a_candidate(spaces, make_random):
    errors = []
    for steps in (1, 60):
        search = make_random(spaces["nasbench201"], steps=steps, draws=2, lr=0.1)
        finished(search)
        errors.append(sum(candidate.top1_error for candidate in search.candidates()) / 2)
    assert errors[1] < 0.5 * errors[0]


def test_draws_of_the_random_search_do_not_depend_on_scores(spaces, make_random):
    search = make_random(spaces["darts"], draws=4)
    finished(search)
    assert [to_text(spaces["darts"], architecture) for architecture in search.drawn] == search.proposed


def diverging(names):
    """Networks of made-up losses: those of architectures in `names` have none."""

    class Network(Untrained):
        def forward(self, x):
            return super().forward(x) * (float("nan") if self.name in names else 1)

    return Network


def test_a_candidate_that_diverges_is_the_worst_and_the_search_goes_on(spaces, make_random, monkeypatch):
    space = spaces["nasbench201"]
    whole = make_random(space, draws=4, steps=2)
    texts = [to_text(space, architecture) for architecture in whole.drawn]
    Untrained.made = Counter()
    network = diverging(texts[:3])
    monkeypatch.setattr(space, "network", lambda architecture: network(to_text(space, architecture)))
    rows = finished(make_random(space, draws=4, steps=2))
    assert [row["top1_error"] for row in rows][:3] == [1.0] * 3
    assert ["train_loss" in row for row in rows] == [False] * 3 + [True]
    assert rows[-1]["best_top1_error"] == rows[-1]["top1_error"] < 1


@pytest.mark.parametrize("by", ["error", "loss"])
def test_a_search_of_which_every_candidate_diverges_says_so(spaces, make_random, monkeypatch, by):
    space = spaces["nasbench201"]
    whole = make_random(space, draws=2, steps=2)
    Untrained.made = Counter()
    network = diverging([to_text(space, architecture) for architecture in whole.drawn])
    monkeypatch.setattr(space, "network", lambda architecture: network(to_text(space, architecture)))
    with pytest.raises(InputError, match="the training of every candidate diverged; lower lr"):
        finished(make_random(space, draws=2, steps=2, judge_by=by))
