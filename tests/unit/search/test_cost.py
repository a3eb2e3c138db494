"""The expected cost of a distribution over architectures, against the average over all of them."""

import itertools
import math

import pytest
import torch

from dfnas.search.cost import with_cost
from dfnas.settings.search_proxyless import CostTermSettings
from dfnas.training.losses import soft_cross_entropy


@pytest.mark.parametrize("name", ["mbconv", "shufflenet", "toy"])
def test_expected_macs_are_the_mean_over_every_architecture(spaces, toy_space, name):
    space = toy_space if name == "toy" else spaces[name]
    torch.manual_seed(0)
    p = {choice: torch.randn(len(options)).softmax(0) for choice, options in space.choices.items()}
    total = 0.0
    for options in itertools.product(*space.choices.values()):
        architecture = dict(zip(space.choices, options, strict=True))
        share = math.prod(p[c][space.choices[c].index(o)].item() for c, o in architecture.items())
        total += share * space.macs(architecture)
    assert space.macs_table().expected(p).item() == pytest.approx(total, rel=1e-5)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"form": "none"}, 1.5),
        ({"form": "add#linear", "reference": 300, "beta": 0.1}, 1.5 + 0.1 * (330 - 300) / 300),
        (
            {"form": "mul#log", "reference": 300, "alpha": 0.2, "beta": 0.3},
            0.2 * 1.5 * (math.log(330e6) / math.log(300e6)) ** 0.3,
        ),
    ],
)
def test_the_loss_with_cost_has_its_published_form(settings, expected):
    classes = torch.eye(10)[[3, 7]]
    loss = with_cost(torch.tensor(1.5), classes, torch.tensor(330e6), CostTermSettings(**settings))
    assert loss.item() == pytest.approx(expected, rel=1e-6)


def test_a_product_weighs_the_cost_by_what_soft_labels_leave_to_learn():
    """At the labels' own entropy a network is perfect: 0, as with classes, whatever the temperature."""
    settings = CostTermSettings(reference=300, alpha=0.2, beta=0.3)
    logits = torch.tensor([[9.0, 2.0, -1.0], [0.0, 4.0, 1.0]])
    for temperature in (1.0, 8.0):
        labels = (logits / temperature).softmax(1)
        for apart in (0.0, 0.25):
            loss = soft_cross_entropy(logits, labels, temperature) + apart
            found = with_cost(loss, labels, torch.tensor(330e6), settings)
            expected = 0.2 * apart * (math.log(330e6) / math.log(300e6)) ** 0.3
            assert found.item() == pytest.approx(expected, abs=1e-6)
    assert with_cost(torch.tensor(1.5), labels, torch.tensor(330e6), CostTermSettings(form="none")).item() == 1.5
