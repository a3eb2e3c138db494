"""Plans of configurations, made as Snakemake makes them before it looks at any rule."""

import sys
from typing import Any

import yaml
from running import ROOT
from snakemake.utils import update_config

sys.path.insert(0, str(ROOT / "workflow"))
from plan import Plan


def made(laid_over: dict[str, Any]) -> Plan:
    """The plan of an overlay, laid over config.yaml as Snakemake lays it."""
    values = yaml.safe_load((ROOT / "config.yaml").read_text())
    update_config(values, laid_over)
    return Plan(values, laid_over)
