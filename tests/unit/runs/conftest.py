"""Runs made by hand: a few artifacts each, in the form in which the stages leave them."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from made_artifacts import network_metrics, quality, said

from dfnas.artifacts.metrics import NetworkMetrics
from dfnas.artifacts.predictions import write_predictions
from dfnas.artifacts.table1 import Table1Row
from dfnas.artifacts.table1_times import CostRow
from dfnas.artifacts.teacher import save_teacher
from dfnas.classifiers.description import TeacherSpec
from dfnas.dataset.writing import Records, write_dataset, write_shard
from dfnas.runtime.files import write_json
from dfnas.tables.rows import by_row, row_of

SETTINGS = {"lr": 0.1, "space": {"name": "darts", "options": {"cells": 3}}, "schedule": "cosine"}
CONFIGURATION = {"results_dir": "a", "search_darts": SETTINGS, "evaluate": {"batch_size": 256}, "sources": {}}
CHOICES = {"normal/2-0": "skip_connect", "normal/2-1": "none"}
TARGETS = torch.arange(200) % 2
WRONG = ((0, 1, 2, 3), (2, 3, 4, 5))
"""Images on which the networks of the two seeds err."""


class MadeRun:
    """A run in a folder; each method adds artifacts, and all take what is to be different."""

    def __init__(self, path: Path):
        self.path = path

    def record(self, packages: dict | None = None, **changes: Any) -> None:
        configuration = copy.deepcopy(CONFIGURATION) | {"results_dir": str(self.path)} | changes
        packages = {"torch": "2.14.1"} | (packages or {})
        write_json(self.path / "run.json", {"configuration": configuration, "packages": packages})

    def teacher(self, weight: float = 1.0) -> None:
        path = self.path / "teacher" / "teacher.pt"
        arguments = {"teacher": json.dumps({"builder": "mine:net"}), "out": str(path)}
        provenance = said("pretrain_teacher", settings={"epochs": 2}, arguments=arguments)
        save_teacher(path, TeacherSpec(builder="mine:net"), {"weight": torch.full((3,), weight)}, provenance)

    def dataset(self, brightness: int = 9) -> None:
        folder = self.path / "dataset"
        attributes = {"size": [4, 4], "mean": [0.5], "std": [0.5], "class_names": ["a", "b"]}
        attributes["provenance"] = said("shard_original", settings={"limit": 0}, inputs={str(folder): "0"})
        targets = np.arange(8) % 2
        images = np.full((8, 1, 4, 4), brightness, np.uint8)
        write_shard(folder / "original" / "shard-0.h5", images, targets, attributes)
        split = np.arange(8) // 4
        labels = Records(np.eye(2, dtype=np.float32)[targets], targets, np.zeros(8, np.int32), split.astype(np.uint8))
        write_dataset(folder / "original.h5", [folder / "original" / "shard-0.h5"], labels, attributes)

    def architecture(self, seed: int = 0, settings: dict | None = None, **choices: str) -> None:
        document = {"space": {"name": "darts"}, "choices": CHOICES | choices, "macs": 9, "parameters": 3}
        provenance = said("search_darts", settings=SETTINGS | (settings or {}))
        path = self.path / "search" / "darts" / "original" / f"seed-{seed}" / "architecture.json"
        write_json(path, document | {"provenance": provenance})

    def networks(self, wrong=WRONG, targets: torch.Tensor = TARGETS, data: str = "original") -> list[NetworkMetrics]:
        """Evaluates a network for each seed, which errs on the images named."""
        networks = []
        for seed, images in enumerate(wrong):
            predicted = targets.clone()
            predicted[list(images)] = 1 - predicted[list(images)]
            place = self.path / "evaluate" / "darts" / data / "original" / f"seed-{seed}"
            figures = {"top1_error": len(images) / len(targets), "top5_error": 0.0}
            found = {"search_data": data, "seed": seed, "architecture": f"{self.path}/{seed}.json"}
            networks.append(network_metrics(**figures, **found))
            networks[-1].write(place / "metrics.json")
            write_predictions(place / "predictions.csv", targets, predicted, torch.ones(len(targets)))
        return networks

    def table(self, networks: list[NetworkMetrics]) -> None:
        Table1Row.write(self.path / "table1.csv", map(row_of, by_row(networks).values()))

    def costs(self, **figures: Any) -> None:
        named = {"algorithm": "a", "space": "b", "search_data": "c", "retrain_data": "d"}
        devices = {"search_device": "", "retrain_device": ""}
        CostRow.write(self.path / "table1_times.csv", [CostRow(**named, **devices, **figures)])

    def quality(self, **figures: Any) -> None:
        quality(**figures).write(self.path / "quality" / "synthetic" / "generation-0.json")

    def everything(self) -> "MadeRun":
        self.record()
        self.teacher()
        self.dataset()
        self.architecture()
        self.table(self.networks())
        self.costs()
        self.quality()
        return self


@pytest.fixture
def made(tmp_path) -> Callable[[str], MadeRun]:
    """made(name): an empty run in a folder of that name."""
    return lambda name: MadeRun(tmp_path / name)
