"""Stages called as the workflow calls them, but in this process, and the arguments for a small chain of them."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import h5py
import preloaded
from calling import call as run

ROOT = Path(__file__).resolve().parents[2]
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


def start(action: str, name: str, *arguments: str | Path) -> subprocess.Popen:
    """A stage in a process of its own, see driver.py; in one that is to be stopped the interpreter itself."""
    interpreter = sys.executable if action.startswith("stop") else preloaded.commands() / "python"
    command = [interpreter, Path(__file__).with_name("driver.py"), action, name, "--device", "cpu", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(list(map(str, command)), env=environment, stderr=subprocess.PIPE, text=True)


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

FOUND = ["found.json", "found.csv", "found.candidates", "found.strengths"]
TRAINED, WITHIN = ["supernet.pt"], ["budgets.csv"]
KILLED = {
    "invert_teacher in its first batch": ("invert_teacher", 2, ["shard.h5"]),
    "invert_teacher in its second batch": ("invert_teacher", 9, ["shard.h5"]),
    "pretrain_teacher": ("pretrain_teacher", 7, ["teacher.pt", "teacher.csv"]),
    "retrain": ("retrain", 3, ["model.pt", "m.csv"]),
    "judge_images": ("judge_images", 3, ["judgement.json", "student.csv"]),
    "supernet_darts": ("supernet_darts", 2, TRAINED),
    "supernet_darts in its selection": ("supernet_darts", 4, TRAINED),
    "supernet_proxyless": ("supernet_proxyless", 2, TRAINED),
    "supernet_spos": ("supernet_spos", 2, TRAINED),
    "search_spos": ("search_spos", 5, FOUND),
    "search_evolution in a candidate": ("search_evolution", 5, FOUND),
    "search_random in a candidate": ("search_random", 3, FOUND),
    "within_budgets of spos under the first": ("within_budgets spos", 5, WITHIN),
    "within_budgets of spos between two": ("within_budgets spos", 12, WITHIN),
    "within_budgets of spos under the second": ("within_budgets spos", 17, WITHIN),
    "within_budgets of darts": ("within_budgets darts", 1, WITHIN),
    "within_budgets of random in a candidate": ("within_budgets random", 5, WITHIN),
}
"""Stages, the number of the checkpoint after which each is killed, and what it leaves."""
BUDGETS = '[{}, {"max_macs_m": 0.0452}]'
TASK = ["--channels", "1", "--size", "8", "--classes", "10"]
SUPERNET = {
    "supernet_darts": ["--epochs", "2", "--batch-size", "8"],
    "supernet_darts in its selection": [
        *("--epochs", "1", "--batch-size", "8", "--selection", '{"by": "perturbation", "tune_epochs": 1}'),
    ],
    "supernet_proxyless": ["--epochs", "2", "--warmup-epochs", "1", "--batch-size", "16", "--arch-every", "1"],
    "supernet_spos": ["--steps", "4", "--batch-size", "8"],
}
"""How the supernets are trained, of which the searches below are told, too."""
SEARCH = {
    "search_darts": SUPERNET["supernet_darts"],
    "search_proxyless": SUPERNET["supernet_proxyless"],
    "search_evolution": [
        *("--steps", "2", "--cycles", "4", "--population", "2", "--sample", "1", "--batch-size", "8"),
        *("--labels", "teacher", "--downscale", "2"),
    ],
    "search_random": ["--draws", "2", "--steps", "2", "--batch-size", "8"],
    "search_spos": [
        *SUPERNET["supernet_spos"],
        "--evolution",
        '{"generations": 3, "population": 4, "parents": 2, "crossover": 2, "mutation": 2, '
        '"recalibration_batches": 1, "recalibration_batch_size": 8}',
        *("--budget", '{"max_macs_m": 0}'),
    ],
}


def arguments_of(chain: Commands, name: str, case: str) -> list:
    """The stage on the chain; searches leave `found.*`, and have the supernet that they stand on made."""
    if name in SUPERNET:
        files = ["--out", chain.folder / "supernet.pt", "--timing", chain.folder / "supernet.json"]
        data = ["--dataset", chain.folder / "synthetic.h5", "--search-data", "synthetic", "--seed", "0"]
        return [*files, *data, "--space", SPACE, *SUPERNET.get(case, SUPERNET[name])]
    if name.startswith("within_budgets "):
        out = ["--out", chain.folder / "budgets.csv", "--budgets", BUDGETS]
        return [*out, *inputs_of_search(chain, name.replace("within_budgets ", "search_"))]
    if name in SEARCH:
        kinds = {"out": "json", "history": "csv"} | {name: name for name in ("timing", "candidates", "strengths")}
        files = [part for option, kind in kinds.items() for part in (f"--{option}", chain.folder / f"found.{kind}")]
        return [*files, *inputs_of_search(chain, name)]
    return getattr(chain, name)()


def inputs_of_search(chain: Commands, name: str) -> list:
    """What a search stands on, with its settings."""
    supernet, inputs = name.replace("search_", "supernet_"), []
    if supernet in SUPERNET:
        if not (chain.folder / "supernet.pt").exists():
            assert run(supernet, *arguments_of(chain, supernet, supernet)) == 0
        inputs += ["--supernet", chain.folder / "supernet.pt"]
    if name in ("search_darts", "search_proxyless"):
        inputs += TASK
    else:
        inputs += ["--dataset", chain.folder / "synthetic.h5"]
    if "teacher" in SEARCH[name]:
        inputs += ["--teacher", chain.folder / "teacher.pt"]
    return [*inputs, "--search-data", "synthetic", "--seed", "0", "--space", SPACE, *SEARCH[name]]


def made_and_removed(chain: Commands, name: str, arguments: list, outputs: list[str]) -> dict[str, bytes]:
    """What a stage leaves that nobody disturbs, by the name of the file, which is then gone."""
    assert run(name, *arguments) == 0
    whole = {output: (chain.folder / output).read_bytes() for output in outputs}
    for output in outputs:
        (chain.folder / output).unlink()
    return whole


def flip(path: Path) -> None:
    """Flips a bit in the middle of a file."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def flip_in_array(path: Path, array: str) -> None:
    """Flips one bit in the middle of an array's first chunk."""
    with h5py.File(path, "r", libver="latest") as file:
        chunk = file[array].id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    content[chunk.byte_offset + chunk.size // 2] ^= 16
    path.write_bytes(content)
