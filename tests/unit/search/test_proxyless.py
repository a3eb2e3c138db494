"""ProxylessNAS: the gradient by binary gates against finite differences, and what every step may touch."""

import itertools

import pytest
import torch

from dfnas.runtime.errors import InputError
from dfnas.runtime.seeds import generator
from dfnas.search.darts import SoftmaxMixture
from dfnas.spaces.costs import CostTable
from dfnas.spaces.mbconv import MBConvSpace
from dfnas.spaces.slot import set_mixer, slots
from dfnas.spaces.space import Task
from dfnas.training.losses import soft_cross_entropy

DRAWN = [
    {"first": list(one), "second": list(two)} for one, two in [((0, 1), (2, 0)), ((3, 1), (0, 3)), ((3, 2), (2, 3))]
]


@pytest.fixture
def search(toy_space, make_proxyless, in_double):
    return in_double(make_proxyless(toy_space))


def loss_with_gates(search, batch, gates: dict[str, dict[int, float]]) -> float:
    """The loss where each slot gives Σ gate · option for any real gates."""

    def mixer(slot, x):
        return sum(gate * slot.options[option](x) for option, gate in gates[slot.choice].items())

    set_mixer(search.network, mixer)
    with torch.no_grad():
        return soft_cross_entropy(search.network(batch[0]), batch[1]).item()


def gate_gradients(search, batch, pairs) -> dict[str, list[float]]:
    """∂L/∂g of (on, off) at the gates (1, 0), by central differences."""
    found = {}
    for choice in pairs:
        found[choice] = []
        for place in (0, 1):
            at = []
            for move in (1e-5, -1e-5):
                gates = {c: {on: 1.0, off: 0.0} for c, (on, off) in pairs.items()}
                gates[choice][pairs[choice][place]] += move
                at.append(loss_with_gates(search, batch, gates))
            found[choice].append((at[0] - at[1]) / 2e-5)
    return found


@pytest.mark.parametrize("drawn", DRAWN, ids=["no zero", "a zero in each", "zero or nothing"])
@pytest.mark.parametrize("seed", range(3))
def test_the_gradient_of_alpha_is_the_double_sum_over_the_drawn_gates(search, double_batch, drawn, seed):
    batch = double_batch(search.alpha_batches[0])
    found, loss = search.architecture_gradient(*batch, drawn, generator(seed))
    pairs = search.gates.drawn
    assert {choice: set(pair) for choice, pair in pairs.items()} == {c: set(pair) for c, pair in drawn.items()}
    assert loss.item() == pytest.approx(loss_with_gates(search, batch, {c: {on: 1.0} for c, (on, _) in pairs.items()}))
    by_gate = gate_gradients(search, batch, pairs)
    for choice, pair in pairs.items():
        p = search.alphas.values[choice].detach()[list(pair)].softmax(0).tolist()
        expected = torch.zeros(4, dtype=torch.float64)
        for i, j in itertools.product(range(2), range(2)):
            expected[pair[i]] += by_gate[choice][j] * p[j] * ((i == j) - p[i])
        torch.testing.assert_close(found[choice], expected, atol=1e-7, rtol=1e-5)
        assert found[choice].abs().sum() > 1e-6


def test_the_published_formula_with_numbers_made_by_hand(search):
    """p = (3/4, 1/4) and ∂L/∂g = (2, -1): 3/4 · (2 - 5/4) = 9/16 for the one, minus that for the other."""
    with torch.no_grad():
        for alpha in search.alphas.values.values():
            alpha.copy_(torch.tensor([0.0, 3.0, 1.0, 0.0]).log().clamp_min(-9))
    search.network = torch.nn.ModuleList(slots(search.network))
    search.network.forward = lambda x: None
    pair = {"first": [1, 2], "second": [1, 2]}

    def loss(*_):
        gates = search.gates.gates
        return sum(
            (gates[c] * torch.tensor([2.0, -1.0] if search.gates.drawn[c][0] == 1 else [-1.0, 2.0])).sum()
            for c in gates
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dfnas.search.proxyless.soft_cross_entropy", loss)
        found, _ = search.architecture_gradient(torch.zeros(1), torch.zeros(1), pair, generator(0))
    for gradient in found.values():
        assert gradient.tolist() == pytest.approx([0, 9 / 16, -9 / 16, 0])


def probabilities_among(alpha, drawn) -> torch.Tensor:
    """Release: softmax over the α of the drawn options, zero for the others (`current_prob_over_ops`)."""
    return torch.zeros_like(alpha).index_add(0, torch.tensor(drawn), alpha[drawn].softmax(0))


ALL = {"first": [0, 1, 2, 3], "second": [0, 1, 2, 3]}


@pytest.mark.parametrize("drawn", [DRAWN[0], DRAWN[2], ALL], ids=["two", "others", "all"])
@pytest.mark.parametrize(
    "cost",
    [
        {"form": "add#linear", "reference": 5.0, "beta": 0.1},
        {"form": "mul#log", "reference": 5.0, "alpha": 0.2, "beta": 0.3},
    ],
    ids=lambda cost: cost["form"],
)
def test_the_cost_is_that_of_the_drawn_options_and_scales_their_gates(
    toy_space, make_proxyless, in_double, double_batch, cost, drawn
):
    """With two drawn a release's step knows nothing of the others (`expected_flops`, mode `two`)."""
    gates = "all" if drawn is ALL else "two"
    search, plain = (in_double(make_proxyless(toy_space, cost=c, gates=gates)) for c in (cost, None))
    views, targets = double_batch(search.alpha_batches[0])
    found, _ = search.architecture_gradient(views, targets, drawn, generator(1))
    of_gates, loss = plain.architecture_gradient(views, targets, drawn, generator(1))
    entropy = -(targets * targets.clamp_min(1e-30).log()).sum(1).mean()
    assert entropy > 0.1

    def total(alphas, cross_entropy):
        macs = toy_space.macs_table().options
        expected = 2.0 + sum(
            sum(p * c / 1e6 for p, c in zip(probabilities_among(alphas[name], drawn[name]), macs[name], strict=True))
            for name in alphas
        )
        if cost["form"] == "add#linear":
            return cross_entropy + 0.1 * (expected - 5) / 5
        return 0.2 * (cross_entropy - entropy) * ((expected * 1e6).log() / torch.tensor(5e6).double().log()) ** 0.3

    alphas = {c: a.detach().clone().requires_grad_() for c, a in search.alphas.values.items()}
    cross_entropy = loss.clone().requires_grad_()
    scale, *of_cost = torch.autograd.grad(total(alphas, cross_entropy), [cross_entropy, *alphas.values()])
    for choice, gradient in zip(alphas, of_cost, strict=True):
        torch.testing.assert_close(found[choice], scale * of_gates[choice] + gradient, rtol=1e-5, atol=1e-9)
        assert (found[choice] != 0).tolist() == [option in drawn[choice] for option in range(4)]


@pytest.mark.parametrize("form", ["none", "add#linear", "mul#log"])
@pytest.mark.parametrize("space", ["toy", "darts"])
def test_an_architecture_step_keeps_the_probabilities_of_all_options_that_were_not_drawn(
    spaces, toy_space, make_proxyless, space, form
):
    space = toy_space if space == "toy" else spaces[space]
    search = make_proxyless(space, arch_every=1, cost={"form": form, "reference": 2.5, "beta": 0.5})
    moved = 0.0
    for index in range(12):
        before = search.strengths()
        search._architecture_step(index, generator(index))
        for choice, p in search.strengths().items():
            others = [i for i in range(len(p)) if i not in search.gates.drawn[choice]]
            torch.testing.assert_close(p[others], before[choice][others], rtol=1e-5, atol=0)
            moved += (p - before[choice]).abs().max().item()
    assert moved > 0.1


@pytest.mark.parametrize("seed", range(4))
def test_the_gates_of_all_options_give_the_whole_double_sum(toy_space, make_proxyless, in_double, double_batch, seed):
    """Release, mode `full_v2`: one option is on, drawn from all, and the gates of all have their gradients."""
    search = in_double(make_proxyless(toy_space, gates="all"))
    batch = double_batch(search.alpha_batches[0])
    found, loss = search.architecture_gradient(*batch, ALL, generator(seed))
    order = search.gates.drawn
    assert all(sorted(options) == [0, 1, 2, 3] for options in order.values())
    assert loss.item() == pytest.approx(loss_with_gates(search, batch, {c: {o[0]: 1.0} for c, o in order.items()}))
    for choice in order:
        by_gate = {}
        for option in range(4):
            at = []
            for move in (1e-5, -1e-5):
                gates = {c: {o: float(o == options[0]) for o in options} for c, options in order.items()}
                gates[choice][option] += move
                at.append(loss_with_gates(search, batch, gates))
            by_gate[option] = (at[0] - at[1]) / 2e-5
        p = search.alphas.values[choice].detach().softmax(0).tolist()
        expected = [sum(by_gate[j] * p[j] * ((i == j) - p[i]) for j in range(4)) for i in range(4)]
        assert found[choice].tolist() == pytest.approx(expected, rel=1e-5, abs=1e-7)
        assert found[choice].abs().min() > 1e-6


def test_with_the_gates_of_all_options_every_probability_moves_and_one_is_on_by_its_probability(
    toy_space, make_proxyless
):
    search = make_proxyless(toy_space, gates="all", arch_every=1)
    with torch.no_grad():
        for alpha in search.alphas.values.values():
            alpha.copy_(torch.tensor([0.7, 0.1, 0.1, 0.1]).log())
    before, batch = search.strengths(), search.alpha_batches[0]
    on = [0] * 4
    for seed in range(200):
        search.architecture_gradient(*batch, ALL, generator(seed))
        on[search.gates.drawn["first"][0]] += 1
    assert 115 <= on[0] <= 165  # 140 ± 4 standard deviations
    assert min(on) > 5
    search._architecture_step(0, generator(0))
    assert all((p != before[choice]).all() for choice, p in search.strengths().items())


def test_a_choice_of_a_single_option_has_nothing_to_learn_from_its_gate(make_proxyless):
    space = MBConvSpace(
        Task(1, 8, 3), stem_width=4, stem_stride=1, first_width=4, last_width=8, kernels=[3], expansions=[2],
        widths=[8], depths=[2], strides=[2],
    )  # fmt: skip
    alone = [choice for choice, options in space.choices.items() if len(options) == 1]
    assert alone
    for gates in ("two", "all"):
        search = make_proxyless(space, gates=gates, cost={"reference": 0.1})
        views, targets = search.alpha_batches[0]
        drawn = {choice: list(range(len(options)))[:2] for choice, options in space.choices.items()}
        found, _ = search.architecture_gradient(views, targets, drawn, generator(0))
        path = {choice: options[0] for choice, options in search.gates.drawn.items()}
        on = search.network(views)
        search.path.path = path
        set_mixer(search.network, search.path)
        torch.testing.assert_close(on, search.network(views))
        assert all(found[choice].abs().max() == 0 for choice in alone)


def test_a_weight_step_gives_gradients_to_what_was_sampled_alone_and_leaves_alpha(toy_space, make_proxyless):
    search = make_proxyless(toy_space)
    sampled = set()
    for index in range(5):
        before = search.strengths()
        search._weight_step(index, generator(0, index))
        path = search.path.path
        sampled.add(tuple(path.values()))
        for slot in slots(search.network):
            for i, option in enumerate(slot.options):
                assert all((p.grad is not None) == (i == path[slot.choice]) for p in option.parameters())
        assert all(torch.equal(p, before[choice]) for choice, p in search.strengths().items())
    assert len(sampled) > 1


def test_an_architecture_step_leaves_the_weights(toy_space, make_proxyless):
    search = make_proxyless(toy_space)
    before = [p.detach().clone() for p in search.network.parameters()]
    search._architecture_step(0, generator(0))
    assert all(torch.equal(a, b) for a, b in zip(before, search.network.parameters(), strict=True))


def test_paths_are_drawn_by_their_probabilities(toy_space, make_proxyless):
    search = make_proxyless(toy_space)
    p = torch.tensor([0.5, 0.3, 0.15, 0.05])
    with torch.no_grad():
        for alpha in search.alphas.values.values():
            alpha.copy_(p.log())
    draws, ones, pairs = generator(0), torch.zeros(4), torch.zeros(4)
    for _ in range(2000):
        ones[search._draw(1, draws)["first"][0]] += 1
        pair = search._draw(2, draws)["first"]
        assert len(set(pair)) == 2
        pairs[pair] += 1
    together = [p[i] + sum(p[j] * p[i] / (1 - p[j]) for j in range(4) if j != i) for i in range(4)]
    for counts, expected in ((ones, p), (pairs, torch.tensor(together))):
        assert ((counts / 2000 - expected).abs() < 5 * (expected * (1 - expected) / 2000).sqrt()).all()


@pytest.mark.parametrize("warmup", [0, 1])
def test_alpha_rests_through_the_warm_up_and_the_first_epoch_and_then_moves_every_so_often(
    toy_space, make_proxyless, warmup
):
    search = make_proxyless(toy_space, warmup_epochs=warmup, epochs=2, arch_every=2)
    per_epoch, moves = search.batches.per_epoch, []
    assert (per_epoch, search.steps) == (6, 6 * (2 + warmup))
    for index in range(search.steps):
        before = search.strengths()
        search.step(index)
        if any(not torch.equal(p, before[choice]) for choice, p in search.strengths().items()):
            moves.append(index - (1 + warmup) * per_epoch)
    assert moves == [1, 3, 5]


def test_rates_fall_by_a_cosine_of_their_own_in_warm_up_and_search(toy_space, make_proxyless):
    search, rates = make_proxyless(toy_space, warmup_epochs=1, epochs=2, warmup_lr=0.05, lr=0.025), []
    for index in range(search.steps):
        search.step(index)
        rates.append(search.optimizer.param_groups[0]["lr"])
    cosine = [0.5 * (1 + torch.tensor(torch.pi * i / n).cos().item()) for n in (6, 12) for i in range(n)]
    assert rates == pytest.approx([0.05 * c for c in cosine[:6]] + [0.025 * c for c in cosine[6:]], rel=1e-5)


def test_the_reported_losses_are_means_over_their_own_steps(toy_space, make_proxyless, monkeypatch):
    search = make_proxyless(toy_space, epochs=2, arch_every=3, label_smoothing=0.0)
    losses = {True: [], False: []}

    def recorded(*arguments):
        loss = soft_cross_entropy(*arguments)
        losses[len(arguments) == 3].append(loss.item())  # an architecture step has no smoothing
        return loss

    monkeypatch.setattr("dfnas.search.proxyless.soft_cross_entropy", recorded)
    rows = [row for index in range(search.steps) if (row := search.step(index))]
    assert len(losses[True]) == 2
    assert "architecture_loss" not in rows[0]
    assert rows[1]["architecture_loss"] == pytest.approx(sum(losses[True]) / 2, rel=1e-5)
    assert rows[1]["train_loss"] == pytest.approx(sum(losses[False][6:]) / 6, rel=1e-5)


@pytest.mark.parametrize("other", [0, 1, 2])
def test_where_a_block_is_left_out_its_gates_still_learn(search, double_batch, other):
    """In the release a block whose active option is Zero skips its gradient (search/modules/mix_op.py)."""
    zero, batch = 3, double_batch(search.alpha_batches[0])
    with torch.no_grad():
        for alpha in search.alphas.values.values():
            alpha[zero] = alpha[other] + 3
    drawn = {choice: [other, zero] for choice in search.alphas.values}
    found, _ = search.architecture_gradient(*batch, drawn, generator(0))
    assert all(pair == (zero, other) for pair in search.gates.drawn.values())  # (on, off)
    by_gate = gate_gradients(search, batch, search.gates.drawn)
    p = torch.tensor([3.0, 0.0], dtype=torch.float64).softmax(0).tolist()
    for choice, (on_zero, on_other) in by_gate.items():
        assert on_zero == pytest.approx(0, abs=1e-9)
        expected = p[1] * (on_other - p[1] * on_other)
        assert found[choice][other].item() == pytest.approx(expected, rel=1e-5)
        assert found[choice][zero].item() == pytest.approx(-expected, rel=1e-5)
        assert abs(expected) > 1e-6


def kept_for_backward(search, step) -> int:
    """Bytes that autograd keeps while `step` runs, weights aside."""
    weights, kept = {p.data_ptr() for p in search.network.parameters()}, {}

    def pack(tensor):
        if tensor.data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        step()
    return sum(storage.nbytes() for storage in kept.values())


@pytest.fixture
def kept_by_kernels(make_proxyless):
    """kept_by_kernels(kernels): bytes that a step keeps on one path, on two with gates, with the gates of all, and
    on all options mixed."""
    sizes = {"stem_width": 4, "stem_stride": 1, "first_width": 4, "last_width": 8, "expansions": [6]}
    stages = {"widths": [8, 16], "depths": [3, 3], "strides": [1, 2]}

    def kept(kernels):
        space = MBConvSpace(Task(1, 8, 3), **sizes, **stages, kernels=kernels)
        search = make_proxyless(space)
        views, targets = search.alpha_batches[0]
        pair = {choice: [0, 1] for choice in space.choices}
        search.path.path = dict.fromkeys(space.choices, 0)
        mixture = SoftmaxMixture()
        mixture.weights = search.alphas.probabilities()

        def run(mixer):
            set_mixer(search.network, mixer)
            return soft_cross_entropy(search.network(views), targets)

        def stepped(search, drawn):
            return kept_for_backward(search, lambda: search.architecture_gradient(views, targets, drawn, generator(0)))

        one, two = kept_for_backward(search, lambda: run(search.path)), stepped(search, pair)
        every = stepped(
            make_proxyless(space, gates="all"), {choice: list(range(len(o))) for choice, o in space.choices.items()}
        )
        return one, two, every, kept_for_backward(search, lambda: run(mixture))

    return kept


def test_an_architecture_step_keeps_at_most_two_paths_however_many_options_there_are(kept_by_kernels):
    """Section 3.2.1: the memory of two paths, where DARTS needs that of all; with the gates of all options, that of
    one."""
    few, many = (kept_by_kernels(k) for k in ([3, 5], [3, 5, 7, 9, 11, 13]))
    one, two, every, mixed = few
    assert two <= 2 * one
    assert every <= 1.3 * one
    assert many[:3] == pytest.approx(few[:3], rel=0.02)
    assert mixed > 1.5 * one
    assert many[3] > 4 * one


def test_the_cost_may_be_measured_milliseconds(toy_space, make_proxyless):
    latency = CostTable(toy_space.choices, 1.5, {"first": (4.0, 2.0, 0.5, 0.0), "second": (1.0, 1.0, 1.0, 9.0)})
    cost = {"form": "add#linear", "measure": "latency", "reference": 5.0, "beta": 0.1}
    search = make_proxyless(toy_space, cost=cost, latency=latency)
    free = make_proxyless(toy_space)
    batch = search.alpha_batches[0]
    found, loss = search.architecture_gradient(*batch, DRAWN[0], generator(1))
    plain, without = free.architecture_gradient(*batch, DRAWN[0], generator(1))
    among = {c: probabilities_among(alpha, DRAWN[0][c]) for c, alpha in search.alphas.values.items()}
    expected = latency.expected(among)
    assert (loss - without).item() == pytest.approx(0.1 * (expected.item() - 5) / 5, rel=1e-4)
    of_cost = torch.autograd.grad(0.1 * expected / 5, search.alphas.leaves())
    for choice, gradient in zip(found, of_cost, strict=True):
        torch.testing.assert_close(found[choice], plain[choice] + gradient, rtol=1e-4, atol=1e-6)
    with pytest.raises(InputError, match=r"cost.measure = latency needs the measured latency table"):
        make_proxyless(toy_space, cost=cost)


def test_the_history_tells_what_the_search_expects_to_spend(toy_space, spaces, make_proxyless):
    space = spaces["mbconv"]
    latency = CostTable(space.choices, 2.0, {c: tuple(map(float, range(len(o)))) for c, o in space.choices.items()})
    search = make_proxyless(space, epochs=2, arch_every=1, latency=latency)
    row = [row for index in range(search.steps) if (row := search.step(index))][-1]
    p = search.alphas.probabilities()
    assert row["expected_latency_ms"] == pytest.approx(latency.expected(p).item())
    assert row["expected_macs_m"] == pytest.approx(space.macs_table().expected(p).item() / 1e6)
    assert row["expected_params_m"] == pytest.approx(space.parameters_table().expected(p).item() / 1e6)
    assert "expected_latency_ms" not in make_proxyless(space).expected_costs()


@pytest.mark.parametrize(("fixed", "reference"), [(0.5, 20.0), (1.5, 0.9)])
def test_a_logarithm_of_less_than_a_millisecond_is_refused_before_the_search(
    toy_space, make_proxyless, fixed, reference
):
    latency = CostTable(toy_space.choices, fixed, {})
    with pytest.raises(InputError, match=r"mul#log needs costs above 1.*take add#linear"):
        make_proxyless(toy_space, cost={"measure": "latency", "reference": reference}, latency=latency)


def test_what_is_derived_is_the_strongest_option_of_every_block(spaces, make_proxyless):
    search = make_proxyless(spaces["mbconv"])
    with torch.no_grad():
        for place, alpha in enumerate(search.alphas.values.values()):
            alpha[place % len(alpha)] += 1.0
    names = [options[place % len(options)] for place, options in enumerate(spaces["mbconv"].choices.values())]
    assert list(search.architecture().values()) == names
