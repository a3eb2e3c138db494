"""SPOS: Guo et al., "Single Path One-Shot Neural Architecture Search with Uniform Sampling", ECCV 2020.

First the supernet is trained one path a step; paths are uniform, within MACs bins that are drawn uniformly
where bins are set. With strict fairness (FairNAS: Chu, Zhang and Xu 2021, "FairNAS: Rethinking Evaluation Fairness of
Weight Sharing Neural Architecture Search", section 3) a step trains paths that have each option of a choice once among
them, and sums their gradients. Then evolution looks for the path with the lowest validation error within the budget,
each candidate with BatchNorm statistics of its own (section 3.4).
"""

from typing import Any

import torch

from dfnas.runtime.placement import placed
from dfnas.runtime.resumable import Row
from dfnas.runtime.seeds import python_random, reseed
from dfnas.search.context import SearchContext
from dfnas.search.evolution import Evolution
from dfnas.search.judging import JudgingSearch
from dfnas.search.path_scores import PathScores
from dfnas.search.ranks import by_ranks, by_score, further_scores, with_ranks
from dfnas.search.supernet import Trained
from dfnas.settings.search_spos import SearchSposSettings, SposSupernetSettings
from dfnas.spaces.candidate import Candidate, Score, to_text
from dfnas.spaces.slot import SinglePath, set_mixer
from dfnas.training.losses import check_finite, soft_cross_entropy
from dfnas.training.optimizers import clip_gradients, sgd
from dfnas.training.schedule import learning_rate, set_learning_rate


class SposSupernet:
    """The training of the supernet, as `Resumable` steps."""

    def __init__(self, context: SearchContext, settings: SposSupernetSettings):
        self.context, self.settings = context, settings
        reseed(context.seed, "weights")
        self.network = placed(context.space.supernet(), context.device).train()
        self.path = SinglePath()
        set_mixer(self.network, self.path)
        self.optimizer = sgd(
            self.network, settings.lr, settings.momentum, settings.weight_decay, decay_norms_and_biases=False
        )
        self.batches = context.batches(settings, context.train, "weights")
        self.steps = settings.steps
        self.paths_per_step = len(self.training_paths(0))
        self.loss_sum = torch.zeros((), device=context.device)

    def step(self, index: int) -> Row | None:
        settings = self.settings
        reseed(self.context.seed, "step", index, *self.context.processes.own())
        set_learning_rate(self.optimizer, learning_rate(index, settings.steps, settings.lr, "linear"))
        paths = self.training_paths(index)
        views, targets = self.batches[index]
        # Parameters off all paths keep no gradient and are skipped, momentum and decay included.
        self.optimizer.zero_grad(set_to_none=True)
        loss_sum = torch.zeros_like(self.loss_sum)
        for path in paths:
            self.path.path = self.context.space.path(path)
            loss = soft_cross_entropy(self.network(views), targets, settings.temperature, settings.label_smoothing)
            loss.backward()
            loss_sum += loss.detach()
        self.context.processes.average_gradients(self.network.parameters())
        clip_gradients(self.network.parameters(), settings.clip_norm)
        self.optimizer.step()
        self.loss_sum += self.context.processes.mean(loss_sum / len(paths))
        done, period = index + 1, self.batches.per_epoch
        if done % period and done != settings.steps:
            return None
        train_loss = self.loss_sum.item() / (done % period or period)
        self.loss_sum.zero_()
        check_finite(train_loss)
        return {"phase": "supernet", "step": done, "train_loss": train_loss, **_images(self._trained(done), 0)}

    def training_paths(self, index: int) -> list[dict[str, str]]:
        """The paths that a step trains: strictly fair ones, see `Space.fair_sample`, or a single one, uniform, and if
        bins of MACs are set, drawn until it falls into a bin that was itself drawn uniformly (of the space's published
        training code)."""
        space, bins = self.context.space, self.settings.macs_bins
        rng = python_random(self.context.seed, "path", index)
        if self.settings.sampling == "strict":
            return space.fair_sample(rng)
        architecture = space.sample(rng)
        if bins is None:
            return [architecture]
        low = bins.low_m + bins.width_m * rng.randrange(bins.count)
        for _ in range(bins.draws):
            if low <= space.macs(architecture) / 1e6 < low + bins.width_m:
                break
            architecture = space.sample(rng)
        return [architecture]

    def _trained(self, steps: int) -> int:
        """Images that went forward and backward in so many steps."""
        return steps * self.paths_per_step * self.batches.batch_size

    def strengths(self) -> dict[str, torch.Tensor]:
        """None: paths are uniform."""
        return {}

    def report(self) -> dict[str, bool | float | int | str]:
        """How it went: images that were `trained_images`, forward and backward."""
        return {"trained_images": self._trained(self.steps)}

    def state_dict(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "loss_sum": self.loss_sum,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.network.load_state_dict(state["network"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.loss_sum.copy_(state["loss_sum"])


class SposSearch(JudgingSearch):
    """Evolution on a trained supernet, as `Resumable` steps: one for each candidate."""

    settings: SearchSposSettings
    settings_type = SearchSposSettings
    supernet_class = SposSupernet

    remedy = "raise search_spos.steps, so that paths with weights are trained enough to be judged"

    def __init__(self, context: SearchContext, settings: SearchSposSettings, supernet: Trained):
        self.context, self.settings, self.supernet = context, settings, supernet
        self.scores = PathScores(context.space, supernet.network, context.train, settings, context.seed)
        self.held_out = context.held_out(settings)
        seed = settings.evolution.seed_of(context.seed)
        order = by_score if settings.ranks is None else by_ranks
        self.evolution = Evolution(context.space, settings.evolution, context.budget, seed, order)
        self.judged = self.evolution.judged
        self.scorer = None
        if settings.ranks is not None:
            told = settings.ranks, settings.space, context.space
            self.scorer = further_scores(*told, context.seed, context.device)
        self.scores_by_path: dict[str, Score] = {}  # by the architecture's text; of other searches on this supernet too
        self.steps = settings.evolution.generations * settings.evolution.population

    def step(self, index: int) -> Row | None:
        row = self.evolution.step(index, self.score)
        recalibration = self.scores.recalibration
        a_candidate = recalibration.count * recalibration.batches.batch_size + len(self.context.validation)
        return row and row | _images(int(self.supernet.report["trained_images"]), len(self.judged) * a_candidate)

    def score(self, architecture: dict[str, str]) -> Score:
        """What a path is worth on the validation images, after recalibration on training images."""
        text = to_text(self.context.space, architecture)
        if text not in self.scores_by_path:
            (logits,) = self.scores.logits(architecture, self.held_out)
            score = self.score_of(logits)
            if self.scorer is not None:
                score = score._replace(further=self.scorer.proxies_of(architecture))
            self.scores_by_path[text] = score
        return self.scores_by_path[text]

    def architecture(self) -> dict[str, str]:
        """The best candidate found."""
        return dict(self.evolution.best().architecture)

    def candidates(self) -> list[Candidate]:
        """Every candidate judged, in the order of their judgement."""
        return super().candidates() if self.scorer is None else with_ranks(super().candidates())

    def state_dict(self) -> dict[str, Any]:
        return {"evolution": self.evolution.state_dict()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.evolution.load_state_dict(state["evolution"])


def _images(trained: int, judged: int) -> Row:
    """Images that went forward and backward in the training so far, and forward alone in judging."""
    return {"trained_images": trained, "judged_images": judged}
