"""SPOS: which paths are trained, what a step touches, and how a path is judged."""

import math
import random
from collections import Counter

import pytest
import torch
from stepping import finish, search_on, trained

from dfnas.search.recalibration import recalibrate
from dfnas.search.spos import SposSearch
from dfnas.settings.search_spos import MacsBinSettings
from dfnas.spaces.slot import slots
from dfnas.training.losses import soft_cross_entropy


def paths_of(space) -> tuple[dict[str, str], dict[str, str]]:
    """Two paths of a space."""
    return space.sample(random.Random(0)), space.sample(random.Random(1))


def test_training_paths_are_uniform_over_the_space(spaces, make_supernet):
    space = spaces["shufflenet"]
    supernet, draws = make_supernet(space), 3200
    counts = Counter(tuple(supernet.training_paths(index)[0].values()) for index in range(draws))
    cells = math.prod(map(len, space.choices.values()))
    assert len(counts) == cells == 64
    chi_square = sum((n - draws / cells) ** 2 / (draws / cells) for n in counts.values())
    assert abs(chi_square - (cells - 1)) < 5 * math.sqrt(2 * (cells - 1))


def test_bins_of_macs_are_kept_and_equally_often(spaces, make_supernet):
    space = spaces["shufflenet"]
    plain = make_supernet(space)
    costs = sorted(space.macs(plain.training_paths(index)[0]) / 1e6 for index in range(300))
    low, width = costs[0], (costs[-1] - costs[0]) / 4
    bins = MacsBinSettings(low_m=low, high_m=low + 4 * width, width_m=width)
    supernet = make_supernet(space, macs_bins=bins)
    found = [space.macs(supernet.training_paths(index)[0]) / 1e6 for index in range(800)]
    assert low <= min(found)
    assert max(found) < low + 4 * width
    counts = Counter(int((cost - low) / width) for cost in found)
    assert all(abs(counts[i] - 200) < 5 * math.sqrt(800 * 0.25 * 0.75) for i in range(4))
    uneven = Counter(int((cost - low) / width) for cost in costs)
    assert max(uneven.values()) > 2 * min(uneven[i] for i in range(4))  # paths alone would not do that


def test_an_empty_bin_ends_with_a_path_of_the_space(spaces, make_supernet):
    bins = MacsBinSettings(low_m=500, high_m=501, width_m=1, draws=3)
    spaces["shufflenet"].check(make_supernet(spaces["shufflenet"], macs_bins=bins).training_paths(0)[0])


@pytest.mark.parametrize("name", ["shufflenet", "darts"])
def test_a_step_leaves_all_that_is_off_its_path_alone_momentum_and_decay_included(spaces, make_supernet, name):
    supernet = make_supernet(spaces[name], steps=12, weight_decay=0.1)
    for index in range(8):
        supernet.step(index)

    def values(option):
        state = supernet.optimizer.state
        weights = [p.detach().clone() for p in option.parameters()]
        return weights + [state[p]["momentum_buffer"].clone() for p in option.parameters() if p in state]

    before = {(s, i): values(o) for s, slot in enumerate(slots(supernet.network)) for i, o in enumerate(slot.options)}
    assert any(len(v) > 1 for v in before.values())
    supernet.step(8)
    path = supernet.path.path
    for s, slot in enumerate(slots(supernet.network)):
        for i, option in enumerate(slot.options):
            unmoved = all(torch.equal(a, b) for a, b in zip(before[s, i], values(option), strict=False))
            assert unmoved == (i != path[slot.choice] or not list(option.parameters()))


def test_a_strictly_fair_step_sums_the_gradients_of_paths_that_have_every_option_once(spaces, make_supernet):
    """FairNAS: one update by the gradients of all paths, each in BatchNorm statistics of its own."""
    space = spaces["nasbench201"]
    supernet, other = (make_supernet(space, sampling="strict", lr=0.1, weight_decay=0.0) for _ in range(2))
    paths = supernet.training_paths(0)
    assert [len({path[choice] for path in paths}) for choice in space.choices] == [5] * 6
    before = [weights.detach().clone() for weights in supernet.network.parameters()]
    supernet.step(0)
    views, targets = other.batches[0]
    for path in paths:
        other.path.path = space.path(path)
        soft_cross_entropy(other.network(views), targets, 1.0, other.settings.label_smoothing).backward()
    for was, weights, twin in zip(before, supernet.network.parameters(), other.network.parameters(), strict=True):
        moved = torch.zeros_like(was) if twin.grad is None else 0.1 * twin.grad
        assert torch.allclose(was - weights, moved, atol=1e-6)
    assert supernet.report() == {"trained_images": 5 * 5 * 8}


def test_fair_paths_are_architectures_where_choices_depend_on_each_other(toy_space, monkeypatch):
    monkeypatch.setattr(type(toy_space), "holds", lambda self, architecture: len(set(architecture.values())) == 1)
    alike = dict.fromkeys(toy_space.choices, toy_space.choices["first"][0])
    monkeypatch.setattr(type(toy_space), "sample", lambda self, rng: alike)
    assert all(map(toy_space.holds, toy_space.fair_sample(random.Random(0))))


def test_decay_is_on_weights_only_and_the_rate_falls_linearly(spaces, make_supernet):
    supernet, rates = make_supernet(spaces["mbconv"], lr=0.5, steps=5), []
    for index in range(5):
        supernet.step(index)
        rates.append(supernet.optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.5, 0.4, 0.3, 0.2, 0.1])
    assert len(supernet.optimizer.param_groups) == 2
    for group in supernet.optimizer.param_groups:
        assert {p.ndim > 1 for p in group["params"]} == {group["weight_decay"] > 0}


def test_rows_come_once_an_epoch_of_training_and_once_a_generation(spaces, make_supernet):
    supernet = make_supernet(spaces["shufflenet"], steps=8)
    trained = finish(supernet, 0)
    search = search_on(supernet)
    rows = [*trained, *finish(search, 0)]
    assert [(row["phase"], row["step"]) for row in rows] == [
        ("supernet", 6),
        ("supernet", 8),
        ("evolution", 1),
        ("evolution", 2),
    ]
    a_candidate = 2 * 8 + 18  # images of the recalibration, and held-out ones
    images = [(row["trained_images"], row["judged_images"]) for row in rows]
    assert images == [(6 * 8, 0), (8 * 8, 0), (8 * 8, 3 * a_candidate), (8 * 8, 6 * a_candidate)]
    assert search.architecture() in [dict(c.architecture) for c in search.candidates()]
    assert search.candidates()[0].macs_m == spaces["shufflenet"].macs(search.candidates()[0].architecture) / 1e6


def test_a_candidates_score_depends_on_the_candidate_and_not_on_those_before(spaces, make_spos):
    search, (one, other) = make_spos(spaces["shufflenet"]), paths_of(spaces["shufflenet"])
    assert one != other
    alone = search.score(one)
    search.score(other)
    search.scores_by_path.clear()  # or it would not be judged again
    assert search.score(one) == alone


def test_another_seed_of_evolution_breeds_other_candidates_on_the_same_supernet(spaces, make_supernet):
    supernet = make_supernet(spaces["shufflenet"])
    finish(supernet, 0)

    def bred(seed):
        settings = supernet.settings
        evolution = settings.evolution.model_copy(update={"seed": seed})
        settings = settings.model_copy(update={"evolution": evolution})
        search = SposSearch(supernet.context, settings, trained(supernet))
        finish(search, 0)
        return search.candidates()

    own, same, other = bred(None), bred(0), bred(5)
    assert own == same
    assert [c.architecture for c in own] != [c.architecture for c in other]
    scores = {str(c.architecture): c.score for c in own}
    assert all(scores.get(str(c.architecture), c.score) == c.score for c in other)


def judged_by_loss(search, architecture) -> float:
    """-Σ p^(1/T) log softmax(z / T), with p^(1/T) normalised: the cross-entropy by hand."""
    (logits,), temperature = search.scores.logits(architecture, search.held_out), search.settings.temperature
    labels = search.context.validation.soft_labels.double() ** (1 / temperature)
    log_likelihood = (logits.double() / temperature).log_softmax(1)
    return -(labels / labels.sum(1, keepdim=True) * log_likelihood).sum(1).mean().item()


def test_candidates_are_judged_by_their_loss_where_that_is_asked_for(spaces, make_spos):
    search = make_spos(spaces["shufflenet"], judge_by="loss", temperature=4.0)
    finish(search, 0)
    for candidate in search.candidates():
        assert candidate.loss == pytest.approx(judged_by_loss(search, candidate.architecture), rel=1e-5)
    least = min(search.candidates(), key=lambda candidate: candidate.loss)
    assert search.architecture() == least.architecture
    assert search.evolution.parents == sorted(search.candidates()[:3], key=lambda candidate: candidate.loss)[:2]


def test_without_it_they_have_none(spaces, make_spos):
    search = make_spos(spaces["shufflenet"])
    finish(search, 0)
    assert {candidate.loss for candidate in search.candidates()} == {None}


def test_hard_labels_judge_by_the_likeliest_class(spaces, make_spos):
    soft, hard = (make_spos(spaces["shufflenet"], judge_by="loss", labels=labels) for labels in ("soft", "hard"))
    path, _ = paths_of(spaces["shufflenet"])
    (logits,) = hard.scores.logits(path, hard.held_out)
    classes = hard.context.validation.soft_labels.argmax(1)
    assert hard.score(path).loss == pytest.approx(torch.nn.functional.cross_entropy(logits, classes).item(), rel=1e-5)
    assert soft.score(path).loss == pytest.approx(judged_by_loss(soft, path), rel=1e-5)


class Net(torch.nn.Module):
    """Two normalised layers, one that no batch reaches, and dropout."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.first = torch.nn.Conv2d(1, 3, 3), torch.nn.BatchNorm2d(3, momentum=0.1)
        self.second, self.unused = torch.nn.BatchNorm2d(3, momentum=0.3), torch.nn.BatchNorm2d(3)
        self.dropout, self.inputs = torch.nn.Dropout(0.5), []

    def forward(self, x):
        one = self.conv(x)
        two = torch.relu(self.first(self.dropout(one)))
        self.inputs.append((one, two))
        return self.second(two)


@pytest.mark.parametrize("training", [True, False])
def test_recalibrated_statistics_are_the_mean_over_batches_each_with_the_same_weight(training):
    network = Net().train(training)
    for norm in (network.first, network.second, network.unused):
        norm.running_mean.fill_(7.0)
    weights = [p.detach().clone() for p in network.parameters()]
    recalibrate(network, [torch.randn(n, 1, 6, 6) * n for n in (2, 9, 4, 6)])
    for norm, place in ((network.first, 0), (network.second, 1)):
        inputs = [pair[place] for pair in network.inputs]
        means = torch.stack([x.mean((0, 2, 3)) for x in inputs])
        variances = torch.stack([x.transpose(0, 1).flatten(1).var(1, unbiased=True) for x in inputs])
        torch.testing.assert_close(norm.running_mean, means.mean(0))
        torch.testing.assert_close(norm.running_var, variances.mean(0))
    assert (network.first.momentum, network.second.momentum) == (0.1, 0.3)
    assert torch.equal(network.unused.running_mean, torch.zeros(3))
    assert all(module.training == training for module in network.modules())
    assert all(torch.equal(a, b) for a, b in zip(weights, network.parameters(), strict=True))


def test_recalibration_reaches_the_path_alone(spaces, make_spos):
    search = make_spos(spaces["shufflenet"])
    search.score(paths_of(spaces["shufflenet"])[0])
    for slot in slots(search.supernet.network):
        for i, option in enumerate(slot.options):
            norms = [m for m in option.modules() if isinstance(m, torch.nn.BatchNorm2d)]
            assert all((m.num_batches_tracked == 2) == (i == search.scores.path.path[slot.choice]) for m in norms)
