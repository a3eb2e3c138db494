"""What jobs reserve, and what a retry gets more."""

import pytest
from plans import made


def reserved(rule: str, attempt: int, resources: dict) -> dict[str, int]:
    """What a rule's jobs reserve in an attempt, with some resources said."""
    said = made({"resources": resources}).resources(rule)
    return {name: n({}, attempt=attempt) if callable(n) else n for name, n in said.items()}


@pytest.mark.parametrize("attempt", [1, 2, 4])
def test_every_attempt_gets_once_more_of_time_and_memory(attempt):
    said = {"default": {"gpu": 1}, "retrain": {"mem_mb": 1000, "runtime": 60}}
    assert reserved("retrain", attempt, said) == {"gpu": 1, "mem_mb": 1000 * attempt, "runtime": 60 * attempt}


def test_up_to_what_the_cluster_has():
    said = {"default": {"max_mem_mb": 2500, "max_runtime": 100}, "retrain": {"mem_mb": 1000, "runtime": 60}}
    assert reserved("retrain", 3, said) == {"gpu": 0, "mem_mb": 2500, "runtime": 100}


@pytest.mark.parametrize(
    ("rule", "gpus"),
    [
        ("supernet_darts", 1),
        ("search_darts", 1),  # which ranks
        ("search_proxyless", 0),  # which reads off what its supernet has learnt
        ("search_spos", 1),
        ("search_random", 0),
        ("table1", 0),
        ("draw_images", 0),
    ],
)
def test_no_gpu_waits_for_what_has_no_use_for_one(rule, gpus):
    assert reserved(rule, 1, {"default": {"gpu": 1}})["gpu"] == gpus
