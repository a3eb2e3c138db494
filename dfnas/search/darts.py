"""DARTS: Liu, Simonyan and Yang, "Differentiable Architecture Search", ICLR 2019.

Every slot computes the mixture of its options weighted by softmax(α). Steps alternate: α descends the loss on
one half of the training images, the weights w that on the other half; where α rests, w has all images. First order
takes w as they are; second order (section 2.3) takes the gradient of L_val(w', α) at w' = w - ξ ∇w L_train(w, α)
(`unrolling`).

Remedies against its collapse into skip connections, each a setting and a module of its own: `stopping` early by
their number or by the `curvature`, selection by `perturbation`, and weights of `edges` for partial channels.
"""

import math
from typing import Any

import torch
from torch.nn import functional as F

from dfnas.dataset.batches import Batches
from dfnas.measure.accuracy import error_rate, logits_of
from dfnas.runtime.errors import InputError
from dfnas.runtime.placement import placed
from dfnas.runtime.resumable import Row
from dfnas.runtime.seeds import generator, python_random, reseed
from dfnas.runtime.transfers import sent
from dfnas.search.alphas import INITIAL_SCALE, Alphas
from dfnas.search.context import SearchContext
from dfnas.search.curvature import Gradient, dominant_eigenvalue
from dfnas.search.derivation import Derivation
from dfnas.search.differentiable import DifferentiableSupernet, frozen
from dfnas.search.edges import EdgeWeights
from dfnas.search.mixture import SoftmaxMixture
from dfnas.search.perturbation import Decisions, Harm, rounds
from dfnas.search.recalibration import statistics_kept
from dfnas.search.stopping import EarlyStopping
from dfnas.search.unrolling import assign, mixed_product, unrolled
from dfnas.settings.search_darts import DartsSupernetSettings, SearchDartsSettings
from dfnas.spaces.slot import set_mixer, slots
from dfnas.training.losses import check_finite, soft_cross_entropy
from dfnas.training.optimizers import clip_gradients, sgd
from dfnas.training.schedule import learning_rate, set_learning_rate

Batch = tuple[torch.Tensor, torch.Tensor]
"""Views (B, C, S, S) and targets (B, K)."""


class DartsSupernet(DifferentiableSupernet):
    """The training of the supernet and of α, as `Resumable` steps: one architecture step and one weight step each. With
    selection by perturbation, a step for each round of decisions follows, and weight steps between the rounds."""

    @property
    def alone(self) -> tuple[str, ...]:
        """See `Resumable`: the leader judges."""
        return ("decision", "decision, late", *(f"decision {number}" for number in range(len(self.rounds))))

    def __init__(self, context: SearchContext, settings: DartsSupernetSettings):
        self.context, self.settings, seed, space = context, settings, context.seed, context.space
        self.processes = context.processes
        if settings.edge_normalisation and not space.topology():
            raise InputError(
                f"search_darts.edge_normalisation = true, but {type(space).__name__} has no nodes that edges meet in: "
                "leave it out, or search a space of cells"
            )
        reseed(seed, "weights")
        self.network = placed(space.supernet(), context.device).train()
        self.mixture = SoftmaxMixture()
        self.decisions = Decisions(space, self.mixture)
        by_perturbation = settings.selection.by == "perturbation"
        set_mixer(self.network, self.decisions if by_perturbation else self.mixture)
        self.edges = EdgeWeights(slots(self.network) if settings.edge_normalisation or by_perturbation else ())
        self.alphas = Alphas(
            space,
            settings,
            generator(seed, "alphas"),
            context.device,
            scale=INITIAL_SCALE if settings.train_architecture else 0.0,
            edge_normalisation=settings.edge_normalisation,
        )
        self.weights = list(self.network.parameters())
        self.optimizer = sgd(self.network, settings.lr, settings.momentum, settings.weight_decay)
        self.batches, self.alpha_batches = self._batches()
        self.held_out = context.held_out(settings)
        self.epochs = settings.epochs
        self.stopping = EarlyStopping(space, settings.stop)
        self.rounds = rounds(space, python_random(seed, "selection")) if by_perturbation else []
        self.tune_steps = max(1, round(settings.selection.tune_epochs * self.batches.per_epoch))
        self.trained_images = 0  # that went forward and backward
        self.loss_sums = torch.zeros(2, device=context.device)  # of the weights, of α

    def _batches(self) -> tuple[Batches, Batches | None]:
        """Training batches of the weights and of α: each has a half of the images. Where α rests there are none for it,
        and the weights have all images, of which an epoch takes a half: it is as long as beside an α that learns."""
        context, settings = self.context, self.settings
        count = len(context.train)
        if not settings.train_architecture:
            half = math.ceil((settings.images_per_epoch or count) / 2)
            return context.batches(
                settings.model_copy(update={"images_per_epoch": half}), context.train, "weights"
            ), None
        order = torch.randperm(count, generator=generator(context.seed, "half"))
        weights, alphas = map(context.train.subset, order.tensor_split(2))
        return context.batches(settings, weights, "weights"), context.batches(settings, alphas, "alphas")

    @property
    def steps(self) -> int:
        """Of the search, as far as it goes, and of the selection: a decision and its tuning each round, but for the
        last, after which nothing is left to decide."""
        epochs = self.stopping.stop.after if self.stopping.stop else self.epochs
        selection = len(self.rounds) * (1 + self.tune_steps) - self.tune_steps if self.rounds else 0
        return epochs * self.batches.per_epoch + selection

    def step(self, index: int) -> Row | None:
        searching = self.epochs * self.batches.per_epoch
        reseed(self.context.seed, "step", index, *self.processes.own())
        return self._search(index) if index < searching else self._select(index, index - searching)

    def _search(self, index: int) -> Row | None:
        settings, per_epoch = self.settings, self.batches.per_epoch
        epoch, last = index // per_epoch, (index + 1) % per_epoch == 0
        lr = learning_rate(epoch, settings.epochs, settings.lr, floor=settings.lr_min)
        learns = settings.train_architecture and epoch >= settings.arch_warmup_epochs
        self._train(index, lr, architecture=learns)
        return self._end_of_epoch(epoch, index, learns) if last else None

    def _select(self, index: int, place: int) -> Row | None:
        """A step of the selection, counted by `place`: a round of decisions, or tuning after one."""
        settings = self.settings
        number, within = divmod(place, 1 + self.tune_steps)
        if within == 0:
            return self._decide(number)
        if place == 1:
            self.optimizer.state.clear()  # the release begins anew, without momentum
        total = (len(self.rounds) - 1) * self.tune_steps
        peak = settings.selection.lr_share * settings.lr
        floor = min(settings.lr_min, peak)
        lr = learning_rate(number * self.tune_steps + within - 1, total, peak, floor=floor)
        self._train(index, lr, architecture=settings.train_architecture and self.decisions.undecided)
        return None

    def kind(self, index: int) -> str:
        """See `Resumable`. A decision takes the less time, the more was decided before."""
        per_epoch, place = self.batches.per_epoch, index - self.epochs * self.batches.per_epoch
        if place < 0:
            learns = self.settings.train_architecture and index // per_epoch >= self.settings.arch_warmup_epochs
            return ("α and weights" if learns else "weights") + ", end of an epoch" * ((index + 1) % per_epoch == 0)
        number, within = divmod(place, 1 + self.tune_steps)
        last = self._last_choices()
        if within:
            return "tuning, decided" if number >= last else "tuning" + ", late" * (2 * number > last)
        return f"decision {number}" if number > last else "decision" + ", late" * (2 * number > last)

    def _last_choices(self) -> int:
        """The round of the last choices, which only nodes follow."""
        return sum(not together[0].is_node for together in self.rounds) - 1

    def skip_to(self, index: int) -> None:
        """See `Resumable`. In late rounds all but the last choices count as decided, for any options: a round takes
        less, the more is decided, and so the first and the last of them stand for all."""
        number, within = divmod(index - self.epochs * self.batches.per_epoch, 1 + self.tune_steps)
        last = self._last_choices()
        if number >= 0 and 2 * number > last:
            space = self.context.space
            sampled = space.sample(python_random(self.context.seed, "trial"))
            decided = {choice: options.index(sampled[choice]) for choice, options in space.choices.items()}
            if number < last or (number == last and not within):
                for subject in self.rounds[last]:
                    del decided[subject.name]
            self.decisions.decided = decided

    def _train(self, index: int, lr: float, architecture: bool) -> None:
        """An architecture step, if α is to learn, and a weight step."""
        settings = self.settings
        set_learning_rate(self.optimizer, lr)
        train = self.batches[index]
        if architecture:
            assert self.alpha_batches is not None, "α learns"
            held_out = self.alpha_batches[index]
            gradients, alpha_loss = (
                self._first_order(held_out) if settings.order == 1 else self._second_order(train, held_out, lr, index)
            )
            self.alphas.step(gradients)
            self.loss_sums[1] += self.processes.mean(alpha_loss)
            self.trained_images += settings.batch_size * (1 if settings.order == 1 else 4)

        loss = self._loss(train)
        for weight, gradient in zip(self.weights, self._by_weights(loss), strict=True):
            weight.grad = gradient
        clip_gradients(self.weights, settings.clip_norm)
        self.optimizer.step()
        self.trained_images += settings.batch_size
        self.loss_sums[0] += self.processes.mean(loss.detach())

    def _loss(self, batch: Batch) -> torch.Tensor:
        views, targets = batch
        self._mix()
        return soft_cross_entropy(self.network(views), targets, self.settings.temperature)

    def _mix(self) -> None:
        """Hands the present α, β and decisions to the supernet."""
        probabilities = self.alphas.probabilities()
        masks = {choice: sent(mask, self.context.device) for choice, mask in self.decisions.masks.items()}
        masked = {c: probabilities[c] * mask.to(probabilities[c].dtype) for c, mask in masks.items()}
        self.mixture.weights = probabilities | masked
        self.edges.weights = self.alphas.edge_weights() | dict.fromkeys(self.decisions.removed, 0.0)

    def _by_weights(self, loss: torch.Tensor) -> list[torch.Tensor]:
        """Gradients of the whole batch's loss, zero where a decision has left an option out."""
        return self.processes.averaged(torch.autograd.grad(loss, self.weights, materialize_grads=True))

    def _first_order(self, held_out: Batch) -> tuple[list[torch.Tensor], torch.Tensor]:
        """∇α L_val(w, α) over the whole batch, and the loss of this process's share. Gradients of the weights are
        neither needed nor computed."""
        with frozen(self.weights):
            loss = self._loss(held_out)
        if not loss.requires_grad:  # decisions for `none` may cut off every choice that α still weighs
            return [torch.zeros_like(leaf) for leaf in self.alphas.leaves()], loss.detach()
        gradients = torch.autograd.grad(loss, self.alphas.leaves(), materialize_grads=True)
        return self.processes.averaged(gradients), loss.detach()

    def _second_order(
        self, train: Batch, held_out: Batch, lr: float, index: int = 0
    ) -> tuple[list[torch.Tensor], torch.Tensor]:
        """∇α L_val(w', α) - ξ ∇²αw L_train(w, α) · ∇w' L_val(w', α), with w' one momentum step from w.

        Args:
            index: of the step; decides the random numbers of L_train, which must be the same wherever w moves: a
                difference between two dropout masks is no derivative.
        """
        alphas, weights = self.alphas.leaves(), self.weights
        before = [weight.detach().clone() for weight in weights]
        assign(weights, unrolled(self.optimizer, weights, self._by_weights(self._loss(train)), lr))
        loss = self._loss(held_out)
        gradients = self.processes.averaged(torch.autograd.grad(loss, [*alphas, *weights], materialize_grads=True))
        direct, direction = gradients[: len(alphas)], gradients[len(alphas) :]
        implicit = mixed_product(self._gradient(train, index), weights, before, direction)
        return [d - lr * i for d, i in zip(direct, implicit, strict=True)], loss.detach()

    def _gradient(self, batch: Batch, index: int) -> Gradient:
        """∇α of a batch's loss, at whatever α and w are when it is asked for: the same images, the same dropout."""

        def gradient() -> list[torch.Tensor]:
            reseed(self.context.seed, "dropout", index, *self.processes.own())
            return self._first_order(batch)[0]

        return gradient

    def _end_of_epoch(self, epoch: int, index: int, learns: bool) -> Row:
        eigenvalue = self._eigenvalue(index) if learns and self.settings.stop.by == "eigenvalue" else None
        losses = (self.loss_sums / self.batches.per_epoch).tolist()
        self.loss_sums.zero_()
        check_finite(losses[0])
        error = self._error() if self.processes.leads else math.nan  # the others' rows are kept by nobody
        row: Row = {"epoch": epoch + 1, "train_loss": losses[0]}
        row |= {"architecture_loss": losses[1]} if learns else {}
        row |= {"validation_error": error, "entropy": self.alphas.entropy(), "skip_share": self.skip_share()}
        row |= {"trained_images": self.trained_images}
        if learns:
            self.stopping.observe(epoch + 1, self.alphas.strengths(), eigenvalue)
        return row if eigenvalue is None else row | {"dominant_eigenvalue": eigenvalue}

    @torch.no_grad()
    def _error(self) -> float:
        """Error rate on the validation images."""
        self._mix()
        return error_rate(logits_of(self.network, self.held_out), self.context.validation.likely)

    def _eigenvalue(self, index: int) -> float:
        """Of the Hessian of the validation loss by the architecture parameters, on the batch of a step (as in the
        release of RobustDARTS, but for the weight decay there, which adds itself to every eigenvalue)."""
        assert self.alpha_batches is not None, "α learns"
        gradient, leaves = self._gradient(self.alpha_batches[index], index), self.alphas.leaves()
        size = sum(leaf.numel() for leaf in leaves)
        start = torch.randn(size, generator=generator(self.context.seed, "lanczos", index), dtype=torch.float64)
        with statistics_kept(self.network):
            return dominant_eigenvalue(gradient, leaves, start, self.settings.stop.iterations)

    def _decide(self, number: int) -> Row:
        """One round of decisions, each judged with those before it in force."""
        decided = [self.decisions.decide(subject, self._harm) for subject in self.rounds[number]]
        tuned = self.loss_sums[0].item() / self.tune_steps
        self.loss_sums.zero_()
        check_finite(tuned)
        row: Row = {"decision": number + 1, "decided": "; ".join(decided), "validation_error": self._harm()[0]}
        row |= {"train_loss": tuned} if number else {}
        return row | {"skip_share": self.skip_share(), "trained_images": self.trained_images}

    def _harm(self) -> Harm:
        """Error rate and loss on the validation images, as the leader finds them."""
        error, loss = self.processes.of_leader(self._judged, 2)
        return error, loss

    @torch.no_grad()
    def _judged(self) -> Harm:
        """Both with each batch's own statistics, as in the release: running ones are those of the supernet with all its
        options."""
        classes = self.context.validation.likely
        with statistics_kept(self.network):
            self._mix()
            logits = logits_of(self.network, self.held_out, batch_statistics=True)
        return error_rate(logits, classes), F.cross_entropy(logits, classes).item()

    def strengths(self) -> dict[str, torch.Tensor]:
        """Of every option, (O,) per choice: softmax(α), times the weight of the edge where edges have one; of the
        epoch that an early stop returns to; one and zeros where perturbation has decided."""
        stop = self.stopping.stop
        return self.decisions.strengths(stop.strengths if stop else self.alphas.strengths())

    def report(self) -> dict[str, bool | float | int | str]:
        stop = self.stopping.stop
        report = super().report() | ({"stopped": stop.reason, "epoch": stop.epoch} if stop else {})
        return report | {"selection": self.settings.selection.by}

    def state_dict(self) -> dict[str, Any]:
        watched = {"stopping": self.stopping.state_dict(), "decisions": self.decisions.state_dict()}
        return super().state_dict() | watched | {"trained_images": self.trained_images}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        super().load_state_dict(state)
        self.stopping.load_state_dict(state["stopping"])
        self.decisions.load_state_dict(state["decisions"])
        self.trained_images = state["trained_images"]


class DartsSearch(Derivation):
    """What the strengths mean that DARTS has learnt."""

    settings: SearchDartsSettings
    settings_type = SearchDartsSettings
    supernet_class = DartsSupernet

    @property
    def remedy(self) -> str:
        """What to set against a collapse: what measurement favours, or, where that is set already, more to judge by."""
        settings = self.settings
        if settings.selection.by == "perturbation" and not settings.train_architecture:
            return "raise search_darts.epochs, or shard_dataset.validation_fraction, by whose images options are judged"
        return "set search_darts.selection.by to perturbation and search_darts.train_architecture to false"
