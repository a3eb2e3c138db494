"""Edge normalisation of PC-DARTS (Xu et al. 2020, equation 3)."""

import pytest
import torch

from dfnas.search.edges import EdgeWeights
from dfnas.spaces.slot import SinglePath, set_mixer, slots


def test_the_output_of_a_slot_is_multiplied_by_the_weight_of_its_choice(spaces):
    network = spaces["nasbench201"].supernet().eval()
    set_mixer(network, SinglePath(dict.fromkeys(spaces["nasbench201"].choices, 1)))
    edges, x = EdgeWeights(slots(network)), torch.randn(2, 2, 4, 4)
    slot = next(slot for slot in slots(network) if slot.choice == "2-1")
    assert torch.equal(slot(x), x)
    edges.weights = {"2-1": 0.25, "1-0": 3.0}
    assert torch.equal(slot(x), 0.25 * x)


@pytest.mark.parametrize(("name", "nodes"), [("darts", 4), ("nasbench201", 3)])
def test_beta_is_softmaxed_over_the_edges_into_a_node_and_learns_with_alpha(spaces, make_darts, name, nodes):
    search = make_darts(spaces[name], order=1, edge_normalisation=True, arch_lr=0.1)
    assert len(search.alphas.edges) == nodes
    with torch.no_grad():
        for beta in search.alphas.edges.values():
            beta.copy_(torch.arange(len(beta)).add(1.0).log())
    weights = search.alphas.edge_weights()
    for node in spaces[name].topology().values():
        total = sum(range(1, len(node.edges) + 1))
        found = [weights[edge].item() for edge in node.edges]
        assert found == pytest.approx([(i + 1) / total for i in range(len(node.edges))])
    before = {node: beta.detach().clone() for node, beta in search.alphas.edges.items()}
    search.step(0)
    several = [node for node, beta in before.items() if len(beta) > 1]  # a single edge has weight 1 whatever β
    assert all(not torch.equal(before[node], search.alphas.edges[node]) for node in several)


@pytest.mark.parametrize("name", ["darts", "nasbench201"])
def test_the_gradient_of_beta_is_that_by_finite_differences(spaces, make_darts, in_double, double_batch, name):
    search = make_darts(spaces[name], order=1, edge_normalisation=True)
    in_double(search)
    search.alphas.edges = {n: b.detach().double().requires_grad_() for n, b in search.alphas.edges.items()}
    held_out = double_batch(search.alpha_batches[0])
    found, _ = search._first_order(held_out)
    betas = list(search.alphas.edges.values())
    biggest = 0.0
    with torch.no_grad():
        for beta, gradient in zip(betas, found[-len(betas) :], strict=True):
            for i in range(len(beta)):
                at = []
                for move in (1e-5, -1e-5):
                    beta[i] += move
                    at.append(search._loss(held_out).item())
                    beta[i] -= move
                assert gradient[i].item() == pytest.approx((at[0] - at[1]) / 2e-5, rel=1e-3, abs=1e-7)
            biggest = max(biggest, gradient.abs().max().item())
    assert biggest > 1e-4


def test_edges_are_chosen_by_the_product_of_both_weights(spaces, make_darts):
    """The strongest option of the first edge loses to weaker options on heavier edges."""
    space = spaces["darts"]
    search = make_darts(space, edge_normalisation=True)
    with torch.no_grad():
        for alpha in search.alphas.values.values():
            alpha.zero_()
        search.alphas.values["normal/3-0"][4] = 1.0
        search.alphas.edges["normal/3"].copy_(torch.tensor([-3.0, 0.0, 0.0]))
    architecture = search.architecture()
    assert architecture["normal/3-0"] == "none"
    search.alphas.nodes = {}
    assert search.architecture()["normal/3-0"] == "sep_conv_3x3"
