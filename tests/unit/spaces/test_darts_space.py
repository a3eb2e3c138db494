"""What is particular to the cells of DARTS: two edges a node, the genotype rule, drop path, the auxiliary head."""

import itertools
import math
import random
from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from notations import of_genotype
from torch import nn

from dfnas.measure.complexity import count_parameters
from dfnas.runtime.errors import InputError
from dfnas.spaces.cell_operations import DARTS_OPERATIONS, factorized_reduce
from dfnas.spaces.costs import CostTable
from dfnas.spaces.darts import CellSpace
from dfnas.spaces.darts_cells import drop_paths
from dfnas.spaces.slot import slots
from dfnas.spaces.space import Task

SPACE = CellSpace(Task(1, 16, 10), channels=8, cells=3, nodes=3, search_channels=4, search_cells=3)


def genotype_by_brute_force(space, strengths):
    """Of all architectures that keep two edges a node, the one with the greatest sum of weights (no ties here)."""
    architecture = {}
    for _, edges in space.nodes_with_edges():
        candidates = []
        for a in range(len(edges)):
            for b in range(a + 1, len(edges)):
                chosen = dict.fromkeys(edges, "none")
                total = 0.0
                for edge in (edges[a], edges[b]):
                    weight, chosen[edge] = max(
                        (w, o) for w, o in zip(strengths[edge].tolist(), DARTS_OPERATIONS, strict=True) if o != "none"
                    )
                    total += weight
                candidates.append((total, a, b, chosen))
        architecture |= max(candidates, key=lambda candidate: candidate[:3])[3]
    return architecture


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), favour_none=st.booleans())
def test_discretisation_follows_the_genotype_rule(seed, favour_none):
    generator = torch.Generator().manual_seed(seed)
    logits = {choice: torch.randn(8, generator=generator, dtype=torch.float64) for choice in SPACE.choices}
    if favour_none:  # it takes weight from an edge's other operations, but is never chosen
        for logit in logits.values():
            logit[0] += 3
    strengths = {choice: logit.softmax(0) for choice, logit in logits.items()}
    architecture = SPACE.discretise(strengths)
    SPACE.check(architecture)
    assert architecture == genotype_by_brute_force(SPACE, strengths)


def test_equal_weights_keep_the_first_edges_and_operations():
    architecture = SPACE.discretise({choice: torch.ones(8, requires_grad=True) for choice in SPACE.choices})
    kept = {edge: operation for edge, operation in architecture.items() if operation != "none"}
    assert set(kept.values()) == {"max_pool_3x3"}
    assert list(kept) == [
        f"{kind}/{node}-{state}" for kind in ("normal", "reduce") for node in (2, 3, 4) for state in (0, 1)
    ]


@pytest.mark.parametrize(("extra", "number"), [("sep_conv_3x3", 3), ("none", 1)])
def test_a_node_with_other_than_two_edges_is_an_input_error(extra, number):
    architecture = SPACE.discretise({choice: torch.ones(8) for choice in SPACE.choices})
    edge = "normal/4-3" if number == 3 else "normal/4-1"
    with pytest.raises(InputError, match=rf"node normal/4 .* keeps {number} edges .*exactly two"):
        SPACE.check(architecture | {edge: extra})


def test_sampling_is_uniform():
    space = CellSpace(Task(1, 16, 10), nodes=2)
    draws = Counter()
    rng = random.Random(0)
    for _ in range(6000):
        draw = space.sample(rng)
        draws[tuple(state for state in range(3) if draw[f"normal/3-{state}"] != "none")] += 1
        draws[draw["reduce/2-0"]] += 1
    assert all(abs(draws[pair] - 2000) < 200 for pair in [(0, 1), (0, 2), (1, 2)])
    assert draws["none"] == 0  # node 2 has two inputs, and so keeps both
    assert all(abs(draws[operation] - 6000 / 7) < 150 for operation in DARTS_OPERATIONS[1:])


def test_crossing_takes_whole_nodes():
    rng = random.Random(5)
    one, other = SPACE.sample(rng), SPACE.sample(rng)
    child = SPACE.cross(one, other, rng)
    for _, edges in SPACE.nodes_with_edges():
        assert [child[e] for e in edges] in ([one[e] for e in edges], [other[e] for e in edges])


def test_a_node_with_one_edge_or_an_edge_from_nowhere_is_an_input_error():
    edges = [("skip_connect", 0), ("skip_connect", 1)] * 3
    assert of_genotype(SPACE, {"normal": edges, "reduce": edges})["normal/3-1"] == "skip_connect"
    with pytest.raises(InputError, match="keeps 1 edges"):
        of_genotype(SPACE, {"normal": edges, "reduce": [("skip_connect", 0)] * 6})
    with pytest.raises(InputError, match="unknown choice 'normal/2-2'"):
        of_genotype(SPACE, {"normal": [("skip_connect", 2), *edges[1:]], "reduce": edges})


def test_weights_of_batch_norm_only_in_the_supernets_stem_and_everywhere_in_the_final_network():
    supernet = SPACE.supernet()
    affine = [name for name, m in supernet.named_modules() if isinstance(m, nn.BatchNorm2d) and m.affine]
    assert affine == ["stem0.1"]
    for slot in slots(supernet):
        for name, option in zip(slot.names, slot.options, strict=True):
            if "pool" in name:
                assert isinstance(option[1], nn.BatchNorm2d)
    network = SPACE.network(SPACE.sample(random.Random(0)))
    assert all(m.affine for m in network.modules() if isinstance(m, nn.BatchNorm2d))


def test_factorized_reduction_sees_every_pixel():
    layer = factorized_reduce(1, 2, affine=False).eval()
    for side in (4, 5):
        x = torch.ones(1, 1, side, side, requires_grad=True)
        y = layer(x)
        assert y.shape == (1, 2, -(-side // 2), -(-side // 2))
        y.sum().backward()
        seen = x.grad[0, 0] != 0
        assert seen[::2, ::2].all()
        assert seen[1::2, 1::2].all()


def test_drop_path_keeps_the_mean_and_drops_whole_samples():
    torch.manual_seed(0)
    x = torch.ones(20_000, 2, 1, 1)
    y = drop_paths(x, 0.25)
    assert torch.equal(y[:, 0], y[:, 1])
    torch.testing.assert_close(y.unique(), torch.tensor([0, 1 / 0.75]))
    assert y.mean().item() == pytest.approx(1, abs=0.02)


def test_drop_path_acts_in_training_only_and_spares_identities():
    torch.manual_seed(0)
    x = torch.randn(4, 1, 16, 16)
    convolutions = of_genotype(SPACE, {k: [("sep_conv_3x3", 0), ("sep_conv_3x3", 1)] * 3 for k in ("normal", "reduce")})
    network = SPACE.network(convolutions)
    network.train()
    plain = network(x)
    assert torch.equal(network(x), plain)
    network.drop_path = 0.5
    assert not torch.equal(network(x), plain)
    network.eval()
    assert torch.equal(network(x), network(x))

    network.drop_path = 0.999  # all but surely every edge that can be dropped
    network.train()
    assert torch.equal(network.cells[0](*2 * [network.stem0(x)], 0.999).unique(), torch.zeros(1))
    skips = of_genotype(SPACE, {k: [("skip_connect", 0), ("skip_connect", 1)] * 3 for k in ("normal", "reduce")})
    network = SPACE.network(skips)
    stem = network.stem0(x)
    assert torch.equal(network.cells[0](stem, stem, 0.999), network.cells[0](stem, stem, 0.0))


@pytest.mark.parametrize(("stem", "size"), [("cifar", 32), ("cifar", 16), ("imagenet", 32), ("cifar", (12, 20))])
def test_the_auxiliary_head_speaks_in_training_only(stem, size):
    space = CellSpace(Task(1, size, 7), channels=4, cells=3, nodes=2, auxiliary=True, stem=stem)
    network = space.network(space.sample(random.Random(0)))
    x = torch.randn(3, 1, *space.task.size)
    logits, auxiliary_logits = network.train()(x)
    assert logits.shape == auxiliary_logits.shape == (3, 7)
    (logits.sum() + auxiliary_logits.square().sum()).backward()
    assert all(parameter.grad is not None for parameter in network.auxiliary_head.parameters())
    assert network.eval()(x).shape == (3, 7)
    assert not any(isinstance(module, type(network.auxiliary_head)) for module in space.supernet().modules())


def test_the_weights_of_the_auxiliary_head_are_counted():
    plain, with_head = (CellSpace(SPACE.task, channels=8, cells=3, nodes=3, auxiliary=a) for a in (False, True))
    architecture = plain.sample(random.Random(0))
    head = count_parameters(with_head.network(architecture).auxiliary_head)
    assert with_head.parameters_table().of(architecture) == count_parameters(with_head.network(architecture))
    assert with_head.parameters_table().fixed == plain.parameters_table().fixed + head
    assert with_head.macs(architecture) == plain.macs(architecture)


def expected_by_brute_force(space, table, probabilities):
    """Over all ways to keep two edges of each node; nodes are independent of each other."""
    total = table.fixed
    for _, edges in space.nodes_with_edges():
        mass, cost = 0.0, 0.0
        for options in itertools.product(range(len(DARTS_OPERATIONS)), repeat=len(edges)):
            if sum(option != 0 for option in options) == 2:
                chance = math.prod(probabilities[e][o].item() for e, o in zip(edges, options, strict=True))
                mass += chance
                cost += chance * sum(table.options[e][o] for e, o in zip(edges, options, strict=True))
        total += cost / mass
    return total


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), sharpness=st.sampled_from([0.1, 1.0, 4.0]))
def test_the_expected_cost_is_the_mean_over_architectures_that_keep_two_edges_a_node(seed, sharpness):
    rng = torch.Generator().manual_seed(seed)
    p = {
        c: (sharpness * torch.randn(len(o), generator=rng, dtype=torch.float64)).softmax(0)
        for c, o in SPACE.choices.items()
    }
    costs = {c: tuple(torch.rand(len(o), generator=rng).tolist()) for c, o in SPACE.choices.items()}
    for table in (SPACE.macs_table(), CostTable(SPACE.choices, 0.5, costs)):
        expected = expected_by_brute_force(SPACE, table, p)
        assert SPACE.expected_cost(table, p).item() == pytest.approx(expected, rel=1e-9)


def test_the_expected_cost_of_one_architecture_is_its_cost_and_differentiable():
    architecture = SPACE.sample(random.Random(3))
    chosen = {c: torch.tensor([float(o == architecture[c]) for o in options]) for c, options in SPACE.choices.items()}
    assert SPACE.expected_cost(SPACE.macs_table(), chosen).item() == pytest.approx(SPACE.macs(architecture), rel=1e-6)
    leaf = torch.randn(len(SPACE.choices), len(DARTS_OPERATIONS), dtype=torch.float64, requires_grad=True)
    table = CostTable(SPACE.choices, 1.0, {c: tuple(map(float, range(8))) for c in SPACE.choices})
    assert torch.autograd.gradcheck(
        lambda x: SPACE.expected_cost(table, dict(zip(SPACE.choices, x.softmax(1), strict=True))), (leaf,)
    )
