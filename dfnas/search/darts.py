"""DARTS: Liu, Simonyan and Yang, "Differentiable Architecture Search", ICLR 2019.

Every slot computes the mixture of its options weighted by softmax(α). Steps alternate: α descends the loss on
one half of the training images, the weights w that on the other half. First order takes w as they are; second
order (section 2.3) takes the gradient of L_val(w', α) at w' = w - ξ ∇w L_train(w, α), with the mixed second
derivatives by finite differences (equation 8).
"""

import torch

from dfnas.dataset.batches import Batches
from dfnas.measure.accuracy import error_rate, predict
from dfnas.runtime.resumable import Row
from dfnas.runtime.schedule import learning_rate, set_learning_rate
from dfnas.runtime.seeds import generator, reseed
from dfnas.search.alphas import Alphas
from dfnas.search.context import SearchContext
from dfnas.search.differentiable import DifferentiableSearch, frozen
from dfnas.search.mixture import SoftmaxMixture
from dfnas.settings.search_darts import SearchDartsSettings
from dfnas.spaces.slot import set_mixer
from dfnas.training.losses import check_finite, soft_cross_entropy
from dfnas.training.optimizers import clip_gradients, sgd

FINITE_DIFFERENCE = 0.01  # over the norm of the gradient (Liu et al. 2019, footnote 2)


class DartsSearch(DifferentiableSearch):
    """The search, as `Resumable` steps: one architecture step and one weight step each."""

    def __init__(self, context: SearchContext, settings: SearchDartsSettings):
        self.context, self.settings, seed = context, settings, context.seed
        reseed(seed, "weights")
        self.network = context.space.supernet().to(context.device, memory_format=torch.channels_last).train()
        self.mixture = SoftmaxMixture()
        set_mixer(self.network, self.mixture)
        self.alphas = Alphas(context.space, settings, generator(seed, "alphas"), context.device)
        self.weights = list(self.network.parameters())
        self.optimizer = sgd(self.network, settings.lr, settings.momentum, settings.weight_decay)
        soft, halves = settings.labels == "soft", torch.randperm(len(context.train), generator=generator(seed, "half"))
        self.batches, self.alpha_batches = (
            Batches(context.train.subset(half), settings.batch_size, settings.augmentation, soft, seed, name)
            for name, half in zip(("weights", "alphas"), halves.tensor_split(2), strict=True)
        )
        self.steps = settings.epochs * self.batches.per_epoch
        self.loss_sums = torch.zeros(2, device=context.device)  # of the weights, of α

    def step(self, index: int) -> Row | None:
        settings, per_epoch = self.settings, self.batches.per_epoch
        epoch, last = index // per_epoch, (index + 1) % per_epoch == 0
        reseed(self.context.seed, "step", index)
        lr = learning_rate(epoch, settings.epochs, settings.lr, floor=settings.lr_min)
        set_learning_rate(self.optimizer, lr)
        train, held_out = self.batches[index], self.alpha_batches[index]

        gradients, alpha_loss = (
            self._first_order(held_out) if settings.order == 1 else self._second_order(train, held_out, lr, index)
        )
        self.alphas.step(gradients)

        loss = self._loss(train)
        for weight, gradient in zip(self.weights, torch.autograd.grad(loss, self.weights), strict=True):
            weight.grad = gradient
        clip_gradients(self.weights, settings.clip_norm)
        self.optimizer.step()
        self.loss_sums += torch.stack([loss.detach(), alpha_loss])
        return self._report(epoch) if last else None

    def _loss(self, batch: tuple[torch.Tensor, torch.Tensor]) -> torch.Tensor:
        views, targets = batch
        self.mixture.weights = self.alphas.probabilities()
        return soft_cross_entropy(self.network(views), targets, self.settings.temperature)

    def _first_order(self, held_out) -> tuple[list[torch.Tensor], torch.Tensor]:
        """∇α L_val(w, α) and the loss. Gradients of the weights are neither needed nor computed."""
        with frozen(self.weights):
            loss = self._loss(held_out)
        return list(torch.autograd.grad(loss, self.alphas.leaves(), materialize_grads=True)), loss.detach()

    def _second_order(self, train, held_out, lr: float, index: int = 0) -> tuple[list[torch.Tensor], torch.Tensor]:
        """∇α L_val(w', α) - ξ ∇²αw L_train(w, α) · ∇w' L_val(w', α), with w' one momentum step from w.

        Args:
            index: of the step; decides the random numbers of L_train, which must be the same wherever w moves: a
                difference between two dropout masks is no derivative.
        """
        alphas, weights = self.alphas.leaves(), self.weights
        before = [weight.detach().clone() for weight in weights]
        ahead = self._unrolled(before, torch.autograd.grad(self._loss(train), weights), lr)

        self._set_weights(ahead)
        loss = self._loss(held_out)
        gradients = torch.autograd.grad(loss, [*alphas, *weights], materialize_grads=True)
        direct, direction = gradients[: len(alphas)], gradients[len(alphas) :]

        norm = torch.nn.utils.get_total_norm(direction)
        radius = FINITE_DIFFERENCE / norm.clamp_min(torch.finfo(norm.dtype).tiny)
        moved = torch._foreach_mul(list(direction), radius)
        self._set_weights(torch._foreach_add(before, moved))
        reseed(self.context.seed, "dropout", index)
        plus, _ = self._first_order(train)
        self._set_weights(torch._foreach_sub(before, moved))
        reseed(self.context.seed, "dropout", index)
        minus, _ = self._first_order(train)
        self._set_weights(before)
        implicit = [(p - m) / (2 * radius) for p, m in zip(plus, minus, strict=True)]
        return [d - lr * i for d, i in zip(direct, implicit, strict=True)], loss.detach()

    def _unrolled(self, weights, gradients, lr: float) -> list[torch.Tensor]:
        """w' = w - ξ (μ · buffer + ∇w L_train + decay · w): what the optimiser's next step would make of w."""
        settings = self.settings
        step = torch._foreach_add(list(gradients), weights, alpha=settings.weight_decay)
        buffers = [self.optimizer.state.get(weight, {}).get("momentum_buffer") for weight in self.weights]
        if all(buffer is not None for buffer in buffers):
            torch._foreach_add_(step, buffers, alpha=settings.momentum)
        return torch._foreach_sub(weights, torch._foreach_mul(step, lr))

    @torch.no_grad()
    def _set_weights(self, values) -> None:
        torch._foreach_copy_(self.weights, list(values))

    def _report(self, epoch: int) -> Row:
        losses = (self.loss_sums / self.batches.per_epoch).tolist()
        self.loss_sums.zero_()
        check_finite(losses[0])
        validation = self.context.validation
        with torch.no_grad():
            self.mixture.weights = self.alphas.probabilities()
            error = error_rate(predict(self.network, validation, 256), validation.targets)
        row = {"epoch": epoch + 1, "train_loss": losses[0], "architecture_loss": losses[1], "validation_error": error}
        return row | {"entropy": self.alphas.entropy()}
