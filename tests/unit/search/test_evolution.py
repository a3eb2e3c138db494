"""Evolution with made-up errors: what it may judge, and what it breeds from."""

import itertools
import random

import pytest

from dfnas.runtime.errors import InputError
from dfnas.search import evolution as module
from dfnas.search.budget import Budget
from dfnas.search.evolution import Evolution
from dfnas.settings.search import BudgetSettings
from dfnas.settings.search_spos import EvolutionSettings
from dfnas.spaces.candidate import Score, best_of

SETTINGS = {"generations": 6, "population": 20, "parents": 4, "crossover": 8, "mutation": 8}


class Judge:
    """Errors count the choices that differ from a hidden best; remembers what it was asked."""

    def __init__(self, space):
        self.best, self.asked = {choice: options[-1] for choice, options in space.choices.items()}, []

    def __call__(self, architecture):
        self.asked.append(dict(architecture))
        wrong = sum(architecture[choice] != option for choice, option in self.best.items()) / len(self.best)
        return Score(wrong, wrong / 2)


def evolve(space, seed=0, limit=0.0, **changes):
    settings, judge = EvolutionSettings(**SETTINGS | changes), Judge(space)
    evolution = Evolution(space, settings, Budget(space, BudgetSettings(max_macs_m=limit)), seed)
    rows, parents = [], []
    for index in range(settings.generations * settings.population):
        row = evolution.step(index, judge)
        parents += [list(evolution.parents)] if index % settings.population == 0 else []
        rows += [row] if row else []
    return evolution, judge.asked, rows, parents


def encoded(architectures):
    return [tuple(sorted(a.items())) for a in architectures]


def all_crossings(one, other):
    return encoded(
        dict(zip(one, options, strict=True))
        for options in itertools.product(*zip(one.values(), other.values(), strict=True))
    )


def test_every_generation_judges_its_population_and_nobody_twice(spaces):
    evolution, asked, rows, _ = evolve(spaces["nasbench201"])
    assert [row["judged"] for row in rows] == [20, 40, 60, 80, 100, 120]
    assert len(set(encoded(asked))) == len(asked) == 120
    assert encoded(c.architecture for c in evolution.judged.values()) == encoded(asked)


def test_parents_are_the_best_of_all_generations_so_far(spaces):
    evolution, _, _, parents = evolve(spaces["nasbench201"])
    judged = list(evolution.judged.values())
    assert parents[0] == []
    for generation in range(1, 6):
        best = sorted(judged[: 20 * generation], key=lambda c: (c.top1_error, c.top5_error))[:4]
        assert parents[generation] == best


def test_children_take_every_choice_from_a_parent_and_mutants_change_few(spaces):
    evolution, asked, _, parents = evolve(spaces["nasbench201"], mutation_probability=0.2)
    assert len(evolution.judged) == 120
    changed, crossed = [], 0
    for generation in range(1, 6):
        born, bred = asked[20 * generation : 20 * (generation + 1)], [c.architecture for c in parents[generation]]
        for place, child in enumerate(born[:8]):
            crossings = {cross for pair in itertools.product(bred, bred) for cross in all_crossings(*pair)}
            new = crossings - set(encoded(asked[: 20 * generation + place]))
            assert not new or encoded([child])[0] in new
            crossed += bool(new)
        changed += [min(sum(child[c] != parent[c] for c in child) for parent in bred) for child in born[8:16]]
    assert crossed >= 15
    assert sum(changed) / len(changed) < 2.5


def test_a_generation_has_as_many_children_of_each_kind_as_the_settings_say(spaces, monkeypatch):
    space, made = spaces["nasbench201"], {"cross": [], "mutate": []}

    def recorded(kind):
        breed = getattr(space, kind)

        def child(*arguments):
            made[kind].append(breed(*arguments))
            return made[kind][-1]

        return child

    for kind in made:
        monkeypatch.setattr(space, kind, recorded(kind))
    _, asked, _, _ = evolve(space, generations=2, crossover=8, mutation=5)
    kinds = [next((kind for kind, children in made.items() if one in children), "random") for one in asked[20:]]
    assert kinds == ["cross"] * 8 + ["mutate"] * 5 + ["random"] * 7


def test_rows_have_the_mean_error_of_their_own_generation(spaces):
    evolution, _, rows, _ = evolve(spaces["nasbench201"])
    judged = list(evolution.judged.values())
    assert [candidate.generation for candidate in judged] == [1 + i // 20 for i in range(120)]
    means = [sum(c.top1_error for c in judged[20 * g : 20 * (g + 1)]) / 20 for g in range(6)]
    assert [row["mean_top1_error"] for row in rows] == pytest.approx(means)


def test_evolution_beats_as_many_random_draws(spaces):
    bred, _, rows, _ = evolve(spaces["nasbench201"])
    drawn, *_ = evolve(spaces["nasbench201"], crossover=1, mutation=1)
    errors = [row["best_top1_error"] for row in rows]
    assert errors == sorted(errors, reverse=True)
    best = best_of(bred.judged.values())
    assert best.top1_error < best_of(drawn.judged.values()).top1_error
    assert rows[-1]["best_macs_m"] == best.macs_m == spaces["nasbench201"].macs(best.architecture) / 1e6


@pytest.mark.parametrize("name", ["nasbench201", "mbconv", "darts"])
def test_no_candidate_exceeds_the_limit(spaces, name):
    space = spaces[name]
    costs = sorted(c.macs_m for c in evolve(space, population=16)[0].judged.values())
    limit = costs[len(costs) // 3]
    evolution, asked, _, _ = evolve(space, limit=limit)
    assert asked
    assert max(space.macs(a) for a in asked) / 1e6 <= limit
    assert max(c.macs_m for c in evolution.judged.values()) <= limit


def test_a_space_that_runs_out_is_judged_whole_and_the_search_ends(spaces):
    evolution, asked, rows, _ = evolve(spaces["mbconv"], generations=3)
    assert len(asked) == 3 * 3 * 2  # every architecture of the space
    assert [row["judged"] for row in rows] == [18, 18, 18]
    assert ["mean_top1_error" in row for row in rows] == [True, False, False]
    assert best_of(evolution.judged.values()).top1_error == 0


def test_a_limit_that_nothing_keeps_is_an_error_before_anything_is_judged(spaces, make_spos):
    with pytest.raises(InputError, match=r"budget.max_macs_m = 1e-06: none of 10000 random architectures"):
        make_spos(spaces["mbconv"], budget={"max_macs_m": 1e-6})


def test_a_limit_that_few_architectures_keep_is_asked_about_as_often_as_everywhere(spaces, monkeypatch):
    """A thousand draws in vain say that nothing new is left only where something was found before."""
    monkeypatch.setattr(module, "ATTEMPTS", 1)
    space = spaces["mbconv"]
    cheapest = min(space.macs(space.sample(random.Random(seed))) for seed in range(200)) / 1e6
    _, asked, _, _ = evolve(space, limit=cheapest, generations=1)
    assert asked
    assert all(space.macs(architecture) / 1e6 <= cheapest for architecture in asked)


def test_candidates_are_a_function_of_the_seed(spaces):
    asked = [encoded(evolve(spaces["shufflenet"], seed, generations=2)[1]) for seed in (0, 0, 1)]
    assert asked[0] == asked[1]
    assert asked[0] != asked[2]


def test_of_equals_the_earliest_is_best(spaces):
    space = spaces["shufflenet"]
    evolution = Evolution(space, EvolutionSettings(**SETTINGS), Budget(space, BudgetSettings()), 0)
    for index in range(5):
        evolution.step(index, lambda architecture: Score(0.5, 0.25))
    assert best_of(evolution.judged.values()) is next(iter(evolution.judged.values()))
    assert best_of(evolution.judged.values()).score.key == (0.5, 0.25)


def test_a_generation_tries_ten_times_per_child_and_fills_up_at_random(spaces, monkeypatch):
    """The release's max_iters, shared by the children of a kind: here no crossing and no mutant is ever new."""
    space, calls = spaces["nasbench201"], {"cross": 0, "mutate": 0}

    def barren(kind):
        def child(one, *_):
            calls[kind] += 1
            return dict(one)

        return child

    for kind in calls:
        monkeypatch.setattr(space, kind, barren(kind))
    _, asked, rows, _ = evolve(space, generations=3, crossover=8, mutation=5)
    assert calls == {"cross": 2 * 10 * 8, "mutate": 2 * 10 * 5}
    assert len(set(encoded(asked))) == rows[-1]["judged"] == 60


def test_tries_survive_an_interruption(spaces):
    settings, judge = EvolutionSettings(**SETTINGS), Judge(spaces["shufflenet"])
    evolution = Evolution(spaces["shufflenet"], settings, Budget(spaces["shufflenet"], BudgetSettings()), 0)
    for index in range(25):
        evolution.step(index, judge)
    assert evolution.tries["crossover"] < 10 * settings.crossover
    other = Evolution(spaces["shufflenet"], settings, Budget(spaces["shufflenet"], BudgetSettings()), 0)
    other.load_state_dict(evolution.state_dict())
    assert other.tries == evolution.tries
