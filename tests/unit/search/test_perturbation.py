"""DARTS-PT: the order and number of its decisions, each against a judgement made by hand, and what happens between."""

import itertools
import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from dfnas.dataset.batches import PlainViews
from dfnas.measure.accuracy import error_rate, logits_of
from dfnas.search.budget import Budget
from dfnas.search.perturbation import Decisions, Subject, rounds
from dfnas.settings.search import BudgetSettings
from dfnas.spaces.darts import CellSpace
from dfnas.spaces.mbconv import MBConvSpace
from dfnas.spaces.nasbench201 import NASBench201Space
from dfnas.spaces.registry import make
from dfnas.spaces.slot import SinglePath, set_mixer
from dfnas.spaces.space import Task

CIFAR, IMAGENET = Task(3, 32, 10), Task(3, 224, 1000)
DARTS, NASBENCH201, MBCONV = CellSpace(CIFAR), NASBench201Space(CIFAR), MBConvSpace(IMAGENET)
CHAIN = MBConvSpace(CIFAR, stem_width=8, first_width=8, widths=[8], depths=[3], strides=[2], last_width=16)
CHAINS = [dict(zip(CHAIN.choices, options, strict=True)) for options in itertools.product(*CHAIN.choices.values())]
SELECTION = {"by": "perturbation", "tune_epochs": 1}


@pytest.mark.parametrize(("space", "count"), [(DARTS, 14 + 3), (NASBENCH201, 6), (MBCONV, 21)])
def test_as_many_rounds_as_the_release_has_projections(space, count):
    """There num_edges plus, for the cells of DARTS, the three nodes that more than two edges may enter; both kinds of
    cell in each."""
    order = rounds(space, random.Random(0))
    assert len(order) == count
    assert {len(together) for together in order} == {len(space.kinds())}


@given(seed=st.integers(0, 2**32 - 1))
def test_every_choice_and_then_every_node_is_decided_once_in_random_order(seed):
    order = [subject for together in rounds(DARTS, random.Random(seed)) for subject in together]
    names = [subject.name for subject in order]
    dropping = [f"{kind}/{node}" for kind in ("normal", "reduce") for node in (3, 4, 5)]
    assert sorted(names[:28]) == sorted(DARTS.choices)
    assert sorted(names[28:]) == dropping
    assert [subject.is_node for subject in order] == [False] * 28 + [True] * 6
    assert rounds(DARTS, random.Random(seed)) != rounds(DARTS, random.Random(seed + 1))


@given(seed=st.integers(0, 2**32 - 1), space=st.sampled_from([DARTS, NASBENCH201, MBCONV]))
def test_the_option_that_is_missed_most_is_kept_and_the_edge_that_is_missed_least_is_dropped(seed, space):
    """With made-up harm: the sum of what is missing. Dropping edges one at a time then keeps the strongest."""
    rng = random.Random(seed)
    worth = {choice: [rng.random() for _ in options] for choice, options in space.choices.items()}
    edge_worth = {choice: rng.random() for choice in space.choices}
    decisions = Decisions(space, None)

    def harm():
        masked = sum(worth[c][int(mask.argmin())] for c, mask in decisions.masks.items())
        return 0.0, masked + sum(edge_worth[edge] for edge in decisions.removed)

    for together in rounds(space, rng):
        for subject in together:
            decisions.decide(subject, harm)
    assert decisions.masks == {}
    uniform = {choice: torch.full((len(options),), 1 / len(options)) for choice, options in space.choices.items()}
    architecture = space.discretise(decisions.strengths(uniform))
    space.check(architecture)
    ruled = {edge for node in space.topology().values() if node.kept is not None for edge in node.edges}
    expected = {}
    for choice, options in space.choices.items():
        allowed = [i for i, option in enumerate(options) if choice not in ruled or option != "none"]
        expected[choice] = options[max(allowed, key=lambda i, choice=choice: worth[choice][i])]
    for node in space.topology().values():
        if node.kept is not None:
            weakest_first = sorted(node.edges, key=edge_worth.__getitem__)
            expected |= dict.fromkeys(weakest_first[: len(node.edges) - node.kept], "none")
    assert architecture == expected


def test_of_options_that_cost_equally_many_images_the_loss_decides_and_then_the_first():
    decisions = Decisions(NASBENCH201, None)
    losses = {"none": 0.1, "skip_connect": 0.1, "nor_conv_1x1": 0.3, "nor_conv_3x3": 0.3, "avg_pool_3x3": 0.9}

    def harm():
        option = NASBENCH201.choices["1-0"][int(decisions.masks["1-0"].argmin())]
        return 0.5 - 0.1 * (option == "avg_pool_3x3"), losses[option]

    assert decisions.decide(Subject("1-0", False), harm) == "1-0 = nor_conv_1x1"


@given(seed=st.integers(0, 2**32 - 1), share=st.floats(0.2, 0.9))
def test_within_a_budget_those_options_go_that_are_missed_least(seed, share):
    """Against all chains of three choices: of those that cost at most as much as the result, none is missed more (the
    errors of its options summed, as if they did not depend on each other)."""
    rng = random.Random(seed)
    worth = {choice: [rng.randrange(500) / 1000 for _ in options] for choice, options in CHAIN.choices.items()}
    decisions = Decisions(CHAIN, None)
    for (subject,) in rounds(CHAIN, rng):
        decisions.decide(
            subject, lambda: (sum(worth[c][int(mask.argmin())] for c, mask in decisions.masks.items()), 0.5)
        )
    cost = CHAIN.macs_table().of
    costs = sorted(map(cost, CHAINS))
    limit = costs[0] + share * (costs[-1] - costs[0])
    found = Budget(CHAIN, BudgetSettings(max_macs_m=limit / 1e6)).derive(decisions.strengths({}))

    def missed(architecture):
        return sum(worth[c][CHAIN.choices[c].index(option)] for c, option in architecture.items())

    assert cost(found) <= limit
    assert missed(found) == pytest.approx(max(missed(chain) for chain in CHAINS if cost(chain) <= cost(found)))


@pytest.mark.parametrize("name", ["darts", "mbconv", "nasbench201"])
def test_first_round_is_that_of_supernets_evaluated_one_option_short(spaces, make_darts, name):
    space = spaces[name]
    settings = {"order": 1, "epochs": 2, "lr": 0.1, "arch_lr": 0.1, "train": 16, "selection": SELECTION}
    search, twin = (make_darts(space, **settings) for _ in range(2))
    training = 2 * search.batches.per_epoch
    for index in range(training):
        search.step(index)
        twin.step(index)
    row = search.step(training)
    weights = {choice: alpha.softmax(0) for choice, alpha in search.alphas.values.items()}
    validation, decided = search.context.validation, []
    for choice, _ in search.rounds[0]:
        harms = []
        for option in range(len(space.choices[choice])):

            def mixer(slot, x, choice=choice, option=option):
                if slot.choice in dict(decided):
                    return slot.options[dict(decided)[slot.choice]](x)
                kept = [i for i in range(len(slot.options)) if (slot.choice, i) != (choice, option)]
                return sum(weights[slot.choice][i] * slot.options[i](x) for i in kept)

            set_mixer(twin.network, mixer)
            logits = logits_of(twin.network, PlainViews(validation, 256), batch_statistics=True)
            harms.append((error_rate(logits, validation.targets), F.cross_entropy(logits, validation.targets).item()))
        if name == "darts":
            harms[0] = (0.0, 0.0)  # `none` is the nodes' to decide
        found = search.decisions.decided[choice]
        assert harms[found][0] == max(harms)[0]
        assert harms[found][1] == pytest.approx(max(harms)[1], rel=1e-4)
        decided.append((choice, found))
    assert row["decided"] == "; ".join(f"{choice} = {space.choices[choice][option]}" for choice, option in decided)


@pytest.mark.slow
def test_a_decided_supernet_is_its_architectures_path(spaces, make_darts):
    """In the cell space dropped edges give nothing."""
    space = spaces["darts"]
    search = make_darts(space, order=1, epochs=1, train=16, selection=SELECTION)
    for index in range(search.steps):
        before = [alpha.detach().clone() for alpha in search.alphas.leaves()]
        undecided = search.decisions.undecided
        row = search.step(index)
        moved = not all(torch.equal(a, b) for a, b in zip(before, search.alphas.leaves(), strict=True))
        assert moved == ((undecided and row is None) or index < search.batches.per_epoch)
    architecture = search.architecture()
    views = torch.randn(4, 1, 8, 8)
    search._mix()
    found = search.network.eval()(views)
    search.edges.weights = {}
    set_mixer(search.network, SinglePath(space.path(architecture)))
    torch.testing.assert_close(found, search.network(views))
    strengths = search.strengths()
    assert strengths.keys() == space.choices.keys()
    assert all(float(p.sum()) == pytest.approx(1) for p in strengths.values())
    for choice, options in space.choices.items():
        assert options[int(strengths[choice].argmax())] == architecture[choice]


@pytest.mark.parametrize("order", [1, 2])
def test_choices_that_decisions_for_none_cut_off_have_no_gradient(spaces, make_darts, order):
    search = make_darts(spaces["nasbench201"], order=order, epochs=1, train=16, selection=SELECTION)
    search.decisions.decided = {"3-0": 0, "3-1": 0, "3-2": 0}  # `none` on every edge into the output
    before = [alpha.detach().clone() for alpha in search.alphas.leaves()]
    search._train(0, 0.01, architecture=True)
    moved = [(new - old).abs().max().item() for new, old in zip(search.alphas.leaves(), before, strict=True)]
    assert max(moved) < 1e-3  # the penalty's step alone


def test_a_dropped_edge_gives_nothing_though_most_of_its_channels_pass_the_options_by(make_darts):
    options = {"channels": 2, "search_channels": 4, "cells": 3, "search_cells": 3, "nodes": 2}
    space = make("darts", Task(1, 8, 3), options | {"search_partial_channels": 4})
    search = make_darts(space, order=1, epochs=1, train=32, selection=SELECTION)
    edge = search.network.cells[0].edges["3-0"]
    assert edge.choice == "normal/3-0"
    search.decisions.removed.add("normal/3-0")
    search._mix()
    assert edge(torch.randn(2, 4, 8, 8)).abs().max() == 0


def test_weights_train_on_between_the_rounds_at_a_tenth_of_the_rate_and_without_momentum(toy_space, make_darts):
    search = make_darts(toy_space, order=1, epochs=1, train=48, lr_min=0.001, selection=SELECTION | {"tune_epochs": 2})
    per_epoch = search.batches.per_epoch
    tune = 2 * per_epoch
    assert search.tune_steps == tune
    assert search.steps == per_epoch + 2 + tune  # two choices, and nothing to tune after the last
    rates, moved = [], []
    for index in range(search.steps):
        before = [weight.detach().clone() for weight in search.weights]
        alphas = {choice: alpha.detach().clone() for choice, alpha in search.alphas.values.items()}
        row = search.step(index)
        moved.append(not all(torch.equal(a, b) for a, b in zip(before, search.weights, strict=True)))
        if per_epoch < index < search.steps - 1:
            rates.append(search.optimizer.param_groups[0]["lr"])
            assert any(not torch.equal(alphas[c], alpha) for c, alpha in search.alphas.values.items())
        if index == per_epoch + 1:
            gradients = [weight.grad + 3e-4 * old for weight, old in zip(search.weights, before, strict=True)]
            buffers = [search.optimizer.state[weight]["momentum_buffer"] for weight in search.weights]
            assert all(torch.allclose(a, b) for a, b in zip(gradients, buffers, strict=True))
    assert moved == [True] * per_epoch + [False] + [True] * tune + [False]
    assert rates[0] == pytest.approx(0.0025)
    assert all(a > b > 0.001 for a, b in itertools.pairwise(rates))
    assert row["decision"] == 2
    assert row["train_loss"] > 0


def test_without_training_the_architecture_parameters_stay_uniform(toy_space, make_darts):
    search = make_darts(toy_space, order=2, epochs=2, train_architecture=False, selection=SELECTION)
    row = [search.step(index) for index in range(2 * search.batches.per_epoch)][-1]
    assert all(p.tolist() == [0.25] * 4 for p in search.strengths().values())
    assert "architecture_loss" not in row
    for index in range(2 * search.batches.per_epoch, search.steps):
        search.step(index)
    assert all(alpha.abs().max() == 0 for alpha in search.alphas.values.values())
    assert search.report()["selection"] == "perturbation"
