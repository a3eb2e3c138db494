"""DARTS against exact derivatives: automatic differentiation through the unrolled step, in float64."""

import copy

import pytest
import torch
from torch.func import functional_call

from dfnas.search import unrolling
from dfnas.search.mixture import SoftmaxMixture
from dfnas.spaces.slot import Slot
from dfnas.training.losses import soft_cross_entropy

LR = 0.3


@pytest.fixture(params=["no momentum yet", "momentum"])
def search(request, toy_space, make_darts, in_double):
    """Its weight decay is large enough to be seen where it is forgotten."""
    search = make_darts(toy_space, order=2, weight_decay=0.1)
    for index in range(2 if request.param == "momentum" else 0):
        search.step(index)
    return in_double(search)


@pytest.fixture
def batches(search, double_batch):
    return double_batch(search.batches[0]), double_batch(search.alpha_batches[0])


def loss_at(search, weights, batch) -> torch.Tensor:
    """The loss with given weights, differentiable in them and in α."""
    search.mixture.weights = search.alphas.probabilities()
    names = [name for name, _ in search.network.named_parameters()]
    views, targets = batch
    return soft_cross_entropy(functional_call(search.network, dict(zip(names, weights, strict=True)), views), targets)


def step_ahead(search, weights, batch, create_graph=False) -> list[torch.Tensor]:
    gradients = torch.autograd.grad(loss_at(search, weights, batch), weights, create_graph=create_graph)
    buffers = [search.optimizer.state.get(p, {}).get("momentum_buffer", torch.zeros_like(p)) for p in search.weights]
    return [w - LR * (g + 0.1 * w + 0.9 * b) for w, g, b in zip(weights, gradients, buffers, strict=True)]


def largest_error(found, expected) -> float:
    """Relative to the largest entry."""
    found, expected = torch.cat(list(found)), torch.cat(list(expected))
    return ((found - expected).abs().max() / expected.abs().max()).item()


def test_first_order_is_the_gradient_by_finite_differences(search, batches):
    _, held_out = batches
    found, loss = search._first_order(held_out)
    with torch.no_grad():
        for alpha, gradient in zip(search.alphas.leaves(), found, strict=True):
            for i in range(len(alpha)):
                at = []
                for move in (1e-5, -1e-5):
                    alpha[i] += move
                    at.append(search._loss(held_out).item())
                    alpha[i] -= move
                assert gradient[i].item() == pytest.approx((at[0] - at[1]) / 2e-5, abs=1e-8)
        assert loss.item() == pytest.approx(search._loss(held_out).item())


def test_an_architecture_gradient_leaves_the_weights_trainable_and_without_gradients(search, batches):
    search._first_order(batches[1])
    assert all(weight.requires_grad for weight in search.weights)
    search.network.zero_grad(set_to_none=True)
    search._first_order(batches[1])
    assert all(weight.grad is None for weight in search.weights)


def test_the_unrolled_weights_are_what_the_optimiser_would_make_of_them(search, batches):
    train, _ = batches
    search.settings = search.settings.model_copy(update={"clip_norm": 1e9})
    gradients = torch.autograd.grad(search._loss(train), search.weights)
    found = unrolling.unrolled(search.optimizer, search.weights, gradients, LR)
    for weight, gradient in zip(search.weights, gradients, strict=True):
        weight.grad = gradient
    for group in search.optimizer.param_groups:
        group["lr"] = LR
    search.optimizer.step()
    for mine, theirs in zip(found, search.weights, strict=True):
        torch.testing.assert_close(mine, theirs.detach())


@pytest.mark.parametrize(("difference", "tolerance"), [(unrolling.FINITE_DIFFERENCE, 2e-3), (1e-5, 1e-8)])
def test_second_order_is_the_exact_gradient_through_the_unrolled_step(
    search, batches, monkeypatch, difference, tolerance
):
    train, held_out = batches
    weights = [w.detach().clone().requires_grad_() for w in search.weights]
    ahead = step_ahead(search, weights, train, create_graph=True)
    loss = loss_at(search, ahead, held_out)
    exact = torch.autograd.grad(loss, search.alphas.leaves())
    first_order = torch.autograd.grad(loss_at(search, weights, held_out), search.alphas.leaves())

    monkeypatch.setattr(unrolling, "FINITE_DIFFERENCE", difference)
    found, found_loss = search._second_order(train, held_out, LR)
    assert largest_error(found, exact) < tolerance
    assert largest_error(first_order, exact) > 20 * tolerance  # so that the second order is seen to be there
    assert found_loss.item() == pytest.approx(loss.item())


@pytest.mark.parametrize(("difference", "tolerance"), [(unrolling.FINITE_DIFFERENCE, 5e-2), (1e-5, 1e-6)])
def test_its_difference_quotient_is_the_exact_mixed_second_derivative(
    search, batches, monkeypatch, difference, tolerance
):
    """∇²αw L_train · v with v the gradient at the unrolled weights: what remains of the second order once the
    direct gradient is taken away."""
    train, held_out = batches
    weights = [w.detach().clone().requires_grad_() for w in search.weights]
    ahead = [w.detach().requires_grad_() for w in step_ahead(search, weights, train)]
    alphas = search.alphas.leaves()
    gradients = torch.autograd.grad(loss_at(search, ahead, held_out), [*alphas, *ahead])
    direct, direction = gradients[: len(alphas)], gradients[len(alphas) :]
    by_weights = torch.autograd.grad(loss_at(search, weights, train), weights, create_graph=True)
    along = sum((g * v).sum() for g, v in zip(by_weights, direction, strict=True))
    exact = torch.autograd.grad(along, alphas)

    monkeypatch.setattr(unrolling, "FINITE_DIFFERENCE", difference)
    found, _ = search._second_order(train, held_out, LR)
    assert largest_error([(d - f) / LR for d, f in zip(direct, found, strict=True)], exact) < tolerance


def test_both_sides_of_its_difference_draw_the_same_numbers(search, batches, monkeypatch):
    """As dropout does: a difference between two masks is no derivative."""
    draws, first_order = [], search._first_order

    def drawing(batch):
        draws.append(torch.rand(()).item())
        return first_order(batch)

    monkeypatch.setattr(search, "_first_order", drawing)
    search._second_order(*batches, LR, 3)
    assert len(draws) == 2
    assert draws[0] == draws[1]


def test_second_order_leaves_the_weights_exactly_as_they_were(search, batches):
    before = copy.deepcopy([w.detach() for w in search.weights])
    search._second_order(*batches, LR)
    assert all(torch.equal(a, b) for a, b in zip(before, search.weights, strict=True))


def test_a_step_moves_alpha_by_adam_and_then_the_weights_at_the_new_alpha(toy_space, make_darts):
    settings = {"order": 1, "arch_lr": 0.1, "arch_weight_decay": 0.01, "weight_decay": 0.1, "clip_norm": 0.05}
    search, twin = (make_darts(toy_space, **settings) for _ in range(2))
    train, held_out = twin.batches[0], twin.alpha_batches[0]
    for alpha, gradient in zip(twin.alphas.leaves(), twin._first_order(held_out)[0], strict=True):
        gradient = gradient + 0.01 * alpha.detach()
        with torch.no_grad():
            alpha -= 0.1 * gradient / (gradient.abs() + 1e-8)  # Adam's first step
    gradients = torch.autograd.grad(twin._loss(train), twin.weights)
    scale = 0.05 / torch.cat([g.flatten() for g in gradients]).norm()
    assert scale < 1
    expected = [w - 0.025 * (scale * g + 0.1 * w) for w, g in zip(twin.weights, gradients, strict=True)]
    search.step(0)
    for mine, theirs in zip(search.alphas.leaves(), twin.alphas.leaves(), strict=True):
        torch.testing.assert_close(mine, theirs)
    for mine, theirs in zip(search.weights, expected, strict=True):
        torch.testing.assert_close(mine.detach(), theirs.detach())


def test_the_learning_rate_falls_by_a_cosine_epoch_by_epoch(toy_space, make_darts):
    search, rates = make_darts(toy_space, order=1, epochs=4, lr=0.025, lr_min=0.001), []
    for index in range(search.steps):
        search.step(index)
        rates.append(search.optimizer.param_groups[0]["lr"])
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.025)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 4, eta_min=0.001)
    expected = []
    for _ in range(4):
        expected += [scheduler.get_last_lr()[0]] * search.batches.per_epoch
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx(expected)
    assert rates[0] == 0.025


def test_weights_and_alphas_learn_from_different_halves_of_the_training_images(toy_space, make_darts):
    search = make_darts(toy_space, train=47)
    halves = [{image.numpy().tobytes() for image in b.data.images} for b in (search.batches, search.alpha_batches)]
    assert not halves[0] & halves[1]
    assert halves[0] | halves[1] == {image.numpy().tobytes() for image in search.context.train.images}
    assert sorted(map(len, halves)) == [23, 24]


def test_where_alphas_are_at_rest_the_weights_learn_from_every_training_image(toy_space, make_darts):
    """Nothing would depend on a half that α is to learn from. An epoch stays as long as beside an α that learns."""
    selection = {"by": "perturbation", "tune_epochs": 1}
    search, learning = (
        make_darts(toy_space, train=48, order=1, epochs=2, train_architecture=learns, selection=selection)
        for learns in (False, True)
    )
    assert search.batches.per_epoch == learning.batches.per_epoch == search.tune_steps == 3
    assert search.steps == learning.steps == 2 * 3 + 2 + 3  # two decisions, and tuning between them
    seen = [row for step in range(2 * 3) for row in search.batches._chosen(step).tolist()]
    assert sorted(seen) == list(range(48))
    rows = [row for index in range(search.steps) if (row := search.step(index))]
    assert [row["trained_images"] for row in rows] == [24, 48, 48, 72]


@pytest.mark.parametrize("train", [47, 48])
@pytest.mark.parametrize("images", [0, 32])
def test_an_epoch_is_as_long_whether_alphas_learn_or_rest(toy_space, make_darts, train, images):
    selection = {"by": "perturbation", "tune_epochs": 0.5}
    changes = {"train": train, "images_per_epoch": images, "order": 1, "selection": selection}
    rests, learns = (make_darts(toy_space, train_architecture=learns, **changes) for learns in (False, True))
    assert (rests.batches.per_epoch, rests.steps) == (learns.batches.per_epoch, learns.steps)


def test_the_mixture_weighs_every_option():
    slot = Slot("x", {"twice": torch.nn.Identity(), "zero": torch.nn.Identity()})
    slot.options[0].forward = lambda x: 2 * x
    slot.options[1].forward = lambda x: 0 * x
    mixture = SoftmaxMixture()
    mixture.weights = {"x": torch.tensor([0.25, 0.75])}
    assert torch.equal(mixture(slot, torch.ones(2)), torch.full((2,), 0.5))
