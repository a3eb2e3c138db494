"""What holds in every search space, on sizes that take milliseconds."""

import json
import random
from collections import Counter
from dataclasses import asdict
from functools import cache

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from dfnas.measure.complexity import count_macs, count_parameters
from dfnas.runtime.errors import InputError
from dfnas.spaces.names import is_written
from dfnas.spaces.registry import make
from dfnas.spaces.slot import SinglePath, set_mixer, slots
from dfnas.spaces.space import Task

TASK = Task(channels=1, size=16, classes=10)
ODD_TASK = Task(channels=2, size=13, classes=3)
WIDE_TASK = Task(channels=1, size=(12, 20), classes=5)
TALL_TASK = Task(channels=3, size=(32, 24), classes=4)
DARTS = {"channels": 4, "search_channels": 4, "cells": 4, "search_cells": 3, "nodes": 3}
MBCONV = {
    "stem_width": 4,
    "stem_stride": 1,
    "first_width": 4,
    "widths": [4, 8],
    "depths": [2, 1],
    "strides": [1, 2],
    "last_width": 16,
}
SHUFFLENET = {"stem_width": 4, "stem_stride": 1, "widths": [8, 16], "depths": [2, 1], "strides": [1, 2]}
SPACES = {
    "darts": make("darts", TASK, DARTS),
    "darts imagenet stem": make("darts", TASK, DARTS | {"stem": "imagenet", "nodes": 2}),
    "darts two cells": make("darts", TASK, DARTS | {"cells": 2, "search_cells": 2, "nodes": 2}),
    "darts odd": make("darts", ODD_TASK, DARTS),
    "darts partial": make("darts", TASK, DARTS | {"search_channels": 8, "search_partial_channels": 4}),
    "darts partial odd": make("darts", ODD_TASK, DARTS | {"search_partial_channels": 2}),
    "darts wide": make("darts", WIDE_TASK, DARTS),
    "darts imagenet stem tall": make("darts", TALL_TASK, DARTS | {"stem": "imagenet", "nodes": 2}),
    "mbconv wide": make("mbconv", WIDE_TASK, MBCONV),
    "mbconv tall": make("mbconv", TALL_TASK, MBCONV | {"stem_stride": 2}),
    "shufflenet wide": make("shufflenet", WIDE_TASK, SHUFFLENET | {"last_width": 16}),
    "shufflenet tall": make("shufflenet", TALL_TASK, SHUFFLENET | {"last_width": 16}),
    "nasbench201 wide": make("nasbench201", WIDE_TASK, {"channels": 4, "cells_per_stage": 1}),
    "nasbench201 tall": make("nasbench201", TALL_TASK, {"channels": 4, "cells_per_stage": 1}),
    "mbconv": make("mbconv", TASK, MBCONV),
    "mbconv odd": make("mbconv", ODD_TASK, MBCONV | {"kernels": [3], "dropout": 0.5}),
    "shufflenet": make("shufflenet", TASK, SHUFFLENET | {"last_width": 16}),
    "shufflenet odd": make("shufflenet", ODD_TASK, SHUFFLENET | {"last_width": 16}),
    "nasbench201": make("nasbench201", TASK, {"channels": 4, "cells_per_stage": 1}),
    "nasbench201 partial": make("nasbench201", TASK, {"channels": 8, "search_partial_channels": 4}),
    "nasbench201 odd": make("nasbench201", ODD_TASK, {"channels": 3, "cells_per_stage": 2, "search_affine": True}),
}


@cache
def supernet_of(name: str) -> torch.nn.Module:
    return SPACES[name].supernet()


every_space = pytest.mark.parametrize("name", SPACES)
seeds = st.integers(0, 2**32 - 1)
few = settings(max_examples=5, deadline=None)


def images(space, batch=2):
    return torch.randn(batch, space.task.channels, *space.task.size)


@every_space
@few
@given(seed=seeds)
def test_sampled_mutated_and_crossed_architectures_are_of_the_space(name, seed):
    space, rng = SPACES[name], random.Random(seed)
    one, other = space.sample(rng), space.sample(rng)
    for architecture in (one, space.mutate(one, 0.5, rng), space.mutate(one, 1.0, rng), space.cross(one, other, rng)):
        space.check(architecture)
    assert space.mutate(one, 0.0, rng) == one
    assert space.cross(one, one, rng) == one


@every_space
@few
@given(seed=seeds)
def test_fair_samples_have_every_option_equally_often(name, seed):
    """Of a node that keeps two edges every operation is at most once on each edge."""
    space = SPACES[name]
    drawn = space.fair_sample(random.Random(seed))
    assert len(drawn) == (7 if "darts" in name else max(map(len, space.choices.values())))
    for architecture in drawn:
        space.check(architecture)
    for choice, options in space.choices.items():
        counts = Counter(architecture[choice] for architecture in drawn)
        if "darts" in name:
            assert max([0, *(count for option, count in counts.items() if option != "none")]) <= 1
        else:
            assert {counts[option] for option in options} <= {
                len(drawn) // len(options),
                -(-len(drawn) // len(options)),
            }


@every_space
@few
@given(seed=seeds)
def test_a_neighbour_is_another_architecture_of_the_space_one_mutation_away(name, seed):
    space, rng = SPACES[name], random.Random(seed)
    one = space.sample(rng)
    other = space.neighbour(one, rng)
    space.check(other)
    changed = [choice for choice in space.choices if one[choice] != other[choice]]
    if len(changed) == 2:  # an edge of a cell that comes from another state, with its operation
        before, after = (sorted(a[choice] for choice in changed) for a in (one, other))
        assert "none" in before
        assert before == after
        assert len({choice.partition("-")[0] for choice in changed}) == 1
    else:
        assert len(changed) == 1
        assert "darts" not in name or "none" not in (one[changed[0]], other[changed[0]])


@pytest.mark.parametrize("name", ["darts", "darts two cells", "nasbench201", "mbconv", "shufflenet"])
def test_every_neighbour_is_reached(name):
    """Six other operations on each of two edges into a node, or either of the two moved to a free state."""
    space, rng = SPACES[name], random.Random(0)
    one = space.sample(rng)
    found = {tuple(space.neighbour(one, rng).items()) for _ in range(4000)}
    if "darts" in name:
        assert len(found) == sum(2 * 6 + 2 * (len(edges) - 2) for _, edges in space.nodes_with_edges())
    else:
        assert len(found) == sum(len(options) - 1 for options in space.choices.values())


@every_space
def test_sampling_repeats_with_its_seed_and_varies_without(name):
    space = SPACES[name]
    draws = [space.sample(random.Random(seed)) for seed in range(20)]
    assert draws == [space.sample(random.Random(seed)) for seed in range(20)]
    assert any(draw != draws[0] for draw in draws[1:])


@every_space
@few
@given(seed=seeds)
def test_macs_table_is_exact(name, seed):
    space = SPACES[name]
    architecture = space.sample(random.Random(seed))
    with torch.device("meta"):
        network = space.network(architecture)
    assert space.macs(architecture) == count_macs(network, space.task.channels, *space.task.size)


@every_space
def test_kinds_divide_the_choices_and_nodes_the_edges_of_cells(name):
    space = SPACES[name]
    kinds = [choice for choices in space.kinds().values() for choice in choices]
    assert sorted(kinds) == sorted(space.choices)
    edges = [edge for node in space.topology().values() for edge in node.edges]
    assert len(set(edges)) == len(edges)
    assert set(edges) == (set(space.choices) if name.startswith(("darts", "nasbench201")) else set())
    for choice, options in space.choices.items():
        assert set(space.skips(choice)) < set(options)


@every_space
@few
@given(seed=seeds)
def test_sampled_architectures_keep_as_many_edges_as_each_node_says(name, seed):
    space = SPACES[name]
    architecture = space.sample(random.Random(seed))
    for node in space.topology().values():
        if node.kept is not None:
            assert sum(architecture[edge] != "none" for edge in node.edges) == node.kept


@every_space
@few
@given(seed=seeds)
def test_parameters_table_is_exact(name, seed):
    space = SPACES[name]
    architecture = space.sample(random.Random(seed))
    with torch.device("meta"):
        network = space.network(architecture)
    assert space.parameters_table().of(architecture) == count_parameters(network)


@every_space
def test_costs_have_every_option_of_every_choice(name):
    space = SPACES[name]
    for table in (space.macs_table(), space.parameters_table()):
        assert table.fixed > 0
        assert {choice: len(costs) for choice, costs in table.options.items()} == {
            choice: len(options) for choice, options in space.choices.items()
        }


@every_space
def test_slots_offer_the_options_of_their_choices(name):
    for slot in slots(supernet_of(name)):
        assert slot.names == tuple(SPACES[name].choices[slot.choice])


@every_space
@few
@given(seed=seeds)
def test_one_path_gives_finite_logits_and_gradients_in_the_path_only(name, seed):
    space, supernet, rng = SPACES[name], supernet_of(name), random.Random(seed)
    path = {choice: rng.randrange(len(options)) for choice, options in space.choices.items()}
    set_mixer(supernet, SinglePath(path))
    supernet.train().zero_grad()
    logits = supernet(images(space))
    assert logits.shape == (2, space.task.classes)
    assert logits.isfinite().all()
    logits.square().sum().backward()
    for slot in slots(supernet):
        for i, option in enumerate(slot.options):
            if i != path[slot.choice]:
                assert all(parameter.grad is None for parameter in option.parameters())
    assert any(parameter.grad is not None for parameter in supernet.parameters())


@every_space
def test_options_can_be_summed_and_give_every_weight_a_gradient(name):
    space, supernet = SPACES[name], supernet_of(name)
    set_mixer(supernet, lambda slot, x: sum(option(x) for option in slot.options) / len(slot.options))
    supernet.train().zero_grad()
    x = images(space).requires_grad_()
    supernet(x).square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in supernet.parameters())
    assert x.grad.abs().sum() > 0


@every_space
def test_the_final_network_classifies_without_slots(name):
    space = SPACES[name]
    network = space.network(space.sample(random.Random(1)))
    assert not list(slots(network))
    for mode in (True, False):
        logits = network.train(mode)(images(space))
        assert logits.shape == (2, space.task.classes)
        assert logits.isfinite().all()


@every_space
def test_weights_come_from_the_global_generator(name):
    space = SPACES[name]
    architecture = space.sample(random.Random(2))
    states = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        states.append(
            [p.detach() for p in space.network(architecture).parameters()] + list(space.supernet().parameters())
        )
    assert all(torch.equal(a, b) for a, b in zip(states[0], states[1], strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(states[0], states[2], strict=True))


@every_space
def test_the_strongest_options_of_an_architecture_are_that_architecture(name):
    space = SPACES[name]
    architecture = space.sample(random.Random(3))
    strengths = {
        c: torch.tensor([float(o == architecture[c]) for o in options]) for c, options in space.choices.items()
    }
    assert space.discretise(strengths) == architecture


@every_space
def test_an_architecture_is_read_as_it_is_written(name):
    space = SPACES[name]
    for seed in range(5):
        architecture = space.sample(random.Random(seed))
        text = space.to_string(architecture)
        assert space.from_string(text) == architecture
        assert is_written(name.split()[0], text)
        assert space.learns_nothing(architecture) in ((True, False) if name.startswith("nasbench201") else (None,))
    with pytest.raises(InputError):
        space.from_string("no architecture")


@every_space
def test_an_architecture_of_another_space_is_an_input_error(name):
    space = SPACES[name]
    architecture = space.sample(random.Random(4))
    choice = next(iter(architecture))
    with pytest.raises(InputError, match="unknown option 'gru'"):
        space.network(architecture | {choice: "gru"})
    with pytest.raises(InputError, match="unknown choice 'head'"):
        space.network(architecture | {"head": "linear"})
    del architecture[choice]
    with pytest.raises(InputError, match=f"does not say what '{choice}' is"):
        space.network(architecture)


@every_space
def test_an_architecture_file_may_give_the_side_of_a_square(name):
    space = SPACES[name]
    assert space.task == Task(**json.loads(json.dumps(asdict(space.task))))
    if space.task.size[0] == space.task.size[1]:
        assert space.task == Task(space.task.channels, space.task.size[0], space.task.classes)


@pytest.mark.parametrize("size", [0, "wide", [8], [8, 8, 8], None])
def test_a_task_needs_a_size(size):
    with pytest.raises(InputError, match="expected one side or"):
        Task(3, size, 10)
