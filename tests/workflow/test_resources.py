"""What jobs reserve, and what a retry gets more."""

import pytest
import yaml
from running import ROOT


@pytest.fixture
def reserved(monkeypatch):
    """What a rule's jobs reserve in an attempt, with some resources said."""
    monkeypatch.syspath_prepend(str(ROOT / "workflow"))
    from plan import Plan

    def reserve(rule: str, attempt: int, resources: dict) -> dict[str, int]:
        values = yaml.safe_load((ROOT / "config.yaml").read_text()) | {"resources": resources}
        said = Plan(values, {}).resources(rule)
        return {name: n({}, attempt=attempt) if callable(n) else n for name, n in said.items()}

    return reserve


@pytest.mark.parametrize("attempt", [1, 2, 4])
def test_every_attempt_gets_once_more_of_time_and_memory(reserved, attempt):
    said = {"default": {"gpu": 1}, "retrain": {"mem_mb": 1000, "runtime": 60}}
    assert reserved("retrain", attempt, said) == {"gpu": 1, "mem_mb": 1000 * attempt, "runtime": 60 * attempt}


def test_up_to_what_the_cluster_has(reserved):
    said = {"default": {"max_mem_mb": 2500, "max_runtime": 100}, "retrain": {"mem_mb": 1000, "runtime": 60}}
    assert reserved("retrain", 3, said) == {"gpu": 0, "mem_mb": 2500, "runtime": 100}


@pytest.mark.parametrize(
    ("rule", "gpus"), [("search_darts", 1), ("search_random", 0), ("table1", 0), ("draw_images", 0)]
)
def test_no_gpu_waits_for_what_has_no_use_for_one(reserved, rule, gpus):
    assert reserved(rule, 1, {"default": {"gpu": 1}})["gpu"] == gpus
