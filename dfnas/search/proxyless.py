"""ProxylessNAS: Cai, Zhu and Han, "Direct Neural Architecture Search on Target Task and Hardware", ICLR 2019.

Weights are trained on one path at a time, drawn from softmax(α). For an architecture step two options of
every choice are drawn; binary `gates` g pick one of the two, and the gradient of the loss with respect to the
gates stands in for that with respect to the probabilities (equation 4):

    ∂L/∂α_i = Σ_j ∂L/∂g_j · p_j (δ_ij - p_i)        over the two drawn options, p = softmax of their α,

the expected cost being that of p too, after which the two are shifted together so that the probabilities of all others
stay (section 3.2.1). With the gates of all options everything is the same over all of them, and nothing is shifted.
"""

from collections.abc import Mapping, Sequence

import torch

from dfnas.measure.accuracy import error_rate, logits_of
from dfnas.runtime.errors import InputError
from dfnas.runtime.placement import placed
from dfnas.runtime.resumable import Row
from dfnas.runtime.seeds import generator, reseed
from dfnas.runtime.transfers import fetched, sent
from dfnas.search.alphas import Alphas
from dfnas.search.context import SearchContext
from dfnas.search.cost import check_cost, with_cost
from dfnas.search.derivation import Derivation
from dfnas.search.differentiable import DifferentiableSupernet, frozen
from dfnas.search.gates import EveryPath, TwoPaths
from dfnas.settings.search_proxyless import ProxylessSupernetSettings, SearchProxylessSettings
from dfnas.spaces.costs import CostTable
from dfnas.spaces.slot import SinglePath, set_mixer
from dfnas.training.losses import check_finite, soft_cross_entropy
from dfnas.training.optimizers import sgd
from dfnas.training.schedule import learning_rate, set_learning_rate


class ProxylessSupernet(DifferentiableSupernet):
    """The training of the supernet and of α, as `Resumable` steps: one weight step each, some followed by an
    architecture step."""

    def __init__(self, context: SearchContext, settings: ProxylessSupernetSettings):
        self.context, self.settings, seed = context, settings, context.seed
        self.processes = context.processes
        reseed(seed, "weights")
        self.network = placed(context.space.supernet(), context.device).train()
        self.weights = list(self.network.parameters())
        self.path, self.gates = SinglePath(), EveryPath() if settings.gates == "all" else TwoPaths()
        self.alphas = Alphas(context.space, settings, generator(seed, "alphas"), context.device)
        self.optimizer = sgd(self.network, settings.lr, settings.momentum, settings.weight_decay, nesterov=True)
        self.cost_table = self._cost_table()
        check_cost(self.cost_table, settings.cost)
        self.batches = context.batches(settings, context.train, "weights")
        size = min(settings.batch_size, len(context.validation))
        size = max(size - size % self.processes.count, self.processes.count)  # equally shared
        self.alpha_batches = context.batches(settings, context.validation, "alphas", size)
        self.held_out = context.held_out(settings)
        self.epochs = settings.warmup_epochs + settings.epochs
        self.steps = self.epochs * self.batches.per_epoch
        if settings.arch_every > self.batches.per_epoch:
            raise InputError(
                f"search_proxyless would take no architecture step: arch_every = {settings.arch_every} is above the "
                f"{self.batches.per_epoch} steps of an epoch; lower it, or batch_size"
            )
        self.loss_sums = torch.zeros(2, device=context.device)  # of the weights, of α

    def step(self, index: int) -> Row | None:
        per_epoch = self.batches.per_epoch
        epoch, place = divmod(index, per_epoch)
        reseed(self.context.seed, "step", index, *self.processes.own())
        draws = generator(self.context.seed, "paths", index)
        self._weight_step(index, draws)
        if self._learns(index):
            self._architecture_step(index, draws)
        return self._report(epoch) if place + 1 == per_epoch else None

    def _learns(self, index: int) -> bool:
        """Whether an architecture step follows: none in the first epoch after the warm-up, as published."""
        epoch, place = divmod(index, self.batches.per_epoch)
        return epoch > self.settings.warmup_epochs and (place + 1) % self.settings.arch_every == 0

    def kind(self, index: int) -> str:
        """See `Resumable`."""
        last = (index + 1) % self.batches.per_epoch == 0
        return ("α and weights" if self._learns(index) else "weights") + ", end of an epoch" * last

    def _weight_step(self, index: int, draws: torch.Generator) -> None:
        settings, warmup = self.settings, self.settings.warmup_epochs * self.batches.per_epoch
        if index < warmup:
            lr = learning_rate(index, warmup, settings.warmup_lr)
        else:
            lr = learning_rate(index - warmup, self.steps - warmup, settings.lr)
        set_learning_rate(self.optimizer, lr)
        self.path.path = {c: drawn[0] for c, drawn in self._draw(1, draws).items()}
        set_mixer(self.network, self.path)
        views, targets = self.batches[index]
        loss = soft_cross_entropy(self.network(views), targets, settings.temperature, settings.label_smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.processes.average_gradients(self.weights)
        self.optimizer.step()
        self.loss_sums[0] += self.processes.mean(loss.detach())

    def _architecture_step(self, index: int, draws: torch.Generator) -> None:
        everything = self.settings.gates == "all"
        alphas = self.alphas.values
        drawn = {c: list(range(len(alpha))) for c, alpha in alphas.items()} if everything else self._draw(2, draws)
        views, targets = self.alpha_batches[index]
        gradients, loss = self.architecture_gradient(views, targets, drawn, draws)
        with torch.no_grad():
            pairs = self._placed({} if everything else drawn)
            mass = {choice: alphas[choice][pair].logsumexp(0) for choice, pair in pairs.items()}
            self.alphas.step(gradients.values())
            for choice, pair in pairs.items():
                alphas[choice][pair] -= alphas[choice][pair].logsumexp(0) - mass[choice]
        self.loss_sums[1] += self.processes.mean(loss)

    def architecture_gradient(
        self, views: torch.Tensor, targets: torch.Tensor, drawn: dict[str, list[int]], draws: torch.Generator
    ) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
        """∂L/∂α (O,) of every choice over the whole batch, zero for what was not drawn, and the loss of this process's
        share, with its cost term.

        Args:
            drawn: the options of every choice whose gates are asked; two, or all.
            draws: decides which of them is on, by their probabilities.
        """
        among = self._among(drawn)
        probabilities = fetched(among)
        self.gates.drawn, self.gates.gates = {}, {}
        for choice, options in drawn.items():
            on = int(torch.multinomial(probabilities[choice][options], 1, generator=draws)) if len(options) > 1 else 0
            self.gates.drawn[choice] = (options[on], *options[:on], *options[on + 1 :])
            leaf = torch.zeros(len(options), device=views.device)
            leaf[0] = 1.0
            self.gates.gates[choice] = leaf.requires_grad_()
        set_mixer(self.network, self.gates)
        settings = self.settings
        with frozen(self.weights):
            loss = soft_cross_entropy(self.network(views), targets, settings.temperature)
        expected = self.context.space.expected_cost(self.cost_table, among)
        loss = with_cost(loss, targets, expected, settings.cost)

        gates = self.gates.gates
        leaves = [*gates.values(), *self.alphas.leaves()]
        found = self.processes.averaged(torch.autograd.grad(loss, leaves, materialize_grads=True))
        gate_gradients = dict(zip(gates, found[: len(gates)], strict=True))
        gradients = dict(zip(self.alphas.values, found[len(gates) :], strict=True))  # of the cost term alone
        for choice, on_first in self._placed(self.gates.drawn).items():
            p, gate = among[choice].detach()[on_first], gate_gradients[choice]
            # Σ_j ∂L/∂g_j p_j (δ_ij - p_i) = p_i (∂L/∂g_i - Σ_j p_j ∂L/∂g_j)
            gradients[choice][on_first] += p * (gate - (p * gate).sum())
        return gradients, loss.detach()

    def _among(self, drawn: Mapping[str, Sequence[int]]) -> dict[str, torch.Tensor]:
        """Probabilities (O,) among the drawn options of every choice, zero for the others; differentiable in α."""
        values = {choice: self.alphas.values[choice] for choice in drawn}
        others = [torch.ones(len(alpha), dtype=torch.bool) for alpha in values.values()]
        for mask, options in zip(others, drawn.values(), strict=True):
            mask[list(options)] = False
        masks = sent(torch.cat(others), self.context.device).split([len(mask) for mask in others])
        return {
            choice: alpha.masked_fill(mask, -torch.inf).softmax(0)
            for (choice, alpha), mask in zip(values.items(), masks, strict=True)
        }

    def _placed(self, drawn: Mapping[str, Sequence[int]]) -> dict[str, torch.Tensor]:
        """Indices (N,) int64 of drawn options on the device, in one upload for all choices."""
        flat = torch.tensor([option for options in drawn.values() for option in options], dtype=torch.int64)
        parts = sent(flat, self.context.device).split([len(options) for options in drawn.values()])
        return dict(zip(drawn, parts, strict=True))

    def _cost_table(self) -> CostTable:
        if not self.settings.cost.needs_latency:
            return self.context.space.macs_table()
        if self.context.latency is None:
            raise InputError("search_proxyless.cost.measure = latency needs the measured latency table of the space")
        return self.context.latency

    def _draw(self, count: int, draws: torch.Generator) -> dict[str, list[int]]:
        """Different options of every choice, drawn by their probabilities."""
        return {
            choice: torch.multinomial(p, min(count, len(p)), generator=draws).tolist()
            for choice, p in fetched(self.alphas.probabilities()).items()
        }

    def _report(self, epoch: int) -> Row:
        per_epoch = self.batches.per_epoch
        weights_loss, alpha_loss = self.loss_sums.tolist()
        weights_loss, alpha_loss = weights_loss / per_epoch, alpha_loss / max(per_epoch // self.settings.arch_every, 1)
        self.loss_sums.zero_()
        check_finite(weights_loss)
        check_finite(alpha_loss)
        if not self.processes.leads:
            return {}
        self.path.path = self.context.space.path(self.architecture())
        set_mixer(self.network, self.path)
        logits = logits_of(self.network, self.held_out, batch_statistics=True)
        error = error_rate(logits, self.context.validation.likely)
        phase = "warmup" if epoch < self.settings.warmup_epochs else "search"
        row = {"epoch": epoch + 1, "phase": phase, "train_loss": weights_loss}
        if epoch > self.settings.warmup_epochs:  # the first with architecture steps, see `step`
            row["architecture_loss"] = alpha_loss
        row |= {"validation_error": error, "entropy": self.alphas.entropy()} | self.expected_costs()
        return row | {"skip_share": self.skip_share(), "trained_images": self._trained_images(epoch)}

    def _trained_images(self, epoch: int) -> int:
        """Images that went forward and backward until the end of an epoch, from 0."""
        settings, per_epoch = self.settings, self.batches.per_epoch
        of_alphas = max(epoch - settings.warmup_epochs, 0) * (per_epoch // settings.arch_every)
        return (epoch + 1) * per_epoch * self.batches.batch_size + of_alphas * self.alpha_batches.batch_size


class ProxylessSearch(Derivation):
    """What the strengths mean that ProxylessNAS has learnt."""

    settings_type = SearchProxylessSettings
    supernet_class = ProxylessSupernet
    remedy = (
        "weaken search_proxyless.cost (a smaller beta or a larger cost.reference), lower search_proxyless.arch_lr "
        "or lengthen search_proxyless.warmup_epochs"
    )
