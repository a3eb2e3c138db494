"""Seeds are a function of their purpose alone."""

import pytest
import torch

from dfnas.runtime.seeds import derive, generator, python_random, reseed

PURPOSE = (3, "inversion", 2, 7)


def test_a_seed_never_changes_between_versions():
    assert derive(0) == 3582888934675442504
    assert derive(0, "augment", 12) == 7880429146264639509


@pytest.mark.parametrize(
    "other",
    [
        (4, "inversion", 2, 7),
        (3, "inversions", 2, 7),
        (3, "inversion", 7, 2),
        (3, "inversion", 27),
        (3, "inversion", "2", 7),
        (3, "inversion", 2),
        (3, "inversion", 2, 7, 0),
    ],
)
def test_every_part_of_the_purpose_counts(other):
    assert derive(*PURPOSE) != derive(*other)


def test_seeds_fit_every_generator():
    seeds = [derive(i, "x") for i in range(1000)]
    assert len(set(seeds)) == 1000
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert max(seeds) > 2**61


@pytest.mark.parametrize("draw", [lambda g: torch.rand(3, generator=g).tolist(), lambda g: torch.randperm(9).tolist()])
def test_draws_for_one_purpose_do_not_depend_on_draws_for_others(draw):
    reseed(*PURPOSE)
    alone = draw(generator(*PURPOSE))
    torch.rand(5)
    generator(0, "other").manual_seed(1)
    first = generator(3, "inversion", 2, 8)
    torch.rand(4, generator=first)
    reseed(*PURPOSE)
    assert draw(generator(*PURPOSE)) == alone


def test_python_and_torch_generators_repeat():
    assert python_random(*PURPOSE).random() == python_random(*PURPOSE).random()
    assert python_random(*PURPOSE).random() != python_random(4).random()
    assert torch.equal(*(torch.randn(4, generator=generator(*PURPOSE)) for _ in range(2)))
