"""Training-free scores against the code of their publications, on cells of NAS-Bench-201.

The figures come from running that code on its own networks of these cells (4 channels, one cell a stage, 5 classes),
with the weights and images of `filled` and `wave`, and the signs of torch's generator at seed 0:

- expressivity, progressivity, trainability, NASWOT, SynFlow: cvlab-yonsei/AZ-NAS at 5e6683a, NB201/ZeroShotProxy;
- jacov, grad-norm: mohsaied/zero-cost-nas at ca61347, foresight/pruners/measures;
- ZiCo: SLDGroup/ZiCo at b0fec65, ZeroShotProxy/compute_zico.py.
"""

import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from dfnas.proxies.az_nas import block_terms
from dfnas.proxies.gradients import grad_norm, zico
from dfnas.proxies.jacov import jacov
from dfnas.proxies.naswot import naswot
from dfnas.proxies.synflow import synflow
from dfnas.spaces.nasbench201 import NASBench201Space
from dfnas.spaces.space import Task

SIDE, IMAGES, CLASSES = 8, 6, 5
SPACE = NASBench201Space(Task(3, SIDE, CLASSES), channels=4, cells_per_stage=1)
PUBLISHED = {
    "nor_conv_3x3 none skip_connect nor_conv_3x3 skip_connect nor_conv_3x3": {
        "expressivity": 10.331093788146973,
        "progressivity": -0.02323126792907715,
        "trainability": -0.6567113835525663,
        "naswot": 42.90023023906899,
        "synflow": 1749864242491.7256,
        "zico": 128.3617401123047,
        "grad_norm": 16.21605145931244,
        "jacov": -6.150893522843931,
    },
    "nor_conv_1x1 avg_pool_3x3 nor_conv_3x3 none nor_conv_3x3 avg_pool_3x3": {
        "expressivity": 10.484859943389893,
        "progressivity": -0.06747353076934814,
        "trainability": -0.5370250343027403,
        "naswot": 43.24803120832294,
        "synflow": 1099187830960.0029,
        "zico": 119.12447357177734,
        "grad_norm": 18.333802580833435,
        "jacov": -6.180482987278419,
    },
    # Two edges are nothing and one passes the input on: what every cell gives is its input.
    "none none nor_conv_3x3 skip_connect none none": {
        "expressivity": 11.055592060089111,
        "progressivity": 0.0,
        "trainability": -math.inf,
        "naswot": 37.21097195278111,
        "synflow": 3026514.2303568213,
        "zico": 60.67695236206055,
        "grad_norm": 7.099828809499741,
        "jacov": -6.522331065644397,
    },
}


def wave(count: int, phase: float) -> torch.Tensor:
    """Numbers between -1 and 1 without an order that a linear map would see."""
    return (torch.arange(count, dtype=torch.float64).square() * 0.73 + phase).sin()


def filled(cell: str) -> nn.Module:
    """The network of a cell with weights by a formula: of variance about 2 / fan-in, without a bias."""
    network = SPACE.network(dict(zip(SPACE.choices, cell.split(), strict=True))).train()
    with torch.no_grad():
        for place, weights in enumerate(network.parameters()):
            if weights.ndim > 1:
                values = wave(weights.numel(), 0.37 * place) * math.sqrt(4 / weights[0].numel())
                weights.copy_(values.view(weights.shape))
        network[-1].bias.zero_()
    return network


BATCHES = [
    (
        wave(IMAGES * 3 * SIDE * SIDE, phase).view(IMAGES, 3, SIDE, SIDE).float(),
        F.one_hot((torch.arange(IMAGES) * step + first) % CLASSES, CLASSES).float(),
    )
    for phase, step, first in ((0.1, 1, 0), (0.2, 2, 1))
]


def scores(cell: str) -> dict[str, float]:
    network, images = filled(cell), BATCHES[0][0]
    terms = block_terms(network, SPACE.feature_blocks(network), images, torch.Generator().manual_seed(0))
    return terms._asdict() | {
        "naswot": naswot(filled(cell), images),
        "synflow": synflow(filled(cell), (3, SIDE, SIDE)),
        "zico": zico(filled(cell), BATCHES),
        "grad_norm": grad_norm(filled(cell), BATCHES[0]),
        "jacov": jacov(filled(cell), images),
    }


@pytest.mark.parametrize("cell", PUBLISHED)
def test_scores_are_those_of_the_published_code(cell):
    assert scores(cell) == pytest.approx(PUBLISHED[cell], rel=1e-4, abs=1e-5)


def test_the_cell_without_an_edge_has_no_entropy_and_lets_no_gradient_through():
    found = scores(" ".join(["none"] * 6))
    assert (found["expressivity"], found["progressivity"]) == (-math.inf, -math.inf)
    # As published: a σ of 0 gives 2 - 0 - 1/10⁻⁶ for cells; two of the five blocks are residual, whose input is zero.
    assert found["trainability"] < -3e5
    assert found["jacov"] == -math.inf
