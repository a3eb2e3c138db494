"""Benchmarks run with the code as it is: each of our steps once, and what bounds it."""

import argparse
import importlib.util
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
# Multiply-accumulates of one image, in millions, as published (darts: of its search network, counted here alone).
MACS_M = {"spos-step": (290, 360), "spos-candidate": (290, 360), "proxyless-weights": (250, 600), "darts": (200, 2000)}
PASSES = {"spos-step": 3 * 32, "spos-candidate": 2 * 64, "proxyless-weights": 3 * 32, "darts": 5 * 2}


@pytest.fixture(scope="module")
def search():
    sys.path.insert(0, str(BENCHMARKS))
    specification = importlib.util.spec_from_file_location("benchmark_of_search", BENCHMARKS / "search.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    yield module
    sys.path.remove(str(BENCHMARKS))


@pytest.mark.parametrize("part", ["darts", "spos-step", "spos-candidate", "proxyless-weights", "small"])
def test_a_step_of_ours_runs_and_its_bound_is_that_of_published_networks(search, part):
    options = argparse.Namespace(part=part, order=1, batch=2)
    search.our_step(options)(0)
    if part in MACS_M:
        low, high = MACS_M[part]
        assert low < search.bound_gflop(options) / PASSES[part] / 2e-3 < high
