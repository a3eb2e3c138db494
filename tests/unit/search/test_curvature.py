"""The dominant eigenvalue against dense matrices: closed forms, and Hessians by automatic differentiation."""

import copy
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dfnas.search.curvature import dominant_eigenvalue, hessian_vector_product, lanczos
from dfnas.search.recalibration import statistics_kept
from dfnas.training.losses import soft_cross_entropy


def symmetric(eigenvalues, seed):
    """A matrix with given eigenvalues and random eigenvectors."""
    basis, _ = torch.linalg.qr(torch.randn(len(eigenvalues), len(eigenvalues), generator=gen(seed)).double())
    return basis @ torch.diag(torch.tensor(eigenvalues, dtype=torch.float64)) @ basis.T


def gen(seed):
    return torch.Generator().manual_seed(seed)


def start(size, seed=0):
    return torch.randn(size, generator=gen(seed), dtype=torch.float64)


@given(eigenvalues=st.lists(st.floats(-10, 10), min_size=1, max_size=12), seed=st.integers(0, 1000))
def test_after_as_many_products_as_rows_the_largest_eigenvalue_is_found(eigenvalues, seed):
    matrix = symmetric(eigenvalues, seed)
    found = lanczos(lambda v: matrix @ v, start(len(eigenvalues), seed), 12)
    assert found == pytest.approx(max(eigenvalues), abs=2e-3 * max(map(abs, eigenvalues)) + 1e-9)


@pytest.mark.parametrize("size", [5, 30])
def test_second_difference_matrix_has_the_eigenvalue_of_its_closed_form(size):
    matrix = 2 * torch.eye(size) - torch.diag(torch.ones(size - 1), 1) - torch.diag(torch.ones(size - 1), -1)
    found = lanczos(lambda v: matrix.double() @ v, start(size), size)
    assert found == pytest.approx(2 + 2 * math.cos(math.pi / (size + 1)), rel=1e-3)


def test_the_largest_is_not_the_largest_in_magnitude():
    matrix = symmetric([-9.0, *[0.1 * i for i in range(20)], 3.0], 1)
    assert lanczos(lambda v: matrix @ v, start(22), 22) == pytest.approx(3, rel=1e-3)


def test_an_eigenvalue_that_stands_out_takes_few_products():
    matrix, products = symmetric([0.01 * i for i in range(200)] + [50.0], 2), []

    def product(vector):
        products.append(vector)
        return matrix @ vector

    assert lanczos(product, start(201), 100) == pytest.approx(50, rel=1e-3)
    assert len(products) < 10


@pytest.fixture
def search(toy_space, make_darts, in_double):
    search = make_darts(toy_space, order=1, weight_decay=0.1)
    for index in range(3):
        search.step(index)
    return in_double(search)


def dense_hessian(search, batch):
    """∇²α of the validation loss, (n, n), by double backward."""
    leaves = search.alphas.leaves()
    sizes = [leaf.numel() for leaf in leaves]

    def loss(flat):
        search.mixture.weights = {
            choice: part.softmax(0) for choice, part in zip(search.alphas.values, flat.split(sizes), strict=True)
        }
        return soft_cross_entropy(search.network(batch[0]), batch[1])

    return torch.autograd.functional.hessian(loss, torch.cat([leaf.detach() for leaf in leaves]))


def test_products_are_those_of_the_dense_hessian_and_leave_alpha_as_it_was(search, double_batch):
    batch = double_batch(search.alpha_batches[0])
    exact, leaves = dense_hessian(search, batch), search.alphas.leaves()
    before = copy.deepcopy([leaf.detach() for leaf in leaves])
    vector = torch.nn.functional.normalize(start(len(exact)), dim=0)
    found = hessian_vector_product(lambda: search._first_order(batch)[0], leaves, vector)
    torch.testing.assert_close(found, exact @ vector, rtol=1e-3, atol=1e-3 * exact.abs().max().item())
    assert all(torch.equal(a, b) for a, b in zip(before, leaves, strict=True))


def test_dominant_eigenvalue_of_a_search_is_that_of_the_dense_hessian(search, double_batch):
    batch = double_batch(search.alpha_batches[0])
    exact = torch.linalg.eigvalsh(dense_hessian(search, batch))[-1].item()
    found = dominant_eigenvalue(lambda: search._first_order(batch)[0], search.alphas.leaves(), start(8), 8)
    assert exact > 1e-3
    assert found == pytest.approx(exact, rel=1e-2)


def test_a_search_measures_it_in_float32_and_without_a_trace(spaces, make_darts):
    """In the running statistics, the weights or α; on a space with BatchNorm and dropout."""
    search = make_darts(spaces["shufflenet"], order=1, stop={"by": "eigenvalue", "ratio": 0.0, "iterations": 30})
    search.step(0)
    before = {name: value.clone() for name, value in search.network.state_dict().items() if "tracked" not in name}
    alphas = copy.deepcopy(search.strengths())
    found = search._eigenvalue(0)
    assert found == search._eigenvalue(0)
    after = search.network.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert all(torch.equal(value, alphas[choice]) for choice, value in search.strengths().items())

    search.alpha_batches = [tuple(values.double() for values in search.alpha_batches[0])]
    search.network.double()
    search.alphas.values = {c: a.detach().double().requires_grad_() for c, a in search.alphas.values.items()}
    assert found == pytest.approx(search._eigenvalue(0), rel=0.02, abs=1e-4)


def test_statistics_are_kept_within_and_only_within(spaces):
    network = torch.nn.Sequential(torch.nn.BatchNorm2d(2))
    with statistics_kept(network):
        network(torch.full((2, 2, 3, 3), 7.0))
    assert network[0].running_mean.tolist() == [0, 0]
    network(torch.full((2, 2, 3, 3), 7.0))
    assert network[0].running_mean.tolist() == pytest.approx([0.7, 0.7])
