"""Stages called as the workflow calls them, but in this process, and the arguments for a small chain of them."""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

from calling import call as run  # noqa: F401 -- as all tests here call it

INVERSION = [
    *("--batch-size", "20", "--canvas-margin", "2", "--warmup-steps", "1", "--flip", "false"),
    *("--stages", '[{"downscale": 2, "steps": 3}, {"downscale": 1, "steps": 3}]'),
]
TEACHER = {
    "builder": "dfnas.cifar_resnet:cifar_resnet",
    "arguments": {"depth": 8, "widths": [4, 8, 8], "channels": 1, "classes": 10},
    "classes": 10,
    "channels": 1,
    "size": 8,
    "mean": [0.3],
    "std": [0.35],
}
SPACE = json.dumps({"name": "shufflenet", "options": {"stem_width": 4, "widths": [8], "depths": [2], "strides": [2]}})


def contents(folder: Path) -> dict[str, str]:
    """A digest of every file in a folder; locks and checkpoints do not count."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and ".dfnas" not in path.parts
    }


class Commands(NamedTuple):
    """The arguments of each stage on the chain in a folder."""

    folder: Path

    def shard_original(self) -> list:
        shards = [self.folder / f"original-{shard}.h5" for shard in range(2)]
        source = ["--size", "8", "--mean", "[0.3]", "--std", "[0.35]", "--limit", "200", "--shards", "2"]
        return ["--out", self.folder / "original.h5", "--shard-files", *shards, *source]

    def pretrain_teacher(self) -> list:
        files = ["--dataset", self.folder / "original.h5", "--history", self.folder / "teacher.csv"]
        settings = ["--epochs", "1", "--batch-size", "16", "--augmentation", '{"pad": 1, "flip": false}']
        return ["--out", self.folder / "teacher.pt", "--teacher", json.dumps(TEACHER), *files, *settings]

    def import_teacher(self, weights: Path, **changed) -> list:
        settings = {**TEACHER, "weights": str(weights), **changed}
        options = [part for key, value in settings.items() for part in (f"--{key}", json.dumps(value))]
        return ["--out", self.folder / "imported.pt", *options]

    def invert_teacher(self) -> list:
        place = ["--generation", "0", "--first-batch", "0", "--batches", "2"]
        files = ["--out", self.folder / "shard.h5", "--history", self.folder / "shard.csv"]
        return ["--teacher", self.folder / "teacher.pt", *place, *files, *INVERSION]

    def calibrate_labels(self) -> list:
        files = ["--teacher", self.folder / "teacher.pt", "--shards", self.folder / "shard.h5", "--generation", "0"]
        return [*files, "--out", self.folder / "labels.h5", "--report", self.folder / "labels.json"]

    def assess_images(self) -> list:
        files = ["--teacher", self.folder / "teacher.pt", "--shards", self.folder / "shard.h5", "--generation", "0"]
        files += ["--labels", self.folder / "labels.h5", "--picture", self.folder / "quality.png"]
        return [*files, "--out", self.folder / "quality.json"]

    def draw_images(self) -> list:
        files = ["--shards", self.folder / "shard.h5", "--reports", self.folder / "quality.json"]
        return [*files, "--out", self.folder / "picture.png", "--plots", self.folder / "plots.png"]

    def shard_dataset(self) -> list:
        files = ["--shards", self.folder / "shard.h5", "--labels", self.folder / "labels.h5"]
        return [*files, "--out", self.folder / "synthetic.h5"]

    def judge_images(self) -> list:
        files = ["--teacher", self.folder / "teacher.pt", "--synthetic", self.folder / "synthetic.h5"]
        files += ["--original", self.folder / "original.h5", "--history", self.folder / "student.csv"]
        settings = ["--arguments", json.dumps(TEACHER["arguments"]), "--epochs", "2", "--batch-size", "8"]
        return [*files, "--out", self.folder / "judgement.json", *settings]

    def search_random(self) -> list:
        task = ["--channels", "1", "--size", "8", "--classes", "10", "--seed", "0"]
        return [*task, "--space", SPACE, "--out", self.folder / "architecture.json"]

    def draw_search(self, **files: Path) -> list:
        row = ["--algorithm", "random", "--search-data", "none", "--seed", "0", "--out", self.folder / "search.png"]
        options = [part for name, file in files.items() for part in (f"--{name}", file)]
        return [*row, "--architecture", self.folder / "architecture.json", *options]

    def retrain(self) -> list:
        files = ["--architecture", self.folder / "architecture.json", "--dataset", self.folder / "synthetic.h5"]
        row = ["--algorithm", "random", "--search-data", "none", "--retrain-data", "synthetic", "--seed", "0"]
        out = [self.folder / "model.pt", "--history", self.folder / "m.csv", "--timing", self.folder / "m.json"]
        return [*files, *row, "--out", *out, "--epochs", "2", "--batch-size", "8"]

    def draw_training(self, history: str = "m.csv") -> list:
        data = ["--algorithm", "random", "--search-data", "none", "--retrain-data", "synthetic"]
        return [*data, "--histories", self.folder / history, "--out", self.folder / "curves.png"]

    def evaluate(self, network: str = "model.pt") -> list:
        files = ["--network", self.folder / network, "--teacher", self.folder / "teacher.pt"]
        files += ["--dataset", self.folder / "original.h5", "--held-out", self.folder / "synthetic.h5"]
        return [*files, "--out", self.folder / "metrics.json", "--predictions", self.folder / "predictions.csv"]

    def export(self) -> list:
        files = ["--networks", self.folder / "model.pt", "--datasets", self.folder / "synthetic.h5"]
        files += ["--onnx", self.folder / "model.onnx", "--program", self.folder / "model.pt2"]
        return [*files, "--out", self.folder / "model.safetensors"]

    def measure_latency(self) -> list:
        networks = ["--networks", self.folder / "teacher.pt", self.folder / "model.pt"]
        return [*networks, "--out", self.folder / "latency.csv", "--batch-sizes", "[1, 3]", "--repeats", "2"]

    def model_card(self) -> list:
        files = ["--network", self.folder / "model.safetensors", "--onnx", self.folder / "model.onnx"]
        files += ["--program", self.folder / "model.pt2", "--metrics", self.folder / "metrics.json"]
        files += ["--teacher", self.folder / "teacher.pt", "--latency", self.folder / "latency.csv"]
        return [*files, "--out", self.folder / "README.md"]


ORDER = (
    "shard_original",
    "pretrain_teacher",
    "invert_teacher",
    "calibrate_labels",
    "assess_images",
    "draw_images",
    "shard_dataset",
    "search_random",
    "draw_search",
    "retrain",
    "draw_training",
    "evaluate",
    "export",
    "measure_latency",
    "model_card",
)
